"""One part of a comparison: all runs on one data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twoplayer.comparison.architectures import Tally
from twoplayer.comparison.plots import Plot
from twoplayer.comparison.sample_panels import SamplePanels
from twoplayer.comparison.table import ComparisonTable, MetricColumn, budget_text
from twoplayer.comparison.table_formats import number

__all__ = ["ComparisonPart", "tally_text"]


@dataclass(frozen=True)
class ComparisonPart:
    """What is shown of the runs on one data set."""

    table: ComparisonTable
    drawings: Sequence[Plot]
    sheets: SamplePanels
    pair: tuple[str, str] | None = None
    """The two methods of random architectures."""
    tallies: Sequence[Tally] = ()
    tally_column: MetricColumn | None = None

    @property
    def caption(self) -> str:
        budgets = {budget_text(run.budget) for row in self.table.rows for run in row.runs}
        each = f", {budgets.pop()} each" if len(budgets) == 1 else ""
        runs = "one run each" if self.table.repeats == 1 else f"means over up to {self.table.repeats} runs"
        return f"{self.table.data}{each}, {runs}"


def tally_text(part: ComparisonPart) -> str:
    """The table of random architectures in Markdown; empty without them."""
    if part.pair is None or part.tally_column is None:
        return ""
    bound = "at least" if part.tally_column.higher_is_better else "at most"
    head = [f"{part.tally_column.name} {bound}", f"only {part.pair[0]}", f"only {part.pair[1]}", "both", "neither"]
    rows = [head, ["---:"] * 5]
    rows += [[number(t.threshold), *map(str, (t.only_first, t.only_second, t.both, t.neither))] for t in part.tallies]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
