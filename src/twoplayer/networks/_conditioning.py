"""Players that are told a condition: a vector for each row, beside latents or beside samples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple, final

import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.networks._base import FeatureCritic, Generator
from twoplayer.networks._precision import ExactLinear, widen
from twoplayer.networks._shapes import is_image

__all__ = [
    "AugmentedGenerator",
    "ConcatenatedCritic",
    "ConcatenatedGenerator",
    "ConditionBlindCritic",
    "ConditionalCritic",
    "ModulatedGenerator",
    "ProjectedCritic",
    "ScoreAndFeatures",
    "embedding",
]

NORMS = (nn.modules.batchnorm._BatchNorm, nn.InstanceNorm2d, nn.GroupNorm)


def embedding(width: int, outputs: int, active: int) -> ExactLinear:
    """A linear map of conditions ``(B, width)`` to ``(B, outputs)`` of unit variance, where `active` entries are 1."""
    linear = ExactLinear(width, outputs)
    nn.init.normal_(linear.linear.weight, std=active**-0.5)
    nn.init.zeros_(linear.linear.bias)
    return linear


@final
class ConcatenatedGenerator(Generator):
    """Latents beside conditions, ``(B, base_dim + width)``: the conditions' embedding joins the latents of `base`.

    `base` takes ``base_dim + outputs`` latents, with the `outputs` of `embed`.

    Source: Mirza & Osindero 2014, "Conditional Generative Adversarial Nets", section 3.2.
    """

    def __init__(self, base: Generator, base_dim: int, width: int, embed: nn.Module) -> None:
        super().__init__()
        self.base, self.embed = base, embed
        self.base_dim, self.latent_dim, self.shape = base_dim, base_dim + width, base.shape

    def forward(self, latents: Tensor) -> Tensor:
        free, given = latents[:, : self.base_dim], latents[:, self.base_dim :]
        samples: Tensor = self.base(torch.cat([free, self.embed(given).to(free)], 1))
        return samples


@final
class AugmentedGenerator(Generator):
    """Latents beside conditions, ``(B, base_dim + width)``: a draw from N(μ, σ²), set by them, joins latents of `base`.

    The last `outputs` of the ``base_dim`` latents, which must be normal, are the draw's noise; σ starts at 1.

    Source: Zhang et al. 2017, "StackGAN: Text to Photo-realistic Image Synthesis with Stacked Generative Adversarial
    Networks", section 3.2 (conditioning augmentation).
    """

    def __init__(self, base: Generator, base_dim: int, width: int, outputs: int) -> None:
        super().__init__()
        self.base, self.outputs = base, outputs
        self.base_dim, self.latent_dim, self.shape = base_dim, base_dim + width, base.shape
        self.mean, self.log_variance = embedding(width, outputs, width), ExactLinear(width, outputs)
        nn.init.zeros_(self.log_variance.linear.weight)
        nn.init.zeros_(self.log_variance.linear.bias)

    def forward(self, latents: Tensor) -> Tensor:
        free, given = latents[:, : self.base_dim], latents[:, self.base_dim :]
        noise = free[:, -self.outputs :]
        drawn = self.mean(given) + (self.log_variance(given) / 2).exp() * noise
        samples: Tensor = self.base(torch.cat([free[:, : -self.outputs], drawn.to(free)], 1))
        return samples

    def divergence(self, given: Tensor) -> Tensor:
        """KL(N(μ, σ²) ‖ N(0, 1)), summed over what is drawn and averaged over rows (eq. 2)."""
        mean, log_variance = self.mean(given), self.log_variance(given)
        divergence: Tensor = (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean() / 2
        return divergence


@final
class ModulatedGenerator(Generator):
    """Latents beside conditions, ``(B, base_dim + width)``: conditions set gain and bias after every normalization.

    Raises `UserError` where `base` normalizes nothing.

    Source: Dumoulin, Shlens & Kudlur 2017, "A Learned Representation for Artistic Style", section 2.2; de Vries et al.
    2017, "Modulating early visual processing by language", section 3.
    """

    def __init__(self, base: Generator, base_dim: int, width: int) -> None:
        super().__init__()
        self.told = CurrentConditions()
        if not modulate(base, self.told, width):
            raise UserError(
                "this generator normalizes nothing that a condition could modulate: set generator.normalization to "
                "batch, or into_generator to concatenation"
            )
        self.base = base
        self.base_dim, self.latent_dim, self.shape = base_dim, base_dim + width, base.shape

    def forward(self, latents: Tensor) -> Tensor:
        self.told.given = latents[:, self.base_dim :]
        try:
            samples: Tensor = self.base(latents[:, : self.base_dim])
        finally:
            self.told.given = None  # a graph's tensor could not be copied, and copies are made of this module
        return samples


@final
class CurrentConditions(nn.Module):
    """The conditions of the pass that is under way, ``(B, width)``, for all layers that share this module."""

    given: Tensor | None = None


@final
class ModulatedNorm(nn.Module):
    """norm(x) · (1 + Wc) + Vc, channel by channel, W and V starting at zero, so that all conditions start alike."""

    def __init__(self, norm: nn.Module, told: CurrentConditions, width: int, channels: int) -> None:
        super().__init__()
        self.norm, self.told = norm, told
        self.gain, self.bias = (nn.Linear(width, channels, bias=False) for _ in range(2))
        for linear in (self.gain, self.bias):
            nn.init.zeros_(linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        if self.told.given is None:
            raise RuntimeError("no condition was given for this pass")
        normalized: Tensor = self.norm(x)
        place = (*normalized.shape[:2], *[1] * (normalized.dim() - 2))
        gain, bias = (linear(self.told.given).to(normalized.dtype).view(place) for linear in (self.gain, self.bias))
        return torch.addcmul(bias, normalized, 1 + gain)


def modulate(module: nn.Module, told: CurrentConditions, width: int) -> int:
    """Put a `ModulatedNorm` around every normalization in `module`; how many there were."""
    found = [(parent, name, part) for parent in module.modules() for name, part in parent.named_children()]
    norms = [(parent, name, norm) for parent, name, norm in found if isinstance(norm, NORMS)]
    for parent, name, norm in norms:
        channels = norm.num_channels if isinstance(norm, nn.GroupNorm) else norm.num_features
        setattr(parent, name, ModulatedNorm(norm, told, width, channels))
    return len(norms)


class ScoreAndFeatures(NamedTuple):
    """What a critic says of samples: one score each, ``(B,)``, and the features behind it, ``(B, F)``."""

    score: Tensor
    features: Tensor


class ConditionalCritic(nn.Module, ABC):
    """Maps samples ``(B, *shape)`` and conditions ``(B, width)`` to one score each, ``(B,)``.

    Raises `UserError` for a `base` that does not score whole samples by features.
    """

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        if not isinstance(base, FeatureCritic) or base.output != "score":
            raise UserError(
                "a conditional game needs a critic that scores samples as a whole: take another critic, such as "
                "dcgan, resnet or mlp"
            )
        self.base: FeatureCritic = base
        self.output: Literal["score", "energy"] = "score"

    @abstractmethod
    def look(self, samples: Tensor, given: Tensor) -> ScoreAndFeatures:
        """Scores and features, in one pass."""

    @abstractmethod
    def features(self, samples: Tensor) -> Tensor:
        """The features ``(B, F)`` of samples of which it is told nothing."""

    def forward(self, samples: Tensor, given: Tensor) -> Tensor:
        return self.look(samples, given).score


@final
class ConcatenatedCritic(ConditionalCritic):
    """The conditions' embedding joins the samples: as constant maps beside an image's channels, or as further features.

    `base` serves samples of so many more channels, or features, as `embed` returns.

    Source: Mirza & Osindero 2014, "Conditional Generative Adversarial Nets", section 3.2.
    """

    def __init__(self, base: nn.Module, shape: tuple[int, ...], embed: ExactLinear) -> None:
        super().__init__(base)
        self.shape, self.embed = shape, embed
        self.image = is_image(shape)

    def look(self, samples: Tensor, given: Tensor) -> ScoreAndFeatures:
        joined = self._joined(samples, given)
        features = self.base.features(joined)
        return ScoreAndFeatures(self.base.judge(joined, features), features)

    def features(self, samples: Tensor) -> Tensor:
        return self.base.features(self._joined(samples, samples.new_zeros(len(samples), self.embed.linear.in_features)))

    def _joined(self, samples: Tensor, given: Tensor) -> Tensor:
        more = self.embed(given).to(samples)
        if self.image:
            more = more[:, :, None, None].expand(-1, -1, *samples.shape[2:])
        return torch.cat([samples, more], 1)


@final
class ProjectedCritic(ConditionalCritic):
    """ψ(φ(x)) + ⟨Vc, φ(x)⟩, with φ the features and ψ the score of `base`.

    Source: Miyato & Koyama 2018, "cGANs with Projection Discriminator", eq. 3 and figure 1d.
    """

    def __init__(self, base: nn.Module, shape: tuple[int, ...], width: int) -> None:
        super().__init__(base)
        self.shape = shape
        self.project = ExactLinear(width, self.base.width, bias=False)
        nn.init.normal_(self.project.linear.weight, std=self.base.width**-0.5)

    def look(self, samples: Tensor, given: Tensor) -> ScoreAndFeatures:
        features = self.base.features(samples)
        match = (widen(features) * self.project(given)).sum(1)
        return ScoreAndFeatures(self.base.judge(samples, features) + match, features)

    def features(self, samples: Tensor) -> Tensor:
        return self.base.features(samples)


@final
class ConditionBlindCritic(ConditionalCritic):
    """A critic that is not told: whether samples fit their conditions is another's business."""

    def __init__(self, base: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__(base)
        self.shape = shape

    def look(self, samples: Tensor, given: Tensor) -> ScoreAndFeatures:
        features = self.base.features(samples)
        return ScoreAndFeatures(self.base.judge(samples, features), features)

    def features(self, samples: Tensor) -> Tensor:
        return self.base.features(samples)
