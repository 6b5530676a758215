"""The table of a comparison: means over what is repeated, their intervals and ranks, and what is tied with the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twoplayer.comparison.load_runs import MeasuredRun
from twoplayer.comparison.statistics import COVERAGE, LEVEL, against, interval, least_p, mean_ranks, needed_pairs
from twoplayer.core.errors import UserError, did_you_mean

__all__ = ["LEADING", "ComparisonCell", "ComparisonRow", "ComparisonTable", "MetricColumn", "budget_text", "make_table"]

LEADING = (
    "fd_", "inception_score", "precision", "recall", "sliced_wasserstein", "wasserstein", "high_quality_share",
    "mode_kl", "modes_covered", "diversity_score",
)  # fmt: skip
"""Beginnings of the names of figures that a reader wants to see first."""


@dataclass(frozen=True)
class MetricColumn:
    """A figure that the runs are compared by."""

    name: str
    higher_is_better: bool | None
    """None where the real data's own figure is the best one."""
    real: float | None

    @property
    def better(self) -> str:
        if self.higher_is_better is None:
            return "nearer to real data is better"
        return "higher is better" if self.higher_is_better else "lower is better"


@dataclass(frozen=True)
class ComparisonCell:
    """What one row reached in one column."""

    values: Mapping[str, float]
    """By what is repeated, such as ``seed 0``."""
    mean: float
    low: float | None
    """The bootstrap interval of the mean; None of a single value."""
    high: float | None
    rank: float
    """Mean over what is repeated, 1 for the best; a run without a figure comes last."""
    p: float | None
    """Of the paired permutation test against the best row, adjusted for all pairs of rows; None where there is none."""
    pairs: int
    """How many pairs the test had."""
    best: bool

    @property
    def powerless(self) -> bool:
        """Whether the test has too few pairs to tell anything apart, whatever the figures are."""
        return self.p is not None and least_p(self.pairs) > 1 - LEVEL

    @property
    def tied(self) -> bool:
        """Whether the test, which could, does not tell it from the best."""
        return not self.best and self.p is not None and self.p > 1 - LEVEL and not self.powerless

    @property
    def untested(self) -> bool:
        """Whether it cannot be said that it differs from the best, for want of runs that both have."""
        return not self.best and (self.p is None or self.powerless)


@dataclass(frozen=True)
class ComparisonRow:
    """Runs that differ by what is repeated alone."""

    label: str
    factors: Mapping[str, Any]
    runs: tuple[MeasuredRun, ...]
    cells: Mapping[str, ComparisonCell]

    @property
    def good(self) -> int:
        """Runs that finished."""
        return sum(run.good for run in self.runs)

    @property
    def failures(self) -> str:
        """How its other runs ended, in words; empty where all finished."""
        states = [run.state for run in self.runs if not run.good]
        return ", ".join(f"{states.count(s)} {s}" for s in dict.fromkeys(states))


@dataclass(frozen=True)
class ComparisonTable:
    """Runs on one data set, ranked by each figure that they share."""

    data: str
    kind: str
    columns: tuple[MetricColumn, ...]
    rows: tuple[ComparisonRow, ...]
    """The best by the first column first."""
    repeats: int
    """How many runs a row has at most."""
    notes: tuple[str, ...]

    @property
    def first(self) -> MetricColumn | None:
        """The figure by which rows are ordered."""
        return self.columns[0] if self.columns else None

    def cell(self, row: ComparisonRow, column: MetricColumn) -> ComparisonCell | None:
        return row.cells.get(column.name)


def make_table(runs: Sequence[MeasuredRun], *, by: str | None = None, notes: Sequence[str] = ()) -> ComparisonTable:
    """The table of runs on one data set, ordered by `by`, by default the most telling figure there is.

    Raises `UserError` for a figure that none of them has.
    """
    labels = dict.fromkeys(run.label for run in runs)
    groups = {label: [run for run in runs if run.label == label] for label in labels}
    columns = _columns(runs, by)
    cells = {column.name: _cells(column, groups) for column in columns}
    rows = [
        ComparisonRow(
            label, same[0].factors, tuple(same), {n: found[label] for n, found in cells.items() if label in found}
        )
        for label, same in groups.items()
    ]
    if columns:
        rows.sort(key=lambda row: _order(row.cells.get(columns[0].name)))
    said = [*notes, *_notes(rows, columns)]
    first = runs[0].data
    return ComparisonTable(
        str(first.get("name")), str(first.get("kind")), tuple(columns), tuple(rows),
        max(len(same) for same in groups.values()), tuple(dict.fromkeys(said)),
    )  # fmt: skip


