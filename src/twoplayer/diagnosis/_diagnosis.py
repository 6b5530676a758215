"""A whole diagnosis: every disease looked for, worst first, with what was healthy and what could not be checked."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from twoplayer.core.errors import UserError
from twoplayer.core.files import write_atomic, write_json
from twoplayer.diagnosis._advice import command
from twoplayer.diagnosis._base import Advice, FailureCase, FailureFinding, Indicator, Unavailable
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._family import create, describe, names
from twoplayer.diagnosis._plots import drawing, png
from twoplayer.diagnosis._run_context import RunContext
from twoplayer.diagnosis._warnings import told
from twoplayer.runs.run_dir import RunFolder

__all__ = ["Diagnosis", "RuledOut", "examine"]


@dataclass(frozen=True)
class RuledOut:
    """A disease that was looked for and not found, with what was measured."""

    disease: str
    evidence: tuple[Indicator, ...]
    note: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """What a run suffers from, worst first; what it does not; and what could not be checked, with the reason."""

    run: str
    about: str
    findings: tuple[FailureFinding, ...]
    healthy: tuple[RuledOut, ...]
    unchecked: dict[str, str]
    warnings: tuple[str, ...] = ()
    """What was said of the run while it trained, and what of it no longer holds."""
    step: int | None = None
    """The round at which the run stood; None where that cannot be read."""

    def __getitem__(self, disease: str) -> FailureFinding:
        """The finding of that disease. Raises `KeyError` where it was not found."""
        return next((f for f in self.findings if f.disease == disease), None) or self._missing(disease)

    def __contains__(self, disease: str) -> bool:
        return any(f.disease == disease for f in self.findings)

    def document(self) -> dict[str, Any]:
        """The diagnosis as plain values, as ``--json`` prints it."""
        return {
            "run": self.run,
            "about": self.about,
            "step": self.step,
            "findings": [finding.document() for finding in self.findings],
            "healthy": [
                {"disease": c.disease, "evidence": [s.document() for s in c.evidence], "note": c.note}
                for c in self.healthy
            ],
            "unchecked": self.unchecked,
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        lines = [f"{self.run}: {self.about}", ""]
        for finding in self.findings:
            lines += [*_told(finding), ""]
        checked = ", ".join(c.disease for c in self.healthy)
        if not self.findings:
            lines += ["nothing found", ""]
        if checked:
            lines.append(f"checked and healthy: {checked}")
        lines += [f"not checked: {disease} ({reason})" for disease, reason in self.unchecked.items()]
        lines += [f"said while it trained: {warning}" for warning in self.warnings]
        return "\n".join(lines)

    def _missing(self, disease: str) -> FailureFinding:
        raise KeyError(f"{disease}: this run has {', '.join(f.disease for f in self.findings) or 'nothing'}")


def examine(
    run: Any, *, only: Sequence[str] | None, data: Any, device: str, say: Callable[[str], None] | None
) -> Diagnosis:
    """What `twoplayer.diagnosis.diagnose` does."""
    folder = _folder(run)
    chosen = list(dict.fromkeys(only)) if only else names()
    for name in chosen:
        describe(name)
    patient = RunContext(folder, data=data, device=device, say=say)
    if data is not None:
        _check_given(patient)
    shown = folder.path / "diagnosis"
    found, healthy, unchecked = list[_PresentFailure](), list[RuledOut](), dict[str, str]()
    for name in chosen:
        disease: FailureMode = create(name)
        try:
            cases = disease.cases(patient)
        except Unavailable as reason:
            unchecked[name] = str(reason)
            _forget(shown / f"{name}.png")
            continue
        worst = max(cases, key=lambda case: case.confidence, default=None)
        if worst is None or worst.confidence <= 0.5:
            healthy.append(RuledOut(name, *_evidence(cases)))
            _forget(shown / f"{name}.png")
        else:
            found.append(_PresentFailure(name, disease, worst))
    findings = _findings(_worst_first(found), patient, shown)
    said, step = tuple(map(str, told(folder.path))), patient.status.get("step")
    diagnosis = Diagnosis(
        str(folder.path), _about(patient), tuple(findings), tuple(healthy), unchecked, said,
        step if isinstance(step, int) else None,
    )  # fmt: skip
    if only is None:
        with contextlib.suppress(OSError):  # somebody else's run can be looked at too
            write_json(shown / "diagnosis.json", diagnosis.document())
    return diagnosis


def _folder(run: Any) -> RunFolder:
    """The run's folder, damaged or not, as long as it is one that this version may read."""
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


