"""Paired translation: images to their partners, under a critic that sees both and an L1 loss.

Source: Isola, Zhu, Zhou & Efros 2017, Image-to-Image Translation with Conditional Adversarial Networks
(arXiv 1611.07004), equations 1 to 4. The paper halves the critic's loss, which Adam does not notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from twoplayer.core.ranges import NonNegative, within
from twoplayer.games._base import Batch, Loss, in_precision
from twoplayer.games._factory import ConditioningData, GameFactory
from twoplayer.games._jitter import Enlargement, jittered
from twoplayer.games._translation import Direction, PatchScores, TranslationGame, check_sides, kept_pictures
from twoplayer.objectives._base import Objective
from twoplayer.regularizers._base import Regularizer

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = ["PairedTranslationGame"]


class PairedTranslationGame(TranslationGame):
    """The translator makes of an image what the critic cannot tell from its true partner, beside the same image.

    `direction` says which side is given; `l1_weight` weighs the mean absolute difference from the true partner, in
    units of [-1, 1]. With `adversarial_weight` 0 the critic has no say, which is the pure L1 regression that
    translations are to be compared with. In training both pictures of a pair are enlarged by the share `jitter` and
    cropped back at the same random place, and with `mirror` half of the pairs are mirrored: the paper's jitter is
    30/256, and it mirrors where left and right mean nothing.
    """

    def __init__(
        self,
        translator: nn.Module,
        critic: nn.Module,
        objective: Objective,
        regularizers: Sequence[Regularizer] = (),
        *,
        direction: Direction = "AtoB",
        l1_weight: NonNegative = 100.0,
        adversarial_weight: NonNegative = 1.0,
        jitter: Enlargement = 0.0,
        mirror: bool = False,
    ) -> None:
        super().__init__(objective, regularizers)
        self.translator, self.critic = translator, PatchScores(critic)
        self.direction = direction
        self.l1_weight, self.adversarial_weight = (
            within(NonNegative, l1_weight=l1_weight),
            within(NonNegative, adversarial_weight=adversarial_weight),
        )
        self.jitter, self.mirror = within(Enlargement, jitter=jitter), mirror
        self.players = {"generator": translator, "critic": self.critic}
        self.rule(self.critic)

    @classmethod
    def study(
        cls, dataset: Dataset, seed: int, before: ConditioningData | None = None, **options: Any
    ) -> ConditioningData:
        check_sides(dataset, paired=True)
        return ConditioningData(kept=kept_pictures(dataset, options.get("direction", "AtoB")))

    @classmethod
    def assemble(cls, kit: GameFactory, **options: Any) -> PairedTranslationGame:
        given, wanted = kit.facts.shape, kit.facts.partner_shape
        assert wanted is not None
        if options.get("direction") == "BtoA":
            given, wanted = wanted, given
        translator = kit.translator(given, wanted)
        critic = kit.critic((given[0] + wanted[0], *given[1:]))
        return cls(translator, critic, kit.objective, kit.regularizers, **options)

    @property
    def sampler(self) -> nn.Module:
        return self.translator

    @in_precision
    def generate(self, batch: Batch) -> Tensor:
        return self.translator(self._sides(batch)[0])  # type: ignore[no-any-return]

    @in_precision
    def critic_loss(self, batch: Batch, generated: Tensor, *, ahead: bool = False) -> Loss:
        given, wanted = self._sides(batch)
        generated = generated if ahead else generated.detach()
        real = self._seen(given, wanted, batch, "real")
        fake = self._seen(given, generated, batch, "fake")
        return self.judged(self.critic, self.scored(self.critic, real, fake), batch, ahead=ahead)

    @in_precision
    def generator_loss(self, batch: Batch, generated: Tensor) -> Loss:
        given, wanted = self._sides(batch)
        difference = (generated - wanted).abs().mean()
        fake = self.critic(self._seen(given, generated, batch, "fake again"))
        real = None
        if self.objective.uses_real_outputs:
            real = self.critic(self._seen(given, wanted, batch, "real again"))
        value = self.objective.generator_loss(fake, real)
        parts = {"generator_loss": value.detach(), "l1": difference.detach()}
        return Loss(self.adversarial_weight * value + self.l1_weight * difference, parts)

    def _sides(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What is given, and what is wanted."""
        sides = (batch.real, batch.partner) if self.direction == "AtoB" else (batch.partner, batch.real)
        if self.jitter or self.mirror:  # the same for both players: the batch's own numbers
            given, wanted = jittered(sides, self.jitter, self.mirror, batch.random("jitter"))
            return given, wanted
        return sides

    def _seen(self, given: Tensor, other: Tensor, batch: Batch, side: str) -> Tensor:
        """Both images in one, channel after channel, as the critic shall see them."""
        both = torch.cat([given, other.to(given.dtype)], 1)
        return self.perturbed(both, batch, side, [given.shape[1], other.shape[1]])
