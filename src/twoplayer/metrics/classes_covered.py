"""Number of classes to which at least a tenth as many samples belong as real data have there.

Source: Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen, 2016, Improved techniques for training GANs, section 4
(labels by a classifier); Srivastava, Valkov, Russell, Gutmann, Sutton, 2017, VEEGAN, section 4 (counting those that are
covered).
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from twoplayer.core.ranges import NonNegative, within
from twoplayer.metrics._base import Array, Estimate, FeatureSet, Metric, Need, ReferenceFeatures
from twoplayer.metrics._covered import covered
from twoplayer.metrics._labels import table

__all__ = ["ClassesCovered", "classes_covered"]


def classes_covered(log_probabilities: Array, real: Array, *, share: float = 0.1) -> Estimate:
    """How many of K classes are covered by samples of predicted log-probabilities ``(N, K)``.

    A sample belongs to its likeliest class. A class is covered by at least one sample, and at least `share` times those
    that N real ones would have there by `real`, ``(K,)``, the mean that the same classifier predicts on real data: its
    own mistakes put a few samples into every class.
    """
    logs = table(log_probabilities)
    count, classes = logs.shape
    return covered(np.bincount(logs.argmax(1), minlength=classes), share * count * real)


@final
class ClassesCovered(Metric[FeatureSet, ReferenceFeatures]):
    """`classes_covered` as a metric."""

    figure: ClassVar[str] = "classes_covered"
    higher_is_better: ClassVar[bool | None] = True
    needs: ClassVar[Need] = "classes"

    def __init__(self, *, share: NonNegative = 0.1) -> None:
        self.share: float = within(NonNegative, share=share)

    def measure(self, samples: FeatureSet, reference: ReferenceFeatures) -> Estimate:
        return classes_covered(samples.logs, reference.class_probabilities, share=self.share)
