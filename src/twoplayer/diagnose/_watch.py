"""A watch over a training: cheap looks at what is logged anyway, and quiet warnings, each told once.

It looks at the data before the first round and at every line of progress, which no weight and no random number depends
on. What it says lies in ``RUN/diagnosis/warnings.jsonl``, so that a resumed run does not say it again.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from twoplayer.config import Config
from twoplayer.data._base import Dataset
from twoplayer.diagnose import _data as data
from twoplayer.diagnose._course import Array
from twoplayer.diagnose._signals import growth, swings
from twoplayer.files import append_json_line, read_json_lines
from twoplayer.folder import RunFolder
from twoplayer.training.build import target

__all__ = ["Watch", "told"]

Warned = tuple[str, str, bool]
"""A disease, what is said of it, and whether the run is failing."""

LINES = 400
"""Lines that are looked back upon."""
SETTLED = 0.15
"""Share of a run before which nothing is said of the game: every game begins badly."""
WINDOW = 20
"""Lines in a row that must agree before a run is called failing."""
EVERY = 5
"""Lines between two looks at them, which keeps a look at every round, where rounds are short, from being felt."""
LOOKED_AT = 64 * 2**20
"""Bytes of training data that are looked at before the first round."""


def told(folder: RunFolder) -> list[dict[str, Any]]:
    """What was said of the run so far: round, disease and text."""
    return read_json_lines(folder.path / "diagnosis" / "warnings.jsonl")


class Watch:
    """Looks at a run's data when it is made, and at a line of progress when `look` is called."""

    def __init__(self, folder: RunFolder, config: Config, dataset: Dataset, say: Callable[[str], None]) -> None:
        self.folder, self.config, self.say = folder, config, say
        self.said = {w.get("disease") for w in told(folder)}
        self.lines: deque[Any] = deque(maxlen=LINES)
        self.heard = 0
        dataset = target(config, dataset)
        some = dataset.train[: max(64, LOOKED_AT // max(1, dataset.train[:1].nbytes))]
        for disease, text, _ in of_data(dataset, some):
            self._tell(0, disease, text)
        self.width = _width(dataset)

    def look(self, progress: Any) -> str | None:
        """Say what this line of progress shows. Returns what is wrong where the config wants a failing run stopped."""
        self.lines.append(progress)
        self.heard += 1
        if progress.fraction < SETTLED or len(self.lines) < WINDOW or self.heard % EVERY:
            return None
        stop = None
        for disease, text, failing in self._of_game():
            self._tell(progress.step, disease, text)
            if failing and self.config.on_failure == "stop":
                stop = stop or f"{text} ({disease})"
        return stop

    def _tell(self, step: int, disease: str, text: str) -> None:
        if disease not in self.said:
            self.said.add(disease)
            append_json_line(
                self.folder.path / "diagnosis" / "warnings.jsonl", {"step": step, "disease": disease, "text": text}
            )
            self.say(f"{disease}: {text}; see twoplayer diagnose {self.folder.path}")

    def _of_game(self) -> Iterator[Warned]:
        yield from self._collapse()
        yield from self._explosion()
        yield from self._vanishing()
        if len(self.lines) >= LINES // 4 and self.heard % WINDOW == 0:
            yield from self._oscillation()

    def _collapse(self) -> Iterator[Warned]:
        from twoplayer.diagnose.mode_collapse import NARROW

        recent = [line.samples.get("deviation", math.nan) for line in self._recent()]
        if self.width > 0 and float(np.max(recent)) < NARROW * self.width:
            share = float(np.median(recent)) / self.width
            yield "mode-collapse", f"the generator's samples are all but one: {share:.2g} of the data's width", True

    def _explosion(self) -> Iterator[Warned]:
        from twoplayer.diagnose.divergence import GROWN

        for player in ("critic", "generator"):
            times = growth(self._values(f"{player}_gradient_norm"))
            if times > GROWN:
                yield "divergence", f"the {player}'s gradient is {times:.3g} times what it was", True

    def _vanishing(self) -> Iterator[Warned]:
        from twoplayer.diagnose.strong_critic import VANISHED

        times = growth(self._values("generator_gradient_norm"))
        if times < VANISHED:
            yield "strong-critic", f"the generator's gradient has fallen to {times:.2g} of what it was", True

    def _oscillation(self) -> Iterator[Warned]:
        from twoplayer.diagnose.oscillation import FAR, OFTEN

        lines = [line.samples for line in self.lines if line.samples]
        lines = lines[len(lines) // 2 :]
        places = np.array([line["mean"] for line in lines], np.float64)
        if not len(lines) or not np.isfinite(places).all():
            return
        noise = float(np.median([line["deviation"] / math.sqrt(line["count"]) for line in lines]))
        moved = swings(places, noise, self.width)
        if moved is not None and moved.reach > FAR and moved.count >= OFTEN:
            yield "oscillation", f"the samples swing to and fro by {moved.reach:.2g} of the data's width", False

    def _recent(self) -> list[Any]:
        return list(self.lines)[-WINDOW:]

    def _values(self, name: str) -> Array:
        return np.array([line.values.get(name, math.nan) for line in self.lines], np.float64)


def of_data(dataset: Dataset, some: Array) -> Iterator[Warned]:
    """What is wrong with the data, by some of the training samples."""
    from twoplayer.diagnose.data_range import range_cases
    from twoplayer.diagnose.duplicated_data import MANY

    if constant := data.constant_channels(some):
        unit = "channel" if dataset.kind == "images" else "coordinate"
        yield "constant-channels", f"{unit} {', '.join(map(str, constant))} of the data never varies", False
    share = data.copies(some)
    if share > MANY:
        yield "duplicated-data", f"{share:.0%} of the training samples repeat others exactly", False
    for case in range_cases(dataset, some[:1024]):
        if case.confidence > 0.5:
            yield "data-range", case.verdict, False


def _width(dataset: Dataset) -> float:
    """Root mean square distance of the embedded training samples from their mean."""
    import torch

    from twoplayer.training.batches import to_network
    from twoplayer.training.statistics import embed, place_and_width

    some = torch.from_numpy(np.array(dataset.train[:1024]))
    return float(place_and_width(embed(to_network(some, dataset)))[1])
