"""Diagnosis: the failure modes of a run, one per file, discovered by name, each with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from twoplayer.diagnosis._family import create, describe, family, names

if TYPE_CHECKING:
    from twoplayer.config.schema import Config
    from twoplayer.data._base import Dataset
    from twoplayer.diagnosis._diagnosis import Diagnosis
    from twoplayer.runs.run_dir import RunFolder

__all__ = ["create", "describe", "diagnose", "family", "monitor", "names"]


def diagnose(
    run: Any,
    *,
    only: Sequence[str] | None = None,
    data: Any = None,
    device: str = "auto",
    progress: Callable[[str], None] | None = None,
) -> Diagnosis:
    """Check a run for every failure mode.

    The findings and their pictures are written to ``RUN/diagnosis``; nothing else in the run folder changes. An
    unfinished or damaged run is checked as far as possible; the diagnosis lists what could not be checked, with the
    reason.

    Args:
        run: a run folder (a path) or a `Run`.
        only: names of the failure modes to check, as ``twoplayer diagnose`` lists them; by default all. With it,
            ``diagnosis.json`` is not written.
        data: what the run was trained on where that was in memory only: an array, or (array, labels).
        device: where to compute: ``"auto"``, ``"cpu"``, ``"cuda"``.
        progress: is called with a line of text before a measurement that takes long.

    Returns:
        The findings, most severe first.

    Raises:
        UserError: for a folder without a run, an unknown failure mode, and data that the run was not trained on.
    """
    from twoplayer.diagnosis._diagnosis import examine

    return examine(run, only=only, data=data, device=device, progress=progress)


def monitor(
    folder: RunFolder, config: Config, dataset: Dataset, warn: Callable[[str], None]
) -> Callable[[Any], str | None]:
    """Monitor a training run for failure modes.

    The data are checked at once, and every line of progress when the returned function is called with it.

    Args:
        folder: the run folder.
        config: the run's settings; with ``on_failure: stop`` a failing run is to be stopped.
        dataset: the training data.
        warn: is called with the text of a warning, once per run and failure mode, even if the run is resumed.

    Returns:
        A function of a line of progress. It returns the reason why the run is to be stopped, else None.
    """
    from twoplayer.diagnosis._monitor import Monitor

    return Monitor(folder, config, dataset, warn).check
