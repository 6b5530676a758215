"""Conditional players: a generator with a condition vector per row beside the latents, a critic with one per sample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple, final

import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.networks._base import FeatureCritic, Generator, generate
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

NORMALIZATION_LAYERS = (nn.modules.batchnorm._BatchNorm, nn.InstanceNorm2d, nn.GroupNorm)


def embedding(width: int, outputs: int, active: int) -> ExactLinear:
    """A linear embedding of conditions whose outputs start with unit variance.

    Args:
        width: The dimension of a condition vector.
        outputs: The dimension of its embedding.
        active: How many entries of a condition vector are 1, or the number of its entries of unit variance.

    Returns:
        A map from conditions ``(B, width)`` to ``(B, outputs)``.
    """
    linear = ExactLinear(width, outputs)
    nn.init.normal_(linear.linear.weight, std=active**-0.5)
    nn.init.zeros_(linear.linear.bias)
    return linear


@final
class ConcatenatedGenerator(Generator):
    """A conditional generator: the embedded condition is concatenated to the latents.

    It takes latents beside conditions, ``(B, base_dim + width)``.

    Args:
        base: A generator of ``base_dim + E`` latents, E being the outputs of `embed`.
        base_dim: The number of latents without the condition.
        width: The dimension of a condition vector.
        embed: Maps conditions ``(B, width)`` to ``(B, E)``.

    Source: Mirza & Osindero 2014, "Conditional Generative Adversarial Nets", section 3.2.
    """

    def __init__(self, base: Generator, base_dim: int, width: int, embed: nn.Module) -> None:
        super().__init__()
        self.base, self.embed = base, embed
        self.base_dim, self.latent_dim, self.shape = base_dim, base_dim + width, base.shape
        self.uses_noise = base.uses_noise

    def forward(self, latents: Tensor, *, noise: torch.Generator | None = None) -> Tensor:
        base_latents, conditions = latents[:, : self.base_dim], latents[:, self.base_dim :]
        return generate(self.base, torch.cat([base_latents, self.embed(conditions).to(base_latents)], 1), noise)


@final
class AugmentedGenerator(Generator):
    """A conditional generator with conditioning augmentation: a draw from N(μ(c), σ(c)²) joins the latents.

    It takes latents beside conditions, ``(B, base_dim + width)``. The last `outputs` of the ``base_dim`` latents, which
    must be standard normal, are the noise of the draw; σ starts at 1.

    Args:
        base: A generator of ``base_dim`` latents.
        base_dim: The number of latents without the condition.
        width: The dimension of a condition vector.
        outputs: The dimension of the draw, at most ``base_dim``.

    Source: Zhang et al. 2017, "StackGAN: Text to Photo-realistic Image Synthesis with Stacked Generative Adversarial
    Networks", section 3.2 (conditioning augmentation).
    """

    def __init__(self, base: Generator, base_dim: int, width: int, outputs: int) -> None:
        super().__init__()
        self.base, self.outputs = base, outputs
        self.base_dim, self.latent_dim, self.shape = base_dim, base_dim + width, base.shape
        self.uses_noise = base.uses_noise
        self.mean, self.log_variance = embedding(width, outputs, width), ExactLinear(width, outputs)
        nn.init.zeros_(self.log_variance.linear.weight)
        nn.init.zeros_(self.log_variance.linear.bias)

    def forward(self, latents: Tensor, *, noise: torch.Generator | None = None) -> Tensor:
        base_latents, conditions = latents[:, : self.base_dim], latents[:, self.base_dim :]
        epsilon = base_latents[:, -self.outputs :]
        # Section 3.2: ĉ = μ(c) + σ(c) ⊙ ε
        augmented = self.mean(conditions) + (self.log_variance(conditions) / 2).exp() * epsilon
        return generate(self.base, torch.cat([base_latents[:, : -self.outputs], augmented.to(base_latents)], 1), noise)

    def divergence(self, conditions: Tensor) -> Tensor:
        """KL(N(μ(c), σ(c)²) ‖ N(0, 1)), summed over dimensions and averaged over rows (eq. 2), a scalar in nats."""
        mean, log_variance = self.mean(conditions), self.log_variance(conditions)
        divergence: Tensor = (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean() / 2
        return divergence


@final
class ModulatedGenerator(Generator):
    """A conditional generator with conditional normalization: conditions set gain and bias of every normalization.

    It takes latents beside conditions, ``(B, base_dim + width)``.

    Args:
        base: A generator of ``base_dim`` latents with normalization layers, which are wrapped in place.
        base_dim: The number of latents without the condition.
        width: The dimension of a condition vector.

    Raises:
        UserError: If `base` has no normalization layer.

    Source: Dumoulin, Shlens & Kudlur 2017, "A Learned Representation for Artistic Style", section 2.2; de Vries et al.
    2017, "Modulating early visual processing by language", section 3.
    """

    def __init__(self, base: Generator, base_dim: int, width: int) -> None:
        super().__init__()
        self.current = CurrentConditions()
        if not modulate(base, self.current, width):
            raise UserError(
                "this generator normalizes nothing that a condition could modulate: set generator.normalization to "
                "batch, or generator_conditioning to concatenation"
            )
        self.base = base
        self.base_dim, self.latent_dim, self.shape = base_dim, base_dim + width, base.shape
        self.uses_noise = base.uses_noise

    def forward(self, latents: Tensor, *, noise: torch.Generator | None = None) -> Tensor:
        self.current.conditions = latents[:, self.base_dim :]
        try:
            return generate(self.base, latents[:, : self.base_dim], noise)
        finally:
            self.current.conditions = None  # a graph's tensor could not be copied, and this module is copied


@final
class CurrentConditions(nn.Module):
    """The conditions ``(B, width)`` of the forward pass in progress, shared by all layers that hold this module."""

    conditions: Tensor | None = None


@final
class ModulatedNorm(nn.Module):
    """norm(x) · (1 + Wc) + Vc per channel; W and V start at zero, so that all conditions start alike.

    Args:
        norm: The normalization layer, of ``(B, channels)`` or ``(B, channels, H, W)``.
        current: The conditions of the forward pass in progress.
        width: The dimension of a condition vector.
        channels: The number of channels of `norm`.
    """

    def __init__(self, norm: nn.Module, current: CurrentConditions, width: int, channels: int) -> None:
        super().__init__()
        self.norm, self.current = norm, current
        self.gain, self.bias = (nn.Linear(width, channels, bias=False) for _ in range(2))
        for linear in (self.gain, self.bias):
            nn.init.zeros_(linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        conditions = self.current.conditions
        if conditions is None:
            raise RuntimeError("a modulated layer needs conditions: call the ModulatedGenerator, not its base")
        normalized: Tensor = self.norm(x)
        broadcast = (*normalized.shape[:2], *[1] * (normalized.dim() - 2))
        gain, bias = (linear(conditions).to(normalized.dtype).view(broadcast) for linear in (self.gain, self.bias))
        return torch.addcmul(bias, normalized, 1 + gain)


def modulate(module: nn.Module, current: CurrentConditions, width: int) -> int:
    """Wrap every normalization layer in `module` in a `ModulatedNorm`; return how many there were."""
    children = [(parent, name, child) for parent in module.modules() for name, child in parent.named_children()]
    norms = [(parent, name, norm) for parent, name, norm in children if isinstance(norm, NORMALIZATION_LAYERS)]
    for parent, name, norm in norms:
        channels = norm.num_channels if isinstance(norm, nn.GroupNorm) else norm.num_features
        setattr(parent, name, ModulatedNorm(norm, current, width, channels))
    return len(norms)


class ScoreAndFeatures(NamedTuple):
    """A critic's scores ``(B,)`` and the features ``(B, F)`` they were computed from."""

    score: Tensor
    features: Tensor


