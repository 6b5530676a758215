"""Measure samples: a run's against the data it was trained on, or anybody's against any."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoplayer.errors import UserError

if TYPE_CHECKING:
    from twoplayer.aims._base import Aim, Findings
    from twoplayer.aims._choice import Chosen
    from twoplayer.data._base import Dataset
    from twoplayer.measuring import Measurement
    from twoplayer.measuring._choice import Lens
    from twoplayer.measuring._named import Named
    from twoplayer.metrics import Figure
    from twoplayer.run import Run

__all__ = ["Evaluation", "evaluate", "evaluate_run"]


@dataclass(frozen=True)
class Evaluation:
    """Figures with their standard errors, and beside each the same figure for held-out real data."""

    run: str | None
    """The run folder; None where samples were not drawn from a run."""
    step: int | None
    images_seen: int | None
    samples: int
    """How many were measured."""
    source: str
    """What they are."""
    reference: str
    """The real data."""
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]

    def __getitem__(self, name: str) -> float:
        """The figure of that name, with or without its sample count."""
        for figure in self.figures:
            if name in (figure.name, figure.name.rsplit("_", 1)[0]):
                return figure.value
        raise KeyError(f"{name}: there are {', '.join(f.name for f in self.figures) or 'no figures'}")

    def document(self) -> dict[str, Any]:
        """The evaluation as plain values, as ``--json`` prints it."""
        return {k: v for k, v in asdict(self).items() if v is not None}

    def __str__(self) -> str:
        from twoplayer.measuring._words import table

        of = f"{self.samples:,} samples against {self.reference}"
        head = f"{self.source}: {of}"
        if self.run is not None:
            head = f"{self.run}: round {self.step:,}, {self.images_seen:,} images seen, {of}"
        return "\n".join([head, *(table(self.figures) if self.figures else []), *(f"  {note}" for note in self.notes)])


def evaluate(
    samples: Any,
    reference: Any,
    *,
    extractor: str | Lens | Iterable[str | Lens] | None = None,
    metrics: str | Named | Iterable[str | Named] | None = None,
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
    from twoplayer.aims._choice import apart
    from twoplayer.collection import collect
    from twoplayer.measuring import measure, named_extractors
    from twoplayer.measuring._opening import adapted, open_reference

    asked, chosen = _Asked(), apart(metrics)
    if chosen.aims:
        asked.mistakes.append(f"{chosen.aims[0]} is measured of a run in its folder, not of samples: leave it out")
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
    run: Run,
    *,
    n: int | None = None,
    seed: int | None = None,
    refine: int | None = None,
    extractor: str | Lens | Iterable[str | Lens] | None = None,
    metrics: str | Named | Iterable[str | Named] | None = None,
    keep: bool = False,
    say: Callable[[str], None] | None = None,
) -> Evaluation:
    """Draw `n` samples (the published protocol's count by default) and measure them against the run's own data.

    Unless metrics are named, paths through the latent space are measured too (`twoplayer.latent`), and what the run's
    game is for (`twoplayer.aims`), but for what takes minutes; aims can be named among the metrics. With `keep` the
    figures are left in the run's folder, with pictures, for its report (`twoplayer.evaluation_files`).

    `refine` is how many of its functional gradient steps a generator that has them applies, all by default;
    `extractor`, `metrics` and `say` as for `evaluate`.

    Raises `UserError` where the data that the run was trained on are gone or have changed.
    """
    from twoplayer.aims._choice import apart, fitting
    from twoplayer.measuring import Measurement, measure, named_extractors, sample_count
    from twoplayer.opening import reopen
    from twoplayer.sampling import check_refine, refined
    from twoplayer.training.build import target

    asked, chosen = _Asked(), apart(metrics)
    names, lenses = asked.names(chosen), asked.of(lambda: named_extractors(extractor))
    opened = asked.of(lambda: reopen(run.folder))
    aims = opened and asked.of(lambda: fitting(chosen.aims, run, opened))
    asked.check()
    data = target(run.config, opened)
    usual = sample_count(data.kind)
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
        measured = measure(samples, data, extractor=lenses, metrics=names, device=run.placement.device, say=say)
    figures, notes, place = measured.figures, (*measured.notes, *aims.notes), str(run.path)
    if names is None:
        paths, of_paths = _of_paths(run, measured, seed, refine, say)
        figures, notes = figures + paths, notes + of_paths
    with refined(run.generator, refine):  # aims draw samples by themselves
        for part in _of_aims(aims.aims, run, opened, count, seed, say):
            figures, notes = figures + part.figures, notes + part.notes
    found = Evaluation(place, step, images_seen, measured.count, place, data.name, figures, notes)
    if keep:
        from twoplayer import evaluation_files

        evaluation_files.keep(run, found, data, measured, evaluation_files.Drawn(count, seed, refine))
    return found


def _of_paths(
    run: Run, measured: Measurement, seed: int, refine: int | None, say: Callable[[str], None] | None
) -> tuple[tuple[Figure, ...], tuple[str, ...]]:
    from twoplayer.latent import count_notes, latent_figures

    if say:
        say("measuring paths through the latent space")
    paths = tuple(f for lens in measured.extractors for f in latent_figures(run, lens, seed=seed, refine=refine))
    return paths, count_notes(paths)


def _of_aims(
    aims: Mapping[str, Aim], run: Run, dataset: Dataset, count: int, seed: int, say: Callable[[str], None] | None
) -> Iterator[Findings]:
    from twoplayer.aims._base import Asked

    for name, aim in aims.items():
        if say:
            say(f"measuring {name}")
        yield aim.measure(Asked(run, dataset, count, seed, say=say))


class _Asked:
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

    def names(self, chosen: Chosen) -> Any:
        """The metrics among what was chosen; None for all, none for aims alone."""
        from twoplayer.measuring import named_metrics

        self.mistakes += chosen.mistakes
        return self.of(lambda: named_metrics(chosen.metrics)) if chosen.metrics or chosen.metrics is None else []

    def check(self) -> None:
        if self.mistakes:
            raise UserError("\n".join(self.mistakes))


def _device(name: str, kind: Any) -> Any:
    from twoplayer.training.placement import place

    return place(name, "fp32", "contiguous", kind).device
