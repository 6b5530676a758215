"""Comparisons: statistics against known results, plans, training of runs, tables with their limits."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch

from twoplayer import methods
from twoplayer.cli.main import run as command_line
from twoplayer.comparison import Comparison, compare, compare_runs, devices, train_runs
from twoplayer.comparison.architectures import CHOICES, SuccessCounts, random_architecture, success_counts, thresholds
from twoplayer.comparison.load_runs import FinalScore, MeasuredRun, ProgressPoint, read_runs, run_entries
from twoplayer.comparison.parts import success_table
from twoplayer.comparison.plan import plan, read_variation
from twoplayer.comparison.plots import plot_quality_and_diversity, plot_sweeps, plot_training
from twoplayer.comparison.sample_panels import SamplePanels
from twoplayer.comparison.settings_table import environment_rows, run_diagnoses, settings_table
from twoplayer.comparison.statistics import bootstrap_interval, mean_ranks, min_p, min_pairs, p_against, permutation_p
from twoplayer.comparison.table import ComparisonTable, make_table
from twoplayer.comparison.table_formats import as_text, latex, long_rows
from twoplayer.config.schema import Config
from twoplayer.core.errors import Interrupted, UserError

RANDOM = np.random.default_rng(0)
COMMON = {"steps": 8, "filters": 4, "batch_size": 8, "evaluate_count": 100, "data.count": 200, "tensorboard": False,
          "sample_every": 1000, "evaluate_every": 4}  # fmt: skip


# ---- statistics


def test_a_small_bootstrap_is_counted_out() -> None:
    """Two values have three possible means, of which the outer ones come up in a quarter of cases each."""
    assert bootstrap_interval([1.0, 3.0]) == (1.0, 3.0)
    assert bootstrap_interval([1.0, 3.0], level=0.4) == (2.0, 2.0)
    assert bootstrap_interval([5.0, 5.0, 5.0]) == (5.0, 5.0) and bootstrap_interval([1.0]) is None
    x = np.array([0.0, 1.0, 5.0, 6.0])
    means = sorted(np.mean(rows) for rows in itertools.product(x, repeat=4))
    assert bootstrap_interval(x) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975], method="inverted_cdf")))


def test_the_bootstrap_is_scipys() -> None:
    x = RANDOM.exponential(size=30)
    theirs = scipy.stats.bootstrap((x,), np.mean, method="percentile", n_resamples=20_000).confidence_interval
    assert bootstrap_interval(x) == pytest.approx((theirs.low, theirs.high), abs=0.02 * x.std())


def test_the_bootstrap_covers_as_often_as_it_says() -> None:
    """About 95 of 100 with thirty values; the docstring's three quarters with three."""
    for count, expected, times in ((30, 0.93, 120), (3, 0.75, 400)):
        samples = RANDOM.normal(size=(times, count))
        found = [bootstrap_interval(x) for x in samples]
        assert np.mean([low <= 0 <= high for low, high in found]) == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("count", [3, 7, 12])
def test_the_permutation_test_is_scipys(count: int) -> None:
    one, other = RANDOM.normal(size=count), RANDOM.normal(0.7, 1, size=count)
    theirs = scipy.stats.permutation_test(
        (one, other), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    )
    assert permutation_p(one - other) == pytest.approx(theirs.pvalue)


def test_known_p_values() -> None:
    assert permutation_p([1.0, 2.0, 3.0]) == 0.25 == min_p(3)  # all signs equal: 2 of 8
    assert permutation_p([0.0, 0.0]) == 1 and permutation_p([1.0, -1.0]) == 1
    assert permutation_p([]) is None and permutation_p([1.0, float("inf")]) is None
    assert permutation_p([0.1] * 6) == min_p(6) == 1 / 32 and min_pairs() == 6
    assert permutation_p(np.full(40, 0.3)) == pytest.approx(1 / 65536)  # drawn, the given one among them
    null = [permutation_p(RANDOM.normal(size=8)) for _ in range(400)]
    assert np.mean(np.array(null) <= 0.05) == pytest.approx(0.05, abs=0.03)


def rows_of(table: np.ndarray) -> dict[str, dict[str, float]]:
    """Costs ``(repetitions, rows)`` by row and repetition."""
    return {f"r{j}": {f"seed {i}": float(v) for i, v in enumerate(column)} for j, column in enumerate(table.T)}


def test_two_rows_are_tested_as_a_pair() -> None:
    for count in (3, 7):
        table = RANDOM.normal(size=(count, 2))
        assert p_against(rows_of(table), "r0") == {"r1": pytest.approx(permutation_p(table[:, 0] - table[:, 1]))}


def test_adjusted_p_values_counted_by_hand() -> None:
    """Of the 8 signs of three repetitions, in how many does the largest statistic of what is left reach each one's?"""
    table = np.array([[0.0, 1.0, 5.0], [0.0, 2.0, 4.0], [0.0, -1.0, 6.0]])
    pairs = [table[:, 0] - table[:, 1], table[:, 0] - table[:, 2], table[:, 1] - table[:, 2]]
    x = np.array([d / np.linalg.norm(d) for d in pairs]).T
    given = np.abs(x.sum(0))
    order, worst, expected = np.argsort(-given), 0.0, {}
    for place, pair in enumerate(order):
        left = order[place:]
        times = sum(
            np.abs(np.array(s) @ x[:, left]).max() >= given[pair] - 1e-12 for s in itertools.product((1, -1), repeat=3)
        )
        worst = max(worst, times / 8)
        expected[int(pair)] = worst
    assert p_against(rows_of(table), "r0") == pytest.approx({"r1": expected[0], "r2": expected[1]})


