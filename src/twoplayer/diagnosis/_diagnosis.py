"""A complete diagnosis: the failure modes that a run shows, those ruled out, and those that could not be checked."""

from __future__ import annotations

import contextlib
import shutil
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from twoplayer.core.errors import UserError
from twoplayer.core.files import write_atomic, write_json
from twoplayer.core.number_format import format_number
from twoplayer.diagnosis._advice import command
from twoplayer.diagnosis._base import Advice, FailureCase, FailureFinding, Indicator, Unavailable
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._family import create, describe, names
from twoplayer.diagnosis._plots import drawing
from twoplayer.diagnosis._run_context import RunContext
from twoplayer.diagnosis._warnings import read_warnings
from twoplayer.pages.plot_style import png
from twoplayer.runs.run_dir import RunFolder

__all__ = ["Diagnosis", "RuledOut", "examine"]

MAX_TEXT_WIDTH = 100
"""Columns."""


@dataclass(frozen=True)
class RuledOut:
    """A failure mode that was checked and is not present, with what was measured."""

    failure_mode: str
    indicators: tuple[Indicator, ...]
    note: str = ""

    def document(self) -> dict[str, Any]:
        """The record as plain values."""
        return {
            "failure_mode": self.failure_mode,
            "indicators": [indicator.document() for indicator in self.indicators],
            "note": self.note,
        }


