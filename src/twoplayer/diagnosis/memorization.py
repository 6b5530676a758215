"""Memorization: samples are nearer to the training data than fresh real data are.

As many training as held-out samples are laid side by side, and each generated sample finds its nearest one: where
nothing is memorized it is a training sample as often as not, whatever the samples look like. The error of that share
counts a training sample that many samples share once. C_T, which compares distances to the training data with those of
held-out data, stands beside it, since either misleads alone.

Source: Meehan, Chaudhuri & Dasgupta 2020, "A non-parametric test to detect data-copying in generative models", for C_T;
Xu et al. 2018, "An empirical study on evaluation metrics of generative adversarial networks", section 3.2, for nearest
neighbours against held-out data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple, final

import numpy as np

from twoplayer.diagnosis import _probes as measured
from twoplayer.diagnosis._base import Advice, FailureCase, Indicator, Unavailable
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import histograms, pairs, panels, scatter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext
    from twoplayer.diagnosis._time_series import Array

__all__ = ["Memorization"]

OFTEN, ALWAYS = 0.65, 0.9
"""Share of the samples whose nearest real neighbour is a training sample, of as many training as held-out ones."""
ERRORS, MANY = 3.0, 6.0
"""The same, in standard errors above one half."""
FEWEST = 16
"""Held-out samples below which nothing can be said."""
COLUMNS = 10
"""Samples in a picture."""


class NeighbourDistances(NamedTuple):
    """Where each generated sample has its nearest real neighbours, and how far."""

    share: float
    """Of samples that are nearer to a training sample than to any of as many held-out ones."""
    errors: float
    """How many standard errors that is above one half."""
    nearest: Array
    """Row of the nearest training sample."""
    to_train: Array
    to_held_out: Array


@final
class Memorization(FailureMode):
    """A generator that gives its training data back."""

    severity: ClassVar[int] = 2

    def cases(self, patient: RunContext) -> Sequence[FailureCase]:
        found = _look(patient)
        often = Indicator(
            "share of samples nearer to training than to held-out data", found.share, OFTEN, ALWAYS, "0.45 to 0.6"
        )
        sure = Indicator("the same in standard errors above one half", found.errors, ERRORS, MANY, "-2 to 2")
        samples, train, held_out = _rows(patient)
        from twoplayer.metrics.memorization_test import memorization_test

        test = memorization_test(samples, train, held_out, cells=1).value
        beside = Indicator("C_T: below 0 where samples are nearer than held-out data", test, -4.0, -12.0, "-3 to 30")
        verdict = (
            f"The generator has learnt training samples by heart: {found.share:.0%} of its samples are nearer to one "
            "of them than to any of as many held-out ones, where chance is 50 %."
        )
        return [FailureCase(verdict, (often, sure), _advice(patient), (beside,))]

    def picture(self, patient: RunContext) -> Figure:
        found = _look(patient)
        figure, (left, right) = panels(2, width=12, height=4)
        distances = {"to training data": found.to_train, "to held-out data": found.to_held_out}
        histograms(right, distances, "Distance of samples to their nearest", "distance")
        if patient.kind == "points":
            scatter(left, patient.stored, patient.samples, "Samples over training data")
            return figure
        closest = np.argsort(found.to_train)[:: max(1, len(found.to_train) // COLUMNS)][:COLUMNS]
        rows = [patient.samples[closest], patient.stored[found.nearest[closest]]]
        pairs(left, rows, "Samples, and beneath each the nearest training image")
        return figure


def _look(patient: RunContext) -> NeighbourDistances:
    from twoplayer.metrics._nearest import nearest

    samples, train, held_out = _rows(patient)
    known, others = nearest(samples, train, 1), nearest(samples, held_out, 1)
    to_train, to_held_out = known.distances[:, 0], others.distances[:, 0]
    nearer = (to_train < to_held_out) + 0.5 * (to_train == to_held_out)
    share, independent = float(nearer.mean()), _independent(known.indices[:, 0], others.indices[:, 0], nearer)
    errors = (share - 0.5) / (0.5 / math.sqrt(independent))
    return NeighbourDistances(share, errors, known.indices[:, 0], to_train, to_held_out)


def _independent(known: Array, others: Array, nearer: Array) -> float:
    """How many independent samples these are worth: those that share a neighbour say the same thing."""
    owner = np.where(nearer >= 0.5, known, -1 - others)
    counts = np.unique(owner, return_counts=True)[1].astype(float)
    return float(counts.sum() ** 2 / (counts**2).sum())


def _rows(patient: RunContext) -> tuple[Array, Array, Array]:
    """Samples, and as many training as held-out ones, in the coordinates in which distances are taken."""
    if len(patient.dataset.held_out) < FEWEST:
        raise Unavailable(
            f"fewer than {FEWEST} samples were held out of training, and nothing else is a fair comparison"
        )
    count = min(len(patient.stored), len(patient.stored_held_out))
    sides = (patient.shown, patient.seen(patient.stored[:count]), patient.seen(patient.stored_held_out[:count]))
    samples, train, held_out = (np.asarray(measured.coordinates(x).cpu()) for x in sides)
    return samples, train, held_out


def _advice(patient: RunContext) -> Advice:
    images = patient.status.get("images_seen") or 0
    epochs = images / max(1, len(patient.dataset.train))
    fewer = max(1, int(images // 4))
    why = f"each of {len(patient.dataset.train):,} training samples was seen {epochs:,.0f} times: stop sooner"
    return Advice(why, {"images": str(fewer)}, without=("steps", "budget"))
