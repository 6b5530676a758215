"""A data set's judge: its classifier with all it says of the real data, made once and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from twoplayer.cache import cache_root
from twoplayer.files import json_text, write_atomic
from twoplayer.metrics._base import Array, Extracted, Moments, Statistics
from twoplayer.metrics._classifier import RECIPE, Classifier, extract, train
from twoplayer.metrics._frechet import moments
from twoplayer.rng import numpy_generator

__all__ = ["Judge", "LabelledImages", "judge"]

FORMAT = 1
REFERENCE_LIMIT = 60_000
HELD_OUT_LIMIT = 10_000

Say = Callable[[str], None]


class LabelledImages(Protocol):
    """Images uint8 ``(N, H, W, C)`` with labels ``(N,)``, as a data set of the data family has them."""

    @property
    def train(self) -> Array: ...
    @property
    def train_labels(self) -> Array | None: ...
    @property
    def held_out(self) -> Array: ...
    @property
    def held_out_labels(self) -> Array | None: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def key(self) -> str: ...


@dataclass(frozen=True, eq=False)
class Judge:
    """A trained classifier and the real data as it sees them."""

    classifier: Classifier
    accuracy: float | None
    """Share of held-out images labelled correctly; None where none has a label."""
    reference: Statistics
    """Of the training images, at most 60,000 of them."""
    held_out: Extracted
    """Of the held-out images, at most 10,000 of them, in random order."""

    def extract(self, images: Array) -> Extracted:
        """What the classifier sees in images uint8 ``(N, H, W, C)``."""
        return _extracted(*extract(self.classifier, images))


@dataclass(frozen=True, eq=False)
class _Stored:
    """A judge as it lies on disk: tensors, and the facts beside them."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def judge(
    data: LabelledImages,
    *,
    cache: Path | None = None,
    device: torch.device | str = "cpu",
    say: Say | None = None,
) -> Judge:
    """The judge of `data`, out of the cache or newly trained and put there.

    `cache` is the folder, None meaning $TWOPLAYER_CACHE or else ~/.cache/twoplayer; the judge lies there as
    ``classifiers/KEY.safetensors`` and ``KEY.json``. A damaged file is replaced, and a cache that cannot be
    written costs a warning and the same training next time.
    """
    path = cache_root(cache) / "classifiers" / f"{_key(data)}.safetensors"
    stored = _load(path)
    if stored is None:
        stored = _make(data, device, say)
        _save(path, stored)
    return _judge(stored, device)


def _make(data: LabelledImages, device: torch.device | str, say: Say | None) -> _Stored:
    assert data.train_labels is not None
    started = time.monotonic()
    classifier = train(data.train, data.train_labels, _classes(data), device=device, say=say)
    if say:
        say("extracting the features of real images")
    features, logits = extract(classifier, data.train[_some(len(data.train), REFERENCE_LIMIT, "reference")])
    real = _extracted(features, logits)
    reference = moments(real.features)
    rows = _some(len(data.held_out), HELD_OUT_LIMIT, "held out")
    tensors = {f"classifier.{k}": v.detach().cpu().contiguous() for k, v in classifier.state_dict().items()}
    tensors["reference.mean"] = torch.from_numpy(reference.mean)
    tensors["reference.covariance"] = torch.from_numpy(reference.covariance)
    tensors["reference.class_probabilities"] = torch.from_numpy(np.exp(real.log_probabilities).mean(0))
    tensors["held_out.features"], tensors["held_out.logits"] = extract(classifier, data.held_out[rows])
    facts = {
        "format": FORMAT,
        "recipe": RECIPE,
        "accuracy": _accuracy(tensors["held_out.logits"], data.held_out_labels, rows),
        "shape": list(data.train.shape[1:]),
        "classes": _classes(data),
        "train_images": len(data.train),
        "held_out_images": len(rows),
        "seconds": round(time.monotonic() - started, 1),
        "torch": torch.__version__,
    }
    return _Stored(tensors, facts)


def _judge(stored: _Stored, device: torch.device | str) -> Judge:
    (height, width, channels), tensors = stored.facts["shape"], stored.tensors
    classifier = Classifier(channels, min(height, width), stored.facts["classes"])
    classifier.load_state_dict(
        {k.removeprefix("classifier."): v for k, v in tensors.items() if k.startswith("classifier.")}
    )
    classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    reference = Moments(tensors["reference.mean"].numpy(), tensors["reference.covariance"].numpy())
    return Judge(
        classifier.to(device).eval(),
        stored.facts["accuracy"],
        Statistics(reference, tensors["reference.class_probabilities"].numpy()),
        _extracted(tensors["held_out.features"], tensors["held_out.logits"]),
    )


def _save(path: Path, stored: _Stored) -> None:
    from safetensors.torch import save

    data = save(stored.tensors)
    facts = {**stored.facts, "digest": _digest(data)}
    try:
        write_atomic(path, data)
        write_atomic(path.with_suffix(".json"), json_text(facts, indent=2) + "\n")
    except OSError as problem:
        message = f"{path.parent} cannot keep the classifier ({problem.strerror}): set TWOPLAYER_CACHE."
        warnings.warn(message, UserWarning, stacklevel=4)


def _load(path: Path) -> _Stored | None:
    """What lies at `path`, or None where nothing does or the two files are not whole and of one making."""
    from safetensors.torch import load

    try:
        data, facts = path.read_bytes(), json.loads(path.with_suffix(".json").read_bytes())
    except (OSError, ValueError):
        return None
    whole = isinstance(facts, dict) and facts.get("format") == FORMAT and facts.get("digest") == _digest(data)
    return _Stored(load(data), facts) if whole else None


def _extracted(features: Tensor, logits: Tensor) -> Extracted:
    return Extracted(features.double().numpy(), logits.double().log_softmax(1).numpy())


def _accuracy(logits: Tensor, labels: Array | None, rows: Array) -> float | None:
    if labels is None or len(rows) == 0:
        return None
    return float((logits.argmax(1).numpy() == labels[rows]).mean())


def _classes(data: LabelledImages) -> int:
    assert data.train_labels is not None
    return max(len(data.class_names), int(data.train_labels.max()) + 1)


def _some(count: int, limit: int, purpose: str) -> Array:
    """At most `limit` of `count` rows, in an order that has nothing to do with the files'."""
    return numpy_generator(0, purpose).permutation(count)[:limit]


def _key(data: LabelledImages) -> str:
    """Hash of the recipe and of the data: of their key where they have one, else of their content."""
    described = f"{RECIPE}/{data.key}/{data.train.shape}/{_classes(data)}"
    digest = hashlib.blake2b(described.encode(), digest_size=8)
    if not data.key:
        for array in (data.train, data.train_labels, data.held_out, data.held_out_labels):
            digest.update(b"" if array is None else np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
