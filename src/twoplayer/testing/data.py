"""The contract of data sources: what a data set holds, and that opening it twice gives the same."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from twoplayer.data import Dataset, DataSettings
from twoplayer.testing._member import Member

__all__ = ["check_data_source"]

CHECKED_ROWS = 1000
"""How many samples of a large data set are looked at."""


def check_data_source(source: Any, *arguments: Any, settings: DataSettings | None = None, **options: Any) -> None:
    """Check the contract of a data source.

    Images are uint8 ``(N, H, W, C)`` with C 1 or 3, points finite numbers ``(N, D)``; labels are indices into the names
    of classes; opening it again gives the same samples and key; a density belongs to its points.

    Args:
        source: a registered name, a class, or an object.
        arguments: positional arguments of the constructor, such as a path.
        settings: what to open it with; small defaults and a cache of its own where it is left out.
        options: keyword arguments of the constructor.

    Raises:
        AssertionError: where the contract is broken; the message says what was expected.
    """
    with tempfile.TemporaryDirectory() as cache:
        settings = settings or DataSettings(cache=Path(cache), progress=False)
        member = Member.of("data", source, *arguments, options=options)
        with member.raises_nothing("open"), member.keeps_global_random_state("open"):
            dataset = member.make().open(settings)
        member.require(isinstance(dataset, Dataset), f"open must return a Dataset, not {type(dataset).__name__}")
        _check_samples(member, dataset)
        _check_labels(member, dataset)
        _check_density(member, dataset)
        again = member.make().open(settings)
        same = all(np.array_equal(getattr(dataset, part), getattr(again, part)) for part in ("train", "held_out"))
        member.require(same, "opening it again must give the same samples")
        member.require(dataset.key and dataset.key == again.key, "opening it again must give the same key, not empty")


def _check_samples(member: Member, dataset: Dataset) -> None:
    member.require(dataset.kind in ("images", "points"), f"kind must be images or points, not {dataset.kind!r}")
    member.require(len(dataset.train) >= 2, f"there must be at least 2 training samples, not {len(dataset.train)}")
    for part in ("train", "held_out"):
        samples = getattr(dataset, part)
        if dataset.kind == "images":
            fits = samples.dtype == np.uint8 and samples.ndim == 4 and samples.shape[3] in (1, 3)
            member.require(
                fits, f"{part} must hold images uint8 (N, H, W, 1 or 3), not {samples.dtype} {samples.shape}"
            )
        else:
            fits = samples.dtype in (np.float32, np.float64) and samples.ndim == 2
            member.require(
                fits, f"{part} must hold points float32 or float64 (N, D), not {samples.dtype} {samples.shape}"
            )
            member.require(np.isfinite(samples[:CHECKED_ROWS]).all(), f"{part} must hold finite points")
    member.require(
        dataset.train.shape[1:] == dataset.held_out.shape[1:], "train and held_out must hold samples of one shape"
    )


def _check_labels(member: Member, dataset: Dataset) -> None:
    for part in ("train", "held_out"):
        labels, samples = getattr(dataset, f"{part}_labels"), getattr(dataset, part)
        if labels is None:
            continue
        member.require(len(labels) == len(samples), f"{part}_labels must have one entry for each sample")
        names = len(dataset.class_names)
        fits = len(labels) == 0 or (labels.min() >= 0 and labels.max() < names)
        member.require(
            np.issubdtype(labels.dtype, np.integer) and fits, f"{part}_labels must be whole numbers in [0, {names})"
        )


def _check_density(member: Member, dataset: Dataset) -> None:
    density = dataset.density
    if density is None:
        return
    width = dataset.train.shape[1]
    member.require(density.dimension == width, f"the density's dimension must be {width}, not {density.dimension}")
    logs = density.log_density(np.asarray(dataset.train[:CHECKED_ROWS]))
    member.require(
        logs.shape == (min(CHECKED_ROWS, len(dataset.train)),) and np.isfinite(logs).all(),
        "log_density must be finite (N,) at the training points",
    )
    drawn = density.sample(50, np.random.default_rng(0))
    member.require(drawn.shape == (50, width), f"the density must sample (50, {width}), not {drawn.shape}")
    if (weights := density.mode_weights) is not None:
        member.require(np.isclose(weights.sum(), 1), f"mode_weights must sum to 1, not {weights.sum():g}")
