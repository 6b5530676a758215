"""Metrics that a comparison has measured on a run, stored in the run's folder for the next comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from twoplayer.core.errors import UserError
from twoplayer.core.files import append_json_line, read_json_lines
from twoplayer.measurement.renamed_values import stored_metric_values

__all__ = ["read_cached", "write_cached"]

REQUEST, FORMER_REQUEST = "request", "wanted"
"""The field with the request, and its name in files of earlier versions."""


def read_cached(folder: Path, request: Mapping[str, Any]) -> list[dict[str, Any]] | None:
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
    results = [stored_metric_values(line) for line in matching]
    return next((values for values in reversed(results) if values), None)


def write_cached(folder: Path, request: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]]) -> None:
    """Store the metrics; nothing is stored in a folder without write permission."""
    with suppress(OSError):
        append_json_line(_file(folder), {REQUEST: request, "metric_values": list(metrics)})


def _file(folder: Path) -> Path:
    return folder / "evaluation" / "compared.jsonl"
