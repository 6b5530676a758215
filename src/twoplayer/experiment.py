"""One call that trains: settings in, run out. The command line and the estimator are thin skins over it."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from twoplayer import __version__, data, methods
from twoplayer.config import STOPS, Config, resolve
from twoplayer.data import kind_of
from twoplayer.data._base import Dataset
from twoplayer.errors import Diverged, UserError
from twoplayer.folder import FORMAT, RunFolder
from twoplayer.opening import open_data
from twoplayer.registry import Option
from twoplayer.report import write_report
from twoplayer.run import Run

if TYPE_CHECKING:
    from twoplayer.training.trainer import Trainer

__all__ = ["restored", "settle", "train", "typed"]

T = TypeVar("T")

RUNS = Path("runs")
YARDSTICK = {"images": "fd", "points": "sliced-wasserstein"}
"""The metric that ``--stop plateau`` follows: one that sees quality and diversity at once."""


def settle(method: str | None = None, data: Any = None, *, config: Path | str | None = None, **settings: Any) -> Config:
    """The config that these settings resolve to, without reading any data beyond its kind.

    Later layers win: the method's preset, the YAML file `config`, the keyword arguments. Raises `UserError` with
    every mistake at once.
    """
    return _settle(method, data, config, settings)[0]


def train(
    method: str | None = None,
    data: Any = None,
    *,
    run: Path | str | None = None,
    config: Path | str | None = None,
    listeners: Sequence[Any] = (),
    **settings: Any,
) -> Run:
    """Train a method on data into a run folder, going on where an earlier call with the same settings stopped.

    Args:
        method: a name of ``twoplayer list methods``; "default" if left out.
        data: a known name, a path, ``"hf:OWNER/NAME"``, an array of images or points, or (array, labels).
        run: the run folder; by default the newest ``runs/METHOD-DATA-N`` with these settings and data, finished or
            not, else a new one.
        config: a YAML file with any of the settings.
        listeners: objects with the methods of `twoplayer.training.trainer.Listener`.
        settings: any field of `twoplayer.config.Config` and any option of its parts (``critic_steps=5``,
            ``**{"generator.filters": 32}``).

    Raises `UserError` for the caller's mistakes, `Diverged` when training stopped itself and `Interrupted` when it
    was asked to; the run folder holds the last good checkpoint in each case.
    """
    resolved, source = _settle(method, data, config, settings)
    from twoplayer.training.placement import place

    placement = place(resolved.device, resolved.precision, resolved.memory_format, kind_of(source))
    accelerator = placement.accelerator
    if resolved.batch % accelerator.num_processes:
        raise UserError(f"a batch of {resolved.batch} cannot be shared evenly by {accelerator.num_processes} processes")
    folder = RunFolder(run) if run is not None else _default_folder(resolved, source)
    accelerator.wait_for_everyone()
    with folder.locked() if accelerator.is_main_process else contextlib.nullcontext():
        wished = resolved.steps if settings.get("steps") is not None else None
        return _train_in(folder, resolved, source, placement, listeners, wished)


def _train_in(
    folder: RunFolder, config: Config, source: Any, placement: Any, listeners: Sequence[Any], wished: int | None
) -> Run:
    accelerator = placement.accelerator
    main = accelerator.is_main_process
    known = main and folder.exists  # other hosts may not see the folder: the main process speaks for all
    if known:
        _check_same(folder.require(), config)
    with accelerator.main_process_first():
        dataset = open_data(source, config)
    if known and folder.data()["key"] != dataset.key:
        raise UserError(f"the data of {folder.path} have changed since it began: give another --run folder")
    heard = [*listeners, *_events(config)] if main else []
    trainer = _trainer(folder, config, dataset, placement, heard)
    if wished is not None and trainer.algorithm.rounds is not None and wished > trainer.algorithm.rounds:
        warnings.warn(
            f"{config.algorithm['name']} is done after {trainer.algorithm.rounds:,} rounds, when all its levels are "
            f"taken: for {wished:,} give it as many (algorithm.levels)",
            stacklevel=3,
        )
    trainer.resume()
    accelerator.wait_for_everyone()  # what does not fit has said so before a file is written
    if main:
        _begin(folder, config, dataset, placement, known, trainer)
    for listener in heard:
        listener.on_start(folder, config, dataset, placement)
    if main:
        trainer.watch = _watch(folder, config, dataset, heard)
    try:
        with _global_random_state(placement.device):
            trainer.run()
    except BaseException:
        with contextlib.suppress(OSError):  # a full disk has been reported by the first error
            _end(folder, heard, main)
        raise
    _end(folder, heard, main)
    return Run(folder)


def _end(folder: RunFolder, heard: Sequence[Any], main: bool) -> None:
    """However training ended: close the listeners and write the report of what there is."""
    for listener in heard:
        listener.close()
    if main:
        write_report(folder.path)


def _begin(folder: RunFolder, config: Config, dataset: Dataset, placement: Any, known: bool, trainer: Trainer) -> None:
    """Write what is known of a run before its first round."""
    environment = _environment(placement, folder)
    if known:
        before = folder.environment()
        resumed = [*before.get("resumed", []), environment["started"]]
        environment |= {"command": before["command"], "started": before["started"], "resumed": resumed}
    else:
        folder.claim()
        if trainer.knowledge.kept is not None:
            folder.keep(trainer.knowledge.kept)
        folder.write("data", _describe(dataset, trainer))
        # config.yaml comes last: with it the folder is a run.
        folder.write("status", {"state": "running", "step": 0, "images_seen": 0, "seconds": 0.0, "message": None})
    folder.write("environment", environment)
    folder.write_config(config)


def _events(config: Config) -> list[Any]:
    if not config.tensorboard:
        return []
    from twoplayer.training.events import Events

    return [Events()]


def _watch(folder: RunFolder, config: Config, dataset: Dataset, listeners: Sequence[Any]) -> Callable[[Any], Any]:
    """What looks at every line of progress, and says through the listeners what it sees of a failing run."""
    from twoplayer.diagnose import watch

    def say(text: str) -> None:
        for listener in listeners:
            listener.on_note(text)

    return watch(folder, config, dataset, say)


@contextlib.contextmanager
def _global_random_state(device: Any) -> Iterator[None]:
    """Give the caller's global random state back, since every round seeds it anew."""
    import torch

    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield


