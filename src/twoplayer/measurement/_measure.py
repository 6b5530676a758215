"""Samples to figures: looked at once by every extractor, counted by every metric, real data beside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twoplayer import extractors
from twoplayer.core.errors import UserError
from twoplayer.extractors._base import Array, Extractor, ExtractorContext, Features
from twoplayer.measurement._formatting import count_label
from twoplayer.measurement._parse_names import MemberSpec
from twoplayer.measurement._reference_features import ReferenceData, extracted, held_out_limit, reference
from twoplayer.measurement._selection import (
    Lens,
    MeasurementData,
    MeasurementPlan,
    MetricRequest,
    choose,
    choose_quick,
    modes_of,
)
from twoplayer.metrics._base import Estimate, MetricValue
from twoplayer.metrics._stacked import weights

if TYPE_CHECKING:
    import torch

__all__ = ["Measurement", "measure"]

BYTES = 64 * 2**20
"""Of samples that are looked at together, at least where there are so many."""
ORDER = ("classes", "stacked", "features", "copies")
"""Of what extractors see, as it is told."""


@dataclass(frozen=True)
class Measurement:
    """The figures of one set of samples."""

    figures: tuple[MetricValue, ...]
    notes: tuple[str, ...]
    """How far the figures can be trusted, and why there are no others; a sentence each."""
    count: int
    """How many samples there were."""
    extractors: tuple[Extractor, ...] = field(default=(), compare=False, repr=False)
    """What looked at them."""
    seen: tuple[Features, ...] = field(default=(), compare=False, repr=False)
    """What each of them saw, in the order of the samples."""


def measure(
    samples: Array | Iterable[Array],
    data: MeasurementData,
    *,
    extractor: str | Lens | Iterable[str | Lens] | None = None,
    metrics: str | MemberSpec | Iterable[str | MemberSpec] | None = None,
    quick: bool = False,
    cache: Path | None = None,
    device: torch.device | str = "cpu",
    say: Callable[[str], None] | None = None,
) -> Measurement:
    """Measure samples against a data set, and its held-out part beside them.

    Args:
        samples: images uint8 ``(N, H, W, C)`` or points ``(N, D)`` as the data are stored, or pieces of them one after
            the other, which are not kept; at least 2 in all.
        data: a data set of the data family.
        extractor: a name of ``twoplayer list extractors``, an extractor, or several; by default the data set's own
            classifier where it has labels, else random-conv, and the coordinates of points.
        metrics: names of ``twoplayer list metrics``, aliases (fid, prdc), or several with commas between them; by
            default all that apply and take less than minutes.
        quick: only what training can afford, and no figures where there is none of that.
        cache: where trained extractors and features of real data are kept; by default $TWOPLAYER_CACHE, else
            ~/.cache/twoplayer.
        device: where extractors compute.
        say: told how far it is.

    Figures of real data are of as many held-out samples, or of all where there are fewer. Raises `UserError` for
    samples that do not fit the data, for too few of them, and for what was asked for and cannot be.
    """
    choice = choose_quick(data) if quick else choose(data, extractor, metrics)
    if isinstance(samples, np.ndarray):
        _check(samples, data)  # before an extractor is trained for them
        _enough(len(samples), choice)
    where = ExtractorContext(device, cache, say)
    lenses = [_made(lens, data, where) for lens in choice.lenses]
    looked = _look(samples, data, lenses, where)
    _enough(looked.count, choice)
    figures, notes = list[MetricValue](), [*choice.notes, *(lens.note for lens in lenses if lens.note)]
    for task in _tasks(choice, data, lenses, looked, where):
        figures += _figures(task, choice, looked.count, notes, say)
    if not quick:
        notes += _on_counts(choice, figures, looked.count, data)
    return Measurement(tuple(figures), tuple(notes), looked.count, tuple(lenses), looked.seen)


# ---- looking


@dataclass(frozen=True, eq=False)
class _ExtractedFeatures:
    """What was seen of the samples, by each extractor, and the samples themselves where they are points."""

    count: int
    seen: tuple[Features, ...]
    points: Array | None


def _made(lens: Lens, data: MeasurementData, where: ExtractorContext) -> Extractor:
    if isinstance(lens, Extractor):
        return lens
    made: Extractor = extractors.create(lens.name, data, where, **dict(lens.options))
    return made


def _look(
    samples: Array | Iterable[Array], data: MeasurementData, lenses: Sequence[Extractor], where: ExtractorContext
) -> _ExtractedFeatures:
    count, seen, points = 0, [list[Features]() for _ in lenses], list[Array]()
    for chunk in _chunks(samples, data):
        for lens, pieces in zip(lenses, seen, strict=True):
            pieces.append(lens.extract(chunk))
        points += [chunk] if data.kind == "points" else []
        count += len(chunk)
        if where.say and lenses and not all(lens.cheap for lens in lenses):
            where.say(f"{', '.join(lens.label for lens in lenses)} looked at {count:,} samples")
    if count < 2:
        raise UserError(f"{count} samples cannot be measured: give at least 2")
    return _ExtractedFeatures(count, tuple(map(Features.joined, seen)), np.concatenate(points) if points else None)


def _chunks(samples: Array | Iterable[Array], data: MeasurementData) -> Iterator[Array]:
    """The samples in pieces of about equal length, however they come."""
    pieces = [samples] if isinstance(samples, np.ndarray) else samples
    waiting: list[Array] = []
    for piece in pieces:
        _check(piece, data)
        length = max(1, min(2048, BYTES // max(1, piece[:1].nbytes)))
        for start in range(0, len(piece), length):
            waiting.append(piece[start : start + length])
            if sum(map(len, waiting)) >= length:
                yield np.concatenate(waiting)
                waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _check(samples: Array, data: MeasurementData) -> None:
    expected = data.train.shape[1:]
    if samples.shape[1:] != expected:
        raise UserError(f"samples of shape {samples.shape[1:]} do not fit: give samples of shape {expected}")
    if data.kind == "images" and samples.dtype != np.uint8:
        raise UserError(f"the samples are {samples.dtype}, not uint8: scale them to [0, 255] and round")


def _enough(count: int, choice: MeasurementPlan) -> None:
    """Raise `UserError` for fewer samples than the metrics that were named need."""
    if count < 2:
        raise UserError(f"{count} samples cannot be measured: give at least 2")
    short = [w for w in choice.wanted if count < w.metric.least]
    if choice.asked and short:
        needs = ", ".join(f"{w.named.name} needs at least {w.metric.least:,} samples" for w in short)
        raise UserError(f"{needs}, and there are {count:,}: give more")


# ---- counting


@dataclass(frozen=True, eq=False)
class _MetricInputs:
    """Samples and held-out real data as some metrics take them, each with its reference."""

    wanted: tuple[MetricRequest, ...]
    label: str
    """What the figures' names say of the extractor, with a leading underscore, or nothing."""
    samples: Any
    reference: Any
    real: Any
    real_reference: Any


