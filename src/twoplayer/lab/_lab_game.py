"""Small games for the lab: densities instead of data sets, trained by the library's own games and algorithms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from twoplayer import theory
from twoplayer.algorithms._base import Algorithm
from twoplayer.algorithms.alternating import Alternating
from twoplayer.core.rng import derive, numpy_generator, torch_generator
from twoplayer.games._base import Batch
from twoplayer.games.generation import GenerationGame
from twoplayer.networks._base import Architecture
from twoplayer.networks.mlp import MLP
from twoplayer.objectives._base import Objective
from twoplayer.regularizers._base import Regularizer

__all__ = [
    "LabDensity",
    "LabGame",
    "critic_outputs",
    "fit_critic",
    "input_gradients",
    "quadrature_weights",
    "small_critic",
    "to_tensor",
]


class LabDensity(Protocol):
    """The interface that the lab needs of a density, from `twoplayer.theory` or a toy data set of `twoplayer.data`."""

    @property
    def dimension(self) -> int: ...

    def sample(self, n: int, rng: np.random.Generator, /) -> Any: ...


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit torch to one thread: networks this small gain nothing from a second one and lose time to it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class DensityBatch(Batch):
    """A batch of independent samples of a density, a function of (seed, step) only."""

    def __init__(self, density: LabDensity, size: int, seed: int, number: int) -> None:
        self.density, self.size, self.seed, self.rounds = density, size, seed, number

    @property
    def real(self) -> Tensor:
        return to_tensor(self.density.sample(self.size, numpy_generator(self.seed, "real", self.rounds)))

    @property
    def labels(self) -> Tensor:
        return torch.zeros(self.size, dtype=torch.int64)

    def random(self, purpose: str) -> torch.Generator:
        return torch_generator(self.seed, purpose, self.rounds)


class LabGame:
    """A generator and a critic in training on samples of a density.

    Args:
        density: The data.
        objective: The losses.
        regularizers: Regularizers of the critic. Default none.
        generator: The generator's architecture. Default `MLP`.
        critic: The critic's architecture. Default `MLP`.
        algorithm: Builds the algorithm from the game and an optimizer factory. Default one critic step, one generator
            step.
        latent_dim: The dimension of the latents. Default 2.
        batch_size: Samples in a batch. Default 256.
        learning_rate: The learning rate of Adam, with β = (0.5, 0.999). Default 0.001.
        critic_learning_rate: The critic's. Default the same.
        optimizer: Builds an optimizer from a player's parameters, instead of Adam.
        seed: The seed of weights, latents and batches. Default 0.
    """

    def __init__(
        self,
        density: LabDensity,
        objective: Objective,
        *,
        regularizers: Sequence[Regularizer] = (),
        generator: Architecture | None = None,
        critic: Architecture | None = None,
        algorithm: Callable[..., Algorithm] = Alternating,
        latent_dim: int = 2,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        critic_learning_rate: float | None = None,
        optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer] | None = None,
        seed: int = 0,
    ) -> None:
        shape = (density.dimension,)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "weights"))
            players = (generator or MLP()).generator(latent_dim, shape), (critic or MLP()).critic(shape)
        rates = {"generator": learning_rate, "critic": critic_learning_rate or learning_rate}

        def make(player: str, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
            return (
                optimizer(parameters) if optimizer else torch.optim.Adam(parameters, rates[player], betas=(0.5, 0.999))
            )

        self.density, self.seed = density, seed
        self.game = GenerationGame(*players, objective, regularizers)
        self.algorithm = algorithm(self.game, make)
        self.batches = (DensityBatch(density, batch_size, seed, number) for number in count())
        self.steps = 0

    @one_thread()
    def train(self, steps: int) -> None:
        """Train for `steps` more steps."""
        for _ in range(steps):
            self.algorithm.round(self.batches)
            self.steps += 1

    def sample(self, n: int = 2500) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Samples of the current generator, ``(n, dimension)``, from latents that depend on the seed only."""
        latents = torch.randn(n, int(self.game.generator.latent_dim), generator=torch_generator(self.seed, "look"))  # type: ignore[arg-type]
        with torch.no_grad():
            return self.algorithm.sampler(latents).double().numpy()  # type: ignore[no-any-return]


def to_tensor(points: Any) -> Tensor:
    """Points ``(n, d)`` as a float32 tensor."""
    return torch.as_tensor(np.asarray(points), dtype=torch.float32)


def small_critic(dimension: int, *, seed: int = 0, **options: Any) -> nn.Module:
    """A new MLP critic of points, whose weights are a function of the seed; options are those of `MLP`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "critic"))
        return MLP(**options).critic((dimension,))


def critic_outputs(critic: nn.Module, points: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The critic's outputs on points ``(n, d)``, in float64."""
    with torch.no_grad():
        return critic(to_tensor(points)).double().numpy()  # type: ignore[no-any-return]


def input_gradients(critic: nn.Module, points: Tensor) -> Tensor:
    """∂D/∂x at points ``(n, d)``, of the same shape, without a graph."""
    points = points.detach().requires_grad_()
    (gradients,) = torch.autograd.grad(critic(points).sum(), points)
    return gradients


def quadrature_weights(grid: theory.QuadratureGrid, p: theory.Density, q: theory.Density) -> tuple[Tensor, Tensor]:
    """The probabilities of a quadrature's points under two densities, as `Objective.estimate` takes them."""
    p_weights, q_weights = (torch.as_tensor(d.density(grid.points) * grid.weights) for d in (p, q))
    return p_weights, q_weights


@one_thread()
def fit_critic(
    critic: nn.Module,
    objective: Objective,
    real: LabDensity,
    fake: LabDensity,
    *,
    steps: int,
    regularizers: Sequence[Regularizer] = (),
    batch_size: int = 512,
    learning_rate: float = 1e-3,
    seed: int = 0,
    callback: Callable[[int], None] | None = None,
) -> None:
    """Train a critic between two fixed densities, by Adam with a cosine learning-rate schedule that ends at zero.

    Args:
        critic: The critic, trained in place.
        objective: Its loss.
        real: The density of real samples.
        fake: The density of generated samples.
        steps: Number of steps, each on new batches.
        regularizers: Regularizers of the critic. Default none.
        batch_size: Samples in a batch from each density. Default 512.
        learning_rate: The initial learning rate. Default 0.001.
        seed: The seed of the batches. Default 0.
        callback: Called with the number of finished steps, before the first and after each.
    """
    game = GenerationGame(nn.Identity(), critic, objective, regularizers)
    parameters = list(critic.parameters())
    optimizer = torch.optim.Adam(parameters, learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    if callback is not None:
        callback(0)
    for step in range(steps):
        generated = to_tensor(fake.sample(batch_size, numpy_generator(seed, "fake", step)))
        loss = game.critic_loss(DensityBatch(real, batch_size, seed, step), generated).total
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        optimizer.step()
        game.after_critic_step()
        schedule.step()
        if callback is not None:
            callback(step + 1)
