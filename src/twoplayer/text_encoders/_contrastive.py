"""Contrastive training of a text tower and an image tower: captions and their images get vectors of high cosine.

Source: Reed, Akata, Lee & Schiele 2016, Learning Deep Representations of Fine-Grained Visual Descriptions
(arXiv 1605.05395), which embeds both jointly; with the symmetric cross-entropy over a batch's pairs of Radford et al.
2021, Learning Transferable Visual Models From Natural Language Supervision (arXiv 2103.00020), figure 3, in place of
its hinge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from twoplayer.core.pixels import from_pixels
from twoplayer.core.rng import derive, numpy_generator
from twoplayer.text_encoders._base import Array

__all__ = ["ContrastiveTowers", "ImageTower", "initial_towers", "train_towers"]

MAX_SIDE = 64
"""Pixels to which larger images are averaged before the first convolution."""
WIDTHS = (32, 64, 128, 128)
"""Channels of the image tower's convolutions."""
TRAINING_PAIRS = 80_000
"""Pairs of an image and one of its captions over the whole training."""
BATCH_SIZE = 128
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.05
TEMPERATURE = 0.1


@final
class ImageTower(nn.Module):
    """Four convolutions that reduce images to about 4 pixels: uint8 ``(B, C, H, W)`` to vectors ``(B, dimension)``.

    Args:
        channels: channels of the images.
        side: shorter side of the images in pixels.
        dimension: length of the vectors.
    """

    def __init__(self, channels: int, side: int, dimension: int) -> None:
        super().__init__()
        self.shrink = -(-side // MAX_SIDE)
        halvings = max(1, round(np.log2(side / self.shrink / 4)))
        inputs = (channels, *WIDTHS)
        layers = (self._layer(inputs[i], width, halve=i < halvings) for i, width in enumerate(WIDTHS))
        self.trunk = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.head = nn.Linear(WIDTHS[-1] * 4, dimension)

    @staticmethod
    def _layer(inputs: int, outputs: int, *, halve: bool) -> nn.Module:
        pool = [nn.MaxPool2d(2)] if halve else []
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), *pool, nn.BatchNorm2d(outputs), nn.ReLU())

    def forward(self, images: Tensor) -> Tensor:
        x = from_pixels(images)
        if self.shrink > 1:
            x = F.avg_pool2d(x, self.shrink, ceil_mode=True)
        vectors: Tensor = self.head(self.trunk(x.contiguous(memory_format=torch.channels_last)))
        return vectors


@final
class ContrastiveTowers(nn.Module):
    """A text tower and an image tower whose vectors have the same dimension.

    Args:
        text: token rows, int64 ``(B, L)``, to vectors ``(B, dimension)``.
        image: images, uint8 ``(B, C, H, W)``, to vectors ``(B, dimension)``.
    """

    def __init__(self, text: nn.Module, image: ImageTower) -> None:
        super().__init__()
        self.text, self.image = text, image

    def similarity(self, tokens: Tensor, images: Tensor) -> Tensor:
        """Cosine similarities ``(B, B')`` of sentences, token rows ``(B, L)``, and images, uint8 ``(B', C, H, W)``."""
        return F.normalize(self.text(tokens), dim=1) @ F.normalize(self.image(images), dim=1).T


def initial_towers(make_text: Callable[[], nn.Module], dimension: int, images: Array) -> ContrastiveTowers:
    """Both towers with random weights, for images of the size of `images`, uint8 ``(N, H, W, C)``."""
    towers = ContrastiveTowers(make_text(), ImageTower(images.shape[-1], min(images.shape[1:3]), dimension))
    channels_last: ContrastiveTowers = towers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return channels_last


def train_towers(
    make_text: Callable[[], nn.Module],
    dimension: int,
    tokenize: Callable[[Sequence[str]], Tensor],
    captions: Sequence[Sequence[str]],
    images: Array,
    seed: int,
) -> ContrastiveTowers:
    """Both towers after training on 80,000 pairs of an image and one of its captions, drawn at random.

    AdamW with a one-cycle learning rate minimizes the symmetric cross-entropy over each batch, in which other images
    with the same caption do not count as negatives. The weights are a function of the data and the seed; the global
    random state is restored.

    Args:
        make_text: builds the text tower.
        dimension: length of the vectors.
        tokenize: sentences to token rows.
        captions: one or more sentences for each of N images.
        images: uint8 ``(N, H, W, C)``.
        seed: of initial weights and batches.

    Returns:
        The towers in evaluation mode, without gradients.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(derive(seed, "text towers"))
        towers = initial_towers(make_text, dimension, images)
        batch = min(BATCH_SIZE, len(images))
        steps = max(8, TRAINING_PAIRS // batch)
        optimizer = torch.optim.AdamW(towers.parameters(), weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
        for step in range(steps):
            random = numpy_generator(seed, "text pairs", step)
            rows = np.sort(random.choice(len(images), batch, replace=False))
            sentences = [captions[row][int(random.integers(len(captions[row])))] for row in rows]
            loss = _contrastive_loss(towers, tokenize(sentences), sentences, _shifted(images[rows], random))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return towers.eval().requires_grad_(False)


def _contrastive_loss(towers: ContrastiveTowers, tokens: Tensor, sentences: Sequence[str], images: Array) -> Tensor:
    """Mean of the cross-entropies of each sentence's own image and of each image's own sentence in the batch."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    logits = towers.similarity(tokens, pixels) / TEMPERATURE
    same: Any = np.array(sentences)[:, None] == np.array(sentences)[None, :]
    np.fill_diagonal(same, False)
    logits = logits.masked_fill(torch.from_numpy(same), -torch.inf)
    own = torch.arange(len(sentences))
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def _shifted(images: Array, random: np.random.Generator) -> Array:
    """The batch ``(B, H, W, C)`` shifted by up to a sixteenth of its side, edges repeated, as augmentation."""
    height, width = images.shape[1:3]
    max_shift = min(height, width) // 16
    down, right = random.integers(-max_shift, max_shift + 1, 2)
    rows, columns = (np.arange(height) + down).clip(0, height - 1), (np.arange(width) + right).clip(0, width - 1)
    return np.ascontiguousarray(images[:, rows][:, :, columns])
