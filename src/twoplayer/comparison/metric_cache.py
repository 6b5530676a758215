"""Metrics that a comparison has measured on a run, stored in the run's folder for the next comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from twoplayer.core.errors import UserError
from twoplayer.core.files import append_json_line, read_json_lines

__all__ = ["read_cached", "write_cached"]

REQUEST, FORMER_REQUEST = "request", "wanted"
"""The field with the request, and its name in files of earlier versions."""


def read_cached(folder: Path, request: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """The metrics that were measured for the same request; None if there are none.

    Args:
        folder: the run folder.
        request: everything that the result depends on, as values that JSON has.
    """
    try:
        lines = read_json_lines(_file(folder))
    except UserError:  # a damaged cache is no cache
        return None
    matching = [line for line in lines if line.get(REQUEST, line.get(FORMER_REQUEST)) == request]
    results = [line["figures"] for line in matching if _are_metrics(line.get("figures"))]
    return results[-1] if results else None


def write_cached(folder: Path, request: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]]) -> None:
    """Store the metrics; nothing is stored in a folder without write permission."""
    with suppress(OSError):
        append_json_line(_file(folder), {REQUEST: request, "figures": list(metrics)})


def _are_metrics(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(m, dict) and isinstance(m.get("name"), str) for m in value)


def _file(folder: Path) -> Path:
    return folder / "evaluation" / "compared.jsonl"
