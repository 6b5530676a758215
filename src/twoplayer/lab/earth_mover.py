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
from twoplayer.pages.plot_style import sheet

__all__ = ["EarthMover"]

HEAP = (3, 2, 0, 0, 1, 0)
HOLE = (0, 1, 1, 0, 2, 2)
"""Shovels of dirt on six places, and where they shall lie."""


class EarthMover(Demonstration):
    """A pile on a line by three routes (plan, sorted order, dual), then `points` atoms in the plane."""

    statement: ClassVar[str] = (
        "W₁(p, q) = min over plans γ with marginals p and q of Σ γ(x, y)·|x − y|: the least work that moves one pile "
        "of dirt into the shape of another. On a line a cheapest plan keeps the order, and its work is the area "
        "between the two cumulative distributions; by duality it is also the most that any 1-Lipschitz price earns."
    )

    def __init__(self, *, points: Count = 24) -> None:
        self.points = points

    def show(self, findings: DemonstrationResult) -> None:
        self._line(findings)
        self._plane(findings)

    def _line(self, findings: DemonstrationResult) -> None:
        places = np.arange(len(HEAP), dtype=float)
        heap, hole = (np.array(pile) / sum(pile) for pile in (HEAP, HOLE))
        p, q = theory.Empirical(places[:, None], heap), theory.Empirical(places[:, None], hole)
        best = theory.plan(p, q)
        matrix = _on_places(best, places)
        area = float(np.abs(np.cumsum(heap - hole)).sum())
        price = theory.kantorovich_potential(p, q)(places[:, None])
        independent = float((np.outer(heap, hole) * np.abs(places[:, None] - places)).sum())
        findings.say(
            f"{sum(HEAP)} shovels of dirt lie on {len(HEAP)} places as {HEAP} and shall lie as {HOLE}. Each entry of "
            "the plan says how much goes from the row's place to the column's."
        )
        findings.picture("The pile, the hole, and the cheapest plan", _piles(heap, hole, matrix), caption=_told(matrix))
        findings.table(
            "Four prices of one move, in place widths per unit of dirt",
            ("how", "cost"),
            [
                ("cheapest plan, by linear programming", best.cost),
                ("area between the cumulative distributions", area),
                ("dual: what a 1-Lipschitz price earns", float(price @ (heap - hole))),
                ("sending everything everywhere alike", independent),
            ],
        )
        findings.equal("plan's cost against the area between the cumulatives", best.cost, area, within=1e-9)
        findings.equal("dual value against the plan's cost", float(price @ (heap - hole)), best.cost, within=1e-9)
        findings.at_most("slope of the dual price", float(np.abs(np.diff(price)).max()), 1.0, within=1e-9)
        findings.equal("plan's rows against the pile", float(np.abs(matrix.sum(1) - heap).max()), 0, within=1e-9)
        findings.equal("plan's columns against the hole", float(np.abs(matrix.sum(0) - hole).max()), 0, within=1e-9)
        findings.at_least("what a thoughtless plan costs more", independent - best.cost, 0.0)

    def _plane(self, findings: DemonstrationResult) -> None:
        random = numpy_generator(findings.seed, "earth mover")
        source = random.normal(size=(self.points, 2))
        target = random.normal(size=(self.points, 2)) * (1.6, 0.5) + (3, 0)
        best = theory.plan(theory.Empirical(source), theory.Empirical(target))
        shuffled = [
            np.linalg.norm(source - target[random.permutation(self.points)], axis=1).mean() for _ in range(2000)
        ]
        findings.say(
            f"In the plane there is no order to keep. {self.points} points are sent to {self.points} others; between "
            "equal weights the cheapest plan sends each point whole."
        )
        findings.picture(
            "The cheapest plan in the plane",
            _arrows(source, target, best.matrix),
            caption=f"Arrows from each point to where the plan sends it; mean way {best.cost:.3f}. "
            "No two arrows cross: crossing ways could be exchanged for shorter ones.",
        )
        sent = best.matrix > 1e-12
        findings.equal("ways out of each point", float(sent.sum(1).max()), 1, within=0)
        findings.at_most("cost against the best of 2,000 random assignments", best.cost, float(min(shuffled)))
        findings.equal("arrows that cross", _crossings(source, target[best.matrix.argmax(1)]), 0, within=0)


def _on_places(plan: Any, places: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The plan's matrix over all places; atoms without weight may be missing from it."""
    matrix = np.zeros((len(places), len(places)))
    rows, columns = plan.source.samples[:, 0].astype(int), plan.target.samples[:, 0].astype(int)
    matrix[np.ix_(rows, columns)] = plan.matrix
    return matrix


def _piles(heap: Any, hole: Any, matrix: Any) -> Any:
    figure, (left, right) = sheet(1, 2, height=3.3, width_ratios=(1.5, 1))
    places = np.arange(len(heap))
    left.bar(places - 0.2, heap, 0.38, label="pile p", color="#0072b2")
    left.bar(places + 0.2, hole, 0.38, label="hole q", color="#e69f00", hatch="//", edgecolor="white")
    left.set(xlabel="place", ylabel="share of the dirt", xticks=places)
    left.legend()
    right.imshow(matrix, vmin=0)
    right.grid(False)
    right.set(xlabel="to place", ylabel="from place", xticks=places, yticks=places)
    for (i, j), amount in np.ndenumerate(matrix):
        if amount > 1e-12:
            dark = amount < 0.6 * matrix.max()
            right.text(j, i, f"{amount:.2f}", ha="center", va="center", fontsize=8, color="white" if dark else "black")
    return figure


def _told(matrix: Any) -> str:
    ways = [f"{amount:.2f} from {i} to {j}" for (i, j), amount in np.ndenumerate(matrix) if amount > 1e-12]
    return "The plan moves " + ", ".join(ways) + "."


def _arrows(source: Any, target: Any, matrix: Any) -> Any:
    figure, (axes,) = sheet(height=4.2)
    for i, j in zip(*np.nonzero(matrix > 1e-12), strict=True):
        axes.annotate("", target[j], source[i], arrowprops={"arrowstyle": "->", "color": "#68655e", "lw": 0.9})
    axes.plot(*source.T, "o", color="#0072b2", label="from")
    axes.plot(*target.T, "s", color="#c65300", label="to")
    axes.set_aspect("equal")
    axes.legend(loc="upper left")
    return figure


def _crossings(source: Any, target: Any) -> int:
    """Pairs of straight ways that cross."""

    def side(a: Any, b: Any, c: Any) -> Any:
        return np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    return sum(
        side(source[i], target[i], source[j]) * side(source[i], target[i], target[j]) < 0
        and side(source[j], target[j], source[i]) * side(source[j], target[j], target[i]) < 0
        for i in range(len(source))
        for j in range(i)
    )