def test_equals_are_seldom_told_from_the_best_of_them() -> None:
    """Although the same runs choose the best: Holm's correction of tests against it alone errs twice as often."""
    wrong = 0
    for _ in range(150):
        rows = rows_of(RANDOM.exponential(size=(8, 6)) + RANDOM.normal(size=(8, 1)))
        best = min(rows, key=lambda row: sum(rows[row].values()))
        wrong += min(p for p in p_against(rows, best).values() if p is not None) <= 0.05
    assert wrong / 150 <= 0.05 + 3 * (0.05 * 0.95 / 150) ** 0.5


def test_what_every_seed_shows_is_told_among_many_rows() -> None:
    """Six seeds are enough however many rows there are."""
    table = RANDOM.normal(scale=0.05, size=(6, 8)) + np.array([0, *range(1, 8)])
    assert set(p_against(rows_of(table), "r0").values()) == {min_p(6)}


def test_what_cannot_be_tested_has_no_p() -> None:
    rows = rows_of(np.array([[0.0, 1.0, float("inf"), 1.0], [0.0, 2.0, 3.0, 2.0], [0.0, 1.5, 2.0, 1.0]]))
    rows["r3"] = {"seed 0": 1.0, "seed 9": 4.0}
    found = p_against(rows, "r0")
    assert found["r1"] is not None and found["r2"] is None and found["r3"] is None
    assert p_against({"r0": {"seed 0": 1.0}, "r1": {"seed 0": 2.0}}, "r0") == {"r1": None}
    drawn = p_against(rows_of(np.arange(40.0).reshape(20, 2)), "r0")
    assert drawn["r1"] == pytest.approx(1 / 65536)


def test_ranking() -> None:
    assert mean_ranks([[1.0, 5.0], [2.0, 5.0], [3.0, float("nan")]]) == [1.25, 1.75, 3.0]


# ---- tables


def made(label: str, values: Mapping[str, float], *, state: str = "finished", **changes: Any) -> list[MeasuredRun]:
    """Runs of one row by what is repeated, with two figures, one of them turned round."""
    config = Config(data={"name": "ring"}, method=changes.pop("method", label.split()[0]), steps=10)
    runs = []
    for name, value in values.items():
        scores = {
            "fd_toy_1k": FinalScore(value, False, 0.1, 0.5),
            "inception_score_toy_1k": FinalScore(10 - value, True, 0.1, 9.8),
        }
        scores |= {"diversity_score_toy_1k": FinalScore(1 / (1 + value), True, 0.01, 0.99)}
        course = {
            n: tuple(ProgressPoint(s, s * 8, s / 10, v.value * 10 / s) for s in (5, 10)) for n, v in scores.items()
        }
        data = {"name": "ring", "kind": "points", "key": "one"}
        run = MeasuredRun(Path(f"runs/{label}-{name}"), label, name, {}, config, data, {"threads": 1}, state, None,
                          10, 80, 1.0, scores if state == "finished" else {}, course)  # fmt: skip
        runs.append(replace(run, **changes))
    return runs


def seeds(*values: float) -> dict[str, float]:
    return {f"seed {i}": value for i, value in enumerate(values)}


def cells(table: ComparisonTable, figure: str = "fd_toy_1k") -> dict[str, Any]:
    return {row.label: row.cells.get(figure) for row in table.rows}


def test_a_clear_winner_and_a_tie() -> None:
    table = make_table([
        *made("gan1", seeds(3.1, 2.9, 3.0, 3.2, 2.8, 3.0, 3.1, 2.9)),
        *made("wgan", seeds(3.0, 3.0, 2.9, 3.3, 2.9, 2.9, 3.2, 2.9)),
        *made("lsgan", seeds(5.1, 4.9, 5.0, 5.2, 4.8, 5.0, 5.1, 4.9)),
    ])  # fmt: skip
    found = cells(table)
    assert [row.label for row in table.rows][-1] == "lsgan"
    assert found["gan1"].best and not found["gan1"].tied and found["gan1"].p is None
    assert found["wgan"].tied and found["wgan"].p > 0.05
    assert not found["lsgan"].tied and found["lsgan"].p == pytest.approx(2 / 2**8)  # no seed says otherwise
    assert found["lsgan"].rank == 3 and found["lsgan"].mean == pytest.approx(5.0)
    assert found["lsgan"].low <= 5.0 <= found["lsgan"].high
    # the same the other way round, where more is better
    other = cells(table, "inception_score_toy_1k")
    assert other["gan1"].best and other["lsgan"].rank == 3 and other["wgan"].tied
    assert not any("significant" in note for note in table.notes)


def test_too_few_seeds_are_said_to_be_too_few() -> None:
    three = make_table([*made("gan1", seeds(1, 1.1, 0.9)), *made("wgan", seeds(9, 9.1, 8.9))])
    found = cells(three)["wgan"]
    assert found.underpowered and found.untested and not found.tied and found.p == 0.25
    assert any(
        "3 paired runs each cannot show a significant difference" in note and "6 seeds" in note for note in three.notes
    )
    assert not any("fewer than two seeds have" in note for note in three.notes)
    assert "?" in as_text(three).splitlines()[4] and "=" not in as_text(three).splitlines()[4]
    one = make_table([*made("gan1", seeds(1)), *made("wgan", seeds(9))])
    assert cells(one)["wgan"].p is None and cells(one)["wgan"].low is None and not cells(one)["wgan"].tied
    assert any("One run each" in note for note in one.notes)


