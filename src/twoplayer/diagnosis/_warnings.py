"""The warnings that a run's monitor issued during training, as the run folder stores them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, final

from twoplayer.core.errors import UserError
from twoplayer.core.files import append_json_line, read_json_lines
from twoplayer.diagnosis._documents import current_warning

__all__ = ["IssuedWarning", "WarningLog", "read_warnings"]


class IssuedWarning(NamedTuple):
    """A warning, issued once per run and failure mode."""

    step: int
    """The step at which it was issued."""
    failure_mode: str
    message: str
    resolved_step: int | None
    """The step from which on it no longer held; None where it held when the monitor last checked."""

    def __str__(self) -> str:
        resolved = "" if self.resolved_step is None else f" (resolved at step {self.resolved_step:,})"
        return f"step {self.step:,}: {self.message}{resolved}"


def read_warnings(run: Path) -> list[IssuedWarning]:
    """The warnings of a run folder in the order in which they were issued.

    A warning that comes back after it was resolved keeps its first step and message.

    Raises:
        UserError: if the file is damaged.
    """
    warnings: dict[str, IssuedWarning] = {}
    file = _file(run)
    try:
        for line in map(current_warning, read_json_lines(file)):
            step, failure_mode, message = int(line["step"]), str(line["failure_mode"]), line["message"]
            if message is not None:
                new = IssuedWarning(step, failure_mode, str(message), None)
                warnings[failure_mode] = warnings.get(failure_mode, new)._replace(resolved_step=None)
            elif failure_mode in warnings:
                warnings[failure_mode] = warnings[failure_mode]._replace(resolved_step=step)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file} is corrupt: delete it") from error
    return list(warnings.values())


@final
class WarningLog:
    """The warnings of a run in training; every change is appended to ``RUN/diagnosis/warnings.jsonl``.

    Args:
        run: the run folder. Warnings of an earlier process that trained the same run are read from it.
    """

    def __init__(self, run: Path) -> None:
        self._file = _file(run)
        earlier = read_warnings(run)
        self._issued = {w.failure_mode for w in earlier}
        self.present = {w.failure_mode for w in earlier if w.resolved_step is None}
        """Failure modes whose warning holds at present."""

    def issue(self, step: int, failure_mode: str, message: str) -> bool:
        """Record that the failure mode is present at this step. Returns whether it is the first time in the run."""
        if failure_mode not in self.present:
            self.present.add(failure_mode)
            append_json_line(self._file, {"step": step, "failure_mode": failure_mode, "message": message})
        first = failure_mode not in self._issued
        self._issued.add(failure_mode)
        return first

    def resolve(self, step: int, failure_mode: str) -> None:
        """Record that the failure mode was checked at this step and is not present."""
        if failure_mode in self.present:
            self.present.discard(failure_mode)
            append_json_line(self._file, {"step": step, "failure_mode": failure_mode, "message": None})


def _file(run: Path) -> Path:
    return run / "diagnosis" / "warnings.jsonl"
