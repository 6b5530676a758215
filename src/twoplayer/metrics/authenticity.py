"""Share of samples farther from their nearest training sample than that is from its nearest training sample.

Source: Alaa, van Breugel, Saveliev, van der Schaar, 2022, How faithful is your synthetic data? Sample-level metrics for
evaluating and auditing generative models, section 4.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from twoplayer.metrics._base import Array, Estimate, Metric, Need, ReferenceParts
from twoplayer.metrics._jackknife import mean
from twoplayer.metrics._nearest import (
    TIE,
    DistancePairs,
    NearestNeighbours,
    matrices,
    nearest,
    places,
    working_precision,
)

__all__ = ["Authenticity", "authenticity"]


def authenticity(samples: Array, train: Array) -> Estimate:
    """The share of authentic samples, in [0, 1], of features ``(N, F)`` and ``(M, F)``.

    A sample is authentic where d(sample, t) > d(t, t'), with t its nearest training sample and t' the nearest other
    training sample of t (Alaa et al. 2022, section 4.2). Copies are not authentic; samples far from all data are, so
    that noise scores 1 and the share of held-out real samples is the value to compare with. The authors' code uses the
    radii of the wrong training samples (evaluating-generative-models#4). Where several training samples are nearest,
    up to rounding, the condition must hold for each of them, which makes the result independent of their order.
    """
    return mean(_authentic(nearest(samples, train, 2), samples, train))


@final
class Authenticity(Metric[Array, ReferenceParts]):
    """`authenticity` as a metric."""

    name: ClassVar[str] = "authenticity"
    higher_is_better: ClassVar[bool | None] = None
    needs: ClassVar[Need] = "copies"

    def measure(self, samples: Array, reference: ReferenceParts) -> Estimate:
        neighbours = reference.shared("nearest in train", samples, lambda: nearest(samples, reference.train, 2))
        return mean(_authentic(neighbours, samples, reference.train))


def _authentic(neighbours: NearestNeighbours, samples: Array, train: Array) -> Array:
    """Which samples are authentic, bool ``(N,)``, from their two nearest training samples."""
    distances = neighbours.distances[:, 0]
    tied_samples, tied_train = _ties(neighbours, samples, train)
    i, t = np.append(np.arange(len(distances)), tied_samples), np.append(neighbours.indices[:, 0], tied_train)
    # Only the radii of training samples that are nearest to a sample: at most 10,000 of 60,000.
    rows, place = np.unique(t, return_inverse=True)
    radii = nearest(train[rows], train, 2).distances[:, 1]  # the nearest one is the training sample itself
    authentic = np.ones(len(distances), bool)
    authentic[i[distances[i] <= radii[place]]] = False
    return authentic


def _ties(neighbours: NearestNeighbours, samples: Array, train: Array) -> tuple[Array, Array]:
    """Pairs of a sample and each of its nearest training samples, where these are several at equal distance > 0."""
    limits = (1 + TIE) * neighbours.distances[:, 0] ** 2
    (tied,) = np.nonzero((neighbours.distances[:, 1] ** 2 <= limits) & (limits > 0))
    if not len(tied):
        return tied, tied
    rows, train = matrices(samples[tied], train)
    pairs, limits, near = DistancePairs(rows, train, working_precision(rows, train)), limits[tied], []
    for tile in pairs.every_tile():
        row, column = places(pairs.may_be_within(tile, limits[tile.rows, None]))
        i, t = row + tile.rows.start, column + tile.columns.start
        inside = pairs.squares(i, t) <= limits[i]
        near.append((tied[i[inside]], t[inside]))
    sample_rows, train_rows = (np.concatenate(each) for each in zip(*near, strict=True))
    return sample_rows, train_rows
