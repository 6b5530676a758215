"""Runs made sick on purpose and healthy ones, and whether `twoplayer diagnose` tells them apart.

    python experiments/diagnose/run.py

At least three runs for each disease and more than ten healthy ones are trained (`recipes.py`), each from several seeds:
the thresholds in ``twoplayer/diagnose`` were chosen on seed 0 alone, and the other seeds confirm them. Runs that are
finished are not trained again and diagnoses that are there are not made again, so the command can be repeated;
``--again`` makes the diagnoses anew. What is written: the matrix of runs and diseases, and all evidence as JSON.
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

HERE = Path(__file__).parent
COMMON: dict[str, Any] = {"evaluate_every": 0, "evaluate_count": 100, "tensorboard": False, "device": "cpu"}
CHOSEN_ON = 0
"""The seed on which thresholds were chosen."""


@dataclass(frozen=True)
class Patient:
    """A run of the experiment and its diagnosis."""

    recipe: Recipe
    seed: int
    document: dict[str, Any]

    @property
    def found(self) -> dict[str, float]:
        """Confidence by disease."""
        return {f["disease"]: f["confidence"] for f in self.document["findings"]}

    @property
    def right(self) -> bool:
        """Whether what was made is found, or where nothing was made nothing is."""
        return not self.found if self.recipe.sick is None else self.recipe.sick in self.found

    @property
    def warned(self) -> bool:
        """Whether it heard of its game, not only of its data, while it trained."""
        return any(not text.startswith("round 0: ") for text in self.document["warnings"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--recipes", nargs="+", help="these runs only")
    parser.add_argument("--runs", type=Path, default=Path("runs/diagnose"), help="where the run folders lie")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="where the matrix goes")
    parser.add_argument("--again", action="store_true", help="make diagnoses anew")
    options = parser.parse_args()
    write_data(options.runs / "data")
    chosen = [r for r in RECIPES if not options.recipes or r.name in options.recipes]
    patients = [examined(recipe, seed, options) for seed in options.seeds for recipe in chosen]
    text = matrix(patients)
    print(text)
    if not options.recipes:
        write_atomic(options.output / "matrix.md", text)
        evidence = [{"run": p.recipe.name, "seed": p.seed, "made": p.recipe.sick, **p.document} for p in patients]
        write_json(options.output / "evidence.json", evidence)


def examined(recipe: Recipe, seed: int, options: argparse.Namespace) -> Patient:
    folder = options.runs / f"{recipe.name}-seed{seed}"
    kept = folder / "experiment.json"
    if not kept.exists() or options.again:
        began = time.process_time()
        train(recipe, seed, folder, options.runs / "data")
        trained = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            document = diagnosis.diagnose(folder).document()
        spent = {"training": trained - began, "diagnosing": time.process_time() - trained}
        write_json(kept, {"processor_seconds": spent, **document})
        told = ", ".join(f"{f['disease']} {f['confidence']:.2f}" for f in document["findings"])
        print(f"{folder.name}: {spent} {told}", file=sys.stderr, flush=True)
    return Patient(recipe, seed, json.loads(kept.read_text()))


def train(recipe: Recipe, seed: int, folder: Path, data: Path) -> None:
    """Train it, or go on where it stopped."""
    source = str(data / recipe.data) if recipe.data.endswith(".npy") else recipe.data
    with warnings.catch_warnings(), contextlib.suppress(twoplayer.Diverged):
        warnings.simplefilter("ignore")
        twoplayer.train(recipe.method, source, run=folder, seed=seed, **{**COMMON, **recipe.settings})


def matrix(patients: Sequence[Patient]) -> str:
    """Runs by diseases: ● made and found, ○ made and missed, + found besides in a sick run, ✗ a healthy run accused."""
    names = diagnosis.names()
    lines = ["# Runs and diseases", "", *_summary(patients), ""]
    lines += ["| run | seed | " + " | ".join(names) + " |", "| --- | ---: |" + " :-: |" * len(names)]
    for patient in patients:
        marks = [_mark(patient, name) for name in names]
        lines.append(f"| {patient.recipe.name} | {patient.seed} | " + " | ".join(marks) + " |")
    return "\n".join([*lines, "", matrix.__doc__ or "", "The number is the confidence, in hundredths.", ""])


def _mark(patient: Patient, disease: str) -> str:
    found = patient.found.get(disease)
    if patient.recipe.sick == disease:
        return "○" if found is None else f"● {100 * found:.0f}"
    if found is None:
        return "?" if disease in patient.document["unchecked"] else ""
    return f"{'✗' if patient.recipe.sick is None else '+'} {100 * found:.0f}"


def _summary(patients: Sequence[Patient]) -> Iterable[str]:
    for seeds, words in (({CHOSEN_ON}, "chosen on"), ({p.seed for p in patients} - {CHOSEN_ON}, "confirmed on")):
        some = [p for p in patients if p.seed in seeds]
        if not some:
            continue
        sick, healthy = [p for p in some if p.recipe.sick], [p for p in some if not p.recipe.sick]
        yield (
            f"- Thresholds {words} seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, sorted(seeds)))}: "
            f"{sum(p.right for p in sick)} of {len(sick)} diseases made were found, "
            f"{sum(not p.right for p in healthy)} of {len(healthy)} healthy runs were accused. While they trained, "
            f"{sum(p.warned for p in sick)} of the sick and {sum(p.warned for p in healthy)} of the healthy heard a "
            "warning of their game."
        )


if __name__ == "__main__":
    main()
