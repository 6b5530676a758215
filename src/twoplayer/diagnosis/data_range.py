"""The data are not in the range that the players are made for.

Images are trained in [-1, 1], the range of the generator's tanh, and points in units of about one. Values in [0, 255]
or [0, 1] that were taken for something else fill a sliver of that range, half of it, or lie far outside.

Source: Radford et al. 2016, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks", section 4: images scaled to the range of the tanh.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from twoplayer.diagnosis import _data as data
from twoplayer.diagnosis._base import Advice, FailureCase, Indicator
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import histograms, panels, samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.data._base import Dataset
    from twoplayer.diagnosis._run_context import RunContext
    from twoplayer.diagnosis._time_series import Array

__all__ = ["DataRange", "range_cases"]

SLIVER, THIN = 0.25, 0.05
"""Length of the range that 99 of 100 values keep to; that of all networks' values is 2."""
BEYOND, FAR = 1.1, 2.0
"""Largest absolute value, where tanh reaches 1."""
WIDE, WIDEST = 20.0, 100.0
"""Standard deviation of points, in which networks begin with about one."""
NARROW, LEAST = 0.02, 0.002


@final
class DataRange(FailureMode):
    """Data that a generator cannot, or can hardly, reach."""

    severity: ClassVar[int] = 3

    def cases(self, patient: RunContext) -> Sequence[FailureCase]:
        return range_cases(patient.dataset, patient.stored)

    def picture(self, patient: RunContext) -> Figure:
        figure, (left, right) = panels(2)
        seen = {"data": np.asarray(patient.seen(patient.stored).cpu()).ravel()[:200_000]}
        seen["generated"] = np.asarray(patient.shown.cpu()).ravel()[:200_000]
        histograms(left, seen, "Values as the networks see them", "value")
        samples(right, patient.stored, "Data")
        return figure


def range_cases(dataset: Dataset, stored: Array) -> list[FailureCase]:
    """The ways in which these training samples may be out of range."""
    import torch

    from twoplayer.training.batches import to_network

    found = data.span(np.asarray(to_network(torch.from_numpy(np.array(stored)), dataset)))
    return _of_images(found, stored) if dataset.kind == "images" else _of_points(found)


def _of_images(found: data.ValueRange, stored: Array) -> list[FailureCase]:
    whole = "((x - x.min()) / (np.ptp(x) or 1) * 255).round().astype(np.uint8)"
    thin = Indicator("range of the values, of 2", found.middle, SLIVER, THIN, "0.6 to 2", logarithmic=True)
    lower = Indicator("value that all but one in 200 exceed", found.lower, -0.25, -0.02, "-1 to -0.5")
    beyond = Indicator("largest absolute value", max(-found.low, found.high), BEYOND, FAR, "0.5 to 1", logarithmic=True)
    kept = "what networks see of them then fills [-1, 1]"
    looks = " (they look like numbers in [0, 1] stored as bytes)" if int(stored.max()) <= 1 else ""
    return [
        FailureCase(
            f"The images fill {found.low:.3g} to {found.high:.3g} of [-1, 1]{looks}: to a network all are the same.",
            (thin,), Advice(kept, data=whole),
        ),
        FailureCase(
            f"Hardly a value of the images is below {found.lower:.3g} of [-1, 1]: they look like numbers in [0, 1] "
            "that were taken for [-1, 1].",
            (lower,), Advice(kept, data=whole), (thin,),
        ),
        FailureCase(
            f"The images reach to {max(-found.low, found.high):.3g}, and the generator's tanh ends at 1.",
            (beyond,), Advice(kept, data=whole),
        ),
    ]  # fmt: skip


def _of_points(found: data.ValueRange) -> list[FailureCase]:
    wide = Indicator("largest deviation of a coordinate", found.widest, WIDE, WIDEST, "0.3 to 5", logarithmic=True)
    narrow = Indicator(
        "smallest deviation of a coordinate", found.narrowest, NARROW, LEAST, "0.3 to 5", logarithmic=True
    )
    advice = Advice("points from a file are standardized before training", data="x")
    return [
        FailureCase(
            f"The points spread over {found.widest:.3g}, and networks begin at about 1.", (wide,), advice, (narrow,)
        ),
        FailureCase(
            f"The points spread over {found.narrowest:.3g}, and networks begin at about 1.", (narrow,), advice, (wide,)
        ),
    ]
