"""A line of progress, and the protocol of the listeners that get it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from twoplayer.config.schema import Config
    from twoplayer.core.device import DeviceConfig
    from twoplayer.data._base import Dataset
    from twoplayer.runs.run_dir import RunFolder

__all__ = ["Listener", "Progress", "Rate"]


@dataclass(frozen=True)
class Progress:
    """One line of progress: where the run is and what its last step logged."""

    step: int
    images_seen: int
    seconds: float
    """Training time so far, measurements left out."""
    fraction: float
    """Share of the run that is done."""
    images_per_second: float
    updates: Mapping[str, int]
    values: Mapping[str, float] = field(default_factory=dict)
    samples: Mapping[str, Any] = field(default_factory=dict)
    """Statistics of the step's generated samples (`SampleStatistics.line`); not in the line."""

    def line(self) -> dict[str, Any]:
        """The record as ``progress.jsonl`` holds it."""
        counts = {f"{player}_updates": n for player, n in self.updates.items()}
        return {
            "step": self.step,
            "images_seen": self.images_seen,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 2),
            **counts,
            **self.values,
        }


class Listener(Protocol):
    """An object that is called while a run goes on, by the main process alone."""

    def on_start(self, folder: RunFolder, config: Config, dataset: Dataset, device_config: DeviceConfig) -> None: ...
    def on_progress(self, progress: Progress) -> None: ...
    def on_note(self, text: str) -> None: ...
    def on_figures(self, step: int, figures: Sequence[Any], note: str) -> None: ...
    def on_samples(self, step: int, picture: Path) -> None: ...
    def close(self) -> None: ...


class Rate:
    """Images per second over the last lines of progress."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, float]] = []

    def update(self, images: int, seconds: float) -> float:
        self.marks = [*self.marks[-9:], (images, seconds)]
        (first, began), (last, ended) = self.marks[0], self.marks[-1]
        if ended > began:
            return (last - first) / (ended - began)
        return images / seconds if seconds > 0 else 0.0
