"""Images may lie channels-last in memory; what is learned must not depend on it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from twoplayer import networks, objectives, regularizers
from twoplayer.algorithms.alternating import Alternating
from twoplayer.core.rng import torch_generator
from twoplayer.games._factory import ModuleFactory
from twoplayer.games._problem import Batch
from twoplayer.games.generation import GenerationGame

SHAPE = (3, 16, 16)


class Images(Batch):
    """The same eight images every time."""

    def __init__(self, layout: torch.memory_format) -> None:
        self.size, self.rounds, self.layout = 8, 0, layout

    @property
    def real(self) -> torch.Tensor:  # type: ignore[override]
        return torch.rand(8, *SHAPE, generator=self.random("data")).contiguous(memory_format=self.layout)

    @property
    def labels(self) -> torch.Tensor:  # type: ignore[override]
        return torch.zeros(8, dtype=torch.int64)

    def random(self, purpose: str) -> torch.Generator:
        return torch_generator(0, purpose)


def learned(layout: torch.memory_format, rule: str, optimizer: Any, *, resume: bool) -> dict[str, torch.Tensor]:
    """Weights after two rounds of a game with a second-order penalty."""

    def make() -> Alternating:
        torch.manual_seed(0)
        critic = networks.create("dcgan", filters=8, normalization="none")
        players = [networks.create("dcgan", filters=8).generator(4, SHAPE), critic.critic(SHAPE)]
        players = [p.to(memory_format=layout) for p in players]
        game = GenerationGame(ModuleFactory(*players, objectives.create("wasserstein"), [regularizers.create(rule)]))
        return Alternating(game, optimizer)

    algorithm = make()
    algorithm.step(iter([Images(layout)]))
    if resume:  # a checkpoint holds contiguous tensors
        weights, state = algorithm.game.state_dict(), algorithm.state()
        algorithm = make()
        algorithm.game.load_state_dict(weights)
        for kept in state["optimizers"].values():
            for tensors in kept["state"].values():
                tensors.update({k: v.contiguous() for k, v in tensors.items()})
        algorithm.restore(state)
    algorithm.step(iter([Images(layout)]))
    return algorithm.game.state_dict()


def plain(player: str, module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), 1e-3, eps=1e-3, fused=False, foreach=False)


def fused(player: str, module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), 1e-3, eps=1e-3, fused=True)


@pytest.mark.parametrize("rule", ["gradient-penalty", "r1", "r2", "clip"])
@pytest.mark.parametrize("resume", [False, True])
def test_fused_steps_on_channels_last_images_equal_plain_ones(rule: str, resume: bool) -> None:
    expected = learned(torch.contiguous_format, rule, plain, resume=False)
    found = learned(torch.channels_last, rule, fused, resume=resume)
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=1e-3, atol=2e-5, msg=lambda m, n=name: f"{n}: {m}")
