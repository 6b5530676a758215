"""The page: what the run folder says, poured into the template."""

from __future__ import annotations

from typing import Any

from twoplayer.pages.templates import resource, template
from twoplayer.reporting import _formatting as words
from twoplayer.reporting._curves import game_charts, metric_charts
from twoplayer.reporting._diagnosis import diagnosed
from twoplayer.reporting._evaluation import evaluation
from twoplayer.reporting._frames import Frame, chosen, embedded, frame
from twoplayer.reporting._record import RunRecord
from twoplayer.reporting._tables import environment_rows, figure_rows, setting_groups

__all__ = ["page"]

LISTED = 200  # unreadable files named one by one


def page(record: RunRecord) -> str:
    """The whole report as HTML."""
    return template("twoplayer.reporting", "template.html").render(_contents(record))


def _contents(record: RunRecord) -> dict[str, Any]:
    method, data = words.title(record)
    frames = _frames(record)
    skipped = [(str(s.get("path")), str(s.get("reason", ""))) for s in record.data.get("skipped") or []]
    return {
        "script": resource("twoplayer.reporting", "script.js"),
        "run": record.name,
        "method": method,
        "data": data,
        "state": record.status.get("state") or "unknown",
        "status": words.status_sentence(record),
        "data_sentence": words.data_sentence(record),
        "message": record.status.get("message"),
        "unit": words.seen_unit(record),
        "newest": frames[-1] if frames else None,
        "earlier": frames[:-1],
        "inputs": "images" if record.data.get("partner_shape") else "latent vectors",
        "real": embedded(record.real_samples, "Real") if record.real_samples else None,
        "figures": figure_rows(record),
        "notes": record.notes,
        "metric_charts": metric_charts(record),
        "evaluation": evaluation(record.evaluation, words.seen_unit(record)),
        "evaluate": words.evaluate_command(record),
        "diagnosis": diagnosed(record.path, record.status),
        "game_charts": game_charts(record),
        "command": record.environment.get("command"),
        "skipped": skipped[:LISTED],
        "skipped_more": max(0, len(skipped) - LISTED),
        "settings": setting_groups(record.config),
        "environment": environment_rows(record.environment),
        "version": record.environment.get("twoplayer"),
    }


def _frames(record: RunRecord) -> list[Frame]:
    unit = words.seen_unit(record)
    candidates = [frame(sample, unit) for sample in chosen(record.samples)]
    return [candidate for candidate in candidates if candidate is not None]
