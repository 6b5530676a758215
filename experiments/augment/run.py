"""Few images with and without differentiable augmentation, the same rounds for each, measured against all the images.

    python experiments/augment/run.py --data fashion-mnist --images 1000 --steps 20000 --seeds 3
    python experiments/augment/run.py --images 1000 --steps 5000 --seeds 1 --augment none translation,cutout adaptive

Every run of a seed trains on the same `--images` training images; its samples are held against the whole data set,
whose own held-out part stands beside them as the ceiling, and a run on all images, without augmentation, as the goal
(--no-goal: without it).
Runs that are finished are not trained again, and an interrupted one goes on, so the command can be repeated. With more
than one job the processor's cores are shared out.

What adapts has exactly the kinds of change that stand in the row above it with a strength of 1, so that the two rows
differ in the strength alone. No row flips: Fashion-MNIST's shoes all point to the left, and the generator would learn
the mirror images too, which are no data.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import twoplayer
from twoplayer.sampling.image_grid import image_grid, png_bytes

HERE = Path(__file__).parent
AUGMENT = {
    "none": "none",
    "translation,cutout": "translation,cutout",
    "adaptive": "translation,cutout,adaptive",
    "colour,translation,cutout": "colour,translation,cutout",
    "colour,adaptive": "colour,translation,cutout,adaptive",
}
"""What `twoplayer train --augment` gets, by the name here."""
METRICS = ("fd", "kid", "precision", "recall")
SHOWN = 12
"""Samples of each row in the picture."""


@dataclass(frozen=True)
class Case:
    """One run of the study."""

    augment: str
    images: int | None
    """None: all there are."""
    seed: int

    @property
    def flag(self) -> str:
        return AUGMENT[self.augment]

    @property
    def adapts(self) -> bool:
        return self.flag.endswith("adaptive")

    @property
    def folder(self) -> str:
        return f"{self.images or 'all'}-{self.flag.replace(',', '+')}-seed{self.seed}"


@dataclass(frozen=True)
class Measured:
    """A run with its figures by the metric's name, and the strength that its augmentation ended with."""

    case: Case
    figures: dict[str, dict[str, Any]]
    strength: float | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--method", default="dcgan")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument(
        "--ramp-images", type=int, default=100_000, help="images in which adaptive strength can reach 1"
    )
    parser.add_argument("--augment", nargs="+", default=list(AUGMENT), choices=list(AUGMENT))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--goal", action=argparse.BooleanOptionalAction, default=True, help="a run on all images too")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the run folders lie")
    parser.add_argument(
        "--output", type=Path, help="table to write [default: results/DATA-IMAGES.md beside this script]"
    )
    options = parser.parse_args()
    # Seed by seed, so that a study that is cut short has compared all.
    chosen = [Case(a, options.images, seed) for seed in range(options.seeds) for a in options.augment]
    chosen += [Case("none", None, 0)] if options.goal else []
    with ThreadPoolExecutor(options.jobs) as pool:
        codes = list(pool.map(lambda case: train(case, options), chosen))
    if any(codes):
        failed = ", ".join(case.folder for case, code in zip(chosen, codes, strict=True) if code)
        sys.exit(f"not finished: {failed}; repeat the command to go on")
    measured = [measure(case, options) for case in chosen]
    output = options.output or HERE / "results" / f"{options.data}-{options.images}.md"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(table(measured, options), encoding="utf-8")
    rows = [
        {"augment": m.case.flag, "images": m.case.images, "seed": m.case.seed, "strength": m.strength,
         "metric_values": m.metric_values} for m in measured
    ]  # fmt: skip
    output.with_suffix(".json").write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    shown = [case for case in chosen if case.seed == 0]
    samples = [twoplayer.Run(options.runs / case.folder).sample(SHOWN).array for case in shown]
    output.with_suffix(".png").write_bytes(png_bytes(image_grid(np.concatenate(samples), columns=SHOWN)))
    print(output.read_text(encoding="utf-8"))


