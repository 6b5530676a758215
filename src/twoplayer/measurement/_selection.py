"""Which extractors and metrics: what was asked for, or all that the data allow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from twoplayer import extractors, metrics
from twoplayer.core.errors import UserError
from twoplayer.extractors._base import Array, Extractor
from twoplayer.extractors._base import ExtractorData as Seeable
from twoplayer.measurement._parse_names import MemberSpec, named, words
from twoplayer.metrics._base import Metric, Modes

__all__ = [
    "ALIASES",
    "UNLABELLED",
    "WITHOUT_MODES",
    "Lens",
    "MeasurementData",
    "MeasurementPlan",
    "MetricRequest",
    "choose",
    "choose_quick",
    "modes_of",
    "named_extractors",
    "named_metrics",
]

ALIASES: Mapping[str, tuple[str, ...]] = {
    "fid": ("fd",),
    "fid-infinity": ("fd-infinity",),
    "is": ("inception-score",),
    "prdc": ("precision", "recall", "density", "coverage"),
    "ct": ("memorization-test",),
    "modes": ("modes-covered", "high-quality-share", "mode-kl"),
}
"""Names that others have for metrics, and names of groups."""

QUICK = (
    "inception-score", "diversity-score", "fd", "modes-covered", "high-quality-share", "mode-kl", "stacked-modes",
    "stacked-kl",
)  # fmt: skip
"""What training can afford again and again."""

UNLABELLED = (
    "No figures in training: images are measured by a classifier, which needs labels of two classes or more; "
    "twoplayer evaluate measures them without."
)
WITHOUT_MODES = (
    "No figures in training: points are measured at the modes of their density, and none are known; "
    "twoplayer evaluate measures them without."
)

Lens = MemberSpec | Extractor
T = TypeVar("T")


class HasModes(Protocol):
    """A density as the data family describes it: all three None where it has no separate modes."""

    @property
    def modes(self) -> Array | None: ...
    @property
    def mode_deviation(self) -> float | None: ...
    @property
    def mode_weights(self) -> Array | None: ...


class MeasurementData(Seeable, Protocol):
    """What measuring needs of a data set; every data set of the data family has it."""

    @property
    def density(self) -> HasModes | None: ...


@dataclass(frozen=True, eq=False)
class MetricRequest:
    """A metric, and what it was asked for by."""

    named: MemberSpec
    metric: Metric[Any, Any]


@dataclass(frozen=True, eq=False)
class MeasurementPlan:
    """What is to be measured, and why something is not."""

    lenses: tuple[Lens, ...] = ()
    wanted: tuple[MetricRequest, ...] = ()
    asked: bool = False
    """Whether the metrics were named: what then cannot be measured is an error."""
    notes: tuple[str, ...] = ()
    quick: bool = False
    """Whether training asks, again and again."""


def named_metrics(given: str | MemberSpec | Iterable[str | MemberSpec] | None) -> list[MemberSpec] | None:
    """The members that names, aliases and groups stand for, in order; None for None.

    Names come one by one or with commas between, options after them as in ``kid:subsets=100``. Raises `UserError` with
    every mistake.
    """
    if given is None:
        return None
    return _each(
        words(given),
        lambda word: [word] if isinstance(word, MemberSpec) else named(word, metrics.family, "metric", ALIASES),
        "no metric is named: leave metrics out for all that apply",
    )


def named_extractors(given: str | Lens | Iterable[str | Lens] | None) -> list[Lens] | None:
    """The members that names stand for, extractors as they are; None for None. Raises `UserError` as for metrics."""
    if given is None:
        return None
    return _each(
        words(given),
        lambda word: [word] if not isinstance(word, str) else named(word, extractors.family, "extractor", {}),
        "no extractor is named: leave it out for the one that suits the data",
    )


def choose(
    data: MeasurementData,
    given_extractors: str | Lens | Iterable[str | Lens] | None,
    given_metrics: str | MemberSpec | Iterable[str | MemberSpec] | None,
) -> MeasurementPlan:
    """What was asked for, else the extractor that suits the data and every metric that applies and is not slow.

    Raises `UserError` with every mistake: unknown names, and metrics that were named and cannot apply.
    """
    given, chosen = named_metrics(given_metrics), named_extractors(given_extractors)
    lenses = [MemberSpec(_suitable(data))] if chosen is None else chosen
    mistakes = [why for lens in lenses if (why := _misfit(lens, data))]
    if given is not None:
        mistakes += [f"{each.name} needs {why}" for each in given if (why := _obstacle(each.name, data, lenses))]
    if mistakes:
        raise UserError("\n".join(mistakes))
    if given is not None:
        return MeasurementPlan(tuple(lenses), tuple(map(_wanted, given)), True)
    applying = [
        _wanted(MemberSpec(name)) for name in metrics.family.importable_names() if not _obstacle(name, data, lenses)
    ]
    return MeasurementPlan(
        tuple(lenses),
        tuple(each for each in applying if not each.metric.slow),
        notes=tuple(_on_defaults(data, chosen is None, [e.named.name for e in applying if e.metric.slow])),
    )


def choose_quick(data: MeasurementData) -> MeasurementPlan:
    """What training measures: its cheap figures, or the reason why there are none."""
    if data.kind == "images" and not _labelled(data):
        return MeasurementPlan(notes=(UNLABELLED,), quick=True)
    if data.kind == "points" and modes_of(data) is None:
        return MeasurementPlan(notes=(WITHOUT_MODES,), quick=True)
    lenses = (MemberSpec(_suitable(data)),) if data.kind == "images" else ()
    names = [name for name in QUICK if not _obstacle(name, data, lenses) and (lenses or _needs(name) == "density")]
    return MeasurementPlan(lenses, tuple(_wanted(MemberSpec(name)) for name in names), quick=True)


def modes_of(data: MeasurementData) -> Modes | None:
    """The modes of the data's density, where it has any."""
    density = data.density
    if density is None or density.modes is None or not density.mode_deviation or density.mode_weights is None:
        return None
    centres, weights = np.asarray(density.modes, np.float64), np.asarray(density.mode_weights, np.float64)
    return Modes(centres, density.mode_deviation, weights)


