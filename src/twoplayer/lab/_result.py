"""The result of a demonstration: text, tables, figures, and checks from which the verdict is computed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from twoplayer.core.number_format import format_number
from twoplayer.core.registry import Description

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Cell", "DemonstrationResult", "Paragraph", "ResultCheck", "ResultPicture", "ResultTable", "cell_text"]

Cell: TypeAlias = str | float | int | None


@dataclass(frozen=True)
class ResultCheck:
    """A measured number compared to the one that the theory requires: equal within a tolerance, or a bound.

    Args:
        label: What is measured.
        measured: The measured number.
        relation: ``"="``, ``"<="`` or ``">="``.
        expected: The number that the theory requires.
        tolerance: The absolute difference that is allowed.
    """

    label: str
    measured: float
    relation: Literal["=", "<=", ">="]
    expected: float
    tolerance: float = 0.0

    @property
    def excess(self) -> float:
        """The distance of the number from the allowed range, in its own unit: 0 or less where the check holds."""
        if math.isnan(self.measured) or math.isnan(self.expected):
            return math.inf
        if self.measured == self.expected:  # infinities included
            return -self.tolerance
        difference = self.measured - self.expected
        match self.relation:
            case "=":
                return abs(difference) - self.tolerance
            case "<=":
                return difference - self.tolerance
            case ">=":
                return -difference - self.tolerance

    @property
    def held(self) -> bool:
        """Whether the number lies in the allowed range."""
        return self.excess <= 0

    @property
    def severity(self) -> float:
        """The excess relative to the requirement, by which failed checks are ranked."""
        scale = abs(self.expected) + self.tolerance
        return self.excess if scale == 0 or math.isinf(scale) else self.excess / scale

    @property
    def requirement(self) -> str:
        """The requirement in signs: ``= 0.693 ± 0.01``."""
        tolerance = f" ± {cell_text(self.tolerance)}" if self.tolerance else ""
        return f"{ {'=': '=', '<=': '≤', '>=': '≥'}[self.relation] } {cell_text(self.expected)}{tolerance}"

    @property
    def verdict(self) -> str:
        """``held, 0.003 to spare`` or ``did not hold, by 0.2``."""
        return (
            f"held, {cell_text(-self.excess)} to spare" if self.held else f"did not hold, by {cell_text(self.excess)}"
        )


@dataclass(frozen=True)
class Paragraph:
    """Text between tables and figures."""

    text: str


@dataclass(frozen=True)
class ResultTable:
    """A table: names in the first column, numbers in the others."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True)
class ResultPicture:
    """A figure as SVG, with a caption that describes it."""

    title: str
    caption: str
    svg: bytes


class DemonstrationResult:
    """The result of one demonstration, filled by `Demonstration.run` in reading order.

    Args:
        description: The demonstration's name, title and source.
        statement: Its claim.
        seed: The seed of all its random numbers.
    """

    def __init__(self, description: Description, statement: str, seed: int) -> None:
        self.name, self.title, self.source = description.name, description.summary, description.source
        self.statement, self.seed = statement, seed
        self.parts: list[Paragraph | ResultTable | ResultPicture] = []
        self.checks: list[ResultCheck] = []
        self.seconds = 0.0

    def add_text(self, text: str) -> None:
        """Add a paragraph."""
        self.parts.append(Paragraph(text))

    def add_table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, note: str = "") -> None:
        """Add a table; numbers are written with four significant digits."""
        self.parts.append(ResultTable(title, columns, rows, note))

    def add_figure(self, title: str, figure: Figure, *, caption: str) -> None:
        """Add a figure from `new_figure`; the caption describes it in words."""
        from twoplayer.pages.plot_style import svg

        self.parts.append(ResultPicture(title, caption, svg(figure)))

    def check_equal(self, label: str, measured: float, expected: float, *, within: float) -> ResultCheck:
        """Check that `measured` equals `expected` within an absolute tolerance."""
        return self._check(ResultCheck(label, float(measured), "=", float(expected), within))

    def check_at_most(self, label: str, measured: float, bound: float, *, within: float = 0.0) -> ResultCheck:
        """Check that `measured` is at most `bound`, within a tolerance."""
        return self._check(ResultCheck(label, float(measured), "<=", float(bound), within))

    def check_at_least(self, label: str, measured: float, bound: float, *, within: float = 0.0) -> ResultCheck:
        """Check that `measured` is at least `bound`, within a tolerance."""
        return self._check(ResultCheck(label, float(measured), ">=", float(bound), within))

    def _check(self, check: ResultCheck) -> ResultCheck:
        self.checks.append(check)
        return check

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measure the time that the demonstration takes, and require that it adds a check."""
        start = time.perf_counter()
        yield
        self.seconds = time.perf_counter() - start
        if not self.checks:
            raise TypeError(f"the demonstration {self.name} has no check")

    @property
    def held(self) -> bool:
        """Whether all checks hold."""
        return all(check.held for check in self.checks)

    @property
    def verdict(self) -> str:
        """One sentence, computed from the checks."""
        failed = [check for check in self.checks if not check.held]
        total = len(self.checks)
        if not failed:
            return f"held: {total} of {total} checks"
        worst = max(failed, key=lambda check: check.severity)
        return (
            f"did not hold: {total - len(failed)} of {total} checks; {worst.label}: {cell_text(worst.measured)}, "
            f"required {worst.requirement}"
        )

    def document(self) -> dict[str, Any]:
        """The result without figures, ready for JSON; infinities become the strings inf and -inf."""
        return {
            "name": self.name,
            "title": self.title,
            "statement": self.statement,
            "source": self.source,
            "seed": self.seed,
            "held": self.held,
            "verdict": self.verdict,
            "checks": [
                {
                    "label": c.label,
                    "measured": _json_cell(c.measured),
                    "relation": c.relation,
                    "expected": _json_cell(c.expected),
                    "tolerance": c.tolerance,
                    "held": c.held,
                }
                for c in self.checks
            ],
            "tables": [
                {"title": t.title, "columns": list(t.columns), "rows": [[_json_cell(c) for c in row] for row in t.rows]}
                for t in self.parts
                if isinstance(t, ResultTable)
            ],
            "seconds": round(self.seconds, 2),
        }


def _json_cell(cell: Cell) -> Cell:
    """The cell, or its text if it is infinite: JSON has no infinities, and null means that there is no value."""
    return str(float(cell)) if isinstance(cell, float) and not math.isfinite(cell) else cell


def cell_text(value: Cell) -> str:
    """A cell as text: four significant digits, ∞ for infinity, a dash for None.

    >>> cell_text(0.693147), cell_text(float("inf")), cell_text(None), cell_text(12)
    ('0.6931', '∞', '–', '12')
    """
    return format_number(value) if value is None or isinstance(value, float) else str(value)
