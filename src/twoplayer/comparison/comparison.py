"""A comparison from its runs to its page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from twoplayer.comparison.architectures import tallies, thresholds
from twoplayer.comparison.load_runs import MeasuredRun, RunEntry, by_data, completed, entries_of, read
from twoplayer.comparison.page import html_page, markdown_pages
from twoplayer.comparison.parts import ComparisonPart
from twoplayer.comparison.plan import plan, read_variation
from twoplayer.comparison.plots import drawings
from twoplayer.comparison.result import ComparisonResult
from twoplayer.comparison.sample_panels import SamplePanels, sheets
from twoplayer.comparison.table import ComparisonTable, make_table
from twoplayer.comparison.table_formats import FILES, write_tables
from twoplayer.comparison.train_runs import train_all
from twoplayer.core.command_line import typed_command
from twoplayer.core.errors import UserError
from twoplayer.core.files import check_free, json_text, write_atomic
from twoplayer.measurement import named_metrics
from twoplayer.pages.pdf import pdf

__all__ = ["Comparison", "check_folder", "compare", "compare_runs"]

Say = Callable[[str], None]

HOME = Path("comparisons")


@dataclass(frozen=True)
class Comparison(ComparisonResult):
    """Runs side by side, with the page that shows them."""

    def write(self, folder: Path | str | None = None, *, form: Literal["html", "md", "pdf"] = "html") -> Path:
        """Write the page and the tables into `folder`, by default its own, and return the page's path."""
        folder = self.folder if folder is None else Path(folder)
        write_tables(self.tables, folder)
        match form:
            case "html":
                write_atomic(folder / "comparison.html", html_page(self))
            case "md":
                return markdown_pages(self, folder)
            case "pdf":
                write_atomic(folder / "comparison.pdf", pdf(html_page(self)))
        return folder / f"comparison.{form}"


def compare(
    methods: Sequence[str],
    data: str,
    *,
    seeds: int | Sequence[int] = 3,
    vary: Mapping[str, Sequence[Any]] | Sequence[str] | None = None,
    random_architectures: int = 0,
    output: Path | str | None = None,
    jobs: int | None = None,
    backend: str = "threading",
    by: str | None = None,
    metrics: str | Sequence[str] = (),
    command: str | None = None,
    say: Say | None = None,
    **settings: Any,
) -> Comparison:
    """Train methods under equal budgets and hold them against each other.

    Args:
        methods: names of ``twoplayer list methods``.
        data: a known name, a path or ``"hf:OWNER/NAME"``.
        seeds: how many, from 0 on, or which.
        vary: settings and the values that each method is to be trained with, ``{"networks.depth": [4, 8]}``; every
            combination of several.
        random_architectures: repeat the experiment of Gulrajani et al. 2017, section 5.1, for two methods, with so many
            architectures and one seed each.
        output: folder of the runs and the page; by default ``comparisons/DATA-BUDGET``, the same for the same question,
            so that the same call goes on where it was interrupted, and another method or seed joins what is there.
        jobs: runs at a time, by default one, or as many as a cluster has room for; under a time budget they take turns
            on their device all the same.
        backend: of joblib: threading, loky, or a cluster's, ray or dask, whose machines must share the folder.
        by: the figure by which the table is ordered.
        metrics: what to measure besides what training measured: names of ``twoplayer list metrics``, or aliases.
        command: what to type to do it again, if not what was typed.
        say: told how it goes.
        settings: one of ``max_time`` (or ``budget``), ``images`` and ``steps``, and any settings for all runs.

    Raises `UserError` with every mistake at once, `Interrupted` when asked to stop.
    """
    tell, measured = say or _nobody, _names(metrics)
    varied = vary if isinstance(vary, Mapping) else dict(map(read_variation, vary or ()))
    chosen = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    planned = plan(methods, data, seeds=chosen, settings=settings, vary=varied, architectures=random_architectures)
    folder = HOME / planned.name if output is None else Path(output)
    outcomes = train_all(planned, folder, jobs=jobs, backend=backend, say=tell)
    problems = [f"{o.case.label}, {o.case.replicate}: {o.problem}" for o in outcomes if o.problem]
    entries = [RunEntry(o.folder, o.case.label, o.case.replicate, o.case.factors) for o in outcomes if not o.problem]
    pair = tuple(dict.fromkeys(methods)) if random_architectures else None
    asked = _ComparisonRequest(by, measured, command, tell)
    return _compared(entries, problems, planned.notes, asked, pair, folder)


