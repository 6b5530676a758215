"""How sure the classifier is of each sample and how varied its labels are, from 1 to the number of classes.

Source: Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen, 2016, Improved techniques for training GANs,
section 4; with the data set's own classifier, 10,000 images and no splits: Johnson, Zhang, 2018, Composite
functional gradient learning of generative adversarial models.
"""

from __future__ import annotations

from typing import ClassVar, Literal, final

import numpy as np

from twoplayer.metrics._base import Array, Extracted, Metric, Statistics

__all__ = ["InceptionScore", "inception_score"]


def inception_score(log_probabilities: Array) -> float:
    """exp(E_x KL(p(y|x) ‖ p(y))) of predicted log-probabilities ``(N, K)``, in [1, K]; p(y) is their mean.

    Over all N at once: the splits of the 2016 code make the score depend on the order of the samples.
    """
    from scipy.special import rel_entr

    probabilities = np.exp(log_probabilities)
    return float(np.exp(rel_entr(probabilities, probabilities.mean(0)).sum(1).mean()))


@final
class InceptionScore(Metric[Extracted, Statistics]):
    """`inception_score` as a metric; the reference plays no part in it."""

    figure: ClassVar[str] = "inception_score_classifier"
    higher_is_better: ClassVar[bool] = True
    needs: ClassVar[Literal["density", "classifier"]] = "classifier"

    def measure(self, samples: Extracted, reference: Statistics) -> float:
        return inception_score(samples.log_probabilities)
