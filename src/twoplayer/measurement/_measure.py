"""Samples to metric values: features by every extractor, values by every metric, real data beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twoplayer import extractors
from twoplayer.core.errors import UserError
from twoplayer.extractors._base import Array, Extractor, ExtractorContext, Features
from twoplayer.measurement.plan import (
    ExtractorNames,
    ExtractorSpec,
    MeasurementData,
    MeasurementPlan,
    MetricNames,
    PlannedMetric,
    modes_of,
    plan_measurement,
    plan_training_measurement,
)
from twoplayer.measurement.reference_features import (
    RealFeatures,
    held_out_limit,
    real_features,
    with_log_probabilities,
)
from twoplayer.metrics._base import Estimate, MetricValue
from twoplayer.metrics._stacked import mode_probabilities

if TYPE_CHECKING:
    import torch

__all__ = ["Measurement", "measure"]

CHUNK_BYTES = 64 * 2**20
"""Samples that pass the extractors together."""
MAX_CHUNK_SAMPLES = 2048
NEEDS_ORDER = ("classes", "stacked", "features", "copies")
"""Order of the metric values of one extractor, by what their metrics need."""


@dataclass(frozen=True)
class Measurement:
    """The metric values of one set of samples.

    Args:
        metric_values: one for each metric and extractor.
        notes: sentences on the reliability of the values, and on metrics that are missing.
        count: number of samples.
        extractors: the extractors.
        features: features of all samples by each extractor, in the order of the samples.
    """

    metric_values: tuple[MetricValue, ...]
    notes: tuple[str, ...]
    count: int
    extractors: tuple[Extractor, ...] = field(default=(), compare=False, repr=False)
    features: tuple[Features, ...] = field(default=(), compare=False, repr=False)


def measure(
    samples: Array | Iterable[Array],
    data: MeasurementData,
    *,
    extractor: ExtractorNames = None,
    metrics: MetricNames = None,
    in_training: bool = False,
    cache: Path | None = None,
    device: torch.device | str = "cpu",
    progress: Callable[[str], None] | None = None,
) -> Measurement:
    """Measure samples against a data set, and its held-out part in the same way.

    Args:
        samples: images uint8 ``(N, H, W, C)`` or points ``(N, D)`` as the data are stored, or an iterable of such
            arrays, which are not stored; at least 2 samples in all.
        data: a data set of the data family.
        extractor: a name of ``twoplayer list extractors``, an extractor, or several; by default the data set's own
            classifier where it has labels, else random-conv, and the coordinates of points.
        metrics: names of ``twoplayer list metrics``, aliases (fid, prdc), or several with commas between them; by
            default all that apply and are fast.
        in_training: measure only what is fast enough to be repeated during training; nothing is an error.
        cache: folder of trained extractors and features of real data; by default $TWOPLAYER_CACHE, else
            ~/.cache/twoplayer.
        device: device of the extractors.
        progress: callback of progress lines.

    Returns:
        The metric values. The values of real data are for as many held-out samples, or for all where there are fewer.

    Raises:
        UserError: for samples that do not fit the data, for too few samples, and for named extractors and metrics that
            cannot be measured.

    >>> from twoplayer.data import load
    >>> from twoplayer.data._base import DataSettings
    >>> ring = load("ring", DataSettings())
    >>> measured = measure(ring.train[:500], ring, metrics="modes-covered")
    >>> measured.metric_values[0].name, measured.metric_values[0].value
    ('modes_covered_500', 8.0)
    """
    plan = plan_training_measurement(data) if in_training else plan_measurement(data, extractor, metrics)
    if isinstance(samples, np.ndarray):
        _check_shape(samples, data)  # before an extractor is trained
        _check_count(len(samples), plan)
    context = ExtractorContext(device, cache, progress)
    created = [_create(each, data, context) for each in plan.extractors]
    extracted = _extract(samples, data, created, context)
    _check_count(extracted.count, plan)
    values, notes = list[MetricValue](), [*plan.notes, *(each.note for each in created if each.note)]
    for inputs in _metric_inputs(plan, data, created, extracted, context):
        values += _metric_values(inputs, plan, extracted.count, notes, progress)
    if not in_training:
        notes += _count_notes(plan, values, extracted.count, data)
    return Measurement(tuple(values), tuple(notes), extracted.count, tuple(created), extracted.features)


# ---- features


@dataclass(frozen=True, eq=False)
class _ExtractedFeatures:
    """Features of the samples by each extractor; the samples themselves where they are points."""

    count: int
    features: tuple[Features, ...]
    points: Array | None


def _create(extractor: ExtractorSpec | Extractor, data: MeasurementData, context: ExtractorContext) -> Extractor:
    if isinstance(extractor, Extractor):
        return extractor
    created: Extractor = extractors.create(extractor.name, data, context, **dict(extractor.options))
    return created


def _extract(
    samples: Array | Iterable[Array], data: MeasurementData, created: Sequence[Extractor], context: ExtractorContext
) -> _ExtractedFeatures:
    count, pieces, points = 0, [list[Features]() for _ in created], list[Array]()
    for chunk in _chunks(samples, data):
        for extractor, own_pieces in zip(created, pieces, strict=True):
            own_pieces.append(extractor.extract(chunk))
        points += [chunk] if data.kind == "points" else []
        count += len(chunk)
        if context.progress and created and not all(extractor.cheap for extractor in created):
            context.progress(f"features of {count:,} samples by {', '.join(extractor.label for extractor in created)}")
    if count < 2:
        raise UserError(f"{count} samples cannot be measured: give at least 2")
    return _ExtractedFeatures(count, tuple(map(Features.joined, pieces)), np.concatenate(points) if points else None)


def _chunks(samples: Array | Iterable[Array], data: MeasurementData) -> Iterator[Array]:
    """The samples in chunks of about equal length."""
    pieces = [samples] if isinstance(samples, np.ndarray) else samples
    pending: list[Array] = []
    for piece in pieces:
        _check_shape(piece, data)
        length = max(1, min(MAX_CHUNK_SAMPLES, CHUNK_BYTES // max(1, piece[:1].nbytes)))
        for start in range(0, len(piece), length):
            pending.append(piece[start : start + length])
            if sum(map(len, pending)) >= length:
                yield np.concatenate(pending)
                pending = []
    if pending:
        yield np.concatenate(pending)


def _check_shape(samples: Array, data: MeasurementData) -> None:
    expected = data.train.shape[1:]
    if samples.shape[1:] != expected:
        raise UserError(f"samples of shape {samples.shape[1:]} do not fit: give samples of shape {expected}")
    if data.kind == "images" and samples.dtype != np.uint8:
        raise UserError(f"the samples are {samples.dtype}, not uint8: scale them to [0, 255] and round")


def _check_count(count: int, plan: MeasurementPlan) -> None:
    """Raise `UserError` for fewer samples than the named metrics need."""
    if count < 2:
        raise UserError(f"{count} samples cannot be measured: give at least 2")
    short = [planned for planned in plan.metrics if count < planned.metric.min_samples]
    if plan.explicit and short:
        needs = ", ".join(f"{p.spec.name} needs at least {p.metric.min_samples:,} samples" for p in short)
        raise UserError(f"{needs}, and there are {count:,}: give more")


# ---- values


@dataclass(frozen=True, eq=False)
class _MetricInputs:
    """Samples and held-out real data in the form that a group of metrics takes, each with its reference."""

    metrics: tuple[PlannedMetric, ...]
    extractor: str | None
    samples: Any
    reference: Any
    real: Any
    real_reference: Any


def _metric_inputs(
    plan: MeasurementPlan,
    data: MeasurementData,
    created: Sequence[Extractor],
    extracted: _ExtractedFeatures,
    context: ExtractorContext,
) -> Iterator[_MetricInputs]:
    """The inputs of all metrics; metrics of equal needs come together, so that they share intermediate results."""
    by_need: dict[str, tuple[PlannedMetric, ...]] = {}
    for planned in plan.metrics:
        by_need[planned.metric.needs] = (*by_need.get(planned.metric.needs, ()), planned)
    density_metrics, modes = by_need.pop("density", ()), modes_of(data)
    if density_metrics and modes is not None and extracted.points is not None:
        held_out = data.held_out[: extracted.count]
        yield _MetricInputs(density_metrics, None, extracted.points, modes, held_out, modes)
    for extractor, features in zip(created, extracted.features, strict=True):
        needs = [n for n in NEEDS_ORDER if n in by_need and (extractor.has_classes or n in ("features", "copies"))]
        if needs:
            real = real_features(data, extractor, context)
            for need in needs:
                yield _MetricInputs(by_need[need], extractor.label, *_views(need, features, real, data))


def _views(need: str, features: Features, real: RealFeatures, data: MeasurementData) -> tuple[Any, Any, Any, Any]:
    """Samples, their reference, held-out real data, and the reference of those: see `Metric`."""
    count = len(features)
    held_out = real.held_out.head(count)
    if need == "copies":
        # Held-out data cannot be their own reference: one half takes the place of the samples.
        half = len(real.held_out) // 2
        real_samples = real.held_out.head(min(half, count)).features
        return features.features, real.parts(), real_samples, real.parts(slice(half, None))
    if need == "stacked":
        assert features.logits is not None and held_out.logits is not None and data.train_labels is not None
        expected = mode_probabilities(data.train_labels)
        return features.logits.argmax(1), expected, held_out.logits.argmax(1), expected
    reference = real.reference(count, classes=need == "classes")
    if need == "classes":
        return with_log_probabilities(features), reference, with_log_probabilities(held_out), reference
    return features.features, reference, held_out.features, reference


def _metric_values(
    inputs: _MetricInputs,
    plan: MeasurementPlan,
    count: int,
    notes: list[str],
    progress: Callable[[str], None] | None,
) -> Iterator[MetricValue]:
    """The values of a group of metrics. Adds a note for each unnamed metric and each value of real data that fails."""
    label = "" if inputs.extractor is None else f"_{inputs.extractor}"
    estimates: list[tuple[PlannedMetric, Estimate]] = []
    for planned in inputs.metrics:
        if progress and not plan.in_training:
            progress(f"measuring {planned.spec.name}{label.replace('_', ' ')}")
        try:
            if count < planned.metric.min_samples:
                raise UserError(f"it needs at least {planned.metric.min_samples:,} samples")
            estimates.append((planned, planned.metric.measure(inputs.samples, inputs.reference)))
        except UserError as error:
            if plan.explicit:
                raise
            notes.append(f"{planned.spec.name} is left out: {error}.")
    # All values of the samples precede those of real data: shared results are cached for one set at a time.
    for planned, estimate in estimates:
        quantity = f"{planned.metric.name}{planned.spec.suffix}{label}"
        real, problem = _real_estimate(planned, inputs)
        value = MetricValue.of(
            quantity,
            count,
            estimate,
            higher_is_better=planned.metric.higher_is_better,
            real=real,
            real_count=len(inputs.real),
            metric=str(planned.spec),
            extractor=inputs.extractor,
        )
        if problem:
            notes.append(f"{value.name} of the real data is missing: {problem}.")
        yield value


def _real_estimate(planned: PlannedMetric, inputs: _MetricInputs) -> tuple[Estimate | None, str]:
    """The value of held-out real data, or None and the problem, which is empty where nothing is held out."""
    held_out, needed = len(inputs.real), planned.metric.min_samples
    if not held_out:
        return None, ""
    if held_out < needed:
        return None, f"it needs at least {needed:,} held-out samples, and there are {held_out:,}"
    try:
        return planned.metric.measure(inputs.real, inputs.real_reference), ""
    except UserError as error:
        return None, str(error)


def _count_notes(
    plan: MeasurementPlan, values: Sequence[MetricValue], count: int, data: MeasurementData
) -> Iterator[str]:
    """Notes on the comparability of values for these sample counts."""
    short: dict[int, list[str]] = {}
    for planned in plan.metrics:
        if count < planned.metric.protocol_samples:
            short.setdefault(planned.metric.protocol_samples, []).append(planned.spec.name)
    for protocol, names in sorted(short.items()):
        yield (
            f"Published values are for {protocol:,} samples ({', '.join(names)}): compare these, for {count:,}, only "
            "with values for as many."
        )
    available = len(data.held_out)
    if values and not available:
        yield f"{data.name} has no held-out data, so there are no values of real data to compare with."
    used = min(available, held_out_limit(data))
    if values and 0 < used < count:
        which = f"{used:,} real samples are held out"
        which = which if used == available else f"{used:,} of the {available:,} held-out real samples are used"
        yield f"Only {which}: values of real data are for no more, and most distances grow with fewer samples."
    halved = [planned.spec.name for planned in plan.metrics if planned.metric.needs == "copies"]
    if halved and values:
        yield (
            f"For the values of real data, {', '.join(halved)} take one half of the held-out data as samples and the "
            "other as held-out data, because held-out data compared with themselves would count as copies."
        )
