"""Features of real data by an extractor, computed once and cached by the content of both."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twoplayer.core.cache import CacheEntry, cache_root, keep, recall
from twoplayer.core.rng import numpy_generator
from twoplayer.extractors._base import Array, Extractor, ExtractorContext, ExtractorData, Features
from twoplayer.extractors._identity import of_data
from twoplayer.metrics._base import FeatureSet, Moments, ReferenceFeatures, ReferenceParts
from twoplayer.metrics._frechet import moments

__all__ = ["RealFeatures", "held_out_limit", "random_rows", "real_features", "with_log_probabilities"]

CACHE_FORMAT = 1
"""Part of every cache key, to be raised when cached features of equal data and extractor change."""
MAX_TRAIN_SAMPLES = 60_000
MAX_HELD_OUT_SAMPLES = 10_000
MAX_HELD_OUT_STACKED = 26_000
"""For stacked digits: the divergence of 1,000 modes depends on the sample count and is published for 26,000."""
SOFTMAX_ROWS = 8192
"""Rows of logits whose probabilities are in memory at a time."""
CHUNK_BYTES = 64 * 2**20
MAX_CHUNK_SAMPLES = 2048


@dataclass(frozen=True, eq=False)
class RealFeatures:
    """Features of the training part and of the held-out part of real data, each in random order.

    Args:
        train: features of at most 60,000 training samples.
        held_out: features of at most 10,000 held-out samples, or 26,000 for stacked digits.
        cached_moments: moments of all of `train`, where the cache holds them.
    """

    train: Features
    held_out: Features
    cached_moments: Moments | None = None

    @cached_property
    def moments(self) -> Moments:
        """Moments of all of `train`."""
        return moments(self.train.features) if self.cached_moments is None else self.cached_moments

    def reference(self, count: int, *, classes: bool) -> ReferenceFeatures:
        """The reference of `count` samples: as many training samples, and the moments of all of them.

        With `classes` it has log-probabilities and the mean class probabilities of all training samples too.
        """
        head, logits = self.train.head(count), self.train.logits
        if not classes or logits is None:
            return ReferenceFeatures(FeatureSet(head.features), self.moments)
        return ReferenceFeatures(with_log_probabilities(head), self.moments, _mean_probabilities(logits))

    def parts(self, held_out_rows: slice = slice(None)) -> ReferenceParts:
        """The features of all training samples and of some held-out samples."""
        return ReferenceParts(self.train.features, self.held_out.features[held_out_rows])


def real_features(data: ExtractorData, extractor: Extractor, context: ExtractorContext) -> RealFeatures:
    """The features of real data by an extractor, read from the cache or computed and written there.

    The cache files are ``features/KEY.safetensors`` and ``KEY.json``. Damaged files are reported and replaced; a cache
    that cannot be written causes a warning.
    """
    folder, key = cache_root(context.cache) / "features", _key(data, extractor)
    entry = None if extractor.cheap else recall(folder, key)
    if entry is None:
        if context.progress and not extractor.cheap and any(folder.glob(f"{key}.*")):
            context.progress(f"the cached features of {data.name} in {folder} are damaged and computed again")
        entry = _computed(data, extractor, context)
        if not extractor.cheap:
            keep(folder, key, entry, "the features of the real data")
    return _restored(entry)


def random_rows(count: int, purpose: str = "reference", limit: int = MAX_TRAIN_SAMPLES) -> Array:
    """The rows of `count` samples that a reference holds, in its order: at most `limit`, drawn by `purpose`.

    >>> random_rows(5, "held out", 3).shape
    (3,)
    """
    return numpy_generator(0, purpose).permutation(count)[:limit]


def with_log_probabilities(features: Features) -> FeatureSet:
    """Features in the form that metrics take, with log-probabilities in float64 in place of logits."""
    if features.logits is None:
        return FeatureSet(features.features)
    logs = np.empty(features.logits.shape)
    for start in range(0, len(logs), SOFTMAX_ROWS):
        logs[start : start + SOFTMAX_ROWS] = _log_softmax(features.logits[start : start + SOFTMAX_ROWS])
    return FeatureSet(features.features, logs)


def held_out_limit(data: ExtractorData) -> int:
    """The largest number of held-out samples whose features are computed."""
    return MAX_HELD_OUT_STACKED if data.stacked else MAX_HELD_OUT_SAMPLES


def _computed(data: ExtractorData, extractor: Extractor, context: ExtractorContext) -> CacheEntry:
    parts = {
        "train": _extract(data.train, "reference", MAX_TRAIN_SAMPLES, extractor, context),
        "held_out": _extract(data.held_out, "held out", held_out_limit(data), extractor, context),
    }
    arrays = {f"{name}.features": part.features for name, part in parts.items()}
    arrays |= {f"{name}.logits": part.logits for name, part in parts.items() if part.logits is not None}
    features = parts["train"].features
    # With fewer vectors than dimensions the root of the covariance is as large as the features: faster to recompute.
    if len(features) > features.shape[1] and not extractor.cheap:
        train_moments = moments(features)
        arrays |= {"moments.mean": train_moments.mean, "moments.covariance": train_moments.covariance}
    facts = {"data": data.name, "extractor": extractor.label, "identity": extractor.identity, "train": len(features)}
    return CacheEntry(arrays, facts)


def _restored(entry: CacheEntry) -> RealFeatures:
    arrays = entry.arrays
    train, held_out = (
        Features(arrays[f"{name}.features"], arrays.get(f"{name}.logits")) for name in ("train", "held_out")
    )
    has_moments = "moments.mean" in arrays
    return RealFeatures(
        train, held_out, Moments(arrays["moments.mean"], arrays["moments.covariance"]) if has_moments else None
    )


def _extract(samples: Array, purpose: str, limit: int, extractor: Extractor, context: ExtractorContext) -> Features:
    """The features of at most `limit` samples, in random order."""
    rows = random_rows(len(samples), purpose, limit)
    step = max(1, min(MAX_CHUNK_SAMPLES, CHUNK_BYTES // max(1, samples[:1].nbytes)))
    pieces = []
    for start in range(0, max(1, len(rows)), step):
        pieces.append(extractor.extract(samples[rows[start : start + step]]))
        if context.progress and not extractor.cheap:
            done = min(1.0, (start + step) / max(1, len(rows)))
            context.progress(f"features of real data ({purpose}) by {extractor.label}: {done:.0%}")
    return Features.joined(pieces)


def _log_softmax(logits: Array) -> Array:
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(1, keepdims=True))
    return shifted


def _mean_probabilities(logits: Array) -> Array:
    blocks = (logits[start : start + SOFTMAX_ROWS] for start in range(0, len(logits), SOFTMAX_ROWS))
    return np.asarray(sum(np.exp(_log_softmax(block)).sum(0) for block in blocks) / len(logits))


def _key(data: ExtractorData, extractor: Extractor) -> str:
    described = f"{CACHE_FORMAT}/{of_data(data)}/{extractor.label}/{extractor.identity}/{MAX_TRAIN_SAMPLES}"
    described += f"/{held_out_limit(data)}"
    return hashlib.blake2b(described.encode(), digest_size=8).hexdigest()
