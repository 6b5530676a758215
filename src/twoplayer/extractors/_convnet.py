"""A small convolutional classifier, trained on the labels of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy

from twoplayer.core.hardware import computes_bf16
from twoplayer.core.pixels import from_pixels
from twoplayer.core.rng import derive, numpy_generator
from twoplayer.extractors._base import Array

__all__ = ["FEATURES", "RECIPE", "ConvNet", "train"]

RECIPE = "convolutional-1"
"""Version of the network and its training: part of the cache key, to be raised with every change of either."""

MAX_SIDE = 64
"""Pixels; larger images are averaged down."""
WIDTHS = (32, 64, 128, 128)
FEATURES = WIDTHS[-1]
MAX_TRAINING_IMAGES = 420_000
"""Images of all epochs together."""
MAX_EPOCHS = 20
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.05
SEED = 0


@final
class ConvNet(nn.Module):
    """A classifier of images uint8 ``(B, C, H, W)``: logits ``(B, K)`` from features ``(B, 128)``.

    Four 3x3 convolutions with batch normalization; the first ones halve the sides until about 7 pixels are left. The
    features are the last activations averaged over positions. Images with sides above 64 pixels are averaged down
    first. The training uses no label smoothing, which would change the inception score.

    Args:
        channels: number C of image channels.
        side: the smaller side of the images, pixels.
        classes: number K of classes.
    """

    def __init__(self, channels: int, side: int, classes: int) -> None:
        super().__init__()
        self.shrink = -(-side // MAX_SIDE)
        halvings = max(1, round(np.log2(side / self.shrink / 7)))
        inputs = (channels, *WIDTHS)
        self.trunk = nn.Sequential(*(_block(inputs[i], w, halve=i < halvings) for i, w in enumerate(WIDTHS)))
        self.head = nn.Linear(WIDTHS[-1], classes)

    def features(self, images: Tensor) -> Tensor:
        """The activations before the last layer, float32 ``(B, 128)``, of images uint8 ``(B, C, H, W)``."""
        x = from_pixels(images, self.head.weight.dtype)
        if self.shrink > 1:
            x = avg_pool2d(x, self.shrink, ceil_mode=True)
        x = self.trunk(x.contiguous(memory_format=torch.channels_last))
        features: Tensor = x.to(self.head.weight.dtype).mean((2, 3))
        return features

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images))
        return logits


def train(
    images: Array,
    labels: Array,
    classes: int,
    *,
    device: torch.device | str = "cpu",
    progress: Callable[[str], None] | None = None,
) -> ConvNet:
    """Train a classifier with AdamW under a one-cycle learning rate, for 20 epochs or 420,000 images at most.

    The weights are a function of the data, the device and its precision; global random states are not touched.

    Args:
        images: uint8 ``(N, H, W, C)``.
        labels: whole numbers ``(N,)`` in [0, classes).
        classes: number of classes.
        device: device of the network.
        progress: callback of progress lines.

    Returns:
        The network in evaluation mode.
    """
    count, height, width, channels = images.shape
    batch = min(count, 128, max(16, count // 25))
    steps = max(8, min(MAX_EPOCHS * count, MAX_TRAINING_IMAGES) // batch)
    classifier = _initial(channels, min(height, width), classes).to(device)
    optimizer = torch.optim.AdamW(classifier.parameters(), weight_decay=WEIGHT_DECAY, fused=True)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    with torch.enable_grad():
        for step, rows in zip(range(steps), _rows(count, batch), strict=False):
            batch_images = _to_tensor(_shifted(images[rows], step), device)
            targets = torch.from_numpy(labels[rows]).to(device, torch.int64)
            with _autocast(device):
                logits = classifier(batch_images)
            loss = cross_entropy(logits.float(), targets)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rate.step()
            if progress and (step + 1) % max(1, steps // 50) == 0:
                progress(f"training the classifier: {(step + 1) / steps:.0%}, loss {loss.item():.3f}")
    return classifier.eval()


def _block(inputs: int, outputs: int, *, halve: bool) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    # Pooling commutes with the ReLU; before it, the remaining operations cost a quarter.
    pool = [nn.MaxPool2d(2)] if halve else []
    return nn.Sequential(convolution, *pool, nn.BatchNorm2d(outputs), nn.ReLU())


def _initial(channels: int, side: int, classes: int) -> ConvNet:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(SEED, "classifier weights"))
        classifier = ConvNet(channels, side, classes)
    return classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _rows(count: int, batch: int) -> Iterator[Array]:
    epoch = 0
    while True:
        order = numpy_generator(SEED, "classifier order", epoch).permutation(count)
        for start in range(0, count - batch + 1, batch):
            yield order[start : start + batch]
        epoch += 1


def _shifted(images: Array, step: int) -> Array:
    """The images ``(B, H, W, C)``, each shifted by up to a sixteenth of its side, with repeated edges."""
    count, height, width, _ = images.shape
    reach = min(height, width) // 16
    moves = numpy_generator(SEED, "classifier shifts", step).integers(-reach, reach + 1, (2, count, 1))
    rows = (np.arange(height) + moves[0]).clip(0, height - 1)
    columns = (np.arange(width) + moves[1]).clip(0, width - 1)
    shifted: Array = images[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return shifted


def _to_tensor(images: Array, device: torch.device | str) -> Tensor:
    # A copy, because a read-only memory map makes a tensor that must not be written to.
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).to(device)


def _autocast(device: torch.device | str) -> torch.autocast:
    device = torch.device(device)
    return torch.autocast(device.type, torch.bfloat16, enabled=computes_bf16(device))
