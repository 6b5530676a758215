"""Standardized coordinates of samples, in blocks of columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from twoplayer.two_sample.statistics._permute import Array

__all__ = ["standardized"]

COLUMNS = 256
"""Columns of a block."""


def standardized(samples: Array) -> Iterator[Array]:
    """Blocks of columns with mean 0 and mean square 1 over all samples, float64 ``(N, up to 256)``, constants left out.

    Mean and deviation are those of the pooled samples, so that they do not depend on the labels.
    """
    for start in range(0, samples.shape[1], COLUMNS):
        columns = samples[:, start : start + COLUMNS].astype(np.float64)
        columns = columns[:, columns.max(0) > columns.min(0)]
        columns -= columns.mean(0)
        columns /= columns.std(0)
        yield columns
