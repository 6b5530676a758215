"""Samples repeat others exactly, within the training data or between training and held-out data.

Duplicates get a multiple weight in training, and measurements on held-out samples that were trained on are too good.

Source: Barz & Denzler 2020, "Do We Train on Test Data? Purging CIFAR of Near-Duplicates"; Lee et al. 2022,
"Deduplicating Training Data Makes Language Models Better", for the memorization that follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from twoplayer.diagnosis._base import Advice, FailureCase, Indicator
from twoplayer.diagnosis._data import duplicate_share
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import bars, panels, samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext
    from twoplayer.diagnosis._time_series import Array

__all__ = ["DuplicatedData"]

REPEATED_THRESHOLD, REPEATED_CERTAIN = 0.05, 0.5
"""Share of the training samples that repeat an earlier one."""
LEAKED_THRESHOLD, LEAKED_CERTAIN = 0.05, 0.5
"""Share of the held-out samples that are training samples too."""
MAX_CHECKED_BYTES = 512 * 2**20
"""Bytes of training data that are checked."""
MAX_SHOWN = 36
MAX_COUNT = 10
"""Repetitions from which on samples share a bar of the picture."""


@final
class DuplicatedData(FailureMode):
    """Exact duplicates in the data."""

    severity: ClassVar[int] = 1

    def cases(self, context: RunContext) -> Sequence[FailureCase]:
        train, held_out = _checked_rows(context.dataset.train), context.dataset.held_out
        share = duplicate_share(train)
        repeated = Indicator(
            "share of training samples that repeat others", share, REPEATED_THRESHOLD, REPEATED_CERTAIN, "0 to 0.01",
            logarithmic=True,
        )  # fmt: skip
        leaked = Indicator(
            "share of held-out samples that were trained on", duplicate_share(held_out, train), LEAKED_THRESHOLD,
            LEAKED_CERTAIN, "0 to 0.01", logarithmic=True,
        )  # fmt: skip
        advice = Advice("each sample is needed only once", data="np.unique(x, axis=0)")
        return [
            FailureCase(
                f"{share:.0%} of the training samples repeat others exactly.", (repeated,), advice, (leaked,)
            ),
            FailureCase(
                f"{leaked.value:.0%} of the held-out samples were trained on: what is measured on them is too good.",
                (leaked,), advice, (repeated,),
            ),
        ]  # fmt: skip

    def picture(self, context: RunContext) -> Figure:
        figure, (left, right) = panels(2)
        rows = _checked_rows(context.dataset.train)
        _, first, counts = np.unique(rows.reshape(len(rows), -1), axis=0, return_index=True, return_counts=True)
        most_frequent = np.argsort(-counts, kind="stable")[:MAX_SHOWN]
        repeated = np.asarray(rows[first[most_frequent]])
        samples(left, repeated, "The samples that repeat most", real=context.stored_train)
        samples_by_count = np.bincount(np.minimum(counts, MAX_COUNT))[1:]
        last = f"{MAX_COUNT}+" if len(samples_by_count) == MAX_COUNT else str(len(samples_by_count))
        labels = [*map(str, range(1, len(samples_by_count))), last]
        bars(right, labels, [float(n) for n in samples_by_count], "Distinct samples by how often they occur")
        return figure


def _checked_rows(train: Array) -> Array:
    return np.asarray(train[: max(2, MAX_CHECKED_BYTES // max(1, train[:1].nbytes))])
