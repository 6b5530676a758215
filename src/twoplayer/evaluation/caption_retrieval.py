"""How well generated images fit their captions: the rank of the right caption among others, by a judge of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twoplayer.core.cache import cache_root
from twoplayer.core.errors import UserError
from twoplayer.core.rng import numpy_generator

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.inference.trained_run import TrainedRun
    from twoplayer.text_encoders._contrastive_encoder import ContrastiveTextEncoder

__all__ = ["AMONG", "RetrievalRanks", "caption_matching", "caption_ranks", "enough", "ranks"]

Array = np.ndarray[Any, Any]

AMONG = 100
"""Captions that the right one is among."""
MOST = 1_000
"""Images that are judged at most."""
DIMENSION, SEED = 128, 1
"""Of the matcher, which no run's own encoder has."""
RECIPE = 1
"""Change it with anything that changes what the matcher learns."""


@dataclass(frozen=True)
class RetrievalRanks:
    """Ranks of the right caption among 100, from 1; by chance the mean is 50.5 and one in a hundred is first."""

    mean_rank: float
    error: float
    """Standard error of `mean_rank` over images."""
    first: float
    """Share of images whose right caption is the first."""
    in_first_ten: float
    count: int


def caption_matching(run: TrainedRun, *, seed: int = 0) -> tuple[RetrievalRanks, RetrievalRanks]:
    """What `caption_ranks` come to: of the run's images, and of the held-out images themselves."""
    made, real = caption_ranks(run, seed=seed)
    return _matching(made), _matching(real)


def caption_ranks(
    run: TrainedRun,
    *,
    seed: int = 0,
    dataset: Dataset | None = None,
    cache: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> tuple[Array, Array]:
    """Ranks of the right caption of images that the run makes of held-out captions, and of the held-out images.

    The matcher that ranks reads characters, where the run's own encoder may read words, and is trained on the training
    part with a seed of its own; it has seen neither the run nor the held-out captions, and `cache` keeps it. The second
    result is the ceiling.

    `dataset` is what the run was trained on; None opens it again.

    Raises `UserError` for a run that is not told texts, and for data with fewer than 100 held-out captions.
    """
    from twoplayer.games._sentence_inputs import SentenceInputs
    from twoplayer.runs.dataset import reopen
    from twoplayer.sampling.generate import SampleFormat, draw

    inputs = run.inputs
    if not isinstance(inputs, SentenceInputs):
        raise UserError(f"{run.path} is not told texts: give a run of a text game, such as gan-cls")
    dataset = reopen(run.folder) if dataset is None else dataset
    captions, images = _held_out(dataset)
    matcher = _matcher(dataset, cache_root(cache) / "texts", say)
    told = inputs.told(inputs.encoder().encode(captions), seed, "matching")
    made = draw(run.generator, told, SampleFormat.of(run.data), run.placement)
    ranked = (ranks(matcher.similarity(captions, shown), captions, seed) for shown in (made, images))
    return next(ranked), next(ranked)


def enough(dataset: Dataset) -> bool:
    """Whether the data hold out captions enough to rank one among."""
    captions = dataset.held_out_captions
    return captions is not None and len({several[0] for several in captions}) >= AMONG


def ranks(similarity: Array, captions: tuple[str, ...], seed: int = 0) -> Array:
    """The rank of each image's own caption among itself and 99 others, from 1; ties count half.

    `similarity` is ``(N, N)``, captions by images, image i having caption i. Others that say the same are left out.
    """
    found = np.empty(len(captions))
    names = np.array(captions)
    for image, own in enumerate(names):
        others = np.flatnonzero(names != own)
        random = numpy_generator(seed, "other captions", image)
        if len(others) > AMONG - 1:
            others = random.choice(others, AMONG - 1, replace=False)
        right, rivals = similarity[image, image], similarity[others, image]
        found[image] = 1 + (rivals > right).sum() + (rivals == right).sum() / 2
    return found


def _matching(found: Array) -> RetrievalRanks:
    error = float(found.std(ddof=1) / len(found) ** 0.5)
    return RetrievalRanks(
        float(found.mean()), error, float((found <= 1).mean()), float((found <= 10).mean()), len(found)
    )


def _held_out(dataset: Dataset) -> tuple[tuple[str, ...], Array]:
    """The first caption of held-out images, and those images."""
    from twoplayer.measurement._reference_features import places

    captions = dataset.held_out_captions
    if captions is None or not enough(dataset):
        raise UserError(f"{dataset.name} holds out fewer than {AMONG} captions, which are too few to rank one among")
    rows = np.sort(places(len(captions), "held out", MOST))
    return tuple(captions[row][0] for row in rows), np.array(dataset.held_out[rows])


def _matcher(dataset: Dataset, folder: Path, say: Callable[[str], None] | None) -> ContrastiveTextEncoder:
    """A matcher with an architecture and a seed that no run's own encoder has, trained once for the data."""
    from twoplayer import text_encoders
    from twoplayer.text_encoders._cache import load_cached, save_cached

    assert dataset.train_captions is not None
    matcher: ContrastiveTextEncoder = text_encoders.create("characters", dimension=DIMENSION)
    key = hashlib.sha256(repr((RECIPE, "matcher", DIMENSION, SEED, dataset.key)).encode()).hexdigest()[:32]
    known = load_cached(folder, key)
    if known is not None:
        matcher.restore_towers(known, dataset.train)
        return matcher
    if say:
        say(f"training a judge of images and captions on {dataset.name}, once for all")
    matcher.fit(dataset.train_captions, dataset.train, SEED)
    save_cached(folder, key, matcher.towers_state(), "the judge of images and captions")
    return matcher