def restored(folder: RunFolder, dataset: Dataset, placement: Any) -> Trainer:
    """The trainer of a run as its newest checkpoint left it, to be looked at: nothing is written until it runs.

    Raises `UserError` for a damaged run, and for data or settings that do not fit it.
    """
    trainer = _trainer(folder, folder.config(), dataset, placement, ())
    trainer.resume()
    return trainer


def _trainer(folder: RunFolder, config: Config, dataset: Dataset, placement: Any, listeners: Sequence[Any]) -> Trainer:
    from twoplayer.games._kit import Facts, Knowledge
    from twoplayer.measuring import measure, sample_count
    from twoplayer.training.build import build, study, target
    from twoplayer.training.trainer import Trainer

    def say(text: str) -> None:
        for listener in listeners:
            listener.on_note(text)

    def figures(samples: Any) -> tuple[Any, str]:
        measured = measure(samples, target(config, dataset), quick=True, device=placement.device, say=say)
        return measured.figures, " ".join(measured.notes)

    def yardstick(samples: Any) -> Any:
        real = target(config, dataset)
        return measure(samples, real, metrics=YARDSTICK[real.kind], device=placement.device, say=say).figures

    with placement.accelerator.main_process_first():  # what is learned of the data lies in the cache for the others
        before = Knowledge(given=folder.data().get("given") or {}, kept=folder.kept()) if folder.exists else None
        knowledge = study(config, dataset, before)
    facts = Facts(dataset.shape, dataset.partner_shape, dataset.paired, knowledge.given)
    players = build(config, facts, placement)
    usual = sample_count(dataset.kind)
    count, measuring = min(config.evaluate_count or usual, usual), figures if config.evaluate_count else None
    return Trainer(
        config, dataset, folder, placement, players, listeners, measuring, count, knowledge, yardstick=yardstick
    )


def _settle(method: str | None, what: Any, file: Path | str | None, settings: Mapping[str, Any]) -> tuple[Config, Any]:
    layer = _read(file) if file is not None else {}
    given = {k: v for k, v in settings.items() if v is not None}
    method = method or layer.get("method") or "default"
    mistakes: list[str] = []
    if not isinstance(method, str):
        mistakes.append(f"method must be a name, such as dcgan, not {method!r}")
        method = "default"
    preset = _or_mistake(lambda: methods.describe(method), methods.describe("default"), mistakes)
    filed, asked = _source(layer.get("data")), _source(what)
    source = asked.what if asked.what is not None else filed.what
    if source is None:
        mistakes.append("say what to train on, such as --data digits; twoplayer list data shows what there is")
        known = None
    else:
        known = _or_mistake(lambda: (data.spell(source), kind_of(source), data.options_for(source)), None, mistakes)
    name, kind, options = known or ("nothing", "images", _any_data_option())
    file_settings = {k: v for k, v in layer.items() if k not in ("method", "data")}
    if filed.what is None or _same_source(filed.what, source):
        file_settings["data"] = filed.options
    else:  # options of other data than these
        file_settings = {k: v for k, v in file_settings.items() if not str(k).startswith("data.")}
    base = {"method": method, "data": name}
    layers = [base, *preset.layers(kind), file_settings, {**given, "data": asked.options}]
    config = _or_mistake(lambda: resolve(layers, kind, options), None, mistakes)
    if mistakes or config is None:
        raise UserError("\n".join(mistakes))
    return config, source


