"""BEGAN's players: the critic is an autoencoder, and its output is the reconstruction error of a sample.

Source: Berthelot, Schumm & Metz 2017, BEGAN: Boundary Equilibrium Generative Adversarial Networks
(arXiv 1703.10717), sections 3.1 (eq. 1) and 3.5, figure 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

from torch import Tensor, nn

from twoplayer.core.ranges import Count
from twoplayer.networks._activations import activation, expansion, gain
from twoplayer.networks._base import Critic, FeatureCritic, Generator
from twoplayer.networks._configurable import ConfigurableArchitecture, check_size
from twoplayer.networks._initialization import draw_dense, draw_scaled
from twoplayer.networks._normalization import normalization
from twoplayer.networks._players import BodyGenerator
from twoplayer.networks._precision import ExactLinear, widen
from twoplayer.networks._resampling import UpsampleConv
from twoplayer.networks._shapes import is_image, level_sizes, spread_evenly, square_image

__all__ = ["Autoencoder"]


@final
@dataclass(frozen=True, kw_only=True)
class Autoencoder(ConfigurableArchitecture):
    """An autoencoding critic and a generator with the decoder's architecture and weights of its own.

    The critic's output is an energy: the mean absolute error over the values of a sample (eq. 1 with η = 1), so larger
    means less real. Images: 3x3 convolutions; the encoder halves the map by stride 2 until its side is at most 8 and
    widens linearly (`filters`, twice, three times, ...); the decoder keeps `filters` channels and doubles by nearest
    neighbour. Both end in a tanh, since images lie in [-1, 1]. Points: encoder and decoder are fully connected.

    Args:
        activation: ``"relu"``, ``"leaky-relu"`` (slope 0.2), ``"tanh"``, ``"softplus"`` (softplus(2x + 2)/2 − 1),
            ``"elu"`` or ``"gated"`` (a·sigmoid(b)). Default None: elu in both.
        normalization: ``"batch"``, ``"layer"``, ``"instance"`` or ``"none"``. Default None: none in either.
        filters: Channels of the finest map, or units of a hidden layer, at least 1. Default 64.
        depth: Number of convolutions in the encoder, and as many in the decoder, or number of hidden layers in each.
            Default None: two for each resolution, or two hidden layers.
        embedding_dim: Dimension of the critic's code, at least 1. Default None: 64 for images, half of the features for
            points.

    Raises:
        UserError: If an option is unknown or out of range, or, when a network is built, if the shape is not supported.

    >>> import torch
    >>> critic = Autoencoder(filters=4, embedding_dim=8).critic(shape=(1, 16, 16))
    >>> critic(torch.zeros(2, 1, 16, 16)).shape, critic.features(torch.zeros(2, 1, 16, 16)).shape, critic.output
    (torch.Size([2]), torch.Size([2, 8]), 'energy')
    """

    filters: Count = 64
    embedding_dim: Count | None = None

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        return BodyGenerator(latent_dim, shape, self._decoder(latent_dim, shape))

    def critic(self, shape: tuple[int, ...]) -> Critic:
        code = self.embedding_dim
        if code is None:
            code = 64 if is_image(shape) else max(1, shape[0] // 2)
        check_size("embedding_dim", code)
        decoder = BodyGenerator(code, shape, self._decoder(code, shape))
        return EnergyCritic(shape, self._encoder(shape, code), code, decoder, self.normalization or "none")

    def _encoder(self, shape: tuple[int, ...], code: int) -> nn.Sequential:
        if not is_image(shape):
            return nn.Sequential(*self._hidden(shape[0]), _drawn(ExactLinear(self.filters, code)))
        sizes, counts = self._levels(shape)
        body = self._convolution(nn.Conv2d(shape[0], self._expanded(self.filters), 3, padding=1), 1.0)
        for level, count in enumerate(counts):
            width = self.filters * (level + 1)
            for _ in range(count):
                body += self._convolution(nn.Conv2d(width, self._expanded(width), 3, padding=1))
            if level < len(counts) - 1:
                # An odd side drops its padding, so that every side halves rounded down.
                padding = 1 - sizes[level] % 2
                conv = nn.Conv2d(width, self._expanded(width + self.filters), 3, stride=2, padding=padding)
                body += self._convolution(conv)
        flat = self.filters * len(counts) * sizes[-1] ** 2
        return nn.Sequential(*body, nn.Flatten(), _drawn(nn.Linear(flat, code)))

    def _decoder(self, inputs: int, shape: tuple[int, ...]) -> nn.Sequential:
        if not is_image(shape):
            return nn.Sequential(*self._hidden(inputs), _drawn(ExactLinear(self.filters, shape[0])))
        sizes, counts = self._levels(shape)
        side, width = sizes[-1], self.filters
        body = [_drawn(nn.Linear(inputs, width * side**2)), nn.Unflatten(1, (width, side, side))]
        for level in reversed(range(len(counts))):
            conv: nn.Module = nn.Conv2d(width, self._expanded(width), 3, padding=1)
            if level < len(counts) - 1:
                conv = UpsampleConv(width, self._expanded(width), sizes[level + 1], sizes[level])
            body += self._convolution(conv, 1.0 if len(body) == 2 else None)
            for _ in range(counts[level] - 1):
                body += self._convolution(nn.Conv2d(width, self._expanded(width), 3, padding=1))
        return nn.Sequential(*body, _drawn(nn.Conv2d(width, shape[0], 3, padding=1)))

    def _levels(self, shape: tuple[int, ...]) -> tuple[list[int], list[int]]:
        """Sides and numbers of convolutions by level, finest first."""
        _, resolution = square_image(shape, "autoencoder")
        sizes = level_sizes(resolution, 8)[: self.depth]
        return sizes, spread_evenly(self.depth or 2 * len(sizes), len(sizes))

    def _convolution(self, conv: nn.Module, scale: float | None = None) -> list[nn.Module]:
        """`conv`, normalization, activation; `scale` replaces the gain where no activation precedes `conv`."""
        act, norm = self.activation or "elu", self.normalization or "none"
        draw_scaled(conv, gain(act) if scale is None else scale)
        inner = conv.conv if isinstance(conv, UpsampleConv) else conv
        assert isinstance(inner, nn.Conv2d)
        return [conv, normalization(norm, inner.out_channels, maps=True), activation(act)]

    def _hidden(self, inputs: int) -> list[nn.Module]:
        act, norm = self.activation or "elu", self.normalization or "none"
        layers: list[nn.Module] = []
        for index in range(self.depth or 2):
            wide = self._expanded(self.filters)
            linear = nn.Linear(self.filters, wide) if index else ExactLinear(inputs, wide)
            draw_dense(linear, gain(act) if index else 1.0)
            layers += [linear, normalization(norm, wide, maps=False), activation(act)]
        return layers

    def _expanded(self, width: int) -> int:
        return width * expansion(self.activation or "elu")


@final
class EnergyCritic(FeatureCritic):
    """Mean absolute error of a reconstruction, ``(B,)``, float32 at least (eq. 1 with η = 1).

    Args:
        shape: The shape of a sample.
        encoder: Maps samples to codes ``(B, width)``, which are the critic's features.
        width: The dimension of a code.
        decoder: Maps codes to samples.
        normalization: The name of the normalization in both.
    """

    output: Literal["score", "energy"] = "energy"

    def __init__(
        self, shape: tuple[int, ...], encoder: nn.Module, width: int, decoder: nn.Module, normalization: str
    ) -> None:
        super().__init__()
        self.shape, self.normalization = shape, normalization
        self.encoder, self.width, self.decoder = encoder, width, decoder

    @property
    def trunk(self) -> nn.Module:
        return self.encoder

    def features(self, samples: Tensor) -> Tensor:
        code: Tensor = self.encoder(samples)
        return code

    def output_from_features(self, samples: Tensor, features: Tensor) -> Tensor:
        reconstruction: Tensor = self.decoder(features)
        return (reconstruction - widen(samples)).abs().flatten(1).mean(1)  # eq. 1

    def forward(self, samples: Tensor) -> Tensor:
        return self.output_from_features(samples, self.features(samples))


def _drawn(layer: nn.Module) -> nn.Module:
    draw_scaled(layer, 1.0)
    return layer
