"""What the runs of a comparison have in common, and in what they differ: settings, machines, health."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twoplayer.comparison.load_runs import MeasuredRun
from twoplayer.comparison.table import ComparisonTable
from twoplayer.config.schema import Config
from twoplayer.core.errors import UserError
from twoplayer.reporting._diagnosis import diagnosis_section
from twoplayer.reporting._tables import flat

__all__ = ["RunFindings", "SettingsTable", "health", "machine", "settings"]

OWN = ("seed", "method")
"""Settings that the table itself shows."""
PASSING = ("command", "started", "format")
"""Parts of an environment that say nothing of the machine."""


@dataclass(frozen=True)
class SettingsTable:
    """Settings in words: those of all rows, and those in which rows differ, a value for each."""

    rows: Sequence[str]
    common: Sequence[tuple[str, str]]
    different: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True)
class RunFindings:
    """What is known of the runs' health."""

    told: Sequence[tuple[str, str]]
    """A run and what it suffers from."""
    unknown: Sequence[str]
    """Runs that nobody has looked at."""


def settings(table: ComparisonTable) -> SettingsTable:
    """The settings of a table's runs; those of one row that its runs differ in are given together."""
    rows = {row.label: [_words(run.config) for run in row.runs] for row in table.rows}
    keys = dict.fromkeys(key for trees in rows.values() for tree in trees for key in tree if key not in OWN)
    common, different = [], []
    for key in keys:
        values = [_together(tree.get(key, "–") for tree in trees) for trees in rows.values()]
        if len(set(values)) == 1:
            common.append((key, values[0]))
        else:
            different.append((key, values))
    return SettingsTable(list(rows), common, different)


def machine(runs: Iterable[MeasuredRun]) -> list[tuple[str, str]]:
    """On what the runs were computed, with every value that any of them has."""
    found = [dict(flat(_lasting(run.environment))) for run in runs]
    keys = dict.fromkeys(key for one in found for key in one)
    return [(key.replace("_", " "), _together(one.get(key, "–") for one in found)) for key in keys]


def health(runs: Iterable[MeasuredRun]) -> RunFindings:
    """What ``twoplayer diagnose`` found in the runs' folders, and what was said while they trained."""
    told, unknown = [], []
    for run in runs:
        try:
            found = diagnosis_section(run.path, {"step": run.step})
        except UserError as error:
            told.append((run.path.name, str(error)))
            continue
        if found is None or not found.diagnosed:
            unknown.append(str(run.path))
        if found is not None and (found.diagnosed or found.warnings):
            told.append((run.path.name, found.sentence))
    return RunFindings(told, unknown)


def _words(config: Config) -> dict[str, str]:
    """A config in words: which regularizers, then their options."""
    tree = config.tree()
    rules = tree["regularizers"]
    named = {"regularizers": ", ".join(rules) or "none"}
    return dict(flat({**tree, "regularizers": {name: options for name, options in rules.items() if options}})) | named


def _lasting(environment: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in environment.items() if key not in PASSING}


def _together(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))
