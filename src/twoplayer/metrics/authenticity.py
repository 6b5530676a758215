"""Share of samples farther from their nearest training sample than that one is from its own nearest.

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

    A sample is authentic where d(sample, t) > d(t, t'), t being its nearest training sample and t' the nearest other
    training sample of t (Alaa et al. 2022, section 4.2). Copies never are; samples far from all data always are: noise
    scores 1, and the share that held-out real samples reach is the one to compare with. The authors' code took the
    radii of the wrong training samples (evaluating-generative-models#4). Where several training samples are the
    nearest, to the last bits, the sample has to be authentic by each of them, in whatever order they stand.
    """
    return mean(_authentic(nearest(samples, train, 2), samples, train))


@final
class Authenticity(Metric[Array, ReferenceParts]):
    """`authenticity` as a metric."""

    figure: ClassVar[str] = "authenticity"
    higher_is_better: ClassVar[bool | None] = None
    needs: ClassVar[Need] = "copies"

    def measure(self, samples: Array, reference: ReferenceParts) -> Estimate:
        found = reference.shared("nearest in train", samples, lambda: nearest(samples, reference.train, 2))
        return mean(_authentic(found, samples, reference.train))


def _authentic(found: NearestNeighbours, samples: Array, train: Array) -> Array:
    """Which samples are, ``(N,)``, by their two nearest training samples."""
    distances = found.distances[:, 0]
    more, tied = _ties(found, samples, train)
    i, t = np.append(np.arange(len(distances)), more), np.append(found.indices[:, 0], tied)
    # Only those radii that some sample asks for: ten thousand samples need a sixth of sixty thousand.
    asked, where = np.unique(t, return_inverse=True)
    radii = nearest(train[asked], train, 2).distances[:, 1]  # the nearest one is the sample itself
    authentic = np.ones(len(distances), bool)
    authentic[i[distances[i] <= radii[where]]] = False
    return authentic


def _ties(found: NearestNeighbours, samples: Array, train: Array) -> tuple[Array, Array]:
    """Samples whose nearest training sample is not the only one, with all of those that are as near; no copies."""
    limits = (1 + TIE) * found.distances[:, 0] ** 2
    (tied,) = np.nonzero((found.distances[:, 1] ** 2 <= limits) & (limits > 0))
    if not len(tied):
        return tied, tied
    some, train = matrices(samples[tied], train)
    pairs, limits, near = DistancePairs(some, train, working_precision(some, train)), limits[tied], []
    for tile in pairs.every_tile():
        row, column = places(pairs.perhaps(tile, limits[tile.rows, None]))
        i, t = row + tile.rows.start, column + tile.columns.start
        inside = pairs.squares(i, t) <= limits[i]
        near.append((tied[i[inside]], t[inside]))
    more, others = (np.concatenate(each) for each in zip(*near, strict=True))
    return more, others
