"""Measuring samples against a data set: which metrics apply, on what evidence, and next to which ceiling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from twoplayer.errors import UserError
from twoplayer.metrics._base import Array, Figure, Metric, Modes

if TYPE_CHECKING:
    import torch

__all__ = ["Data", "Figure", "HasModes", "Measurement", "count_label", "measure", "sample_count"]

UNLABELLED = "No figures: images are measured by a classifier, which needs labels of two classes or more."
WITHOUT_MODES = "No figures: points are measured at the modes of their density, and none are known."


class HasModes(Protocol):
    """A density as the data family describes it: all three None where it has no separate modes."""

    @property
    def modes(self) -> Array | None: ...
    @property
    def mode_deviation(self) -> float | None: ...
    @property
    def mode_weights(self) -> Array | None: ...


class Data(Protocol):
    """What measuring needs of a data set; every data set of the data family has it."""

    @property
    def kind(self) -> Literal["images", "points"]: ...
    @property
    def train(self) -> Array: ...
    @property
    def train_labels(self) -> Array | None: ...
    @property
    def held_out(self) -> Array: ...
    @property
    def held_out_labels(self) -> Array | None: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def density(self) -> HasModes | None: ...
    @property
    def key(self) -> str: ...


@dataclass(frozen=True)
class Measurement:
    """The figures of one set of samples."""

    figures: tuple[Figure, ...]
    note: str
    """One sentence: how good the judge is, or why there are no figures."""
    classifier_accuracy: float | None = None
    """Share of held-out images that the classifier labels correctly, where one was used."""


def measure(
    samples: Array,
    data: Data,
    *,
    cache: Path | None = None,
    device: torch.device | str = "cpu",
    say: Callable[[str], None] | None = None,
) -> Measurement:
    """Measure generated samples with every metric that applies to the data.

    Samples are images uint8 ``(N, H, W, C)`` or points ``(N, D)`` in the data's own units, N at least 2 and
    by custom `sample_count`. Ceilings are measured on as many held-out samples, or on all where there are
    fewer. `cache`, `device` and `say` (a sink for lines of progress) serve the classifier, which is trained
    on the first call for a data set. Raises `UserError` for samples that do not fit the data.
    """
    _check(samples, data)
    if data.kind == "images":
        return _measure_images(samples, data, cache, device, say)
    return _measure_points(samples, data)


def sample_count(kind: Literal["images", "points"]) -> int:
    """How many samples the published protocols measure: 10,000 images, 2,500 points."""
    return 10_000 if kind == "images" else 2_500


def count_label(count: int) -> str:
    """A sample count as figures' names state it.

    >>> count_label(10_000), count_label(2_500)
    ('10k', '2500')
    """
    return f"{count // 1000}k" if count and count % 1000 == 0 else str(count)


def _measure_images(
    samples: Array,
    data: Data,
    cache: Path | None,
    device: torch.device | str,
    say: Callable[[str], None] | None,
) -> Measurement:
    if data.train_labels is None or len(np.unique(data.train_labels)) < 2:
        return Measurement((), UNLABELLED)
    from twoplayer.metrics._judge import judge

    trusted = judge(data, cache=cache, device=device, say=say)
    real = trusted.held_out.head(len(samples))
    figures = _figures("classifier", trusted.extract(samples), real, trusted.reference)
    if trusted.accuracy is None:
        return Measurement(figures, "No held-out image has a label, so the classifier's accuracy is unknown.")
    note = f"The classifier labels {trusted.accuracy:.1%} of the held-out images correctly."
    return Measurement(figures, note, trusted.accuracy)


def _measure_points(samples: Array, data: Data) -> Measurement:
    modes = _modes(data.density)
    if modes is None:
        return Measurement((), WITHOUT_MODES)
    figures = _figures("density", samples, data.held_out[: len(samples)], modes)
    note = f"The density has {len(modes.centres)} modes of standard deviation {modes.deviation:g}."
    return Measurement(figures, note)


def _figures(needs: str, samples: Any, real: Any, reference: Any) -> tuple[Figure, ...]:
    metrics = [m for m in _metrics() if m.needs == needs]
    ceilings = [m.measure(real, reference) if len(real) > 1 else None for m in metrics]
    return tuple(
        Figure(
            f"{metric.figure}_{count_label(len(samples))}",
            metric.measure(samples, reference),
            metric.higher_is_better,
            ceiling,
            len(real) if ceiling is not None else None,
        )
        for metric, ceiling in zip(metrics, ceilings, strict=True)
    )


def _metrics() -> list[Metric[Any, Any]]:
    from twoplayer.metrics import create, names

    return [create(name) for name in names()]


def _modes(density: HasModes | None) -> Modes | None:
    if density is None or density.modes is None or not density.mode_deviation or density.mode_weights is None:
        return None
    centres, weights = np.asarray(density.modes, np.float64), np.asarray(density.mode_weights, np.float64)
    return Modes(centres, density.mode_deviation, weights)


def _check(samples: Array, data: Data) -> None:
    expected = data.train.shape[1:]
    if samples.shape[1:] != expected:
        raise UserError(f"samples of shape {samples.shape[1:]} do not fit: give samples of shape {expected}.")
    if len(samples) < 2:
        raise UserError(f"{len(samples)} samples cannot be measured: give at least 2.")
    if data.kind == "images" and samples.dtype != np.uint8:
        raise UserError(f"the samples are {samples.dtype}, not uint8: scale them to [0, 255] and round.")