def test_runs_are_paired_by_their_seeds() -> None:
    """Seeds differ more than methods do: pairs tell what means do not."""
    levels = [1.0, 5.0, 9.0, 13.0, 2.0, 7.0, 4.0, 11.0]
    table = make_table([*made("gan1", seeds(*levels)), *made("wgan", seeds(*(v + 0.1 for v in levels)))])
    cell = cells(table)["wgan"]
    assert cell.p == pytest.approx(2 / 2**8) and not cell.tied and cell.rank == 2
    shuffled = dict(reversed(seeds(*(v + 0.1 for v in levels)).items()))
    assert cells(make_table([*made("gan1", seeds(*levels)), *made("wgan", shuffled)]))["wgan"].p == cell.p


def test_a_method_that_fails_is_not_the_best() -> None:
    runs = [
        *made("gan1", seeds(3.0, 3.0)),
        *made("wgan", {"seed 0": 1.0}),
        *made("wgan", {"seed 1": 1.0}, state="diverged"),
    ]
    table = make_table(runs)
    assert cells(table)["gan1"].best and cells(table)["wgan"].rank == 1.5  # first once, last once
    assert "wgan: 1 diverged of 2 runs; values are those of the other runs" in table.notes
    assert "1 of 2" in as_text(table)
    only = make_table(made("wgan", seeds(1.0), state="diverged"))
    assert not only.columns and "1 diverged of 1 runs" in only.notes[0]


def test_where_real_data_are_the_measure_nearer_is_better() -> None:
    def runs(label: str, *values: float) -> list[MeasuredRun]:
        scores = [{"density_toy_1k": FinalScore(value, None, None, 1.0)} for value in values]
        return [replace(run, scores=s) for run, s in zip(made(label, seeds(*values)), scores, strict=True)]

    found = cells(make_table([*runs("gan1", 0.2, 0.3), *runs("wgan", 1.2, 1.1)]), "density_toy_1k")
    assert found["wgan"].best and found["gan1"].rank == 2


def test_an_infinite_figure_is_the_worst() -> None:
    table = make_table([*made("gan1", seeds(3.0, float("inf"))), *made("wgan", seeds(9.0, 8.0))])
    assert cells(table)["wgan"].best and cells(table)["gan1"].mean == float("inf") and cells(table)["gan1"].p is None
    assert "∞" in as_text(table) and "$\\infty$" in latex(table)


def test_what_the_table_is_ordered_by() -> None:
    runs = [*made("gan1", seeds(3.0)), *made("wgan", seeds(9.0))]
    assert make_table(runs).columns[0].name == "fd_toy_1k"
    assert make_table(runs, by="diversity-score").columns[0].name == "diversity_score_toy_1k"
    with pytest.raises(UserError, match="no run has a metric called 'fid_toy': did you mean fd_toy_1k"):
        make_table(runs, by="fid_toy")


def test_budgets_that_differ_are_named() -> None:
    longer = Config(data={"name": "ring"}, method="wgan", max_time="10min")
    table = make_table([*made("gan1", seeds(3.0)), *made("wgan", seeds(9.0), config=longer)])
    assert any("Budgets are not equal" in n and "10 steps: gan1; 10 min: wgan" in n for n in table.notes)
    ended = Config(data={"name": "ring"}, method="wgan", steps=10, early_stopping="auto")
    table = make_table([*made("gan1", seeds(3.0)), *made("wgan", seeds(9.0), config=ended)])
    assert any("Early stopping could end runs before" in n and "wgan 1 s" in n for n in table.notes)


# ---- pictures


