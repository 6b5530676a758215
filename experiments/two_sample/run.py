"""Size and power of the two-sample tests: how often each rejects, for equal distributions and for growing differences.

    python experiments/two_sample/run.py --repetitions 500 --power-repetitions 200

Writes results/two_sample.md, .json and .png beside this script. All tests see the same samples, and every count is a
function of the seed alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from twoplayer import __version__
from twoplayer.core.hardware import processor
from twoplayer.core.rng import numpy_generator
from twoplayer.pages.plot_style import COLOURS, DASHES, house_style
from twoplayer.two_sample import statistics

HERE = Path(__file__).parent
LEVEL = 0.05
CONFIDENCE = 0.99
Draw = Callable[[np.random.Generator, int, float], tuple[np.ndarray, np.ndarray]]


# ---- what is drawn: two sets, the second one `dose` away from the first


def normal(random: np.random.Generator, n: int, dose: float) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal in the plane."""
    return random.standard_normal((n, 2)), random.standard_normal((n, 2))


def three_values(random: np.random.Generator, n: int, dose: float) -> tuple[np.ndarray, np.ndarray]:
    """Each coordinate 0, 1 or 2: most distances tie."""
    return random.integers(0, 3, (n, 2)), random.integers(0, 3, (n, 2))


def unequal(random: np.random.Generator, n: int, dose: float) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal, four times as many samples in the second set."""
    return random.standard_normal((2 * n // 5, 2)), random.standard_normal((8 * n // 5, 2))


def heavy_tails(random: np.random.Generator, n: int, dose: float) -> tuple[np.ndarray, np.ndarray]:
    """Cauchy: neither mean nor variance exist."""
    return random.standard_cauchy((n, 2)), random.standard_cauchy((n, 2))


def mean(random: np.random.Generator, n: int, dose: float) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal in the plane, the second mean moved by so many deviations."""
    a, b = normal(random, n, dose)
    return a, b + np.array([dose, 0.0])


