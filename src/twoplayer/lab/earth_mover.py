"""The discrete earth mover: a pile of dirt, its cheapest plan and its cost

Source: Rubner et al. 2000, "The Earth Mover's Distance as a Metric for Image Retrieval"; Arjovsky et al. 2017,
"Wasserstein GAN", eq. 1; Kantorovich's duality after Villani 2009, "Optimal Transport", theorem 5.10.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from twoplayer import theory
from twoplayer.core.ranges import Count
from twoplayer.core.rng import numpy_generator
from twoplayer.lab._base import Demonstration
from twoplayer.lab._result import DemonstrationResult
from twoplayer.pages.plot_style import new_figure

__all__ = ["EarthMover"]

PILE = (3, 2, 0, 0, 1, 0)
TARGET = (0, 1, 1, 0, 2, 2)
"""Units of dirt at six positions, and their target distribution."""


class EarthMover(Demonstration):
    """The cost of moving a pile on a line by four routes, and optimal transport of points in the plane.

    Args:
        points: Number of points in the plane, at least 1. Default 24.
    """

    statement: ClassVar[str] = (
        "W₁(p, q) = min over plans γ with marginals p and q of Σ γ(x, y)·|x − y|: the least work that moves one pile "
        "of dirt into the shape of another. On a line a cheapest plan keeps the order, and its work is the area "
        "between the two cumulative distributions; by duality it is also the greatest E_p φ − E_q φ of any 1-Lipschitz "
        "function φ."
    )

    def __init__(self, *, points: Count = 24) -> None:
        self.points = points

    def run(self, result: DemonstrationResult) -> None:
        self._line(result)
        self._plane(result)

    def _line(self, result: DemonstrationResult) -> None:
        positions = np.arange(len(PILE), dtype=float)
        pile_shares, target_shares = (np.array(pile) / sum(pile) for pile in (PILE, TARGET))
        p, q = theory.Empirical(positions[:, None], pile_shares), theory.Empirical(positions[:, None], target_shares)
        best = theory.plan(p, q)
        matrix = _full_matrix(best, positions)
        area = float(np.abs(np.cumsum(pile_shares - target_shares)).sum())
        potential = theory.kantorovich_potential(p, q)(positions[:, None])
        independent = float((np.outer(pile_shares, target_shares) * np.abs(positions[:, None] - positions)).sum())
        result.add_text(
            f"{sum(PILE)} units of dirt lie at {len(PILE)} positions as {PILE}; the target is {TARGET}. Each entry of "
            "the plan is the share that moves from the row's position to the column's."
        )
        result.add_figure(
            "The pile, the target, and the cheapest plan",
            _piles(pile_shares, target_shares, matrix),
            caption=_plan_caption(matrix),
        )
        result.add_table(
            "Four costs of one transport, in positions per unit of dirt",
            ("how", "cost"),
            [
                ("cheapest plan, by linear programming", best.cost),
                ("area between the cumulative distributions", area),
                ("dual: E_p φ − E_q φ of a Kantorovich potential φ", float(potential @ (pile_shares - target_shares))),
                ("independent coupling", independent),
            ],
        )
        result.check_equal("plan's cost against the area between the cumulatives", best.cost, area, within=1e-9)
        result.check_equal(
            "dual value against the plan's cost",
            float(potential @ (pile_shares - target_shares)),
            best.cost,
            within=1e-9,
        )
        result.check_at_most("slope of the potential", float(np.abs(np.diff(potential)).max()), 1.0, within=1e-9)
        result.check_equal(
            "plan's rows against the pile", float(np.abs(matrix.sum(1) - pile_shares).max()), 0, within=1e-9
        )
        result.check_equal(
            "plan's columns against the target",
            float(np.abs(matrix.sum(0) - target_shares).max()),
            0,
            within=1e-9,
        )
        result.check_at_least("additional cost of the independent coupling", independent - best.cost, 0.0)

    def _plane(self, result: DemonstrationResult) -> None:
        random = numpy_generator(result.seed, "earth mover")
        source = random.normal(size=(self.points, 2))
        target = random.normal(size=(self.points, 2)) * (1.6, 0.5) + (3, 0)
        best = theory.plan(theory.Empirical(source), theory.Empirical(target))
        shuffled = [
            np.linalg.norm(source - target[random.permutation(self.points)], axis=1).mean() for _ in range(2000)
        ]
        result.add_text(
            f"In the plane there is no order of the points. {self.points} points are moved to {self.points} other "
            "points; between equal weights the cheapest plan moves each point whole."
        )
        result.add_figure(
            "The cheapest plan in the plane",
            _arrows(source, target, best.matrix),
            caption=f"Arrows from each point to the one that the plan moves it to; mean distance {best.cost:.3f}. "
            "No two arrows cross: exchanging the ends of crossing arrows would shorten them.",
        )
        moved = best.matrix > 1e-12
        result.check_equal("targets of each point", float(moved.sum(1).max()), 1, within=0)
        result.check_at_most("cost against the best of 2,000 random assignments", best.cost, float(min(shuffled)))
        result.check_equal("arrows that cross", _crossings(source, target[best.matrix.argmax(1)]), 0, within=0)


def _full_matrix(plan: Any, positions: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The plan's matrix over all positions, also those without an atom on one side."""
    matrix = np.zeros((len(positions), len(positions)))
    rows, columns = plan.source.samples[:, 0].astype(int), plan.target.samples[:, 0].astype(int)
    matrix[np.ix_(rows, columns)] = plan.matrix
    return matrix


