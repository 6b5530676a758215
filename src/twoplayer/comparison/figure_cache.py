"""Figures that a comparison has measured of a run, kept in its folder, so that the next comparison need not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from twoplayer.core.errors import UserError
from twoplayer.core.files import append_json_line, read_json_lines

__all__ = ["keep", "recall"]


def recall(folder: Path, wanted: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """The figures that were found for the same question; None where it has not been answered yet.

    What is `wanted` says all that an answer depends on, in values that JSON knows.
    """
    try:
        lines = read_json_lines(_file(folder))
    except UserError:  # a damaged note is none
        return None
    found = [line["figures"] for line in lines if line.get("wanted") == wanted and _figures(line.get("figures"))]
    return found[-1] if found else None


def keep(folder: Path, wanted: Mapping[str, Any], figures: Sequence[Mapping[str, Any]]) -> None:
    """Note what was found; of a run that somebody else owns nothing is kept."""
    with suppress(OSError):
        append_json_line(_file(folder), {"wanted": wanted, "figures": list(figures)})


def _figures(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(f, dict) and isinstance(f.get("name"), str) for f in value)


def _file(folder: Path) -> Path:
    return folder / "evaluation" / "compared.jsonl"
