"""Memorization: samples are nearer to the training data than new real data are.

For each generated sample the nearest neighbour is searched among as many training as held-out samples: without
memorization it is a training sample half of the time, whatever the quality of the samples. The standard error of that
share counts a neighbour that many samples have in common once. C_T, which compares distances to the training data with
those of held-out data, is reported with it, since either statistic alone can mislead.

Source: Meehan, Chaudhuri & Dasgupta 2020, "A non-parametric test to detect data-copying in generative models", for C_T;
Xu et al. 2018, "An empirical study on evaluation metrics of generative adversarial networks", section 3.2, for nearest
neighbours against held-out data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple, final

import numpy as np

from twoplayer.diagnosis._base import Advice, FailureCase, Indicator, Unavailable
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import histograms, image_rows, panels, scatter
from twoplayer.diagnosis._probes import flat_samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext
    from twoplayer.diagnosis._time_series import Array

__all__ = ["Memorization"]

SHARE_THRESHOLD, SHARE_CERTAIN = 0.65, 0.9
"""Share of samples whose nearest real neighbour is a training sample, of as many training as held-out samples."""
ERRORS_THRESHOLD, ERRORS_CERTAIN = 3.0, 6.0
"""The same, in standard errors above one half."""
C_T_THRESHOLD, C_T_CERTAIN = -4.0, -12.0
MIN_HELD_OUT = 16
"""Held-out samples below which the comparison is not made."""
MAX_COLUMNS = 10
"""Samples in the picture."""


class NeighbourDistances(NamedTuple):
    """The nearest real neighbours of each generated sample."""

    share: float
    """Of samples that are nearer to a training sample than to any of as many held-out ones."""
    standard_errors: float
    """By how many standard errors the share exceeds one half."""
    nearest_train: Array
    """Index of the nearest training sample, ``(N,)``."""
    to_train: Array
    """Distances, ``(N,)``."""
    to_held_out: Array


@final
class Memorization(FailureMode):
    """A generator that reproduces its training data."""

    severity: ClassVar[int] = 2

    def cases(self, context: RunContext) -> Sequence[FailureCase]:
        from twoplayer.metrics.memorization_test import memorization_test

        distances = _neighbour_distances(context)
        often = Indicator(
            "share of samples nearer to training than to held-out data", distances.share, SHARE_THRESHOLD,
            SHARE_CERTAIN, "0.45 to 0.6",
        )  # fmt: skip
        significant = Indicator(
            "the same in standard errors above one half", distances.standard_errors, ERRORS_THRESHOLD, ERRORS_CERTAIN,
            "-2 to 2",
        )  # fmt: skip
        c_t = Indicator(
            "C_T: below 0 where samples are nearer than held-out data",
            memorization_test(*_rows(context), cells=1).value, C_T_THRESHOLD, C_T_CERTAIN, "-3 to 30",
        )  # fmt: skip
        verdict = (
            f"The generator has memorized training samples: {distances.share:.0%} of its samples are nearer to one of "
            "them than to any of as many held-out ones, where 50 % are expected by chance."
        )
        return [FailureCase(verdict, (often, significant), _advice(context), (c_t,))]

    def picture(self, context: RunContext) -> Figure:
        distances = _neighbour_distances(context)
        figure, (left, right) = panels(2, width=12, height=4)
        named = {"to training data": distances.to_train, "to held-out data": distances.to_held_out}
        histograms(right, named, "Distances of samples to their nearest neighbours", "distance")
        if context.kind == "points":
            scatter(left, context.stored_train, context.samples, "Samples over training data")
            return figure
        stride = max(1, len(distances.to_train) // MAX_COLUMNS)
        shown = np.argsort(distances.to_train)[::stride][:MAX_COLUMNS]
        rows = [context.samples[shown], context.stored_train[distances.nearest_train[shown]]]
        image_rows(left, rows, "Samples, and below each the nearest training image")
        return figure


def _neighbour_distances(context: RunContext) -> NeighbourDistances:
    from twoplayer.metrics._nearest import nearest

    samples, train, held_out = _rows(context)
    train_neighbours, held_out_neighbours = nearest(samples, train, 1), nearest(samples, held_out, 1)
    to_train, to_held_out = train_neighbours.distances[:, 0], held_out_neighbours.distances[:, 0]
    nearest_train, nearest_held_out = train_neighbours.indices[:, 0], held_out_neighbours.indices[:, 0]
    nearer = (to_train < to_held_out) + 0.5 * (to_train == to_held_out)
    share = float(nearer.mean())
    standard_error = 0.5 / math.sqrt(effective_sample_size(nearest_train, nearest_held_out, nearer))
    return NeighbourDistances(share, (share - 0.5) / standard_error, nearest_train, to_train, to_held_out)


def effective_sample_size(nearest_train: Array, nearest_held_out: Array, nearer: Array) -> float:
    """The number of independent samples that N samples are worth if some share a neighbour: (Σ n)² / Σ n².

    Args:
        nearest_train: index of each sample's nearest training sample, ``(N,)``.
        nearest_held_out: index of each sample's nearest held-out sample, ``(N,)``.
        nearer: 1 where the training sample is the nearer one, 0 where the held-out sample is, ``(N,)``.
    """
    owner = np.where(nearer >= 0.5, nearest_train, -1 - nearest_held_out)
    counts = np.unique(owner, return_counts=True)[1].astype(float)
    return float(counts.sum() ** 2 / (counts**2).sum())


def _rows(context: RunContext) -> tuple[Array, Array, Array]:
    """Generated samples, and as many training as held-out samples, as rows for distances."""
    if len(context.dataset.held_out) < MIN_HELD_OUT:
        raise Unavailable(f"fewer than {MIN_HELD_OUT} samples were held out of training, which the comparison needs")
    count = min(len(context.stored_train), len(context.stored_held_out))
    train, held_out = (context.to_network(rows[:count]) for rows in (context.stored_train, context.stored_held_out))
    sides = (context.network_samples, train, held_out)
    sample_rows, train_rows, held_out_rows = (np.asarray(flat_samples(x).cpu()) for x in sides)
    return sample_rows, train_rows, held_out_rows


def _advice(context: RunContext) -> Advice:
    images = context.status.get("images_seen") or 0
    count = len(context.dataset.train)
    epochs = images / max(1, count)
    reason = f"each of {count:,} training samples was seen {epochs:,.0f} times: stop sooner"
    return Advice(reason, {"images": str(max(1, int(images // 4)))}, removed_flags=("steps", "max-time", "budget"))
