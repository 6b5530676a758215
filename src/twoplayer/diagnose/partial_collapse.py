"""Partial collapse: modes or classes are missing, samples repeat themselves, diversity falls.

Looked at, whichever the data allow: modes of a known density, and classes by a classifier of the data's own labels,
that get less than a fifth of what is due to them; the birthday test, how many different samples would repeat
themselves as often; recall far under precision; and the width of the samples over the run.

Source: Arora, Risteski & Zhang 2018, "Do GANs learn the distribution? Some theory and empirics" (1706.08224), section
3; Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models"; Lin et al. 2018,
"PacGAN: The power of two samples in generative adversarial networks", section 4.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from twoplayer.diagnose._advice import calmer
from twoplayer.diagnose._base import Case, Disease, Sign, Unavailable
from twoplayer.diagnose._pictures import bars, curves, level, panels, samples
from twoplayer.diagnose._signals import fall

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnose._course import Array
    from twoplayer.diagnose._patient import Patient

__all__ = ["PartialCollapse"]

DUE = 0.2
"""A mode or class is missing that gets less than this share of what the data give it."""
LEAST = 10
"""Samples that must be due to a mode before its absence means anything."""
SOME, MANY = 0.0, 0.25
"""Share of the modes or classes that are missing."""
REPEATING, FEW = 3e3, 1e2
"""Different samples, by the birthday test."""
BEHIND, FAR = 0.5, 0.8
"""Precision less recall."""
LESS, LITTLE = 0.5, 0.2
"""Width of the samples at the end over what it once was."""
SHOWN = 25
"""Modes or classes in a picture."""


@final
class PartialCollapse(Disease):
    """A generator that leaves out a part of the data."""

    severity: ClassVar[int] = 2

    def cases(self, patient: Patient) -> Sequence[Case]:
        found, reasons = [], []
        for ways in (_modes, _classes, _spread, _falling):
            try:
                found += list(ways(patient))
            except Unavailable as reason:
                reasons.append(str(reason))
        if not found:
            raise Unavailable("; ".join(dict.fromkeys(reasons)))
        return found

    def picture(self, patient: Patient) -> Figure:
        figure, axes = panels(3, width=12)
        samples(axes[0], patient.samples, "Samples", real=patient.stored)
        shares = patient.mode_shares or patient.class_shares
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


def _modes(patient: Patient) -> Iterator[Case]:
    if (shares := patient.mode_shares) is not None:
        yield from _missing(patient, shares.found, shares.due, shares.names, shares.unit)


def _classes(patient: Patient) -> Iterator[Case]:
    if (shares := patient.class_shares) is not None:
        yield from _missing(patient, shares.found, shares.due, shares.names, shares.unit)


def _missing(patient: Patient, found: Array, due: Array, names: Sequence[str], unit: str) -> Iterator[Case]:
    judged = due * len(patient.samples) >= LEAST
    missing = judged & (found < DUE * due)
    plural = unit + ("es" if unit.endswith("s") else "s")
    sign = Sign(f"share of {plural} missing", float(missing.sum()) / max(1, int(judged.sum())), SOME, MANY, "0")
    absent = ", ".join(names[i] for i in np.flatnonzero(missing)[:10])
    more = " and others" if missing.sum() > 10 else ""
    verdict = f"{missing.sum()} of {judged.sum()} {plural} are missing from the samples: {absent}{more}."
    yield Case(verdict, (sign,), calmer(patient.config))


def _spread(patient: Patient) -> Iterator[Case]:
    """Near duplicates, and recall under precision; not where the data are a few narrow modes: those have both."""
    if patient.mode_shares is not None:
        return
    from twoplayer.metrics.precision import precision
    from twoplayer.metrics.recall import recall
    from twoplayer.metrics.support_size import support_size

    seen = patient.features
    different = Sign(
        "different samples by the birthday test", support_size(seen.samples, seen.real).value, REPEATING, FEW,
        "above 10,000", logarithmic=True,
    )  # fmt: skip
    like, covered = precision(seen.samples, seen.real).value, recall(seen.samples, seen.real).value
    behind = Sign("precision less recall", like - covered, BEHIND, FAR, "-0.3 to 0.4")
    verdict = f"The generator repeats itself: about {different.value:,.0f} different samples explain how often."
    yield Case(verdict, (different,), calmer(patient.config), (behind,))
    verdict = f"The samples are like the data ({like:.0%}) but leave out most of them (recall {covered:.0%})."
    yield Case(verdict, (behind,), calmer(patient.config), (different,))


def _falling(patient: Patient) -> Iterator[Case]:
    widths = patient.statistics["deviation"]
    end = Sign("width of the samples over what it once was", fall(widths), LESS, LITTLE, "0.8 to 1")
    now = float(np.median(patient.statistics.late("deviation", 0.1))) / max(patient.place.deviation, 1e-12)
    narrow = Sign("width of the samples over the data's", now, 0.7, 0.3, "0.8 to 1.2")
    yield Case("The samples were more diverse earlier in the run.", (end, narrow), calmer(patient.config))
