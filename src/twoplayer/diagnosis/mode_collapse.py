"""Total collapse: all samples are one, or a handful.

Looked at: how wide the samples lie, over how wide the data lie; and how many pairs of samples are closer to each other
than all but one in a hundred pairs of the data.

Source: Goodfellow 2016, "NIPS 2016 Tutorial: Generative Adversarial Networks", section 5.1.1; Arora, Risteski & Zhang
2018, "Do GANs learn the distribution? Some theory and empirics", for the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from twoplayer.diagnosis import _probes as measured
from twoplayer.diagnosis._advice import calmer
from twoplayer.diagnosis._base import FailureCase, Indicator
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import curves, panels, samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext
    from twoplayer.diagnosis._time_series import Array

__all__ = ["ModeCollapse"]

NARROW, POINT = 0.2, 0.03
"""Width of the samples over the data's."""
CROWDED, CRAMMED = 0.5, 0.95
"""Share of pairs of samples that are closer than one in a hundred pairs of the data."""
CLOSE = 0.01
PAIRS = 1_000
"""Samples whose pairs are looked at."""


@final
class ModeCollapse(FailureMode):
    """Samples that are all but one."""

    severity: ClassVar[int] = 3
    outshines: ClassVar[tuple[str, ...]] = ("partial-collapse",)

    def cases(self, patient: RunContext) -> Sequence[FailureCase]:
        patient.require_past_its_beginning()
        real, fake = (np.asarray(measured.coordinates(x).cpu()) for x in (patient.seen(patient.stored), patient.shown))
        width = Indicator(
            "width of the samples over the data's", _width(fake) / max(_width(real), 1e-12), NARROW, POINT,
            "0.7 to 1.2", logarithmic=True,
        )  # fmt: skip
        crowd = Indicator(
            "share of pairs closer than 1 % of the data's", crowding(fake, real), CROWDED, CRAMMED, "0 to 0.15"
        )
        verdict = "The generator has collapsed: {}."
        advice = calmer(patient.config)
        return [
            FailureCase(verdict.format("its samples lie in a spot of the data's space"), (width,), advice, (crowd,)),
            FailureCase(verdict.format("most of its samples are alike"), (crowd,), advice, (width,)),
        ]

    def picture(self, patient: RunContext) -> Figure:
        figure, axes = panels(3, width=12)
        samples(axes[0], patient.stored, "Data")
        samples(axes[1], patient.samples, "Samples", real=patient.stored)
        curves(axes[2], patient.statistics, ["deviation"], "Width of the samples over the run")
        axes[2].axhline(patient.place.deviation, linestyle="--", color="#4a4843")
        return figure


def crowding(samples: Array, real: Array) -> float:
    """The share of pairs of samples closer than all but one in a hundred pairs of the data, rows ``(N, F)``."""
    from scipy.spatial.distance import pdist

    return float((pdist(samples[:PAIRS]) < np.quantile(pdist(real[:PAIRS]), CLOSE)).mean())


def _width(rows: Array) -> float:
    return float(np.sqrt(((rows - rows.mean(0)) ** 2).sum(1).mean()))
