"""Real data as an extractor sees them: made once, and kept in the cache by the content of both."""

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

__all__ = ["ReferenceData", "extracted", "held_out_limit", "places", "reference"]

FORMAT = 1
"""Part of every key: raise it when the same data and extractor would be kept otherwise."""
TRAIN_LIMIT = 60_000
HELD_OUT_LIMIT = 10_000
STACKED_LIMIT = 26_000
BLOCK = 8192
BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class ReferenceData:
    """Real data, both parts in an order that has nothing to do with the files'."""

    train: Features
    """At most 60,000 training samples."""
    held_out: Features
    """At most 10,000 held-out samples, or 26,000 stacked digits."""
    kept_moments: Moments | None = None
    """Of all of `train`, where they were kept."""

    @cached_property
    def moments(self) -> Moments:
        """Of all of `train`."""
        return moments(self.train.features) if self.kept_moments is None else self.kept_moments

    def real(self, count: int, *, classes: bool) -> ReferenceFeatures:
        """What `count` samples are held against: as many training samples, and what is known of all of them.

        Either their features and moments, or, with `classes`, what is predicted besides.
        """
        seen, logits = self.train.head(count), self.train.logits
        if not classes or logits is None:
            return ReferenceFeatures(FeatureSet(seen.features), self.moments)
        return ReferenceFeatures(extracted(seen), self.moments, _mean_probabilities(logits))

    def parts(self, held_out: slice = slice(None)) -> ReferenceParts:
        """The features of all of both parts, or of some that were held out."""
        return ReferenceParts(self.train.features, self.held_out.features[held_out])


def reference(data: ExtractorData, extractor: Extractor, where: ExtractorContext) -> ReferenceData:
    """The reference of `data` for `extractor`, out of the cache or newly made and put there.

    It lies there as ``features/KEY.safetensors`` and ``KEY.json``. Damaged files are told and replaced; a cache that
    cannot be written costs a warning and the same work next time.
    """
    folder, key = cache_root(where.cache) / "features", _key(data, extractor)
    kept = None if extractor.cheap else recall(folder, key)
    if kept is None:
        if where.say and not extractor.cheap and any(folder.glob(f"{key}.*")):
            where.say(f"what {folder} keeps of {data.name} is damaged, and is made anew")
        kept = _made(data, extractor, where)
        if not extractor.cheap:
            keep(folder, key, kept, "the features of the real data")
    return _restored(kept)


def places(count: int, purpose: str = "reference", limit: int = TRAIN_LIMIT) -> Array:
    """Which of `count` samples of a part a reference holds, in its order; of the training part unless told."""
    return numpy_generator(0, purpose).permutation(count)[:limit]


def extracted(seen: Features) -> FeatureSet:
    """What was seen as metrics take it, with log-probabilities in float64 for logits."""
    if seen.logits is None:
        return FeatureSet(seen.features)
    logs = np.empty(seen.logits.shape)
    for start in range(0, len(logs), BLOCK):
        logs[start : start + BLOCK] = _log_softmax(seen.logits[start : start + BLOCK])
    return FeatureSet(seen.features, logs)


def _made(data: ExtractorData, extractor: Extractor, where: ExtractorContext) -> CacheEntry:
    parts = {
        "train": _look(data.train, "reference", TRAIN_LIMIT, extractor, where),
        "held_out": _look(data.held_out, "held out", held_out_limit(data), extractor, where),
    }
    arrays = {f"{name}.features": seen.features for name, seen in parts.items()}
    arrays |= {f"{name}.logits": seen.logits for name, seen in parts.items() if seen.logits is not None}
    features = parts["train"].features
    # Moments of fewer vectors than dimensions have a root as large as the features: sooner made than read.
    if len(features) > features.shape[1] and not extractor.cheap:
        found = moments(features)
        arrays |= {"moments.mean": found.mean, "moments.covariance": found.covariance}
    facts = {"data": data.name, "extractor": extractor.label, "identity": extractor.identity, "train": len(features)}
    return CacheEntry(arrays, facts)


def _restored(kept: CacheEntry) -> ReferenceData:
    arrays = kept.arrays
    train, held_out = (
        Features(arrays[f"{name}.features"], arrays.get(f"{name}.logits")) for name in ("train", "held_out")
    )
    known = "moments.mean" in arrays
    return ReferenceData(
        train, held_out, Moments(arrays["moments.mean"], arrays["moments.covariance"]) if known else None
    )


def held_out_limit(data: ExtractorData) -> int:
    """How many held-out samples are looked at, at most."""
    # The divergence of 1,000 modes depends on the number of samples, and is published of 26,000.
    return STACKED_LIMIT if getattr(data, "stacked", False) else HELD_OUT_LIMIT


def _look(samples: Array, purpose: str, limit: int, extractor: Extractor, where: ExtractorContext) -> Features:
    """At most `limit` samples, in random order, as the extractor sees them."""
    rows = places(len(samples), purpose, limit)
    step = max(1, min(2048, BYTES // max(1, samples[:1].nbytes)))
    pieces = []
    for start in range(0, max(1, len(rows)), step):
        pieces.append(extractor.extract(samples[rows[start : start + step]]))
        if where.say and not extractor.cheap:
            done = min(1.0, (start + step) / max(1, len(rows)))
            where.say(f"{extractor.label} looks at real data ({purpose}): {done:.0%}")
    return Features.joined(pieces)


def _log_softmax(logits: Array) -> Array:
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(1, keepdims=True))
    return shifted


def _mean_probabilities(logits: Array) -> Array:
    blocks = (logits[start : start + BLOCK] for start in range(0, len(logits), BLOCK))
    return np.asarray(sum(np.exp(_log_softmax(block)).sum(0) for block in blocks) / len(logits))


def _key(data: ExtractorData, extractor: Extractor) -> str:
    described = f"{FORMAT}/{of_data(data)}/{extractor.label}/{extractor.identity}/{TRAIN_LIMIT}"
    described += f"/{held_out_limit(data)}"
    return hashlib.blake2b(described.encode(), digest_size=8).hexdigest()
