"""How closely the samples' labels follow the real data's, from 0 to 1.

Source: Johnson, Zhang, 2018, Composite functional gradient learning of generative adversarial models,
section 4.
"""

from __future__ import annotations

from typing import ClassVar, Literal, final

import numpy as np

from twoplayer.metrics._base import Array, Extracted, Metric, Statistics

__all__ = ["DiversityScore", "diversity_score"]


def diversity_score(log_probabilities: Array, real: Array) -> float:
    """exp(-KL(p(y) ‖ p*(y))) of predicted log-probabilities ``(N, K)``, in [0, 1].

    p(y) is their mean; p*(y) is `real`, ``(K,)``, the mean that the same classifier predicts on real data, so
    that its own bias cancels.
    """
    from scipy.special import rel_entr

    return min(1.0, float(np.exp(-rel_entr(np.exp(log_probabilities).mean(0), real).sum())))


@final
class DiversityScore(Metric[Extracted, Statistics]):
    """`diversity_score` as a metric."""

    figure: ClassVar[str] = "diversity_score_classifier"
    higher_is_better: ClassVar[bool] = True
    needs: ClassVar[Literal["density", "classifier"]] = "classifier"

    def measure(self, samples: Extracted, reference: Statistics) -> float:
        return diversity_score(samples.log_probabilities, reference.class_probabilities)
