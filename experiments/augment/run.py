"""Few images with and without differentiable augmentation, the same rounds for each, measured against all the images.

    python experiments/augment/run.py --data fashion-mnist --images 1000 --steps 20000 --seeds 3

Every run trains on the same `--images` training images; its samples are held against the whole data set, whose own
held-out part stands beside them as the ceiling. Runs that are finished are not trained again, and an interrupted one
goes on, so the command can be repeated. With more than one job the processor's cores are shared out. What is called
adaptive has all four kinds of change, flips included, with the strength that it finds.
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

import twoplayer

HERE = Path(__file__).parent
AUGMENT = {
    "none": [],
    "translation,cutout": ["--augment", "translation,cutout"],
    "colour,translation,cutout": ["--augment", "colour,translation,cutout"],
    "adaptive": ["--augment", "colour,translation,cutout,flip,adaptive"],
}
"""Kinds of augmentation by name, each with its flags."""
METRICS = ("fd", "kid", "precision", "recall")


@dataclass(frozen=True)
class Case:
    """One run of the study."""

    augment: str
    images: int | None
    """None: all there are."""
    seed: int

    @property
    def folder(self) -> str:
        return f"{self.images or 'all'}-{self.augment.replace(',', '+')}-seed{self.seed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--method", default="dcgan")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--ramp", type=int, default=100_000, help="images in which adaptive strength can reach 1")
    parser.add_argument("--augment", nargs="+", default=list(AUGMENT), choices=list(AUGMENT))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the run folders lie")
    parser.add_argument(
        "--output", type=Path, help="table to write [default: results/DATA-IMAGES.md beside this script]"
    )
    options = parser.parse_args()
    # Seed by seed, so that a study that is cut short has compared all; all images, without augmentation, are the goal.
    chosen = [Case(a, options.images, seed) for seed in range(options.seeds) for a in options.augment]
    chosen.append(Case("none", None, 0))
    with ThreadPoolExecutor(options.jobs) as pool:
        for case, code in zip(chosen, pool.map(lambda case: train(case, options), chosen), strict=True):
            print(f"{case.folder}: exit code {code}", file=sys.stderr)
    measured = [(case, measure(options.runs / case.folder, options.data)) for case in chosen]
    output = options.output or HERE / "results" / f"{options.data}-{options.images}.md"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(table(measured, options), encoding="utf-8")
    rows = [{"augment": case.augment, "images": case.images, "seed": case.seed, "figures": f} for case, f in measured]
    output.with_suffix(".json").write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(output.read_text(encoding="utf-8"))


def train(case: Case, options: argparse.Namespace) -> int:
    """One run in a process of its own; its exit code."""
    subset = [] if case.images is None else ["--data.subset", str(case.images)]
    ramp = ["--diff-augment.ramp", str(options.ramp)] if case.augment == "adaptive" else []
    flags = [*subset, *AUGMENT[case.augment], *ramp, "--seed", str(case.seed), "--steps", str(options.steps)]
    command = [sys.executable, "-m", "twoplayer", "train", options.method, "--data", options.data, *flags]
    environment = dict(os.environ)
    if options.jobs > 1:
        environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // options.jobs))
    unmeasured = ["--evaluate-every", "0", "--evaluate-count", "100"]  # what counts is measured below
    folder = ["--run", str(options.runs / case.folder)]
    return subprocess.run([*command, *unmeasured, *folder], env=environment, check=False).returncode


def measure(folder: Path, data: str) -> dict[str, dict[str, Any]]:
    """The figures of a run's samples against all of `data`, by the metric's name; measured once and kept."""
    kept = folder / "against_all.json"
    if not kept.is_file():
        result = twoplayer.evaluate(str(folder), data, metrics=METRICS)
        figures = [{"name": f.name, "value": f.value, "real": f.real} for f in result.figures]
        kept.write_text(json.dumps(figures), encoding="utf-8")
    return {figure["name"]: figure for figure in json.loads(kept.read_text(encoding="utf-8"))}


def table(measured: list[tuple[Case, dict[str, dict[str, Any]]]], options: argparse.Namespace) -> str:
    """Means over seeds, with their standard deviations."""
    names = list(measured[0][1])
    lines = [
        f"# {options.data}: {options.images:,} images, {options.steps:,} rounds of {options.method}",
        "",
        f"Means over {options.seeds} seeds, with standard deviations. 10,000 samples against all training images.",
        "",
        f"    {' '.join(['python', 'experiments/augment/run.py', *sys.argv[1:]])}",
        "",
        "| images | augmentation | " + " | ".join(names) + " |",
        "| ---: | --- |" + " ---: |" * len(names),
    ]
    for images in (options.images, None):
        for augment in dict.fromkeys(case.augment for case, _ in measured if case.images == images):
            runs = [figures for case, figures in measured if (case.images, case.augment) == (images, augment)]
            cells = [_spread([run[name]["value"] for run in runs]) for name in names]
            lines.append("| " + " | ".join([f"{images:,}" if images else "all", augment, *cells]) + " |")
    ceiling = [_spread([measured[0][1][name]["real"]]) for name in names]
    lines.append("| " + " | ".join(["", "held-out real data", *ceiling]) + " |")
    return "\n".join(lines) + "\n"


def _spread(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    deviation = f" ± {statistics.stdev(known):.2g}" if len(known) > 1 else ""
    return f"{statistics.mean(known):.4g}{deviation}"


if __name__ == "__main__":
    main()
