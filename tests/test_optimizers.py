"""Optimizers and priors as families: contracts over the registry, parameter groups, lazy steps."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from twoplayer import optimizers, priors
from twoplayer.core.errors import UserError
from twoplayer.core.rng import torch_generator
from twoplayer.optimizers._base import parameter_groups


@pytest.mark.parametrize("name", optimizers.names())
def test_every_optimizer_goes_downhill_and_resumes(name: str) -> None:
    def made(seed: int = 0) -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(seed)
        module = nn.Linear(3, 1)
        return module, optimizers.create(name).make(parameter_groups(module, 1e-2), fused=True)

    def step(module: nn.Module, optimizer: torch.optim.Optimizer) -> float:
        loss = module(torch.ones(4, 3)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    module, optimizer = made()
    losses = [step(module, optimizer) for _ in range(30)]
    assert losses[-1] < losses[0]
    other, again = made(1)
    other.load_state_dict(module.state_dict())
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    step(module, optimizer), step(other, again)
    assert torch.equal(module.weight, other.weight)


@pytest.mark.parametrize("name", optimizers.names())
def test_options_out_of_range_are_refused(name: str) -> None:
    for option in optimizers.family.options(name):
        with pytest.raises(UserError, match=option):
            optimizers.create(name, **{option: 1.5})


def test_lazy_steps_forget_as_fast_as_the_main_loss() -> None:
    """Karras et al. 2020, appendix B: k + 1 steps with β^(k/(k+1)) decay moments as k steps with β."""
    adam = optimizers.create("adam", beta1=0.5, beta2=0.99).lazy(16)
    assert adam.beta1**17 == pytest.approx(0.5**16) and adam.beta2**17 == pytest.approx(0.99**16)
    assert optimizers.create("rmsprop", alpha=0.9).lazy(4).alpha ** 5 == pytest.approx(0.9**4)


def test_multipliers_make_groups() -> None:
    class Mapping(nn.Module):
        lr_multiplier = 0.01

        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Linear(2, 2)

    network = nn.Sequential(Mapping(), nn.Linear(2, 2))
    groups = parameter_groups(network, 0.5)
    assert [g["lr"] for g in groups] == [0.005, 0.5]
    assert [len(g["params"]) for g in groups] == [2, 2]
    shared = nn.Sequential(network[1], network[1])
    assert len(parameter_groups(shared, 0.5)[0]["params"]) == 2


@pytest.mark.parametrize("name", priors.names())
def test_every_prior_says_what_it_draws(name: str) -> None:
    prior = priors.create(name)
    drawn = prior.sample(4000, 3, torch.Generator().manual_seed(0))
    assert drawn.shape == (4000, 3) and drawn.dtype == torch.float32
    assert (drawn.abs().max() <= 1) == prior.bounded
    assert torch.equal(drawn, prior.sample(4000, 3, torch.Generator().manual_seed(0)))
    assert drawn.mean().abs() < 0.05
    if prior.standard_normal:
        assert drawn.std() == pytest.approx(1, abs=0.03)
    rows = prior.batch_rows((5, 2, 3), torch_generator(0, "latents"))
    assert rows.shape == (5, 2, 3)
    again = eval(prior.draw_in_torch.format(dim=3), {"torch": torch, "N": 7})
    assert again.shape == (7, 3) and (bool(again.abs().max() <= 1) or not prior.bounded)
