"""Number of classes with at least a tenth of the samples that as many real data would have.

Source: Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen, 2016, Improved techniques for training GANs, section 4
(labels by a classifier); Srivastava, Valkov, Russell, Gutmann, Sutton, 2017, VEEGAN, section 4 (counting the covered
classes).
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from twoplayer.core.ranges import NonNegative, within
from twoplayer.metrics._base import Array, Estimate, FeatureSet, Metric, Need, ReferenceFeatures
from twoplayer.metrics._covered import covered
from twoplayer.metrics._labels import checked_logs

__all__ = ["ClassesCovered", "classes_covered"]


def classes_covered(log_probabilities: Array, real: Array, *, share: float = 0.1) -> Estimate:
    """The number of K classes that are covered by samples, from predicted log-probabilities ``(N, K)``.

    A class is covered by at least one sample and at least `share` · N · `real` samples whose most likely class it is,
    where `real`, ``(K,)``, is the mean prediction of the same classifier on real data. The threshold accounts for
    errors of the classifier, which put a few samples into every class.
    """
    logs = checked_logs(log_probabilities)
    count, classes = logs.shape
    return covered(np.bincount(logs.argmax(1), minlength=classes), share * count * real)


@final
class ClassesCovered(Metric[FeatureSet, ReferenceFeatures]):
    """`classes_covered` as a metric.

    Args:
        share: share of the expected number of samples from which a class is covered.
    """

    name: ClassVar[str] = "classes_covered"
    higher_is_better: ClassVar[bool | None] = True
    needs: ClassVar[Need] = "classes"

    def __init__(self, *, share: NonNegative = 0.1) -> None:
        self.share: float = within(NonNegative, share=share)

    def measure(self, samples: FeatureSet, reference: ReferenceFeatures) -> Estimate:
        return classes_covered(samples.logs, reference.class_probabilities, share=self.share)
