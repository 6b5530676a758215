"""Generation: latents to samples, the plain two-player game.

Source: Goodfellow et al. 2014, "Generative Adversarial Networks".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor, nn

from twoplayer.games._adversarial import AdversarialGame
from twoplayer.games._base import Batch, Loss, SampleGame, in_precision, prior_rows
from twoplayer.games._factory import ConditioningData, ConfigurableGame, GameFactory, StoredConditions
from twoplayer.games._inputs import LatentInputs, SamplerInputs
from twoplayer.objectives._base import Objective
from twoplayer.regularizers._base import Regularizer

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = ["GenerationGame"]


class GenerationGame(AdversarialGame, SampleGame, ConfigurableGame):
    """Generator against critic, on latents from `prior` ("normal": N(0, I); "uniform": U(−1, 1)).

    Raises `UserError` where the objective cannot play with the critic, and warns of pairings that are known to
    fight each other.
    """

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        objective: Objective,
        regularizers: Sequence[Regularizer] = (),
        *,
        prior: Literal["normal", "uniform"] = "normal",
    ) -> None:
        super().__init__(objective, regularizers)
        self.generator, self.critic, self.prior = generator, critic, prior
        self.players = {"generator": generator, "critic": critic}
        self.rule(critic)

    @classmethod
    def study(
        cls, dataset: Dataset, seed: int, before: ConditioningData | None = None, **options: Any
    ) -> ConditioningData:
        return ConditioningData()

    @classmethod
    def assemble(cls, kit: GameFactory, **options: Any) -> GenerationGame:
        shape = kit.facts.shape
        generator, critic = kit.generator(kit.latent_dim, shape), kit.critic(shape)
        return cls(generator, critic, kit.objective, kit.regularizers, prior=kit.prior, **options)

    @classmethod
    def target(cls, dataset: Dataset, **options: Any) -> Dataset:
        return dataset

    def inputs(self, kept: StoredConditions | None) -> SamplerInputs:
        return LatentInputs(int(self.generator.latent_dim), self.prior)  # type: ignore[arg-type]

    @property
    def sampler(self) -> nn.Module:
        return self.generator

    @in_precision
    def generate(self, batch: Batch) -> Tensor:
        return self.generator(self.latents(batch))  # type: ignore[no-any-return]

    @in_precision
    def critic_loss(self, batch: Batch, generated: Tensor, *, ahead: bool = False) -> Loss:
        generated = generated if ahead else generated.detach()
        real, fake = self.perturbed(batch.real, batch, "real"), self.perturbed(generated, batch, "fake")
        return self.judged(self.critic, self.scored(self.critic, real, fake), batch, ahead=ahead)

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
        """This process's rows of the whole batch's latents, ``(size·times, latent_dim)``."""
        return prior_rows(batch, int(self.generator.latent_dim), self.prior, times)  # type: ignore[arg-type]
