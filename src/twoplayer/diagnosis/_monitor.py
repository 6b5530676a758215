"""Monitoring of a training run: cheap checks of what is logged, and one warning per failure mode.

The data are checked before the first step, and the log at every few lines of progress; no weight and no random number
depends on it. Since the first steps of a game say little about its end, the monitor warns only of three kinds of
events: a run loses what it had, a quantity grows far beyond its usual size, or samples are still not diverse late in
the run. Warnings are stored in ``RUN/diagnosis/warnings.jsonl``, with the step from which on they no longer hold; a
resumed run does not repeat them.
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
from twoplayer.diagnosis._data import constant_channels, duplicate_share
from twoplayer.diagnosis._diversity import MIN_STEPS, WINDOW_LINES, is_growing, lost_diversity, was_diverse
from twoplayer.diagnosis._logged_values import GENERATOR_GRADIENT, GRADIENT_NORMS
from twoplayer.diagnosis._rolling_median import RollingMedian
from twoplayer.diagnosis._signals import final_growth, oscillations
from twoplayer.diagnosis._time_series import Array
from twoplayer.diagnosis._warnings import WarningLog
from twoplayer.runs.run_dir import RunFolder
from twoplayer.training.build import target

__all__ = ["Monitor"]

MAX_LINES = 400
"""Lines of progress that are stored."""
MIN_FRACTION = 0.15
"""Share of a run before which no warning about the game is issued."""
LATE_FRACTION = 0.5
"""Share of a run after which samples that were never diverse are no longer excused by its beginning."""
CHECK_EVERY_LINES = 5
"""Lines between two checks, so that checks take no noticeable time where steps are short."""
MAX_CHECKED_BYTES = 64 * 2**20
"""Bytes of training data that are checked before the first step."""


class MonitorWarning(NamedTuple):
    """A warning about the game."""

    message: str
    failing: bool
    """Whether the run is to be stopped where the config says ``on_failure: stop``."""


class MonitoredValues(NamedTuple):
    """The parts of a line of progress that the monitor reads; values by their names in ``progress.jsonl``."""

    step: int
    values: Mapping[str, Any]
    samples: Mapping[str, Any]


@final
class Monitor:
    """Checks a run's data on construction, and a line of progress when `check` is called.

    Args:
        folder: the run folder, to which warnings are written.
        config: the run's settings.
        dataset: the training data.
        warn: is called with the text of a warning.
    """

    def __init__(self, folder: RunFolder, config: Config, dataset: Dataset, warn: Callable[[str], None]) -> None:
        self.folder, self.config, self.warn = folder, config, warn
        self.warnings = WarningLog(folder.path)
        self.lines: deque[MonitoredValues] = deque(maxlen=MAX_LINES)
        self.widths, self.gradient_norms = RollingMedian(WINDOW_LINES), RollingMedian(WINDOW_LINES)
        self.line_count = 0
        dataset = target(config, dataset)
        subset = dataset.train[: max(64, MAX_CHECKED_BYTES // max(1, dataset.train[:1].nbytes))]
        for failure_mode, message in data_warnings(dataset, subset):
            self._issue(0, failure_mode, message)
        self.data_width = _data_width(dataset)

    def check(self, progress: Any) -> str | None:
        """Add a line of progress and issue warnings.

        Args:
            progress: with the attributes `step`, `fraction` (share of the run in [0, 1]), `values` (logged numbers by
                name) and `samples` (count, mean and deviation of the step's samples).

        Returns:
            The reason why the run is to be stopped; None where it is to go on.
        """
        if not self.line_count:
            for line in _earlier_lines(self.folder, progress.step):
                self._append(line)
        self._append(MonitoredValues(progress.step, progress.values, progress.samples))
        due = self.line_count >= WINDOW_LINES and self.line_count % CHECK_EVERY_LINES == 0
        if progress.fraction < MIN_FRACTION or not due:
            return None
        reason = None
        for failure_mode, warning in self._game_warnings(progress.step, progress.fraction):
            if warning is None:
                self.warnings.resolve(progress.step, failure_mode)
                continue
            self._issue(progress.step, failure_mode, warning.message)
            if warning.failing and self.config.on_failure == "stop":
                reason = reason or f"{warning.message} ({failure_mode})"
        return reason

    def _append(self, line: MonitoredValues) -> None:
        self.lines.append(line)
        self.line_count += 1
        width = _number(line.samples, "deviation") / self.data_width if self.data_width > 0 else math.nan
        self.widths.append(width)
        self.gradient_norms.append(_number(line.values, GENERATOR_GRADIENT))

    def _issue(self, step: int, failure_mode: str, message: str) -> None:
        if self.warnings.issue(step, failure_mode, message):
            self.warn(f"{failure_mode}: {message}; see twoplayer diagnose {self.folder.path}")

    def _game_warnings(self, step: int, fraction: float) -> Iterator[tuple[str, MonitorWarning | None]]:
        """The failure modes that are checked at this step, each with its warning or None."""
        yield "mode-collapse", self._collapse(step, fraction)
        yield "divergence", self._explosion(step)
        yield "strong-critic", self._vanishing_gradient()
        if len(self.lines) >= MAX_LINES // 4 and self.line_count % WINDOW_LINES == 0:
            yield "oscillation", self._oscillation()

    def _collapse(self, step: int, fraction: float) -> MonitorWarning | None:
        """Samples that are narrow and once were diverse, or that are still narrow late in the run."""
        from twoplayer.diagnosis.mode_collapse import WIDTH_THRESHOLD

        if not self.widths.current_max < WIDTH_THRESHOLD:
            return None
        message = f"the generator's samples are almost identical: {self.widths.current:.2g} of the data's width"
        if was_diverse(self.widths) or lost_diversity(self.widths):
            return MonitorWarning(f"{message}, after {self.widths.peak:.2g} earlier", True)
        if step >= MIN_STEPS and fraction >= LATE_FRACTION and not is_growing(self.widths):
            return MonitorWarning(f"{message}, never more than {self.widths.peak:.2g}, and not growing", True)
        return MonitorWarning(message, True) if "mode-collapse" in self.warnings.present else None

    def _explosion(self, step: int) -> MonitorWarning | None:
        """Gradients far beyond their usual size; not in the first steps, where a small gradient may become normal."""
        from twoplayer.diagnosis.divergence import GROWTH_THRESHOLD

        if step < MIN_STEPS:
            return None
        for player, name in GRADIENT_NORMS.items():
            growth = final_growth(self._series(name))
            if growth > GROWTH_THRESHOLD:
                return MonitorWarning(f"the {player}'s gradient is {growth:.3g} times its usual size", True)
        return None

    def _vanishing_gradient(self) -> MonitorWarning | None:
        """A generator's gradient that is vanishing in all of the latest lines, until it recovers."""
        from twoplayer.diagnosis.strong_critic import VANISHED_SHARE

        norms = self.gradient_norms
        earlier = norms.peak if "strong-critic" in self.warnings.present else norms.usual
        if not norms.current_max < VANISHED_SHARE * earlier:
            return None
        share = norms.current / earlier
        return MonitorWarning(f"the generator's gradient has fallen to {share:.2g} of its usual size", True)

    def _oscillation(self) -> MonitorWarning | None:
        from twoplayer.diagnosis.oscillation import AMPLITUDE_THRESHOLD, MIN_CROSSINGS

        lines = [line.samples for line in self.lines if line.samples]
        lines = lines[len(lines) // 2 :]
        means = np.array([line["mean"] for line in lines], np.float64)
        if not len(lines) or not np.isfinite(means).all():
            return None
        noise = float(np.median([line["deviation"] / math.sqrt(line["count"]) for line in lines]))
        movement = oscillations(means, noise, self.data_width)
        if movement is None or movement.amplitude <= AMPLITUDE_THRESHOLD or movement.crossings < MIN_CROSSINGS:
            return None
        return MonitorWarning(f"the samples oscillate by {movement.amplitude:.2g} of the data's width", False)

    def _series(self, name: str) -> Array:
        return np.array([_number(line.values, name) for line in self.lines], np.float64)


def data_warnings(dataset: Dataset, subset: Array) -> Iterator[tuple[str, str]]:
    """Failure modes of the data, each with its message, judged by some of the training samples in stored form."""
    from twoplayer.diagnosis.data_range import range_cases
    from twoplayer.diagnosis.duplicated_data import REPEATED_THRESHOLD

    if constant := constant_channels(subset):
        unit = "channel" if dataset.kind == "images" else "coordinate"
        yield "constant-channels", f"{unit} {', '.join(map(str, constant))} of the data is constant"
    share = duplicate_share(subset)
    if share > REPEATED_THRESHOLD:
        yield "duplicated-data", f"{share:.0%} of the training samples repeat others exactly"
    for case in range_cases(dataset, subset[:1024]):
        if case.confidence > 0.5:
            yield "data-range", case.verdict


def _earlier_lines(folder: RunFolder, step: int) -> Iterator[MonitoredValues]:
    """The logged lines before that step, which an earlier process wrote before the run was resumed."""
    samples = {line.get("step"): line for line in read_json_lines(folder.statistics)}
    for line in read_json_lines(folder.progress):
        if line.get("step", step) < step:
            yield MonitoredValues(line["step"], line, samples.get(line["step"], {}))


def _number(values: Mapping[str, Any], name: str) -> float:
    value = values.get(name)
    return math.nan if value is None else float(value)


def _data_width(dataset: Dataset) -> float:
    """Root mean square distance of the embedded training samples from their mean."""
    import torch

    from twoplayer.training.batches import to_network
    from twoplayer.training.sample_statistics import embed, place_and_width

    subset = torch.from_numpy(np.array(dataset.train[:1024]))
    return float(place_and_width(embed(to_network(subset, dataset)))[1])