class ConditionalCritic(nn.Module, ABC):
    """Maps samples ``(B, *shape)`` and conditions ``(B, width)`` to one score each, ``(B,)``.

    Args:
        base: A critic that scores whole samples by features.

    Raises:
        UserError: If `base` is another kind of critic.
    """

    output: Literal["score", "energy"] = "score"

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        if not isinstance(base, FeatureCritic) or base.output != "score":
            raise UserError(
                "a conditional game needs a critic that scores samples as a whole: take another critic, such as "
                "dcgan, resnet or mlp"
            )
        self.base: FeatureCritic = base

    @abstractmethod
    def score_and_features(self, samples: Tensor, conditions: Tensor) -> ScoreAndFeatures:
        """Scores and features of samples ``(B, *shape)`` with conditions ``(B, width)``, in one pass."""

    @abstractmethod
    def features(self, samples: Tensor) -> Tensor:
        """The features ``(B, F)`` of samples without their conditions."""

    def forward(self, samples: Tensor, conditions: Tensor) -> Tensor:
        return self.score_and_features(samples, conditions).score


@final
class ConcatenatedCritic(ConditionalCritic):
    """A conditional critic: the embedded condition is concatenated to the sample.

    For images the embedding becomes constant maps beside the channels, for points further features.

    Args:
        base: A critic of samples with E more channels or features, E being the outputs of `embed`.
        shape: The shape of a sample without its condition.
        embed: Maps conditions ``(B, width)`` to ``(B, E)``.

    Source: Mirza & Osindero 2014, "Conditional Generative Adversarial Nets", section 3.2.
    """

    def __init__(self, base: nn.Module, shape: tuple[int, ...], embed: ExactLinear) -> None:
        super().__init__(base)
        self.shape, self.embed = shape, embed
        self.image = is_image(shape)

    def score_and_features(self, samples: Tensor, conditions: Tensor) -> ScoreAndFeatures:
        joined = self._joined(samples, conditions)
        features = self.base.features(joined)
        return ScoreAndFeatures(self.base.output_from_features(joined, features), features)

    def features(self, samples: Tensor) -> Tensor:
        return self.base.features(self._joined(samples, samples.new_zeros(len(samples), self.embed.linear.in_features)))

    def _joined(self, samples: Tensor, conditions: Tensor) -> Tensor:
        embedded = self.embed(conditions).to(samples)
        if self.image:
            embedded = embedded[:, :, None, None].expand(-1, -1, *samples.shape[2:])
        return torch.cat([samples, embedded], 1)