def _order(cell: ComparisonCell | None) -> tuple[bool, bool, float]:
    """What has the figure first, of these the best one, then by mean ranks."""
    return (cell is None, cell is None or not cell.best, math.inf if cell is None else cell.rank)


def _columns(runs: Sequence[MeasuredRun], by: str | None) -> list[MetricColumn]:
    names = list(dict.fromkeys(name for run in runs for name in run.scores))
    names.sort(key=lambda name: next((i for i, start in enumerate(LEADING) if name.startswith(start)), len(LEADING)))
    if by is not None:
        wanted = by.replace("-", "_")
        chosen = [name for name in names if name.startswith(wanted)]
        if not chosen:
            raise UserError(f"no run has a figure called {by!r}: {did_you_mean(wanted, names)}")
        names = [*chosen, *(name for name in names if name not in chosen)]
    columns = []
    for name in names:
        scores = [run.scores[name] for run in runs if name in run.scores]
        real = next((s.real for s in scores if s.real is not None), None)
        columns.append(MetricColumn(name, scores[0].higher_is_better, real))
    return columns


def _cells(column: MetricColumn, groups: Mapping[str, Sequence[MeasuredRun]]) -> dict[str, ComparisonCell]:
    """Every row that has the figure, ranked."""
    values = {label: _by_replicate(column, runs, cost=False) for label, runs in groups.items()}
    costs = {label: _by_replicate(column, runs, cost=True) for label, runs in groups.items() if values[label]}
    if not costs:
        return {}
    ranks = _ranks(costs, groups)
    best = _best(costs, groups)
    pairs = {label: [name for name in costs[label] if name in costs[best]] for label in costs}
    p = against(costs, best)
    cells = {}
    for label in costs:
        found = list(values[label].values())
        low, high = interval(found) or (None, None)
        mean = sum(found) / len(found)
        cells[label] = ComparisonCell(
            values[label], mean, low, high, ranks[label], p.get(label), len(pairs[label]), label == best
        )
    return cells


def _by_replicate(column: MetricColumn, runs: Sequence[MeasuredRun], *, cost: bool) -> dict[str, float]:
    scores = {run.replicate: run.scores[column.name] for run in runs if column.name in run.scores}
    return {name: score.cost if cost else score.value for name, score in scores.items()}


def _ranks(costs: Mapping[str, Mapping[str, float]], groups: Mapping[str, Sequence[MeasuredRun]]) -> dict[str, float]:
    """Within the repetitions that all rows have, in which a failed run comes last; without any, of the means."""
    tried = [{run.replicate for run in groups[label]} for label in costs]
    shared = sorted(set.intersection(*tried))
    table = [[mine.get(name, math.nan) for name in shared] or [_mean(mine.values())] for mine in costs.values()]
    return dict(zip(costs, mean_ranks(table), strict=True))


def _best(costs: Mapping[str, Mapping[str, float]], groups: Mapping[str, Sequence[MeasuredRun]]) -> str:
    """The row of the least mean cost among those of which no run failed, or among all where every row has failures."""
    whole = [label for label in costs if all(run.good for run in groups[label])] or list(costs)
    return min(whole, key=lambda label: (_mean(costs[label].values()), label))


def _mean(costs: Any) -> float:
    found = list(costs)
    total = sum(found) / len(found)
    return math.inf if math.isnan(total) else total


# ---------------------------------------------------------------------- what has to be said


def _notes(rows: Sequence[ComparisonRow], columns: Sequence[MetricColumn]) -> list[str]:
    said = [*_power(rows), *_pairing(rows, columns), *_budgets(rows), *_stopped(rows), *_machines(rows)]
    most = max(len(row.runs) for row in rows)
    said += [f"{row.label}: {len(row.runs)} of {most} runs are there" for row in rows if len(row.runs) < most]
    said += [f"{row.label}: {row.failures} of {len(row.runs)} runs; the figures are of the others" for row in rows
             if row.failures]  # fmt: skip
    for row in rows:
        if row.good:
            lacking = [c.name for c in columns if c.name not in row.cells]
            said += [f"{row.label} lacks {', '.join(lacking)}"] if lacking else []
    said += [note for row in rows for run in row.runs for note in run.notes]
    return said


