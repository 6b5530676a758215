"""What a watch said of a run while it trained, as the run folder keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, final

from twoplayer.core.errors import UserError
from twoplayer.core.files import append_json_line, read_json_lines

__all__ = ["IssuedWarning", "WarningLog", "told"]


class IssuedWarning(NamedTuple):
    """Something that was said once."""

    step: int
    """The round in which it was."""
    disease: str
    text: str
    over: int | None
    """The round from which on it no longer held; None where it held when the watch last looked."""

    def __str__(self) -> str:
        end = "" if self.over is None else f" (no longer at round {self.over:,})"
        return f"round {self.step:,}: {self.text}{end}"


def told(run: Path) -> list[IssuedWarning]:
    """What was said of the run so far, in the order in which it was. Raises `UserError` where the file is damaged."""
    found: dict[str, IssuedWarning] = {}
    file = _file(run)
    try:
        for line in read_json_lines(file):
            _take(found, line)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file} is corrupt: delete it") from error
    return list(found.values())


@final
class WarningLog:
    """The same while a run trains: what is new is written, and what no longer holds."""

    def __init__(self, run: Path) -> None:
        self._file = _file(run)
        known = told(run)
        self.said = {w.disease for w in known}
        self.present = {w.disease for w in known if w.over is None}

    def begin(self, step: int, disease: str, text: str) -> bool:
        """It is seen in this round. Returns whether it never was before."""
        if disease not in self.present:
            self.present.add(disease)
            append_json_line(self._file, {"step": step, "disease": disease, "text": text})
        new = disease not in self.said
        self.said.add(disease)
        return new

    def end(self, step: int, disease: str) -> None:
        """It is looked for in this round and not seen."""
        if disease in self.present:
            self.present.discard(disease)
            append_json_line(self._file, {"step": step, "disease": disease, "text": None})


def _take(found: dict[str, IssuedWarning], line: dict[str, Any]) -> None:
    step, disease, text = int(line["step"]), str(line["disease"]), line["text"]
    if text is not None:  # what comes back keeps the words and the round in which it first was
        found[disease] = found.get(disease, IssuedWarning(step, disease, str(text), None))._replace(over=None)
    elif disease in found:
        found[disease] = found[disease]._replace(over=step)


def _file(run: Path) -> Path:
    return run / "diagnosis" / "warnings.jsonl"
