"""Strong and weak topologies: KL to 0 implies JSD to 0 implies W to 0, and no implication holds in reverse

Source: Arjovsky et al. 2017, "Wasserstein GAN", theorem 2 and example 1; Pinsker's inequality and JSD's bound by total
variation after Lin 1991, "Divergence Measures Based on the Shannon Entropy", theorem 3.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from twoplayer import theory
from twoplayer.lab._base import Demonstration
from twoplayer.lab._result import DemonstrationResult
from twoplayer.pages.plot_style import new_figure

__all__ = ["StrongAndWeak"]

STEPS = (1, 2, 4, 8, 16, 32, 64, 128)
INTERVAL_WIDTH = 4.0
"""Width of the compact interval in the bound W₁ ≤ width · TV."""


class StrongAndWeak(Demonstration):
    """Four sequences of distributions pₙ and each divergence from the limit p along them."""

    statement: ClassVar[str] = (
        "On a compact set, KL(pₙ‖p) → 0 implies JSD(pₙ, p) → 0 implies W₁(pₙ, p) → 0; no implication holds in reverse. "
        "They follow from the bounds TV ≤ √(KL/2), JSD ≤ log 2 · TV, TV ≤ √(2·JSD) and W₁ ≤ diameter · TV."
    )

    def run(self, result: DemonstrationResult) -> None:
        families = {
            "all three vanish": [(_bump(1 / n), _bump(0)) for n in STEPS],
            "JSD vanishes, KL does not": [(_leak(n), _unit(0)) for n in STEPS],
            "W vanishes, JSD does not": [(_line(1 / n), _line(0)) for n in STEPS],
            "not compact: JSD vanishes, W stays": [(_distant_atom(n), _atom(0)) for n in STEPS],
        }
        divergences = {title: [_divergences(p, q) for p, q in pairs] for title, pairs in families.items()}
        result.add_text(
            "First: a bump on [−2, 2] whose centre moves to 0 as 1/n. Second: a unit interval with one n-th of its "
            "mass on the neighbouring one, where the limit has none. Third: a segment that slides onto another, "
            "disjoint from it until the end. Fourth: an atom at 0 with one n-th of its mass at n."
        )
        result.add_figure("Four sequences and their limits", _curves(divergences), caption=_CAPTION)
        result.add_table(
            f"At n = {STEPS[-1]}",
            ("sequence", "KL(pₙ‖p)", "JSD", "TV", "W₁"),
            [(title, *[row[-1][k] for k in ("kl", "jsd", "tv", "w")]) for title, row in divergences.items()],
        )
        self._arrows(result, divergences["all three vanish"])
        self._counterexamples(result, *list(divergences.values())[1:])

    def _arrows(self, result: DemonstrationResult, rows: list[dict[str, float]]) -> None:
        first, last = rows[0], rows[-1]
        for key, name in (("kl", "KL"), ("jsd", "JSD"), ("w", "W₁")):
            result.check_at_most(
                f"first sequence: {name} at the end, as a share of the start", last[key] / first[key], 0.02
            )
        excess = max(r["tv"] - math.sqrt(r["kl"] / 2) for r in rows)
        result.check_at_most("Pinsker: greatest TV − √(KL/2)", excess, 0.0, within=1e-9)
        excess = max(r["tv"] - math.sqrt(2 * r["jsd"]) for r in rows)
        result.check_at_most("Pinsker to the mixture: greatest TV − √(2·JSD)", excess, 0.0, within=1e-9)
        result.check_at_most(
            "greatest JSD − log 2 · TV", max(r["jsd"] - math.log(2) * r["tv"] for r in rows), 0, within=1e-9
        )
        result.check_at_most(
            f"greatest W₁ − {INTERVAL_WIDTH:g} · TV",
            max(r["w"] - INTERVAL_WIDTH * r["tv"] for r in rows),
            0,
            within=1e-9,
        )

    def _counterexamples(
        self,
        result: DemonstrationResult,
        leaking: list[dict[str, float]],
        sliding: list[dict[str, float]],
        escaping: list[dict[str, float]],
    ) -> None:
        result.check_equal("second sequence: least KL", min(r["kl"] for r in leaking), math.inf, within=0)
        result.check_at_most("second sequence: JSD at the end", leaking[-1]["jsd"], 1 / STEPS[-1])
        result.check_equal("third sequence: JSD at the end", sliding[-1]["jsd"], math.log(2), within=1e-12)
        result.check_equal("third sequence: W₁ at the end", sliding[-1]["w"], 1 / STEPS[-1], within=1e-12)
        result.check_at_most("fourth sequence: JSD at the end", escaping[-1]["jsd"], 1 / STEPS[-1])
        result.check_equal("fourth sequence: W₁ at the end", escaping[-1]["w"], 1.0, within=1e-12)


_CAPTION = (
    "Each panel: a divergence of pₙ from p over n, both logarithmic. Top left all fall. Top right KL is infinite "
    "(drawn at the upper edge) while JSD falls. Bottom left JSD stays at log 2 while W₁ falls as 1/n. Bottom right "
    "the distant mass moves away as fast as it shrinks: JSD falls and W₁ stays at 1."
)


def _bump(centre: float) -> Any:
    """A raised cosine around `centre` above a floor, on [−2, 2]."""

    def density(x: Any) -> Any:
        inside = np.abs(x[:, 0] - centre) < 1
        return 0.05 + 0.8 * inside * (1 + np.cos(math.pi * (x[:, 0] - centre))) / 2

    return theory.Gridded(density, -2.0, 2.0, 2000, normalize=True)


def _unit(start: float) -> Any:
    return theory.Uniform(start, start + 1.0)


def _leak(n: int) -> Any:
    share = 1 / (n + 1)
    return theory.Mixture([1 - share, share], [_unit(0), _unit(1)])


def _line(shift: float) -> Any:
    return theory.Segment((shift, 0.0), (shift, 1.0))


def _atom(position: float) -> Any:
    return theory.Empirical([[position]])


def _distant_atom(n: int) -> Any:
    return theory.Empirical([[0.0], [float(n)]], [1 - 1 / n, 1 / n]) if n > 1 else theory.Empirical([[1.0]])


def _divergences(p: Any, q: Any) -> dict[str, float]:
    return {
        "kl": theory.kl(p, q),
        "jsd": theory.jensen_shannon(p, q),
        "tv": theory.total_variation(p, q),
        "w": theory.wasserstein(p, q),
    }


def _curves(divergences: dict[str, list[dict[str, float]]]) -> Any:
    figure, axes = new_figure(2, 2, height=2.7, sharex=True)
    for panel, (title, rows) in zip(axes, divergences.items(), strict=True):
        for key, label, marker in (("kl", "KL", "o"), ("jsd", "JSD", "s"), ("w", "W₁", "^")):
            values = [min(r[key], 10.0) for r in rows]
            panel.loglog(STEPS, values, marker=marker, markersize=4, label=label)
        panel.set_title(title, fontsize=9.5)
        panel.set_ylim(1e-6, 14)
    axes[0].legend()
    for panel in axes[2:]:
        panel.set_xlabel("n")
    return figure
