"""Ranks of the right captions of generated images among 100 captions, by a model trained independently of the run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from twoplayer.core.cache import cache_root
from twoplayer.core.errors import UserError
from twoplayer.core.rng import numpy_generator

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun
    from twoplayer.text_encoders._contrastive_encoder import ContrastiveTextEncoder

__all__ = [
    "CANDIDATES",
    "CaptionRanks",
    "RetrievalResult",
    "caption_ranks",
    "caption_retrieval",
    "has_enough_captions",
    "ranks_of",
]

Array = np.ndarray[Any, Any]

CANDIDATES = 100
"""Captions that are ranked for an image, the right one among them."""
MAX_IMAGES = 1_000
MODEL_DIMENSION, MODEL_SEED = 128, 1
"""Of the ranking model; no run's own encoder has these."""
MODEL_VERSION = 1
"""Part of the cache key, to be raised with every change of the ranking model or its training."""


class CaptionRanks(NamedTuple):
    """Ranks of the right captions from 1, ``(N,)`` each."""

    generated: Array
    """Of images that the run generates from held-out captions."""
    real: Array
    """Of the held-out images of these captions."""


@dataclass(frozen=True)
class RetrievalResult:
    """Summary of ranks among 100 captions; for random images the mean rank is 50.5 and R-precision@1 is 0.01."""

    mean_rank: float
    error: float
    """Standard error of `mean_rank` over images."""
    r_precision_1: float
    """Share of images whose right caption is ranked first."""
    r_precision_10: float
    """Share of images whose right caption is ranked among the first ten."""
    count: int


def caption_retrieval(run: TrainedRun, *, seed: int = 0) -> tuple[RetrievalResult, RetrievalResult]:
    """The summaries of `caption_ranks` for the run's images and for the held-out images."""
    ranks = caption_ranks(run, seed=seed)
    return _summary(ranks.generated), _summary(ranks.real)


def caption_ranks(
    run: TrainedRun,
    *,
    seed: int = 0,
    dataset: Dataset | None = None,
    cache: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> CaptionRanks:
    """Ranks of the right caption for images that the run generates from held-out captions, and for held-out images.

    The ranking model reads characters, where the run's own encoder may read words, and is trained on the training part
    with its own seed; it uses neither the run nor the held-out captions.

    Args:
        run: a run of a text game.
        seed: seed of the latents and of the other captions.
        dataset: the data set that the run was trained on; None opens it again.
        cache: folder of the trained ranking model.
        progress: callback of progress lines.

    Raises:
        UserError: for a run without texts, and for data with fewer than 100 held-out captions.
    """
    from twoplayer.games._sentence_inputs import SentenceInputs
    from twoplayer.runs.dataset import reopen
    from twoplayer.sampling.generate import SampleFormat, draw

    inputs = run.inputs
    if not isinstance(inputs, SentenceInputs):
        raise UserError(f"{run.path} does not generate from texts: give a run of a text game, such as gan-cls")
    dataset = reopen(run.folder) if dataset is None else dataset
    captions, images = _held_out(dataset)
    model = _ranking_model(dataset, cache_root(cache) / "texts", progress)
    conditions = inputs.with_vectors(inputs.encoder().encode(captions), seed, "matching")
    generated = draw(run.generator, conditions, SampleFormat.of(run.data), run.placement)
    return CaptionRanks(*(ranks_of(model.similarity(captions, each), captions, seed) for each in (generated, images)))


def has_enough_captions(dataset: Dataset) -> bool:
    """Whether the data have 100 different held-out captions."""
    captions = dataset.held_out_captions
    return captions is not None and len({of_image[0] for of_image in captions}) >= CANDIDATES


def ranks_of(similarity: Array, captions: tuple[str, ...], seed: int = 0) -> Array:
    """The rank of each image's own caption among itself and 99 random other ones, from 1; ties count half.

    Args:
        similarity: ``(N, N)``, captions by images; image i has caption i.
        captions: the N captions; equal ones are not ranked against each other.
        seed: seed of the selection of the other captions.
    """
    ranks = np.empty(len(captions))
    names = np.array(captions)
    for image, own in enumerate(names):
        candidates = np.flatnonzero(names != own)
        random = numpy_generator(seed, "other captions", image)
        if len(candidates) > CANDIDATES - 1:
            candidates = random.choice(candidates, CANDIDATES - 1, replace=False)
        right, wrong = similarity[image, image], similarity[candidates, image]
        ranks[image] = 1 + (wrong > right).sum() + (wrong == right).sum() / 2
    return ranks


def _summary(ranks: Array) -> RetrievalResult:
    error = float(ranks.std(ddof=1) / len(ranks) ** 0.5)
    first, first_ten = (float((ranks <= k).mean()) for k in (1, 10))
    return RetrievalResult(float(ranks.mean()), error, first, first_ten, len(ranks))


def _held_out(dataset: Dataset) -> tuple[tuple[str, ...], Array]:
    """The first caption of each of at most 1,000 held-out images, and the images."""
    from twoplayer.measurement.reference_features import random_rows

    captions = dataset.held_out_captions
    if captions is None or not has_enough_captions(dataset):
        raise UserError(
            f"{dataset.name} holds out fewer than {CANDIDATES} captions, which are too few to rank one among"
        )
    rows = np.sort(random_rows(len(captions), "held out", MAX_IMAGES))
    return tuple(captions[row][0] for row in rows), np.array(dataset.held_out[rows])


def _ranking_model(dataset: Dataset, folder: Path, progress: Callable[[str], None] | None) -> ContrastiveTextEncoder:
    """A model of the similarity of images and captions, trained once for the data and cached."""
    from twoplayer import text_encoders
    from twoplayer.text_encoders._cache import load_cached, save_cached

    assert dataset.train_captions is not None
    model: ContrastiveTextEncoder = text_encoders.create("characters", dimension=MODEL_DIMENSION)
    described = (MODEL_VERSION, "matcher", MODEL_DIMENSION, MODEL_SEED, dataset.key)
    key = hashlib.sha256(repr(described).encode()).hexdigest()[:32]
    cached = load_cached(folder, key)
    if cached is not None:
        model.restore_towers(cached, dataset.train)
        return model
    if progress:
        progress(f"training a model of the similarity of images and captions on {dataset.name}, once for this data")
    model.fit(dataset.train_captions, dataset.train, MODEL_SEED)
    save_cached(folder, key, model.towers_state(), "the model of the similarity of images and captions")
    return model
