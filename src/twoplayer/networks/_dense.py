"""The common part of the fully connected architectures: all but their hidden layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import nn

from twoplayer.networks._base import Critic, Generator
from twoplayer.networks._configurable import ConfigurableArchitecture
from twoplayer.networks._initialization import draw_dense
from twoplayer.networks._players import BodyGenerator, ScoreCritic
from twoplayer.networks._precision import ExactLinear
from twoplayer.networks._shapes import value_count

__all__ = ["Dense"]


@dataclass(frozen=True, kw_only=True)
class Dense(ConfigurableArchitecture, ABC):
    """Hidden layers of `filters` units between flattened samples and a last linear layer, for both players."""

    filters: int

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        hidden = self.hidden(latent_dim, self.activation or "relu")
        last = ExactLinear(self.filters, value_count(shape))
        draw_dense(last, 1.0)
        return BodyGenerator(latent_dim, shape, nn.Sequential(*hidden, last))

    def critic(self, shape: tuple[int, ...]) -> Critic:
        hidden = self.hidden(value_count(shape), self.activation or "leaky-relu")
        body = nn.Sequential(nn.Flatten(), *hidden)
        critic = ScoreCritic(shape, body, self.filters, self.normalization or "none")
        draw_dense(critic.score, 1.0)
        return critic

    @abstractmethod
    def hidden(self, inputs: int, act: str) -> list[nn.Module]:
        """The layers from ``(B, inputs)`` to ``(B, filters)``, weights drawn."""
