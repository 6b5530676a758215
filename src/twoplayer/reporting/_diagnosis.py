"""The diagnosis in a run folder as the report shows it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twoplayer.core.errors import UserError
from twoplayer.core.files import read_json
from twoplayer.core.number_format import format_number
from twoplayer.diagnosis._documents import current_diagnosis
from twoplayer.diagnosis._warnings import read_warnings
from twoplayer.reporting._pictures import EmbeddedPicture, embedded
from twoplayer.reporting._record import number

__all__ = ["DiagnosisSection", "FindingRow", "IndicatorRow", "diagnosis_section"]


@dataclass(frozen=True)
class IndicatorRow:
    """An indicator of a failure mode as text."""

    name: str
    value: str
    criterion: str
    normal_range: str


@dataclass(frozen=True)
class FindingRow:
    """A failure mode that the run shows."""

    failure_mode: str
    title: str
    verdict: str
    confidence: str
    indicators: list[IndicatorRow]
    path: Path | None
    """Of its picture, where there is one."""
    advice: str
    command: str
    same_advice_as: str
    """The more severe failure mode that has the same advice; empty without one."""

    @property
    def picture(self) -> EmbeddedPicture | None:
        return None if self.path is None else embedded(self.path, "")


@dataclass(frozen=True)
class DiagnosisSection:
    """The diagnosis of a run, or only the warnings issued during training."""

    diagnosed: bool
    """Whether ``twoplayer diagnose`` was run."""
    findings: list[FindingRow]
    ruled_out: list[str]
    unchecked: list[tuple[str, str]]
    """Failure modes that could not be checked, with the reason."""
    warnings: list[str]
    """Warnings issued during training, and which of them were resolved."""
    outdated: str
    """A sentence that says that the run was trained on since; empty if it was not."""
    command: str
    """The command that diagnoses the run."""

    @property
    def summary(self) -> str:
        """The failure modes by name; empty without any."""
        return ", ".join(finding.failure_mode for finding in self.findings)

    @property
    def sentence(self) -> str:
        """The whole section in one line."""
        findings = ", ".join(f"{f.failure_mode} ({f.confidence})" for f in self.findings)
        parts = [findings or "no failure mode found", self.outdated.rstrip(".")] if self.diagnosed else []
        parts += [f"warning during training: {warning}" for warning in self.warnings]
        return "; ".join(part for part in parts if part)


def diagnosis_section(run: Path, status: Mapping[str, Any]) -> DiagnosisSection | None:
    """Read the folder ``diagnosis`` of a run.

    Args:
        run: the run folder.
        status: the run's status, with its ``step``.

    Returns:
        None for a run that has neither a diagnosis nor a step.

    Raises:
        UserError: if a file in the folder is damaged.
    """
    folder = run / "diagnosis"
    file = folder / "diagnosis.json"
    diagnosed = file.is_file()
    if not diagnosed and not number(status.get("step")):
        return None
    content = read_json(file) if diagnosed else {}
    warnings = [str(warning) for warning in read_warnings(run)]
    try:
        document = current_diagnosis(content)
        return DiagnosisSection(
            diagnosed=diagnosed,
            findings=[_finding_row(entry, folder) for entry in document["findings"]],
            ruled_out=[str(entry["failure_mode"]) for entry in document["ruled_out"]],
            unchecked=[(str(name), str(reason)) for name, reason in document.get("unchecked", {}).items()],
            warnings=warnings,
            outdated=_outdated(document.get("step"), status) if diagnosed else "",
            command=f"twoplayer diagnose {shlex.quote(str(run))}",
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder} is corrupt: delete it, or diagnose again") from error


def _finding_row(entry: Mapping[str, Any], folder: Path) -> FindingRow:
    failure_mode = str(entry["failure_mode"])
    picture = folder / f"{failure_mode}.png"  # not the path in the file: run folders are moved
    return FindingRow(
        failure_mode=failure_mode,
        title=str(entry["title"]),
        verdict=str(entry["verdict"]),
        confidence=f"{entry['confidence']:.2f}",
        indicators=[
            IndicatorRow(
                str(indicator["name"]),
                format_number(number(indicator["value"])),
                str(indicator["criterion"]),
                str(indicator["normal_range"]),
            )
            for indicator in entry["indicators"]
        ],
        path=picture if entry.get("picture") and picture.is_file() else None,
        advice=str(entry["advice"]),
        command=str(entry["command"]),
        same_advice_as=str(entry.get("same_advice_as") or ""),
    )


def _outdated(diagnosed_step: Any, status: Mapping[str, Any]) -> str:
    then, now = number(diagnosed_step), number(status.get("step"))
    if then is None or now is None or then == now:
        return ""
    return f"This diagnosis is of step {then:,.0f}, and the run is at step {now:,.0f} now: diagnose it again."
