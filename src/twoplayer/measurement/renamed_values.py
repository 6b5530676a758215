"""Metric values of documents on disk, those written under earlier names included.

Run folders hold metric values in ``metrics.jsonl``, ``evaluation/evaluation.json`` and ``evaluation/compared.jsonl``.
`stored_metric_values` reads all of them; the table below is the only place that knows earlier names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from twoplayer import metrics

__all__ = ["stored_metric_values"]

FIELD, EARLIER_FIELD = "metric_values", "figures"

RENAMED_QUANTITIES: tuple[tuple[str, str, str], ...] = (
    (r"caption_first", "r_precision_1", "caption-retrieval"),
    (r"caption_in_first_ten", "r_precision_10", "caption-retrieval"),
    (r"caption_rank", "caption_rank", "caption-retrieval"),
    (r"partner_l1(|_of_inputs)", r"translation_error_l1\1", "translation-error"),
    (r"partner_features(|_of_inputs)", r"translation_error_perceptual\1", "translation-error"),
    (r"(1nn|linear)_by_(\w+)", r"probe_\1_\2", "linear-probes"),
    (r"(\w+)_found", r"\1_accuracy", "conditional-accuracy"),
    (r"(\w+)_fd_within", r"\1_intra_fd", "conditional-accuracy"),
    (r"(reconstruction_l1\w*)", r"\1", "reconstruction"),
)
"""Patterns of earlier quantities of evaluation tasks, their names now, and the task."""


def stored_metric_values(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The metric values of a stored document as plain values, under today's names.

    Args:
        document: a line of ``metrics.jsonl`` or ``compared.jsonl``, or the content of ``evaluation.json``.

    Returns:
        A mapping for each value, with the fields of `MetricValue`. Fields that older documents lack (quantity, metric,
        extractor, count) are inferred from the printed name.

    >>> [value] = stored_metric_values({"figures": [{"name": "label_found_10k", "value": 0.9}]})
    >>> value["name"], value["quantity"], value["metric"], value["count"]
    ('label_accuracy_10k', 'label_accuracy', 'conditional-accuracy', 10000)
    """
    entries = document.get(FIELD, document.get(EARLIER_FIELD))
    listed = entries if isinstance(entries, list) else []
    return [_completed(entry) for entry in listed if isinstance(entry, Mapping)]


def _completed(entry: Mapping[str, Any]) -> dict[str, Any]:
    if entry.get("quantity"):
        return dict(entry)
    name = str(entry.get("name"))
    quantity, _, suffix = name.rpartition("_")
    count = _count(suffix)
    if count is None:
        quantity, suffix = name, ""
    metric, extractor = _metric_and_extractor(quantity)
    for pattern, replacement, task in RENAMED_QUANTITIES:
        if re.fullmatch(pattern, quantity):
            quantity, metric, extractor = re.sub(f"^{pattern}$", replacement, quantity), task, None
            break
    renamed = f"{quantity}_{suffix}" if suffix else quantity
    return {**entry, "name": renamed, "quantity": quantity, "metric": metric, "extractor": extractor, "count": count}


def _count(suffix: str) -> int | None:
    """The sample count behind a label such as ``10k`` or ``2500``; None for other texts."""
    digits = suffix.removesuffix("k")
    return int(digits) * (1000 if digits != suffix else 1) if digits.isdecimal() else None


def _metric_and_extractor(quantity: str) -> tuple[str | None, str | None]:
    """The registry name of the metric and the label of the extractor, as far as a quantity without options has them."""
    known = [name for name in metrics.names() if f"{quantity}_".startswith(f"{name.replace('-', '_')}_")]
    if not known:
        return None, None
    metric = max(known, key=len)
    return metric, quantity[len(metric) + 1 :] or None
