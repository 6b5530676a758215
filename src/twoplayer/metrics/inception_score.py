"""Confidence of a classifier on single samples and diversity of its labels, from 1 to the number of classes.

Source: Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen, 2016, Improved techniques for training GANs,
section 4; with the data set's own classifier, 10,000 images and no splits: Johnson, Zhang, 2018, Composite
functional gradient learning of generative adversarial models.
"""

from __future__ import annotations

import math
from typing import ClassVar, final

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count, within
from twoplayer.metrics._additive import Additive
from twoplayer.metrics._base import Array, Estimate, FeatureSet, Metric, Need, ReferenceFeatures
from twoplayer.metrics._jackknife import influence_error, shuffled
from twoplayer.metrics._labels import checked_logs, of_each, summed
from twoplayer.metrics._sums import LabelSums

__all__ = ["InceptionScore", "inception_score"]


def inception_score(log_probabilities: Array, *, splits: int = 1) -> Estimate:
    """exp(E_x KL(p(y|x) ‖ p(y))) of predicted log-probabilities ``(N, K)``, in [1, K]; p(y) is their mean.

    Args:
        log_probabilities: natural logarithms of predicted class probabilities, ``(N, K)``.
        splits: 1 computes the score of all N samples, with the error by each sample's weight. Another number gives the
            mean over so many random parts of the samples (10 in the code of 2016), with the error of that mean; small
            parts are biased downwards.

    Raises:
        UserError: for NaN, for values that are not log-probabilities, and for more splits than samples.
    """
    logs = checked_logs(log_probabilities)
    if splits == 1:
        labels = summed(logs)
        score = _score(labels)
        return Estimate(score, score * influence_error(_gains(logs, labels.probabilities / labels.count)))
    if splits > len(logs):
        raise UserError(f"{len(logs)} samples cannot be split into {splits}: ask for fewer splits")
    scores = [_score(LabelSums.of(logs[part])) for part in np.array_split(shuffled(np.exp(logs)), splits)]
    return Estimate(float(np.mean(scores)), influence_error(np.array(scores)))


@final
class InceptionScore(Metric[FeatureSet, ReferenceFeatures], Additive[LabelSums]):
    """`inception_score` as a metric; the reference is not used.

    Args:
        splits: number of random parts of the samples over which the score is averaged; 1 scores all samples at once.
    """

    name: ClassVar[str] = "inception_score"
    higher_is_better: ClassVar[bool | None] = True
    needs: ClassVar[Need] = "classes"
    ignores_reference: ClassVar[bool] = True

    def __init__(self, *, splits: Count = 1) -> None:
        self.splits: int = within(Count, splits=splits)

    @property
    def sums(self) -> type[LabelSums] | None:
        """None with several splits, which need the samples themselves."""
        return LabelSums if self.splits == 1 else None

    def measure(self, samples: FeatureSet, reference: ReferenceFeatures) -> Estimate:
        return inception_score(samples.logs, splits=self.splits)

    def of_sums(self, samples: LabelSums, real: LabelSums | ReferenceFeatures | None) -> float:
        return _score(samples)


def _score(labels: LabelSums) -> float:
    """exp(I(x; y)), the information being H(E p) - E H(p)."""
    from scipy.special import entr

    information = entr(labels.probabilities / labels.count).sum() + labels.negentropy / labels.count
    return math.exp(max(0.0, float(information)))


def _gains(logs: Array, mean: Array) -> Array:
    """KL(p(y|x) ‖ p(y)) of each sample: the derivative of the information by its weight."""
    from scipy.special import rel_entr

    return of_each(logs, lambda probabilities: rel_entr(probabilities, mean).sum(1))
