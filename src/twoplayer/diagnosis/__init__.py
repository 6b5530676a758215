"""The diagnosis: what a run suffers from, one disease a file, discovered by name, each with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from twoplayer.diagnosis._family import create, describe, family, names

if TYPE_CHECKING:
    from twoplayer.config.schema import Config
    from twoplayer.data._base import Dataset
    from twoplayer.diagnosis._diagnosis import Diagnosis
    from twoplayer.runs.run_dir import RunFolder

__all__ = ["create", "describe", "diagnose", "family", "names", "watch"]


def diagnose(
    run: Any,
    *,
    only: Sequence[str] | None = None,
    data: Any = None,
    device: str = "auto",
    say: Callable[[str], None] | None = None,
) -> Diagnosis:
    """Look at a run folder (a path or a `Run`) for every disease, or for those named in `only`, worst first.

    Pictures and the findings are written to ``RUN/diagnosis``; the run itself stays as it is. An unfinished or damaged
    run is looked at as far as it goes, and what could not be checked is named with the reason. `data` is what the run
    was trained on where that was in memory only: an array, or (array, labels). `say` hears of what takes its time.

    Raises `UserError` for a folder without a run, an unknown disease, and data that are not the run's.
    """
    from twoplayer.diagnosis._diagnosis import examine

    return examine(run, only=only, data=data, device=device, say=say)


def watch(
    folder: RunFolder, config: Config, dataset: Dataset, say: Callable[[str], None]
) -> Callable[[Any], str | None]:
    """A watch over a training: looks at the data now, and at every line of progress that it is called with.

    Each thing it sees is told once in a run, resumed or not, through `say`. Where the config says ``on_failure: stop``,
    the call that sees a failing run returns what is wrong with it.
    """
    from twoplayer.diagnosis._monitor import Monitor

    return Monitor(folder, config, dataset, say).look
