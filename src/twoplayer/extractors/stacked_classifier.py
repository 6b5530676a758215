"""A classifier of single digits, applied to each channel of stacked digits: 1,000 classes, one for each triple.

Source: Metz, Poole, Pfau, Sohl-Dickstein, 2017, Unrolled generative adversarial networks, section 3.3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np
from torch import Tensor

from twoplayer.core.errors import UserError
from twoplayer.extractors._base import DEFAULT_CONTEXT, Array, ExtractorContext, ExtractorData
from twoplayer.extractors._network import Float64NetworkExtractor
from twoplayer.extractors.classifier import Classifier

__all__ = ["StackedClassifier"]

CHANNELS = 3
DIGITS = tuple("0123456789")
MAX_TRIPLES = 60_000
"""Triples whose digits are used for training: 180,000 digits, among them nearly all of MNIST's 60,000."""


@dataclass(frozen=True, eq=False)
class _Digits:
    """The single digits of a data set of stacked digits, as a data set."""

    name: str
    train: Array
    train_labels: Array
    held_out: Array
    held_out_labels: Array
    key: str
    kind: Literal["images"] = "images"
    stacked: bool = False
    class_names: tuple[str, ...] = DIGITS


@final
class StackedClassifier(Float64NetworkExtractor):
    """The three channels' features side by side, and logits ``(N, 1000)`` of the modes 100a + 10b + c.

    Channels are independent, so that the logit of a mode is the sum of the log-probabilities of its digits.

    Args:
        data: a data set of stacked digits.
        context: device, cache and progress callback.

    Raises:
        UserError: for data that are not stacked digits.
    """

    has_classes: ClassVar[bool] = True
    label = "stacked_classifier"

    def __init__(self, data: ExtractorData | None = None, context: ExtractorContext = DEFAULT_CONTEXT) -> None:
        if data is None or not data.stacked:
            raise UserError("the stacked classifier takes stacked digits: use the data set stacked-digits")
        super().__init__(context.device)
        self.single = Classifier(_unstacked(data), context)
        self.network = self.single.network
        self.accuracy = self.single.accuracy
        """Share of held-out single digits that are classified correctly."""
        self.identity = f"stacked {self.single.identity}"
        self.dimension = CHANNELS * self.single.dimension
        self.note = self.single.note.replace("images", "single digits")

    def batch_size(self, shape: tuple[int, ...]) -> int:
        return self.single.batch_size(shape) // CHANNELS or 1

    def forward_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = self.single.forward_features(images.flatten(0, 1).unsqueeze(1))
        a, b, c = logits.log_softmax(1).view(-1, CHANNELS, len(DIGITS)).unbind(1)
        modes = a[:, :, None, None] + b[:, None, :, None] + c[:, None, None, :]
        return features.reshape(len(images), -1), modes.flatten(1)


def _unstacked(data: ExtractorData) -> ExtractorData:
    assert data.train_labels is not None and data.held_out_labels is not None
    train, train_labels = _digits(data.train[:MAX_TRIPLES], data.train_labels[:MAX_TRIPLES])
    held_out, held_out_labels = _digits(data.held_out[:MAX_TRIPLES], data.held_out_labels[:MAX_TRIPLES])
    name, key = f"single digits of {data.name}", data.key and f"{data.key} single"
    return _Digits(name, train, train_labels, held_out, held_out_labels, key)


def _digits(stacked: Array, modes: Array) -> tuple[Array, Array]:
    """The distinct digits of stacked ones, gray ``(N, H, W, 1)``, with their labels; each occurs in many triples."""
    digits = np.ascontiguousarray(np.moveaxis(stacked, -1, 1)).reshape(-1, *stacked.shape[1:3], 1)
    labels = np.stack([modes // 100, modes // 10 % 10, modes % 10], axis=1).ravel()
    _, first = np.unique(digits.reshape(len(digits), -1).view(f"V{digits[0].size}").ravel(), return_index=True)
    rows = np.sort(first)
    return digits[rows], labels[rows]
