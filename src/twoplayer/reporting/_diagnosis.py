"""What ``twoplayer diagnose`` left in the run folder: what was found and what shows it, and what was found healthy."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twoplayer.core.errors import UserError
from twoplayer.core.files import read_json
from twoplayer.diagnosis._warnings import told
from twoplayer.reporting._formatting import count, figure
from twoplayer.reporting._frames import Frame, embedded
from twoplayer.reporting._record import number

__all__ = ["DiagnosisSection", "FindingRow", "IndicatorRow", "diagnosed"]


@dataclass(frozen=True)
class IndicatorRow:
    """One number that speaks for a disease or against it, in words."""

    name: str
    value: str
    sick: str
    healthy: str


@dataclass(frozen=True)
class FindingRow:
    """A disease that the run has."""

    disease: str
    title: str
    verdict: str
    confidence: str
    signs: list[IndicatorRow]
    path: Path | None
    """Of the picture that shows it, where there is one."""
    advice: str
    command: str
    as_for: str
    """The worse disease whose advice this is too; empty where it is said here."""

    @property
    def picture(self) -> Frame | None:
        return None if self.path is None else embedded(self.path, "")


@dataclass(frozen=True)
class DiagnosisSection:
    """What is known of a run's health, be it only what was said while it trained."""

    looked: bool
    """Whether anybody has looked."""
    findings: list[FindingRow]
    healthy: list[str]
    unchecked: list[tuple[str, str]]
    warnings: list[str]
    """What was said while it trained, and what of it no longer holds."""
    stale: str
    """Why the diagnosis is not of the run as it stands; empty where it is."""
    command: str
    """What looks, or looks again."""

    @property
    def summary(self) -> str:
        """The findings by name; empty without any."""
        return ", ".join(found.disease for found in self.findings)

    @property
    def sentence(self) -> str:
        """All of it in a line."""
        found = ", ".join(f"{found.disease} ({found.confidence})" for found in self.findings)
        parts = [found or "nothing was found", self.stale.rstrip(".")] if self.looked else []
        parts += [f"said while it trained: {warning}" for warning in self.warnings]
        return "; ".join(part for part in parts if part)


def diagnosed(run: Path, status: Mapping[str, Any]) -> DiagnosisSection | None:
    """What lies in the folder ``diagnosis`` of the run of that status; None where there is nothing to look at yet.

    Raises `UserError` where it is damaged.
    """
    folder = run / "diagnosis"
    file = folder / "diagnosis.json"
    looked = file.is_file()
    if not looked and not number(status.get("step")):
        return None
    document = read_json(file) if looked else {}
    warnings = [str(warning) for warning in told(run)]
    try:
        return DiagnosisSection(
            looked=looked,
            findings=[_found(entry, folder) for entry in document.get("findings", ())],
            healthy=[str(entry["disease"]) for entry in document.get("healthy", ())],
            unchecked=[(str(name), str(reason)) for name, reason in document.get("unchecked", {}).items()],
            warnings=warnings,
            stale=_stale(document.get("step"), status) if looked else "",
            command=f"twoplayer diagnose {shlex.quote(str(run))}",
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder} is corrupt: delete it, or diagnose again") from error


def _found(entry: Mapping[str, Any], folder: Path) -> FindingRow:
    disease = str(entry["disease"])
    picture = folder / f"{disease}.png"  # not where it lay when it was drawn: runs are moved
    signs = [
        IndicatorRow(str(sign["name"]), figure(number(sign["value"])), str(sign["sick"]), str(sign["healthy"]))
        for sign in entry["evidence"]
    ]
    return FindingRow(
        disease=disease,
        title=str(entry["title"]),
        verdict=str(entry["verdict"]),
        confidence=f"{entry['confidence']:.2f}",
        signs=signs,
        path=picture if entry.get("picture") and picture.is_file() else None,
        advice=str(entry["advice"]),
        command=str(entry["command"]),
        as_for=str(entry.get("as_for") or ""),
    )


def _stale(looked_at: Any, status: Mapping[str, Any]) -> str:
    then, now = number(looked_at), number(status.get("step"))
    if then is None or now is None or then == now:
        return ""
    return f"This was found at round {count(then)}, and the run stands at round {count(now)} now: look again."