@final
class ProjectedCritic(ConditionalCritic):
    """The projection discriminator: ψ(φ(x)) + ⟨Vc, φ(x)⟩, with φ the features and ψ the score of `base`.

    Args:
        base: A critic of samples that scores them by features.
        shape: The shape of a sample.
        width: The dimension of a condition vector.

    Source: Miyato & Koyama 2018, "cGANs with Projection Discriminator", eq. 3 and figure 1d.
    """

    def __init__(self, base: nn.Module, shape: tuple[int, ...], width: int) -> None:
        super().__init__(base)
        self.shape = shape
        self.project = ExactLinear(width, self.base.width, bias=False)
        nn.init.normal_(self.project.linear.weight, std=self.base.width**-0.5)

    def score_and_features(self, samples: Tensor, conditions: Tensor) -> ScoreAndFeatures:
        features = self.base.features(samples)
        projection = (widen(features) * self.project(conditions)).sum(1)
        # Eq. 3: f(x, y) = yᵀVφ(x) + ψ(φ(x))
        return ScoreAndFeatures(self.base.output_from_features(samples, features) + projection, features)

    def features(self, samples: Tensor) -> Tensor:
        return self.base.features(samples)


@final
class ConditionBlindCritic(ConditionalCritic):
    """A critic that ignores the conditions; an auxiliary classifier checks whether samples match them.

    Args:
        base: A critic of samples that scores them by features.
        shape: The shape of a sample.
    """

    def __init__(self, base: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__(base)
        self.shape = shape

    def score_and_features(self, samples: Tensor, conditions: Tensor) -> ScoreAndFeatures:
        features = self.base.features(samples)
        return ScoreAndFeatures(self.base.output_from_features(samples, features), features)

    def features(self, samples: Tensor) -> Tensor:
        return self.base.features(samples)