def test_pictures_of_a_table() -> None:
    runs = [*made("gan1 depth=2", seeds(3.0, 3.5), factors={"depth": "2"}),
            *made("gan1 depth=4", seeds(2.0, 2.5), factors={"depth": "4"})]  # fmt: skip
    table = make_table(runs)
    course = plot_training(table, table.columns[0])
    assert course is not None and len(course.figure.axes) == 2
    lines = course.figure.axes[0].get_lines()
    assert len({(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines}) == 3  # and real data
    assert list(lines[0].get_xdata())[-1] == 80 and "held-out real data 0.5" in course.caption
    assert len(course.figure.axes[0].collections) == 2  # a band each
    trade = plot_quality_and_diversity(table)
    assert trade is not None and "inception_score_toy_1k against diversity_score_toy_1k" in trade.caption
    (sweep,) = plot_sweeps(table)
    assert list(sweep.figure.axes[0].get_lines()[0].get_xdata()) == [2.0, 4.0]
    assert "gan1 goes from 3.25 to 2.25" in sweep.caption


# ---- grids


def planned(names: list[str], **settings: Any) -> Any:
    options = {"seeds": [0], "vary": {}, "architectures": 0}
    given = {key: settings.pop(key, value) for key, value in options.items()}
    return plan(names, "ring", settings=settings, **given)


def test_a_grid_goes_seed_by_seed_through_every_combination() -> None:
    found = planned(["gan1", "wgan"], seeds=[0, 1], vary={"depth": ["1", "2"], "batch_size": ["8", "16"]}, steps=10)
    assert len(found.runs) == 2 * 2 * 4 and len({case.name for case in found.runs}) == 16
    assert [case.seed for case in found.runs] == [0] * 8 + [1] * 8
    assert found.runs[3].label == "gan1 depth=2 batch_size=16" and found.runs[3].replicate == "seed 0"
    assert found.runs[3].name == "gan1-depth=2-batch_size=16-seed0"
    arguments = found.runs[3].arguments("ring")
    assert arguments == ["gan1", "--data", "ring", "--steps", "10", "--depth", "2", "--batch-size", "16", "--seed", "0"]
    assert (found.unit, found.amount, found.name) == ("steps", 10.0, "ring-10-steps")


def test_the_folder_is_the_questions() -> None:
    assert planned(["gan1"], budget="10min").name == planned(["wgan"], budget="600s", seeds=[5]).name == "ring-600s"
    other = planned(["gan1"], budget="10min", batch_size=32).name
    assert other.startswith("ring-600s-") and other != planned(["gan1"], budget="10min", batch_size=16).name


def test_all_are_measured_on_as_many_samples() -> None:
    found = plan(["gan1", "icfg"], "digits", seeds=[0], settings={"steps": 10}, vary={})
    assert {case.settings["evaluate_count"] for case in found.runs} == {1000}
    assert "measured on 1,000 samples" in found.notes[0]


def test_every_mistake_at_once() -> None:
    with pytest.raises(UserError) as caught:
        planned(["gan1", "wgan-pg"], seeds=[1, 1], vary={"dept": ["1"], "batch_size": ["0"]}, architectures=3)
    told = str(caught.value)
    assert "need one of budget, images and steps" in told and "seeds must be different" in told
    assert "did you mean wgan-gp?" in told and "no setting is called 'dept': did you mean depth?" in told
    assert "batch_size must be greater than or equal to 2, not '0'" in told
    assert "varies nothing else: name two methods, not 2 with vary" in told


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"images": 10, "batch_size": 64}, "a budget of 10 images is too small for one evaluation: gan1 takes 64"),
        ({"steps": 1}, "a budget of 1 steps is too small for one evaluation during training: raise steps"),
        ({"steps": 10, "evaluate_every": 20}, "which evaluate_every sets to 20"),
        ({"steps": 10, "images": 100}, "one of budget, images and steps, not steps and images"),
        ({"steps": 10, "seed": 3}, "runs are repeated with different seeds: give seeds"),
        ({"steps": 10, "batch_size": 8, "vary": {"batch_size": ["4"]}}, "batch_size is both varied and set"),
    ],
)
def test_budgets_and_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        planned(["gan1"], **settings)


def test_variations_are_spelled() -> None:
    assert read_variation("networks.depth=4, 8,12") == ("networks.depth", ["4", "8", "12"])
    for text in ("depth", "depth=", "=4"):
        with pytest.raises(UserError, match="must be a setting and its values, such as networks"):
            read_variation(text)


# ---- random architectures


def test_architectures_are_drawn_from_the_papers_sets() -> None:
    plain, penalized = {"regularizers": {}}, {"regularizers": {"gradient-penalty": {}}}
    drawn = [random_architecture(i, plain, {}) for i in range(300)]
    for option, choices in CHOICES.items():
        for player in ("generator", "critic"):
            found = [d[f"{player}.{option}"] for d in drawn]
            shares = [found.count(choice) / 300 for choice in choices]
            assert shares == pytest.approx([1 / len(choices)] * len(choices), abs=0.1)
    for i, one in enumerate(drawn[:50]):
        other = random_architecture(i, penalized, {})
        norms = {"batch": "layer", "none": "none"}
        assert other == {**one, "critic.normalization": norms[one["critic.normalization"]]}
    fixed = random_architecture(3, plain, {"filters": 8, "critic.depth": 2})
    assert fixed == {k: v for k, v in drawn[3].items() if not k.endswith("filters") and k != "critic.depth"}


def test_both_methods_play_on_the_same_architectures() -> None:
    found = plan(["gan1", "wgan-gp"], "digits", seeds=[0], settings={"steps": 10}, vary={}, architectures=5)
    assert len(found.runs) == 10 and {case.label for case in found.runs} == {"gan1", "wgan-gp"}
    for one, other in zip(found.runs[::2], found.runs[1::2], strict=True):
        assert one.replicate == other.replicate
        assert one.settings["generator.depth"] == other.settings["generator.depth"]


def test_the_table_of_architectures() -> None:
    """Counted by hand: a failed run reaches nothing."""
    first = {"a": 2.0, "b": 4.0, "c": float("nan"), "d": 6.0}
    second = {"a": 4.0, "b": 1.0, "c": 9.0, "d": 6.0, "e": 9.0}
    assert success_counts(first, second, (1.0, 3.0, 9.0), True) == [
        SuccessCounts(1.0, 0, 1, 3, 0), SuccessCounts(3.0, 1, 2, 1, 0), SuccessCounts(9.0, 0, 1, 0, 3),
    ]  # fmt: skip
    assert success_counts({"a": 2.0}, {"a": 4.0}, (3.0,), False) == [SuccessCounts(3.0, 1, 0, 0, 0)]
    assert thresholds([1, 2], True, "inception_score_classifier_10k") == (1, 3, 5, 7, 9)
    assert thresholds([float("nan"), 8.0, 4.0, float("inf")], False, "fd_x") == (8, 7, 6, 5, 4)


# ---- trained


