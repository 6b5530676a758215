"""Share of samples farther from their nearest training sample than that one is from its own nearest.

Source: Alaa, van Breugel, Saveliev, van der Schaar, 2022, How faithful is your synthetic data? Sample-level metrics for
evaluating and auditing generative models, section 4.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from twoplayer.metrics._base import Array, Estimate, Metric, Need, Parts
from twoplayer.metrics._jackknife import mean
from twoplayer.metrics._nearest import Neighbours, nearest

__all__ = ["Authenticity", "authenticity"]


def authenticity(samples: Array, train: Array) -> Estimate:
    """The share of authentic samples, in [0, 1], of features ``(N, F)`` and ``(M, F)``.

    A sample is authentic where d(sample, t) > d(t, t'), t being its nearest training sample and t' the nearest other
    training sample of t (Alaa et al. 2022, section 4.2). Copies never are; samples far from all data always are: noise
    scores 1, and the share that held-out real samples reach is the one to compare with. The authors' code took the
    radii of the wrong training samples (evaluating-generative-models#4).
    """
    return _share(nearest(samples, train, 1), train)


@final
class Authenticity(Metric[Array, Parts]):
    """`authenticity` as a metric."""

    figure: ClassVar[str] = "authenticity"
    higher_is_better: ClassVar[bool | None] = None
    needs: ClassVar[Need] = "copies"

    def measure(self, samples: Array, reference: Parts) -> Estimate:
        found = reference.shared("nearest in train", samples, lambda: nearest(samples, reference.train, 1))
        return _share(found, reference.train)


def _share(found: Neighbours, train: Array) -> Estimate:
    # Only those radii that some sample asks for: ten thousand samples need a sixth of sixty thousand.
    asked, places = np.unique(found.indices[:, 0], return_inverse=True)
    radii = nearest(train[asked], train, 2).distances[:, 1]  # the nearest one is the sample itself
    return mean(found.distances[:, 0] > radii[places])