def variance(random: np.random.Generator, n: int, dose: float) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal in the plane, the second standard deviation larger by that share."""
    a, b = normal(random, n, dose)
    return a, b * (1 + dose)


def mixture(random: np.random.Generator, n: int, dose: float) -> tuple[np.ndarray, np.ndarray]:
    """Eight modes on a circle; the second set lacks that share of one of them."""
    weights = np.full(8, 1 / 8)
    lacking = weights - np.eye(8)[0] * dose / 8
    return _ring(random, n, weights), _ring(random, n, lacking / lacking.sum())


def _ring(random: np.random.Generator, n: int, weights: np.ndarray) -> np.ndarray:
    angles = 2 * np.pi * random.choice(8, n, p=weights) / 8
    return np.stack([np.cos(angles), np.sin(angles)], 1) + 0.05 * random.standard_normal((n, 2))


NULLS: tuple[Draw, ...] = (normal, three_values, unequal, heavy_tails)
DOSES: dict[Draw, tuple[str, tuple[float, ...]]] = {
    mean: ("shift in standard deviations", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
    variance: ("growth of the standard deviation", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
    mixture: ("lost share of one of eight modes", (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
}


# ---- counting


@dataclass(frozen=True)
class Share:
    """How often a test rejected."""

    test: str
    case: str
    dose: float
    rejections: int
    repetitions: int

    @property
    def share(self) -> float:
        return self.rejections / self.repetitions


def count(case: tuple[str, Draw, float], repetitions: int, n: int, permutations: int, seed: int) -> Share:
    """Test so many pairs of sets with one test."""
    test, draw, dose = case
    made = statistics.create(test)
    rejections = 0
    for repetition in range(repetitions):
        random = numpy_generator(seed, f"{draw.__name__} {dose:g}", repetition)
        found = made.compare(*draw(random, n, dose), level=LEVEL, permutations=permutations, seed=repetition)
        rejections += found.reject
    return Share(test, draw.__name__, dose, rejections, repetitions)


def allowed(repetitions: int, level: float = LEVEL) -> tuple[float, float]:
    """Shares between which a test of that level falls in 99 of 100 studies."""
    from scipy.stats import binom

    low, high = binom.interval(CONFIDENCE, repetitions, level)
    return low / repetitions, high / repetitions


# ---- what comes out


def table(sizes: Sequence[Share], powers: Sequence[Share], options: argparse.Namespace, seconds: float) -> str:
    low, high = allowed(options.repetitions)
    tests = list(dict.fromkeys(s.test for s in sizes))
    lines = [
        "# Size and power of the two-sample tests",
        "",
        f"Level {LEVEL}, {options.n} samples of each set, {options.permutations} permutations. `{processor()}`, "
        f"{os.cpu_count()} cores, {options.jobs} at a time, {seconds:.0f} s; python {platform.python_version()}, numpy "
        f"{np.__version__}, torch {_torch()}, twoplayer {__version__}.",
        "",
        f"    {' '.join(['python', 'experiments/two_sample/run.py', *sys.argv[1:]])}",
        "",
        f"## Size: share of rejections among {options.repetitions} pairs of sets from one distribution",
        "",
        f"A test whose size is its level falls between {low:.3f} and {high:.3f} in {CONFIDENCE:.0%} of all studies. "
        "Ties count against a difference, so that a test may stay below where samples take few values.",
        "",
        *_rows(["test", *(draw.__name__.replace("_", " ") for draw in NULLS)], tests, sizes),
    ]
    for draw, (_, doses) in DOSES.items():
        of_this = [p for p in powers if p.case == draw.__name__]
        title = f"## Power: {draw.__name__}, {options.power_repetitions} pairs"
        lines += ["", title, "", str(draw.__doc__), "", *_rows(["test", *(f"{d:g}" for d in doses)], tests, of_this)]
    return "\n".join(lines) + "\n"


def _rows(head: list[str], tests: Sequence[str], shares: Sequence[Share]) -> list[str]:
    rows = [[test, *(f"{s.share:.3f}" for s in shares if s.test == test)] for test in tests]
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] + ["---:"] * (len(head) - 1), *rows)]


def draw_picture(powers: Sequence[Share], path: Path) -> None:
    from matplotlib.figure import Figure

    with house_style():
        figure = Figure(figsize=(11, 4), layout="constrained", dpi=110)
        panels = figure.subplots(1, len(DOSES), sharey=True)
        for panel, (draw, (words, doses)) in zip(panels, DOSES.items(), strict=True):
            for test, colour, dash in zip(statistics.names(), COLOURS, DASHES, strict=True):
                shares = [p.share for p in powers if (p.case, p.test) == (draw.__name__, test)]
                panel.plot(doses, shares, color=colour, linestyle=dash, label=test)
            panel.axhline(LEVEL, color="#68655e", linewidth=0.8)
            panel.set_title(draw.__name__)
            panel.set_xlabel(words)
        panels[0].set_ylabel(f"share of rejections at level {LEVEL}")
        panels[0].legend(fontsize=8)
        figure.savefig(path)


def _torch() -> str:
    import torch

    return torch.__version__


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", nargs="+", default=statistics.names())
    parser.add_argument("--n", type=int, default=150, help="samples of each set [150]")
    parser.add_argument("--permutations", type=int, default=199, help="[199]")
    parser.add_argument("--repetitions", type=int, default=500, help="pairs for a size [500]")
    parser.add_argument("--power-repetitions", type=int, default=200, help="pairs for a point of a power curve [200]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side; set OMP_NUM_THREADS=1 with many")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="folder of the table and the picture")
    options = parser.parse_args()
    began = time.perf_counter()
    fixed: dict[str, Any] = {"n": options.n, "permutations": options.permutations, "seed": options.seed}
    nulls = [(test, draw, 0.0) for test in options.tests for draw in NULLS]
    others = [(test, draw, dose) for test in options.tests for draw, (_, doses) in DOSES.items() for dose in doses]
    with ProcessPoolExecutor(options.jobs) as pool:
        sizes = list(pool.map(partial(count, repetitions=options.repetitions, **fixed), nulls))
        powers = list(pool.map(partial(count, repetitions=options.power_repetitions, **fixed), others))
    options.output.mkdir(parents=True, exist_ok=True)
    text = table(sizes, powers, options, time.perf_counter() - began)
    (options.output / "two_sample.md").write_text(text, encoding="utf-8")
    document = {"sizes": [asdict(s) for s in sizes], "powers": [asdict(p) for p in powers]}
    (options.output / "two_sample.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if options.tests == statistics.names():
        draw_picture(powers, options.output / "two_sample.png")
    print(text)


if __name__ == "__main__":
    main()
