"""The monitor of a training run: its warnings about a failing run, and its silence about one that begins."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from twoplayer.api.run import Run
from twoplayer.core.errors import UserError
from twoplayer.core.files import append_json_line
from twoplayer.diagnosis import diagnose
from twoplayer.diagnosis._diversity import MIN_STEPS, is_growing, lost_diversity, was_diverse, width_medians
from twoplayer.diagnosis._monitor import Monitor
from twoplayer.diagnosis._rolling_median import RollingMedian
from twoplayer.diagnosis._warnings import WarningLog, read_warnings
from twoplayer.runs.dataset import reopen
from twoplayer.runs.run_dir import RunFolder

BEGINNING = np.array(
    [0.063, 0.063, 0.073, 0.09, 0.15, 0.36, 0.84, 1.2, 1.5, 1.4, 1.3, 1.3, 1.5, 1.2, 1.7, 1.5, 1.5, 1.4]
)
"""How wide the samples of a healthy run lay over its first 280 steps, every 16th (DCGAN on Fashion-MNIST)."""
DATA = 1.6
"""How wide its data lie."""


def between(values: Sequence[float], count: int) -> np.ndarray:
    return np.interp(np.linspace(0, len(values) - 1, count), np.arange(len(values)), values)


@pytest.fixture
def run(tiny: Callable[..., Any]) -> Run:
    return tiny(steps=4)  # type: ignore[no-any-return]


class MonitoredRun:
    """A monitor of made-up lines of progress on data of width 1."""

    def __init__(self, run: Run, path: Path, *, on_failure: str = "warn") -> None:
        self.issued: list[str] = []
        self.folder = RunFolder(path)
        config = run.config.model_copy(update={"on_failure": on_failure})
        self.monitor = Monitor(self.folder, config, reopen(run.folder), self.issued.append)
        self.monitor.data_width = 1.0
        self.stopped: list[str] = []

    def add_lines(
        self,
        wide: Iterable[float],
        *,
        first: int = 1,
        every: int = 1,
        steps: int | None = None,
        generator: Callable[[int], float] = lambda step: 1.0,
        critic: Callable[[int], float] = lambda step: 1.0,
        keep: bool = False,
    ) -> MonitoredRun:
        """Lines every `every` steps with samples that wide, of a run of `steps`, as many as there are by default."""
        wide = list(wide)
        for i, width in enumerate(wide):
            step = (first + i) * every
            values = {"generator_gradient_norm": generator(step), "critic_gradient_norm": critic(step)}
            samples = {"count": 64, "mean": [0.0, 0.0], "deviation": float(width)}
            if keep:
                append_json_line(self.folder.progress, {"step": step, **values})
                append_json_line(self.folder.statistics, {"step": step, **samples})
            fraction = step / (steps or every * (first + len(wide) - 1))
            stop = self.monitor.check(SimpleNamespace(step=step, fraction=fraction, values=values, samples=samples))
            self.stopped += [] if stop is None else [stop]
        return self

    @property
    def failure_modes(self) -> list[str]:
        return [text.partition(":")[0] for text in self.issued]


@pytest.fixture
def monitored(run: Run, tmp_path: Path) -> Callable[..., MonitoredRun]:
    count = iter(range(100))
    return lambda **options: MonitoredRun(run, tmp_path / f"monitored{next(count)}", **options)


# ---- a number as it comes


def test_rolling_medians() -> None:
    medians = RollingMedian(3)
    for value in (5.0, 1.0):
        medians.append(value)
    assert (
        math.isnan(medians.current)
        and math.isnan(medians.current_max)
        and math.isnan(medians.usual)
        and math.isnan(medians.halfway)
    )
    for value in (2.0, 2.0, 9.0, 2.0, 2.0):
        medians.append(value)
    assert (medians.current, medians.current_max, medians.peak) == (2.0, 9.0, 2.0)
    medians.append(math.nan)
    assert math.isnan(medians.current) and math.isnan(medians.current_max) and medians.peak == 2.0
    for value in (7.0, 8.0, 9.0):
        medians.append(value)
    assert (medians.current, medians.peak) == (8.0, 8.0)


def test_what_is_usual_leaves_out_the_latest_lines() -> None:
    medians = RollingMedian(20)
    for value in [3.0] * 60 + [1e-9] * 20:
        medians.append(value)
    assert medians.usual == 3.0 and medians.current == 1e-9


def test_diversity_is_of_the_datas_width_and_of_its_own_past() -> None:
    beginning = width_medians(BEGINNING[:4], DATA)
    assert not was_diverse(beginning) and not lost_diversity(beginning)
    assert was_diverse(width_medians(between(BEGINNING, 100), DATA)) and is_growing(
        width_medians(between(BEGINNING[:6], 100), DATA)
    )
    assert lost_diversity(width_medians([0.05] * 30 + [1e-4] * 30, DATA))
    flat = width_medians([0.0] * 30, DATA)  # a network that passes nothing on has lost nothing
    assert not lost_diversity(flat) and not was_diverse(flat) and not is_growing(flat)
    assert math.isnan(width_medians([], DATA).current) and math.isnan(width_medians([1.0], 0.0).current)


# ---- a run that begins


@pytest.mark.parametrize("steps", [100, 280, 1_000])
def test_a_generator_that_begins_is_not_told_to_have_collapsed(
    steps: int, monitored: Callable[..., MonitoredRun]
) -> None:
    young = monitored(on_failure="stop").add_lines(between(BEGINNING / DATA, 280), steps=steps)
    assert (young.issued, young.stopped) == ([], [])


def test_a_generator_that_takes_its_time_is_not_told_to_have_collapsed(monitored: Callable[..., MonitoredRun]) -> None:
    slow = monitored().add_lines(np.geomspace(0.03, 0.19, 400), every=10)
    assert slow.issued == []


def test_a_young_run_of_images_hears_nothing(tiny: Callable[..., Any]) -> None:
    said: list[str] = []

    class Notes:
        def on_note(self, text: str) -> None:
            said.append(text)

        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *_: None

    run = tiny("dcgan", "digits", listeners=[Notes()], steps=60, log_every=1, filters=8, **{"data.count": None})
    lines = [json.loads(line) for line in run.folder.statistics.read_text().splitlines()]
    assert len(lines) == 60 and max(line["deviation"] for line in lines[10:40]) < 0.28, "narrow, as what begins is"
    assert said == []


def test_a_gradient_that_awakes_does_not_explode(monitored: Callable[..., MonitoredRun]) -> None:
    """A badly begun deep network, 3e-4 for 40 steps and about 1 from then on."""
    awaking = monitored(on_failure="stop").add_lines([0.9] * 140, critic=lambda s: 3e-4 if s < 40 else 1.0 + s % 3)
    assert (awaking.issued, awaking.stopped) == ([], [])


def test_a_gradient_that_flickers_has_not_vanished(monitored: Callable[..., MonitoredRun]) -> None:
    assert monitored().add_lines([0.9] * 400, generator=lambda s: 1.0 if s < 200 or not s % 10 else 1e-6).issued == []


# ---- a run that goes wrong


def test_a_collapse_after_a_spread_is_told_within_as_many_lines_as_a_look_takes(
    monitored: Callable[..., MonitoredRun],
) -> None:
    collapsed = monitored(on_failure="stop").add_lines([*[0.9] * 100, *[0.05] * 25], steps=400)
    assert collapsed.failure_modes == ["mode-collapse"]
    assert "0.05 of the data's width, after 0.9 earlier" in collapsed.issued[0]
    assert len(collapsed.stopped) >= 1 and "(mode-collapse)" in collapsed.stopped[0]
    (warning,) = read_warnings(collapsed.folder.path)
    assert 115 <= warning.step <= 125 and warning.resolved_step is None


def test_a_collapse_from_the_start_is_told_when_the_run_is_no_longer_young(
    monitored: Callable[..., MonitoredRun],
) -> None:
    stuck = monitored().add_lines([0.1] * 400, every=5)
    assert stuck.failure_modes == ["mode-collapse"] and "never more than 0.1" in stuck.issued[0]
    assert read_warnings(stuck.folder.path)[0].step >= max(MIN_STEPS, 1_000)
    assert monitored().add_lines([0.1] * 400, every=1).issued == []  # 400 steps in all are a beginning


def test_what_dwindles_to_nothing_was_little_to_begin_with(monitored: Callable[..., MonitoredRun]) -> None:
    assert monitored().add_lines([*[0.04] * 60, *[1e-5] * 40], steps=300).failure_modes == ["mode-collapse"]


def test_a_vanished_gradient_is_told_and_holds_to_the_end(monitored: Callable[..., MonitoredRun]) -> None:
    """Also where it has been gone for so long that nothing else is usual any more."""
    vanished = monitored().add_lines([0.9] * 400, generator=lambda s: 1.0 if s < 90 else 1e-6)
    assert vanished.failure_modes == ["strong-critic"]
    assert [w.resolved_step for w in read_warnings(vanished.folder.path)] == [None]


def test_an_explosion_of_a_grown_run_is_told(monitored: Callable[..., MonitoredRun]) -> None:
    exploding = monitored().add_lines([0.9] * 400, every=5, critic=lambda s: 1.05 ** max(0, s // 5 - 200))
    assert exploding.failure_modes == ["divergence"]


# ---- what no longer holds


def test_what_is_over_is_said_to_be_over_and_what_comes_back_is_not(monitored: Callable[..., MonitoredRun]) -> None:
    passing = monitored().add_lines([*[0.9] * 100, *[0.05] * 40, *[0.9] * 40], steps=400)
    (warning,) = read_warnings(passing.folder.path)
    assert warning.resolved_step is not None and 140 <= warning.resolved_step <= 150
    assert str(warning).endswith(f"earlier (resolved at step {warning.resolved_step})")
    passing.add_lines([0.05] * 40, first=181, steps=400)
    (again,) = read_warnings(passing.folder.path)
    assert (again.step, again.message, again.resolved_step) == (warning.step, warning.message, None)
    assert len(passing.issued) == 1


def test_a_resumed_monitor_knows_what_was_before(monitored: Callable[..., MonitoredRun], run: Run) -> None:
    before = monitored()
    before.add_lines([0.9] * 100, steps=400, keep=True)
    resumed = MonitoredRun(run, before.folder.path).add_lines([0.05] * 25, first=101, steps=400)
    assert resumed.failure_modes == ["mode-collapse"] and "after 0.9 earlier" in resumed.issued[0]
    again = MonitoredRun(run, before.folder.path).add_lines([0.05] * 25, first=126, steps=400)
    assert again.issued == [] and len(read_warnings(before.folder.path)) == 1


def test_data_stay_as_they_are(tmp_path: Path) -> None:
    warnings = WarningLog(tmp_path)
    assert warnings.issue(0, "data-range", "they fill a sliver") and not warnings.issue(0, "data-range", "other words")
    warnings.resolve(20, "oscillation")  # was never there
    assert [str(w) for w in read_warnings(tmp_path)] == ["step 0: they fill a sliver"]
    assert not WarningLog(tmp_path).issue(0, "data-range", "they fill a sliver")
    assert len((tmp_path / "diagnosis" / "warnings.jsonl").read_text().splitlines()) == 1


def test_a_damaged_list_of_warnings_is_named(tmp_path: Path) -> None:
    append_json_line(tmp_path / "diagnosis" / "warnings.jsonl", {"step": "soon", "failure_mode": "x", "message": "y"})
    with pytest.raises(UserError, match=r"warnings\.jsonl is corrupt: delete it"):
        read_warnings(tmp_path)


def test_a_diagnosis_says_what_no_longer_holds(run: Run) -> None:
    for line in (
        {"step": 1, "failure_mode": "mode-collapse", "text": "all but one"},
        {"step": 2, "failure_mode": "oscillation", "text": "to and fro"},
        {"step": 3, "failure_mode": "mode-collapse", "text": None},
    ):
        append_json_line(run.path / "diagnosis" / "warnings.jsonl", line)
    found = diagnose(run, only=["data-range"])
    assert found.warnings == ("step 1: all but one (resolved at step 3)", "step 2: to and fro")
    assert "warning during training: step 1: all but one (resolved at step 3)" in str(found)


# ---- after the run


def test_a_run_that_hardly_began_is_not_accused_of_a_collapse(run: Run) -> None:
    line = {"count": 64, "mean": [0.0, 0.0], "deviation": 0.05}
    run.folder.statistics.write_text("".join(json.dumps({"step": s, **line}) + "\n" for s in range(1, 60)))
    found = diagnose(run, only=["mode-collapse", "partial-collapse"])
    assert found.findings == () and set(found.unchecked) == {"mode-collapse", "partial-collapse"}
    assert "59 steps are too few to tell a collapse from a beginning" in found.unchecked["mode-collapse"]
    run.folder.statistics.write_text("".join(json.dumps({"step": 10 * s, **line}) + "\n" for s in range(1, 60)))
    assert not diagnose(run, only=["mode-collapse"]).unchecked
    fallen = [{**line, "step": s, "deviation": 0.05 if s < 30 else 1e-4} for s in range(1, 60)]
    run.folder.statistics.write_text("".join(json.dumps(line) + "\n" for line in fallen))
    assert not diagnose(run, only=["mode-collapse"]).unchecked
