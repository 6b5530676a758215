"""The data are outside the range for which the networks are built.

Images are trained in [-1, 1], the range of the generator's tanh, and points in units of about one. Images stored in
[0, 255] or [0, 1] whose range was misinterpreted fill a small part of that range, half of it, or lie far outside.

Source: Radford et al. 2016, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks", section 4: images scaled to the range of the tanh.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from twoplayer.diagnosis._base import Advice, FailureCase, Indicator
from twoplayer.diagnosis._data import ValueRange, value_range
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import histograms, panels, samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.data._base import Dataset
    from twoplayer.diagnosis._run_context import RunContext
    from twoplayer.diagnosis._time_series import Array

__all__ = ["DataRange", "range_cases"]

WIDTH_THRESHOLD, WIDTH_CERTAIN = 0.25, 0.05
"""Length of the range that contains 99 of 100 values of images; the full range is 2 long."""
LOW_QUANTILE_THRESHOLD, LOW_QUANTILE_CERTAIN = -0.25, -0.02
"""0.5 % quantile of the values of images."""
MAGNITUDE_THRESHOLD, MAGNITUDE_CERTAIN = 1.1, 2.0
"""Largest absolute value of images; a tanh reaches 1."""
LARGE_DEVIATION_THRESHOLD, LARGE_DEVIATION_CERTAIN = 20.0, 100.0
"""Largest standard deviation of a coordinate of points; networks are initialized for about 1."""
SMALL_DEVIATION_THRESHOLD, SMALL_DEVIATION_CERTAIN = 0.02, 0.002
"""Smallest standard deviation of a coordinate of points."""
MAX_HISTOGRAM_VALUES = 200_000


@final
class DataRange(FailureMode):
    """Training data that the generator cannot, or can hardly, reproduce because of their range."""

    severity: ClassVar[int] = 3

    def cases(self, context: RunContext) -> Sequence[FailureCase]:
        return range_cases(context.dataset, context.stored_train)

    def picture(self, context: RunContext) -> Figure:
        figure, (left, right) = panels(2)
        tensors = {"data": context.to_network(context.stored_train), "generated": context.network_samples}
        values = {name: np.asarray(x.cpu()).ravel()[:MAX_HISTOGRAM_VALUES] for name, x in tensors.items()}
        histograms(left, values, "Values as the networks receive them", "value")
        samples(right, context.stored_train, "Data")
        return figure


def range_cases(dataset: Dataset, stored: Array) -> list[FailureCase]:
    """The ways in which training samples (in stored form) may be out of range."""
    import torch

    from twoplayer.training.batches import to_network

    values = value_range(np.asarray(to_network(torch.from_numpy(np.array(stored)), dataset)))
    return _image_cases(values, stored) if dataset.kind == "images" else _point_cases(values)


def _image_cases(values: ValueRange, stored: Array) -> list[FailureCase]:
    magnitude = max(-values.low, values.high)
    narrow = Indicator(
        "range of the values, of 2", values.central_width, WIDTH_THRESHOLD, WIDTH_CERTAIN, "0.6 to 2", logarithmic=True
    )
    lower = Indicator(
        "0.5 % quantile of the values", values.low_quantile, LOW_QUANTILE_THRESHOLD, LOW_QUANTILE_CERTAIN,
        "-1 to -0.5",
    )  # fmt: skip
    beyond = Indicator(
        "largest absolute value", magnitude, MAGNITUDE_THRESHOLD, MAGNITUDE_CERTAIN, "0.5 to 1", logarithmic=True
    )
    advice = Advice(
        "images scaled to the full range of their type fill [-1, 1]",
        data="((x - x.min()) / (np.ptp(x) or 1) * 255).round().astype(np.uint8)",
    )
    explanation = " (they look like numbers in [0, 1] stored as bytes)" if int(stored.max()) <= 1 else ""
    return [
        FailureCase(
            f"The images fill {values.low:.3g} to {values.high:.3g} of [-1, 1]{explanation}: to a network they all "
            "look alike.",
            (narrow,), advice,
        ),
        FailureCase(
            f"Almost no value of the images is below {values.low_quantile:.3g} of [-1, 1]: they look like numbers in "
            "[0, 1] that were taken for [-1, 1].",
            (lower,), advice, (narrow,),
        ),
        FailureCase(
            f"The values of the images reach {magnitude:.3g}, and those of the generator's tanh end at 1.",
            (beyond,), advice,
        ),
    ]  # fmt: skip


def _point_cases(values: ValueRange) -> list[FailureCase]:
    large = Indicator(
        "largest standard deviation of a coordinate", values.largest_deviation, LARGE_DEVIATION_THRESHOLD,
        LARGE_DEVIATION_CERTAIN, "0.3 to 5", logarithmic=True,
    )  # fmt: skip
    small = Indicator(
        "smallest standard deviation of a coordinate", values.smallest_deviation, SMALL_DEVIATION_THRESHOLD,
        SMALL_DEVIATION_CERTAIN, "0.3 to 5", logarithmic=True,
    )  # fmt: skip
    advice = Advice("points from a file are standardized before training", data="x")
    verdict = "A coordinate of the points has a standard deviation of {:.3g}; networks are initialized for about 1."
    return [
        FailureCase(verdict.format(values.largest_deviation), (large,), advice, (small,)),
        FailureCase(verdict.format(values.smallest_deviation), (small,), advice, (large,)),
    ]
