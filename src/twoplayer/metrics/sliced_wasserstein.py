"""Wasserstein distance between the samples' shadows on lines, averaged over the lines' directions.

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

BUDGET = 1 << 21
"""Numbers (16 MiB) of shadows that are compared at a time."""
ROWS = 4096
"""Samples whose shadows are cast at a time, in float64 whatever they are held in."""


def sliced_wasserstein(features: Array, real: Array, *, order: int = 1, lines: int = 500) -> Estimate:
    """(mean over directions of W_p^p)^(1/p), p = `order` >= 1, of features ``(N, F)`` and ``(M, F)``, by exact sorting.

    Over the same `lines` directions whatever the samples are: evenly spaced in the plane, random in more dimensions. On
    a line it is W_p itself. The error is that of draws of both sets, by the potentials of the transport, which are the
    distance's derivatives by each sample's weight.
    """
    a, b = matrices(features, real)
    towards, steps = directions(a.shape[1], lines), _Steps.of(len(a), len(b))
    cost, ours, theirs = 0.0, np.zeros(len(a)), np.zeros(len(b))
    for some in strips(len(towards), max(1, BUDGET // (len(a) + len(b)))):
        part = _transport(_shadows(towards[some], a), _shadows(towards[some], b), steps, order)
        cost, ours, theirs = cost + part[0], ours + part[1], theirs + part[2]
    count = len(towards)
    cost, ours, theirs = cost / count, ours / count, theirs / count
    value = cost ** (1 / order)
    deviation = math.sqrt(float(ours.var()) / len(a) + float(theirs.var()) / len(b))
    return Estimate(value, deviation * value ** (1 - order) / order if value else None)


@final
class SlicedWasserstein(Metric[Array, ReferenceFeatures]):
    """`sliced_wasserstein` as a metric."""

    figure: ClassVar[str] = "sliced_wasserstein"
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
    """Where the quantile functions of N and of M equally likely numbers step, which follows from N and M alone."""

    weights: Array
    """Probability between two steps, ``(S,)``."""
    ours: Array
    """Rank among N that holds there, ``(S,)``."""
    theirs: Array

    @classmethod
    def of(cls, n: int, m: int) -> _Steps:
        # In units of 1 / NM, where they are whole numbers.
        ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
        starts = np.concatenate([[0], ends[:-1]])
        return cls((ends - starts) / (n * m), starts // m, starts // n)


def _shadows(towards: Array, rows: Array) -> Array:
    """Where samples ``(N, F)`` lie along each of L directions, float64 ``(L, N)``."""
    return np.hstack([towards @ rows[some].T for some in strips(len(rows), ROWS)])


def _transport(a: Array, b: Array, steps: _Steps, order: int) -> tuple[float, Array, Array]:
    """Of shadows ``(L, N)`` and ``(L, M)``: over lines, the sums of W_p^p and of each sample's potential.

    Numbers are paired in order of size. A pair (i, j) of the plan has φ(i) + ψ(j) = |x - y|^p, so φ changes from one
    pair to the next by what another x at the same y costs; where both change, by the mean over either y.
    """
    order_a, order_b = a.argsort(1), b.argsort(1)
    x = np.take_along_axis(a, order_a[:, steps.ours], 1)
    y = np.take_along_axis(b, order_b[:, steps.theirs], 1)
    costs = np.abs(x - y) ** order
    before = np.abs(x[:, 1:] - y[:, :-1]) ** order - costs[:, :-1]
    after = costs[:, 1:] - np.abs(x[:, :-1] - y[:, 1:]) ** order
    potential = np.zeros_like(costs)
    np.cumsum((before + after) / 2, axis=1, out=potential[:, 1:])
    ours, theirs = np.empty_like(a), np.empty_like(b)
    np.put_along_axis(ours, order_a, potential[:, _first(steps.ours)], 1)
    np.put_along_axis(theirs, order_b, (costs - potential)[:, _first(steps.theirs)], 1)
    return float((costs @ steps.weights).sum()), ours.sum(0), theirs.sum(0)


def _first(ranks: Array) -> Array:
    """Where each rank occurs first."""
    return np.flatnonzero(np.diff(ranks, prepend=-1))
