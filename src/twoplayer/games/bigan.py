"""Inference: an encoder beside the generator, and a critic of samples together with their latents.

The critic sees (x, E(x)) and (G(z), z); where it cannot tell them apart, the encoder inverts the generator.

Source: Donahue, Krähenbühl & Darrell 2017, "Adversarial Feature Learning", eq. 3 and section 3.4; Dumoulin et al. 2017,
"Adversarially Learned Inference", eq. 2 and 5 and Algorithm 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, final

import torch
from torch import Tensor, nn

from twoplayer.core.ranges import Count
from twoplayer.games._adversarial import AdversarialGame, needs_scores
from twoplayer.games._base import Batch, Loss, in_precision, prior_rows
from twoplayer.games._factory import ConditioningData, ConfigurableGame, GameFactory, StoredConditions
from twoplayer.games._inputs import LatentInputs, SamplerInputs
from twoplayer.networks._joint import InvertedGenerator, JointCritic, joined
from twoplayer.networks._shapes import value_count
from twoplayer.objectives._base import Objective

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = ["BiGANGame"]


class SampleLatentPairs(NamedTuple):
    """Samples and latents of both sides."""

    real: Tensor
    encoded: Tensor
    fake: Tensor
    latents: Tensor


@final
class BiGANGame(AdversarialGame, ConfigurableGame):
    """Generator and encoder, one player, against a critic of pairs.

    The encoder has the body of a critic of the generator's architecture; its encodings go through tanh where the prior
    is uniform. With `join` ``late`` the critic makes features of the sample and of the latents first, then judges both,
    by layers of `join_width`; with ``early`` it is a network of the critic's architecture on sample and latents in one
    row, as in the paper's permutation-invariant experiment, which needs one that serves points, such as mlp.

    Generator and encoder both follow the objective's own generator loss, the encoder on mirrored scores, where real and
    fake may change places in it (the paper's "inverse" objective, section 3.4: the gradient stays strong); other
    objectives leave the encoder the critic's loss, raised. Perturbations act on samples, not on latents.
    """

    def __init__(self, kit: GameFactory, *, join: Literal["late", "early"] = "late", join_width: Count = 512) -> None:
        needs_scores(kit.objective)
        super().__init__(kit.objective, kit.regularizers)
        shape, latent_dim = kit.facts.shape, kit.latent_dim
        self.prior, self.centre = kit.prior, _centre(kit.objective)
        generator, encoder = kit.generator(latent_dim, shape), kit.encoder(latent_dim, shape)
        self.generator = InvertedGenerator(generator, encoder, bounded=kit.prior == "uniform")
        self.critic: nn.Module
        if join == "early":
            self.critic = kit.critic((value_count(shape) + latent_dim,))
        else:
            self.critic = JointCritic(kit.critic(shape), shape, latent_dim, join_width)
        self.players = {"generator": self.generator, "critic": self.critic}
        self.rule(self.critic)

    @classmethod
    def study(
        cls, dataset: Dataset, seed: int, before: ConditioningData | None = None, **options: Any
    ) -> ConditioningData:
        return ConditioningData()

    @classmethod
    def assemble(cls, kit: GameFactory, **options: Any) -> BiGANGame:
        return cls(kit, **options)

    @classmethod
    def target(cls, dataset: Dataset, **options: Any) -> Dataset:
        return dataset

    def inputs(self, kept: StoredConditions | None) -> SamplerInputs:
        return LatentInputs(self.generator.latent_dim, self.prior)

    @property
    def sampler(self) -> nn.Module:
        return self.generator

    @in_precision
    def generate(self, batch: Batch) -> SampleLatentPairs:
        latents = prior_rows(batch, self.generator.latent_dim, self.prior)
        return SampleLatentPairs(batch.real, self.generator.encode(batch.real), self.generator(latents), latents)

    @in_precision
    def critic_loss(self, batch: Batch, generated: SampleLatentPairs, *, ahead: bool = False) -> Loss:
        pairs = generated if ahead else SampleLatentPairs(*(part.detach() for part in generated))
        real, fake = self._joined(pairs, batch, "")
        return self.judged(self.critic, self.scored(self.critic, real, fake), batch, ahead=ahead)

    @in_precision
    def generator_loss(self, batch: Batch, generated: SampleLatentPairs) -> Loss:
        real, fake = (self.critic(pairs) for pairs in self._joined(generated, batch, " again"))
        if self.objective.uses_real_outputs:  # both sides are in the loss already, with opposite signs
            value = self.objective.generator_loss(fake, real)
            return Loss(value, {"generator_loss": value.detach()})
        value = self.objective.generator_loss(fake)
        back = self._encoder_loss(real, fake)
        return Loss(value + back, {"generator_loss": value.detach(), "encoder_loss": back.detach()})

    def _encoder_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the encoder minimizes: its pairs are to be taken for the generator's."""
        if self.centre is None:
            return -self.objective.critic_loss(real, fake.detach())
        return self.objective.generator_loss(2 * self.centre - real)

    def _joined(self, pairs: SampleLatentPairs, batch: Batch, when: str) -> tuple[Tensor, Tensor]:
        real = self.perturbed(pairs.real, batch, f"real{when}")
        fake = self.perturbed(pairs.fake, batch, f"fake{when}")
        return joined(real, pairs.encoded), joined(fake, pairs.latents)


def _centre(objective: Objective) -> float | None:
    """The output c about which the objective is symmetric, L(r, f) = L(2c − f, 2c − r); None where there is none."""
    zero = torch.zeros(1, dtype=torch.float64)
    centre = float(objective.optimal_output(zero)) if objective.pointwise else 0.0
    real, fake = torch.tensor([-1.3, 0.4, 2.1]).double(), torch.tensor([0.7, -0.2, 1.9]).double()
    loss, mirrored = objective.critic_loss(real, fake), objective.critic_loss(2 * centre - fake, 2 * centre - real)
    return centre if torch.allclose(loss, mirrored) else None
