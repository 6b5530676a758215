"""A conditional critic with its conditions bound, so that regularizers need not know of conditions."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

from twoplayer.networks._conditioning import ConditionalCritic

__all__ = ["BoundCritic"]


@final
class BoundCritic(nn.Module):
    """`critic` with the conditions ``(B, width)`` of one batch; several batches of B samples at once have them again.

    It keeps the features of every pass, in order, for a classifier that shares them.
    """

    def __init__(self, critic: ConditionalCritic, conditions: Tensor) -> None:
        super().__init__()
        self.critic = critic
        self.output = critic.output
        self.conditions = conditions
        self.features: list[Tensor] = []

    def forward(self, samples: Tensor) -> Tensor:
        repeats = len(samples) // len(self.conditions)
        outputs = self.critic.score_and_features(samples, self.conditions.repeat(repeats, 1))
        self.features.append(outputs.features)
        return outputs.score
