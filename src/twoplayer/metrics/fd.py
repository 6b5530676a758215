"""Fréchet distance between samples and real data in an extractor's features.

Source: Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter, 2017, GANs trained by a two time-scale update rule converge
to a local Nash equilibrium, equation 6; with Inception's 2,048 features it is the Fréchet inception distance, FID.
"""

from __future__ import annotations

from typing import ClassVar, final

from twoplayer.core.errors import UserError
from twoplayer.metrics._additive import Additive
from twoplayer.metrics._base import Array, Estimate, Metric, Moments, Need, ReferenceFeatures
from twoplayer.metrics._frechet import as_moments, frechet_distance, influence, moments, moments_of_sums
from twoplayer.metrics._jackknife import influence_error, jackknife_error
from twoplayer.metrics._nearest import matrix
from twoplayer.metrics._sums import MomentSums

__all__ = ["Fd", "fd"]


def fd(features: Array, real: Array | Moments) -> Estimate:
    """The Fréchet distance, at least 0, of features ``(N, F)`` from real ones ``(M, F)`` or their moments; N, M >= 2.

    The estimate is biased upwards by about c/N: compare values for equal N only. The error is for fixed `real`: by the
    derivative of the distance by each sample's weight (see `influence`) or, where N is below 2F, by a jackknife over
    twentieths of the samples.

    >>> import numpy as np
    >>> round(fd(np.array([[0.0], [2.0]]), np.array([[1.0], [3.0]])).value, 6)
    1.0
    """
    rows, reference = matrix(features), as_moments(real)
    derivative = influence(rows, reference)
    if derivative is not None:
        value, change = derivative
        return Estimate(value, influence_error(change))
    value = frechet_distance(moments(rows), reference)
    if len(rows) < 4:
        return Estimate(value)
    return Estimate(value, jackknife_error(rows, lambda part: frechet_distance(moments(rows[part]), reference)))


@final
class Fd(Metric[Array, ReferenceFeatures], Additive[MomentSums]):
    """`fd` as a metric."""

    name: ClassVar[str] = "fd"
    higher_is_better: ClassVar[bool | None] = False
    needs: ClassVar[Need] = "features"

    @property
    def sums(self) -> type[MomentSums]:
        return MomentSums

    def measure(self, samples: Array, reference: ReferenceFeatures) -> Estimate:
        return reference.shared("fd", samples, lambda: fd(samples, reference.moments))

    def of_sums(self, samples: MomentSums, real: MomentSums | ReferenceFeatures | None) -> float:
        if real is None:
            raise UserError("a Fréchet distance needs real samples: give them with real=True")
        return frechet_distance(
            moments_of_sums(samples), real.moments if isinstance(real, ReferenceFeatures) else moments_of_sums(real)
        )
