"""Every method through everything that a run can go through, all of it tried: the table of capabilities.

    python experiments/methods/capabilities.py
    python experiments/methods/capabilities.py --methods cyclegan xicfg --again

Each method trains a few rounds of its own preset with small networks, on digits, on captioned pictures or on two sides
of the same pictures, which this script makes; every step is the command that a user would type, in its own process.

- train: to its end, alone.
- resume: the same command, killed by SIGKILL at random moments until it has been hit twice, then left to its end; every
  tensor and every count of the last checkpoint must be the same bits as of the run that was left alone.
- sample, evaluate, diagnose, report: of that run; sampling by whatever the game can be asked for, and the report must
  show the figures that evaluating has found.
- two processes: two of half the batch against one of the whole, by plain gradients, in float32; the largest difference
  of any weight, which must be within 2e-5 + 1e-4 of the weight, beside how far the weights have moved at all.

Methods of which everything worked are not tried again unless --again says so, so the command can be repeated.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # children inherit it; torch reads it when it is imported

import numpy as np
from _commands import Fault, call, ended, started

from twoplayer import methods
from twoplayer.core.errors import UserError
from twoplayer.core.files import read_json, write_atomic, write_json

HERE = Path(__file__).parent

CAPABILITIES = ("train", "resume", "sample", "evaluate", "diagnose", "report", "two processes")
KILLS, TRIES = 2, 8
COUNTS = ("step", "drawn", "read", "average_updates")

SMALL = {
    "batch_size": 16, "steps": 6, "filters": 8, "log-every": 1, "checkpoint-every": 2, "evaluate-every": 0,
    "evaluate-count": 200, "tensorboard": "false", "device": "cpu",
}  # fmt: skip
PICTURES = {"resolution": 16, "batch_size": 4, "filters": 4}
OWN: dict[str, dict[str, Any]] = {
    "cfg": {"functional_steps": 6, "critic-steps": 4, "pool_size": 64},
    "icfg": {"functional_steps": 6, "pool_size": 64, "step_size_trials": 2},
    "xicfg": {"functional_steps": 3, "pool_size": 48, "fit-epochs": 2, "step_size_trials": 3},
    "xicfg-fc": {"functional_steps": 3, "pool_size": 48, "fit-epochs": 2, "step_size_trials": 3},
    "unrolled": {"unroll_steps": 2},
    "gan-cls": {**PICTURES, "condition_dim": 4, "text-embedding-dim": 8},
    "pix2pix": {**PICTURES},
    "cyclegan": {**PICTURES, "depth": 1, "image_pool_size": 6},
}
"""Settings that make a method cheap without making another method of it."""
SHARED = {
    "optimizer": "sgd", "learning-rate": 0.001, "precision": "fp32", "evaluate-count": 100, "steps": 3,
    "keep-checkpoints": 9, "log-every": 3,
}  # fmt: skip
"""Plain gradients and small steps: Adam and RMSprop make whole steps of what rounding leaves of a zero gradient."""
COMPARABLE = {"wgan-gp": {"learning-rate": 1e-4}}
"""Where a penalty's slopes are steep, a step of the others' size multiplies what rounding leaves a hundredfold."""
ASKED = {
    "cgan": ["--label", "3"], "cgan-projection": ["--label", "3"], "acgan": ["--label", "3"],
    "gan-cls": ["--text", "a red picture"], "cfg": ["--refine", "2"], "icfg": ["--refine", "2"],
    "xicfg": ["--refine", "0"], "xicfg-fc": ["--refine", "0"],
}  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """How one capability of one method came out."""

    works: bool
    said: str
    """What was seen, or the reason why it does not work."""
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=methods.names(), choices=methods.names(), metavar="METHOD")
    parser.add_argument("--again", action="store_true", help="try methods again of which everything worked")
    parser.add_argument("--folder", type=Path, default=Path("capabilities"), help="where data and runs lie")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "capabilities.md", help="table to write")
    options = parser.parse_args()
    folder = options.folder.resolve()
    os.environ["TWOPLAYER_CACHE"] = str(folder / "cache")
    make_data(folder)
    record = options.output.with_suffix(".json")
    found = read_json(record)["methods"] if record.exists() else {}
    for name in options.methods:
        if options.again or not all(trial["works"] for trial in found.get(name, {"none": {"works": False}}).values()):
            found[name] = {what: asdict(trial) for what, trial in tried(name, folder)}
            write(options.output, {known: found[known] for known in methods.names() if known in found})
    print(options.output.read_text(encoding="utf-8"))


# ---------------------------------------------------------------------- the trials


def tried(name: str, folder: Path) -> Iterator[tuple[str, Trial]]:
    """Every capability of a method; what needs a run is not tried where training failed."""
    place = folder / "runs" / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    trials: dict[str, Callable[[], str]] = {
        "train": lambda: trained(name, place, "alone"),
        "resume": lambda: resumed(name, place),
        "sample": lambda: sampled(name, place),
        "evaluate": lambda: verb(place, "evaluate", "alone", "--n", "200"),
        "diagnose": lambda: verb(place, "diagnose", "alone"),
        "report": lambda: reported(place),
        "two processes": lambda: shared(name, place),
    }
    whole = True
    for what in CAPABILITIES:
        began = time.perf_counter()
        try:
            said, works = (trials[what](), True) if whole else ("not tried, since it does not train", False)
        except (Fault, UserError) as fault:
            said, works = str(fault), False
        whole = whole and (works or what != "train")
        trial = Trial(works, said, round(time.perf_counter() - began, 1))
        print(f"{name:22} {what:14} {'yes' if works else 'NO ':4} {trial.seconds:6.1f} s  {said}", flush=True)
        yield what, trial


def trained(name: str, place: Path, run: str, **more: Any) -> str:
    done = call(command(name, run, **more), place)
    status = read_json(place / run / "status.json") if (place / run / "status.json").exists() else {}
    if done.code or status.get("state") != "finished":
        raise Fault(f"exit code {done.code}: {done.said}")
    return f"{status['images_seen']} images seen"


def resumed(name: str, place: Path) -> str:
    """Killed at random moments, and the same bits in the end."""
    chance, kills, lines = random.Random(name), 0, place / "killed" / "progress.jsonl"
    pace = read_json(place / "alone" / "status.json")["seconds"] / SMALL["steps"]
    moments = []
    for _ in range(TRIES):
        rounds, rest = chance.randrange(SMALL["steps"]), chance.uniform(0, pace)

        def is_due(rounds: int = rounds) -> bool:
            return (place / "killed").exists() and (rounds == 0 or count_lines(lines) >= rounds)

        done = call(command(name, "killed"), place, kill=(is_due, rest))
        if done.code == -signal.SIGKILL:
            kills, moments = kills + 1, [*moments, f"round {count_lines(lines)}"]
        elif done.code:
            raise Fault(f"exit code {done.code} after {kills} kills: {done.said}")
        else:  # it was quicker than the kill
            shutil.rmtree(place / "killed")
            kills, moments = 0, []
        if kills == KILLS:
            break
    if kills < KILLS:
        raise Fault(f"never killed twice in {TRIES} tries: the rounds are too quick")
    trained(name, place, "killed")
    differ = list(differences(state(place / "alone"), state(place / "killed")))
    if differ:
        raise Fault(f"killed after {' and '.join(moments)}, it differs in {', '.join(differ[:3])}")
    return f"killed after {' and '.join(moments)}, bit-identical"


def sampled(name: str, place: Path) -> str:
    """Samples, of what the game can be asked for, and what its own verbs make."""
    commands = [["sample", "alone", "--n", "8", *ASKED.get(name, []), "-o", "samples.npz"]]
    if name in ("pix2pix", "cyclegan"):
        commands.append(["translate", "alone", str(place.parents[1] / "sides" / "A" / "000.png"), "-o", "out"])
    if name == "cyclegan":
        commands.append([*commands[-1], "--direction", "BtoA", "--overwrite"])
    if name == "bigan":
        commands.append(["encode", "alone", "digits", "-o", "features.npz"])
        commands.append(["reconstruct", "alone", "digits", "--n", "8", "-o", "pairs.png"])
    for words in commands:
        verb(place, *words)
    with np.load(place / "samples.npz") as arrays:
        shape = next(iter(arrays.values())).shape
    if shape[0] != 8:
        raise Fault(f"8 samples were asked for, and {shape[0]} came")
    return "; ".join(" ".join([words[0], *words[2:]]) for words in commands)


def reported(place: Path) -> str:
    """The report, with what evaluating found."""
    verb(place, "report", "alone")
    page = (place / "alone" / "report.html").read_text(encoding="utf-8").replace("<wbr>", "")
    figures = read_json(place / "alone" / "evaluation" / "evaluation.json")["metric_values"]
    missing = [figure["name"] for figure in figures if figure["name"] not in page]
    if missing or not figures:
        raise Fault(f"the page does not show {', '.join(missing) or 'any figure'}")
    return f"{len(figures)} figures, {len(page) // 1000:,} kB"


def verb(place: Path, *words: str) -> str:
    """Run a command; what it said in the end."""
    done = call(words, place)
    if done.code:
        raise Fault(f"twoplayer {' '.join(words)} exits with {done.code}: {done.said}")
    return done.said[-160:]


def shared(name: str, place: Path) -> str:
    """Two processes, each with half of the batch, and one with the whole."""
    more = {**SHARED, **COMPARABLE.get(name, {})}
    trained(name, place, "one", **more)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    both = [
        started(command(name, "two", **more), place, {**common, "RANK": rank, "LOCAL_RANK": rank}, f"said {rank}")
        for rank in ("0", "1")
    ]
    for rank, child in enumerate(both):
        code = ended(child)
        if code:
            raise Fault(f"process {rank} exits with {code}: {(place / f'said {rank}').read_text()[-300:]}")
    if read_json(place / "two" / "environment.json")["processes"] != 2:
        raise Fault("there was one process alone")
    return compared(state(place / "one", 0), state(place / "one"), state(place / "two"))


def compared(start: dict[str, Any], one: dict[str, Any], two: dict[str, Any]) -> str:
    before, alone, both = tensors(start), tensors(one), tensors(two)
    if alone.keys() != both.keys():
        raise Fault(f"only one of both has {sorted(alone.keys() ^ both.keys())[0]}")
    apart = {name: np.abs(alone[name] - both[name]) for name in alone}
    largest = max(float(a.max(initial=0)) for a in apart.values())
    moved = max(
        float(np.abs(alone[name] - before[name]).max(initial=0))
        for name in alone
        if name.startswith("/game/") and name.endswith(("weight", "bias"))
    )
    beyond = [name for name, a in apart.items() if (a > 2e-5 + 1e-4 * np.abs(alone[name])).any()]
    said = f"{largest:.0e} apart at most, weights moved by up to {moved:.0e}"
    if beyond or not moved:
        raise Fault(f"{said}; beyond tolerance: {', '.join(beyond[:3])}")
    return said


# ---------------------------------------------------------------------- commands


def command(name: str, run: str, **more: Any) -> list[str]:
    """What to type for a small training of the method, below the folder of data and runs."""
    data = {"gan-cls": "../../captions", "pix2pix": "pairs:../../sides", "cyclegan": "pairs:../../sides"}
    settings = {**SMALL, **OWN.get(name, {}), **more}
    flags = [word for key, value in settings.items() for word in (f"--{key}", str(value))]
    return ["train", name, "--data", data.get(name, "digits"), "--run", run, *flags]


# ---------------------------------------------------------------------- states


def state(run: Path, step: int | None = None) -> dict[str, Any]:
    """What the newest checkpoint of a run holds, or that of a round."""
    from twoplayer.runs import checkpoint

    path = checkpoint.latest(run / "checkpoints") if step is None else checkpoint.at(run / "checkpoints", step)
    if path is None:
        raise Fault(f"{run.name} has no checkpoint")
    return checkpoint.load(path)


def tensors(tree: Any, path: str = "") -> dict[str, np.ndarray]:
    """Every tensor of a tree of dicts and lists in float64, by its path."""
    import torch

    if isinstance(tree, torch.Tensor):
        return {path: np.atleast_1d(tree.double().numpy())}
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return {k: t for key, value in items for k, t in tensors(value, f"{path}/{key}").items()}


def differences(one: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    """Names of what is not the same; float64 holds every float32 as it is."""
    mine, others = tensors(one), tensors(other)
    yield from sorted(mine.keys() ^ others.keys())
    yield from (k for k in mine.keys() & others.keys() if not np.array_equal(mine[k], others[k], equal_nan=True))
    yield from (count for count in COUNTS if one[count] != other[count])
    if one["algorithm"]["updates"] != other["algorithm"]["updates"]:
        yield "updates"


def count_lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


# ---------------------------------------------------------------------- data and table


def make_data(folder: Path) -> None:
    """Captioned pictures of one colour, and pictures beside their negatives, 16 pixels each, made once."""
    from PIL import Image

    if (folder / "captions" / "captions.csv").exists():
        return
    chance, count, side = np.random.default_rng(0), 120, 16
    colours = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "white": (240, 240, 240)}
    for name in ("sides/A", "sides/B", "captions"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    lines = ["file_name,caption"]
    for number in range(count):
        word, file = list(colours)[number % len(colours)], f"{number:03d}.png"
        noise = chance.integers(-20, 20, (side, side, 3))
        plain = (np.array(colours[word]) + noise).clip(0, 255).astype(np.uint8)
        spots = chance.integers(0, 256, (side // 4, side // 4, 3), np.uint8).repeat(4, 0).repeat(4, 1)
        for place, pixels in (("captions", plain), ("sides/A", spots), ("sides/B", 255 - spots[::-1])):
            Image.fromarray(pixels).save(folder / place / file)
        lines.append(f"{file},a {word} picture number {number}")
    write_atomic(folder / "captions" / "captions.csv", "\n".join(lines) + "\n")


def write(output: Path, found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """The table, what was seen of every cell that says no, and everything as JSON."""
    import torch

    from twoplayer.core.hardware import processor

    where = {"processor": processor(), "cores": os.cpu_count(), "torch": torch.__version__}
    works = sum(trial["works"] for trials in found.values() for trial in trials.values())
    total = sum(len(trials) for trials in found.values())
    lines = [
        f"# Capabilities: {works} of {total} work, {len(found)} methods",
        "",
        f"`{where['processor']}`, {where['cores']} cores, torch {where['torch']}, a few rounds with small networks. "
        "Behind two processes stands the largest difference of any weight from what one process makes, and how far the "
        "weights have moved.",
        "",
        "    python experiments/methods/capabilities.py",
        "",
        f"| method | {' | '.join(CAPABILITIES)} |",
        f"| --- {'| --- ' * len(CAPABILITIES)}|",
        *(f"| `{name}` | {' | '.join(map(_cell, CAPABILITIES, trials.values()))} |" for name, trials in found.items()),
    ]
    faults = [
        f"- `{name}`, {what}: {trial['said']}"
        for name, trials in found.items()
        for what, trial in trials.items()
        if not trial["works"]
    ]
    write_atomic(output, "\n".join([*lines, *(["", "What does not work:", "", *faults] if faults else []), ""]))
    write_json(output.with_suffix(".json"), {**where, "methods": found})


def _cell(what: str, trial: Mapping[str, Any]) -> str:
    if not trial["works"]:
        return "**no**"
    words = trial["said"].split()
    return f"yes ({words[0]} of {words[-1]})" if what == "two processes" else "yes"


if __name__ == "__main__":
    main()
