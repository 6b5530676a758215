"""The contract of extractors: features that depend on a sample alone, and an identity."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.registry import family
from twoplayer.extractors import ExtractorContext
from twoplayer.testing._member import Member
from twoplayer.testing._samples import image_data, point_data

__all__ = ["check_extractor"]

BATCH_TOLERANCE = 1e-6
"""Of features in batches of another size, relative to the largest feature."""


def check_extractor(extractor: Any, *, data: Any = None, **options: Any) -> None:
    """Check the contract of an extractor.

    Its features are finite float32 rows, one for each sample, that depend on neither the batch nor the order; logits
    come with `has_classes`; two of one identity are made alike, without drawing from global random generators;
    samples of the other kind are refused.

    Args:
        extractor: a registered name, a class, which is constructed as ``(data, context, **options)``, or an object.
        data: the data set that it is made for; made-up images or points where it is left out.
        options: keyword arguments of the constructor.

    Raises:
        AssertionError: where the contract is broken; the message says what was expected.
    """
    with tempfile.TemporaryDirectory() as cache:
        if data is None:
            kind = family("extractors").find(extractor).kind if isinstance(extractor, str) else extractor.kind
            data = point_data() if kind == "points" else image_data()
        context = ExtractorContext(cache=Path(cache))
        member = Member.of("extractors", extractor, data, context, options=options)
        with member.keeps_global_random_state("making one"):
            made = member.make()
        member.require(made.kind == data.kind, f"its kind is {made.kind!r}, but the data are {data.kind}")
        _check_features(member, made, data.held_out)
        _check_batches(member, made, data.held_out)
        member.require(
            isinstance(made.identity, str) and made.identity and made.identity == member.make().identity,
            "identity must be the same hash for the same weights and settings",
        )
        if made.kind == "images":
            with member.raises(UserError, "extracting features of images in [0, 1]"):
                made.extract(data.held_out / 255)
        other = image_data() if made.kind == "points" else point_data()
        with member.raises(UserError, f"extracting features of {other.kind}"):
            made.extract(other.held_out)


def _check_features(member: Member, extractor: Any, samples: Any) -> None:
    with member.raises_nothing("extract"):
        features = extractor.extract(samples)
        none = extractor.extract(samples[:0])
    rows = features.features
    member.require(
        rows.dtype == np.float32 and rows.ndim == 2 and len(rows) == len(samples),
        f"features must be float32 ({len(samples)}, F), not {rows.dtype} {rows.shape}",
    )
    member.require(np.isfinite(rows).all(), "features must be finite")
    member.require((rows.std(0) > 0).any(), "features must depend on the samples")
    member.require(
        extractor.dimension in (None, rows.shape[1]),
        f"dimension must be None or {rows.shape[1]}, not {extractor.dimension}",
    )
    member.require(
        (features.logits is not None) == extractor.has_classes,
        "there must be logits where has_classes is true, and only there",
    )
    member.require(len(none) == 0 and none.features.ndim == 2, "no samples must give features (0, F)")
    label = extractor.label
    member.require(isinstance(label, str) and label.replace("_", "").isalnum(), f"label must be a name, not {label!r}")


def _check_batches(member: Member, extractor: Any, samples: Any) -> None:
    whole, order = extractor.extract(samples), np.random.default_rng(0).permutation(len(samples))
    pieces = [extractor.extract(samples[order[i : i + 7]]) for i in range(0, len(order), 7)]
    for name in ("features", "logits") if whole.logits is not None else ("features",):
        together = getattr(whole, name)[order]
        apart = np.concatenate([getattr(piece, name) for piece in pieces])
        difference = np.abs(apart - together).max()
        member.require(
            difference <= BATCH_TOLERANCE * np.abs(together).max(),
            f"{name} must depend on neither batch nor order, but change by {difference:.3g}",
        )
