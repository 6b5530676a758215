"""A comparison from its runs to its page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from twoplayer.comparison.architectures import success_counts, thresholds
from twoplayer.comparison.load_runs import (
    MeasuredRun,
    RunEntry,
    group_by_data,
    read_runs,
    run_entries,
    with_missing_metrics,
)
from twoplayer.comparison.page import html_page, markdown_pages
from twoplayer.comparison.parts import ComparisonPart
from twoplayer.comparison.plan import plan, read_variation
from twoplayer.comparison.plots import table_plots
from twoplayer.comparison.result import ComparisonResult
from twoplayer.comparison.sample_panels import SamplePanels, sample_panels
from twoplayer.comparison.table import ComparisonTable, make_table
from twoplayer.comparison.table_formats import FILES, write_tables
from twoplayer.comparison.train_runs import train_all
from twoplayer.core.command_line import typed_command
from twoplayer.core.errors import UserError
from twoplayer.core.files import check_free, json_text, write_atomic
from twoplayer.measurement import parse_metrics
from twoplayer.pages.pdf import pdf

__all__ = ["Comparison", "check_folder", "compare", "compare_runs"]

Progress = Callable[[str], None]

DEFAULT_PARENT = Path("comparisons")
"""The folder of comparisons for which no folder is named."""


@dataclass(frozen=True)
class Comparison(ComparisonResult):
    """Runs compared with each other, with the page that shows them."""

    def write(self, folder: Path | str | None = None, *, form: Literal["html", "md", "pdf"] = "html") -> Path:
        """Write the page and the tables.

        Args:
            folder: where to; by default the comparison's own folder.
            form: the format of the page.

        Returns:
            The path of the page.

        Raises:
            UserError: for a PDF where there is no browser to print it.
        """
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
    progress: Progress | None = None,
    **settings: Any,
) -> Comparison:
    """Train methods under equal budgets and compare them.

    Args:
        methods: names of ``twoplayer list methods``.
        data: a known name, a path or ``"hf:OWNER/NAME"``.
        seeds: their number, counted from 0, or the seeds themselves.
        vary: settings and the values with which each method is trained, ``{"networks.depth": [4, 8]}``; all
            combinations of several.
        random_architectures: repeat the experiment of Gulrajani et al. 2017, section 5.1, for two methods, with this
            number of architectures and one seed each.
        output: folder of the runs and the page; by default ``comparisons/DATA-BUDGET``, which depends on data, budget
            and common settings only: the same call continues an interrupted comparison, and another method or seed is
            added to it.
        jobs: runs at a time; by default one, or the capacity of a cluster. Under a time budget runs use their device
            one after the other in any case.
        backend: of joblib: threading, loky, or that of a cluster, ray or dask, whose machines must share the folder.
        by: the metric by which the table is ordered.
        metrics: what to measure in addition to what training measured: names of ``twoplayer list metrics``, or aliases.
        command: the command that the page shows; by default the command line of this process.
        progress: is called with lines of text on the progress.
        settings: one of ``max_time`` (or ``budget``), ``images`` and ``steps``, and any settings for all runs.

    Raises:
        UserError: with every mistake at once.
        Interrupted: when asked to stop.
    """
    progress, metric_names = progress or _ignore, _metric_names(metrics)
    varied = vary if isinstance(vary, Mapping) else dict(map(read_variation, vary or ()))
    seed_list = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    planned = plan(methods, data, seeds=seed_list, settings=settings, vary=varied, architectures=random_architectures)
    folder = DEFAULT_PARENT / planned.name if output is None else Path(output)
    outcomes = train_all(planned, folder, jobs=jobs, backend=backend, progress=progress)
    problems = [f"{o.run.label}, {o.run.replicate}: {o.problem}" for o in outcomes if o.problem]
    entries = [RunEntry(o.folder, o.run.label, o.run.replicate, o.run.factors) for o in outcomes if not o.problem]
    pair = tuple(dict.fromkeys(methods)) if random_architectures else None
    request = _ComparisonRequest(by, metric_names, command, progress)
    return _compare_entries(entries, problems, planned.notes, request, pair, folder)


def compare_runs(
    paths: Sequence[Path | str],
    *,
    by: str | None = None,
    metrics: str | Sequence[str] = (),
    command: str | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare finished runs: rows by method and by the settings in which a method's runs differ.

    Unfinished and damaged runs and duplicates are left out and listed.

    Args:
        paths: run folders.
        by: the metric by which the table is ordered.
        metrics: what to measure in addition to what training measured.
        command: the command that the page shows.
        progress: is called with lines of text on the progress.

    Raises:
        UserError: if no run is left.
    """
    entries, problems = run_entries([Path(path) for path in paths])
    request = _ComparisonRequest(by, _metric_names(metrics), command, progress or _ignore)
    return _compare_entries(entries, problems, (), request, None, DEFAULT_PARENT / _folder_name(paths))


