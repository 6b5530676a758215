"""Unpaired translation: two translators that undo each other, and a critic for each side.

Source: Zhu, Park, Isola & Efros 2017, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
Networks (arXiv 1703.10593), equations 1 to 3; the identity loss is section 5.2's, on by default as in the authors'
code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, final

import torch
from torch import Tensor, nn

from twoplayer.core.ranges import NonNegative, NonNegativeCount, at_least, within
from twoplayer.games._adversarial import AdversarialGame
from twoplayer.games._factory import ConditioningData, GameFactory
from twoplayer.games._image_pool import ImagePool
from twoplayer.games._problem import Batch, CurveSpec, Loss, ProblemOptions, in_precision
from twoplayer.games._translation import (
    Direction,
    PatchScores,
    TranslationGame,
    TranslationOptions,
    check_sides,
    stored_images,
)

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = ["UnpairedTranslationGame", "UnpairedTranslationOptions"]


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


@dataclass(frozen=True)
class UnpairedTranslationOptions(TranslationOptions):
    """Options of unpaired translation.

    Args:
        direction: the one that samples and figures show; both are trained.
        cycle_weight: weight of the mean absolute difference after both translators: 10, as in the paper, whose
            generators' losses are not halved; beside least-squares, which halves them, 5 is as much.
        identity_weight: weight, as a share of `cycle_weight`, of the change that a translator makes to an image that is
            on its target side already, where both sides have as many channels.
        image_pool_size: earlier translations that either critic is shown again.
    """

    cycle_weight: NonNegative = 10.0
    identity_weight: NonNegative = 0.5
    image_pool_size: NonNegativeCount = 50


@final
class UnpairedTranslationGame(TranslationGame):
    """Translators of A to B and of B to A; an image should come back unchanged from both, one after the other.

    Images seen are those of one side, since either critic is trained on as many of its own.
    """

    Options: ClassVar[type[ProblemOptions]] = UnpairedTranslationOptions
    curves: ClassVar[Mapping[str, CurveSpec]] = {
        **AdversarialGame.curves,
        "cycle": CurveSpec("cycle", "translation", "mean absolute difference after both translators, in [0, 2]"),
        "identity": CurveSpec(
            "identity", "translation", "mean absolute change of images of the target side, in [0, 2]"
        ),
    }

    def __init__(self, factory: GameFactory, options: UnpairedTranslationOptions | None = None) -> None:
        options = options or UnpairedTranslationOptions()
        super().__init__(factory, options)
        at_least(0, image_pool_size=options.image_pool_size)
        within(NonNegative, cycle_weight=options.cycle_weight)
        within(NonNegative, identity_weight=options.identity_weight)
        a, b = factory.data_spec.shape, factory.data_spec.partner_shape
        assert b is not None
        self.options, self.direction = options, options.direction
        translators = factory.translator(a, b), factory.translator(b, a)
        critics = factory.critic(a), factory.critic(b)
        self.generator = TwoWayTranslator(*translators, options.direction)
        self.critic: TwoCritics = TwoCritics(*(PatchScores(critic) for critic in critics))
        self.same_channels = a[0] == b[0]
        size = options.image_pool_size
        self.histories = nn.ModuleDict({"a": ImagePool(size, a), "b": ImagePool(size, b)})  # named so in checkpoints
        self.players = {"generator": self.generator, "critic": self.critic}
        self.constrain(self.critic.a)
        self.constrain(self.critic.b)

    @classmethod
    def study(
        cls,
        dataset: Dataset,
        seed: int,
        options: UnpairedTranslationOptions,
        previous: ConditioningData | None = None,
    ) -> ConditioningData:
        check_sides(dataset, paired=False)
        return ConditioningData(stored=stored_images(dataset, options.direction), shuffle_partners=True)

    @property
    def sampler(self) -> nn.Module:
        return self.generator

    @in_precision
    def generate(self, batch: Batch) -> CrossTranslations:
        return CrossTranslations(self.generator.BtoA(batch.partner), self.generator.AtoB(batch.real))

    @in_precision
    def critic_loss(self, batch: Batch, generated: CrossTranslations, *, ahead: bool = False) -> Loss:
        of_a = self._critic_loss("a", self.critic.a, batch.real, generated.a, batch, ahead)
        outputs_a = self._last_outputs
        of_b = self._critic_loss("b", self.critic.b, batch.partner, generated.b, batch, ahead)
        if not ahead and outputs_a is not None and self._last_outputs is not None:  # adapt to both critics
            outputs_b = self._last_outputs
            self._last_outputs = torch.cat([outputs_a[0], outputs_b[0]]), torch.cat([outputs_a[1], outputs_b[1]])
        return Loss(of_a.total + of_b.total, {name: (of_a.parts[name] + of_b.parts[name]) / 2 for name in of_a.parts})

    @in_precision
    def generator_loss(self, batch: Batch, generated: CrossTranslations) -> Loss:
        cycled = self.generator.BtoA(generated.b), self.generator.AtoB(generated.a)
        cycle = _mean_difference(cycled[0], batch.real) + _mean_difference(cycled[1], batch.partner)
        value = self._adversarial_loss("a", self.critic.a, generated.a, batch.real, batch)
        value = value + self._adversarial_loss("b", self.critic.b, generated.b, batch.partner, batch)
        parts = {"generator_loss": value.detach() / 2, "cycle": cycle.detach() / 2}
        total = value + self.options.cycle_weight * cycle
        if self.options.identity_weight and self.same_channels:
            identity = _mean_difference(self.generator.BtoA(batch.real), batch.real)
            identity = identity + _mean_difference(self.generator.AtoB(batch.partner), batch.partner)
            parts["identity"] = identity.detach() / 2
            total = total + self.options.cycle_weight * self.options.identity_weight * identity
        return Loss(total, parts)

    def _critic_loss(self, side: str, critic: nn.Module, real: Tensor, fake: Tensor, batch: Batch, ahead: bool) -> Loss:
        if not ahead and not self.penalties_only:
            pool: ImagePool = self.histories[side]  # type: ignore[assignment]
            fake = pool.exchange(fake.float(), batch.random(f"history {side}"))
        real, fake = self.perturbed(real, batch, f"real {side}"), self.perturbed(fake, batch, f"fake {side}")
        return self.objective_loss(critic, self.critic_batch(critic, real, fake), batch, ahead=ahead)

    def _adversarial_loss(self, side: str, critic: nn.Module, fake: Tensor, real: Tensor, batch: Batch) -> Tensor:
        """A translator's loss by the critic of its target side."""
        scores = critic(self.perturbed(fake, batch, f"fake {side} again"))
        real_scores = (
            critic(self.perturbed(real, batch, f"real {side} again")) if self.objective.uses_real_outputs else None
        )
        return self.objective.generator_loss(scores, real_scores)


def _mean_difference(first: Tensor, second: Tensor) -> Tensor:
    """Mean absolute difference."""
    return (first.float() - second).abs().mean()
