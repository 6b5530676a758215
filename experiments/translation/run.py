"""pix2pix, a pure L1 regression and CycleGAN on the same emoji in two vendors' styles, held against doing nothing.

    twoplayer data prepare emoji --pairs google twitter -o emoji-pairs
    python experiments/translation/run.py --data emoji-pairs --budget 10min

The regression is pix2pix without a critic. CycleGAN gets the same folder; its game draws both sides in orders of their
own, so that it never sees which emoji belong together; its two translators are smaller, for a round takes six passes
through them, and its rate stays, where its preset lets it fall in the second half. Every figure is taken on held-out
emoji, none of which any run has seen in either style: the mean absolute difference from the true partner and a distance
of local features (both smaller is nearer), and the Fréchet distance to the training images of the target style in
features of random convolutions (smaller is more alike as a whole; with so few images it has a floor, which the true
partners show). Writes a table, the same as JSON, and a picture.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import twoplayer
from twoplayer import Run, extractors
from twoplayer.inference.translate import translate, translation_errors
from twoplayer.metrics._base import Moments
from twoplayer.metrics._frechet import frechet_distance, moments
from twoplayer.runs.dataset import reopen
from twoplayer.sampling.image_grid import image_grid, png_bytes

HERE = Path(__file__).parent
RUNS: dict[str, dict[str, Any]] = {
    "regression": {"method": "pix2pix", "adversarial_weight": 0.0},
    "pix2pix": {"method": "pix2pix"},
    "cyclegan": {"method": "cyclegan", "generator.filters": 16, "generator.depth": 3, "lr_decay_start": 1.0},
}
SHOWN = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder with both styles, paired")
    parser.add_argument("--budget", default="10min", help="training time of each run")
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the run folders lie")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="folder of table and picture")
    options = parser.parse_args()
    runs = {name: train(name, options) for name in RUNS}
    dataset = reopen(runs["pix2pix"].folder)
    assert dataset.partner_held_out is not None and dataset.partner_train is not None
    given, true = np.asarray(dataset.held_out), np.asarray(dataset.partner_held_out)
    made = {"copy of the input": given}
    made |= {name: np.stack(translate(run, list(given))) for name, run in runs.items()}
    made["true partners"] = true
    # Of other emoji: the partners' own pictures would make of it one more distance from the partner.
    style = features(np.asarray(dataset.partner_train))
    rows = [row(name, pictures, true, style, runs.get(name)) for name, pictures in made.items()]
    options.output.mkdir(parents=True, exist_ok=True)
    write(options, rows, runs["pix2pix"])
    columns = [given, *(made[name] for name in RUNS), true]
    some = np.linspace(0, len(given) - 1, SHOWN).round().astype(int)
    shown = np.stack([pictures[some] for pictures in columns], 1).reshape(-1, *given.shape[1:])
    (options.output / "held_out.png").write_bytes(png_bytes(image_grid(shown, columns=len(columns) * 3)))


def train(name: str, options: argparse.Namespace) -> Run:
    """One run, or what there is of it."""
    settings = {"generator.filters": options.filters, "critic.filters": options.filters, **RUNS[name]}
    method = settings.pop("method")
    return twoplayer.train(
        method, f"pairs:{options.data}", run=options.runs / f"{name}-seed0", budget=options.budget,
        resolution=options.resolution, **settings,
    )  # fmt: skip


def row(name: str, made: np.ndarray, true: np.ndarray, style: Moments, run: Run | None) -> dict[str, Any]:
    """What a way of translating comes to."""
    found = translation_errors(made, true)
    distance = frechet_distance(features(made), style)
    figures = {"l1": found.l1, "perceptual": found.perceptual, "fd_random_conv": distance}
    training = {} if run is None else {k: run.status[k] for k in ("step", "images_seen", "seconds")}
    return {"made by": name, **figures, "count": found.count, **training}


def features(pictures: np.ndarray) -> Moments:
    """Mean and covariance of what random convolutions see in pictures."""
    return moments(extractors.create("random-conv").extract(pictures).features)


def write(options: argparse.Namespace, rows: list[dict[str, Any]], run: Run) -> None:
    environment = run.folder.environment()
    names = ["made by", "l1", "perceptual", "fd_random_conv", "step", "images_seen"]
    lines = [
        f"# Translation of {rows[0]['count']} held-out emoji, {options.budget} each, {options.resolution} pixels",
        "",
        f"`{environment['processor']}`, {environment['cores']} cores, {environment['threads']} threads, torch "
        f"{environment['torch']}, {environment['precision']}.",
        "",
        f"    {' '.join(['python', 'experiments/translation/run.py', *sys.argv[1:]])}",
        "",
        "| " + " | ".join(names) + " |",
        "| --- |" + " ---: |" * (len(names) - 1),
    ]
    for entry in rows:
        cells = [entry.get(name, "") for name in names]
        lines.append("| " + " | ".join(f"{c:.4g}" if isinstance(c, float) else f"{c}" for c in cells) + " |")
    (options.output / "emoji.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    document = {"command": sys.argv, "environment": environment, "rows": rows}
    (options.output / "emoji.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
