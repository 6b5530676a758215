"""Settings, machines and diagnoses of the runs of a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from twoplayer.comparison.load_runs import MeasuredRun
from twoplayer.comparison.table import ComparisonTable
from twoplayer.config.schema import Config
from twoplayer.core.errors import UserError
from twoplayer.reporting._diagnosis import diagnosis_section
from twoplayer.reporting._tables import flat

__all__ = ["RunDiagnoses", "SettingsTable", "environment_rows", "run_diagnoses", "settings_table"]

ROW_SETTINGS = ("seed", "method")
"""Settings that the table of the comparison shows itself."""
TRANSIENT_FIELDS = ("command", "started", "format")
"""Fields of an environment that do not describe the machine."""
MISSING = "–"


@dataclass(frozen=True)
class SettingsTable:
    """Settings as text."""

    rows: Sequence[str]
    """Labels of the rows of the comparison."""
    common: Sequence[tuple[str, str]]
    """Name and value of the settings that are equal in all rows."""
    different: Sequence[tuple[str, Sequence[str]]]
    """Name of a setting, and its value for each row."""


@dataclass(frozen=True)
class RunDiagnoses:
    """The diagnoses of the runs."""

    sentences: Sequence[tuple[str, str]]
    """Name of a run, and its diagnosis in a sentence."""
    undiagnosed: Sequence[str]
    """Paths of the runs that were not diagnosed yet."""


def settings_table(table: ComparisonTable) -> SettingsTable:
    """The settings of a table's runs; different values within a row are listed together."""
    rows = {row.label: [_flat_settings(run.config) for run in row.runs] for row in table.rows}
    keys = dict.fromkeys(key for trees in rows.values() for tree in trees for key in tree if key not in ROW_SETTINGS)
    common, different = [], []
    for key in keys:
        values = [_distinct(tree.get(key, MISSING) for tree in trees) for trees in rows.values()]
        if len(set(values)) == 1:
            common.append((key, values[0]))
        else:
            different.append((key, values))
    return SettingsTable(list(rows), common, different)


def environment_rows(runs: Iterable[MeasuredRun]) -> list[tuple[str, str]]:
    """Name and values of each field of the environments in which the runs were trained."""
    environments = [
        dict(flat({key: value for key, value in run.environment.items() if key not in TRANSIENT_FIELDS}))
        for run in runs
    ]
    keys = dict.fromkeys(key for environment in environments for key in environment)
    return [(key.replace("_", " "), _distinct(e.get(key, MISSING) for e in environments)) for key in keys]


def run_diagnoses(runs: Iterable[MeasuredRun]) -> RunDiagnoses:
    """Diagnoses in the runs' folders, and warnings that were issued during training."""
    sentences, undiagnosed = [], []
    for run in runs:
        try:
            section = diagnosis_section(run.path, {"step": run.step})
        except UserError as error:
            sentences.append((run.path.name, str(error)))
            continue
        if section is None or not section.diagnosed:
            undiagnosed.append(str(run.path))
        if section is not None and (section.diagnosed or section.warnings):
            sentences.append((run.path.name, section.sentence))
    return RunDiagnoses(sentences, undiagnosed)


def _flat_settings(config: Config) -> dict[str, str]:
    """A config as text: the names of the regularizers, and the options of those that have any."""
    tree = config.tree()
    regularizers = tree["regularizers"]
    with_options = {name: options for name, options in regularizers.items() if options}
    names = {"regularizers": ", ".join(regularizers) or "none"}
    return dict(flat({**tree, "regularizers": with_options})) | names


def _distinct(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))
