"""Inference: an encoder beside the generator, and a critic of samples together with their latents.

The critic sees (x, E(x)) and (G(z), z); where it cannot tell them apart, the encoder inverts the generator.

Source: Donahue, Krähenbühl & Darrell 2017, "Adversarial Feature Learning", eq. 3 and section 3.4; Dumoulin et al. 2017,
"Adversarially Learned Inference", eq. 2 and 5 and Algorithm 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, final

import torch
from torch import Tensor, nn

from twoplayer.core.ranges import Count
from twoplayer.games._adversarial import AdversarialGame, generated_by, prior_rows, require_scores
from twoplayer.games._factory import GameFactory, StoredConditions
from twoplayer.games._inputs import LatentInputs, SamplerInputs
from twoplayer.games._problem import Batch, CurveSpec, Loss, ProblemOptions, in_precision
from twoplayer.networks._joint import InvertedGenerator, JointCritic, joined
from twoplayer.networks._shapes import value_count
from twoplayer.objectives._base import Objective

__all__ = ["BiGANGame", "BiGANOptions"]


class SampleLatentPairs(NamedTuple):
    """Samples and latents of both sides."""

    real: Tensor
    encoded: Tensor
    fake: Tensor
    latents: Tensor


@dataclass(frozen=True)
class BiGANOptions(ProblemOptions):
    """Options of the inference game.

    Args:
        join: with ``late`` the critic computes features of the sample and of the latents first, then combines both by
            layers of `join_width`; with ``early`` it is a network of the critic's architecture on sample and latents in
            one row, as in the paper's permutation-invariant experiment, which needs one for points, such as mlp.
        join_width: units of the layers that combine features, with ``late``.
    """

    join: Literal["late", "early"] = "late"
    join_width: Count = 512


@final
class BiGANGame(AdversarialGame):
    """Generator and encoder, one player, against a critic of pairs.

    The encoder has the body of a critic of the generator's architecture; its encodings go through tanh where the prior
    is bounded. Generator and encoder both minimize the objective's own generator loss, the encoder on mirrored scores,
    where real and fake may change places in it (the paper's "inverse" objective, section 3.4: the gradient stays
    strong); with other objectives the encoder maximizes the critic's loss. Perturbations act on samples, not latents.
    """

    Options: ClassVar[type[ProblemOptions]] = BiGANOptions
    curves: ClassVar[Mapping[str, CurveSpec]] = {
        **AdversarialGame.curves,
        "encoder_loss": CurveSpec("encoder", "losses", "the encoder's loss"),
    }

    def __init__(self, factory: GameFactory, options: BiGANOptions | None = None) -> None:
        options = options or BiGANOptions()
        require_scores(factory.objective)
        super().__init__(factory, options)
        shape, latent_dim = factory.data_spec.shape, factory.latent_dim
        self.prior, self.centre = factory.prior, _symmetry_centre(factory.objective)
        generator, encoder = factory.generator(latent_dim, shape), factory.encoder(latent_dim, shape)
        self.generator = InvertedGenerator(generator, encoder, bounded=factory.prior.bounded)
        self.critic: nn.Module
        if options.join == "early":
            self.critic = factory.critic((value_count(shape) + latent_dim,))
        else:
            self.critic = JointCritic(factory.critic(shape), shape, latent_dim, options.join_width)
        self.players = {"generator": self.generator, "critic": self.critic}
        self.constrain(self.critic)

    def inputs(self, stored: StoredConditions | None) -> SamplerInputs:
        return LatentInputs(self.generator.latent_dim, self.prior)

    @property
    def sampler(self) -> nn.Module:
        return self.generator

    @property
    def generator_reads_data(self) -> bool:
        return True

    @in_precision
    def generate(self, batch: Batch) -> SampleLatentPairs:
        latents = self.generator_inputs(batch)
        encoded = self.generator.encode(batch.real)
        return SampleLatentPairs(batch.real, encoded, generated_by(self.generator, latents, batch), latents)

    @in_precision
    def critic_loss(self, batch: Batch, generated: SampleLatentPairs, *, ahead: bool = False) -> Loss:
        pairs = generated if ahead else SampleLatentPairs(*(part.detach() for part in generated))
        real, fake = self._joined(pairs, batch, "")
        return self.objective_loss(self.critic, self.critic_batch(self.critic, real, fake), batch, ahead=ahead)

    @in_precision
    def generator_loss(self, batch: Batch, generated: SampleLatentPairs) -> Loss:
        real, fake = (self.critic(pairs) for pairs in self._joined(generated, batch, " again"))
        if self.objective.uses_real_outputs:  # both sides are in the loss already, with opposite signs
            value = self.objective.generator_loss(fake, real)
            return Loss(value, {"generator_loss": value.detach()})
        value = self.objective.generator_loss(fake)
        encoder_loss = self._encoder_loss(real, fake)
        parts = {"generator_loss": value.detach(), "encoder_loss": encoder_loss.detach()}
        return Loss(value + encoder_loss, parts)

    def generator_inputs(self, batch: Batch) -> Tensor:
        return prior_rows(batch, self.generator.latent_dim, self.prior)

    def _encoder_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the encoder minimizes: the critic should take its pairs for the generator's."""
        if self.centre is None:
            return -self.objective.critic_loss(real, fake.detach())
        return self.objective.generator_loss(2 * self.centre - real)

    def _joined(self, pairs: SampleLatentPairs, batch: Batch, when: str) -> tuple[Tensor, Tensor]:
        real = self.perturbed(pairs.real, batch, f"real{when}")
        fake = self.perturbed(pairs.fake, batch, f"fake{when}")
        return joined(real, pairs.encoded), joined(fake, pairs.latents)


def _symmetry_centre(objective: Objective) -> float | None:
    """The output c about which the objective is symmetric, L(r, f) = L(2c − f, 2c − r); None where there is none."""
    zero = torch.zeros(1, dtype=torch.float64)
    centre = float(objective.optimal_output(zero)) if objective.pointwise else 0.0
    real, fake = torch.tensor([-1.3, 0.4, 2.1]).double(), torch.tensor([0.7, -0.2, 1.9]).double()
    loss, mirrored = objective.critic_loss(real, fake), objective.critic_loss(2 * centre - fake, 2 * centre - real)
    return centre if torch.allclose(loss, mirrored) else None
