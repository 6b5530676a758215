"""Differentiable augmentation: the critic gets real and generated images changed alike, so that few images suffice.

Source: Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training", section 3.2; adaptive
strength: Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data", section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import pad

from twoplayer.core import distributed
from twoplayer.core.ranges import Count, within
from twoplayer.core.rng import uniform_rows
from twoplayer.regularizers._base import AdaptivePerturbation

__all__ = ["DiffAugment"]

Policy = Literal["colour", "translation", "cutout", "flip"]
Probability = Annotated[float, Field(ge=0, le=1)]
Target = Annotated[float, Field(gt=-1, lt=1)]
Change = Callable[[Tensor, Tensor], Tensor]
"""Images ``(B, C, H, W)`` and numbers from U[0, 1) ``(B, k)`` to images."""

INTERVAL = 4
"""Steps between changes of the strength, as in Karras et al."""


class DiffAugment(AdaptivePerturbation):
    """T(x) in place of x, for both players: a random change of each kind in `policy`, with some probability each.

    What moves in from outside and what is cut out is grey. Where a sample is several pictures, all are changed by the
    same numbers, each by its own grey levels and its own mean.

    Args:
        policy: kinds of change: ``colour`` (brightness, saturation, contrast), ``translation`` (by up to an eighth of
            the side), ``cutout`` (of a square of half the side), ``flip`` (left to right).
        probability: of each kind for an image, in [0, 1]; with a `target`, the probability at the start. None is 1, and
            with a `target` 0.
        target: adapts the probability: every 4 steps it rises where r_t = E sign D(real) is above the target, the sign
            that the critic overfits, and falls where it is below; in (−1, 1), 0.6 in Karras et al. None does not adapt.
        ramp_images: real images in which the probability can rise from 0 to 1; 500,000 in Karras et al. r_t and the
            images are those of the last critic step of each step.
    """

    needs_images: ClassVar[bool] = True
    signs: Tensor
    """Sum of the means of sign D(real) since the strength last changed."""
    looks: Tensor
    """How many those are."""

    def __init__(
        self,
        *,
        policy: tuple[Policy, ...] = ("colour", "translation", "cutout"),
        probability: Probability | None = None,
        target: Target | None = None,
        ramp_images: Count = 500_000,
    ) -> None:
        super().__init__()
        self.policy = within(tuple[Policy, ...], policy=policy)
        self.target = within(Target | None, target=target)
        self.ramp_images = within(Count, ramp_images=ramp_images)
        self.adapts = target is not None
        start = within(Probability | None, probability=probability)
        start = float(not self.adapts) if start is None else start
        self.never = start == 0 and not self.adapts
        self.register_buffer("strength", torch.tensor(start, dtype=torch.float32))
        self.register_buffer("signs", torch.zeros(()))
        self.register_buffer("looks", torch.zeros((), dtype=torch.int64))

    def perturb(self, samples: Tensor, random: torch.Generator, step: int, parts: list[int] | None = None) -> Tensor:
        if self.never:
            return samples
        # Not in bfloat16, whose steps near 1 are as large as the smaller changes of brightness.
        images = samples.to(torch.promote_types(samples.dtype, torch.float32))
        for kind in self.policy:
            for change, count in CHANGES[kind]:
                drawn = uniform_rows((len(images), count + 1), random).to(images)
                chosen = drawn[:, 0] < self.strength
                pictures = (images,) if parts is None else torch.split(images, parts, 1)
                changed = [change(picture, drawn[:, 1:]) for picture in pictures]
                images = torch.where(_each(chosen), torch.cat(changed, 1) if parts else changed[0], images)
        return images.to(samples.dtype)

    @torch.no_grad()
    def adapt(self, margin: Tensor) -> None:
        if self.target is None:
            return
        self.signs += distributed.mean(margin.float().sign().mean())  # eq. 1
        self.looks += 1
        if self.looks < INTERVAL:
            return
        step = INTERVAL * len(margin) * distributed.process_count() / self.ramp_images
        self.strength.add_(step * (self.signs / self.looks - self.target).sign()).clamp_(0, 1)
        self.signs.zero_()
        self.looks.zero_()


def _brightness(images: Tensor, drawn: Tensor) -> Tensor:
    return images + _each(drawn[:, 0] - 0.5)


def _saturation(images: Tensor, drawn: Tensor) -> Tensor:
    gray = images.mean(1, keepdim=True)
    return gray + (images - gray) * _each(2 * drawn[:, 0])


def _contrast(images: Tensor, drawn: Tensor) -> Tensor:
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * _each(drawn[:, 0] + 0.5)


def _translation(images: Tensor, drawn: Tensor) -> Tensor:
    """Moved by whole pixels, up to an eighth of the side either way."""
    moved = pad(images, (1, 1, 1, 1))
    for axis, number in ((2, drawn[:, 0]), (3, drawn[:, 1])):
        side = images.shape[axis]
        shift = (number * (2 * (side // 8) + 1)).floor() - side // 8
        places = torch.arange(side, device=images.device) + 1 + shift[:, None]
        index = places.clamp(0, side + 1).long()  # 0 and side + 1 are the border of zeros
        shape = [len(images), 1, 1, 1]
        shape[axis] = side
        wanted = list(moved.shape)
        wanted[axis] = side
        moved = moved.gather(axis, index.view(shape).expand(wanted))
    return moved


def _cutout(images: Tensor, drawn: Tensor) -> Tensor:
    inside = [_span(images.shape[axis], drawn[:, axis - 2]) for axis in (2, 3)]
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return images.masked_fill(hole, 0)


def _span(side: int, number: Tensor) -> Tensor:
    """Which of `side` pixels lie in a hole of half as many, whose middle may be any of them: bool ``(B, side)``."""
    length = side // 2
    first = (number * (side + 1 - length % 2)).floor()[:, None] - length // 2
    places = torch.arange(side, device=number.device)
    return (places >= first) & (places < first + length)


def _flip(images: Tensor, drawn: Tensor) -> Tensor:
    return torch.where(_each(drawn[:, 0] < 0.5), images.flip(3), images)


def _each(values: Tensor) -> Tensor:
    """One value for each image, as broadcasts over its pixels."""
    return values[:, None, None, None]


CHANGES: dict[str, tuple[tuple[Change, int], ...]] = {
    "colour": ((_brightness, 1), (_saturation, 1), (_contrast, 1)),
    "translation": ((_translation, 2),),
    "cutout": ((_cutout, 2),),
    "flip": ((_flip, 1),),
}
"""The changes of each kind, with how many numbers each draws."""
