"""Effective number of distinct samples: exponential entropy of the eigenvalues of the similarity matrix.

Source: Friedman, Dieng, 2023, The Vendi score: A diversity evaluation metric for machine learning, definition 3.1;
other orders: Pasarkar, Dieng, 2024, Cousins of the Vendi score, equation 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, final

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Positive, within
from twoplayer.metrics._base import Array, Estimate, Metric, Need, ReferenceFeatures
from twoplayer.metrics._jackknife import influence_error
from twoplayer.metrics._nearest import matrix, strips

__all__ = ["Vendi", "vendi", "vendi_of_similarities"]

CHUNK = 2048
"""Samples that are converted to float64 at a time."""


def vendi(features: Array, *, order: float = 1.0) -> Estimate:
    """The Vendi score of features ``(N, F)``, in [1, min(N, F)], with cosine similarity.

    The `order` q is that of Rényi's entropy: a smaller q gives rare samples more weight. The eigenvalues are those of
    the smaller of the two Gram matrices. Zero vectors have similarity 1 to each other and 0 to all other samples. The
    error follows from the derivative by each sample's weight; with fewer samples than dimensions it may be too small by
    up to a half.
    """
    rows = matrix(features)
    count = len(rows)
    if count < rows.shape[1]:
        unit = np.concatenate(list(_unit_rows(rows)))
        values, vectors = np.linalg.eigh(unit @ unit.T / count)
        shares: Iterator[Array] = iter([count * values * vectors**2])
    else:
        values, vectors = np.linalg.eigh(sum(unit.T @ unit for unit in _unit_rows(rows)) / count)
        shares = ((unit @ vectors) ** 2 for unit in _unit_rows(rows))
    values = _without_noise(values)
    value, slopes = _effective_number(values, order), _slopes(values, order)
    # The derivative of eigenvalue k by a sample's weight is the sample's share of it.
    return Estimate(value, value * influence_error(np.concatenate([share @ slopes for share in shares])))


def vendi_of_similarities(similarities: Array, *, order: float = 1.0) -> float:
    """The Vendi score of similarities ``(N, N)``: symmetric, positive semidefinite and 1 on the diagonal.

    >>> import numpy as np
    >>> round(vendi_of_similarities(np.eye(3)), 6)
    3.0
    """
    kernel = np.asarray(similarities, np.float64)
    if kernel.ndim != 2 or not np.allclose(kernel, kernel.T) or not np.allclose(np.diagonal(kernel), 1):
        raise UserError("similarities must be a symmetric matrix with ones on its diagonal")
    return _effective_number(_without_noise(np.linalg.eigvalsh(kernel / len(kernel))), order)


@final
class Vendi(Metric[Array, ReferenceFeatures]):
    """`vendi` as a metric; the reference is not used.

    Args:
        order: order q of Rényi's entropy; 1 is Shannon's.
    """

    name: ClassVar[str] = "vendi"
    higher_is_better: ClassVar[bool | None] = None
    needs: ClassVar[Need] = "features"
    ignores_reference: ClassVar[bool] = True

    def __init__(self, *, order: Positive = 1.0) -> None:
        self.order: float = within(Positive, order=order)

    def measure(self, samples: Array, reference: ReferenceFeatures) -> Estimate:
        return vendi(samples, order=self.order)


def _unit_rows(rows: Array) -> Iterator[Array]:
    """Chunks of normalized rows, float64, with one more column that is 1 for zero vectors."""
    for chunk in strips(len(rows), CHUNK):
        lengths = np.linalg.norm(rows[chunk].astype(np.float64), axis=1)
        empty = lengths == 0
        yield np.hstack([rows[chunk] / np.where(empty, 1.0, lengths)[:, None], empty[:, None]])


def _without_noise(values: Array) -> Array:
    """Eigenvalues, set to 0 where they are below the rounding error of the largest."""
    return np.where(values > len(values) * np.finfo(np.float64).eps * values.max(), values, 0.0)


def _effective_number(values: Array, order: float) -> float:
    values = values[values > 0]
    if order == 1:
        return math.exp(-float((values * np.log(values)).sum()))
    return float((values**order).sum() ** (1 / (1 - order)))


def _slopes(values: Array, order: float) -> Array:
    """Derivative of the score's logarithm by each eigenvalue, up to a constant; 0 where it is 0."""
    present = np.where(values > 0, values, 1.0)
    if order == 1:
        return -np.log(present)
    slopes: Array = order / (1 - order) * present ** (order - 1) / (values**order).sum()
    return np.where(values > 0, slopes, 0.0)
