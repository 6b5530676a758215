"""Measure samples: a run's against the data it was trained on, or anybody's against any."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoplayer.core.errors import UserError
from twoplayer.evaluation.result import Evaluation

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.evaluation.tasks._base import EvaluationTask, TaskResult
    from twoplayer.evaluation.tasks._selection import MetricsAndTasks
    from twoplayer.inference.trained_run import TrainedRun
    from twoplayer.measurement import Measurement
    from twoplayer.measurement._parse_names import MemberSpec
    from twoplayer.measurement._selection import Lens
    from twoplayer.metrics import MetricValue

__all__ = ["evaluate", "evaluate_run"]


def evaluate(
    samples: Any,
    reference: Any,
    *,
    extractor: str | Lens | Iterable[str | Lens] | None = None,
    metrics: str | MemberSpec | Iterable[str | MemberSpec] | None = None,
    held_out: Any = None,
    resolution: int | None = None,
    n: int | None = None,
    seed: int = 0,
    device: str = "auto",
    cache: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> Evaluation:
    """Measure anybody's samples against real data.

    Args:
        samples: a folder or zip of images, a .npy, .npz or .csv file, IDX files, the name of a data set, an array
            (images ``(N, H, W[, C])`` or points ``(N, D)``), `Samples`, a run or its folder, or an iterable of arrays:
            uint8 images ``(B, H, W, C)`` or points ``(B, D)``, each of which is looked at and forgotten.
        reference: real data in any of these forms but the last two, or a `Dataset`.
        extractor: a name of ``twoplayer list extractors``, an extractor, or several; by default a classifier of the
            reference's own labels, random-conv where it has none, and coordinates for points.
        metrics: names of ``twoplayer list metrics``, or aliases such as fid and prdc; by default all that apply.
        held_out: more real data, which stand beside the samples; or the share of the reference that does, where it has
            no test part of its own. By default the reference's own test part, or else a tenth of it.
        resolution: side in pixels to which all images are brought; by default they keep their own, which must be one.
        n: how many samples to take at random, or to draw from a run (10,000 images or 2,500 points).
        seed: of what is drawn at random.
        device: auto, cpu, cuda, cuda:1 or mps.
        cache: where features of real data are kept; by default $TWOPLAYER_CACHE, else ~/.cache/twoplayer.
        say: told how far it is.

    Raises `UserError` with every mistake at once.
    """
    from twoplayer.evaluation.reference_data import adapted, open_reference
    from twoplayer.evaluation.sample_source import collect
    from twoplayer.evaluation.tasks._selection import apart
    from twoplayer.measurement import measure, named_extractors

    asked, chosen = _Request(), apart(metrics)
    if chosen.tasks:
        asked.mistakes.append(f"{chosen.tasks[0]} is measured of a run in its folder, not of samples: leave it out")
    names, lenses = asked.names(chosen), asked.of(lambda: named_extractors(extractor))
    real = asked.of(lambda: open_reference(reference, held_out, resolution))
    found = asked.of(lambda: collect(samples, resolution=resolution, n=n, seed=seed, device=device))
    asked.check()
    assert real is not None and found is not None
    part = found.part(n, seed)
    where = _device(device, real.data.kind)
    measured = measure(
        adapted(part, real.data), real.data, extractor=lenses, metrics=names, cache=cache, device=where, say=say
    )
    notes = (*real.notes, *part.notes, *measured.notes)
    return Evaluation(None, None, None, measured.count, found.name, real.data.name, measured.figures, notes)


def evaluate_run(
    run: TrainedRun,
    *,
    n: int | None = None,
    seed: int | None = None,
    refine: int | None = None,
    extractor: str | Lens | Iterable[str | Lens] | None = None,
    metrics: str | MemberSpec | Iterable[str | MemberSpec] | None = None,
    keep: bool = False,
    data: Any = None,
    say: Callable[[str], None] | None = None,
) -> Evaluation:
    """Draw `n` samples (the published protocol's count by default) and measure them against the run's own data.

    Unless metrics are named, paths through the latent space are measured too (`twoplayer.inference.latent_paths`),
    and what the run's game is for (`twoplayer.evaluation.tasks`), but for what takes minutes; tasks can be named among
    the metrics. With `keep` the figures are left in the run's folder, with pictures, for its report
    (`twoplayer.evaluation.storage`).

    `refine` is how many of its functional gradient steps a generator that has them applies, all by default;
    `extractor`, `metrics` and `say` as for `evaluate`. `data` is what the run was trained on, where that was an object
    in memory.

    Raises `UserError` where the data that the run was trained on are gone or have changed.
    """
    from twoplayer.evaluation.tasks._selection import apart, fitting
    from twoplayer.measurement import Measurement, measure, named_extractors, sample_count
    from twoplayer.runs.dataset import reopen
    from twoplayer.sampling.generate import check_refine, refined
    from twoplayer.training.build import target

    asked, chosen = _Request(), apart(metrics)
    names, lenses = asked.names(chosen), asked.of(lambda: named_extractors(extractor))
    opened = asked.of(lambda: reopen(run.folder, data))
    aims = opened and asked.of(lambda: fitting(chosen.tasks, run, opened))
    asked.check()
    real = target(run.config, opened)
    usual = sample_count(real.kind)
    count = min(run.config.evaluate_count or usual, usual) if n is None else n
    if count < 2:
        raise UserError(f"cannot measure {count} samples: ask for at least 2")
    seed = run.config.seed if seed is None else seed
    step, images_seen = run.step, run.images_seen  # a run that cannot be sampled says so before anything is measured
    check_refine(run.generator, refine)
    samples = run.stream(count, seed, "evaluation", refine)
    if names == []:  # aims alone were asked for
        measured = Measurement((), (), len(run.inputs.draw(count, seed, "evaluation")))
    else:
        measured = measure(samples, real, extractor=lenses, metrics=names, device=run.placement.device, say=say)
    figures, notes, place = measured.figures, (*measured.notes, *aims.notes), str(run.path)
    if names is None:
        paths, of_paths = _of_paths(run, measured, seed, refine, say)
        figures, notes = figures + paths, notes + of_paths
    with refined(run.generator, refine):  # aims draw samples by themselves
        for part in _of_aims(aims.tasks, run, opened, count, seed, say):
            figures, notes = figures + part.figures, notes + part.notes
    found = Evaluation(place, step, images_seen, measured.count, place, real.name, figures, notes)
    if keep:
        from twoplayer.evaluation import storage

        storage.keep(run, found, real, measured, storage.DrawnSamples(count, seed, refine))
    return found


def _of_paths(
    run: TrainedRun, measured: Measurement, seed: int, refine: int | None, say: Callable[[str], None] | None
) -> tuple[tuple[MetricValue, ...], tuple[str, ...]]:
    from twoplayer.inference.latent_paths import count_notes, latent_figures

    if say:
        say("measuring paths through the latent space")
    paths = tuple(f for lens in measured.extractors for f in latent_figures(run, lens, seed=seed, refine=refine))
    return paths, count_notes(paths)


def _of_aims(
    aims: Mapping[str, EvaluationTask],
    run: TrainedRun,
    dataset: Dataset,
    count: int,
    seed: int,
    say: Callable[[str], None] | None,
) -> Iterator[TaskResult]:
    from twoplayer.evaluation.tasks._base import TaskContext

    for name, aim in aims.items():
        if say:
            say(f"measuring {name}")
        yield aim.measure(TaskContext(run, dataset, count, seed, say=say))


class _Request:
    """What was asked for, with the mistakes in it: a user wants to hear of all of them at once."""

    def __init__(self) -> None:
        self.mistakes: list[str] = []

    def of(self, ask: Callable[[], Any]) -> Any:
        """The answer, or None and one more mistake."""
        try:
            return ask()
        except UserError as error:
            self.mistakes.append(str(error))
            return None

    def names(self, chosen: MetricsAndTasks) -> Any:
        """The metrics among what was chosen; None for all, none for aims alone."""
        from twoplayer.measurement import named_metrics

        self.mistakes += chosen.mistakes
        return self.of(lambda: named_metrics(chosen.metrics)) if chosen.metrics or chosen.metrics is None else []

    def check(self) -> None:
        if self.mistakes:
            raise UserError("\n".join(self.mistakes))


def _device(name: str, kind: Any) -> Any:
    from twoplayer.core.device import place

    return place(name, "fp32", "contiguous", kind).device
