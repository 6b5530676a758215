"""A critic of samples and conditions, made a critic of samples alone, so that rules need not know of conditions."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

from twoplayer.networks._conditioning import ConditionalCritic

__all__ = ["BoundCritic"]


@final
class BoundCritic(nn.Module):
    """`critic` with the conditions ``(B, width)`` of one batch; several batches of B samples at once have them again.

    It keeps the features of every pass, in order, for whoever shares them.
    """

    def __init__(self, critic: ConditionalCritic, given: Tensor) -> None:
        super().__init__()
        self.critic = critic
        self.output = critic.output
        self.given = given
        self.features: list[Tensor] = []

    def forward(self, samples: Tensor) -> Tensor:
        result = self.critic.score_and_features(samples, self.given.repeat(len(samples) // len(self.given), 1))
        self.features.append(result.features)
        return result.score
