"""When to stop: for each criterion, how much quality it loses against the best checkpoint in hindsight, and how much
time it saves.

    python experiments/stopping/run.py --data digits fashion-mnist --budget 100s

Every method is trained once on each data set, to the end of the budget, and keeps some twenty checkpoints on the way.
On each of them every criterion gives its judgement, and the truth is measured: the figure on other samples than those
that the plateau criterion judged by. Then the rule of ``--early-stopping`` is replayed on the judgements, as if it had
been asked in training: where it stops, what it keeps, what that checkpoint's true figure is, and what training and
judging took until then. What has been trained and recorded is not done again.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from twoplayer.core.device import place
from twoplayer.core.errors import UserError
from twoplayer.core.files import read_json, write_atomic, write_json
from twoplayer.runs import checkpoint
from twoplayer.runs.dataset import reopen
from twoplayer.runs.run_dir import RunFolder
from twoplayer.training import stopping
from twoplayer.training.assemble import restored
from twoplayer.training.stopping._patience import Judgement, PatienceRule, best, counted

HERE = Path(__file__).parent
METHODS = ("default", "gan1", "lsgan", "wgan-gp", "sngan", "r3gan")
PATIENCE = (0.25, 0.5, 1.0)
SAMPLES = 5_000
"""On which the truth is measured."""


@dataclass(frozen=True)
class Replay:
    """What a criterion would have done in one run."""

    data: str
    method: str
    criterion: str
    patience: float
    stopped: bool
    loss: float
    """True figure of what it keeps over that of the best checkpoint, less 1."""
    saved: float
    """Share of the run's training time that it saves, its own time counted; below 0 it costs more than it saves."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=["digits", "fashion-mnist"])
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--budget", default="100s")
    parser.add_argument("--filters", default="16", help="width of all networks")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the run folders lie")
    parser.add_argument("--output", type=Path, default=HERE / "results")
    options = parser.parse_args()
    records = {}
    for data in options.data:
        for method in options.methods:
            print(f"{method} on {data} ...", file=sys.stderr)
            records[data, method] = recorded(data, method, options)
    replays = [r for (data, method), lines in records.items() for r in replayed(data, method, lines)]
    write_atomic(options.output / "stopping.md", report(replays, records, options))
    write_json(options.output / "stopping.json", {f"{m} on {d}": lines for (d, m), lines in records.items()})
    print((options.output / "stopping.md").read_text(encoding="utf-8"))


# ---------------------------------------------------------------------- recording


