"""Unpaired translation: two translators that undo each other, and a critic for each side.

Source: Zhu, Park, Isola & Efros 2017, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
Networks (arXiv 1703.10593), equations 1 to 3; the identity loss is section 5.2's, on by default as in the authors'
code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, final

import torch
from torch import Tensor, nn

from twoplayer.core.ranges import NonNegative, NonNegativeCount, at_least, within
from twoplayer.games._base import Batch, Loss, in_precision
from twoplayer.games._factory import ConditioningData, GameFactory
from twoplayer.games._image_pool import ImagePool
from twoplayer.games._translation import Direction, PatchScores, TranslationGame, check_sides, kept_pictures
from twoplayer.objectives._base import Objective
from twoplayer.regularizers._base import Regularizer

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = ["UnpairedTranslationGame"]


class CrossTranslations(NamedTuple):
    """Each side's images as the other translator makes them."""

    a: Tensor
    b: Tensor


@final
class TwoWayTranslator(nn.Module):
    """Both translators; as a sampler it goes in `direction`."""

    def __init__(self, to_b: nn.Module, to_a: nn.Module, direction: Direction) -> None:
        super().__init__()
        self.AtoB, self.BtoA, self.direction = to_b, to_a, direction

    def forward(self, images: Tensor) -> Tensor:
        translated: Tensor = (self.AtoB if self.direction == "AtoB" else self.BtoA)(images)
        return translated


@final
class TwoCritics(nn.Module):
    """A critic for each side, in one player."""

    a: nn.Module
    b: nn.Module

    def __init__(self, of_a: nn.Module, of_b: nn.Module) -> None:
        super().__init__()
        self.a, self.b = of_a, of_b


class UnpairedTranslationGame(TranslationGame):
    """Translators of A to B and of B to A; there and back again an image is to be what it was.

    `cycle_weight` weighs the mean absolute difference after both translators: 10, as in the paper, whose generators'
    losses are not halved; beside least-squares, which halves them, 5 is as much. `identity_weight` weighs, as a share
    of it, what a translator changes in an image that is on its side already, where both sides have as many channels.
    `image_pool_size` is how many earlier translations either critic is reminded of. `direction` is the one that samples
    and figures show; both are trained. Images seen are those of one side, since either critic learns from as many of
    its own.
    """

    def __init__(
        self,
        translators: tuple[nn.Module, nn.Module],
        critics: tuple[nn.Module, nn.Module],
        shapes: tuple[tuple[int, ...], tuple[int, ...]],
        objective: Objective,
        regularizers: Sequence[Regularizer] = (),
        *,
        direction: Direction = "AtoB",
        cycle_weight: NonNegative = 10.0,
        identity_weight: NonNegative = 0.5,
        image_pool_size: NonNegativeCount = 50,
    ) -> None:
        super().__init__(objective, regularizers)
        at_least(0, image_pool_size=image_pool_size)
        self.cycle_weight, self.identity_weight = (
            within(NonNegative, cycle_weight=cycle_weight),
            within(NonNegative, identity_weight=identity_weight),
        )
        self.direction = direction
        self.generator = TwoWayTranslator(*translators, direction)
        self.critic: TwoCritics = TwoCritics(*(PatchScores(critic) for critic in critics))
        self.alike = shapes[0][0] == shapes[1][0]
        self.histories = nn.ModuleDict(
            {"a": ImagePool(image_pool_size, shapes[0]), "b": ImagePool(image_pool_size, shapes[1])}
        )
        self.players = {"generator": self.generator, "critic": self.critic}
        self.rule(self.critic.a)
        self.rule(self.critic.b)

    @classmethod
    def study(
        cls, dataset: Dataset, seed: int, before: ConditioningData | None = None, **options: Any
    ) -> ConditioningData:
        check_sides(dataset, paired=False)
        return ConditioningData(kept=kept_pictures(dataset, options.get("direction", "AtoB")), apart=True)

    @classmethod
    def assemble(cls, kit: GameFactory, **options: Any) -> UnpairedTranslationGame:
        a, b = kit.facts.shape, kit.facts.partner_shape
        assert b is not None
        translators, critics = (kit.translator(a, b), kit.translator(b, a)), (kit.critic(a), kit.critic(b))
        return cls(translators, critics, (a, b), kit.objective, kit.regularizers, **options)

    @property
    def sampler(self) -> nn.Module:
        return self.generator

    @in_precision
    def generate(self, batch: Batch) -> CrossTranslations:
        return CrossTranslations(self.generator.BtoA(batch.partner), self.generator.AtoB(batch.real))

    @in_precision
    def critic_loss(self, batch: Batch, generated: CrossTranslations, *, ahead: bool = False) -> Loss:
        of_a, seen = self._critic_loss("a", self.critic.a, batch.real, generated.a, batch, ahead), self._last
        of_b = self._critic_loss("b", self.critic.b, batch.partner, generated.b, batch, ahead)
        if not ahead and seen is not None and self._last is not None:  # what adapts, adapts to both critics
            self._last = torch.cat([seen[0], self._last[0]]), torch.cat([seen[1], self._last[1]])
        return Loss(of_a.total + of_b.total, {name: (of_a.parts[name] + of_b.parts[name]) / 2 for name in of_a.parts})

    @in_precision
    def generator_loss(self, batch: Batch, generated: CrossTranslations) -> Loss:
        there_and_back = self.generator.BtoA(generated.b), self.generator.AtoB(generated.a)
        cycle = _apart(there_and_back[0], batch.real) + _apart(there_and_back[1], batch.partner)
        value = self._fooled("a", self.critic.a, generated.a, batch.real, batch)
        value = value + self._fooled("b", self.critic.b, generated.b, batch.partner, batch)
        parts = {"generator_loss": value.detach() / 2, "cycle": cycle.detach() / 2}
        total = value + self.cycle_weight * cycle
        if self.identity_weight and self.alike:
            same = _apart(self.generator.BtoA(batch.real), batch.real)
            same = same + _apart(self.generator.AtoB(batch.partner), batch.partner)
            parts["identity"] = same.detach() / 2
            total = total + self.cycle_weight * self.identity_weight * same
        return Loss(total, parts)

    def _critic_loss(self, side: str, critic: nn.Module, real: Tensor, fake: Tensor, batch: Batch, ahead: bool) -> Loss:
        if not ahead:
            history: ImagePool = self.histories[side]  # type: ignore[assignment]
            fake = history.exchange(fake.float(), batch.random(f"history {side}"))
        real, fake = self.perturbed(real, batch, f"real {side}"), self.perturbed(fake, batch, f"fake {side}")
        return self.judged(critic, self.scored(critic, real, fake), batch, ahead=ahead)

    def _fooled(self, side: str, critic: nn.Module, fake: Tensor, real: Tensor, batch: Batch) -> Tensor:
        """What a translator loses by the other side's critic."""
        scores = critic(self.perturbed(fake, batch, f"fake {side} again"))
        reals = critic(self.perturbed(real, batch, f"real {side} again")) if self.objective.uses_real_outputs else None
        return self.objective.generator_loss(scores, reals)


def _apart(one: Tensor, other: Tensor) -> Tensor:
    """Mean absolute difference."""
    return (one.float() - other).abs().mean()