def _tasks(
    choice: MeasurementPlan,
    data: MeasurementData,
    lenses: Sequence[Extractor],
    looked: _ExtractedFeatures,
    where: ExtractorContext,
) -> Iterator[_MetricInputs]:
    """What is to be counted, the metrics of one need together, so that they share what they have in common."""
    by_need: dict[str, tuple[MetricRequest, ...]] = {}
    for each in choice.wanted:
        by_need[each.metric.needs] = (*by_need.get(each.metric.needs, ()), each)
    of_density, modes = by_need.pop("density", ()), modes_of(data)
    if of_density and modes is not None and looked.points is not None:
        yield _MetricInputs(of_density, "", looked.points, modes, data.held_out[: looked.count], modes)
    for lens, seen in zip(lenses, looked.seen, strict=True):
        suits = [need for need in ORDER if need in by_need and (lens.classes or need in ("features", "copies"))]
        if suits:
            known = reference(data, lens, where)
            for need in suits:
                yield _MetricInputs(by_need[need], f"_{lens.label}", *_views(need, seen, known, data))


def _views(need: str, seen: Features, known: ReferenceData, data: MeasurementData) -> tuple[Any, Any, Any, Any]:
    """Samples, their reference, held-out real data, and theirs: see `Metric`."""
    count = len(seen)
    held_out = known.held_out.head(count)
    if need == "copies":
        # Held-out data cannot be held against themselves: one half plays the samples.
        half = len(known.held_out) // 2
        played = known.held_out.head(min(half, count)).features
        return seen.features, known.parts(), played, known.parts(slice(half, None))
    if need == "stacked":
        assert seen.logits is not None and held_out.logits is not None and data.train_labels is not None
        expected = weights(data.train_labels)
        return seen.logits.argmax(1), expected, held_out.logits.argmax(1), expected
    real = known.real(count, classes=need == "classes")
    if need == "classes":
        return extracted(seen), real, extracted(held_out), real
    return seen.features, real, held_out.features, real