def _check_given(patient: RunContext) -> None:
    """Data that were given and do not fit are the user's mistake, not a reason to leave something out."""
    try:
        _ = patient.dataset
    except Unavailable as reason:
        raise UserError(f"{reason}: give the array that {patient.folder.path} was trained on") from reason


class _PresentFailure(NamedTuple):
    """A disease that the run has, and the way in which it has it."""

    name: str
    disease: FailureMode
    case: FailureCase


def _worst_first(found: Sequence[_PresentFailure]) -> list[_PresentFailure]:
    hidden = {name for each in found for name in each.disease.outshines}
    told = [each for each in found if each.name not in hidden]
    return sorted(told, key=lambda each: (-each.disease.severity, -each.case.confidence))


def _findings(found: Sequence[_PresentFailure], patient: RunContext, folder: Path) -> Iterator[FailureFinding]:
    """Each with its picture in the folder; what two diseases ask for is the command of the worse one."""
    asked: list[tuple[str, Advice, str]] = []
    for name, disease, case in found:
        worse = next((each for each in asked if _same(each[1], case.advice)), None)
        if worse is None:
            asked.append((name, case.advice, command(patient, case.advice, name)))
        first, advice, words = worse or asked[-1]
        yield FailureFinding(
            disease=name,
            title=describe(name).summary,
            verdict=case.verdict,
            confidence=case.confidence,
            severity=disease.severity,
            evidence=(*case.signs, *case.beside),
            advice=advice.why,
            command=words,
            as_for=None if worse is None else first,
            picture=_drawn(disease, patient, folder / f"{name}.png"),
        )


def _same(one: Advice, other: Advice) -> bool:
    """Whether both ask for the same, for whatever reason."""
    return (one.settings, one.without, one.data) == (other.settings, other.without, other.data)


def _evidence(cases: Sequence[FailureCase]) -> tuple[tuple[Indicator, ...], str]:
    """What was measured for any of the cases, each number once; or that the disease cannot be."""
    signs = {sign.name: sign for case in cases for sign in (*case.signs, *case.beside)}
    return tuple(signs.values()), "" if cases else "this run has nothing that could have it"


def _drawn(disease: FailureMode, patient: RunContext, path: Path) -> Path | None:
    try:
        with drawing():
            write_atomic(path, png(disease.picture(patient)))
    except (Unavailable, OSError) as reason:  # a finding without its picture is better than none
        patient.say(f"no picture {path.name}: {reason}")
        return None
    return path


def _forget(picture: Path) -> None:
    with contextlib.suppress(OSError):
        picture.unlink()


def _about(patient: RunContext) -> str:
    status = patient.status
    try:
        config = patient.config
        what = f"{config.method} on {config.data.get('name')}"
    except Unavailable:
        what = "a run whose settings cannot be read"
    if not status:
        return f"{what}, in a state that cannot be read"
    return f"{what}, {status.get('state')} at round {status.get('step', 0):,}"


def _told(finding: FailureFinding) -> list[str]:
    """A finding as plain text."""
    width = shutil.get_terminal_size().columns
    lines = [f"{finding.disease} (confidence {finding.confidence:.2f})", *_wrapped(finding.verdict, min(100, width))]
    rows = [(s.name, f"{s.value:.3g}", f"sick {s.demand}", f"healthy {s.healthy}") for s in finding.evidence]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines += ["    " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    if finding.picture is not None:
        lines.append(f"  picture: {finding.picture}")
    if finding.as_for is not None:
        return [*lines, f"  try next what {finding.as_for} asks for"]
    lines += _wrapped(f"try next, since {finding.advice}:", min(100, width))
    return [*lines, f"    {finding.command}"]


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")
