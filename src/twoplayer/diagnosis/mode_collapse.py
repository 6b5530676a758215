"""Complete mode collapse: all samples are almost identical, or there are only a few different ones.

Measured: the width of the samples over the width of the data, and the share of pairs of samples that are closer than
99 of 100 pairs of the data.

Source: Goodfellow 2016, "NIPS 2016 Tutorial: Generative Adversarial Networks", section 5.1.1; Arora, Risteski & Zhang
2018, "Do GANs learn the distribution? Some theory and empirics", for the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from twoplayer.diagnosis._advice import stabilize
from twoplayer.diagnosis._base import FailureCase, Indicator
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import curves, panels, reference_level, samples
from twoplayer.diagnosis._probes import flat_samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext
    from twoplayer.diagnosis._time_series import Array

__all__ = ["ModeCollapse"]

WIDTH_THRESHOLD, WIDTH_CERTAIN = 0.2, 0.03
"""Width of the samples over the data's."""
CLOSE_PAIRS_THRESHOLD, CLOSE_PAIRS_CERTAIN = 0.5, 0.95
"""Share of pairs of samples that are closer than 99 of 100 pairs of the data."""
CLOSE_QUANTILE = 0.01
MAX_PAIRED_SAMPLES = 1_000
"""Samples whose pairs are compared."""


@final
class ModeCollapse(FailureMode):
    """Samples that are almost identical."""

    severity: ClassVar[int] = 3
    supersedes: ClassVar[tuple[str, ...]] = ("partial-collapse",)

    def cases(self, context: RunContext) -> Sequence[FailureCase]:
        context.require_past_beginning()
        real = np.asarray(flat_samples(context.to_network(context.stored_train)).cpu())
        fake = np.asarray(flat_samples(context.network_samples).cpu())
        width = Indicator(
            "width of the samples over the data's", _width(fake) / max(_width(real), 1e-12), WIDTH_THRESHOLD,
            WIDTH_CERTAIN, "0.7 to 1.2", logarithmic=True,
        )  # fmt: skip
        close_pairs = Indicator(
            "share of pairs closer than 99 % of the data's", close_pair_share(fake, real), CLOSE_PAIRS_THRESHOLD,
            CLOSE_PAIRS_CERTAIN, "0 to 0.15",
        )  # fmt: skip
        advice = stabilize(context.config)
        verdict = "The generator has collapsed: {}."
        return [
            FailureCase(
                verdict.format("its samples lie in a small part of the data's space"), (width,), advice, (close_pairs,)
            ),
            FailureCase(verdict.format("most of its samples are alike"), (close_pairs,), advice, (width,)),
        ]

    def picture(self, context: RunContext) -> Figure:
        figure, axes = panels(3, width=12)
        samples(axes[0], context.stored_train, "Data")
        samples(axes[1], context.samples, "Samples", real=context.stored_train)
        curves(axes[2], context.sample_log, ["deviation"], "Width of the samples over the run")
        reference_level(axes[2], context.data_location.deviation, "data")
        return figure


def close_pair_share(samples: Array, real: Array) -> float:
    """The share of pairs of samples ``(N, F)`` that are closer than 99 of 100 pairs of real samples ``(M, F)``."""
    from scipy.spatial.distance import pdist

    close = np.quantile(pdist(real[:MAX_PAIRED_SAMPLES]), CLOSE_QUANTILE)
    return float((pdist(samples[:MAX_PAIRED_SAMPLES]) < close).mean())


def _width(rows: Array) -> float:
    """Root mean square distance of rows from their mean."""
    return float(np.sqrt(((rows - rows.mean(0)) ** 2).sum(1).mean()))
