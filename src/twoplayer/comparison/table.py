"""The table of a comparison: means over repetitions with intervals, mean ranks, and tests against the best row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twoplayer.comparison.load_runs import MeasuredRun
from twoplayer.comparison.statistics import (
    INTERVAL_COVERAGE,
    LEVEL,
    bootstrap_interval,
    mean_ranks,
    min_p,
    min_pairs,
    p_against,
)
from twoplayer.core.errors import UserError, did_you_mean

__all__ = ["ComparisonCell", "ComparisonRow", "ComparisonTable", "MetricColumn", "budget_text", "make_table"]

COLUMN_ORDER = (
    "fd_", "inception_score", "precision", "recall", "sliced_wasserstein", "wasserstein", "high_quality_share",
    "mode_kl", "modes_covered", "diversity_score",
)  # fmt: skip
"""Beginnings of the names of metrics in the order of the columns; other metrics follow."""


@dataclass(frozen=True)
class MetricColumn:
    """A metric by which the runs are compared."""

    name: str
    higher_is_better: bool | None
    """None if the value of real data is the best one."""
    real: float | None
    """The value of held-out real data."""

    @property
    def direction(self) -> str:
        """Which values are better, in words."""
        if self.higher_is_better is None:
            return "closer to real data is better"
        return "higher is better" if self.higher_is_better else "lower is better"


@dataclass(frozen=True)
class ComparisonCell:
    """The result of one row in one column."""

    values: Mapping[str, float]
    """By repetition, such as ``seed 0``."""
    mean: float
    low: float | None
    """Limits of the bootstrap interval of the mean; None for a single value."""
    high: float | None
    rank: float
    """Mean over repetitions, 1 for the best; a run without a value has the last rank."""
    p: float | None
    """Of the paired permutation test against the best row, adjusted for all pairs of rows; None without a test."""
    pairs: int
    """Pairs of the test."""
    best: bool

    @property
    def underpowered(self) -> bool:
        """Whether no values with this number of pairs can give a significant difference."""
        return self.p is not None and min_p(self.pairs) > 1 - LEVEL

    @property
    def tied(self) -> bool:
        """Whether the difference from the best row is not significant, although it could be."""
        return not self.best and self.p is not None and self.p > 1 - LEVEL and not self.underpowered

    @property
    def untested(self) -> bool:
        """Whether there are too few shared repetitions for a test against the best row."""
        return not self.best and (self.p is None or self.underpowered)


@dataclass(frozen=True)
class ComparisonRow:
    """Runs that are repetitions of each other."""

    label: str
    factors: Mapping[str, Any]
    """The settings that vary, by name."""
    runs: tuple[MeasuredRun, ...]
    cells: Mapping[str, ComparisonCell]
    """By the name of the column."""

    @property
    def finished_count(self) -> int:
        return sum(run.finished for run in self.runs)

    @property
    def failures(self) -> str:
        """The number of runs by each other state, in words; empty if all finished."""
        states = [run.state for run in self.runs if not run.finished]
        return ", ".join(f"{states.count(s)} {s}" for s in dict.fromkeys(states))


@dataclass(frozen=True)
class ComparisonTable:
    """Runs on one data set, ranked by each metric."""

    data: str
    kind: str
    """``"images"`` or ``"points"``."""
    columns: tuple[MetricColumn, ...]
    rows: tuple[ComparisonRow, ...]
    """The best row by the first column first."""
    max_runs: int
    """Runs of the row that has most."""
    notes: tuple[str, ...]

    @property
    def ranking_column(self) -> MetricColumn | None:
        """The metric by which the rows are ordered."""
        return self.columns[0] if self.columns else None

    def cell(self, row: ComparisonRow, column: MetricColumn) -> ComparisonCell | None:
        return row.cells.get(column.name)


def make_table(runs: Sequence[MeasuredRun], *, by: str | None = None, notes: Sequence[str] = ()) -> ComparisonTable:
    """The table of runs on one data set.

    Args:
        runs: the runs.
        by: the metric by which rows are ordered, or the beginning of its name; by default the first of `COLUMN_ORDER`.
        notes: sentences to show before those on the table itself.

    Raises:
        UserError: if no run has the metric `by`.
    """
    labels = dict.fromkeys(run.label for run in runs)
    groups = {label: [run for run in runs if run.label == label] for label in labels}
    columns = _columns(runs, by)
    cells = {column.name: _cells(column, groups) for column in columns}
    rows = [
        ComparisonRow(
            label,
            same[0].factors,
            tuple(same),
            {n: by_label[label] for n, by_label in cells.items() if label in by_label},
        )
        for label, same in groups.items()
    ]
    if columns:
        rows.sort(key=lambda row: _row_order(row.cells.get(columns[0].name)))
    data = runs[0].data
    return ComparisonTable(
        data=str(data.get("name")),
        kind=str(data.get("kind")),
        columns=tuple(columns),
        rows=tuple(rows),
        max_runs=max(len(same) for same in groups.values()),
        notes=tuple(dict.fromkeys([*notes, *_notes(rows, columns)])),
    )


def _row_order(cell: ComparisonCell | None) -> tuple[bool, bool, float]:
    """A sorting key: rows with the metric first, among them the best one first, then by mean rank."""
    return (cell is None, cell is None or not cell.best, math.inf if cell is None else cell.rank)


def _columns(runs: Sequence[MeasuredRun], by: str | None) -> list[MetricColumn]:
    names = list(dict.fromkeys(name for run in runs for name in run.scores))
    order = len(COLUMN_ORDER)
    names.sort(key=lambda name: next((i for i, start in enumerate(COLUMN_ORDER) if name.startswith(start)), order))
    if by is not None:
        prefix = by.replace("-", "_")
        first = [name for name in names if name.startswith(prefix)]
        if not first:
            raise UserError(f"no run has a metric called {by!r}: {did_you_mean(prefix, names)}")
        names = [*first, *(name for name in names if name not in first)]
    columns = []
    for name in names:
        scores = [run.scores[name] for run in runs if name in run.scores]
        real = next((s.real for s in scores if s.real is not None), None)
        columns.append(MetricColumn(name, scores[0].higher_is_better, real))
    return columns


def _cells(column: MetricColumn, groups: Mapping[str, Sequence[MeasuredRun]]) -> dict[str, ComparisonCell]:
    """The cells of a column, by the labels of the rows that have the metric."""
    scores = {
        label: {run.replicate: run.scores[column.name] for run in runs if column.name in run.scores}
        for label, runs in groups.items()
    }
    costs = {label: {name: s.cost for name, s in by_name.items()} for label, by_name in scores.items() if by_name}
    if not costs:
        return {}
    ranks = _ranks(costs, groups)
    # the smallest mean cost among the rows without failed runs; among all rows if each has one
    candidates = [label for label in costs if all(run.finished for run in groups[label])] or list(costs)
    best = min(candidates, key=lambda label: (_mean(costs[label].values()), label))
    p = p_against(costs, best)
    cells = {}
    for label in costs:
        values = {name: score.value for name, score in scores[label].items()}
        low, high = bootstrap_interval(list(values.values())) or (None, None)
        cells[label] = ComparisonCell(
            values=values,
            mean=sum(values.values()) / len(values),
            low=low,
            high=high,
            rank=ranks[label],
            p=p.get(label),
            pairs=sum(name in costs[best] for name in costs[label]),
            best=label == best,
        )
    return cells


def _ranks(costs: Mapping[str, Mapping[str, float]], groups: Mapping[str, Sequence[MeasuredRun]]) -> dict[str, float]:
    """Mean ranks over the repetitions that all rows have, a failed run last; without any, ranks of the means."""
    replicates = [{run.replicate for run in groups[label]} for label in costs]
    shared = sorted(set.intersection(*replicates))
    table = [
        [by_name.get(name, math.nan) for name in shared] or [_mean(by_name.values())] for by_name in costs.values()
    ]
    return dict(zip(costs, mean_ranks(table), strict=True))


def _mean(costs: Iterable[float]) -> float:
    """The mean; infinity if it is NaN."""
    values = list(costs)
    mean = sum(values) / len(values)
    return math.inf if math.isnan(mean) else mean


# ---------------------------------------------------------------------- notes


def _notes(rows: Sequence[ComparisonRow], columns: Sequence[MetricColumn]) -> list[str]:
    """Sentences on what limits the comparison."""
    notes = [
        *_power_notes(rows),
        *_pairing_notes(rows, columns),
        *_budget_notes(rows),
        *_early_stopping_notes(rows),
        *_machine_notes(rows),
    ]
    max_runs = max(len(row.runs) for row in rows)
    notes += [f"{row.label}: only {len(row.runs)} of {max_runs} runs exist" for row in rows if len(row.runs) < max_runs]
    notes += [f"{row.label}: {row.failures} of {len(row.runs)} runs; values are those of the other runs"
              for row in rows if row.failures]  # fmt: skip
    for row in rows:
        missing = [c.name for c in columns if c.name not in row.cells] if row.finished_count else []
        notes += [f"{row.label} lacks {', '.join(missing)}"] if missing else []
    notes += [note for row in rows for run in row.runs for note in run.notes]
    return notes


def _power_notes(rows: Sequence[ComparisonRow]) -> list[str]:
    """What this number of repetitions can show."""
    if len(rows) < 2:
        return _coverage_notes(rows)
    pairs = max((cell.pairs for row in rows for cell in row.cells.values() if not cell.best), default=0)
    if pairs < 2 and max(len(row.runs) for row in rows) < 2:
        return ["One run each: differences cannot be tested; repeat with more seeds."]
    if pairs > 1 and min_p(pairs) > 1 - LEVEL:
        return [
            f"{pairs} paired runs each cannot show a significant difference: the smallest p of the permutation test is "
            f"{min_p(pairs):g}; at least {min_pairs()} seeds are needed (p {min_p(min_pairs()):.2g}).",
            *_coverage_notes(rows),
        ]
    return _coverage_notes(rows)


def _coverage_notes(rows: Sequence[ComparisonRow]) -> list[str]:
    """How short the intervals of few runs are."""
    counts = [len(cell.values) for row in rows for cell in row.cells.values() if len(cell.values) > 1]
    smallest = min(counts, default=0)
    if smallest not in INTERVAL_COVERAGE:
        return []
    return [
        f"Bootstrap intervals of few runs are too short: a nominal {LEVEL:.0%} interval of {smallest} normal values "
        f"contains the mean in {INTERVAL_COVERAGE[smallest]:.0%} of cases."
    ]


def _pairing_notes(rows: Sequence[ComparisonRow], columns: Sequence[MetricColumn]) -> list[str]:
    """Rows that share too few seeds."""
    if len(rows) < 2 or not columns or max(len(row.runs) for row in rows) < 2:
        return []
    shared = set.intersection(*({run.replicate for run in row.runs} for row in rows))
    notes = [] if shared else ["No seed is shared by all rows: mean ranks are ranks of means."]
    untested = [
        row.label
        for row in rows
        if (cell := row.cells.get(columns[0].name)) and cell.untested and not cell.underpowered
    ]
    if untested:
        notes.append(
            f"{', '.join(untested)}: not tested against the best by {columns[0].name}, since fewer than two seeds have "
            "a finite value in both."
        )
    return notes


def _budget_notes(rows: Sequence[ComparisonRow]) -> list[str]:
    """A warning if the runs have different budgets."""
    labels_by_budget: dict[str, list[str]] = {}
    for row in rows:
        for run in row.runs:
            labels = labels_by_budget.setdefault(budget_text(run.budget), [])
            if row.label not in labels:
                labels.append(row.label)
    if len(labels_by_budget) < 2:
        return []
    listed = "; ".join(f"{text}: {', '.join(labels)}" for text, labels in labels_by_budget.items())
    return [f"Budgets are not equal, which may explain differences ({listed})."]


def _early_stopping_notes(rows: Sequence[ComparisonRow]) -> list[str]:
    """A warning if runs could end before their budget did."""
    stopping = [row for row in rows if any(run.config.early_stopping != "none" for run in row.runs)]
    if not stopping:
        return []
    seconds = ", ".join(f"{row.label} {sum(r.seconds for r in row.runs) / len(row.runs):,.0f} s" for row in stopping)
    return [
        "Early stopping could end runs before their budget did, so that training times differ; values are those of "
        f"the selected checkpoints (mean training time: {seconds})."
    ]


def _machine_notes(rows: Sequence[ComparisonRow]) -> list[str]:
    """A warning if the runs were trained on different devices or with different numbers of threads."""
    count_by_machine: dict[str, int] = {}
    for run in (run for row in rows for run in row.runs):
        e = run.environment
        machine = f"{e.get('processor', '')} {e.get('device', '')}, {e.get('threads', '?')} threads".strip()
        count_by_machine[machine] = count_by_machine.get(machine, 0) + 1
    if len(count_by_machine) < 2:
        return []
    listed = "; ".join(f"{count} on {machine}" for machine, count in count_by_machine.items())
    return [f"Runs were trained on different machines, which affects training times ({listed})."]


def budget_text(budget: tuple[str, float] | None) -> str:
    """A budget in words.

    >>> budget_text(("max_time", 600.0)), budget_text(("images", 200_000)), budget_text(("steps", 5_000))
    ('10 min', '200,000 images', '5,000 steps')
    """
    if budget is None:
        return "no budget"
    unit, amount = budget
    if unit == "max_time":
        return f"{amount / 60:g} min" if amount >= 60 else f"{amount:g} s"
    return f"{amount:,.0f} {unit}"