def train(case: Case, options: argparse.Namespace) -> int:
    """One run in a process of its own; its exit code."""
    subset = [] if case.images is None else ["--data.subset", str(case.images)]
    ramp = ["--diff-augment.ramp_images", str(options.ramp_images)] if case.adapts else []
    flags = [*subset, "--augment", case.flag, *ramp, "--seed", str(case.seed), "--steps", str(options.steps)]
    command = [sys.executable, "-m", "twoplayer", "train", options.method, "--data", options.data, *flags]
    environment = dict(os.environ)
    if options.jobs > 1:
        environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // options.jobs))
    unmeasured = ["--evaluate-every", "0", "--evaluate-count", "100"]  # what counts is measured below
    folder = ["--run", str(options.runs / case.folder)]
    return subprocess.run([*command, *unmeasured, *folder], env=environment, check=False).returncode


def measure(case: Case, options: argparse.Namespace) -> Measured:
    """The run's samples against all of the data; measured once for each length of training, and kept in its folder."""
    run = twoplayer.Run(options.runs / case.folder)
    kept = run.path / f"against_all_{run.step}.json"
    if not kept.is_file():
        result = twoplayer.evaluate(str(run.path), options.data, metrics=METRICS)
        figures = [{"name": f.name, "value": f.value, "real": f.real} for f in result.metric_values]
        kept.write_text(json.dumps(figures), encoding="utf-8")
    figures_by_name = {figure["name"]: figure for figure in json.loads(kept.read_text(encoding="utf-8"))}
    strength = run.progress[-1]["diff_augment"] if case.adapts else None
    return Measured(case, figures_by_name, strength)


def table(measured: list[Measured], options: argparse.Namespace) -> str:
    """Means over seeds, with their standard deviations."""
    names = list(measured[0].metric_values)
    environment = twoplayer.Run(options.runs / measured[0].case.folder).folder.environment()
    goal = "; the run on all images is seed 0" if options.goal else ""
    lines = [
        f"# {options.data}: {options.images:,} images, {options.steps:,} rounds of {options.method}",
        "",
        f"{_seeds(options.seeds)}{goal}. 10,000 samples against all training images.",
        f"Strength is the probability of each change at the end; an adaptive one begins at 0 and can reach 1 in "
        f"{options.ramp_images:,} images.",
        "",
        f"`{environment['processor']}`, {environment['threads']} threads, torch {environment['torch']}, "
        f"{environment['precision']}.",
        "",
        f"    {' '.join(['python', 'experiments/augment/run.py', *sys.argv[1:]])}",
        "",
        "| images | `--augment` | strength | " + " | ".join(names) + " |",
        "| ---: | --- | ---: |" + " ---: |" * len(names),
    ]
    for images in (options.images, None):
        for augment in dict.fromkeys(m.case.augment for m in measured if m.case.images == images):
            runs = [m for m in measured if (m.case.images, m.case.augment) == (images, augment)]
            fixed = "" if augment == "none" else "1"
            strength = _spread([run.strength for run in runs]) if runs[0].case.adapts else fixed
            cells = [_spread([run.metric_values[name]["value"] for run in runs]) for name in names]
            row = [f"{images:,}" if images else "all", AUGMENT[augment], strength, *cells]
            lines.append("| " + " | ".join(row) + " |")
    ceiling = [_spread([measured[0].metric_values[name]["real"]]) for name in names]
    lines.append("| " + " | ".join(["", "held-out real data", "", *ceiling]) + " |")
    return "\n".join(lines) + "\n"


def _seeds(count: int) -> str:
    return "One seed" if count == 1 else f"Means over {count} seeds, with standard deviations"


def _spread(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    deviation = f" ± {statistics.stdev(known):.2g}" if len(known) > 1 else ""
    return f"{statistics.mean(known):.4g}{deviation}"


if __name__ == "__main__":
    main()
