"""Three handwritten digits as the channels of one image: 1,000 modes, evenly spread.

Source: Metz, Poole, Pfau and Sohl-Dickstein, 2017, "Unrolled generative adversarial networks", section 3.3.1; 128,000
triples to train on and 26,000 to measure: Srivastava, Valkov, Russell, Gutmann and Sutton, 2017, "VEEGAN".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count
from twoplayer.data._base import Dataset, DataSettings
from twoplayer.data._checks import whole_number
from twoplayer.data._identity import digest
from twoplayer.data._images import Images
from twoplayer.data._labels import Labels
from twoplayer.data._path_source import ScannableSource
from twoplayer.data._reader import BLOCK_IMAGES, ImageReader, Row
from twoplayer.data._types import Array

__all__ = ["StackedDigits"]

DIGIT_NAMES = tuple("0123456789")
MODE_NAMES = tuple(f"{mode:03}" for mode in range(1000))
HELD_OUT_TRIPLES = 26_000


class StackedDigits(ScannableSource):
    """Images in colour whose three channels are digits, drawn independently with replacement.

    The mode and the label of digits (a, b, c) is 100a + 10b + c. Training triples are made of the single digits'
    training part; 26,000 held-out triples are made of their held-out part, weighted so that they hold each digit as
    often as the training part does. The seed of the settings determines which digits are drawn.

    Args:
        digits: "digits", scikit-learn's of 8 pixels, or "mnist", of 28 pixels.
        count: number of training triples.

    Raises:
        UserError: single digits that are not labelled 0 to 9, or of which none are held out.
    """

    def __init__(self, *, digits: Literal["digits", "mnist"] = "digits", count: Count = 128_000) -> None:
        if digits not in ("digits", "mnist"):
            raise UserError(f"digits must be digits or mnist, not {digits!r}")
        self.digits, self.count = digits, whole_number("count", count, 1)

    def scan(self, settings: DataSettings) -> Images:
        from twoplayer.data import create

        single: ScannableSource = create(self.digits)
        digit_images = single.scan(settings)
        if not isinstance(digit_images, Images):
            raise UserError(f"{self.digits} holds points where digits should be: move it away")
        split = () if digit_images.own_test else (settings.held_out, settings.seed)
        return Images(
            name="stacked-digits",
            identity=digest("triples", digit_images.identity, split, settings.seed, self.count, HELD_OUT_TRIPLES),
            read=lambda: _Triples(_single(digit_images, settings), self.count, settings.seed),
            own_test=True,
            default_side=digit_images.default_side,
            channels=3,
            in_memory=digit_images.in_memory,
            stacked=True,
        )


class _Triples(ImageReader):
    """Triples of training images, then triples of held-out ones."""

    def __init__(self, single: Dataset, count: int, seed: int) -> None:
        from twoplayer.core.rng import numpy_generator

        self.count, self.first_test = count + HELD_OUT_TRIPLES, count
        self.parts = (single.train, single.held_out)
        random = [numpy_generator(seed, f"stacked-digits/{part}") for part in ("train", "held-out")]
        chosen = [
            random[0].integers(0, len(single.train), (count, 3)),
            random[1].choice(len(single.held_out), (HELD_OUT_TRIPLES, 3), p=_as_in_training(single)),
        ]
        self.chosen = np.concatenate(chosen)
        labels = zip(chosen, (single.train_labels, single.held_out_labels), strict=True)
        modes = [np.asarray(known)[rows] @ np.array([100, 10, 1]) for rows, known in labels]
        self.labels = Labels(np.concatenate(modes), MODE_NAMES)

    def channels(self) -> int:
        return 3

    def side(self) -> int:
        return int(self.parts[0].shape[1])

    def rows(self, indices: Array, side: int, channels: int) -> Iterator[Row]:
        for start in range(0, len(indices), BLOCK_IMAGES):
            block = indices[start : start + BLOCK_IMAGES]
            held_out = block >= self.first_test
            stacked = np.empty((len(block), side, side, 3), np.uint8)
            for part, here in zip(self.parts, (~held_out, held_out), strict=True):
                gray = part[self.chosen[block[here]]][..., 0]  # (B, 3, side, side)
                stacked[here] = np.moveaxis(gray, 1, -1)
            yield from stacked


def _as_in_training(single: Dataset) -> Array:
    """Probability of each held-out image with which each digit is as likely as in training, unless none is held out."""
    train, held_out = np.asarray(single.train_labels), np.asarray(single.held_out_labels)
    train_counts, held_out_counts = (np.bincount(labels, minlength=len(DIGIT_NAMES)) for labels in (train, held_out))
    weights = (train_counts / np.maximum(held_out_counts, 1))[held_out]
    return np.asarray(weights / weights.sum())


def _single(digit_images: Images, settings: DataSettings) -> Dataset:
    """The digits that are stacked, gray and labelled. Raises `UserError` where they are not, or none is held out."""
    single = digit_images.open(replace(settings, minimum=1))
    if single.train.shape[3] != 1:
        single = replace(digit_images, channels=1).open(replace(settings, minimum=1))
    if single.class_names != DIGIT_NAMES or single.train_labels is None:
        raise UserError(f"{single.name} has no labels 0 to 9, which stacked digits need: use another copy of it")
    if not len(single.held_out):
        raise UserError("stacked digits are measured on held-out digits: set held_out above 0")
    return single
