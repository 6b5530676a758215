"""The classifier of single digits on each channel of stacked ones: 1,000 classes, one for each triple of digits.

Source: Metz, Poole, Pfau, Sohl-Dickstein, 2017, Unrolled generative adversarial networks, section 3.3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np
from torch import Tensor

from twoplayer.core.errors import UserError
from twoplayer.extractors._base import HERE, Array, ExtractorContext, ExtractorData
from twoplayer.extractors._exact_network import ExactNetwork
from twoplayer.extractors.classifier import Classifier

__all__ = ["StackedClassifier"]

CHANNELS = 3
DIGITS = tuple("0123456789")
TRIPLES = 60_000
"""Triples whose digits are taken: 180,000, among which nearly all of MNIST's 60,000 are."""


@dataclass(frozen=True, eq=False)
class _Digits:
    """Stacked digits one by one."""

    name: str
    train: Array
    train_labels: Array
    held_out: Array
    held_out_labels: Array
    key: str
    kind: Literal["images"] = "images"
    class_names: tuple[str, ...] = DIGITS


@final
class StackedClassifier(ExactNetwork):
    """The three channels' features side by side, and logits ``(N, 1000)`` of the modes 100a + 10b + c.

    Channels are independent of each other, so that a mode's logit is the sum of its digits' log-probabilities. Raises
    `UserError` for data that are not stacked digits.
    """

    classes: ClassVar[bool] = True
    label = "stacked_classifier"

    def __init__(self, data: ExtractorData | None = None, where: ExtractorContext = HERE) -> None:
        if data is None or not getattr(data, "stacked", False):
            raise UserError("the stacked classifier looks at stacked digits: take --data stacked-digits")
        super().__init__(where.device)
        self.single = Classifier(_unstacked(data), where)
        self.network = self.single.network
        self.accuracy = self.single.accuracy
        """Share of held-out single digits labelled correctly."""
        self.identity = f"stacked {self.single.identity}"
        self.size = CHANNELS * self.single.size
        self.note = self.single.note.replace("images", "single digits")

    def batch(self, shape: tuple[int, ...]) -> int:
        return self.single.batch(shape) // CHANNELS or 1

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = self.single.look(images.flatten(0, 1).unsqueeze(1))
        a, b, c = logits.log_softmax(1).view(-1, CHANNELS, len(DIGITS)).unbind(1)
        modes = a[:, :, None, None] + b[:, None, :, None] + c[:, None, None, :]
        return features.reshape(len(images), -1), modes.flatten(1)


def _unstacked(data: ExtractorData) -> ExtractorData:
    assert data.train_labels is not None and data.held_out_labels is not None
    train, train_labels = _digits(data.train[:TRIPLES], data.train_labels[:TRIPLES])
    held_out, held_out_labels = _digits(data.held_out[:TRIPLES], data.held_out_labels[:TRIPLES])
    name, key = f"single digits of {data.name}", data.key and f"{data.key} single"
    return _Digits(name, train, train_labels, held_out, held_out_labels, key)


def _digits(stacked: Array, modes: Array) -> tuple[Array, Array]:
    """The different digits among stacked ones, gray ``(N, H, W, 1)``, and their labels: each stands in many triples."""
    digits = np.ascontiguousarray(np.moveaxis(stacked, -1, 1)).reshape(-1, *stacked.shape[1:3], 1)
    labels = np.stack([modes // 100, modes // 10 % 10, modes % 10], axis=1).ravel()
    _, first = np.unique(digits.reshape(len(digits), -1).view(f"V{digits[0].size}").ravel(), return_index=True)
    rows = np.sort(first)
    return digits[rows], labels[rows]
