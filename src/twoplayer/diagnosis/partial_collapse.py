"""Partial mode collapse: modes or classes are missing, samples repeat themselves, or diversity falls.

Measured, whichever the data allow: modes of a known density, and classes predicted by a classifier of the data's own
labels, that get less than a fifth of their share of the samples; the number of modes that ``twoplayer evaluate`` counts
as covered, which is smaller if samples lie beside their modes; the birthday test, which estimates the number of
different samples; recall far below precision; and the width of the samples over the run. Classes and recall are used
only if a classifier recognizes the samples: the classes of samples that resemble no class are arbitrary.

Source: Arora, Risteski & Zhang 2018, "Do GANs learn the distribution? Some theory and empirics" (1706.08224), section
3; Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models"; Lin et al. 2018,
"PacGAN: The power of two samples in generative adversarial networks", section 4.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from twoplayer.diagnosis._advice import stabilize
from twoplayer.diagnosis._base import FailureCase, Indicator, Unavailable
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import bars, curves, panels, reference_level, samples
from twoplayer.diagnosis._signals import final_share

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._mode_histogram import ModeHistogram
    from twoplayer.diagnosis._run_context import RunContext

__all__ = ["PartialCollapse"]

MISSING_BELOW = 0.2
"""Share of the data's share below which a mode or class counts as missing."""
MIN_EXPECTED_SAMPLES = 10
"""Samples expected at a mode below which its absence is not counted."""
MISSING_THRESHOLD, MISSING_CERTAIN = 0.0, 0.25
"""Share of the modes or classes that are missing."""
COVERED_THRESHOLD = 0.5
"""Share of the modes that are covered."""
HIGH_QUALITY_THRESHOLD = 0.05
"""Share of the samples within 3 standard deviations of a mode."""
DIFFERENT_THRESHOLD, DIFFERENT_CERTAIN = 3e3, 1e2
"""Different samples, estimated by the birthday test."""
RECALL_GAP_THRESHOLD, RECALL_GAP_CERTAIN = 0.5, 0.8
"""Precision less recall."""
CONFIDENCE_THRESHOLD, CONFIDENCE_CERTAIN = 0.65, 0.4
"""Median probability of a classifier's predicted class, below which its predictions are not used."""
FINAL_WIDTH_THRESHOLD, FINAL_WIDTH_CERTAIN = 0.5, 0.2
"""Width of the samples at the end over their largest width."""
WIDTH_THRESHOLD, WIDTH_CERTAIN = 0.7, 0.3
"""Width of the samples at the end over the data's."""
MAX_BARS = 25
MAX_LISTED = 10
"""Modes or classes in the picture, and in the verdict."""


@final
class PartialCollapse(FailureMode):
    """A generator that leaves out a part of the data."""

    severity: ClassVar[int] = 2

    def cases(self, context: RunContext) -> Sequence[FailureCase]:
        context.require_past_beginning()
        cases, reasons = [], []
        for measure in (_mode_cases, _class_cases, _diversity_cases, _width_cases):
            try:
                cases += list(measure(context))
            except Unavailable as reason:
                reasons.append(str(reason))
        if not cases:
            raise Unavailable("; ".join(dict.fromkeys(reasons)))
        return cases

    def picture(self, context: RunContext) -> Figure:
        figure, axes = panels(3, width=12)
        samples(axes[0], context.samples, "Samples", real=context.stored_train)
        coverage = context.mode_coverage
        histogram = context.features.histogram if coverage is None else coverage.histogram
        if histogram is not None:
            order = np.argsort(histogram.sample_shares / np.maximum(histogram.data_shares, 1e-12))[:MAX_BARS]
            labels = [histogram.names[i] for i in order]
            sample_shares = [float(x) for x in histogram.sample_shares[order]]
            data_shares = [float(x) for x in histogram.data_shares[order]]
            bars(axes[1], labels, sample_shares, f"Share of each {histogram.unit}", marks=data_shares)
        else:
            samples(axes[1], context.stored_train, "Data")
        curves(axes[2], context.sample_log_if_any, ["deviation"], "Width of the samples over the run")
        reference_level(axes[2], context.data_location.deviation, "data")
        return figure