def recorded(data: str, method: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """A line for each checkpoint of one long run: where it was, the truth, and each criterion's judgement."""
    folder = options.runs / f"stopping-{method}-{data}-{options.budget}-{options.filters}"
    file = folder.with_suffix(".json")
    if file.is_file():
        return list(read_json(file))
    train(data, method, folder, options)
    lines = list(judged(RunFolder(folder)))
    write_json(file, lines)
    shutil.rmtree(folder)  # twenty checkpoints take room
    return lines


def train(data: str, method: str, folder: Path, options: argparse.Namespace) -> None:
    command = [sys.executable, "-m", "twoplayer", "train", method, "--data", data, "--run", str(folder)]
    command += ["--budget", options.budget, "--filters", options.filters, "--keep-checkpoints", "1000"]
    command += ["--evaluate-every", "0", "--tensorboard", "false"]
    done = subprocess.run(command, env=dict(os.environ), check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{method} on {data} could not be trained: exit code {done.returncode}")


def judged(run: RunFolder) -> Iterator[dict[str, Any]]:
    config = run.require().config()
    dataset = reopen(run)
    trainer = restored(run, dataset, place(config.device, config.precision, config.memory_format, dataset.kind))
    criteria = {}
    for name in stopping.names():
        try:
            criteria[name] = stopping.create(name, trainer)
        except UserError as error:  # a criterion that cannot judge this method
            print(f"  {error}", file=sys.stderr)
    for path in sorted(p for p in run.checkpoints.iterdir() if p.name.isdecimal()):
        state = checkpoint.load(path)
        trainer.problem.load_state_dict(state["problem"])
        trainer.ema.module.load_state_dict(state["ema"])
        assert trainer.stopping_metric is not None
        truth = trainer.stopping_metric(trainer.sample(SAMPLES, "truth"))[0]
        line: dict[str, Any] = {"step": state["step"], "images_seen": state["batches_read"] * config.batch_size,
                                "seconds": state["seconds"], "truth": truth.value, "error": truth.error}  # fmt: skip
        for name, criterion in criteria.items():
            began = perf_counter()
            value, error = criterion.judge(state["step"])
            line[name] = {"value": value, "error": error, "took": perf_counter() - began}
        yield line


# ---------------------------------------------------------------------- replaying


def replayed(data: str, method: str, lines: Sequence[dict[str, Any]]) -> Iterator[Replay]:
    truths = {line["step"]: line["truth"] for line in lines if line["truth"] is not None}
    ideal, whole = min(truths.values()), lines[-1]["seconds"]
    yield Replay(data, method, "never, keep the last", math.nan, False, truths[lines[-1]["step"]] / ideal - 1, 0.0)
    for name in stopping.names():
        course = [judgement(line, name) for line in lines if name in line]
        from_peak = stopping.family.find(name).counts_from_peak
        for patience in PATIENCE if course else ():
            rule = PatienceRule(patience)
            lengths = range(1, len(course) + 1)
            end = next((n for n in lengths if rule.over(counted(course[:n], from_peak=from_peak))), len(course))
            kept = best(counted(course[:end], from_peak=from_peak))
            if kept is not None:
                spent = course[end - 1].seconds + sum(j.took for j in course[:end])
                loss = truths[kept.step] / ideal - 1
                yield Replay(data, method, name, patience, end < len(course), loss, 1 - spent / whole)


def judgement(line: dict[str, Any], name: str) -> Judgement:
    found = line[name]
    value = math.nan if found["value"] is None else found["value"]
    return Judgement(line["step"], line["images_seen"], line["seconds"], value, found["error"], found["took"])


# ---------------------------------------------------------------------- telling


def report(replays: Sequence[Replay], records: dict[Any, Any], options: argparse.Namespace) -> str:
    kinds = dict.fromkeys((r.criterion, r.patience) for r in replays)
    lines = [
        f"# When to stop: {len(records)} runs of {options.budget} each",
        "",
        f"    python experiments/stopping/run.py {' '.join(sys.argv[1:])}",
        "",
        "Loss: by how much the true figure of the checkpoint that is kept exceeds that of the best one in hindsight. "
        "Saved: share of the training time, the criterion's own time counted.",
        "",
        "| criterion | patience | runs | stopped early | mean loss | median loss | worst loss | mean time saved |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind in kinds:
        lines.append(row([r for r in replays if same_kind(r, kind)]))
    lines += ["", f"{winner(replays)}", "", "| run | criterion | patience | loss | time saved |",
              "| --- | --- | ---: | ---: | ---: |"]  # fmt: skip
    shown = [r for r in replays if r.patience == 0.5 or math.isnan(r.patience)]
    lines += [
        f"| {r.method} on {r.data} | {r.criterion} | {share(r.patience)} | {percent(r.loss)} | {percent(r.saved)} |"
        for r in shown
    ]
    return "\n".join(lines) + "\n"


def row(same: Sequence[Replay]) -> str:
    losses, first = [r.loss for r in same], same[0]
    cells = [first.criterion, share(first.patience), str(len(same)), str(sum(r.stopped for r in same))]
    cells += [percent(f(losses)) for f in (statistics.fmean, statistics.median, max)]
    return "| " + " | ".join([*cells, percent(statistics.fmean(r.saved for r in same))]) + " |"


def winner(replays: Sequence[Replay]) -> str:
    """The criterion of the least mean loss at the default patience, over the runs that all of them can judge."""
    mine = [r for r in replays if r.patience == 0.5]
    runs = {(r.data, r.method) for r in mine}
    shared = {run for run in runs if {r.criterion for r in mine if (r.data, r.method) == run} == set(stopping.names())}
    means = {
        name: statistics.fmean(r.loss for r in mine if r.criterion == name and (r.data, r.method) in shared)
        for name in stopping.names()
    }
    least = min(means, key=lambda name: means[name])
    told = ", ".join(f"{name} {percent(mean)}" for name, mean in means.items())
    return f"Least mean loss at patience 0.5 on the {len(shared)} runs that all criteria can judge: {least} ({told})."


def same_kind(replay: Replay, kind: tuple[str, float]) -> bool:
    return replay.criterion == kind[0] and (replay.patience == kind[1] or math.isnan(kind[1]))


def percent(value: float) -> str:
    return f"{value:.1%}".replace("-", "−")


def share(value: float) -> str:
    return "" if math.isnan(value) else f"{value:g}"


if __name__ == "__main__":
    main()