def _figures(
    task: _MetricInputs, choice: MeasurementPlan, count: int, notes: list[str], say: Callable[[str], None] | None
) -> Iterator[MetricValue]:
    """The figures of a task; why one of a metric that nobody named, or of the real data, is missing is noted."""
    found: list[tuple[MetricRequest, Estimate]] = []
    for each in task.wanted:
        if say and not choice.quick:
            say(f"measuring {each.named.name}{task.label.replace('_', ' ')}")
        try:
            found.append((each, _of_samples(each, task, count)))
        except UserError as error:
            if choice.asked:
                raise
            notes.append(f"{each.named.name} is left out: {error}.")
    # All of the samples' figures before any of the real data's: what metrics share is kept for one set at a time.
    for each, estimate in found:
        name = f"{each.metric.figure}{each.named.suffix}{task.label}_{count_label(count)}"
        try:
            real = _of_real(each, task)
        except UserError as error:
            real = None
            notes.append(f"{name} of the real data is missing: {error}.")
        yield MetricValue(
            name,
            estimate.value,
            each.metric.higher_is_better,
            None if real is None else real.value,
            None if real is None else len(task.real),
            estimate.error,
            None if real is None else real.error,
        )


def _of_samples(each: MetricRequest, task: _MetricInputs, count: int) -> Estimate:
    if count < each.metric.least:
        raise UserError(f"it needs at least {each.metric.least:,} samples")
    found: Estimate = each.metric.measure(task.samples, task.reference)
    return found


def _of_real(each: MetricRequest, task: _MetricInputs) -> Estimate | None:
    """The same of held-out real data; None where there are none. Raises `UserError` where there are too few."""
    if not len(task.real):
        return None
    if len(task.real) < each.metric.least:
        raise UserError(f"it needs at least {each.metric.least:,} held-out samples, and there are {len(task.real):,}")
    found: Estimate = each.metric.measure(task.real, task.real_reference)
    return found


def _on_counts(
    choice: MeasurementPlan, figures: Sequence[MetricValue], count: int, data: MeasurementData
) -> Iterator[str]:
    """What the counts mean for whoever compares the figures."""
    short: dict[int, list[str]] = {}
    for each in choice.wanted:
        if count < each.metric.protocol:
            short.setdefault(each.metric.protocol, []).append(each.named.name)
    for protocol, names in sorted(short.items()):
        yield (
            f"Published figures take {protocol:,} samples ({', '.join(names)}): hold these, of {count:,}, only against "
            "figures of as many."
        )
    if figures and not len(data.held_out):
        yield f"{data.name} has nothing held out, so there are no figures of real data to compare with."
    there = len(data.held_out)
    if figures and 0 < (seen := min(there, held_out_limit(data))) < count:
        which = f"{seen:,} real samples are held out"
        which = which if seen == there else f"{seen:,} of the {there:,} held-out real samples are looked at"
        yield (
            f"Only {which}: the real figures are of no more than those, and most distances are larger of fewer samples."
        )
    halved = [each.named.name for each in choice.wanted if each.metric.needs == "copies"]
    if halved and figures:
        yield (
            f"The real figures of {', '.join(halved)} take one half of the held-out data for samples and the other for "
            "held-out data, since against themselves they would be copies."
        )
