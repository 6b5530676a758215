"""What a BiGAN's encoder knows of classes that it was never told, beside other representations of the same images.

    python experiments/bigan/run.py --data fashion-mnist --budget 10min
    python experiments/bigan/run.py --data mnist --budget 10min --flat

Two runs are trained under one budget: a BiGAN, and a plain GAN of the same networks, for its critic's features. Runs
that are finished are not trained again, and an interrupted one goes on, so the command can be repeated. ``--flat`` is
the setting of Donahue et al. 2017, section 4.1: fully connected networks that know nothing of where a pixel is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import twoplayer
from twoplayer.api.run import Run
from twoplayer.core.rng import numpy_generator
from twoplayer.evaluation.tasks._base import TaskContext
from twoplayer.evaluation.tasks.linear_probes import (
    logistic_regression_correct,
    nearest_neighbour_correct,
    raw_values,
    untrained_encoder,
)
from twoplayer.evaluation.tasks.reconstruction import Reconstruction
from twoplayer.inference.encode import Reconstructions
from twoplayer.runs.dataset import reopen

HERE = Path(__file__).parent
FLAT = {
    "generator": {"name": "mlp", "filters": 1024, "depth": 2, "normalization": "batch"},
    "critic": {"name": "mlp", "filters": 1024, "depth": 2},
}
"""Two hidden layers of 1,024 units for every player, as in the paper's appendix C.1."""
COMMON = {"latent_dim": 50, "prior": "uniform", "batch_size": 128, "evaluate_every": 0, "tensorboard": False}
METHODS = {"bigan": "bigan", "gan": "dcgan"}


class Part(NamedTuple):
    """Images uint8 ``(N, H, W, C)`` with labels ``(N,)``."""

    images: np.ndarray
    labels: np.ndarray

    def some(self, count: int) -> Part:
        """At most so many, drawn at random."""
        rows = numpy_generator(0, "rows of a probe").permutation(len(self.images))[:count]
        return Part(np.asarray(self.images[rows]), self.labels[rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--budget")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--flat", action="store_true", help="fully connected networks, as on the paper's MNIST")
    parser.add_argument("--rows", type=int, default=60_000, help="training images that neighbours are looked for among")
    parser.add_argument("--probe-rows", type=int, default=20_000, help="training images that linear probes learn from")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the run folders lie")
    parser.add_argument(
        "--output", type=Path, help="table to write [default: results/DATA[-flat].md beside this script]"
    )
    options = parser.parse_args()
    if bool(options.budget) == bool(options.steps):
        parser.error("give --budget or --steps")
    bigan, gan = (train(kind, options) for kind in METHODS)
    train_part, test_part = parts(bigan)
    document = {
        "command": f"python experiments/bigan/run.py {' '.join(sys.argv[1:])}",
        "runs": [about(run) for run in (bigan, gan)],
        "reconstruction": reconstruction(bigan),
        "representations": list(accuracies(bigan, gan, train_part, test_part, options)),
    }
    output = options.output or HERE / "results" / f"{options.data}{'-flat' if options.flat else ''}.md"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(table(document), encoding="utf-8")
    output.with_suffix(".json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    spread = np.linspace(0, len(test_part.images) - 1, 64).round().astype(int)  # rows may lie class by class
    shown = np.asarray(test_part.images)[spread]
    Reconstructions(shown, bigan.reconstruct(shown).array).save(output.with_suffix(".png"))
    print(output.read_text(encoding="utf-8"))


def train(kind: str, options: argparse.Namespace) -> Run:
    """The run of that kind, trained to its end; where it is finished, nothing happens."""
    settings: dict[str, Any] = {**COMMON, **(FLAT if options.flat else {}), "seed": options.seed}
    if kind == "bigan" and options.flat:
        settings["join"] = "early"
    stop = {"budget": options.budget} if options.budget else {"steps": options.steps}
    folder = options.runs / f"{kind}-{options.data}{'-flat' if options.flat else ''}-seed{options.seed}"
    return twoplayer.train(METHODS[kind], options.data, run=folder, **settings, **stop)


def parts(run: Run) -> tuple[Part, Part]:
    """What was trained on, and what was held out. Labels played no part in training."""
    data = reopen(run.folder)
    if data.train_labels is None or data.held_out_labels is None:
        raise SystemExit(f"{data.name} has no labels, and probes need some")
    return Part(data.train, data.train_labels), Part(data.held_out, data.held_out_labels)


def about(run: Run) -> dict[str, Any]:
    environment, status = run.folder.environment(), run.status
    return {
        "method": run.config.method,
        **{key: status[key] for key in ("step", "images_seen", "seconds")},
        **{key: environment[key] for key in ("torch", "processor", "threads", "precision")},
    }


def reconstruction(run: Run) -> dict[str, float]:
    """Mean absolute error in gray values of held-out images, and of what a wrong or no encoding would give."""
    found = Reconstruction().measure(TaskContext(run, reopen(run.folder), 10_000, run.config.seed))
    return dict(
        zip(("own", "of another image", "mean image"), (255 * f.value for f in found.metric_values), strict=True)
    )


def accuracies(
    bigan: Run, gan: Run, train: Part, test: Part, options: argparse.Namespace
) -> Iterator[dict[str, float | str | int]]:
    """Each representation with the accuracy of its nearest neighbour and of a linear probe on held-out images."""
    known, probed = train.some(options.rows), train.some(options.probe_rows)
    held_out = Part(np.asarray(test.images), test.labels)
    for name, represent in representations(bigan, gan).items():
        features = [represent(part.images) for part in (known, probed, held_out)]
        yield {
            "name": name,
            "width": features[0].shape[1],
            "nearest": float(nearest_neighbour_correct(features[0], known.labels, features[2], held_out.labels).mean()),
            "probe": float(
                logistic_regression_correct(features[1], probed.labels, features[2], held_out.labels).mean()
            ),
        }


def representations(bigan: Run, gan: Run) -> dict[str, Any]:
    return {
        "pixels": raw_values,
        "encoder before training": untrained_encoder(bigan),
        "E(x)": bigan.encode,
        "BiGAN critic at (x, E(x))": lambda images: bigan.encode(images, by="critic"),
        "GAN critic": lambda images: gan.encode(images, by="critic"),
    }


def table(document: dict[str, Any]) -> str:
    first, second = document["runs"]
    lines = [
        f"# What E(x) knows: {first['images_seen']:,} images seen, the plain GAN {second['images_seen']:,}",
        "",
        f"`{first['processor']}`, {first['threads']} threads, torch {first['torch']}, {first['precision']}.",
        "",
        f"    {document['command']}",
        "",
        "| representation | numbers | 1-NN accuracy | linear probe |",
        "| --- | ---: | ---: | ---: |",
    ]
    for row in document["representations"]:
        lines.append(f"| {row['name']} | {row['width']:,} | {row['nearest']:.2%} | {row['probe']:.2%} |")
    error = document["reconstruction"]
    lines += [
        "",
        f"Reconstructions are {error['own']:.1f} gray values off on held-out images; another image's reconstruction is "
        f"{error['of another image']:.1f} off, the mean image {error['mean image']:.1f}.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