class InProcess:
    """Stands for a process: runs the command line here at once."""

    started: list[list[str]] = []  # noqa: RUF012
    code: int | None = None
    lock = threading.Lock()

    def __init__(self, command: list[str], *, stdout: Any, stderr: Any, **_: Any) -> None:
        assert command[:3] == [sys.executable, "-m", "twoplayer"]
        self.started.append(command[3:])
        output, errors = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
        with self.lock, contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            self.returncode = command_line(command[3:]) if self.code is None else self.code
        stdout.write(output.buffer.getvalue())  # type: ignore[attr-defined]
        stderr.write(errors.buffer.getvalue())  # type: ignore[attr-defined]

    def poll(self) -> int:
        return self.returncode

    def terminate(self) -> None:
        raise AssertionError("it is over already")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cheap: None) -> Iterator[type[InProcess]]:
    """Train in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train_runs, "subprocess", SimpleNamespace(Popen=InProcess))
    monkeypatch.setattr(InProcess, "started", [])
    monkeypatch.setattr(InProcess, "code", None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield InProcess


def test_runs_are_trained_once(here: type[InProcess]) -> None:
    told: list[str] = []
    found = compare(["gan1", "lsgan"], "ring", seeds=2, progress=told.append, **COMMON)
    assert len(here.started) == 4 and here.started[0][:3] == ["train", "gan1", "--data"]
    assert [run.path.name for run in found.runs] == ["gan1-seed0", "lsgan-seed0", "gan1-seed1", "lsgan-seed1"]
    assert all(run.path.is_dir() and run.state == "finished" and run.step == 8 for run in found.runs)
    assert told[0].startswith("4 runs in comparisons") and any("finished, 8 steps, 64 images" in line for line in told)
    row = found.tables[0].rows[0]
    assert row.cells["toy_100"].pairs == 2 and set(row.cells["toy_100"].values) == {"seed 0", "seed 1"}
    # again, with one more method: what is done is not done again
    more = compare(["gan1", "lsgan", "wgan"], "ring", seeds=2, progress=told.append, **COMMON)
    assert len(here.started) == 6 and sum("trained before" in line for line in told) == 4
    assert {row.label for row in more.tables[0].rows} == {"gan1", "lsgan", "wgan"}


def test_a_run_of_another_length_is_not_the_same(here: type[InProcess]) -> None:
    compare(["gan1"], "ring", seeds=1, output="out", **COMMON)
    compare(["gan1"], "ring", seeds=1, output="out", **{**COMMON, "steps": 12})
    assert len(here.started) == 2  # it went on from step 8


def test_an_interruption_is_handed_on(here: type[InProcess], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InProcess, "code", 130)
    with pytest.raises(Interrupted, match="interrupted after 0 of 2 runs; the same command goes on from here"):
        compare(["gan1", "lsgan"], "ring", seeds=1, **COMMON)
    monkeypatch.setattr(InProcess, "code", None)
    assert len(compare(["gan1", "lsgan"], "ring", seeds=1, **COMMON).runs) == 2


def test_a_run_that_cannot_be_trained_is_left_out(here: type[InProcess]) -> None:
    folder = Path("out/runs/lsgan-seed0")
    folder.mkdir(parents=True)
    (folder / "something").write_text("else")
    found = compare(["gan1", "lsgan"], "ring", seeds=1, output="out", **COMMON)
    assert [run.label for run in found.runs] == ["gan1"]
    assert "lsgan, seed 0: out/runs/lsgan-seed0 is not empty and not a run" in found.problems[0]


def test_a_budget_that_ends_before_anything_is_measured(here: type[InProcess]) -> None:
    common = {k: v for k, v in COMMON.items() if k not in ("steps", "evaluate_every")}
    with pytest.raises(UserError, match="too small for one evaluation during training: gan1 ended after 2 steps"):
        compare(["gan1", "lsgan"], "ring", seeds=1, images=16, evaluate_every=5, **common)
    assert len(here.started) == 1  # the rest is not even begun


def test_jobs_share_the_cores_but_not_the_clock(here: type[InProcess], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    told: list[str] = []
    common = {k: v for k, v in COMMON.items() if k != "steps"}
    compare(["gan1"], "ring", seeds=2, jobs=2, progress=told.append, **COMMON)
    compare(["gan1"], "ring", seeds=2, jobs=2, progress=told.append, budget=0.3, **{**common, "evaluate_every": 1})
    assert "2 runs at a time, 4 threads each" in told
    assert "a time budget is fair only to runs that use their device alone: the 2 jobs take turns" in told


def test_one_timed_run_at_a_time_on_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    inside, most = [0], [0]

    def take() -> None:
        with devices.exclusive_device("cpu", lambda: False) as card:
            assert card is None
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.05)
            inside[0] -= 1

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == [1] and inside == [0]
    monkeypatch.setattr(devices, "_cuda_devices", lambda device: [0, 1])
    never = lambda: False  # noqa: E731
    with devices.exclusive_device("auto", never) as one, devices.exclusive_device("auto", never) as other:
        assert {one, other} == {0, 1}


def test_backends_that_are_not_there(here: type[InProcess]) -> None:
    with pytest.raises(UserError, match="no backend is called 'loki': did you mean loky"):
        compare(["gan1"], "ring", seeds=1, backend="loki", **COMMON)
    with pytest.raises(UserError, match="jobs must be at least 1, not 0"):
        compare(["gan1"], "ring", seeds=1, jobs=0, **COMMON)


@pytest.mark.parametrize(("backend", "package"), [("ray", "ray"), ("dask", "distributed")])
def test_a_cluster_whose_package_is_missing(
    backend: str,
    package: str,
    here: type[InProcess],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("ray", "dask", "dask.distributed", "distributed"):
        monkeypatch.setitem(sys.modules, name, None)
    flags = [word for key, value in COMMON.items() for word in (f"--{key.replace('_', '-')}", str(value))]
    code, _, err = said(capsys, "gan1", "--data", "ring", "--backend", backend, *flags)
    assert code == 2 and not here.started
    assert err.splitlines()[-1] == f"twoplayer: --backend {backend} needs the package {package}: pip install {package}"


@pytest.mark.parametrize("backend", ["loky", "ray", "dask"])
def test_runs_are_spread(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In other processes, which have no folder of ours to stand in, and once."""
    if backend != "loky":
        pytest.importorskip({"ray": "ray", "dask": "distributed"}[backend])
    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    common = {"output": "out", "progress": told.append, **COMMON}
    found = compare(["gan1", "lsgan"], "ring", seeds=1, jobs=2, backend=backend, **common)
    assert [run.path for run in found.runs] == [Path("out/runs/gan1-seed0"), Path("out/runs/lsgan-seed0")]
    assert all(run.state == "finished" and run.step == 8 for run in found.runs) and not found.problems
    assert sorted(p.name for p in Path("out").iterdir()) == ["logs", "runs"]
    assert "--run out/runs/gan1-seed0" in found.runs[0].environment["command"]
    again = compare(["gan1", "lsgan"], "ring", seeds=1, **common)
    assert sum("trained before" in line for line in told) == 2 and len(again.runs) == 2


