"""Fréchet distance between samples and training data in the classifier's penultimate features.

Source: Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter, 2017, GANs trained by a two time-scale update rule
converge to a local Nash equilibrium, equation 6, with the data set's own classifier in place of Inception.
"""

from __future__ import annotations

from typing import ClassVar, Literal, final

from twoplayer.metrics._base import Array, Extracted, Metric, Moments, Statistics
from twoplayer.metrics._frechet import frechet_distance, moments

__all__ = ["FdClassifier", "fd_classifier"]


def fd_classifier(features: Array, real: Moments) -> float:
    """The Fréchet distance of features ``(N, F)``, N at least 2, from the real data's moments, at least 0."""
    return frechet_distance(moments(features), real)


@final
class FdClassifier(Metric[Extracted, Statistics]):
    """`fd_classifier` as a metric."""

    figure: ClassVar[str] = "fd_classifier"
    higher_is_better: ClassVar[bool] = False
    needs: ClassVar[Literal["density", "classifier"]] = "classifier"

    def measure(self, samples: Extracted, reference: Statistics) -> float:
        return fd_classifier(samples.features, reference.moments)
