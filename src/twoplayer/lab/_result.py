"""What a demonstration found: words, tables, pictures, and checks whose verdict is computed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from twoplayer.core.registry import Description

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Cell", "DemonstrationResult", "Paragraph", "ResultCheck", "ResultPicture", "ResultTable", "shown"]

Cell: TypeAlias = str | float | int | None


@dataclass(frozen=True)
class ResultCheck:
    """A measured number against the one that theory demands: equal within a tolerance, or a bound."""

    label: str
    measured: float
    relation: Literal["=", "<=", ">="]
    expected: float
    tolerance: float = 0.0

    @property
    def excess(self) -> float:
        """How far the number lies beyond what is allowed: 0 or less where the check holds, in its own unit."""
        if math.isnan(self.measured) or math.isnan(self.expected):
            return math.inf
        if self.measured == self.expected:  # infinities included
            return -self.tolerance
        above = self.measured - self.expected
        match self.relation:
            case "=":
                return abs(above) - self.tolerance
            case "<=":
                return above - self.tolerance
            case ">=":
                return -above - self.tolerance

    @property
    def held(self) -> bool:
        return self.excess <= 0

    @property
    def gravity(self) -> float:
        """The excess in units of what was demanded, by which failed checks are ranked."""
        scale = abs(self.expected) + self.tolerance
        return self.excess if scale == 0 or math.isinf(scale) else self.excess / scale

    @property
    def demand(self) -> str:
        """What was demanded, in signs: ``= 0.693 ± 0.01``."""
        slack = f" ± {shown(self.tolerance)}" if self.tolerance else ""
        return f"{ {'=': '=', '<=': '≤', '>=': '≥'}[self.relation] } {shown(self.expected)}{slack}"

    @property
    def verdict(self) -> str:
        """``held, 0.003 to spare`` or ``did not hold, by 0.2``."""
        return f"held, {shown(-self.excess)} to spare" if self.held else f"did not hold, by {shown(self.excess)}"


@dataclass(frozen=True)
class Paragraph:
    """Words between the tables and pictures."""

    text: str


@dataclass(frozen=True)
class ResultTable:
    """Rows of names and figures."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True)
class ResultPicture:
    """A drawing as SVG, with the words that stand for it where it cannot be seen."""

    title: str
    caption: str
    svg: bytes


class DemonstrationResult:
    """What one demonstration has to say, filled by `Demonstration.show` in reading order."""

    def __init__(self, about: Description, statement: str, seed: int) -> None:
        self.name, self.title, self.source = about.name, about.summary, about.source
        self.statement, self.seed = statement, seed
        self.parts: list[Paragraph | ResultTable | ResultPicture] = []
        self.checks: list[ResultCheck] = []
        self.seconds = 0.0

    def say(self, text: str) -> None:
        """A paragraph."""
        self.parts.append(Paragraph(text))

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, note: str = "") -> None:
        """A table; numbers are shown to four significant digits."""
        self.parts.append(ResultTable(title, columns, rows, note))

    def picture(self, title: str, figure: Figure, *, caption: str) -> None:
        """A drawing from `sheet`; the caption says in words what it shows."""
        from twoplayer.pages.plot_style import svg

        self.parts.append(ResultPicture(title, caption, svg(figure)))

    def equal(self, label: str, measured: float, expected: float, *, within: float) -> ResultCheck:
        """Check that `measured` equals `expected` within an absolute tolerance."""
        return self._check(ResultCheck(label, float(measured), "=", float(expected), within))

    def at_most(self, label: str, measured: float, bound: float, *, within: float = 0.0) -> ResultCheck:
        """Check that `measured` stays at or below `bound`, but for a tolerance."""
        return self._check(ResultCheck(label, float(measured), "<=", float(bound), within))

    def at_least(self, label: str, measured: float, bound: float, *, within: float = 0.0) -> ResultCheck:
        """Check that `measured` reaches `bound`, but for a tolerance."""
        return self._check(ResultCheck(label, float(measured), ">=", float(bound), within))

    def _check(self, check: ResultCheck) -> ResultCheck:
        self.checks.append(check)
        return check

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Take the time that the demonstration needs, and ask it for a check."""
        start = time.perf_counter()
        yield
        self.seconds = time.perf_counter() - start
        if not self.checks:
            raise TypeError(f"the demonstration {self.name} checks nothing")

    @property
    def held(self) -> bool:
        return all(check.held for check in self.checks)

    @property
    def verdict(self) -> str:
        """One sentence, computed from the checks."""
        failed = [check for check in self.checks if not check.held]
        total = len(self.checks)
        if not failed:
            return f"held: {total} of {total} checks"
        worst = max(failed, key=lambda check: check.gravity)
        return (
            f"did not hold: {total - len(failed)} of {total} checks; {worst.label}: {shown(worst.measured)}, "
            f"demanded {worst.demand}"
        )

    def document(self) -> dict[str, Any]:
        """The findings without pictures, ready for JSON; infinities are the words inf and -inf."""
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
                    "measured": _plain(c.measured),
                    "relation": c.relation,
                    "expected": _plain(c.expected),
                    "tolerance": c.tolerance,
                    "held": c.held,
                }
                for c in self.checks
            ],
            "tables": [
                {"title": t.title, "columns": list(t.columns), "rows": [[_plain(c) for c in row] for row in t.rows]}
                for t in self.parts
                if isinstance(t, ResultTable)
            ],
            "seconds": round(self.seconds, 2),
        }


def _plain(cell: Cell) -> Cell:
    """JSON has no infinities, and null is for what is not there."""
    return str(float(cell)) if isinstance(cell, float) and not math.isfinite(cell) else cell


def shown(value: Cell) -> str:
    """A cell in words: four significant digits, ∞ for infinity, a dash for nothing.

    >>> shown(0.693147), shown(float("inf")), shown(None), shown(12)
    ('0.6931', '∞', '–', '12')
    """
    match value:
        case None:
            return "–"
        case float() if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        case float():
            return f"{value:.4g}".replace("-", "−")
        case _:
            return str(value)
