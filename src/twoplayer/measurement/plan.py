"""Which extractors and metrics are measured: names as users write them, and all that apply to a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from twoplayer import extractors, metrics
from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.core.ranges import within
from twoplayer.core.registry import Family
from twoplayer.extractors._base import Array, Extractor, ExtractorData
from twoplayer.metrics._base import Metric, Modes

__all__ = [
    "METRIC_ALIASES",
    "NOTE_NO_LABELS",
    "NOTE_NO_MODES",
    "ExtractorSpec",
    "MeasurementData",
    "MeasurementPlan",
    "MetricSpec",
    "PlannedMetric",
    "default_sample_count",
    "modes_of",
    "parse_extractors",
    "parse_metrics",
    "plan_measurement",
    "plan_training_measurement",
    "split_names",
]

METRIC_ALIASES: Mapping[str, tuple[str, ...]] = {
    "fid": ("fd",),
    "fid-infinity": ("fd-infinity",),
    "is": ("inception-score",),
    "prdc": ("precision", "recall", "density", "coverage"),
    "ct": ("memorization-test",),
    "modes": ("modes-covered", "high-quality-share", "mode-kl"),
}
"""Names of metrics in other libraries, and names of groups of metrics."""

TRAINING_METRICS = (
    "inception-score", "diversity-score", "fd", "modes-covered", "high-quality-share", "mode-kl", "stacked-modes",
    "stacked-kl",
)  # fmt: skip
"""Metrics that are fast enough to be repeated during training."""

NOTE_NO_LABELS = (
    "Nothing is measured during training: images are measured by a classifier, which needs labels of two classes or "
    "more; twoplayer evaluate measures them without labels."
)
NOTE_NO_MODES = (
    "Nothing is measured during training: points are measured at the modes of their density, and none are known; "
    "twoplayer evaluate measures them without modes."
)


@dataclass(frozen=True)
class _MemberSpec:
    """The name of a member of a family, with its options.

    Args:
        name: name in the registry.
        options: pairs of option and value, in the order in which they were written.
    """

    name: str
    options: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return ":".join([self.name, *(f"{option}={value}" for option, value in self.options)])


class MetricSpec(_MemberSpec):
    """A metric by its name, with its options.

    >>> str(MetricSpec("kid", (("subsets", 100),)))
    'kid:subsets=100'
    """

    @property
    def suffix(self) -> str:
        """The options as part of the names of metric values, such as ``_subsets_100``."""
        return "".join(f"_{option}_{value}" for option, value in self.options)


class ExtractorSpec(_MemberSpec):
    """An extractor by its name, with its options."""


Spec = TypeVar("Spec")
ExtractorNames = str | ExtractorSpec | Extractor | Iterable[str | ExtractorSpec | Extractor] | None
MetricNames = str | MetricSpec | Iterable[str | MetricSpec] | None


class DensityModes(Protocol):
    """The modes of a density of the data family: all three are None where it has no separate modes."""

    @property
    def modes(self) -> Array | None: ...
    @property
    def mode_deviation(self) -> float | None: ...
    @property
    def mode_weights(self) -> Array | None: ...


class MeasurementData(ExtractorData, Protocol):
    """What measuring needs of a data set; every data set of the data family has it."""

    @property
    def density(self) -> DensityModes | None: ...


@dataclass(frozen=True, eq=False)
class PlannedMetric:
    """A metric, and the name and options that it was created from."""

    spec: MetricSpec
    metric: Metric[Any, Any]


@dataclass(frozen=True, eq=False)
class MeasurementPlan:
    """The extractors and metrics of a measurement."""

    extractors: tuple[ExtractorSpec | Extractor, ...] = ()
    metrics: tuple[PlannedMetric, ...] = ()
    explicit: bool = False
    """Whether the user named the metrics: a metric that cannot be measured is then an error, else a note."""
    notes: tuple[str, ...] = ()
    in_training: bool = False
    """Whether the measurement is repeated during training."""


def default_sample_count(kind: Literal["images", "points"]) -> int:
    """The sample count of the published protocols: 10,000 images or 2,500 points."""
    return 10_000 if kind == "images" else 2_500


def split_names(names: Any) -> list[Any]:
    """Names one by one, from a text with commas, an iterable of such texts or objects, or a single object.

    >>> split_names("fd, kid"), split_names(["fd", "precision,recall"])
    (['fd', 'kid'], ['fd', 'precision', 'recall'])
    """
    listed = list(names) if isinstance(names, Iterable) and not isinstance(names, str) else [names]
    split = (part for name in listed for part in (name.split(",") if isinstance(name, str) else [name]))
    stripped = (part.strip() if isinstance(part, str) else part for part in split)
    return [part for part in stripped if part != ""]


def parse_metrics(names: MetricNames) -> list[MetricSpec] | None:
    """The metrics that names, aliases and groups stand for, without duplicates; None for None.

    Args:
        names: names with commas between them or one by one, with options as in ``kid:subsets=100``, or `MetricSpec`.

    Raises:
        UserError: with every unknown name and option.

    >>> [str(spec) for spec in parse_metrics("fid,kid:subsets=100")]
    ['fd', 'kid:subsets=100']
    """
    if names is None:
        return None
    return _parse_each(
        split_names(names),
        lambda name: (
            [name]
            if isinstance(name, MetricSpec)
            else [MetricSpec(*spec) for spec in _parse(name, metrics.family, "metric", METRIC_ALIASES)]
        ),
        "no metric is named: leave metrics out for all that apply",
    )


def parse_extractors(names: ExtractorNames) -> list[ExtractorSpec | Extractor] | None:
    """The extractors that names stand for, and extractor objects as they are; None for None.

    Raises `UserError` with every unknown name and option.
    """
    if names is None:
        return None
    return _parse_each(
        split_names(names),
        lambda name: (
            [ExtractorSpec(*spec) for spec in _parse(name, extractors.family, "extractor", {})]
            if isinstance(name, str)
            else [name]
        ),
        "no extractor is named: leave it out for the default of the data set",
    )


def plan_measurement(
    data: MeasurementData, extractor_names: ExtractorNames, metric_names: MetricNames
) -> MeasurementPlan:
    """The named extractors and metrics, or the default extractor of the data and every fast metric that applies.

    Raises `UserError` with every mistake: unknown names, and named metrics that do not apply.
    """
    named_metrics, named_extractors = parse_metrics(metric_names), parse_extractors(extractor_names)
    chosen = [ExtractorSpec(_default_extractor(data))] if named_extractors is None else named_extractors
    mistakes = [reason for extractor in chosen if (reason := _wrong_kind(extractor, data))]
    for spec in named_metrics or ():
        if reason := _obstacle(spec.name, data, chosen):
            mistakes.append(f"{spec.name} needs {reason}")
    if mistakes:
        raise UserError("\n".join(mistakes))
    if named_metrics is not None:
        return MeasurementPlan(tuple(chosen), tuple(map(_planned, named_metrics)), explicit=True)
    applicable = [
        _planned(MetricSpec(name)) for name in metrics.family.importable_names() if not _obstacle(name, data, chosen)
    ]
    slow = [planned.spec.name for planned in applicable if planned.metric.slow]
    return MeasurementPlan(
        tuple(chosen),
        tuple(planned for planned in applicable if not planned.metric.slow),
        notes=tuple(_default_notes(data, named_extractors is None, slow)),
    )


def plan_training_measurement(data: MeasurementData) -> MeasurementPlan:
    """The fast metrics of a training run, or a note why nothing is measured."""
    if data.kind == "images" and not _has_labels(data):
        return MeasurementPlan(notes=(NOTE_NO_LABELS,), in_training=True)
    if data.kind == "points" and modes_of(data) is None:
        return MeasurementPlan(notes=(NOTE_NO_MODES,), in_training=True)
    chosen = (ExtractorSpec(_default_extractor(data)),) if data.kind == "images" else ()
    names = [
        name for name in TRAINING_METRICS if not _obstacle(name, data, chosen) and (chosen or _needs(name) == "density")
    ]
    return MeasurementPlan(chosen, tuple(_planned(MetricSpec(name)) for name in names), in_training=True)


def modes_of(data: MeasurementData) -> Modes | None:
    """The modes of the density that the data are drawn from; None where there are none."""
    density = data.density
    if density is None or density.modes is None or not density.mode_deviation or density.mode_weights is None:
        return None
    centres, weights = np.asarray(density.modes, np.float64), np.asarray(density.mode_weights, np.float64)
    return Modes(centres, density.mode_deviation, weights)


# ---- names


def _parse_each(names: list[Any], parse: Callable[[Any], list[Spec]], message_if_empty: str) -> list[Spec]:
    """The distinct specs of all names. Raises `UserError` with the mistakes in all of them."""
    specs, mistakes = list[Spec](), list[str]()
    for name in names:
        try:
            specs += parse(name)
        except UserError as error:
            mistakes.append(str(error))
    if mistakes or not specs:
        raise UserError("\n".join(mistakes or [message_if_empty]))
    return list(dict.fromkeys(specs))


def _parse(
    text: str, family: Family, singular: str, aliases: Mapping[str, tuple[str, ...]]
) -> list[tuple[str, tuple[tuple[str, Any], ...]]]:
    """Name and options of every member that a text such as ``kid:subsets=100`` stands for."""
    written, *options = text.split(":")
    name = written.lower().replace("_", "-")
    known = family.names()
    if name not in known and name not in aliases:
        raise UserError(f"no {singular} is called {written!r}: {did_you_mean(name, [*known, *aliases])}")
    return [(member, _parse_options(member, options, family)) for member in aliases.get(name, (name,))]


def _parse_options(member: str, texts: list[str], family: Family) -> tuple[tuple[str, Any], ...]:
    known, options = family.options(member), list[tuple[str, Any]]()
    for text in texts:
        option, equals, value = text.partition("=")
        option = option.strip().replace("-", "_")
        if option not in known or not equals:
            hint = did_you_mean(option, known) if known else "write its name alone"
            raise UserError(f"{member} has no option {text!r} (an option is written NAME=VALUE): {hint}")
        options.append((option, within(known[option].annotation, **{option: value.strip()})))
    return tuple(options)


# ---- what applies to the data


def _planned(spec: MetricSpec) -> PlannedMetric:
    return PlannedMetric(spec, metrics.create(spec.name, **dict(spec.options)))


def _has_labels(data: MeasurementData) -> bool:
    return data.train_labels is not None and len(np.unique(data.train_labels)) > 1


def _default_extractor(data: MeasurementData) -> str:
    if data.kind == "points":
        return "points"
    if data.stacked:
        return "stacked-classifier"
    return "classifier" if _has_labels(data) else "random-conv"


def _default_notes(data: MeasurementData, by_default: bool, slow: list[str]) -> Iterator[str]:
    if by_default and _default_extractor(data) == "random-conv":
        yield f"{data.name} has no labels to train a classifier on: features are those of random-conv."
    if slow:
        yield f"Measured only where it is named, since it can take minutes: {', '.join(slow)}."


def _class_of(extractor: ExtractorSpec | Extractor) -> type[Extractor]:
    if isinstance(extractor, ExtractorSpec):
        return extractors.family.find(extractor.name)
    return type(extractor)


def _wrong_kind(extractor: ExtractorSpec | Extractor, data: MeasurementData) -> str:
    kind = _class_of(extractor).kind
    name = extractor.name if isinstance(extractor, ExtractorSpec) else extractor.label
    return "" if kind == data.kind else f"{name} takes {kind}, and {data.name} holds {data.kind}: leave it out"


def _obstacle(metric: str, data: MeasurementData, chosen: Sequence[ExtractorSpec | Extractor]) -> str:
    """What the data or the extractors lack for a metric; empty where it applies."""
    has_classes = any(_class_of(extractor).has_classes for extractor in chosen)
    match _needs(metric):
        case "density" if modes_of(data) is None:
            return f"points of a density with known modes, which {data.name} is not: leave it out"
        case "classes" if not has_classes:
            return "an extractor with classes: take classifier or inception"
        case "stacked" if not data.stacked or not has_classes:
            return "stacked digits and an extractor of their classes: take the data stacked-digits"
        case "copies" if len(data.held_out) < 4:
            return "held-out real data: give some (`held_out`)"
    return ""


def _needs(metric: str) -> str:
    return str(metrics.family.find(metric).needs)
