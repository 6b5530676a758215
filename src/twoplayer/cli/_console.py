"""The live view of a training: one moving line on a terminal, plain lines elsewhere, on standard error."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console as Terminal
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from twoplayer.core.registry import family

__all__ = ["Console"]

PLAIN_SECONDS = 15.0
"""How often a line is printed where there is no terminal."""
NUMBER = re.compile(r"[\d.,%]+(e[+-]?\d+)?")


class Console:
    """Listens to a run and shows it; `quiet` says nothing at all."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.terminal = Terminal(stderr=True, highlight=False)
        self.live: Live | None = None
        self.printed = float("-inf")
        self.noted: dict[str, float] = {}
        self.judged = ""
        self.samples = "images"
        self.labels: dict[str, str] = {}
        """Labels of the logged values that are shown, in their order."""

    def __enter__(self) -> Console:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def on_start(self, folder: Any, config: Any, dataset: Any, placement: Any) -> None:
        curves = family("games").find(config.game["name"]).curves
        self.labels = {name: curve.label for name, curve in curves.items()}
        status = f"on {placement}"
        self.samples = dataset.kind
        held_out = f", {len(dataset.held_out):,} held out" if len(dataset.held_out) else ""
        self._say(f"{config.method} on {dataset.name}: {len(dataset.train):,} {_kind(dataset)}{held_out}, {status}")
        if dataset.kind == "points":
            self._say(_networks(config))
        if dataset.skipped:
            first = dataset.skipped[0]
            self._say(f"skipped {len(dataset.skipped)} unreadable, such as {first.path} ({first.reason})")
        self._say(f"run folder: {folder.path}")
        rounds = max((int(c.name) for c in folder.checkpoints.glob("[0-9]*")), default=0)
        if rounds:
            over = folder.status()["state"] == "finished"
            self._say(f"going on from round {rounds:,}" + (", where it was finished" if over else ""))
        if not self.quiet and self.terminal.is_terminal:
            self.live = Live(console=self.terminal, refresh_per_second=8, transient=True)
            self.live.start()

    def on_progress(self, progress: Any) -> None:
        if self.live is not None:
            self.live.update(_panel(progress, self.samples, self.labels))
        elif not self.quiet and (time.monotonic() - self.printed > PLAIN_SECONDS or progress.fraction >= 1):
            self.printed = time.monotonic()
            self._say(_line(progress, self.samples, self.labels))

    def on_note(self, text: str) -> None:
        """Say it; of one sentence with other numbers again and again, only the latest now and then."""
        kind, now = NUMBER.sub("", text), time.monotonic()
        if now - self.noted.get(kind, float("-inf")) > PLAIN_SECONDS:
            self.noted[kind] = now
            self._say(text)
        elif self.live is not None:
            self.live.update(Text(text))

    def on_figures(self, step: int, figures: Sequence[Any], note: str) -> None:
        if figures:
            self._say(f"step {step:,}: " + ", ".join(_figure(f) for f in figures))
        if note != self.judged:  # the same judge measures again and again
            self.judged = note
            self._say(note)

    def on_samples(self, step: int, picture: Path) -> None:
        """Pictures are looked at in the run folder."""

    def close(self) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None

    def _say(self, text: str) -> None:
        if not self.quiet:
            self.terminal.print(Text(text), soft_wrap=True)


def _kind(dataset: Any) -> str:
    """What the samples are: points, or images of which size, and what was done to give them that."""
    if dataset.kind == "points":
        return "points"
    from twoplayer.data._sizes import resize_clause

    _, height, width = dataset.shape
    how = resize_clause(dataset.native, width)
    return f"images of {width}x{height} pixels" + (f" ({how})" if how else "")


def _networks(config: Any) -> str:
    """Who plays for points, where the method would take other networks for images."""
    from twoplayer.config.layers import resolve_config

    mine, usual = config.generator["name"], resolve_config(config.method, "digits").generator["name"]
    return f"networks: {mine}" + (f"; for images {config.method} takes {usual}" if usual != mine else "")


def _figure(figure: Any) -> str:
    real = "" if figure.real is None else f" (real {figure.real:.3g})"
    return f"{figure.name} {figure.value:.4g}{real}"


def _line(progress: Any, samples: str, labels: Mapping[str, str]) -> str:
    left = _left(progress)
    values = "  ".join(f"{word} {progress.values[k]:.3g}" for k, word in labels.items() if k in progress.values)
    return (
        f"{progress.fraction:4.0%}  step {progress.step:,}  {progress.images_seen:,} {samples}  "
        f"{progress.images_per_second:,.0f}/s  {left}  {values}"
    )


def _panel(progress: Any, samples: str, labels: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    row: list[Any] = [ProgressBar(total=1.0, completed=progress.fraction, width=24), f"{progress.fraction:.0%}"]
    row += [f"step {progress.step:,}", f"{progress.images_per_second:,.0f} {samples}/s", _left(progress)]
    table.add_row(*row)
    values = Table.grid(padding=(0, 2))
    shown = [(word, progress.values[k]) for k, word in labels.items() if k in progress.values]
    values.add_row(*[Text.assemble((f"{word} ", "dim"), f"{value:.3g}") for word, value in shown])
    whole = Table.grid()
    whole.add_row(table)
    whole.add_row(values)
    return whole


def _left(progress: Any) -> str:
    if progress.fraction <= 0:
        return ""
    seconds = progress.seconds * (1 - progress.fraction) / progress.fraction
    hours, rest = divmod(int(seconds), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02} left" if hours else f"{minutes}:{seconds:02} left"
