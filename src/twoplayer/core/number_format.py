"""Numbers as text: the one format of pages, tables and the console."""

from __future__ import annotations

import math

__all__ = ["format_duration", "format_number", "format_tick"]

MAX_DECIMALS = 6
"""Decimal places beyond which a value with a standard error is written in scientific notation."""


def format_number(value: float | None, error: float | None = None, *, digits: int = 4, ascii: bool = False) -> str:
    """A number as text, to the digits that its standard error leaves.

    Args:
        value: the number; None and NaN, for a value that does not exist, become a dash.
        error: its standard error, which is written after it to two significant digits.
        digits: significant digits of a number without an error. Whole numbers from 10,000 on are written in full.
        ascii: whether to write only ASCII characters and "±", for a console whose output other programs read.

    >>> format_number(1.91647, 0.0213), format_number(801_234, 15_300), format_number(-0.5)
    ('1.916 ± 0.021', '801,000 ± 15,000', '−0.5')
    >>> format_number(None), format_number(float("inf")), format_number(-0.5, ascii=True)
    ('–', '∞', '-0.5')
    """
    text = _ascii(value, error, digits)
    return text if ascii else {"-": "–", "inf": "∞", "-inf": "−∞"}.get(text, text.replace("-", "−"))


def _ascii(value: float | None, error: float | None, digits: int) -> str:
    if value is None or math.isnan(value):
        return "-"
    if error is None or not math.isfinite(error) or not math.isfinite(value) or error <= 0:
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.{digits}g}"
    decimals = 1 - math.floor(math.log10(error))
    if decimals > MAX_DECIMALS:
        return f"{value:.4g} ± {error:.2g}"
    return " ± ".join(f"{round(x, decimals):,.{max(0, decimals)}f}" for x in (value, error))


def format_tick(value: float) -> str:
    """A number as the tick of an axis.

    >>> format_tick(200_000), format_tick(1.5e6), format_tick(-0.5), format_tick(1e-4)
    ('200k', '1.5M', '−0.5', '1e−4')
    """
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{suffix}".replace("-", "−")
    text = f"{value:.2e}" if 0 < abs(value) < 1e-3 else f"{value:.4g}"
    return text.replace(".00e", "e").replace("e-0", "e-").replace("-", "−")


def format_duration(seconds: float) -> str:
    """A duration in its two largest units.

    >>> format_duration(3.2), format_duration(603), format_duration(7500)
    ('3.2 s', '10 min 3 s', '2 h 5 min')
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
