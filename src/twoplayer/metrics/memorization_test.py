"""z-score of the distances of samples to training data against those of held-out data; far below 0 for copies.

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

MIN_SAMPLES_PER_CELL = 20
"""Samples of either kind; the paper's τ is 20 generated ones."""
MEAN_SAMPLES_PER_CELL = 50
MAX_CLUSTERED_SAMPLES = 10_000
"""Training samples for k-means."""


def memorization_test(samples: Array, train: Array, held_out: Array, *, cells: int = 10) -> Estimate:
    """C_T of features ``(N, F)``, ``(M, F)``, ``(H, F)``, as a z-score: standard normal for independent real samples.

    Mann-Whitney's U (with mid-ranks for ties) compares the distances from generated samples to their nearest training
    samples with those from held-out samples, standardized in each of up to `cells` cells. The cells are those of
    k-means on the training data; their number is reduced where they would have fewer than 50 samples. The z-scores Z of
    the cells are combined with weights w, the shares of held-out samples, to Σ wZ / √(Σ w²); the paper's C_T is
    Σ wZ / Σ w, which is equal for one cell. Cells with fewer than 20 samples of either kind are left out; without any
    other cell the test uses all samples at once.

    Below 0 samples are nearer to the training data than real data are (copying), above 0 farther (underfitting). Φ(z)
    is the p-value of the test for copying, 1 - Φ(z) that for underfitting. z grows with the square root of the sample
    counts: compare values for equal counts only. The error is that of DeLong et al. 1988. Held-out and training data
    must have the same distribution.
    """
    generated, real = nearest(samples, train, 1).distances[:, 0], nearest(held_out, train, 1).distances[:, 0]
    return _from_distances(generated, real, *_cells(samples, train, held_out, cells))


@final
class MemorizationTest(Metric[Array, ReferenceParts]):
    """`memorization_test` as a metric.

    Args:
        cells: largest number of cells; 1 compares all samples at once.
    """

    name: ClassVar[str] = "memorization_test"
    higher_is_better: ClassVar[bool | None] = None
    needs: ClassVar[Need] = "copies"
    min_samples: ClassVar[int] = MIN_SAMPLES_PER_CELL

    def __init__(self, *, cells: Count = 10) -> None:
        self.cells: int = within(Count, cells=cells)

    def measure(self, samples: Array, reference: ReferenceParts) -> Estimate:
        neighbours = reference.shared("nearest in train", samples, lambda: nearest(samples, reference.train, 2))
        real = nearest(reference.held_out, reference.train, 1).distances[:, 0]
        cells = _cells(samples, reference.train, reference.held_out, self.cells)
        return _from_distances(neighbours.distances[:, 0], real, *cells)


def _from_distances(generated: Array, real: Array, generated_cells: Array, real_cells: Array) -> Estimate:
    present = np.unique(real_cells)
    pairs = [(generated[generated_cells == cell], real[real_cells == cell]) for cell in present]
    pairs = [pair for pair in pairs if min(map(len, pair)) >= MIN_SAMPLES_PER_CELL] or [(generated, real)]
    tests = [_mann_whitney(*pair) for pair in pairs]
    weights = np.array([len(held_out) for _, held_out in pairs]) / len(real)
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
    if variance <= 0:  # all distances are equal
        return 0.0, 0.0
    below = (ranks[:m] - rankdata(first)) / n  # the share of the second that each of the first exceeds
    above = (ranks[m:] - rankdata(second)) / m
    unit = m * n / math.sqrt(variance)
    error = math.sqrt(below.var(ddof=1) / m + above.var(ddof=1) / n)
    return (float(below.mean()) - 0.5) * unit, error * unit


def _cells(samples: Array, train: Array, held_out: Array, cells: int) -> tuple[Array, Array]:
    """The index of the cell of each sample and of each held-out sample."""
    cells = min(cells, min(len(samples), len(held_out), len(train)) // MEAN_SAMPLES_PER_CELL)
    if cells < 2:
        return np.zeros(len(samples), int), np.zeros(len(held_out), int)
    centres = _centres(train[shuffled(train)[:MAX_CLUSTERED_SAMPLES]], cells)
    first, second = (nearest(points, centres, 1).indices[:, 0] for points in (samples, held_out))
    return first, second


def _centres(points: Array, count: int) -> Array:
    import warnings

    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points than cells
        return np.asarray(KMeans(count, n_init=1, random_state=0).fit(points).cluster_centers_)
