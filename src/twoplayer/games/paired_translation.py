"""Paired translation: images to their partners, under a critic that sees both and an L1 loss.

Source: Isola, Zhu, Zhou & Efros 2017, Image-to-Image Translation with Conditional Adversarial Networks
(arXiv 1611.07004), equations 1 to 4. The paper halves the critic's loss, which Adam is invariant to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

import torch
from torch import Tensor, nn

from twoplayer.core.ranges import NonNegative, within
from twoplayer.games._adversarial import AdversarialGame
from twoplayer.games._factory import ConditioningData, GameFactory
from twoplayer.games._jitter import Enlargement, jittered
from twoplayer.games._problem import Batch, CurveSpec, Loss, ProblemOptions, in_precision
from twoplayer.games._translation import PatchScores, TranslationGame, TranslationOptions, check_sides, stored_images

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = ["PairedTranslationGame", "PairedTranslationOptions"]


@dataclass(frozen=True)
class PairedTranslationOptions(TranslationOptions):
    """Options of paired translation.

    Args:
        direction: ``AtoB`` translates images of side A, ``BtoA`` those of side B.
        l1_weight: weight of the mean absolute difference from the true partner, in units of [-1, 1].
        adversarial_weight: weight of the adversarial loss; 0 is the pure L1 regression that translations should be
            compared with.
        jitter: share by which both pictures of a pair are enlarged and then cropped back at the same random place,
            while training; the paper's is 30/256.
        mirror: whether half of the pairs are mirrored while training.
    """

    l1_weight: NonNegative = 100.0
    adversarial_weight: NonNegative = 1.0
    jitter: Enlargement = 0.0
    mirror: bool = False


@final
class PairedTranslationGame(TranslationGame):
    """The translator's output must be close to the true partner, and the critic must not tell it from the partner.

    The critic sees the input image beside either.
    """

    Options: ClassVar[type[ProblemOptions]] = PairedTranslationOptions
    curves: ClassVar[Mapping[str, CurveSpec]] = {
        **AdversarialGame.curves,
        "l1": CurveSpec("L1", "translation", "mean absolute difference from the true partner, in [0, 2]"),
    }

    def __init__(self, factory: GameFactory, options: PairedTranslationOptions | None = None) -> None:
        options = options or PairedTranslationOptions()
        super().__init__(factory, options)
        within(NonNegative, l1_weight=options.l1_weight)
        within(NonNegative, adversarial_weight=options.adversarial_weight)
        within(Enlargement, jitter=options.jitter)
        source, target = factory.data_spec.shape, factory.data_spec.partner_shape
        assert target is not None
        if options.direction == "BtoA":
            source, target = target, source
        self.options, self.direction = options, options.direction
        self.translator = factory.translator(source, target)
        self.critic: nn.Module = PatchScores(factory.critic((source[0] + target[0], *source[1:])))
        self.players = {"generator": self.translator, "critic": self.critic}
        self.constrain(self.critic)

    @classmethod
    def study(
        cls,
        dataset: Dataset,
        seed: int,
        options: PairedTranslationOptions,
        previous: ConditioningData | None = None,
    ) -> ConditioningData:
        check_sides(dataset, paired=True)
        return ConditioningData(stored=stored_images(dataset, options.direction))

    @property
    def sampler(self) -> nn.Module:
        return self.translator

    @in_precision
    def generate(self, batch: Batch) -> Tensor:
        translated: Tensor = self.translator(self._sides(batch)[0])
        return translated

    @in_precision
    def critic_loss(self, batch: Batch, generated: Tensor, *, ahead: bool = False) -> Loss:
        source, target = self._sides(batch)
        generated = generated if ahead else generated.detach()
        real = self._critic_input(source, target, batch, "real")
        fake = self._critic_input(source, generated, batch, "fake")
        return self.objective_loss(self.critic, self.critic_batch(self.critic, real, fake), batch, ahead=ahead)

    @in_precision
    def generator_loss(self, batch: Batch, generated: Tensor) -> Loss:
        source, target = self._sides(batch)
        difference = (generated - target).abs().mean()
        fake = self.critic(self._critic_input(source, generated, batch, "fake again"))
        real = None
        if self.objective.uses_real_outputs:
            real = self.critic(self._critic_input(source, target, batch, "real again"))
        value = self.objective.generator_loss(fake, real)
        parts = {"generator_loss": value.detach(), "l1": difference.detach()}
        return Loss(self.options.adversarial_weight * value + self.options.l1_weight * difference, parts)

    def _sides(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The images to translate, and their true partners."""
        sides = (batch.real, batch.partner) if self.direction == "AtoB" else (batch.partner, batch.real)
        if self.options.jitter or self.options.mirror:  # the same for both players: the batch's own numbers
            source, target = jittered(sides, self.options.jitter, self.options.mirror, batch.random("jitter"))
            return source, target
        return sides

    def _critic_input(self, source: Tensor, other: Tensor, batch: Batch, side: str) -> Tensor:
        """Both images in one, channel after channel, after all perturbations."""
        both = torch.cat([source, other.to(source.dtype)], 1)
        return self.perturbed(both, batch, side, [source.shape[1], other.shape[1]])
