"""What translation games share: critics of patches, images as the sampler's inputs, and the target side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import numpy as np
import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.core.pixels import from_pixels
from twoplayer.core.rng import numpy_generator
from twoplayer.games._adversarial import AdversarialGame
from twoplayer.games._factory import StoredConditions
from twoplayer.games._inputs import GridInputs, SamplerInputs, UnconditionalInputs, first_reference
from twoplayer.games._problem import ProblemOptions

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = [
    "DIRECTIONS",
    "Direction",
    "ImageInputs",
    "PatchScores",
    "TranslationGame",
    "TranslationOptions",
    "check_sides",
    "stored_images",
]

Direction = Literal["AtoB", "BtoA"]
DIRECTIONS = ("AtoB", "BtoA")

MAX_STORED_IMAGES = 1_000
"""Images that a run stores to translate: held-out ones where there are enough."""
MIN_HELD_OUT_IMAGES = 2
"""Fewer cannot be measured."""


@final
class PatchScores(nn.Module):
    """A critic with its scores in one row: of all patches ``(B·P,)``, or of all images ``(B,)``."""

    def __init__(self, critic: nn.Module) -> None:
        super().__init__()
        self.critic = critic
        self.output = getattr(critic, "output", "score")

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.critic(images)
        return scores.flatten()


@final
class ImageInputs(UnconditionalInputs):
    """Images of the side that is translated, as networks see them, ``(count, C, H, W)``.

    As many as requested, or all that the run has stored, where they are fewer: no image is translated twice. Real
    images beside them are of the target side of `direction`.
    """

    has_latents: ClassVar[bool] = False
    refusal: ClassVar[str] = (
        "this run translates images and cannot be asked for a {}: give it images, with twoplayer translate"
    )

    def __init__(self, stored: StoredConditions | None, direction: Direction) -> None:
        tensors = {} if stored is None else stored.tensors
        if "source" not in tensors:
            raise UserError("this run has lost the images that it stored to translate: restore its inputs.safetensors")
        self.source, self.partner, self.direction = tensors["source"], tensors.get("partner"), direction

    def draw(self, count: int, seed: int, purpose: str) -> Tensor:
        rows = numpy_generator(seed, f"pictures for {purpose}").permutation(len(self.source))[:count]
        return _to_network(self.source[torch.from_numpy(rows)])

    def grid(self, count: int, seed: int) -> GridInputs:
        """Each image beside its translation and, where the data are paired, beside its true partner."""
        parts = 2 if self.partner is None else 3
        across = 6 if parts == 2 else 4
        source = self.source[: max(1, count // parts // across) * across]
        partner = None if self.partner is None else self.partner[: len(source)].numpy()
        captions = ("input", "translated", "true")[:parts] * min(across, len(source))

        def arrange(samples: np.ndarray) -> np.ndarray:
            images = [_coloured(a) for a in (source.numpy(), samples, partner) if a is not None]
            return np.stack(images, 1).reshape(-1, *images[0].shape[1:])

        return GridInputs(_to_network(source), parts * min(across, len(source)), captions, arrange)

    def real(self, dataset: Dataset, count: int) -> np.ndarray:
        return first_reference(_target_side(dataset, self.direction), count)


@dataclass(frozen=True)
class TranslationOptions(ProblemOptions):
    """What translation games have in common.

    Args:
        direction: ``AtoB`` or ``BtoA``: where samples, figures and pictures go.
    """

    direction: Direction = "AtoB"


class TranslationGame(AdversarialGame):
    """A game that translates images of one side into images of the other, against which they are measured."""

    direction: Direction
    """Where samples, figures and pictures go."""

    @property
    def generator_reads_data(self) -> bool:
        return True

    @classmethod
    def target(cls, dataset: Dataset, options: TranslationOptions) -> Dataset:
        return _target_side(dataset, options.direction)

    def inputs(self, stored: StoredConditions | None) -> SamplerInputs:
        return ImageInputs(stored, self.direction)


def stored_images(dataset: Dataset, direction: Direction) -> StoredConditions:
    """Images of the side that is translated, uint8 ``(K, H, W, C)``, with their partners where the data are paired."""
    source, partner = _parts(dataset)
    if direction == "BtoA":
        source, partner = partner, source
    tensors = {"source": torch.from_numpy(np.array(source[:MAX_STORED_IMAGES]))}
    if dataset.paired:
        tensors["partner"] = torch.from_numpy(np.array(partner[:MAX_STORED_IMAGES]))
    return StoredConditions(tensors)


def _target_side(dataset: Dataset, direction: Direction) -> Dataset:
    """The target side, as a data set of its own."""
    if direction == "BtoA":
        return replace(dataset, partner_train=None, partner_held_out=None, paired=False, key=f"{dataset.key}-A")
    assert dataset.partner_train is not None
    held_out = dataset.partner_train[:0] if dataset.partner_held_out is None else dataset.partner_held_out
    without_partner: dict[str, Any] = dict.fromkeys(
        ("train_labels", "held_out_labels", "train_attributes", "held_out_attributes", "train_captions",
         "held_out_captions", "partner_train", "partner_held_out")
    )  # fmt: skip
    if dataset.paired:  # what is known of a pair is known of either side
        without_partner |= {"train_labels": dataset.train_labels, "held_out_labels": dataset.held_out_labels}
    return replace(
        dataset, train=dataset.partner_train, held_out=held_out, paired=False, key=f"{dataset.key}-B", **without_partner
    )


def check_sides(dataset: Dataset, *, paired: bool) -> None:
    """Raises `UserError` where the data have no other side, or none that belongs to the samples one by one."""
    if dataset.kind != "images" or dataset.partner_train is None:
        raise UserError(
            f"{dataset.name} has one side, and translation needs two: give a folder with the folders A and B, or with "
            "trainA and trainB, or pictures with both sides beside each other"
        )
    if paired and not dataset.paired:
        others = 0 if dataset.partner_held_out is None else len(dataset.partner_held_out)
        sides = len(dataset.train) + len(dataset.held_out), len(dataset.partner_train) + others
        raise UserError(
            f"the two sides of {dataset.name} are not paired ({sides[0]:,} and {sides[1]:,} images): give files of "
            "equal names in A and B, or take the method cyclegan"
        )


def _parts(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Both sides' images that stand for new ones: held out, or, where there are too few to measure, trained on."""
    assert dataset.partner_train is not None
    if (
        dataset.partner_held_out is not None
        and min(len(dataset.held_out), len(dataset.partner_held_out)) >= MIN_HELD_OUT_IMAGES
    ):
        return dataset.held_out, dataset.partner_held_out
    return dataset.train, dataset.partner_train


def _to_network(images: Tensor) -> Tensor:
    """Stored images uint8 ``(N, H, W, C)`` as networks see them."""
    return from_pixels(images.permute(0, 3, 1, 2))


def _coloured(images: np.ndarray) -> np.ndarray:
    """``(N, H, W, 1 or 3)`` with three channels, so that both sides fit one picture."""
    return images if images.shape[-1] == 3 else images.repeat(3, -1)
