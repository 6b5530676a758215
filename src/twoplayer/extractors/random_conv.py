"""A convolutional network with random, calibrated weights: no download, no labels.

Source: Naeem, Oh, Uh, Choi, Yoo, 2020, Reliable fidelity and diversity metrics for generative models, section 4.4
(random embeddings); the whitened inputs of each layer are those of Coates, Ng, Lee, 2011, An analysis of single-layer
networks in unsupervised feature learning, section 3.1.
"""

from __future__ import annotations

from typing import final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from twoplayer.core.pixels import from_pixels
from twoplayer.core.ranges import NonNegativeCount, at_least
from twoplayer.core.rng import numpy_generator
from twoplayer.extractors._base import DEFAULT_CONTEXT, Array, ExtractorContext, ExtractorData
from twoplayer.extractors._identity import of_weights
from twoplayer.extractors._network import Float64NetworkExtractor, coloured

__all__ = ["RandomConv"]

RECIPE = "random-conv-1"
"""Version of the network: part of its identity, to be raised with every change of the features."""

WIDTHS = (32, 64, 96, 128, 192)
MAX_SIDE = 64
"""Pixels; larger images are averaged down."""
NOISE_IMAGES, NOISE_SIDE = 64, 32
"""Number and side of the images of coloured noise that calibrate the scales."""
SHRINKAGE = 0.1
"""Share of the mean eigenvalue that is added to every eigenvalue of a covariance before its inverse root is taken."""


