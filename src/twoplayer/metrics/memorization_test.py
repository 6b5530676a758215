"""Whether samples lie nearer to the training data than held-out data do: a z-score, much below 0 where they are copies.

Source: Meehan, Chaudhuri, Dasgupta, 2020, A non-parametric test to detect data-copying in generative models, section 3.
"""

from __future__ import annotations

import math
from typing import ClassVar, final

import numpy as np

from twoplayer.core.ranges import Count, within
from twoplayer.metrics._base import Array, Estimate, Metric, Need, ReferenceParts
from twoplayer.metrics._jackknife import shuffled
from twoplayer.metrics._nearest import nearest

__all__ = ["MemorizationTest", "memorization_test"]

FEWEST = 20
"""Samples of either kind in a cell that counts; the paper's τ is 20 generated ones."""
PER_CELL = 50
CLUSTERED = 10_000
"""Training samples from which cells are made."""


def memorization_test(samples: Array, train: Array, held_out: Array, *, cells: int = 10) -> Estimate:
    """C_T of features ``(N, F)``, ``(M, F)``, ``(H, F)``, as a z-score: standard normal for fresh real samples.

    Mann-Whitney's U (tied ranks shared) of the distances from generated samples to their nearest training samples
    against those from held-out samples to theirs, standardized in each of up to `cells` cells: k-means of the training
    data, a cell's samples being those nearest to its centre; fewer cells where they would have fewer than 50 samples;
    1: no cells. The cells' z-scores Z are averaged by their shares w of held-out samples and divided by the standard
    deviation of that average, Σ wZ / √(Σ w²); the paper's own C_T is Σ wZ / Σ w, the same for one cell. A cell with
    fewer than 20 samples of either kind is left out; where no cell has as many there are no cells.

    Below 0: nearer to the training data than real data are (copying); above 0: farther (underfitting). Φ(z) is the
    p-value of the test for copying, 1 - Φ(z) of that for underfitting. z grows with the square root of the counts:
    compare it at equal ones alone. The error is DeLong's, from the placements of the samples among each other.
    Held-out data must come from the very distribution of the training data.
    """
    generated, real = nearest(samples, train, 1).distances[:, 0], nearest(held_out, train, 1).distances[:, 0]
    return _from_distances(generated, real, *_cells(samples, train, held_out, cells))


@final
class MemorizationTest(Metric[Array, ReferenceParts]):
    """`memorization_test` as a metric."""

    figure: ClassVar[str] = "memorization_test"
    higher_is_better: ClassVar[bool | None] = None
    needs: ClassVar[Need] = "copies"
    least: ClassVar[int] = FEWEST

    def __init__(self, *, cells: Count = 10) -> None:
        self.cells: int = within(Count, cells=cells)

    def measure(self, samples: Array, reference: ReferenceParts) -> Estimate:
        found = reference.shared("nearest in train", samples, lambda: nearest(samples, reference.train, 2))
        real = nearest(reference.held_out, reference.train, 1).distances[:, 0]
        cells = _cells(samples, reference.train, reference.held_out, self.cells)
        return _from_distances(found.distances[:, 0], real, *cells)


def _from_distances(generated: Array, real: Array, generated_cells: Array, real_cells: Array) -> Estimate:
    present = np.unique(real_cells)
    pairs = [(generated[generated_cells == cell], real[real_cells == cell]) for cell in present]
    pairs = [pair for pair in pairs if min(map(len, pair)) >= FEWEST] or [(generated, real)]
    tests = [_mann_whitney(*pair) for pair in pairs]
    weights = np.array([len(those) for _, those in pairs]) / len(real)
    norm = math.sqrt(float((weights**2).sum()))
    scores, errors = np.array(tests).T
    return Estimate(float(weights @ scores) / norm, math.sqrt(float(weights**2 @ errors**2)) / norm)


def _mann_whitney(first: Array, second: Array) -> tuple[float, float]:
    """Standardized U, positive where `first` is the larger, and its standard error (DeLong et al. 1988)."""
    from scipy.stats import rankdata

    m, n = len(first), len(second)
    both = np.concatenate([first, second])
    ranks = rankdata(both)
    _, ties = np.unique(both, return_counts=True)
    total = m + n
    variance = m * n / 12 * (total + 1 - float((ties.astype(float) ** 3 - ties).sum()) / (total * (total - 1)))
    if variance <= 0:  # all distances are one
        return 0.0, 0.0
    below = (ranks[:m] - rankdata(first)) / n  # the share of the second that each of the first exceeds
    above = (ranks[m:] - rankdata(second)) / m
    unit = m * n / math.sqrt(variance)
    error = math.sqrt(below.var(ddof=1) / m + above.var(ddof=1) / n)
    return (float(below.mean()) - 0.5) * unit, error * unit


def _cells(samples: Array, train: Array, held_out: Array, cells: int) -> tuple[Array, Array]:
    """The cell of each sample and of each held-out one."""
    cells = min(cells, min(len(samples), len(held_out), len(train)) // PER_CELL)
    if cells < 2:
        return np.zeros(len(samples), int), np.zeros(len(held_out), int)
    centres = _centres(train[shuffled(train)[:CLUSTERED]], cells)
    first, second = (nearest(points, centres, 1).indices[:, 0] for points in (samples, held_out))
    return first, second


def _centres(points: Array, count: int) -> Array:
    import warnings

    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points than cells
        return np.asarray(KMeans(count, n_init=1, random_state=0).fit(points).cluster_centers_)
