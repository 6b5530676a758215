"""Samples with labels: how often an independent classifier finds the label that was asked for.

    python experiments/conditional/run.py --data fashion-mnist --images 250000
    python experiments/conditional/run.py --images 250000 --runs-of cgan acgan "acgan --auxiliary-classifier-data both"

Each run is a method, with flags of `twoplayer train` if any. The table holds, beside the rate of labels found, the
Fréchet distance of all samples and the mean of those within classes; next to them stands held-out real data. Runs that
are finished are not trained again, and an interrupted one goes on. Writes a table, the same as JSON, and a picture with
a column for each label and rows of samples for each run.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import twoplayer
from twoplayer.sampling.image_grid import image_grid, png_bytes

HERE = Path(__file__).parent
RUNS_OF = (
    "cgan", "acgan", "acgan --condition-dim 64", "acgan --auxiliary-classifier-data both --condition-dim 64",
)  # fmt: skip
FIGURES = {"label_accuracy": "labels found", "fd": "Fréchet distance", "label_intra_fd": "within classes",
           "diversity_score": "diversity score"}  # fmt: skip
ROWS = 3
"""Rows of samples for each run."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--images", type=int, default=250_000, help="real images that each critic sees")
    parser.add_argument("--runs-of", nargs="+", default=RUNS_OF, help="methods, with their flags")
    parser.add_argument("--count", type=int, default=2000, help="samples that are measured")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the run folders lie")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="folder of table and picture")
    options = parser.parse_args()
    runs = {wanted: train(wanted, options) for wanted in options.runs_of}
    rows = [{"run": wanted, "images_seen": run.images_seen, **measured(run, options)} for wanted, run in runs.items()]
    options.output.mkdir(parents=True, exist_ok=True)
    output = options.output / f"{options.data}.md"
    environment = next(iter(runs.values())).folder.environment()
    output.write_text(table(rows, environment, options), encoding="utf-8")
    document = {"command": sys.argv, "environment": environment, "runs": rows}
    output.with_suffix(".json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    output.with_suffix(".png").write_bytes(png_bytes(picture(list(runs.values()))))
    print(output.read_text(encoding="utf-8"))


def train(wanted: str, options: argparse.Namespace) -> twoplayer.Run:
    """The run in its folder, trained by the command that a user would type."""
    folder = options.runs / f"{options.data}-{wanted.replace(' --', '-').replace(' ', '-')}-seed{options.seed}"
    command = [sys.executable, "-m", "twoplayer", "train", *shlex.split(wanted), "--data", options.data]
    command += ["--images", str(options.images), "--seed", str(options.seed), "--evaluate-count", "0"]
    subprocess.run([*command, "--run", str(folder)], check=True)
    return twoplayer.Run(folder)


def measured(run: twoplayer.Run, options: argparse.Namespace) -> dict[str, Any]:
    """Value and real value by the figure's name without what says how it was measured."""
    found = run.evaluate(n=options.count, metrics="fd,diversity-score,conditional-accuracy").metric_values
    keys = {
        figure.name: next((k for k in sorted(FIGURES, reverse=True) if figure.name.startswith(k)), "")
        for figure in found
    }
    return {keys[f.name]: {"value": f.value, "real": f.real} for f in found if keys[f.name]}


def table(rows: list[dict[str, Any]], environment: dict[str, Any], options: argparse.Namespace) -> str:
    lines = [
        f"# {options.data}, {options.images:,} images",
        "",
        f"`{environment['processor']}`, {environment['cores']} cores, {environment['threads']} threads, torch "
        f"{environment['torch']}, {environment['precision']}. {options.count:,} samples, seed {options.seed}.",
        "",
        f"    {shlex.join(['python', 'experiments/conditional/run.py', *sys.argv[1:]])}",
        "",
        "| run | " + " | ".join(FIGURES.values()) + " |",
        "| --- |" + " ---: |" * len(FIGURES),
    ]
    for row in rows:
        lines.append(f"| `{row['run']}` | " + " | ".join(f"{row[key]['value']:.3g}" for key in FIGURES) + " |")
    lines.append("| held-out real data | " + " | ".join(f"{rows[0][key]['real']:.3g}" for key in FIGURES) + " |")
    return "\n".join(lines) + "\n"


def picture(runs: list[twoplayer.Run]) -> Any:
    """A column for each label; equal rows of each run."""
    labels = runs[0].data["classes"]
    blocks = [np.stack([run.sample(ROWS, label=label).array for label in labels], 1) for run in runs]
    return image_grid(np.concatenate(blocks).reshape(-1, *blocks[0].shape[2:]), columns=len(labels))


if __name__ == "__main__":
    main()