def _mode_cases(context: RunContext) -> Iterator[FailureCase]:
    """Modes with too few samples, and too few modes covered: blurred modes have samples and are not covered."""
    coverage = context.mode_coverage
    if coverage is None:
        return
    count = len(coverage.histogram.names)
    covered = Indicator(f"modes covered, of {count}", coverage.covered, COVERED_THRESHOLD * count, 0.0, str(count))
    high_quality = Indicator(
        "share of samples within 3 standard deviations of a mode", coverage.high_quality, HIGH_QUALITY_THRESHOLD, 0.0,
        "0.05 to 0.99",
    )  # fmt: skip
    counted = f"{coverage.covered} of {count} modes are covered, as twoplayer evaluate counts"
    for case in _missing_cases(context, coverage.histogram):
        yield FailureCase(f"{case.verdict} {counted}.", case.indicators, case.advice, (covered, high_quality))
    verdict = f"{counted}: {coverage.high_quality:.2%} of the samples lie within 3 standard deviations of one."
    yield FailureCase(verdict, (covered,), stabilize(context.config), (high_quality,))


def _class_cases(context: RunContext) -> Iterator[FailureCase]:
    """Classes with too few samples."""
    features = context.features
    if features.histogram is None:
        return
    if features.confidence < CONFIDENCE_THRESHOLD:
        raise Unavailable("a classifier of the data does not recognize the samples")
    yield from _missing_cases(context, features.histogram)


def _missing_cases(context: RunContext, histogram: ModeHistogram) -> Iterator[FailureCase]:
    """Modes or classes with less than a fifth of their share of the samples; a sample counts for its nearest mode."""
    judged = np.asarray(histogram.data_shares * len(context.samples) >= MIN_EXPECTED_SAMPLES)
    missing = judged & (histogram.sample_shares < MISSING_BELOW * histogram.data_shares)
    plural = histogram.unit + ("es" if histogram.unit.endswith("s") else "s")
    share = float(missing.sum()) / max(1, int(judged.sum()))
    indicator = Indicator(
        f"share of {plural} with less than a fifth of their samples", share, MISSING_THRESHOLD, MISSING_CERTAIN, "0"
    )
    names = [histogram.names[i] for i in np.flatnonzero(missing)]
    listed = ", ".join(names[:MAX_LISTED]) + (f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else "")
    verdict = f"{missing.sum()} of {judged.sum()} {plural} get less than a fifth of their expected samples: {listed}."
    yield FailureCase(verdict, (indicator,), stabilize(context.config))


def _diversity_cases(context: RunContext) -> Iterator[FailureCase]:
    """Near duplicates, and recall below precision; not for data with a few narrow modes, where both are normal.

    Recall is low too for samples that do not resemble the data yet, which the classifier's confidence shows.
    """
    if context.mode_coverage is not None:
        return
    from twoplayer.metrics.precision import precision
    from twoplayer.metrics.recall import recall
    from twoplayer.metrics.support_size import support_size

    features = context.features
    different = Indicator(
        "different samples by the birthday test", support_size(features.samples, features.real).value,
        DIFFERENT_THRESHOLD, DIFFERENT_CERTAIN, "above 10,000", logarithmic=True,
    )  # fmt: skip
    precision_value = precision(features.samples, features.real).value
    recall_value = recall(features.samples, features.real).value
    gap = Indicator(
        "precision less recall", precision_value - recall_value, RECALL_GAP_THRESHOLD, RECALL_GAP_CERTAIN, "-0.3 to 0.4"
    )
    confidence = Indicator(
        "confidence of a classifier in its predictions", features.confidence, CONFIDENCE_THRESHOLD, CONFIDENCE_CERTAIN,
        f"{CONFIDENCE_THRESHOLD:g} to 1",
    )  # fmt: skip
    verdict = f"The generator repeats itself: it makes about {different.value:,.0f} different samples."
    yield FailureCase(verdict, (different,), stabilize(context.config), (gap, confidence))
    if features.confidence < CONFIDENCE_THRESHOLD:
        return
    verdict = (
        f"The samples resemble the data (precision {precision_value:.0%}) but leave out most of them (recall "
        f"{recall_value:.0%})."
    )
    yield FailureCase(verdict, (gap,), stabilize(context.config), (different, confidence))


def _width_cases(context: RunContext) -> Iterator[FailureCase]:
    """Samples that became narrower over the run."""
    end = Indicator(
        "width of the samples at the end over their largest width", final_share(context.sample_log["deviation"]),
        FINAL_WIDTH_THRESHOLD, FINAL_WIDTH_CERTAIN, "0.8 to 1",
    )  # fmt: skip
    width = float(np.median(context.sample_log.late("deviation", 0.1))) / max(context.data_location.deviation, 1e-12)
    narrow = Indicator("width of the samples over the data's", width, WIDTH_THRESHOLD, WIDTH_CERTAIN, "0.8 to 1.2")
    verdict = "The samples were more diverse earlier in the run."
    yield FailureCase(verdict, (end, narrow), stabilize(context.config))
