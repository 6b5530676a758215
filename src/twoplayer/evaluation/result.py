"""The result of an evaluation, and its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from twoplayer.core.number_format import format_number

if TYPE_CHECKING:
    from twoplayer.metrics import MetricValue

__all__ = ["Evaluation", "table"]

DIRECTION_WORDS = {True: "higher", False: "lower", None: "like real"}


@dataclass(frozen=True)
class Evaluation:
    """Metric values with their standard errors, and beside each the value of held-out real data.

    Args:
        run: the run folder; None for samples that are not drawn from a run.
        step: step of the checkpoint; None without a run.
        images_seen: real samples that training had consumed by then; None without a run.
        samples: number of samples.
        source: name of the samples.
        reference: name of the real data.
        metric_values: one for each metric and extractor, and those of the evaluation tasks.
        notes: sentences on the reliability of the values, and on metrics that are missing.
    """

    run: str | None
    step: int | None
    images_seen: int | None
    samples: int
    source: str
    reference: str
    metric_values: tuple[MetricValue, ...]
    notes: tuple[str, ...]

    def __getitem__(self, name: str) -> float:
        """The value of that name, with or without its sample count: ``fd_classifier_10k`` or ``fd_classifier``."""
        for metric_value in self.metric_values:
            if name in (metric_value.name, metric_value.quantity):
                return metric_value.value
        raise KeyError(f"{name}: there are {', '.join(v.name for v in self.metric_values) or 'no values'}")

    def document(self) -> dict[str, Any]:
        """The evaluation as plain values, as ``--json`` prints it."""
        return {k: v for k, v in asdict(self).items() if v is not None}

    def __str__(self) -> str:
        against = f"{self.samples:,} samples against {self.reference}"
        head = f"{self.source}: {against}"
        if self.run is not None:
            head = f"{self.run}: step {self.step:,}, {self.images_seen:,} images seen, {against}"
        lines = table(self.metric_values) if self.metric_values else []
        return "\n".join([head, *lines, *(f"  {note}" for note in self.notes)])


def table(metric_values: Sequence[MetricValue]) -> list[str]:
    """A line for each value: its error, the value of real data, and which direction is better; after a heading."""
    counts = {v.real_count for v in metric_values if v.real_count is not None}
    of = f" ({counts.pop():,})" if len(counts) == 1 else ""
    rows = [("", "value", f"held-out real data{of}", "better")]
    for v in metric_values:
        own_count = f" ({v.real_count:,})" if not of and v.real_count is not None else ""
        real = format_number(v.real, v.real_error, ascii=True) + own_count
        rows.append((v.name, format_number(v.value, v.error, ascii=True), real, DIRECTION_WORDS[v.higher_is_better]))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [f"  {a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {d}".rstrip() for a, b, c, d in rows]
