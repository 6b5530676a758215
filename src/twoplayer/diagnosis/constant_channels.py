"""A channel of the images, or a coordinate of the points, has one value throughout.

Such a channel is nothing to learn and everything to a critic: any generated value other than that one gives a sample
away.

Source: Arjovsky & Bottou 2017, "Towards Principled Methods for Training Generative Adversarial Networks", theorem 2.1:
data on a lower-dimensional set are parted from samples perfectly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from twoplayer.diagnosis import _data as data
from twoplayer.diagnosis._base import Advice, FailureCase, Indicator
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import bars, panels, samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext

__all__ = ["ConstantChannels"]


@final
class ConstantChannels(FailureMode):
    """Data that are flat in some direction."""

    severity: ClassVar[int] = 1

    def cases(self, patient: RunContext) -> Sequence[FailureCase]:
        constant, count = data.constant_channels(patient.stored), patient.stored.shape[-1]
        unit = "channel" if patient.kind == "images" else "coordinate"
        sign = Indicator(f"{unit}s that never vary", len(constant), 0.0, 1.0, "0")
        verdict = f"{len(constant)} of {count} {unit}s never vary: {', '.join(map(str, constant[:10]))}."
        return [
            FailureCase(
                verdict, (sign,), Advice("what never varies is better left out", data=_repair(patient, constant))
            )
        ]

    def picture(self, patient: RunContext) -> Figure:
        figure, (left, right) = panels(2)
        rows = patient.stored.reshape(-1, patient.stored.shape[-1])
        labels = [str(i) for i in range(rows.shape[1])][:32]
        bars(left, labels, [float(v) for v in rows.std(0)[:32]], "Standard deviation of each")
        samples(right, patient.stored, "Data")
        return figure


def _repair(patient: RunContext, constant: list[int]) -> str:
    """The other coordinates; of images one channel that varies, since those have one or three."""
    if patient.kind == "points":
        return f"np.delete(x, {constant}, axis=1)"
    varying = np.setdiff1d(np.arange(patient.stored.shape[-1]), constant)
    keep = int(varying[0]) if len(varying) else 0
    return f"x[..., [{keep}]]"
