"""Two towers that learn to agree: sentences and images to vectors that are near where they belong together.

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
    """Images uint8 ``(B, C, H, W)`` to vectors ``(B, dimension)``; four convolutions, halving to about 4 pixels."""

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
        x = images.to(torch.float32).div(127.5).sub(1)
        if self.shrink > 1:
            x = F.avg_pool2d(x, self.shrink, ceil_mode=True)
        vectors: Tensor = self.head(self.trunk(x.contiguous(memory_format=torch.channels_last)))
        return vectors


@final
class ContrastiveTowers(nn.Module):
    """A text tower, token rows to vectors, beside an image tower of the same dimension."""

    def __init__(self, text: nn.Module, image: ImageTower) -> None:
        super().__init__()
        self.text, self.image = text, image

    def similarity(self, tokens: Tensor, images: Tensor) -> Tensor:
        """Cosines ``(B, B')`` of sentences' token rows ``(B, L)`` and images uint8 ``(B', C, H, W)``."""
        return F.normalize(self.text(tokens), dim=1) @ F.normalize(self.image(images), dim=1).T


def initial_towers(make_text: Callable[[], nn.Module], dimension: int, images: Array) -> ContrastiveTowers:
    """Both towers with random weights, for images as large as these, uint8 ``(N, H, W, C)``."""
    towers = ContrastiveTowers(make_text(), ImageTower(images.shape[-1], min(images.shape[1:3]), dimension))
    placed: ContrastiveTowers = towers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


def train_towers(
    make_text: Callable[[], nn.Module],
    dimension: int,
    tokenize: Callable[[Sequence[str]], Tensor],
    captions: Sequence[Sequence[str]],
    images: Array,
    seed: int,
) -> ContrastiveTowers:
    """Both towers, trained on pairs; in every batch each image speaks through one of its sentences.

    AdamW under a one-cycle rate for 80,000 pairs. Weights depend on the data and the seed alone; the global random
    state is left as it was. Sentences that are the same are not held against each other.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(derive(seed, "text towers"))
        towers = initial_towers(make_text, dimension, images)
        batch = min(BATCH_SIZE, len(images))
        steps = max(8, TRAINING_PAIRS // batch)
        optimizer = torch.optim.AdamW(towers.parameters(), weight_decay=WEIGHT_DECAY)
        rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
        for step in range(steps):
            random = numpy_generator(seed, "text pairs", step)
            rows = np.sort(random.choice(len(images), batch, replace=False))
            said = [captions[row][int(random.integers(len(captions[row])))] for row in rows]
            loss = _disagreement(towers, tokenize(said), said, _shifted(images[rows], random))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rate.step()
    return towers.eval().requires_grad_(False)


def _disagreement(towers: ContrastiveTowers, tokens: Tensor, said: Sequence[str], images: Array) -> Tensor:
    """Cross-entropy of the right image for each sentence, and of the right sentence for each image."""
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2)
    logits = towers.similarity(tokens, pictures) / TEMPERATURE
    same: Any = np.array(said)[:, None] == np.array(said)[None, :]
    np.fill_diagonal(same, False)
    logits = logits.masked_fill(torch.from_numpy(same), -torch.inf)
    right = torch.arange(len(said))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def _shifted(images: Array, random: np.random.Generator) -> Array:
    """The batch ``(B, H, W, C)`` moved by up to a sixteenth of its side, edges repeated: few images are to last."""
    height, width = images.shape[1:3]
    reach = min(height, width) // 16
    down, right = random.integers(-reach, reach + 1, 2)
    rows, columns = (np.arange(height) + down).clip(0, height - 1), (np.arange(width) + right).clip(0, width - 1)
    return np.ascontiguousarray(images[:, rows][:, :, columns])
