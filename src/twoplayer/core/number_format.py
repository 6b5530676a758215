"""Numbers as people read them."""

from __future__ import annotations

import math

__all__ = ["shown"]


def shown(value: float | None, error: float | None = None) -> str:
    """A value to the digits that its standard error leaves, with that error; a dash for none.

    >>> shown(1.91647, 0.0213), shown(801_234, 15_300), shown(0.5), shown(None)
    ('1.916 ± 0.021', '801,000 ± 15,000', '0.5', '-')
    """
    if value is None:
        return "-"
    if error is None or not math.isfinite(error) or not math.isfinite(value) or error <= 0:
        return _plain(value)
    places = 1 - math.floor(math.log10(error))
    if places > 6:
        return f"{value:.4g} ± {error:.2g}"
    return " ± ".join(f"{round(x, places):,.{max(0, places)}f}" for x in (value, error))


def _plain(value: float) -> str:
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"
