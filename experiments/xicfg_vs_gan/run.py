"""xICFG against four GANs at equal wall-clock budgets: inception and diversity score over time, with bands over seeds.

    python experiments/xicfg_vs_gan/run.py --data fashion-mnist mnist --budget 10min --seeds 3

Each of the five methods plays with a convolutional and with a fully connected generator, with and without batch
normalization in both players (wgan-gp's critic has layer normalization where the others have batch normalization,
Gulrajani et al. 2017, section 4), always before a convolutional critic, as Johnson & Zhang 2018 do. Runs that are
finished are not trained again, and an interrupted one goes on, so the command can be repeated. With more than one job
the processor's cores are shared out. `--rates` multiplies the methods' own learning rates, to see whether a failure is
a matter of step size.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from twoplayer import Run
from twoplayer.config.layers import resolve_config
from twoplayer.pages.plot_style import COLOURS, DASHES
from twoplayer.sampling.image_grid import image_grid

HERE = Path(__file__).parent
METHODS = ("xicfg", "gan0", "gan1", "wgan", "wgan-gp")
GENERATORS = {"convolutional": "dcgan", "fully connected": "mlp-shortcut"}
FIGURES = {"inception_score": "inception score", "diversity_score": "diversity score", "fd": "Fréchet distance"}
POINTS = 24
"""Places in time at which the seeds are compared."""
SHOWN = 6
"""Rows and columns of samples in the picture."""


@dataclass(frozen=True)
class Case:
    """One run of the study."""

    data: str
    generator: str
    normalized: bool
    method: str
    rate: float
    """Learning rates as multiples of the method's own."""
    seed: int

    @property
    def folder(self) -> str:
        norm, rate = "norm" if self.normalized else "plain", "" if self.rate == 1 else f"-rate{self.rate:g}"
        return f"{self.data}-{self.generator.split()[0]}-{norm}-{self.method}{rate}-seed{self.seed}"

    @property
    def kind(self) -> tuple[str, bool, str, float]:
        """What the seeds of one row have in common."""
        return self.generator, self.normalized, self.method, self.rate

    @property
    def flags(self) -> list[str]:
        generator, critic = "batch", "layer" if self.method == "wgan-gp" else "batch"
        norms = (generator, critic) if self.normalized else ("none", "none")
        method = "xicfg-fc" if (self.method, self.generator) == ("xicfg", "fully connected") else self.method
        networks = ["--generator", GENERATORS[self.generator], "--critic", "dcgan"]
        normalization = ["--generator.normalization", norms[0], "--critic.normalization", norms[1]]
        return [method, "--data", self.data, *networks, *normalization, *self._rates(method), "--seed", str(self.seed)]

    def _rates(self, method: str) -> list[str]:
        if self.rate == 1:
            return []
        own = resolve_config(method, self.data).optimizer.model_dump()
        rates = {name: value for name, value in own.items() if name.endswith("learning_rate") and value}
        return [word for name, value in rates.items() for word in (f"--optimizer.{name}", f"{value * self.rate:g}")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=["fashion-mnist", "mnist"])
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--generators", nargs="+", default=list(GENERATORS), choices=list(GENERATORS))
    parser.add_argument("--normalized", nargs="+", default=["yes", "no"], choices=["yes", "no"])
    parser.add_argument(
        "--rates", nargs="+", type=float, default=[1.0], help="multiples of the methods' learning rates"
    )
    parser.add_argument("--budget", default="10min")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--resolution", type=int, help="side of the images, in pixels [default: the data's own]")
    parser.add_argument("--filters", type=int, help="of the first convolution [default: the networks' own]")
    parser.add_argument("--evaluate-count", type=int, default=10_000, help="generated samples per measurement")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the run folders lie")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="folder of tables and pictures")
    options = parser.parse_args()
    chosen = list(cases(options))
    with ThreadPoolExecutor(options.jobs) as pool:
        for case, code in zip(chosen, pool.map(lambda case: train(case, options), chosen), strict=True):
            print(f"{case.folder}: exit code {code}", file=sys.stderr)
    options.output.mkdir(parents=True, exist_ok=True)
    for data in options.data:
        report(data, [case for case in chosen if case.data == data], options)


def cases(options: argparse.Namespace) -> Iterator[Case]:
    """Seed by seed, so that a study that is cut short has compared all methods."""
    for seed in range(options.seeds):
        for data in options.data:
            for generator in options.generators:
                for normalized in options.normalized:
                    for method in options.methods:
                        for rate in options.rates:
                            yield Case(data, generator, normalized == "yes", method, rate, seed)


def train(case: Case, options: argparse.Namespace) -> int:
    """One run in a process of its own; its exit code."""
    command = [sys.executable, "-m", "twoplayer", "train", *case.flags, "--budget", options.budget]
    command += ["--evaluate-count", str(options.evaluate_count)]
    for flag in ("resolution", "filters"):
        if getattr(options, flag):
            command += [f"--{flag}", str(getattr(options, flag))]
    environment = dict(os.environ)
    if options.jobs > 1:
        environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // options.jobs))
    return subprocess.run([*command, "--run", str(options.runs / case.folder)], env=environment, check=False).returncode


def report(data: str, chosen: list[Case], options: argparse.Namespace) -> None:
    runs = [(case, Run(options.runs / case.folder)) for case in chosen if (options.runs / case.folder).is_dir()]
    measured = [(case, run) for case, run in runs if run.metrics]
    if not measured:
        return
    (options.output / f"{data}.md").write_text(table(data, measured, options), encoding="utf-8")
    rows = [
        {**asdict(case), "seconds": run.status["seconds"], "images_seen": run.status["images_seen"],
         "state": run.status["state"], "metrics": run.metrics}
        for case, run in measured
    ]  # fmt: skip
    (options.output / f"{data}.json").write_text(json.dumps(rows, ensure_ascii=False) + "\n", encoding="utf-8")
    draw(data, measured, options.output / f"{data}.png")
    show(data, [(case, run) for case, run in measured if case.seed == 0], options.output / f"{data}-samples.png")


def table(data: str, measured: list[tuple[Case, Run]], options: argparse.Namespace) -> str:
    environment = measured[0][1].folder.environment()
    figures = measured[0][1].metrics[-1]["metric_values"]
    real = ", ".join(f"{FIGURES[_key(f['name'])]} {f['real']:.4g}" for f in figures if f["real"] is not None)
    size = f" at {options.resolution} by {options.resolution} pixels" if options.resolution else ""
    lines = [
        f"# {data}{size}, {options.budget} each",
        "",
        f"`{environment['processor']}`, {environment['cores']} cores, {environment['threads']} threads, torch "
        f"{environment['torch']}, {environment['precision']}; {options.jobs} at a time. "
        f"{' '.join(measured[0][1].metrics[-1]['notes'])} Held-out real data: {real}.",
        "",
        f"    {' '.join(['python', 'experiments/xicfg_vs_gan/run.py', *sys.argv[1:]])}",
        "",
        "| generator | normalized | method | learning rate | seeds | images seen | "
        + " | ".join(FIGURES.values())
        + " |",
        "| --- | --- | --- | --- | ---: | ---: |" + " ---: |" * len(FIGURES),
    ]
    for kind in dict.fromkeys(case.kind for case, _ in measured):
        same = [run for case, run in measured if case.kind == kind]
        seen = statistics.mean(run.status["images_seen"] for run in same)
        cells = [_spread([_last(run, figure) for run in same]) for figure in FIGURES]
        head = [kind[0], "yes" if kind[1] else "no", kind[2], "its own" if kind[3] == 1 else f"times {kind[3]:g}"]
        lines.append("| " + " | ".join([*head, str(len(same)), f"{seen:,.0f}", *cells]) + " |")
    return "\n".join(lines) + "\n"


def draw(data: str, measured: list[tuple[Case, Run]], path: Path) -> None:
    """Inception and diversity score over seconds: the mean of the seeds, and a band from the least to the greatest."""
    from matplotlib.figure import Figure

    panes = list(dict.fromkeys(case.kind[:2] for case, _ in measured))
    lines = list(dict.fromkeys(case.kind[2:] for case, _ in measured))
    figure = Figure(figsize=(10, 2.8 * len(panes)), layout="constrained", dpi=110)
    panels = figure.subplots(len(panes), 2, squeeze=False, sharex=True)
    for pane, row in zip(panes, panels, strict=True):
        for panel, key in zip(row, ("inception_score", "diversity_score"), strict=True):
            for line, colour, dash in zip(lines, cycle(COLOURS), cycle(DASHES), strict=False):
                same = [run for case, run in measured if case.kind == (*pane, *line)]
                if same:
                    seconds, values = _over_time(same, key)
                    label = line[0] if line[1] == 1 else f"{line[0]}, rate times {line[1]:g}"
                    panel.plot(seconds, values.mean(0), color=colour, linestyle=dash, label=label)
                    panel.fill_between(seconds, values.min(0), values.max(0), color=colour, alpha=0.15, linewidth=0)
            panel.set_title(f"{pane[0]}, {'with' if pane[1] else 'without'} normalization", fontsize=10, loc="left")
            panel.set_ylabel(FIGURES[key])
            panel.grid(color="#e5e1d8")
    for panel in panels[-1]:
        panel.set_xlabel("seconds of training")
    panels[0][0].legend(fontsize=8)
    figure.suptitle(data)
    figure.savefig(path)


def show(data: str, runs: list[tuple[Case, Run]], path: Path) -> None:
    """Samples of each run, from equal latents where their dimensions agree: a row for a pane, a column for a method."""
    from matplotlib.figure import Figure

    panes = list(dict.fromkeys(case.kind[:2] for case, _ in runs))
    lines = list(dict.fromkeys(case.kind[2:] for case, _ in runs))
    figure = Figure(figsize=(2.2 * len(lines), 2.5 * len(panes)), layout="constrained", dpi=110)
    panels = figure.subplots(len(panes), len(lines), squeeze=False)
    for panel in panels.flat:
        panel.set_axis_off()
    for case, run in runs:
        panel = panels[panes.index(case.kind[:2])][lines.index(case.kind[2:])]
        panel.imshow(
            np.asarray(image_grid(run.sample(SHOWN**2).array, columns=SHOWN, scale=1)), cmap="gray", vmin=0, vmax=255
        )
        norm = "normalized" if case.normalized else "not normalized"
        rate = "" if case.rate == 1 else f", rate times {case.rate:g}"
        panel.set_title(f"{case.method}{rate}\n{case.generator}, {norm}", fontsize=8, loc="left")
    figure.suptitle(data)
    figure.savefig(path)


def _over_time(runs: list[Run], key: str) -> tuple[Any, Any]:
    courses = [
        [(m["seconds"], f["value"]) for m in run.metrics for f in m["metric_values"] if _key(f["name"]) == key]
        for run in runs
    ]
    end = min(course[-1][0] for course in courses)
    seconds = np.linspace(max(course[0][0] for course in courses), end, POINTS)
    return seconds, np.array([np.interp(seconds, *zip(*course, strict=True)) for course in courses])


def _key(name: str) -> str:
    return next((key for key in FIGURES if name.startswith(key)), name)


def _last(run: Run, key: str) -> float:
    return next((f["value"] for f in run.metrics[-1]["metric_values"] if _key(f["name"]) == key), float("nan"))


def _spread(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.4g}"
    return f"{statistics.mean(values):.4g} ({min(values):.4g} to {max(values):.4g})"


if __name__ == "__main__":
    main()
