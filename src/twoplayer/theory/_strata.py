"""The common ground of two densities: volume, lines and atoms, on each of which both have a density or have none.

Volume, every line and the set of atoms are mutually singular, so an f-divergence is the sum of its parts on them
(Lebesgue's decomposition); a part where one side has no mass is that of two disjoint supports, known without an
integral.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from twoplayer.core.errors import UserError
from twoplayer.theory._base import Density, log_mixture, one_space
from twoplayer.theory._checks import Array
from twoplayer.theory._cubature import Cells, cells_of, integrate, sums, union
from twoplayer.theory.empirical import Empirical
from twoplayer.theory.gaussian import Gaussian
from twoplayer.theory.segment import Segment
from twoplayer.theory.uniform import Uniform

__all__ = ["Atoms", "ContinuousPart", "DensityPair", "Integrand", "Stratum", "as_atoms", "strata"]

Integrand = Callable[[Array, Array], Array]
"""A function of log p and log q at the same points, to be integrated over the reference measure."""
Weighted = list[tuple[float, Density]]
SHELLS: dict[int, list[float]] = {1: [2.0**k for k in range(1, 11)], 2: [2.0, 4.0, 16.0, 64.0]}
"""How far beyond twelve deviations to look for integrands such as p²/q that have heavier tails than p and q."""
NEGLIGIBLE = 1e-8
"""An integrand that has more than this in its outermost shell does not die out: its integral is infinite."""


class DensityPair(NamedTuple):
    """Something of p and the same of q."""

    p: float
    q: float


@dataclass(frozen=True)
class ContinuousPart:
    """Volume, or a line by its arc length: the continuous parts of both sides."""

    p: Weighted = field(default_factory=list)
    q: Weighted = field(default_factory=list)

    @property
    def mass(self) -> DensityPair:
        return DensityPair(sum(w for w, _ in self.p), sum(w for w, _ in self.q))

    def integral(self, integrand: Integrand) -> float:
        """∫ integrand(log p, log q), infinite when it does not die out."""
        edges = self._edges()
        cells = cells_of(edges)
        outer = _outermost(cells, edges)

        def at(x: Array) -> Array:
            with np.errstate(over="ignore"):
                return integrand(log_mixture(self.p, x), log_mixture(self.q, x))

        if self._endless and not abs(sums(at, Cells(cells.lower[outer], cells.width[outer])).sum()) < NEGLIGIBLE:
            return float("inf")
        return integrate(at, cells)

    @property
    def _endless(self) -> bool:
        return any(isinstance(piece, Gaussian) for _, piece in self.p + self.q)

    def _edges(self) -> list[Array]:
        pieces = [piece for _, piece in self.p + self.q]
        dimension = pieces[0].dimension
        if dimension > 2:
            raise UserError(
                f"there is no closed form for this divergence and quadrature ends at two dimensions, not {dimension}; "
                "use wasserstein with samples=, or Gaussians (kl, pearson, neyman, squared_hellinger, alpha, jeffrey)"
            )
        edges = [union(*(piece.edges(axis) for piece in pieces)) for axis in range(dimension)]
        return [_with_shells(e, SHELLS[dimension]) for e in edges] if self._endless else edges


@dataclass(frozen=True)
class Atoms:
    """All atoms of both sides, each with its two log probabilities."""

    log_p: Array
    log_q: Array

    @property
    def mass(self) -> DensityPair:
        return DensityPair(float(np.exp(self.log_p).sum()), float(np.exp(self.log_q).sum()))

    def integral(self, integrand: Integrand) -> float:
        """Σ integrand(log p, log q)."""
        with np.errstate(over="ignore"):
            return float(integrand(self.log_p, self.log_q).sum())


Stratum = ContinuousPart | Atoms


def _with_shells(edges: Array, factors: Sequence[float]) -> Array:
    centre, half = (edges[0] + edges[-1]) / 2, (edges[-1] - edges[0]) / 2
    away = half * np.asarray(factors)
    return union(centre - away, edges, centre + away)


def _outermost(cells: Cells, edges: Sequence[Array]) -> npt.NDArray[np.bool_]:
    first, last = np.array([e[0] for e in edges]), np.array([e[-2] for e in edges])
    return np.asarray(((cells.lower <= first) | (cells.lower >= last)).any(axis=1))


def strata(p: Density, q: Density) -> list[Stratum]:
    """What p and q live on, each part with the densities of both."""
    one_space(p, q)
    volume, lines = ContinuousPart(), _Lines()
    atoms: list[list[tuple[float, Empirical]]] = [[], []]
    for side, density in enumerate((p, q)):
        for weight, piece in density.pieces():
            if isinstance(piece, Empirical):
                atoms[side].append((weight, piece))
            elif isinstance(piece, Segment):
                lines.add(side, weight, piece)
            else:
                (volume.p, volume.q)[side].append((weight, piece))
    found: list[Stratum] = [volume] if volume.p or volume.q else []
    return found + [spread for _, _, spread in lines.known] + ([_matched(*atoms)] if any(atoms) else [])


class _Lines:
    """The lines that segments lie on: a direction, the point nearest the origin, and what lies there."""

    def __init__(self) -> None:
        self.known: list[tuple[Array, Array, ContinuousPart]] = []

    def add(self, side: int, weight: float, segment: Segment) -> None:
        direction = (segment.end - segment.start) / segment.length
        direction = direction * np.sign(direction[np.abs(direction) > 1e-9][0])
        foot = segment.start - (segment.start @ direction) * direction
        ends = np.sort([segment.start @ direction, segment.end @ direction])
        spread = self._on(direction, foot)
        (spread.p, spread.q)[side].append((weight, Uniform(*ends)))

    def _on(self, direction: Array, foot: Array) -> ContinuousPart:
        for along, through, spread in self.known:
            if np.allclose(along, direction, rtol=0, atol=1e-12) and np.allclose(through, foot, rtol=1e-12, atol=1e-12):
                return spread
        self.known.append((direction, foot, ContinuousPart()))
        return self.known[-1][2]


def _matched(p: list[tuple[float, Empirical]], q: list[tuple[float, Empirical]]) -> Atoms:
    """Atoms are the same when all their coordinates are, to the last bit."""
    places = np.concatenate([piece.samples for _, piece in p + q])
    distinct, which = np.unique(places, axis=0, return_inverse=True)
    which = which.reshape(-1)
    split = sum(len(piece.samples) for _, piece in p)
    masses = []
    for pieces, index in ((p, which[:split]), (q, which[split:])):
        weights = np.concatenate([w * piece.weights for w, piece in pieces]) if pieces else np.zeros(0)
        masses.append(np.bincount(index, weights, len(distinct)))
    with np.errstate(divide="ignore"):
        return Atoms(np.log(masses[0]), np.log(masses[1]))


def as_atoms(density: Density) -> Empirical | None:
    """The density as atoms alone, when it has nothing else."""
    if isinstance(density, Empirical):
        return density
    pieces = [(w, piece) for w, piece in density.pieces() if isinstance(piece, Empirical)]
    if len(pieces) < len(density.pieces()):
        return None
    samples = np.concatenate([piece.samples for _, piece in pieces])
    return Empirical(samples, np.concatenate([w * piece.weights for w, piece in pieces]))
