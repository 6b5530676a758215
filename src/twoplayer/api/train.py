"""One call that trains: settings in, run out. The command line and the estimator are thin skins over it."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import shlex
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoplayer import data
from twoplayer.api.run import Run
from twoplayer.config.layers import resolve_config_and_data
from twoplayer.config.objects import describe_objects, objects_of
from twoplayer.config.schema import STOP_FIELDS, Config
from twoplayer.core.command_line import typed_command
from twoplayer.core.errors import Diverged, UserError
from twoplayer.core.version import __version__
from twoplayer.data import kind_of
from twoplayer.data._base import Dataset
from twoplayer.reporting import write_report
from twoplayer.runs.dataset import open_data
from twoplayer.runs.run_dir import FORMAT, RunFolder
from twoplayer.training.assemble import assemble

if TYPE_CHECKING:
    from twoplayer.training.trainer import Trainer

__all__ = ["train"]


RUNS = Path("runs")


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
        data: a known name, a path, ``"hf:OWNER/NAME"``, an array of images or points, (array, labels), a map-style
            torch dataset, or a Hugging Face `datasets.Dataset`.
        run: the run folder; by default the newest ``runs/METHOD-DATA-N`` with these settings and data, finished or
            not, else a new one.
        config: a YAML file with any of the settings.
        listeners: objects with the methods of `twoplayer.training.trainer.Listener`.
        settings: any field of `twoplayer.config.schema.Config` and any option of its parts (``critic_steps=5``,
            ``**{"generator.filters": 32}``). Parts may be Python objects instead of names: `generator` and `critic`
            torch modules, `objective` and `regularizers` objects or classes of those families, `game` and `algorithm`
            classes. A module's weights are the run's initial weights; the module itself is copied, not changed.

    Raises `UserError` for the caller's mistakes, `Diverged` when training stopped itself and `Interrupted` when it
    was asked to; the run folder holds the last good checkpoint in each case.
    """
    resolved, source = resolve_config_and_data(method, data, config, settings)
    from twoplayer.core.device import place

    placement = place(resolved.device, resolved.precision, resolved.memory_format, kind_of(source))
    accelerator = placement.accelerator
    if resolved.batch_size % accelerator.num_processes:
        raise UserError(
            f"a batch of {resolved.batch_size} cannot be shared evenly by {accelerator.num_processes} processes"
        )
    folder = RunFolder(run) if run is not None else _default_folder(resolved, source)
    folder.objects = objects_of(resolved)
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
    trainer = assemble(folder, config, dataset, placement, heard)
    if wished is not None and trainer.algorithm.max_steps is not None and wished > trainer.algorithm.max_steps:
        warnings.warn(
            f"{config.algorithm['name']} is done after {trainer.algorithm.max_steps:,} steps, when all its functional "
            f"steps are taken: for {wished:,} set algorithm.functional_steps to as many",
            stacklevel=3,
        )
    trainer.resume()
    accelerator.wait_for_everyone()  # what does not fit has said so before a file is written
    if main:
        _begin(folder, config, dataset, placement, known, trainer)
    for listener in heard:
        listener.on_start(folder, config, dataset, placement)
    if main:
        trainer.monitor = _watch(folder, config, dataset, heard)
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
        if trainer.conditioning.stored is not None:
            folder.store_conditions(trainer.conditioning.stored)
        folder.write("data", _describe(dataset, trainer))
        # config.yaml comes last: with it the folder is a run.
        folder.write("status", {"state": "running", "step": 0, "images_seen": 0, "seconds": 0.0, "message": None})
    if objects := describe_objects(config):
        environment["objects"] = objects
    folder.write("environment", environment)
    folder.write_config(config)


def _events(config: Config) -> list[Any]:
    if not config.tensorboard:
        return []
    from twoplayer.training.events import Events

    return [Events()]


def _watch(folder: RunFolder, config: Config, dataset: Dataset, listeners: Sequence[Any]) -> Callable[[Any], Any]:
    """What looks at every line of progress, and says through the listeners what it sees of a failing run."""
    from twoplayer.diagnosis import monitor

    def say(text: str) -> None:
        for listener in listeners:
            listener.on_note(text)

    return monitor(folder, config, dataset, say)


@contextlib.contextmanager
def _global_random_state(device: Any) -> Iterator[None]:
    """Give the caller's global random state back, since every round seeds it anew."""
    import torch

    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield


def _default_folder(config: Config, source: Any) -> RunFolder:
    """The newest run with these settings and data, else the number after the highest there is."""
    stem = f"{config.method}-{data.short_name(config.data['name'])}-"
    found = {int(n): p for p in RUNS.glob(f"{stem}*") if (n := p.name.removeprefix(stem)).isdecimal()}
    same = [folder for number in sorted(found, reverse=True) if _matches(folder := RunFolder(found[number]), config)]
    if same and data.is_in_memory(config.data["name"]):  # a name tells files apart; only the content tells objects
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
        falls = f"step sizes fall to 0 at the end it was given (lr_decay_start {before.optimizer.lr_decay_start:g})"
        why = "" if {*STOP_FIELDS}.isdisjoint(differ) else f", and its {falls}, which can no longer be moved"
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
        "conditioning": trainer.conditioning.summary,
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

    from twoplayer.core.hardware import processor

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


def _command(folder: RunFolder) -> str:
    """What to type to train this again."""
    return typed_command() or f"twoplayer train --config {shlex.quote(str(folder.config_file))}"
