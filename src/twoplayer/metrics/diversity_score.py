"""Agreement of the label distribution of samples with that of real data, from 0 to 1.

Source: Johnson, Zhang, 2018, Composite functional gradient learning of generative adversarial models,
section 4.
"""

from __future__ import annotations

import math
from typing import ClassVar, final

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.metrics._additive import Additive
from twoplayer.metrics._base import Array, Estimate, FeatureSet, Metric, Need, ReferenceFeatures
from twoplayer.metrics._jackknife import influence_error
from twoplayer.metrics._labels import checked_logs, of_each, summed
from twoplayer.metrics._sums import LabelSums

__all__ = ["DiversityScore", "diversity_score"]


def diversity_score(log_probabilities: Array, real: Array) -> Estimate:
    """exp(-KL(p(y) ‖ p*(y))) of predicted log-probabilities ``(N, K)``, in [0, 1].

    p(y) is their mean; p*(y) is `real`, ``(K,)``, the mean prediction of the same classifier on real data, so that the
    bias of the classifier cancels. The error is for fixed p*, by each sample's weight; there is none where the score is
    0 because a class has no real samples. Raises `UserError` for NaN and for values that are not log-probabilities.
    """
    logs = checked_logs(log_probabilities)
    labels = summed(logs)
    mean = labels.probabilities / labels.count
    score = _score(mean, real)
    if score == 0:
        return Estimate(score)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(real > 0, np.log(mean / real), 0.0).clip(-745.0)
    return Estimate(score, score * influence_error(of_each(logs, lambda probabilities: probabilities @ ratios)))


@final
class DiversityScore(Metric[FeatureSet, ReferenceFeatures], Additive[LabelSums]):
    """`diversity_score` as a metric."""

    name: ClassVar[str] = "diversity_score"
    higher_is_better: ClassVar[bool | None] = True
    needs: ClassVar[Need] = "classes"

    @property
    def sums(self) -> type[LabelSums]:
        return LabelSums

    def measure(self, samples: FeatureSet, reference: ReferenceFeatures) -> Estimate:
        return diversity_score(samples.logs, reference.class_probabilities)

    def of_sums(self, samples: LabelSums, real: LabelSums | ReferenceFeatures | None) -> float:
        if real is None:
            raise UserError("a diversity score needs real samples: give them with real=True")
        expected = real.class_probabilities if isinstance(real, ReferenceFeatures) else real.probabilities / real.count
        return _score(samples.probabilities / samples.count, expected)


def _score(generated: Array, real: Array) -> float:
    from scipy.special import rel_entr

    return min(1.0, math.exp(-float(rel_entr(generated, real).sum())))
