"""One part of a comparison: all runs on one data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twoplayer.comparison.architectures import SuccessCounts
from twoplayer.comparison.plots import Plot
from twoplayer.comparison.sample_panels import SamplePanels
from twoplayer.comparison.table import ComparisonTable, MetricColumn, budget_text
from twoplayer.core.number_format import format_number

__all__ = ["ComparisonPart", "success_table"]


@dataclass(frozen=True)
class ComparisonPart:
    """What is shown of the runs on one data set."""

    table: ComparisonTable
    plots: Sequence[Plot]
    panels: SamplePanels
    pair: tuple[str, str] | None = None
    """The two methods of an experiment with random architectures."""
    success_counts: Sequence[SuccessCounts] = ()
    success_column: MetricColumn | None = None

    @property
    def caption(self) -> str:
        budgets = {budget_text(run.budget) for row in self.table.rows for run in row.runs}
        budget = f", {budgets.pop()} each" if len(budgets) == 1 else ""
        runs = "one run each" if self.table.max_runs == 1 else f"means over up to {self.table.max_runs} runs"
        return f"{self.table.data}{budget}, {runs}"


def success_table(part: ComparisonPart) -> str:
    """The success counts of random architectures as a Markdown table; empty without them."""
    if part.pair is None or part.success_column is None:
        return ""
    bound = "at least" if part.success_column.higher_is_better else "at most"
    head = [f"{part.success_column.name} {bound}", *(f"only {method}" for method in part.pair), "both", "neither"]
    rows = [head, ["---:"] * 5]
    rows += [
        [format_number(c.threshold), *map(str, (c.only_first, c.only_second, c.both, c.neither))]
        for c in part.success_counts
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
