"""Generation: latents to samples, the plain two-player game.

Source: Goodfellow et al. 2014, "Generative Adversarial Networks".
"""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

from twoplayer.games._adversarial import UnconditionalGame, generated_by, prior_rows
from twoplayer.games._factory import GameFactory, StoredConditions
from twoplayer.games._inputs import LatentInputs, SamplerInputs
from twoplayer.games._problem import Batch, Loss, ProblemOptions, in_precision

__all__ = ["GenerationGame"]


@final
class GenerationGame(UnconditionalGame):
    """Generator against critic, on latents from the prior.

    Raises `UserError` where the objective cannot be combined with the critic, and warns of combinations that are known
    to fail.
    """

    def __init__(self, factory: GameFactory, options: ProblemOptions | None = None) -> None:
        super().__init__(factory, options)
        shape, self.latent_dim, self.prior = factory.data_spec.shape, factory.latent_dim, factory.prior
        self.generator, self.critic = factory.generator(self.latent_dim, shape), factory.critic(shape)
        self.players = {"generator": self.generator, "critic": self.critic}
        self.constrain(self.critic)

    def inputs(self, stored: StoredConditions | None) -> SamplerInputs:
        return LatentInputs(self.latent_dim, self.prior)

    @property
    def sampler(self) -> nn.Module:
        return self.generator

    @in_precision
    def generate(self, batch: Batch) -> Tensor:
        return generated_by(self.generator, self.latents(batch), batch)

    @in_precision
    def critic_loss(self, batch: Batch, generated: Tensor, *, ahead: bool = False) -> Loss:
        generated = generated if ahead else generated.detach()
        real, fake = self.perturbed(batch.real, batch, "real"), self.perturbed(generated, batch, "fake")
        return self.objective_loss(self.critic, self.critic_batch(self.critic, real, fake), batch, ahead=ahead)

    def critic_loss_on(self, batch: Batch, samples: Tensor, inputs: Tensor) -> Loss:
        return self.critic_loss(batch, samples)

    @in_precision
    def generator_loss(self, batch: Batch, generated: Tensor) -> Loss:
        fake = self.critic(self.perturbed(generated, batch, "fake again"))
        real = None
        if self.objective.uses_real_outputs:
            real = self.critic(self.perturbed(batch.real, batch, "real again"))
        value = self.objective.generator_loss(fake, real)
        return Loss(value, {"generator_loss": value.detach()})

    def latents(self, batch: Batch, times: int = 1) -> Tensor:
        return prior_rows(batch, self.latent_dim, self.prior, times)

    def generator_inputs(self, batch: Batch) -> Tensor:
        return self.latents(batch)