def test_runs_elsewhere_are_told_to_stop(tmp_path: Path) -> None:
    """By a file, since nothing else reaches them; it is gone when all is over."""
    import time

    asked, told = [False], list[str]()
    planned_ = planned(["gan1"], steps=10)
    (tmp_path / ".halt").write_text("of a comparison that was killed")
    work = train_runs._TrainingTask("ring", Path(), tmp_path, False, None, None)
    with train_runs._relay_to_workers(planned_, tmp_path, lambda: asked[0], told.append):
        assert not work._stopped()
        asked[0] = True
        end = time.monotonic() + 20
        while not work._stopped():
            assert time.monotonic() < end
            time.sleep(0.05)
        assert work("head", planned_.runs[0], False).exit_code == train_runs.INTERRUPTED
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match=r"has no folder .*: give a folder \(output\) that all machines"):
        train_runs._TrainingTask("ring", Path("elsewhere"), tmp_path, False, None, None)(
            "head", planned_.runs[0], False
        )


# ---- finished runs


@pytest.fixture
def trained(tiny: Callable[..., Any]) -> Callable[..., Path]:
    def train(folder: str, method: str = "gan1", data: Any = "ring", **settings: Any) -> Path:
        path: Path = tiny(method, data, folder=folder, **settings).path
        return path

    return train


def test_rows_are_what_runs_differ_in(trained: Callable[..., Path]) -> None:
    paths = [trained(f"{d}-{s}", depth=d, seed=s) for d in (1, 2) for s in (0, 1)] + [trained("w", "wgan", seed=0)]
    entries, problems = run_entries(paths)
    assert not problems
    assert [e.label for e in entries] == [
        *["gan1 generator.depth=1 critic.depth=1"] * 2, *["gan1 generator.depth=2 critic.depth=2"] * 2, "wgan",
    ]  # fmt: skip
    assert [e.replicate for e in entries] == ["seed 0", "seed 1", "seed 0", "seed 1", "seed 0"]
    found = compare_runs(paths)
    assert len(found.tables) == 1 and len(found.tables[0].rows) == 3 and not found.problems


def test_what_is_no_finished_run_is_left_out(trained: Callable[..., Path], tmp_path: Path) -> None:
    good, unfinished, corrupt, again = (trained(name, seed=i) for i, name in enumerate("abcd"))
    status = json.loads((unfinished / "status.json").read_text())
    (unfinished / "status.json").write_text(json.dumps({**status, "state": "running"}))
    (corrupt / "status.json").write_text("{")
    twin = shutil.copytree(good, tmp_path / "twin")
    found = compare_runs([good, unfinished, corrupt, again, tmp_path / "nowhere", twin])
    assert [run.path for run in found.runs] == [good, again]
    told = "\n".join(found.problems)
    assert f"{unfinished} is not finished (running at step 4)" in told
    assert "status.json is not valid JSON" in told and "there is no run folder" in told
    assert f"{twin} has the settings and the seed of {good}" in told
    with pytest.raises(UserError, match=r"(?s)there is no run to compare.*is not finished"):
        compare_runs([unfinished])


def test_runs_on_other_data_are_not_ranked_together(trained: Callable[..., Path]) -> None:
    paths = [trained("a"), trained("b", "wgan"), trained("c", data="moons")]
    found = compare_runs(paths)
    assert [table.data for table in found.tables] == ["ring", "moons"]
    assert [len(table.rows) for table in found.tables] == [2, 1]
    assert all("Runs on different data are not ranked together: ring, moons." in table.notes for table in found.tables)


