"""A progress bar on standard error, where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rich.progress

__all__ = ["ReadingProgress"]


class ReadingProgress:
    """``with Progress(label, total, enabled) as advance:`` gives a function to call once for each item."""

    def __init__(self, label: str, total: int, enabled: bool) -> None:
        self._label, self._total = label, total
        self._bar: rich.progress.Progress | None = None
        if enabled and total > 1000 and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True), transient=True)

    def __enter__(self) -> Callable[[], None]:
        if self._bar is None:
            return lambda: None
        bar = self._bar
        bar.start()
        task = bar.add_task(self._label, total=self._total)
        return lambda: bar.advance(task)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