def check_folder(folder: Path, form: str = "html", *, overwrite: bool = False) -> None:
    """Check that a comparison written into `folder` replaces no other file.

    If its runs lie there, the folder holds an earlier state of the same comparison, which is replaced.

    Raises:
        UserError: if a file exists, unless `overwrite`.
    """
    if not any(folder.glob("runs/*-seed*")):
        check_free([folder / name for name in (*FILES, f"comparison.{form}")], overwrite=overwrite)


def _folder_name(paths: Sequence[Path | str]) -> str:
    """The name of the folder for a comparison of these runs, the same for the same runs in any order."""
    resolved = sorted({str(Path(path).resolve()) for path in paths})
    return f"runs-{hashlib.blake2b(json_text(resolved).encode(), digest_size=4).hexdigest()}"


@dataclass(frozen=True)
class _ComparisonRequest:
    """Arguments that all comparisons have."""

    by: str | None
    metrics: Sequence[str]
    command: str | None
    progress: Progress


def _compare_entries(
    entries: Sequence[RunEntry],
    problems: Sequence[str],
    notes: Sequence[str],
    request: _ComparisonRequest,
    pair: tuple[str, ...] | None,
    folder: Path,
) -> Comparison:
    runs, unreadable = read_runs(entries)
    problems = [*problems, *unreadable]
    if not runs:
        raise UserError(
            "\n".join(["there is no run to compare: train some first", *(f"left out: {p}" for p in problems)])
        )
    groups = group_by_data(runs)
    names = [str(group[0].data.get("name")) for group in groups]
    if len(names) > 1:
        notes = [*notes, f"Runs on different data are not ranked together: {', '.join(names)}."]
    parts, compared = [], []
    for group in groups:
        measured, not_measured = with_missing_metrics(group, request.metrics, request.progress)
        table = make_table(measured, by=request.by, notes=[*notes, *not_measured])
        panels, not_drawn = sample_panels(table)
        problems += not_drawn
        parts.append(_part(table, measured, panels, pair))
        compared += measured
    command = request.command or typed_command() or f"twoplayer compare {folder}/runs/*"
    return Comparison(tuple(parts), tuple(compared), tuple(problems), command, folder)


def _part(
    table: ComparisonTable, runs: Sequence[MeasuredRun], panels: SamplePanels, pair: tuple[str, ...] | None
) -> ComparisonPart:
    """One part of the page; for random architectures with the counts of successes by the inception score."""
    column = table.ranking_column
    if pair is None or column is None or column.higher_is_better is None:
        return ComparisonPart(table, table_plots(table), panels)
    column = next((c for c in table.columns if c.name.startswith("inception_score")), column)
    scores = [{run.replicate: run.scores[column.name].value if column.name in run.scores else float("nan")
               for run in runs if run.label == label} for label in pair]  # fmt: skip
    higher_is_better = bool(column.higher_is_better)
    levels = thresholds([s for of_method in scores for s in of_method.values()], higher_is_better, column.name)
    counts = success_counts(scores[0], scores[1], levels, higher_is_better)
    return ComparisonPart(table, table_plots(table), panels, (pair[0], pair[1]), counts, column)


def _metric_names(metrics: str | Sequence[str]) -> list[str]:
    """The metrics that names and aliases stand for. Raises `UserError` for unknown ones."""
    return [str(metric) for metric in parse_metrics(metrics or None) or []]


def _ignore(text: str) -> None:
    """The default of `progress`."""
