"""BEGAN's players: the critic is an autoencoder, and its output is how badly it reconstructs a sample.

The output is an energy, the mean absolute error over the sample's values: larger means less real. The
generator has the decoder's architecture with weights of its own.

Images: 3x3 convolutions with ELU, `depth` in the encoder and as many in the decoder, by default two for each
resolution. The encoder halves by stride 2 until the side is at most 8 and widens linearly (`filters`, twice,
thrice); the decoder keeps `filters` and doubles by nearest neighbour. Both end in tanh for images, since
samples lie in [-1, 1]. Points: encoder and decoder have `depth` hidden layers (2) of `filters` units.

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
from twoplayer.networks._shapes import even_share, halvings, is_image, square_image

__all__ = ["Autoencoder"]


@final
@dataclass(frozen=True, kw_only=True)
class Autoencoder(ConfigurableArchitecture):
    """An autoencoding critic and a decoding generator."""

    filters: Count = 64
    embedding: Count | None = None
    """Size of the critic's code; None is 64 for images and half of the features for points."""

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        return BodyGenerator(latent_dim, shape, self._decoder(latent_dim, shape))

    def critic(self, shape: tuple[int, ...]) -> Critic:
        code = self.embedding
        if code is None:
            code = 64 if is_image(shape) else max(1, shape[0] // 2)
        check_size("embedding", code)
        decoder = BodyGenerator(code, shape, self._decoder(code, shape))
        return EnergyCritic(shape, self._encoder(shape, code), code, decoder, self.normalization or "none")

    def _encoder(self, shape: tuple[int, ...], code: int) -> nn.Sequential:
        if not is_image(shape):
            return nn.Sequential(*self._hidden(shape[0]), _drawn(ExactLinear(self.filters, code)))
        sizes, counts = self._levels(shape)
        body = self._convolution(nn.Conv2d(shape[0], self._wide(self.filters), 3, padding=1), 1.0)
        for level, count in enumerate(counts):
            width = self.filters * (level + 1)
            for _ in range(count):
                body += self._convolution(nn.Conv2d(width, self._wide(width), 3, padding=1))
            if level < len(counts) - 1:
                # An odd side drops its padding, so that every side halves rounded down.
                padding = 1 - sizes[level] % 2
                conv = nn.Conv2d(width, self._wide(width + self.filters), 3, stride=2, padding=padding)
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
            conv: nn.Module = nn.Conv2d(width, self._wide(width), 3, padding=1)
            if level < len(counts) - 1:
                conv = UpsampleConv(width, self._wide(width), sizes[level + 1], sizes[level])
            body += self._convolution(conv, 1.0 if len(body) == 2 else None)
            for _ in range(counts[level] - 1):
                body += self._convolution(nn.Conv2d(width, self._wide(width), 3, padding=1))
        return nn.Sequential(*body, _drawn(nn.Conv2d(width, shape[0], 3, padding=1)))

    def _levels(self, shape: tuple[int, ...]) -> tuple[list[int], list[int]]:
        """Sizes and numbers of convolutions by level, finest first."""
        _, resolution = square_image(shape, "autoencoder")
        sizes = halvings(resolution, 8)[: self.depth]
        return sizes, even_share(self.depth or 2 * len(sizes), len(sizes))

    def _convolution(self, conv: nn.Module, scale: float | None = None) -> list[nn.Module]:
        """`conv`, normalization, activation; `scale` stands for the gain where no activation came before."""
        act, norm = self.activation or "elu", self.normalization or "none"
        draw_scaled(conv, gain(act) if scale is None else scale)
        inner = conv.conv if isinstance(conv, UpsampleConv) else conv
        assert isinstance(inner, nn.Conv2d)
        return [conv, normalization(norm, inner.out_channels, maps=True), activation(act)]

    def _hidden(self, inputs: int) -> list[nn.Module]:
        act, norm = self.activation or "elu", self.normalization or "none"
        layers: list[nn.Module] = []
        for index in range(self.depth or 2):
            wide = self._wide(self.filters)
            linear = nn.Linear(self.filters, wide) if index else ExactLinear(inputs, wide)
            draw_dense(linear, gain(act) if index else 1.0)
            layers += [linear, normalization(norm, wide, maps=False), activation(act)]
        return layers

    def _wide(self, width: int) -> int:
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
