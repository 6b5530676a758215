"""Wasserstein distance between projections of samples and real data on lines, averaged over directions.

Source: Bonneel, Rabin, Peyré, Pfister, 2015, Sliced and Radon Wasserstein barycenters of measures, definition 4; of
order 1 as in Karras, Aila, Laine, Lehtinen, 2018, Progressive growing of GANs, section 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from twoplayer.core.ranges import Count, at_least, within
from twoplayer.metrics._base import Array, Estimate, Metric, Need, ReferenceFeatures
from twoplayer.metrics._nearest import matrices, strips

__all__ = ["SlicedWasserstein", "directions", "sliced_wasserstein"]

MAX_PROJECTIONS = 1 << 21
"""Projections that are in memory at a time: 16 MiB."""
ROWS = 4096
"""Samples that are projected at a time, in float64."""


def sliced_wasserstein(features: Array, real: Array, *, order: int = 1, lines: int = 500) -> Estimate:
    """(mean over directions of W_p^p)^(1/p), p = `order` >= 1, of features ``(N, F)`` and ``(M, F)``, by exact sorting.

    The `lines` directions are the same for all samples: evenly spaced in the plane, random in more dimensions. In one
    dimension the value is W_p. The error is that over draws of both sets, from the potentials of the transport, which
    are the derivatives of the distance by each sample's weight.
    """
    a, b = matrices(features, real)
    units, steps = directions(a.shape[1], lines), _Steps.of(len(a), len(b))
    cost, potentials_a, potentials_b = 0.0, np.zeros(len(a)), np.zeros(len(b))
    for chunk in strips(len(units), max(1, MAX_PROJECTIONS // (len(a) + len(b)))):
        part = _transport(_projections(units[chunk], a), _projections(units[chunk], b), steps, order)
        cost, potentials_a, potentials_b = cost + part[0], potentials_a + part[1], potentials_b + part[2]
    count = len(units)
    cost, potentials_a, potentials_b = cost / count, potentials_a / count, potentials_b / count
    value = cost ** (1 / order)
    deviation = math.sqrt(float(potentials_a.var()) / len(a) + float(potentials_b.var()) / len(b))
    return Estimate(value, deviation * value ** (1 - order) / order if value else None)


@final
class SlicedWasserstein(Metric[Array, ReferenceFeatures]):
    """`sliced_wasserstein` as a metric.

    Args:
        order: p of the Wasserstein distance W_p.
        lines: number of directions.
    """

    name: ClassVar[str] = "sliced_wasserstein"
    higher_is_better: ClassVar[bool | None] = False
    needs: ClassVar[Need] = "features"

    def __init__(self, *, order: Count = 1, lines: Count = 500) -> None:
        self.order: int = within(Count, order=order)
        self.lines: int = within(Count, lines=lines)

    def measure(self, samples: Array, reference: ReferenceFeatures) -> Estimate:
        return sliced_wasserstein(samples, reference.features, order=self.order, lines=self.lines)


def directions(dimensions: int, lines: int) -> Array:
    """Unit vectors ``(L, F)``, the same each time: L is 1 in one dimension, `lines` in more.

    >>> directions(2, 2).round(3) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    at_least(1, lines=lines)
    if dimensions == 1:
        return np.ones((1, 1))
    if dimensions == 2:
        angles = np.pi * np.arange(lines) / lines
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)
    random = np.random.default_rng(0).normal(size=(lines, dimensions))
    unit: Array = random / np.linalg.norm(random, axis=1, keepdims=True)
    return unit


@dataclass(frozen=True, eq=False)
class _Steps:
    """The common steps of the quantile functions of N and of M equally likely numbers."""

    weights: Array
    """Probability between two steps, ``(S,)``."""
    ranks_a: Array
    """Rank among N between two steps, ``(S,)``."""
    ranks_b: Array
    """Rank among M, ``(S,)``."""

    @classmethod
    def of(cls, n: int, m: int) -> _Steps:
        # In units of 1 / NM, in which the steps are at whole numbers.
        ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
        starts = np.concatenate([[0], ends[:-1]])
        return cls((ends - starts) / (n * m), starts // m, starts // n)


def _projections(units: Array, rows: Array) -> Array:
    """Projections of samples ``(N, F)`` on L unit vectors, float64 ``(L, N)``."""
    return np.hstack([units @ rows[chunk].T for chunk in strips(len(rows), ROWS)])


def _transport(a: Array, b: Array, steps: _Steps, order: int) -> tuple[float, Array, Array]:
    """Sums over lines of W_p^p and of each sample's potential, for projections ``(L, N)`` and ``(L, M)``.

    The optimal plan pairs numbers in order of size. A pair (i, j) of the plan has φ(i) + ψ(j) = |x - y|^p, so from one
    pair to the next φ changes by the difference in cost of the two x at the same y; where both x and y change, by the
    mean of that difference over both y.
    """
    order_a, order_b = a.argsort(1), b.argsort(1)
    x = np.take_along_axis(a, order_a[:, steps.ranks_a], 1)
    y = np.take_along_axis(b, order_b[:, steps.ranks_b], 1)
    costs = np.abs(x - y) ** order
    before = np.abs(x[:, 1:] - y[:, :-1]) ** order - costs[:, :-1]
    after = costs[:, 1:] - np.abs(x[:, :-1] - y[:, 1:]) ** order
    potential = np.zeros_like(costs)
    np.cumsum((before + after) / 2, axis=1, out=potential[:, 1:])
    potential_a, potential_b = np.empty_like(a), np.empty_like(b)
    np.put_along_axis(potential_a, order_a, potential[:, _first(steps.ranks_a)], 1)
    np.put_along_axis(potential_b, order_b, (costs - potential)[:, _first(steps.ranks_b)], 1)
    return float((costs @ steps.weights).sum()), potential_a.sum(0), potential_b.sum(0)


def _first(ranks: Array) -> Array:
    """The first position of each rank."""
    return np.flatnonzero(np.diff(ranks, prepend=-1))
