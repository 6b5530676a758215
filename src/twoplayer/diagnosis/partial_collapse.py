"""Partial collapse: modes or classes are missing, samples repeat themselves, diversity falls.

Looked at, whichever the data allow: modes of a known density, and classes by a classifier of the data's own labels,
that get less than a fifth of what is due to them; how many modes `twoplayer evaluate` counts as covered, which is fewer
where samples lie beside their modes; the birthday test, how many different samples would repeat themselves as often;
recall far under precision; and the width of the samples over the run. Classes and recall only where a classifier
recognizes the samples: what is unlike all data is not a part of them.

Source: Arora, Risteski & Zhang 2018, "Do GANs learn the distribution? Some theory and empirics" (1706.08224), section
3; Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models"; Lin et al. 2018,
"PacGAN: The power of two samples in generative adversarial networks", section 4.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from twoplayer.diagnosis._advice import calmer
from twoplayer.diagnosis._base import FailureCase, Indicator, Unavailable
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import bars, curves, level, panels, samples
from twoplayer.diagnosis._signals import fall

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._mode_histogram import ModeHistogram
    from twoplayer.diagnosis._run_context import RunContext
    from twoplayer.diagnosis._time_series import Array

__all__ = ["PartialCollapse"]

DUE = 0.2
"""A mode or class is missing that gets less than this share of what the data give it."""
LEAST = 10
"""Samples that must be due to a mode before its absence means anything."""
SOME, MANY = 0.0, 0.25
"""Share of the modes or classes that are missing."""
OUT = 0.5
"""Share of the modes that are covered, below which most are left out."""
REPEATING, FEW = 3e3, 1e2
"""Different samples, by the birthday test."""
BEHIND, FAR = 0.5, 0.8
"""Precision less recall."""
SURE = 0.65
"""How sure a classifier must be of most samples: of shapes that are none of its classes it only guesses the class."""
LESS, LITTLE = 0.5, 0.2
"""Width of the samples at the end over what it once was."""
SHOWN = 25
"""Modes or classes in a picture."""


@final
class PartialCollapse(FailureMode):
    """A generator that leaves out a part of the data."""

    severity: ClassVar[int] = 2

    def cases(self, patient: RunContext) -> Sequence[FailureCase]:
        patient.require_past_its_beginning()
        found, reasons = [], []
        for ways in (_modes, _classes, _spread, _falling):
            try:
                found += list(ways(patient))
            except Unavailable as reason:
                reasons.append(str(reason))
        if not found:
            raise Unavailable("; ".join(dict.fromkeys(reasons)))
        return found

    def picture(self, patient: RunContext) -> Figure:
        figure, axes = panels(3, width=12)
        samples(axes[0], patient.samples, "Samples", real=patient.stored)
        shares = patient.class_shares if patient.modes is None else patient.modes.shares
        if shares is not None:
            order = np.argsort(shares.found / np.maximum(shares.due, 1e-12))[:SHOWN]
            labels = [shares.names[i] for i in order]
            found, due = ([float(x) for x in some[order]] for some in (shares.found, shares.due))
            bars(axes[1], labels, found, f"Share of each {shares.unit}", marks=due)
        else:
            samples(axes[1], patient.stored, "Data")
        curves(axes[2], patient.logged, ["deviation"], "Width of the samples over the run")
        level(axes[2], patient.place.deviation, "data")
        return figure


def _modes(patient: RunContext) -> Iterator[FailureCase]:
    """Modes that get too little, and samples that cover hardly any: what is blurred is there, though it covers none."""
    if patient.modes is None:
        return
    shares, covered, near = patient.modes
    count = len(shares.names)
    sign = Indicator(f"modes covered, of {count}", covered, OUT * count, 0.0, str(count))
    within = Indicator("share of samples within 3 standard deviations of a mode", near, 0.05, 0.0, "0.05 to 0.99")
    told = f"{covered} of {count} modes are covered, as twoplayer evaluate counts"
    for case in _missing(patient, shares):
        yield FailureCase(f"{case.verdict} {told}.", case.signs, case.advice, (sign, within))
    verdict = f"{told}: {near:.2%} of the samples lie within 3 standard deviations of one."
    yield FailureCase(verdict, (sign,), calmer(patient.config), (within,))


def _classes(patient: RunContext) -> Iterator[FailureCase]:
    if (shares := patient.class_shares) is None:
        return
    if patient.features.sure < SURE:
        raise Unavailable("a classifier of the data does not recognize the samples")
    yield from _missing(patient, shares)


def _missing(patient: RunContext, shares: ModeHistogram) -> Iterator[FailureCase]:
    """Modes or classes that get too little of the samples, each of which counts for its nearest one."""
    judged = _judged(patient, shares)
    missing = judged & (shares.found < DUE * shares.due)
    plural = shares.unit + ("es" if shares.unit.endswith("s") else "s")
    share = float(missing.sum()) / max(1, int(judged.sum()))
    sign = Indicator(f"share of {plural} with less than a fifth of their samples", share, SOME, MANY, "0")
    verdict = (
        f"{missing.sum()} of {judged.sum()} {plural} get less than a fifth of the samples that are due to them: "
        f"{_listed(shares, missing)}."
    )
    yield FailureCase(verdict, (sign,), calmer(patient.config))


def _judged(patient: RunContext, shares: ModeHistogram) -> Array:
    return np.asarray(shares.due * len(patient.samples) >= LEAST)


def _listed(shares: ModeHistogram, some: Array) -> str:
    names = [shares.names[i] for i in np.flatnonzero(some)]
    return ", ".join(names[:10]) + (f" and {len(names) - 10} others" if len(names) > 10 else "")


def _spread(patient: RunContext) -> Iterator[FailureCase]:
    """Near duplicates, and recall under precision; not where the data are a few narrow modes: those have both.

    Recall is low too where all samples differ and none is like the data yet, which a classifier notices.
    """
    if patient.modes is not None:
        return
    from twoplayer.metrics.precision import precision
    from twoplayer.metrics.recall import recall
    from twoplayer.metrics.support_size import support_size

    seen = patient.features
    different = Indicator(
        "different samples by the birthday test", support_size(seen.samples, seen.real).value, REPEATING, FEW,
        "above 10,000", logarithmic=True,
    )  # fmt: skip
    like, covered = precision(seen.samples, seen.real).value, recall(seen.samples, seen.real).value
    behind = Indicator("precision less recall", like - covered, BEHIND, FAR, "-0.3 to 0.4")
    sure = Indicator("how sure a classifier is of the samples", seen.sure, SURE, 0.4, f"{SURE:g} to 1")
    verdict = f"The generator repeats itself: about {different.value:,.0f} different samples explain how often."
    yield FailureCase(verdict, (different,), calmer(patient.config), (behind, sure))
    if seen.sure < SURE:
        return
    verdict = f"The samples are like the data ({like:.0%}) but leave out most of them (recall {covered:.0%})."
    yield FailureCase(verdict, (behind,), calmer(patient.config), (different, sure))


def _falling(patient: RunContext) -> Iterator[FailureCase]:
    widths = patient.statistics["deviation"]
    end = Indicator("width of the samples over what it once was", fall(widths), LESS, LITTLE, "0.8 to 1")
    now = float(np.median(patient.statistics.late("deviation", 0.1))) / max(patient.place.deviation, 1e-12)
    narrow = Indicator("width of the samples over the data's", now, 0.7, 0.3, "0.8 to 1.2")
    yield FailureCase("The samples were more diverse earlier in the run.", (end, narrow), calmer(patient.config))