def compare_runs(
    paths: Sequence[Path | str],
    *,
    by: str | None = None,
    metrics: str | Sequence[str] = (),
    command: str | None = None,
    say: Say | None = None,
) -> Comparison:
    """Hold finished runs against each other: rows by method and by the settings in which a method's runs differ.

    What is not finished, damaged or a duplicate is left out and named. Raises `UserError` where nothing is left.
    """
    entries, problems = entries_of([Path(path) for path in paths])
    asked = _ComparisonRequest(by, _names(metrics), command, say or _nobody)
    return _compared(entries, problems, (), asked, None, HOME / _named_by(paths))


def check_folder(folder: Path, form: str = "html", *, overwrite: bool = False) -> None:
    """Raise `UserError` where a comparison written into `folder` would replace what nobody has said to `overwrite`.

    Where its runs lie there, the comparison is an earlier state of itself.
    """
    if not any(folder.glob("runs/*-seed*")):
        check_free([folder / name for name in (*FILES, f"comparison.{form}")], overwrite=overwrite)


def _named_by(paths: Sequence[Path | str]) -> str:
    """A folder's name, the same for the same runs."""
    places = sorted({str(Path(path).resolve()) for path in paths})
    return f"runs-{hashlib.blake2b(json_text(places).encode(), digest_size=4).hexdigest()}"


@dataclass(frozen=True)
class _ComparisonRequest:
    """What a caller wants of any comparison."""

    by: str | None
    metrics: Sequence[str]
    command: str | None
    say: Say


def _compared(
    entries: Sequence[RunEntry],
    problems: Sequence[str],
    notes: Sequence[str],
    asked: _ComparisonRequest,
    pair: tuple[str, ...] | None,
    folder: Path,
) -> Comparison:
    found, more = read(entries)
    problems = [*problems, *more]
    if not found:
        raise UserError(
            "\n".join(["there is no run to compare: train some first", *(f"left out: {p}" for p in problems)])
        )
    parts, whole = [], []
    groups = by_data(found)
    for group in groups:
        runs, lacking = completed(group, asked.metrics, asked.say)
        table = make_table(runs, by=asked.by, notes=[*notes, *_apart(groups), *lacking])
        shown, hidden = sheets(table)
        problems += hidden
        parts.append(_part(table, runs, shown, pair))
        whole += runs
    typed_again = asked.command or typed_command() or f"twoplayer compare {folder}/runs/*"
    return Comparison(tuple(parts), tuple(whole), tuple(problems), typed_again, folder)


def _apart(groups: Sequence[Sequence[MeasuredRun]]) -> list[str]:
    """A note where there are several data sets."""
    names = [str(group[0].data.get("name")) for group in groups]
    return [f"Runs on different data are not ranked together: {', '.join(names)}."] if len(names) > 1 else []


def _part(
    table: ComparisonTable, runs: Sequence[MeasuredRun], shown: SamplePanels, pair: tuple[str, ...] | None
) -> ComparisonPart:
    column = table.first
    if pair is None or column is None or column.higher_is_better is None:
        return ComparisonPart(table, drawings(table), shown)
    column = next((c for c in table.columns if c.name.startswith("inception_score")), column)
    scores = [{run.replicate: run.scores[column.name].value if column.name in run.scores else float("nan")
               for run in runs if run.label == label} for label in pair]  # fmt: skip
    higher = bool(column.higher_is_better)
    levels = thresholds([s for mine in scores for s in mine.values()], higher, column.name)
    rows = tallies(scores[0], scores[1], levels, higher)
    return ComparisonPart(table, drawings(table), shown, (pair[0], pair[1]), rows, column)


def _names(metrics: str | Sequence[str]) -> list[str]:
    """Every metric that the words name. Raises `UserError` for unknown ones."""
    return [str(named) for named in named_metrics(metrics or None) or []]


def _nobody(text: str) -> None:
    """Nobody listens."""