@final
class RandomConv(Float64NetworkExtractor):
    """512 features: the mean activations of five random convolutional layers, each at half the previous resolution.

    Filters are random and orthogonal on whitened inputs, so that edges and textures count as much as brightness. Every
    feature is standardized over images of noise whose spectrum falls like that of photographs. Images with sides above
    64 pixels are averaged down first. Weights are computed in float64 and stored in float32, so that they agree on all
    machines up to the last bit.

    Args:
        data: not used.
        context: device.
        seed: seed of the random filters; a seed other than 0 becomes part of the names of metric values.
    """

    network: _Pyramid
    dimension = sum(WIDTHS)
    note = "random-conv is an untrained network: compare its values with each other, not with published ones."

    def __init__(
        self,
        data: ExtractorData | None = None,
        context: ExtractorContext = DEFAULT_CONTEXT,
        *,
        seed: NonNegativeCount = 0,
    ) -> None:
        at_least(0, seed=seed)
        super().__init__(context.device)
        with torch.random.fork_rng(devices=[]):  # constructing the layers draws random weights
            network = _calibrated(_Pyramid(seed), seed)
        network = network.float().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = network.eval().requires_grad_(False)
        self.identity = of_weights(RECIPE, network.state_dict())
        self.label = "random_conv" if seed == 0 else f"random_conv_{seed}"

    def batch_size(self, shape: tuple[int, ...]) -> int:
        return max(1, min(256, 400_000 // (shape[0] * shape[1])))

    def forward_features(self, images: Tensor) -> tuple[Tensor, None]:
        x = coloured(from_pixels(images, self.network.spread.dtype))
        x = x.contiguous(memory_format=torch.channels_last)
        shrink = -(-min(x.shape[2:]) // MAX_SIDE)
        return self.network(avg_pool2d(x, shrink, ceil_mode=True) if shrink > 1 else x), None


class _Pyramid(nn.Module):
    """Images ``(B, 3, H, W)`` in [-1, 1] to features ``(B, 512)``."""

    centre: Tensor
    spread: Tensor

    def __init__(self, seed: int) -> None:
        super().__init__()
        inputs = (3, *WIDTHS)
        sides = (5, *[3] * (len(WIDTHS) - 1))
        self.convolutions = nn.ModuleList(
            nn.Conv2d(i, o, side, padding="same", padding_mode="replicate", dtype=torch.float64)
            for i, o, side in zip(inputs, WIDTHS, sides, strict=False)
        )
        for layer, convolution in enumerate(self.convolutions):
            assert isinstance(convolution, nn.Conv2d)
            random = numpy_generator(seed, "random convolution", layer)
            filters = _orthogonal(random, convolution.weight.shape[0], convolution.weight[0].numel())
            convolution.weight.data = filters.view_as(convolution.weight)
        self.register_buffer("centre", torch.zeros(sum(WIDTHS), dtype=torch.float64))
        self.register_buffer("spread", torch.ones(sum(WIDTHS), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        means = []
        for convolution in self.convolutions:
            x = convolution(x).relu()
            means.append(x.mean((2, 3)))
            x = avg_pool2d(x, 2, ceil_mode=True)
        return (torch.cat(means, 1) - self.centre) / self.spread


@torch.no_grad()
def _calibrated(network: _Pyramid, seed: int) -> _Pyramid:
    """The network with whitened inputs and standardized outputs of every layer, over images of noise."""
    x, means = torch.from_numpy(_noise(numpy_generator(seed, "coloured noise"), NOISE_IMAGES, NOISE_SIDE)), []
    for convolution in network.convolutions:
        assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
        convolution.weight.copy_(_whitened(convolution.weight, x))
        convolution.bias.zero_()
        outputs = convolution(x)
        mean, deviation = outputs.mean((0, 2, 3)), outputs.std((0, 2, 3))
        convolution.weight.div_(deviation[:, None, None, None])
        convolution.bias.copy_(-mean / deviation)
        activations = ((outputs - mean[:, None, None]) / deviation[:, None, None]).relu()
        means.append(activations.mean((2, 3)))
        x = avg_pool2d(activations, 2, ceil_mode=True)
    features = torch.cat(means, 1)
    network.centre.copy_(features.mean(0))
    network.spread.copy_(features.std(0))
    return network


def _whitened(filters: Tensor, x: Tensor) -> Tensor:
    """Filters ``(O, I, k, k)`` that give on inputs ``(B, I, H, W)`` what `filters` give on whitened inputs.

    In the first layer whole patches are whitened, because brightness dominates them; in the other layers, whose patches
    are many times larger, the channels at each position.
    """
    outputs, inputs, side, _ = filters.shape
    if inputs == 3:
        patches = nn.functional.unfold(x, side).transpose(1, 2).reshape(-1, inputs * side * side)
        return (filters.reshape(outputs, -1) @ _inverse_root(patches)).view_as(filters)
    positions = x.permute(0, 2, 3, 1).reshape(-1, inputs)
    return torch.einsum("ojhw,ji->oihw", filters, _inverse_root(positions))


def _inverse_root(rows: Tensor) -> Tensor:
    """The symmetric C^(-1/2) of the rows' covariance C, after shrinkage towards a multiple of the identity."""
    values, vectors = torch.linalg.eigh(torch.cov(rows.T))
    root: Tensor = (vectors / (values + SHRINKAGE * values.mean()).sqrt()) @ vectors.T
    return root


def _orthogonal(random: np.random.Generator, count: int, length: int) -> Tensor:
    """A uniformly random matrix ``(count, length)`` with orthonormal rows, float64."""
    q, r = torch.linalg.qr(torch.from_numpy(random.standard_normal((length, count))))
    rows: Tensor = (q * r.diagonal().sign()).T.contiguous()
    return rows


def _noise(random: np.random.Generator, count: int, side: int) -> Array:
    """Images ``(count, 3, side, side)`` in [-1, 1] with amplitudes proportional to 1/frequency, mostly gray.

    Field, 1987, Relations between the statistics of natural images and the response properties of cortical cells.
    """
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    frequency[0, 0] = 1 / side
    spectrum = np.fft.rfft2(random.standard_normal((count, 3, side, side))) / frequency
    plain = np.fft.irfft2(spectrum, s=(side, side))
    images = 0.9 * plain[:, :1] + 0.4 * plain
    return np.asarray((0.5 * images / images.std()).clip(-1, 1))
