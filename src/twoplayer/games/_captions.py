"""Captions of a text game: their vectors, by an encoder that is fitted once and cached."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from twoplayer import text_encoders
from twoplayer.core.cache import cache_root
from twoplayer.core.errors import UserError
from twoplayer.core.rng import numpy_generator
from twoplayer.games._factory import MAX_STORED_ROWS, StoredConditions
from twoplayer.text_encoders._base import EncoderState, TextEncoder
from twoplayer.text_encoders._cache import load_cached, save_cached

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = ["CaptionVectors", "fitted_encoder", "restored_encoder", "stored_captions", "text_encoder_spec"]

RECIPE = 1
"""Change it with anything that changes what an encoder learns."""
DIGITS = 3
"""After the point, of vectors whose numbers are about 1, by which captions are told apart."""
MAX_DRAWS = 20
"""Captions drawn at random in search of a mismatched one before all mismatched ones are listed."""
ENCODER_PREFIX = "encoder."
"""Prefix of the encoder's tensors among those that a run stores."""


class TextEncoderSpec(NamedTuple):
    """A text encoder by its name and options."""

    name: str
    options: dict[str, Any]


class CaptionVectors:
    """Vectors of every sample's captions; in each batch one of a sample's own captions is drawn.

    Captions that the encoder cannot tell apart, such as the same words in another order to a bag of words, say the
    same. Raises `UserError` where a sample has all that there are, so that none is wrong.
    """

    def __init__(self, encoder: TextEncoder, captions: tuple[tuple[str, ...], ...]) -> None:
        counts = np.array([len(several) for several in captions])
        self.counts, self.first = counts, np.cumsum(counts) - counts
        numbers = {sentence: n for n, sentence in enumerate(dict.fromkeys(s for several in captions for s in several))}
        self.numbers = np.array([numbers[sentence] for several in captions for sentence in several])
        self.vectors = encoder.encode(list(numbers))
        alike: dict[bytes, int] = {}
        rounded = np.round(self.vectors, DIGITS) + 0.0  # no −0
        self.meanings = np.array([alike.setdefault(row.tobytes(), len(alike)) for row in rounded])[self.numbers]
        for row in np.flatnonzero(counts >= len(alike)).tolist():
            if len({*self._own(row)}) == len(alike):
                raise UserError(
                    f"the image with the caption {captions[row][0]!r} has every caption that there is, and the critic "
                    "is to be shown a wrong one with each image: give captions that tell images apart"
                )

    def __call__(self, rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Float32 ``(B, dimension)`` for the samples with those indices."""
        chosen = (random.random(len(rows)) * self.counts[rows]).astype(np.int64)
        return self._vectors(self.first[rows] + chosen)

    def mismatched(self, rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Float32 ``(B, dimension)``: for each of those samples a caption of another, drawn from all the data, that
        says what none of its own does.
        """
        return self._vectors(np.array([self._another(row, random) for row in rows.tolist()]))

    def _another(self, row: int, random: np.random.Generator) -> int:
        own = self._own(row)
        for _ in range(MAX_DRAWS):
            other = random.integers(len(self.counts))
            caption = int(self.first[other] + random.integers(self.counts[other]))
            if self.meanings[caption] not in own:
                return caption
        return int(random.choice(np.flatnonzero(~np.isin(self.meanings, own))))

    def _own(self, row: int) -> np.ndarray:
        """What the captions of that sample say."""
        return np.asarray(self.meanings[self.first[row] : self.first[row] + self.counts[row]])

    def _vectors(self, captions: np.ndarray) -> np.ndarray:
        return np.asarray(self.vectors[self.numbers[captions]])


def text_encoder_spec(encoder: str, model: str | None, dimension: int) -> TextEncoderSpec:
    """The encoder that a game's options name; `model` is for one that is loaded, `dimension` for those that learn."""
    if encoder == "sentence-transformers":
        return TextEncoderSpec(encoder, {} if model is None else {"model": _spelled(model)})
    if model is not None:
        raise UserError(
            f"{encoder} learns from the captions and takes no model: set text_encoder to sentence-transformers"
        )
    return TextEncoderSpec(encoder, {"dimension": dimension})


def fitted_encoder(spec: TextEncoderSpec, dataset: Dataset, seed: int = 0) -> TextEncoder:
    """The encoder, fitted to the training part of `dataset`, or as the cache has kept it.

    Raises `UserError` where the data have no captions.
    """
    if dataset.train_captions is None:
        raise UserError(
            f"{dataset.name} has no captions, or not one for each image: put a table beside the images, captions.csv "
            "or captions.jsonl, with a column file and a column caption, or name the columns (data.captions)"
        )
    encoder: TextEncoder = text_encoders.create(spec.name, **spec.options)
    folder = cache_root() / "texts"
    key = _key(spec, dataset, seed)
    known = load_cached(folder, key)
    if known is not None:
        encoder.restore(known)
        return encoder
    encoder.fit(dataset.train_captions, dataset.train, seed)
    if encoder.state().tensors:
        save_cached(folder, key, encoder.state(), "the text encoder")
    return encoder


def stored_captions(encoder: TextEncoder, dataset: Dataset) -> StoredConditions:
    """Different captions with their vectors and how often each is given, relative to others, and the encoder itself, so
    that new texts can be read without the data.
    """
    assert dataset.train_captions is not None
    frequency: defaultdict[str, float] = defaultdict(float)
    for several in dataset.train_captions:
        for sentence in several:
            frequency[sentence] += 1 / len(several)
    sentences = sorted(frequency)
    order = numpy_generator(0, "kept captions").permutation(len(sentences))[:MAX_STORED_ROWS]
    texts = tuple(sentences[row] for row in order)
    weights = torch.tensor([frequency[text] for text in texts], dtype=torch.float64)
    tensors = {"vectors": torch.from_numpy(encoder.encode(texts)), "weights": weights}
    return StoredConditions({**tensors, **{ENCODER_PREFIX + k: v for k, v in encoder.state().tensors.items()}}, texts)


def restored_encoder(summary: Mapping[str, Any], stored: StoredConditions) -> TextEncoder:
    """The encoder that `stored_captions` stored; `summary` is what the game recorded of it."""
    encoder: TextEncoder = text_encoders.create(summary["encoder"], **summary["options"])
    tensors = {k.removeprefix(ENCODER_PREFIX): v for k, v in stored.tensors.items() if k.startswith(ENCODER_PREFIX)}
    encoder.restore(EncoderState(tensors, dict(summary["state"])))
    return encoder


def _spelled(model: str) -> str:
    """A folder by its whole path, since a run is not always sampled from where it was trained."""
    path = Path(model).expanduser()
    return str(path.resolve()) if path.is_dir() else model


def _key(spec: TextEncoderSpec, dataset: Dataset, seed: int) -> str:
    return hashlib.sha256(repr((RECIPE, *spec, dataset.key, seed)).encode()).hexdigest()[:32]