def _power(rows: Sequence[ComparisonRow]) -> list[str]:
    """What so few repetitions can show."""
    if len(rows) < 2:
        return _coverage(rows)
    pairs = max((cell.pairs for row in rows for cell in row.cells.values() if not cell.best), default=0)
    if pairs < 2 and max(len(row.runs) for row in rows) < 2:
        return ["One run each: nothing can be said of differences; repeat with more --seeds."]
    if pairs > 1 and least_p(pairs) > 1 - LEVEL:
        return [
            f"{pairs} paired runs each can tell nothing apart: the least p that the permutation test can give is "
            f"{least_p(pairs):g}; {needed_pairs()} seeds are the fewest that can (p {least_p(needed_pairs()):.2g}).",
            *_coverage(rows),
        ]
    return _coverage(rows)


def _coverage(rows: Sequence[ComparisonRow]) -> list[str]:
    """How short intervals of few runs are."""
    counts = [len(cell.values) for row in rows for cell in row.cells.values() if len(cell.values) > 1]
    few = min(counts, default=0)
    if few not in COVERAGE:
        return []
    return [
        f"Bootstrap intervals of so few runs are short: of {few} normal values one of nominal {LEVEL:.0%} holds the "
        f"mean in {COVERAGE[few]:.0%} of cases."
    ]


def _pairing(rows: Sequence[ComparisonRow], columns: Sequence[MetricColumn]) -> list[str]:
    """Where runs have no counterparts to be held against."""
    if len(rows) < 2 or not columns or max(len(row.runs) for row in rows) < 2:
        return []
    shared = set.intersection(*({run.replicate for run in row.runs} for row in rows))
    said = [] if shared else ["No seed is shared by all rows: mean ranks are ranks of means."]
    untested = [
        row.label for row in rows if (cell := row.cells.get(columns[0].name)) and cell.untested and not cell.powerless
    ]
    if untested:
        said.append(
            f"{', '.join(untested)}: not tested against the best by {columns[0].name}, for want of two seeds in which "
            "both have a finite figure."
        )
    return said


def _budgets(rows: Sequence[ComparisonRow]) -> list[str]:
    """A warning where runs did not have the same budget."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for run in row.runs:
            labels = found.setdefault(budget_text(run.budget), [])
            if row.label not in labels:
                labels.append(row.label)
    if len(found) < 2:
        return []
    told = "; ".join(f"{text}: {', '.join(labels)}" for text, labels in found.items())
    return [f"Budgets are not equal, so differences may be theirs ({told})."]


def _stopped(rows: Sequence[ComparisonRow]) -> list[str]:
    """A remark where runs could end before their budget did."""
    stopped = [row for row in rows if any(run.config.early_stopping != "none" for run in row.runs)]
    if not stopped:
        return []
    used = ", ".join(f"{row.label} {sum(r.seconds for r in row.runs) / len(row.runs):,.0f} s" for row in stopped)
    return [
        "--early-stopping could end runs before their budget did, so that it was not the same for all; figures are of "
        f"the checkpoints kept (on average trained: {used})."
    ]


def _machines(rows: Sequence[ComparisonRow]) -> list[str]:
    """A warning where runs computed on different devices or with other numbers of threads."""
    found: dict[str, int] = {}
    for run in (run for row in rows for run in row.runs):
        where = run.environment
        told = f"{where.get('processor', '')} {where.get('device', '')}, {where.get('threads', '?')} threads".strip()
        found[told] = found.get(told, 0) + 1
    if len(found) < 2:
        return []
    told = "; ".join(f"{count} on {where}" for where, count in found.items())
    return [f"Runs did not have the same machine, which seconds depend on ({told})."]


def budget_text(budget: tuple[str, float] | None) -> str:
    """A budget in words: ``10 min``, ``200,000 images``, ``5,000 rounds``."""
    if budget is None:
        return "no budget"
    unit, amount = budget
    if unit == "max_time":
        return f"{amount / 60:g} min" if amount >= 60 else f"{amount:g} s"
    return f"{amount:,.0f} {'images' if unit == 'images' else 'rounds'}"
