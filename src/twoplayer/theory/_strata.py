"""The Lebesgue decomposition of two densities: volume, lines and atoms, on each of which both have a density.

Volume, every line and the set of atoms are mutually singular, so an f-divergence is the sum of its parts on them. A
part where one side has no mass is that of two disjoint supports, known without an integral.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from twoplayer.core.errors import UserError
from twoplayer.theory._base import Density, log_mixture, shared_dimension
from twoplayer.theory._checks import Array
from twoplayer.theory._cubature import Cells, cell_integrals, integrate, merge_edges, tensor_cells
from twoplayer.theory.empirical import Empirical
from twoplayer.theory.gaussian import Gaussian
from twoplayer.theory.segment import Segment
from twoplayer.theory.uniform import Uniform

__all__ = ["Atoms", "ContinuousPart", "Integrand", "Masses", "Stratum", "as_atoms", "strata"]

Integrand = Callable[[Array, Array], Array]
"""A function of log p and log q at the same points, to be integrated over the reference measure."""
WeightedPieces = list[tuple[float, Density]]
SHELL_FACTORS: dict[int, list[float]] = {1: [2.0**k for k in range(1, 11)], 2: [2.0, 4.0, 16.0, 64.0]}
"""Factors beyond twelve deviations at which panels are added, for integrands such as p²/q with heavier tails."""
TAIL_TOLERANCE = 1e-8
"""Contribution of the outermost shell above which an integral counts as infinite."""


class Masses(NamedTuple):
    """The probability that p and q have on a part."""

    p: float
    q: float


@dataclass(frozen=True)
class ContinuousPart:
    """The continuous pieces of both densities on volume, or on a line with respect to its arc length."""

    p: WeightedPieces = field(default_factory=list)
    q: WeightedPieces = field(default_factory=list)

    @property
    def masses(self) -> Masses:
        return Masses(sum(w for w, _ in self.p), sum(w for w, _ in self.q))

    def integral(self, integrand: Integrand) -> float:
        """∫ integrand(log p, log q); infinite if it does not converge."""
        edges = self._edges()
        cells = tensor_cells(edges)
        outer = _outermost(cells, edges)

        def evaluate(x: Array) -> Array:
            with np.errstate(over="ignore"):
                return integrand(log_mixture(self.p, x), log_mixture(self.q, x))

        if (
            self._unbounded
            and not abs(cell_integrals(evaluate, Cells(cells.lower[outer], cells.width[outer])).sum()) < TAIL_TOLERANCE
        ):
            return float("inf")
        return integrate(evaluate, cells)

    @property
    def _unbounded(self) -> bool:
        return any(isinstance(piece, Gaussian) for _, piece in self.p + self.q)

    def _edges(self) -> list[Array]:
        pieces = [piece for _, piece in self.p + self.q]
        dimension = pieces[0].dimension
        if dimension > 2:
            raise UserError(
                f"there is no closed form for this divergence, and quadrature is limited to two dimensions, "
                f"not {dimension}: use wasserstein with samples=, or Gaussians (kl, pearson, neyman, "
                "squared_hellinger, alpha_divergence, jeffrey)"
            )
        edges = [merge_edges(*(piece.edges(axis) for piece in pieces)) for axis in range(dimension)]
        return [_with_shells(e, SHELL_FACTORS[dimension]) for e in edges] if self._unbounded else edges


@dataclass(frozen=True)
class Atoms:
    """All atoms of both densities, each with its two log probabilities."""

    log_p: Array
    log_q: Array

    @property
    def masses(self) -> Masses:
        return Masses(float(np.exp(self.log_p).sum()), float(np.exp(self.log_q).sum()))

    def integral(self, integrand: Integrand) -> float:
        """Σ integrand(log p, log q)."""
        with np.errstate(over="ignore"):
            return float(integrand(self.log_p, self.log_q).sum())


Stratum = ContinuousPart | Atoms


def _with_shells(edges: Array, factors: Sequence[float]) -> Array:
    centre, half = (edges[0] + edges[-1]) / 2, (edges[-1] - edges[0]) / 2
    distance = half * np.asarray(factors)
    return merge_edges(centre - distance, edges, centre + distance)


def _outermost(cells: Cells, edges: Sequence[Array]) -> npt.NDArray[np.bool_]:
    first, last = np.array([e[0] for e in edges]), np.array([e[-2] for e in edges])
    return np.asarray(((cells.lower <= first) | (cells.lower >= last)).any(axis=1))


def strata(p: Density, q: Density) -> list[Stratum]:
    """The mutually singular parts of p and q, each with the densities of both."""
    shared_dimension(p, q)
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
    parts: list[Stratum] = [volume] if volume.p or volume.q else []
    return parts + [part for _, _, part in lines.parts] + ([_matched(*atoms)] if any(atoms) else [])


class _Lines:
    """The lines that segments lie on: direction, point nearest to the origin, continuous pieces."""

    def __init__(self) -> None:
        self.parts: list[tuple[Array, Array, ContinuousPart]] = []

    def add(self, side: int, weight: float, segment: Segment) -> None:
        direction = (segment.end - segment.start) / segment.length
        direction = direction * np.sign(direction[np.abs(direction) > 1e-9][0])
        foot = segment.start - (segment.start @ direction) * direction
        ends = np.sort([segment.start @ direction, segment.end @ direction])
        part = self._part_on(direction, foot)
        (part.p, part.q)[side].append((weight, Uniform(*ends)))

    def _part_on(self, direction: Array, foot: Array) -> ContinuousPart:
        for line_direction, line_foot, part in self.parts:
            if np.allclose(line_direction, direction, rtol=0, atol=1e-12) and np.allclose(
                line_foot, foot, rtol=1e-12, atol=1e-12
            ):
                return part
        self.parts.append((direction, foot, ContinuousPart()))
        return self.parts[-1][2]


def _matched(p: list[tuple[float, Empirical]], q: list[tuple[float, Empirical]]) -> Atoms:
    """The atoms of both sides; two atoms are the same if all their coordinates are equal to the last bit."""
    samples = np.concatenate([piece.samples for _, piece in p + q])
    distinct, atom_indices = np.unique(samples, axis=0, return_inverse=True)
    atom_indices = atom_indices.reshape(-1)
    split = sum(len(piece.samples) for _, piece in p)
    masses = []
    for pieces, index in ((p, atom_indices[:split]), (q, atom_indices[split:])):
        weights = np.concatenate([w * piece.weights for w, piece in pieces]) if pieces else np.zeros(0)
        masses.append(np.bincount(index, weights, len(distinct)))
    with np.errstate(divide="ignore"):
        return Atoms(np.log(masses[0]), np.log(masses[1]))


def as_atoms(density: Density) -> Empirical | None:
    """The density as atoms, or None if it has another part."""
    if isinstance(density, Empirical):
        return density
    pieces = [(w, piece) for w, piece in density.pieces() if isinstance(piece, Empirical)]
    if len(pieces) < len(density.pieces()):
        return None
    samples = np.concatenate([piece.samples for _, piece in pieces])
    return Empirical(samples, np.concatenate([w * piece.weights for w, piece in pieces]))
