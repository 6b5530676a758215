"""A watch over a training: cheap looks at what is logged anyway, and quiet warnings, each told once.

It looks at the data before the first round and at every line of progress, which no weight and no random number depends
on. A game begins badly, so nothing is said of how it stands: only of what it had and lost, of what grows beyond what is
usual for it, and of what is still missing when it is no longer young. What is said lies in
``RUN/diagnosis/warnings.jsonl``, with the round from which on it no longer holds; a resumed run does not say it again.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, final

import numpy as np

from twoplayer.config.schema import Config
from twoplayer.core.files import read_json_lines
from twoplayer.data._base import Dataset
from twoplayer.diagnosis import _data as data
from twoplayer.diagnosis._diversity import WINDOW, YOUNG, growing, lost, spread
from twoplayer.diagnosis._rolling_median import RollingMedian
from twoplayer.diagnosis._signals import growth, swings
from twoplayer.diagnosis._time_series import Array
from twoplayer.diagnosis._warnings import WarningLog
from twoplayer.runs.run_dir import RunFolder
from twoplayer.training.build import target

__all__ = ["Monitor"]

LINES = 400
"""Lines that are looked back upon."""
SETTLED = 0.15
"""Share of a run before which nothing is said of the game."""
LATE = 0.5
"""Share of a run after which samples that never were diverse are no longer put down to its beginning."""
EVERY = 5
"""Lines between two looks at them, which keeps a look at every round, where rounds are short, from being felt."""
LOOKED_AT = 64 * 2**20
"""Bytes of training data that are looked at before the first round."""


class MonitorWarning(NamedTuple):
    """What is wrong, and whether it makes the run a failing one."""

    text: str
    failing: bool


class MonitoredValues(NamedTuple):
    """What a watch wants of a line of progress; values by their names in ``progress.jsonl``."""

    step: int
    values: Mapping[str, Any]
    samples: Mapping[str, Any]


@final
class Monitor:
    """Looks at a run's data when it is made, and at a line of progress when `look` is called."""

    def __init__(self, folder: RunFolder, config: Config, dataset: Dataset, say: Callable[[str], None]) -> None:
        self.folder, self.config, self.say = folder, config, say
        self.warnings = WarningLog(folder.path)
        self.lines: deque[MonitoredValues] = deque(maxlen=LINES)
        self.widths, self.gradients = RollingMedian(WINDOW), RollingMedian(WINDOW)
        self.heard = 0
        dataset = target(config, dataset)
        some = dataset.train[: max(64, LOOKED_AT // max(1, dataset.train[:1].nbytes))]
        for disease, text in of_data(dataset, some):
            self._tell(0, disease, text)
        self.width = _width(dataset)

    def look(self, progress: Any) -> str | None:
        """Say what this line of progress shows. Returns what is wrong where the config wants a failing run stopped."""
        if not self.heard:
            for line in _earlier(self.folder, progress.step):
                self._hear(line)
        self._hear(MonitoredValues(progress.step, progress.values, progress.samples))
        if progress.fraction < SETTLED or self.heard < WINDOW or self.heard % EVERY:
            return None
        stop = None
        for disease, seen in self._of_game(progress.step, progress.fraction):
            if seen is None:
                self.warnings.end(progress.step, disease)
                continue
            self._tell(progress.step, disease, seen.text)
            if seen.failing and self.config.on_failure == "stop":
                stop = stop or f"{seen.text} ({disease})"
        return stop

    def _hear(self, line: MonitoredValues) -> None:
        self.lines.append(line)
        self.heard += 1
        self.widths.hear(_number(line.samples, "deviation") / self.width if self.width > 0 else math.nan)
        self.gradients.hear(_number(line.values, "generator_gradient_norm"))

    def _tell(self, step: int, disease: str, text: str) -> None:
        if self.warnings.begin(step, disease, text):
            self.say(f"{disease}: {text}; see twoplayer diagnose {self.folder.path}")

    def _of_game(self, step: int, fraction: float) -> Iterator[tuple[str, MonitorWarning | None]]:
        """Every disease that is looked for now, and what is seen of it."""
        yield "mode-collapse", self._collapse(step, fraction)
        yield "divergence", self._explosion(step)
        yield "strong-critic", self._vanishing()
        if len(self.lines) >= LINES // 4 and self.heard % WINDOW == 0:
            yield "oscillation", self._oscillation()

    def _collapse(self, step: int, fraction: float) -> MonitorWarning | None:
        """Samples that are narrow and were not, or that are no longer young and still do not spread."""
        from twoplayer.diagnosis.mode_collapse import NARROW

        if not self.widths.most < NARROW:
            return None
        now = f"the generator's samples are all but one: {self.widths.now:.2g} of the data's width"
        if spread(self.widths) or lost(self.widths):
            return MonitorWarning(f"{now}, after {self.widths.peak:.2g} earlier", True)
        if step >= YOUNG and fraction >= LATE and not growing(self.widths):
            return MonitorWarning(f"{now}, never more than {self.widths.peak:.2g}, and not growing", True)
        return MonitorWarning(now, True) if "mode-collapse" in self.warnings.present else None

    def _explosion(self, step: int) -> MonitorWarning | None:
        """Not of the first rounds, in which a network that began with hardly a gradient finds one."""
        from twoplayer.diagnosis.divergence import GROWN

        if step < YOUNG:
            return None
        for player in ("critic", "generator"):
            times = growth(self._values(f"{player}_gradient_norm"))
            if times > GROWN:
                return MonitorWarning(f"the {player}'s gradient is {times:.3g} times what it was", True)
        return None

    def _vanishing(self) -> MonitorWarning | None:
        """A gradient that is gone in all of the latest lines, until it is back."""
        from twoplayer.diagnosis.strong_critic import VANISHED

        norms = self.gradients
        known = "strong-critic" in self.warnings.present
        before = norms.peak if known else norms.usual
        if not norms.most < VANISHED * before:
            return None
        return MonitorWarning(f"the generator's gradient has fallen to {norms.now / before:.2g} of what it was", True)

    def _oscillation(self) -> MonitorWarning | None:
        from twoplayer.diagnosis.oscillation import FAR, OFTEN

        lines = [line.samples for line in self.lines if line.samples]
        lines = lines[len(lines) // 2 :]
        places = np.array([line["mean"] for line in lines], np.float64)
        if not len(lines) or not np.isfinite(places).all():
            return None
        noise = float(np.median([line["deviation"] / math.sqrt(line["count"]) for line in lines]))
        moved = swings(places, noise, self.width)
        if moved is None or moved.reach <= FAR or moved.count < OFTEN:
            return None
        return MonitorWarning(f"the samples swing to and fro by {moved.reach:.2g} of the data's width", False)

    def _values(self, name: str) -> Array:
        return np.array([_number(line.values, name) for line in self.lines], np.float64)


def of_data(dataset: Dataset, some: Array) -> Iterator[tuple[str, str]]:
    """What is wrong with the data, by some of the training samples: diseases, and what is said of them."""
    from twoplayer.diagnosis.data_range import range_cases
    from twoplayer.diagnosis.duplicated_data import MANY

    if constant := data.constant_channels(some):
        unit = "channel" if dataset.kind == "images" else "coordinate"
        yield "constant-channels", f"{unit} {', '.join(map(str, constant))} of the data never varies"
    share = data.copies(some)
    if share > MANY:
        yield "duplicated-data", f"{share:.0%} of the training samples repeat others exactly"
    for case in range_cases(dataset, some[:1024]):
        if case.confidence > 0.5:
            yield "data-range", case.verdict


def _earlier(folder: RunFolder, step: int) -> Iterator[MonitoredValues]:
    """The lines before that round, which a resumed run wrote when it was another process."""
    samples = {line.get("step"): line for line in read_json_lines(folder.statistics)}
    for line in read_json_lines(folder.progress):
        if line.get("step", step) < step:
            yield MonitoredValues(line["step"], line, samples.get(line["step"], {}))


def _number(values: Mapping[str, Any], name: str) -> float:
    value = values.get(name)
    return math.nan if value is None else float(value)


def _width(dataset: Dataset) -> float:
    """Root mean square distance of the embedded training samples from their mean."""
    import torch

    from twoplayer.training.batches import to_network
    from twoplayer.training.sample_statistics import embed, place_and_width

    some = torch.from_numpy(np.array(dataset.train[:1024]))
    return float(place_and_width(embed(to_network(some, dataset)))[1])
