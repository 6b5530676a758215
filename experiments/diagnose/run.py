"""Runs with a provoked failure and normal ones, and whether `twoplayer diagnose` separates them.

    python experiments/diagnose/run.py

At least three runs for each failure mode and more than ten normal ones are trained (`recipes.py`), each with several
seeds: the thresholds in ``twoplayer/diagnosis`` were chosen on seed 0 only, and the other seeds confirm them. The
command can be repeated: finished runs are not trained again, and are diagnosed again only with ``--again``. It writes
the matrix of runs and failure modes, and all indicators as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes import RECIPES, Recipe, write_data

import twoplayer
from twoplayer import diagnosis
from twoplayer.core.files import write_atomic, write_json
from twoplayer.diagnosis._warnings import read_warnings

HERE = Path(__file__).parent
COMMON: dict[str, Any] = {"evaluate_every": 0, "evaluate_count": 100, "tensorboard": False, "device": "cpu"}
CHOSEN_ON = 0
"""The seed on which thresholds were chosen."""


@dataclass(frozen=True)
class DiagnosedRun:
    """A run of the experiment with its diagnosis."""

    recipe: Recipe
    seed: int
    document: dict[str, Any]

    @property
    def confidences(self) -> dict[str, float]:
        """Confidence of the findings by failure mode."""
        return {f["failure_mode"]: f["confidence"] for f in self.document["findings"]}

    @property
    def correct(self) -> bool:
        """Whether the provoked failure mode is found; of a normal run, whether none is."""
        provoked = self.recipe.failure_mode
        return not self.confidences if provoked is None else provoked in self.confidences

    @property
    def warned(self) -> bool:
        """Whether the monitor warned of the game, not only of the data."""
        return self.document["game_warnings"] > 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--recipes", nargs="+", help="these runs only")
    parser.add_argument("--runs", type=Path, default=Path("runs/diagnose"), help="where the run folders lie")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="where the matrix goes")
    parser.add_argument("--again", action="store_true", help="diagnose again")
    options = parser.parse_args()
    write_data(options.runs / "data")
    chosen = [r for r in RECIPES if not options.recipes or r.name in options.recipes]
    runs = [diagnosed(recipe, seed, options) for seed in options.seeds for recipe in chosen]
    text = matrix(runs)
    print(text)
    if not options.recipes:
        write_atomic(options.output / "matrix.md", text)
        evidence = [
            {"run": r.recipe.name, "seed": r.seed, "provoked": r.recipe.failure_mode, **r.document} for r in runs
        ]
        write_json(options.output / "evidence.json", evidence)


def diagnosed(recipe: Recipe, seed: int, options: argparse.Namespace) -> DiagnosedRun:
    folder = options.runs / f"{recipe.name}-seed{seed}"
    file = folder / "experiment.json"
    if not file.exists() or options.again:
        started = time.process_time()
        train(recipe, seed, folder, options.runs / "data")
        ended = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            document = diagnosis.diagnose(folder).document()
        seconds = {"training": ended - started, "diagnosing": time.process_time() - ended}
        game_warnings = sum(warning.step > 0 for warning in read_warnings(folder))
        write_json(file, {"processor_seconds": seconds, "game_warnings": game_warnings, **document})
        findings = ", ".join(f"{f['failure_mode']} {f['confidence']:.2f}" for f in document["findings"])
        print(f"{folder.name}: {seconds} {findings}", file=sys.stderr, flush=True)
    return DiagnosedRun(recipe, seed, json.loads(file.read_text()))


def train(recipe: Recipe, seed: int, folder: Path, data: Path) -> None:
    """Train the run, or resume it."""
    source = str(data / recipe.data) if recipe.data.endswith(".npy") else recipe.data
    with warnings.catch_warnings(), contextlib.suppress(twoplayer.Diverged):
        warnings.simplefilter("ignore")
        twoplayer.train(recipe.method, source, run=folder, seed=seed, **{**COMMON, **recipe.settings})


def matrix(runs: Sequence[DiagnosedRun]) -> str:
    """Runs by failure modes: ● provoked and found, ○ provoked and missed, + also found, ✗ found in a normal run."""
    names = diagnosis.names()
    lines = ["# Runs and failure modes", "", *_summary(runs), ""]
    lines += ["| run | seed | " + " | ".join(names) + " |", "| --- | ---: |" + " :-: |" * len(names)]
    for run in runs:
        marks = [_mark(run, name) for name in names]
        lines.append(f"| {run.recipe.name} | {run.seed} | " + " | ".join(marks) + " |")
    return "\n".join([*lines, "", matrix.__doc__ or "", "The number is the confidence, in hundredths.", ""])


def _mark(run: DiagnosedRun, failure_mode: str) -> str:
    confidence = run.confidences.get(failure_mode)
    if run.recipe.failure_mode == failure_mode:
        return "○" if confidence is None else f"● {100 * confidence:.0f}"
    if confidence is None:
        return "?" if failure_mode in run.document["unchecked"] else ""
    return f"{'✗' if run.recipe.failure_mode is None else '+'} {100 * confidence:.0f}"


def _summary(runs: Sequence[DiagnosedRun]) -> Iterable[str]:
    for seeds, words in (({CHOSEN_ON}, "chosen on"), ({r.seed for r in runs} - {CHOSEN_ON}, "confirmed on")):
        with_seeds = [r for r in runs if r.seed in seeds]
        if not with_seeds:
            continue
        failing = [r for r in with_seeds if r.recipe.failure_mode]
        normal = [r for r in with_seeds if not r.recipe.failure_mode]
        yield (
            f"- Thresholds {words} seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, sorted(seeds)))}: "
            f"{sum(r.correct for r in failing)} of {len(failing)} provoked failures were found, and "
            f"{sum(not r.correct for r in normal)} of {len(normal)} normal runs had a finding. During training the "
            f"monitor warned of the game in {sum(r.warned for r in failing)} failing and "
            f"{sum(r.warned for r in normal)} normal runs."
        )


if __name__ == "__main__":
    main()
