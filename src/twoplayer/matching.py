"""How well generated images fit their captions: the rank of the right caption among others, by a judge of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from twoplayer.errors import UserError
from twoplayer.rng import numpy_generator

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.run import Run

__all__ = ["Matching", "caption_matching", "ranks"]

Array = np.ndarray[Any, Any]

AMONG = 100
"""Captions that the right one is among."""
MOST = 1_000
"""Images that are judged at most."""


@dataclass(frozen=True)
class Matching:
    """Ranks of the right caption among 100, from 1; by chance the mean is 50.5 and one in a hundred is first."""

    mean_rank: float
    error: float
    """Standard error of `mean_rank` over images."""
    first: float
    """Share of images whose right caption is the first."""
    in_first_ten: float
    count: int


def caption_matching(run: Run, *, seed: int = 0) -> tuple[Matching, Matching]:
    """The run's images of held-out captions, and the held-out images themselves, as an independent matcher ranks them.

    The matcher reads characters, where the run's own encoder may read words, and is trained on the training part with
    a seed of its own; it has seen neither the run nor the held-out captions. The second result is the ceiling.

    Raises `UserError` for a run that is not told texts, and for data with fewer than 100 held-out captions.
    """
    from twoplayer.games._sentences import Sentences
    from twoplayer.opening import reopen
    from twoplayer.sampling import Form, draw

    inputs = run.inputs
    if not isinstance(inputs, Sentences):
        raise UserError(f"{run.path} is not told texts: give a run of a text game, such as gan-cls")
    dataset = reopen(run.folder)
    captions, images = _held_out(dataset)
    matcher = _matcher(dataset)
    told = inputs.told(inputs.encoder().encode(captions), seed, "matching")
    made = draw(run.generator, told, Form.of(run.data), run.placement)
    return tuple(_matching(ranks(matcher.similarity(captions, shown), captions, seed)) for shown in (made, images))  # type: ignore[return-value]


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


def _matching(found: Array) -> Matching:
    error = float(found.std(ddof=1) / len(found) ** 0.5)
    return Matching(float(found.mean()), error, float((found <= 1).mean()), float((found <= 10).mean()), len(found))


def _held_out(dataset: Dataset) -> tuple[tuple[str, ...], Array]:
    """The first caption of held-out images, and those images."""
    captions = dataset.held_out_captions
    if captions is None or len({several[0] for several in captions}) < AMONG:
        raise UserError(f"{dataset.name} holds out fewer than {AMONG} captions, which are too few to rank one among")
    count = min(len(captions), MOST)
    return tuple(several[0] for several in captions[:count]), dataset.held_out[:count]


def _matcher(dataset: Dataset) -> Any:
    """A matcher with an architecture and a seed that no run's own encoder has."""
    from twoplayer import texts

    assert dataset.train_captions is not None
    matcher: Any = texts.create("characters", dimension=128)
    matcher.fit(dataset.train_captions, dataset.train, seed=1)
    return matcher
