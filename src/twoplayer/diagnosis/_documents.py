"""Field names of the files in a run's folder ``diagnosis``, and the names that earlier versions wrote for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["current_diagnosis", "current_warning"]

FORMER_DIAGNOSIS_FIELDS = {"about": "description", "healthy": "ruled_out"}
FORMER_FINDING_FIELDS = {"disease": "failure_mode", "evidence": "indicators", "as_for": "same_advice_as"}
FORMER_INDICATOR_FIELDS = {"sick": "criterion", "healthy": "normal_range"}
FORMER_WARNING_FIELDS = {"disease": "failure_mode", "text": "message"}


def current_diagnosis(document: Mapping[str, Any]) -> dict[str, Any]:
    """A ``diagnosis.json`` of this or an earlier version, with the field names of this version.

    Raises:
        AttributeError, TypeError: if the document does not have the structure of a diagnosis.
    """
    document = _renamed(document, FORMER_DIAGNOSIS_FIELDS)
    for section in ("findings", "ruled_out"):
        entries = [_renamed(entry, FORMER_FINDING_FIELDS) for entry in document.get(section, ())]
        for entry in entries:
            if "indicators" in entry:
                entry["indicators"] = [_renamed(i, FORMER_INDICATOR_FIELDS) for i in entry["indicators"]]
        document[section] = entries
    return document


def current_warning(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of a ``warnings.jsonl`` of this or an earlier version, with the field names of this version."""
    return _renamed(line, FORMER_WARNING_FIELDS)


def _renamed(record: Mapping[str, Any], former: Mapping[str, str]) -> dict[str, Any]:
    return {former.get(name, name): value for name, value in record.items()}
