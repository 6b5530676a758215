"""A channel of the images, or a coordinate of the points, is constant.

A constant channel carries no information, but a critic separates samples from data by it: any generated value that
differs from the constant identifies a sample.

Source: Arjovsky & Bottou 2017, "Towards Principled Methods for Training Generative Adversarial Networks", theorem 2.1:
data on a lower-dimensional set can be separated from samples perfectly.
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

MAX_LISTED = 10
"""Channels listed in the verdict."""
MAX_BARS = 32


@final
class ConstantChannels(FailureMode):
    """Training data with a constant channel or coordinate."""

    severity: ClassVar[int] = 1

    def cases(self, context: RunContext) -> Sequence[FailureCase]:
        stored = context.stored_train
        constant, count = data.constant_channels(stored), stored.shape[-1]
        unit = "channel" if context.kind == "images" else "coordinate"
        indicator = Indicator(f"constant {unit}s", len(constant), 0.0, 1.0, "0")
        listed = ", ".join(map(str, constant[:MAX_LISTED]))
        verdict = f"{len(constant)} of {count} {unit}s are constant: {listed}."
        if context.kind == "points":
            repair = f"np.delete(x, {constant}, axis=1)"
        else:  # one channel that varies, since images have one or three
            varying = np.setdiff1d(np.arange(count), constant)
            repair = f"x[..., [{int(varying[0]) if len(varying) else 0}]]"
        return [FailureCase(verdict, (indicator,), Advice(f"a constant {unit} is better left out", data=repair))]

    def picture(self, context: RunContext) -> Figure:
        figure, (left, right) = panels(2)
        rows = context.stored_train.reshape(-1, context.stored_train.shape[-1])
        labels = [str(i) for i in range(rows.shape[1])][:MAX_BARS]
        bars(left, labels, [float(v) for v in rows.std(0)[:MAX_BARS]], "Standard deviation of each")
        samples(right, context.stored_train, "Data")
        return figure