@dataclass(frozen=True)
class Diagnosis:
    """The failure modes that a run shows, most severe first; those ruled out; and those that could not be checked."""

    run: str
    """The run folder."""
    description: str
    """Method, data and state, in words."""
    findings: tuple[FailureFinding, ...]
    ruled_out: tuple[RuledOut, ...]
    unchecked: dict[str, str]
    """The reason, by failure mode."""
    warnings: tuple[str, ...] = ()
    """Warnings that were issued while the run trained, and which of them were resolved."""
    step: int | None = None
    """The step that the run had reached; None where that cannot be read."""

    def __getitem__(self, failure_mode: str) -> FailureFinding:
        """The finding of that failure mode.

        Raises:
            KeyError: if the run does not show it.
        """
        for finding in self.findings:
            if finding.failure_mode == failure_mode:
                return finding
        shown = ", ".join(f.failure_mode for f in self.findings) or "no failure mode"
        raise KeyError(f"{failure_mode}: this run shows {shown}")

    def __contains__(self, failure_mode: str) -> bool:
        return any(f.failure_mode == failure_mode for f in self.findings)

    def document(self) -> dict[str, Any]:
        """The diagnosis as plain values, as ``--json`` prints it."""
        return {
            "run": self.run,
            "description": self.description,
            "step": self.step,
            "findings": [finding.document() for finding in self.findings],
            "ruled_out": [entry.document() for entry in self.ruled_out],
            "unchecked": self.unchecked,
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        lines = [f"{self.run}: {self.description}", ""]
        for finding in self.findings:
            lines += [*_finding_lines(finding), ""]
        if not self.findings:
            lines += ["no failure mode found", ""]
        if self.ruled_out:
            lines.append(f"checked and not present: {', '.join(entry.failure_mode for entry in self.ruled_out)}")
        lines += [f"not checked: {failure_mode} ({reason})" for failure_mode, reason in self.unchecked.items()]
        lines += [f"warning during training: {warning}" for warning in self.warnings]
        return "\n".join(lines)


class _PresentFailure(NamedTuple):
    """A failure mode that the run shows, and the case with the highest confidence."""

    name: str
    detector: FailureMode
    case: FailureCase


def examine(
    run: Any, *, only: Sequence[str] | None, data: Any, device: str, progress: Callable[[str], None] | None
) -> Diagnosis:
    """Implementation of `twoplayer.diagnosis.diagnose`."""
    folder = _readable_folder(run)
    selected = list(dict.fromkeys(only)) if only else names()
    for name in selected:
        describe(name)  # raises for unknown names
    context = RunContext(folder, data=data, device=device, progress=progress)
    if data is not None:
        try:
            _ = context.dataset
        except Unavailable as reason:  # a mistake of the user's, not a reason to leave something out
            raise UserError(f"{reason}: give the array that {folder.path} was trained on") from reason
    pictures = folder.path / "diagnosis"
    present, ruled_out, unchecked = list[_PresentFailure](), list[RuledOut](), dict[str, str]()
    for name in selected:
        detector: FailureMode = create(name)
        try:
            cases = detector.cases(context)
        except Unavailable as reason:
            unchecked[name] = str(reason)
            _remove(pictures / f"{name}.png")
            continue
        case = max(cases, key=lambda case: case.confidence, default=None)
        if case is None or case.confidence <= 0.5:
            # each indicator once, though several cases may share it
            indicators = {i.name: i for c in cases for i in (*c.indicators, *c.supplementary)}
            note = "" if cases else "this run has no part that could show it"
            ruled_out.append(RuledOut(name, tuple(indicators.values()), note))
            _remove(pictures / f"{name}.png")
        else:
            present.append(_PresentFailure(name, detector, case))
    superseded = {name for failure in present for name in failure.detector.supersedes}
    reported = [failure for failure in present if failure.name not in superseded]
    reported.sort(key=lambda failure: (-failure.detector.severity, -failure.case.confidence))
    step = context.status.get("step")
    diagnosis = Diagnosis(
        str(folder.path), _description(context), _findings(reported, context, pictures), tuple(ruled_out), unchecked,
        tuple(map(str, read_warnings(folder.path))), step if isinstance(step, int) else None,
    )  # fmt: skip
    if only is None:
        with contextlib.suppress(OSError):  # a run folder without write permission can be diagnosed too
            write_json(pictures / "diagnosis.json", diagnosis.document())
    return diagnosis


def _readable_folder(run: Any) -> RunFolder:
    """The run's folder, damaged or not, as long as it was not written by a newer version."""
    if hasattr(run, "folder"):
        return run.folder  # type: ignore[no-any-return]
    folder = run if isinstance(run, RunFolder) else RunFolder(run)
    if not folder.exists or (folder.path / "environment.json").is_file():
        try:
            return folder.require()
        except UserError:
            if not folder.exists or _is_newer(folder):
                raise
    return folder


def _is_newer(folder: RunFolder) -> bool:
    from twoplayer.runs.run_dir import FORMAT

    try:
        version = folder.environment().get("format")
    except UserError:
        return False
    return isinstance(version, int) and version > FORMAT


def _findings(reported: Sequence[_PresentFailure], context: RunContext, pictures: Path) -> tuple[FailureFinding, ...]:
    """Each with its picture in the folder; of findings with the same advice the less severe ones refer to the first."""
    findings = []
    commands: list[tuple[str, Advice, str]] = []
    for name, detector, case in reported:
        changes = (case.advice.settings, case.advice.removed_flags, case.advice.data)
        earlier = next((c for c in commands if (c[1].settings, c[1].removed_flags, c[1].data) == changes), None)
        if earlier is None:
            commands.append((name, case.advice, command(context, case.advice, name)))
        first, advice, text = earlier or commands[-1]
        member = describe(name)
        findings.append(
            FailureFinding(
                failure_mode=name,
                title=member.summary,
                verdict=case.verdict,
                confidence=case.confidence,
                severity=detector.severity,
                indicators=(*case.indicators, *case.supplementary),
                advice=advice.reason,
                command=text,
                same_advice_as=None if earlier is None else first,
                picture=_draw(detector, context, pictures / f"{name}.png"),
            )
        )
    return tuple(findings)


def _draw(detector: FailureMode, context: RunContext, path: Path) -> Path | None:
    try:
        with drawing():
            write_atomic(path, png(detector.picture(context)))
    except (Unavailable, OSError) as reason:  # report the finding without its picture
        context.progress(f"no picture {path.name}: {reason}")
        return None
    return path


def _remove(picture: Path) -> None:
    with contextlib.suppress(OSError):
        picture.unlink()


def _description(context: RunContext) -> str:
    status = context.status
    try:
        config = context.config
        name = f"{config.method} on {config.data.get('name')}"
    except Unavailable:
        name = "a run whose settings cannot be read"
    if not status:
        return f"{name}, in a state that cannot be read"
    return f"{name}, {status.get('state')} at step {status.get('step', 0):,}"


def _finding_lines(finding: FailureFinding) -> list[str]:
    """A finding as plain text."""
    width = min(MAX_TEXT_WIDTH, shutil.get_terminal_size().columns)

    def wrapped(text: str) -> list[str]:
        return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")

    lines = [f"{finding.failure_mode} (confidence {finding.confidence:.2f})", *wrapped(finding.verdict)]
    rows = [
        (i.name, format_number(i.value, digits=3, ascii=True), f"failing {i.criterion}", f"normal {i.normal_range}")
        for i in finding.indicators
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines += ["    " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    if finding.picture is not None:
        lines.append(f"  picture: {finding.picture}")
    if finding.same_advice_as is not None:
        return [*lines, f"  try next the command of {finding.same_advice_as}"]
    lines += wrapped(f"try next, since {finding.advice}:")
    return [*lines, f"    {finding.command}"]
