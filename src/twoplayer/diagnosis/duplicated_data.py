"""Samples repeat others exactly, in the training data, or in both training and held-out data.

Copies weigh double in what is learnt, and a held-out sample that was trained on makes every test against held-out data
say that all is well.

Source: Barz & Denzler 2020, "Do We Train on Test Data? Purging CIFAR of Near-Duplicates"; Lee et al. 2022,
"Deduplicating Training Data Makes Language Models Better", for memorization that follows.
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
    from twoplayer.diagnosis._time_series import Array

__all__ = ["DuplicatedData"]

MANY, MOST = 0.05, 0.5
"""Share of the training samples that repeat an earlier one."""
LEAKED, ALL = 0.05, 0.5
"""Share of the held-out samples that are training samples too."""
LOOKED_AT = 512 * 2**20
"""Bytes of training data that are looked at."""
SHOWN = 36


@final
class DuplicatedData(FailureMode):
    """Copies among the data."""

    severity: ClassVar[int] = 1

    def cases(self, patient: RunContext) -> Sequence[FailureCase]:
        train, held_out = _rows(patient.dataset.train), patient.dataset.held_out
        share = data.copies(train)
        repeated = Indicator(
            "share of training samples that repeat others", share, MANY, MOST, "0 to 0.01", logarithmic=True
        )
        leaked = Indicator(
            "share of held-out samples trained on", data.copies(held_out, train), LEAKED, ALL, "0 to 0.01",
            logarithmic=True,
        )  # fmt: skip
        advice = Advice("each sample is wanted once", data="np.unique(x, axis=0)")
        verdict = f"{share:.0%} of the training samples repeat others exactly."
        other = f"{leaked.value:.0%} of the held-out samples were trained on: figures measured on them flatter."
        return [
            FailureCase(verdict, (repeated,), advice, (leaked,)),
            FailureCase(other, (leaked,), advice, (repeated,)),
        ]

    def picture(self, patient: RunContext) -> Figure:
        figure, (left, right) = panels(2)
        rows = _rows(patient.dataset.train)
        _, first, counts = np.unique(rows.reshape(len(rows), -1), axis=0, return_index=True, return_counts=True)
        often = np.argsort(-counts, kind="stable")[:SHOWN]
        samples(left, np.asarray(rows[first[often]]), "The samples that repeat most", real=patient.stored)
        times = np.bincount(np.minimum(counts, 10))[1:]
        labels = [*map(str, range(1, len(times))), "10+" if len(times) == 10 else str(len(times))]
        bars(right, labels, [float(n) for n in times], "How many samples are there how often")
        return figure


def _rows(train: Array) -> Array:
    return np.asarray(train[: max(2, LOOKED_AT // max(1, train[:1].nbytes))])