def _piles(pile_shares: Any, target_shares: Any, matrix: Any) -> Any:
    figure, (left, right) = new_figure(1, 2, height=3.3, width_ratios=(1.5, 1))
    positions = np.arange(len(pile_shares))
    left.bar(positions - 0.2, pile_shares, 0.38, label="pile p", color="#0072b2")
    left.bar(positions + 0.2, target_shares, 0.38, label="target q", color="#e69f00", hatch="//", edgecolor="white")
    left.set(xlabel="position", ylabel="share of the dirt", xticks=positions)
    left.legend()
    right.imshow(matrix, vmin=0)
    right.grid(False)
    right.set(xlabel="to position", ylabel="from position", xticks=positions, yticks=positions)
    for (i, j), amount in np.ndenumerate(matrix):
        if amount > 1e-12:
            dark = amount < 0.6 * matrix.max()
            right.text(j, i, f"{amount:.2f}", ha="center", va="center", fontsize=8, color="white" if dark else "black")
    return figure


def _plan_caption(matrix: Any) -> str:
    moves = [f"{amount:.2f} from {i} to {j}" for (i, j), amount in np.ndenumerate(matrix) if amount > 1e-12]
    return "The plan moves " + ", ".join(moves) + "."


def _arrows(source: Any, target: Any, matrix: Any) -> Any:
    figure, (axes,) = new_figure(height=4.2)
    for i, j in zip(*np.nonzero(matrix > 1e-12), strict=True):
        axes.annotate("", target[j], source[i], arrowprops={"arrowstyle": "->", "color": "#68655e", "lw": 0.9})
    axes.plot(*source.T, "o", color="#0072b2", label="from")
    axes.plot(*target.T, "s", color="#c65300", label="to")
    axes.set_aspect("equal")
    axes.legend(loc="upper left")
    return figure


def _crossings(source: Any, target: Any) -> int:
    """The number of pairs of segments that cross."""

    def side(a: Any, b: Any, c: Any) -> Any:
        return np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    return sum(
        side(source[i], target[i], source[j]) * side(source[i], target[i], target[j]) < 0
        and side(source[j], target[j], source[i]) * side(source[j], target[j], target[i]) < 0
        for i in range(len(source))
        for j in range(i)
    )
