"""The report as one HTML page."""

from __future__ import annotations

from typing import Any

from twoplayer.pages.templates import resource, template
from twoplayer.reporting import _formatting as formatting
from twoplayer.reporting._charts import metric_charts, training_charts
from twoplayer.reporting._diagnosis import diagnosis_section
from twoplayer.reporting._evaluation import evaluation_section
from twoplayer.reporting._pictures import EmbeddedPicture, embedded, embedded_samples, selected
from twoplayer.reporting._record import RunRecord
from twoplayer.reporting._tables import environment_rows, metric_rows, setting_groups

__all__ = ["page"]

MAX_LISTED_FILES = 200
"""Unreadable files that are listed by name."""


def page(record: RunRecord) -> str:
    """The whole report as HTML."""
    return template("twoplayer.reporting", "template.html").render(_contents(record))


def _contents(record: RunRecord) -> dict[str, Any]:
    method, data = formatting.title(record)
    pictures = _sample_pictures(record)
    skipped = [(str(s.get("path")), str(s.get("reason", ""))) for s in record.data.get("skipped") or []]
    return {
        "script": resource("twoplayer.reporting", "script.js"),
        "run": record.name,
        "method": method,
        "data": data,
        "state": record.status.get("state") or "unknown",
        "status": formatting.status_sentence(record),
        "data_sentence": formatting.data_sentence(record),
        "message": record.status.get("message"),
        "unit": formatting.seen_unit(record),
        "newest": pictures[-1] if pictures else None,
        "earlier": pictures[:-1],
        "inputs": "images" if record.data.get("partner_shape") else "latent vectors",
        "real": embedded(record.real_samples, "Real") if record.real_samples else None,
        "metrics": metric_rows(record),
        "notes": record.notes,
        "metric_charts": metric_charts(record),
        "evaluation": evaluation_section(record.evaluation, formatting.seen_unit(record)),
        "evaluate_command": formatting.evaluate_command(record),
        "diagnosis": diagnosis_section(record.path, record.status),
        "training_charts": training_charts(record),
        "command": record.environment.get("command"),
        "skipped": skipped[:MAX_LISTED_FILES],
        "skipped_more": max(0, len(skipped) - MAX_LISTED_FILES),
        "settings": setting_groups(record.config),
        "environment": environment_rows(record.environment),
        "version": record.environment.get("twoplayer"),
    }


def _sample_pictures(record: RunRecord) -> list[EmbeddedPicture]:
    unit = formatting.seen_unit(record)
    pictures = [embedded_samples(samples, unit) for samples in selected(record.samples)]
    return [picture for picture in pictures if picture is not None]
