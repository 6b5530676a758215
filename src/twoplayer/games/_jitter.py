"""Random jitter: pictures enlarged a little, cropped back at a random place, and mirrored or not.

Source: Isola, Zhu, Zhou & Efros 2017, Image-to-Image Translation with Conditional Adversarial Networks
(arXiv 1611.07004), appendix 6.2: from 256 pixels to 286 and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from twoplayer.core.rng import uniform_rows

__all__ = ["Enlargement", "jittered"]

Enlargement = Annotated[float, Field(ge=0, le=1)]
"""By how much pictures are made larger, as a share of their sides."""


@torch.no_grad()
def jittered(pictures: Sequence[Tensor], share: float, mirror: bool, random: torch.Generator) -> list[Tensor]:
    """`pictures`, each ``(B, C, H, W)``, enlarged by that share and cropped again: row by row, all at the same place.

    With `mirror` half of the rows are mirrored, left to right.
    """
    drawn = uniform_rows((len(pictures[0]), 3), random).to(pictures[0].device)
    return [_jittered(picture, share, mirror, drawn) for picture in pictures]


def _jittered(picture: Tensor, share: float, mirror: bool, drawn: Tensor) -> Tensor:
    changed = picture
    if share:
        sides = [round(side * (1 + share)) for side in picture.shape[2:]]
        changed = F.interpolate(picture.float(), sides, mode="bilinear", align_corners=False)
        for axis, side in ((2, picture.shape[2]), (3, picture.shape[3])):
            changed = _cropped(changed, axis, side, drawn[:, axis - 2])
    if mirror:
        changed = torch.where(drawn[:, 2, None, None, None] < 0.5, changed.flip(3), changed)
    return torch.empty_like(picture).copy_(changed)  # as it lay in memory


def _cropped(picture: Tensor, axis: int, side: int, number: Tensor) -> Tensor:
    """`side` rows or columns of each picture, from a place that its number from U[0, 1) says."""
    first = (number * (picture.shape[axis] - side + 1)).long()
    index = first[:, None] + torch.arange(side, device=picture.device)
    shape, wanted = [len(picture), 1, 1, 1], list(picture.shape)
    shape[axis] = wanted[axis] = side
    return picture.gather(axis, index.view(shape).expand(wanted))