def _each(given: list[Any], read: Callable[[Any], list[T]], nothing: str) -> list[T]:
    """What all words stand for, once each. Raises `UserError` with what is wrong with any of them."""
    found, mistakes = list[T](), list[str]()
    for word in given:
        try:
            found += read(word)
        except UserError as error:
            mistakes.append(str(error))
    if mistakes or not found:
        raise UserError("\n".join(mistakes or [nothing]))
    return list(dict.fromkeys(found))


def _wanted(each: MemberSpec) -> MetricRequest:
    return MetricRequest(each, metrics.create(each.name, **dict(each.options)))


def _labelled(data: MeasurementData) -> bool:
    return data.train_labels is not None and len(np.unique(data.train_labels)) > 1


def _stacked(data: MeasurementData) -> bool:
    return bool(getattr(data, "stacked", False))


def _suitable(data: MeasurementData) -> str:
    """The extractor for data of this kind."""
    if data.kind == "points":
        return "points"
    if _stacked(data):
        return "stacked-classifier"
    return "classifier" if _labelled(data) else "random-conv"


def _on_defaults(data: MeasurementData, by_default: bool, slow: list[str]) -> Iterator[str]:
    if by_default and _suitable(data) == "random-conv":
        yield f"{data.name} has no labels to train a classifier on, so random-conv looks at its images."
    if slow:
        yield f"Measured only where it is named, since it can take minutes: {', '.join(slow)}."


def _class_of(lens: Lens) -> Any:
    return extractors.family.find(lens.name) if isinstance(lens, MemberSpec) else lens


def _misfit(lens: Lens, data: MeasurementData) -> str:
    kind, name = _class_of(lens).kind, lens.name if isinstance(lens, MemberSpec) else lens.label
    return "" if kind == data.kind else f"{name} looks at {kind}, and {data.name} holds {data.kind}: leave it out"


def _obstacle(name: str, data: MeasurementData, lenses: Sequence[Lens]) -> str:
    """What a metric lacks; empty where it applies."""
    classes = any(_class_of(lens).classes for lens in lenses)
    match _needs(name):
        case "density" if modes_of(data) is None:
            return f"points of a density with known modes, which {data.name} is not: leave it out"
        case "classes" if not classes:
            return "an extractor with classes: take classifier or inception"
        case "stacked" if not _stacked(data) or not classes:
            return "stacked digits and an extractor of their classes: take the data stacked-digits"
        case "copies" if len(data.held_out) < 4:
            return "held-out real data: give some with --held-out"
    return ""


def _needs(name: str) -> str:
    return str(metrics.family.find(name).needs)