def test_missing_figures_are_measured_or_named(trained: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = trained("a"), trained("b", "wgan")
    lines = [json.loads(line) for line in (one / "metrics.jsonl").read_text().splitlines()]
    extra = {"name": "fd_points_100", "value": 2.0, "higher_is_better": False, "real": 1.0}
    lines[-1]["metric_values"].append(extra)
    (one / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    asked: list[Any] = []

    def measured(run: Any, *, n: int | None = None, metrics: Any = None, **_: Any) -> Any:
        from twoplayer.evaluation.result import Evaluation
        from twoplayer.metrics import MetricValue

        asked.append((run.path, n, metrics))
        return Evaluation(None, None, None, 100, "", "", (MetricValue("fd_points_100", 3.0, False),), ())

    monkeypatch.setattr("twoplayer.evaluation.evaluate.evaluate_run", measured)
    found = compare_runs([one, other])
    assert asked == [(other, 100, ["fd"])]
    means = {row.label: row.cells["fd_points_100"].mean for row in found.tables[0].rows}
    assert means == {"gan1": 2.0, "wgan": 3.0}
    # what was measured is known the next time, as long as the run has not gone on and the note is whole
    again = compare_runs([one, other])
    assert {row.label: row.cells["fd_points_100"].mean for row in again.tables[0].rows} == means and len(asked) == 1
    compare_runs([one, other], metrics="fd,recall")
    assert asked[1:] == [(path, 100 if path == other else None, ["fd", "recall"]) for path in (one, other)]
    note = other / "evaluation" / "compared.jsonl"
    note.write_text("no JSON\n" + note.read_text())

    def refused(*_: Any, **__: Any) -> Any:
        raise UserError("the data are gone")

    monkeypatch.setattr("twoplayer.evaluation.evaluate.evaluate_run", refused)
    without = compare_runs([one, other])
    assert (one / "evaluation" / "compared.jsonl").is_file()
    assert f"{other}: fd could not be measured: the data are gone" in without.tables[0].notes
    assert any("wgan lacks fd_points_100" in note for note in without.tables[0].notes)


def test_the_figures_of_a_kept_checkpoint_count(trained: Callable[..., Path]) -> None:
    path = trained("a", evaluate_every=2)
    status = json.loads((path / "status.json").read_text())
    (path / "status.json").write_text(json.dumps({**status, "kept": {"step": 2, "what": "fd"}}))
    lines = {
        m["step"]: m["metric_values"][0]["value"]
        for m in map(json.loads, (path / "metrics.jsonl").read_text().splitlines())
    }
    ((run,), _) = read_runs(run_entries([path])[0])
    assert run.scores["toy_100"].value == lines[2] != lines[4]
    assert [point.step for point in run.curves["toy_100"]] == [2, 4]


def test_a_page_shows_samples_paths_and_what_the_runs_share(trained: Callable[..., Path], tmp_path: Path) -> None:
    paths = [trained("a", sample_every=1), trained("b", "wgan", sample_every=1)]
    (paths[1] / "diagnosis").mkdir()
    (paths[1] / "diagnosis" / "diagnosis.json").write_text(
        '{"step": 4, "findings": [], "healthy": [], "unchecked": {}}'
    )
    found = compare_runs(paths)
    panels = found.parts[0].panels
    assert [panel.label for panel in panels.samples] == ["gan1", "wgan", "Real data"]
    assert [panel.label for panel in panels.paths] == ["gan1", "wgan"] and not panels.neighbours
    ends = [[row.pictures[0].caption, row.pictures[-1].caption] for row in panels.over_time]
    assert ends == [["0 points", "64 points"], ["0 points", "320 points"]] and len(panels.over_time[0].pictures) == 9
    shared = settings_table(found.tables[0])
    assert ("batch_size", "16") in shared.common and shared.rows == ["gan1", "wgan"]
    assert ("regularizers", ["none", "clip"]) in shared.different
    assert ("torch", torch.__version__) in environment_rows(found.runs)
    known = run_diagnoses(found.runs)
    assert known.sentences == [("b", "no failure mode found")] and known.undiagnosed == [str(paths[0])]
    text = found.write(tmp_path / "page").read_text(encoding="utf-8")
    for part in ("Samples during training", "Settings that differ", "Common settings", "Environment", "Command"):
        assert part in text
    words = found.write(tmp_path / "page", form="md").read_text(encoding="utf-8")
    assert "![Samples: Real data](pictures/1-samples-3.png)" in words and "- b: no failure mode found" in words


def test_what_is_gone_is_not_shown(trained: Callable[..., Path]) -> None:
    """Real data that cannot be opened again are shown as the run drew them; a run without weights has no samples."""
    one, other = trained("a", data=np.random.default_rng(0).normal(size=(200, 2))), trained("b", "wgan")
    shutil.rmtree(other / "checkpoints")
    found = compare_runs([one, other])
    assert [[p.label for p in part.panels.samples] for part in found.parts] == [["gan1", "Real data"], []]
    assert any("wgan has no samples to show" in problem for problem in found.problems)


# ---- what is written


class Links(HTMLParser):
    """Whatever a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attributes if name in ("src", "href")]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Comparison:
    """A comparison of made-up runs; nothing to sample from."""
    from twoplayer.comparison import comparison

    runs = [*made("gan1", seeds(3.1, 2.9, 3.0)), *made("wgan <b>", seeds(5.1, 4.9, 5.0), method="wgan")]
    monkeypatch.setattr(comparison, "read_runs", lambda entries: (runs, ["runs/x & more"]))
    monkeypatch.setattr(comparison, "sample_panels", lambda table: (SamplePanels(), []))
    return comparison.compare_runs([])


def test_the_page_is_one_file(small: Comparison, tmp_path: Path) -> None:
    page = small.write(tmp_path)
    text, links = page.read_text(encoding="utf-8"), Links()
    links.feed(text)
    assert page.name == "comparison.html" and links.found and all(u.startswith("data:image/") for u in links.found)
    assert "wgan &lt;b&gt;" in text and "<b>wgan" not in text and "runs/<wbr>x &amp; more" in text
    assert "gan1 has the best mean fd_toy_1k, 3; 3 paired runs are too few for a significant difference." in text
    assert ", p 0" not in text
    assert text.count("<img") == 4  # three courses and quality against diversity


def test_tables_in_every_form(small: Comparison, tmp_path: Path) -> None:
    from pyarrow import parquet

    small.write(tmp_path, form="md")
    rows = list(csv.DictReader((tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()))
    same = parquet.read_table(tmp_path / "table.parquet").to_pylist()
    assert len(rows) == len(same) == 2 * 3 and [row["label"] for row in rows[:3]] == ["gan1"] * 3
    assert float(rows[0]["mean"]) == same[0]["mean"] == pytest.approx(3.0) and same == long_rows(small.tables)
    assert len(list(csv.DictReader((tmp_path / "runs.csv").read_text(encoding="utf-8").splitlines()))) == 6 * 3
    tex = (tmp_path / "table.tex").read_text()
    assert "\\toprule" in tex and "\\textbf{3} [2.9, 3.1]" in tex and "fd\\_toy\\_1k $\\downarrow$" in tex
    words = (tmp_path / "comparison.md").read_text()
    assert "| gan1 | 3 [2.9, 3.1] (1) * |" in words and "![fd_toy_1k over training](pictures/1-1.svg)" in words
    assert (tmp_path / "pictures" / "1-1.svg").read_text().startswith("<?xml")
    document = json.loads(json.dumps(small.document(), default=str))
    assert document["left_out"] == ["runs/x & more"] and document["rows"][0]["best"] is True


def test_the_table_of_architectures_is_shown(here: type[InProcess], tmp_path: Path) -> None:
    common = {k: v for k, v in COMMON.items() if k not in ("filters", "data.count")}
    found = compare(["gan1", "wgan-gp"], "ring", seeds=1, random_architectures=2, filters=4, depth=1,
                    **{**common, "data.count": 200})  # fmt: skip
    assert len(found.runs) == 4 and found.parts[0].pair == ("gan1", "wgan-gp")
    assert all(sum((t.only_first, t.only_second, t.both, t.neither)) == 2 for t in found.parts[0].success_counts)
    assert "| toy_100 at least | only gan1 | only wgan-gp | both | neither |" in success_table(found.parts[0])
    text = found.write(tmp_path / "page").read_text(encoding="utf-8")
    assert "Number of random architectures on which a threshold was reached" in text
    assert found.document()["architectures"][0]["first"] == "gan1"


# ---- the command line


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = command_line(["compare", *words])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_compare_from_the_command_line(here: type[InProcess], capsys: pytest.CaptureFixture[str]) -> None:
    flags = [word for key, value in COMMON.items() for word in (f"--{key.replace('_', '-')}", str(value))]
    code, out, _ = said(capsys, "gan1", "--data", "ring", "lsgan", "--seeds", "1", "--vary", "depth=1,2", *flags)
    assert code == 0 and "gan1 depth=2" in out and out.strip().endswith("comparison.html")
    page = Path(out.strip().splitlines()[-1])
    assert page.is_file() and page.with_name("table.csv").is_file()
    code, out, _ = said(capsys, *map(str, sorted((page.parent / "runs").iterdir())), "--json", "-o", "again")
    document = json.loads(out)
    assert code == 0 and document["page"] == "again/comparison.html" and len(document["runs"]) == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gan1", "--steps", "9"], "say what to train on, such as --data digits"),
        (["gan1", "--data", "ring", "--steps", "9", "--seeds", "x"], "--seeds must be how many, such as 3, or a list"),
        (["gan1", ".", "--steps", "9"], "compare methods or run folders, not both: gan1 is no run folder"),
        ([".", "--steps", "9"], "--steps is for training, and these runs are trained: leave it out"),
        (["gan1", "--data", "ring"], "give the length of the runs"),
        (
            ["gan1", "--data", "ring", "--steps", "9", "--budget", "9s"],
            "one of --budget, --images and --steps, not steps and",
        ),
        (["gan1", "--data", "ring", "--images", "4"], "a budget of 4 images is too small for one evaluation"),
        (
            ["gan1", "--data", "ring", "--steps", "1"],
            "a budget of 1 steps is too small for one evaluation during training",
        ),
        (
            ["gan1", "--data", "ring", "--steps", "9", "--backend", "raye"],
            "no backend is called 'raye': did you mean ray",
        ),
        (["gan1", "--data", "ring", "--steps", "9", "--jobs", "0"], "--jobs must be at least 1, not 0"),
        (["nowhere/run"], "there is no run to compare: train some first"),
        (["gan1", "--data", "ring", "--steps", "9", "--random-architectures", "2"], "name two methods, not 1"),
        (["gan1", "--data", "ring", "--steps", "9", "--metrics", "fidd"], "no metric is called 'fidd'"),
    ],
)
def test_mistakes_on_the_command_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = said(capsys, *words)
    assert code == 2 and message in err and "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_every_method_has_a_place_in_a_grid() -> None:
    assert len(planned(methods.names(), steps=10).runs) == len(methods.names())


def test_a_comparison_replaces_only_itself(tmp_path: Path) -> None:
    from twoplayer.comparison.comparison import check_folder

    (tmp_path / "table.csv").write_text("mine")
    with pytest.raises(UserError, match=r"1 of the 6 files to write are there already, such as .*table\.csv"):
        check_folder(tmp_path)
    check_folder(tmp_path, overwrite=True)
    (tmp_path / "runs" / "gan1-seed0").mkdir(parents=True)  # then it is a comparison that goes on
    check_folder(tmp_path)


def test_finished_runs_are_compared_in_a_folder_of_their_own() -> None:
    from twoplayer.comparison.comparison import _folder_name

    assert _folder_name(["a", "b"]) == _folder_name([Path("b"), "./a"]) != _folder_name(["a", "c"])