class _Source(NamedTuple):
    """What was asked to be trained on, and with which options."""

    what: Any
    options: dict[Any, Any]


def _source(asked: Any) -> _Source:
    if not isinstance(asked, Mapping):
        return _Source(asked, {})
    return _Source(asked.get("name"), {k: v for k, v in asked.items() if k != "name"})


def _same_source(one: Any, other: Any) -> bool:
    return one is other or (isinstance(one, str) and data.spell(one) == data.spell(other))


def _or_mistake(ask: Callable[[], T], otherwise: T, mistakes: list[str]) -> T:
    """The answer, or `otherwise` and one more mistake: a user wants to hear of all of them at once."""
    try:
        return ask()
    except UserError as error:
        mistakes.append(str(error))
        return otherwise


def _any_data_option() -> dict[str, Option]:
    """The options of all sources, for checking settings where the source itself is unknown."""
    return {name: option for member in data.names() for name, option in data.options_of(member).items()}


def _read(file: Path | str) -> dict[str, Any]:
    import yaml

    try:
        settings = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read the config file {file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        raise UserError(
            f"{file} is not valid YAML{f' (line {where.line + 1})' if where else ''}: correct it"
        ) from error
    if not isinstance(settings, dict):
        raise UserError(f"{file} must hold settings, a line each, such as batch: 64")
    return settings


def _default_folder(config: Config, source: Any) -> RunFolder:
    """The newest run with these settings and data, else the number after the highest there is."""
    stem = f"{config.method}-{data.short_name(config.data['name'])}-"
    found = {int(n): p for p in RUNS.glob(f"{stem}*") if (n := p.name.removeprefix(stem)).isdecimal()}
    same = [folder for number in sorted(found, reverse=True) if _matches(folder := RunFolder(found[number]), config)]
    if same and config.data["name"] == data.ARRAY:  # a name tells files apart; only the content tells arrays
        key = open_data(source, config).key
        same = [folder for folder in same if folder.data().get("key") == key]
    return same[0] if same else RunFolder(RUNS / f"{stem}{max(found, default=0) + 1}")


def _matches(folder: RunFolder, config: Config) -> bool:
    """Whether a whole run with these settings lies there."""
    try:
        folder.data()
        return not folder.config().differences(config)
    except UserError:
        return False


def _check_same(folder: RunFolder, config: Config) -> None:
    before = folder.config()
    differ = before.differences(config)
    if differ:
        old, new = before.tree(), config.tree()
        changes = "; ".join(f"{field}: {_short(old[field])} there, {_short(new[field])} now" for field in differ)
        falls = f"step sizes fall to 0 at the end it was given (decay_from {before.optimizer.decay_from:g})"
        why = "" if {*STOPS}.isdisjoint(differ) else f", and its {falls}, which can no longer be moved"
        raise UserError(f"{folder.path} was trained with other settings ({changes}){why}: give another --run folder")
    status = folder.status()
    if status["state"] == "diverged":
        raise Diverged(f"nothing was trained now, since {folder.path} diverged before: {status['message']}")
    if status["state"] == "stopped" and config.on_failure == "stop":
        raise Diverged(f"nothing was trained now, since {folder.path} was stopped before: {status['message']}")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _describe(dataset: Dataset, trainer: Trainer) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "kind": dataset.kind,
        "shape": dataset.shape,
        "train": len(dataset.train),
        "held_out": len(dataset.held_out),
        "classes": list(dataset.class_names),
        "partner_shape": dataset.partner_shape,
        "paired": dataset.paired,
        "given": trainer.knowledge.given,
        "columns": trainer.columns,
        "centre": dataset.centre,
        "scale": dataset.scale,
        "skipped": [{"path": s.path, "reason": s.reason} for s in dataset.skipped],
        "key": dataset.key,
    }


def _environment(placement: Any, folder: RunFolder) -> dict[str, Any]:
    import accelerate
    import numpy
    import torch

    from twoplayer.hardware import processor

    return {
        "format": FORMAT,
        "twoplayer": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "accelerate": accelerate.__version__,
        "numpy": numpy.__version__,
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processes": placement.accelerator.num_processes,
        "device": str(placement.device),
        "precision": placement.precision,
        "memory_format": "channels-last" if placement.memory_format is torch.channels_last else "contiguous",
        "command": _command(folder),
        "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def typed() -> str | None:
    """The command line as it was typed; None where it is not ours that runs."""
    program, *arguments = sys.argv
    ours = Path(program).name == "twoplayer" or Path(program).parts[-2:] == ("twoplayer", "__main__.py")
    return shlex.join(["twoplayer", *arguments]) if ours else None


def _command(folder: RunFolder) -> str:
    """What to type to train this again."""
    return typed() or f"twoplayer train --config {shlex.quote(str(folder.config_file))}"
