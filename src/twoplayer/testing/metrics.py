"""The contract of metrics: what they declare, and that they measure sets of samples, not sequences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from twoplayer.metrics import Estimate, FeatureSet, Modes, ReferenceFeatures, ReferenceParts
from twoplayer.testing._member import Member

__all__ = ["check_metric", "metric_reference", "metric_samples"]

Array = np.ndarray[Any, Any]
NEEDS = ("density", "classes", "features", "copies", "stacked")
SAMPLES = 240
REFERENCE_SAMPLES = 300
HELD_OUT_SAMPLES = 200
DIMENSIONS = 40
CLASSES = 5
STACKED_MODES = 1000
ORDER_TOLERANCE = 1e-6
"""Relative difference that another order of the samples may make."""
SQUARE = Modes(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), 0.1, np.full(4, 0.25))


def check_metric(metric: Any, *, error_depends_on_order: bool = False, **options: Any) -> None:
    """Check the contract of a metric.

    It declares what it is; of made-up samples it gives a finite value and, where it gives one, a finite standard
    error, which depend on neither the order of the samples nor what was measured before.

    Args:
        metric: a registered name, a class, or an object.
        error_depends_on_order: whether the standard error may change with the order of the samples, as that of an
            estimate by clustering does.
        options: keyword arguments of the constructor.

    Raises:
        AssertionError: where the contract is broken; the message says what was expected.
    """
    member = Member.of("metrics", metric, options=options)
    made = member.make()
    _check_declarations(member, made)
    samples, random = metric_samples(made.needs, 1), np.random.default_rng(0)
    with member.raises_nothing("measure"), member.keeps_global_random_state("measure"):
        estimate = made.measure(samples, metric_reference(made.needs))
    _check_estimate(member, estimate)
    shuffled = _rows(samples, random.permutation(SAMPLES))
    again = made.measure(shuffled, metric_reference(made.needs, random.permutation(REFERENCE_SAMPLES)))
    member.require(
        math.isclose(again.value, estimate.value, rel_tol=ORDER_TOLERANCE),
        f"the order of samples must not matter, but changes {estimate.value!r} to {again.value!r}",
    )
    if estimate.error is not None and not error_depends_on_order:
        member.require(
            again.error is not None and math.isclose(again.error, estimate.error, rel_tol=ORDER_TOLERANCE),
            f"the order of samples must not change the standard error {estimate.error!r} to {again.error!r}",
        )
    reference, alone = metric_reference(made.needs), member.make()
    others = metric_samples(made.needs, 2)
    measured = [made.measure(each, reference).value for each in (samples, others, samples)]
    expected = [alone.measure(each, metric_reference(made.needs)).value for each in (samples, others)]
    member.require(
        measured == [*expected, expected[0]], "a value must not depend on what was measured before with one reference"
    )


def metric_samples(needs: str, seed: int, count: int = SAMPLES) -> Any:
    """Made-up samples as a metric of that need takes them (see `twoplayer.metrics.Metric`)."""
    match needs:
        case "density":
            return _corners(count, seed)
        case "classes":
            return FeatureSet(_features(count, seed), _log_probabilities(count, seed))
        case "stacked":
            return np.random.default_rng(seed).integers(0, STACKED_MODES, count)
    return _features(count, seed) + 0.05 * seed


def metric_reference(needs: str, order: Array | None = None) -> Any:
    """Made-up real data as a metric of that need takes them, in the `order` given."""
    real = FeatureSet(_features(REFERENCE_SAMPLES, 8), _log_probabilities(REFERENCE_SAMPLES, 8))
    if order is not None:
        real = FeatureSet(real.features[order], real.logs[order])
    match needs:
        case "density":
            return SQUARE
        case "stacked":
            return np.full(STACKED_MODES, 1 / STACKED_MODES)
        case "copies":
            return ReferenceParts(real.features, _features(HELD_OUT_SAMPLES, 9))
    return ReferenceFeatures(real)


def _check_declarations(member: Member, metric: Any) -> None:
    name = getattr(metric, "name", None)
    member.require(isinstance(name, str) and name.isidentifier(), f"name must be a name such as fd, not {name!r}")
    needs = getattr(metric, "needs", None)
    member.require(needs in NEEDS, f"needs must be one of {', '.join(NEEDS)}, not {needs!r}")
    better = getattr(metric, "higher_is_better", "missing")
    member.require(
        better is None or isinstance(better, bool), f"higher_is_better must be True, False or None, not {better!r}"
    )
    member.require(
        2 <= metric.min_samples <= metric.protocol_samples,
        "min_samples must be at least 2 and at most protocol_samples, not "
        f"{metric.min_samples} and {metric.protocol_samples}",
    )


def _check_estimate(member: Member, estimate: Any) -> None:
    member.require(isinstance(estimate, Estimate), f"measure must return an Estimate, not {type(estimate).__name__}")
    value, error = estimate.value, estimate.error
    member.require(
        isinstance(value, float) and math.isfinite(value), f"the value must be a finite float, not {value!r}"
    )
    member.require(
        error is None or (isinstance(error, float) and 0 <= error < math.inf),
        f"the standard error must be a finite float of at least 0 or None, not {error!r}",
    )


def _rows(samples: Any, order: Array) -> Any:
    if isinstance(samples, FeatureSet):
        return FeatureSet(samples.features[order], samples.logs[order])
    return samples[order]


def _corners(count: int, seed: int) -> Array:
    random = np.random.default_rng(seed)
    centres = SQUARE.centres[random.choice(4, count, p=SQUARE.weights)]
    return (centres + SQUARE.deviation * random.normal(size=(count, 2))).astype(np.float32)


def _log_probabilities(count: int, seed: int) -> Array:
    return np.log(np.random.default_rng(seed).dirichlet(np.full(CLASSES, 0.3), count))


def _features(count: int, seed: int) -> Array:
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, DIMENSIONS)) / np.arange(1, DIMENSIONS + 1) + 1).astype(np.float32)
