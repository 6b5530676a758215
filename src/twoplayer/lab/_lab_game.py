"""Small games for the lab: densities in place of data sets, played by the library's own games and algorithms."""

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
from twoplayer.games._factory import ModuleFactory
from twoplayer.games._problem import Batch, BatchStream
from twoplayer.games.generation import GenerationGame
from twoplayer.networks._base import Architecture
from twoplayer.networks.mlp import MLP
from twoplayer.objectives._base import Objective
from twoplayer.regularizers._base import Regularizer

__all__ = ["LabDensity", "LabGame", "fit_critic", "masses", "scores", "slopes", "small_critic", "tensor"]


class LabDensity(Protocol):
    """What the lab needs of a density, of `twoplayer.theory` or of a toy in `twoplayer.data`."""

    @property
    def dimension(self) -> int: ...

    def sample(self, n: int, rng: np.random.Generator, /) -> Any: ...


@contextmanager
def one_thread() -> Iterator[None]:
    """Networks this small gain nothing from a second thread, and on a busy machine they lose most of their time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class DensityBatch(Batch):
    """A fresh batch from a density, a function of (seed, number) alone."""

    def __init__(self, density: LabDensity, size: int, seed: int, number: int) -> None:
        self.density, self.size, self.seed, self.step = density, size, seed, number

    @property
    def real(self) -> Tensor:
        return tensor(self.density.sample(self.size, numpy_generator(self.seed, "real", self.step)))

    @property
    def labels(self) -> Tensor:
        return torch.zeros(self.size, dtype=torch.int64)

    def random(self, purpose: str) -> torch.Generator:
        return torch_generator(self.seed, purpose, self.step)


class DensityBatches(BatchStream):
    """Fresh batches from a density without end."""

    def __init__(self, density: LabDensity, size: int, seed: int) -> None:
        self.density, self.size, self.seed, self.numbers = density, size, seed, count()

    def __next__(self) -> Batch:
        return DensityBatch(self.density, self.size, self.seed, next(self.numbers))

    def without_critic(self, *, reads_data: bool) -> Batch:
        return next(self)


class LabGame:
    """A generator and a critic that play for a density: `play` some rounds, then look.

    `algorithm` makes the algorithm from game and optimizer factory; by default one critic step, one generator step.
    Optimizers are Adam at `rate` (the critic's at `critic_rate` if given) with β = (0.5, 0.999), or what `optimizer`
    makes of a player's parameters.
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
        batch: int = 256,
        rate: float = 1e-3,
        critic_rate: float | None = None,
        optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer] | None = None,
        seed: int = 0,
    ) -> None:
        shape = (density.dimension,)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "weights"))
            players = (generator or MLP()).generator(latent_dim, shape), (critic or MLP()).critic(shape)
        rates = {"generator": rate, "critic": critic_rate or rate}

        def make(player: str, module: nn.Module) -> torch.optim.Optimizer:
            parameters = list(module.parameters())
            return (
                optimizer(parameters) if optimizer else torch.optim.Adam(parameters, rates[player], betas=(0.5, 0.999))
            )

        self.density, self.seed = density, seed
        self.game = GenerationGame(ModuleFactory(*players, objective, regularizers))
        self.algorithm = algorithm(self.game, make)
        self.batches = DensityBatches(density, batch, seed)
        self.rounds = 0

    @one_thread()
    def play(self, rounds: int) -> None:
        """Play so many rounds more."""
        for _ in range(rounds):
            self.algorithm.step(self.batches)
            self.rounds += 1

    def sample(self, n: int = 2500) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Samples of the generator as it stands, ``(n, dimension)``, from latents that depend on the seed alone."""
        latents = torch.randn(n, int(self.game.generator.latent_dim), generator=torch_generator(self.seed, "look"))  # type: ignore[arg-type]
        with torch.no_grad():
            return self.algorithm.sampler(latents).double().numpy()  # type: ignore[no-any-return]


def tensor(points: Any) -> Tensor:
    """Points ``(n, d)`` as networks see them, float32."""
    return torch.as_tensor(np.asarray(points), dtype=torch.float32)


def small_critic(dimension: int, *, seed: int = 0, **options: Any) -> nn.Module:
    """A fresh MLP critic for points, its weights a function of the seed; options are `MLP`'s."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "critic"))
        return MLP(**options).critic((dimension,))


def scores(critic: nn.Module, points: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The critic's outputs on points ``(n, d)``, in float64."""
    with torch.no_grad():
        return critic(tensor(points)).double().numpy()  # type: ignore[no-any-return]


def slopes(critic: nn.Module, points: Tensor) -> Tensor:
    """∂D/∂x at points ``(n, d)``, of the same shape, without a graph."""
    points = points.detach().requires_grad_()
    (found,) = torch.autograd.grad(critic(points).sum(), points)
    return found


def masses(grid: theory.QuadratureGrid, p: theory.Density, q: theory.Density) -> tuple[Tensor, Tensor]:
    """The probabilities of a quadrature's points under two densities, as `Objective.estimate` takes them."""
    on_p, on_q = (torch.as_tensor(d.density(grid.points) * grid.weights) for d in (p, q))
    return on_p, on_q


@one_thread()
def fit_critic(
    critic: nn.Module,
    objective: Objective,
    real: LabDensity,
    fake: LabDensity,
    *,
    steps: int,
    rules: Sequence[Regularizer] = (),
    batch: int = 512,
    rate: float = 1e-3,
    seed: int = 0,
    watch: Callable[[int], None] | None = None,
) -> None:
    """Train a critic on fresh samples of two densities: Adam, its rate falling to zero along a half cosine.

    `watch` is called with the number of finished steps, before the first and after each.
    """
    game = GenerationGame(ModuleFactory(nn.Identity(), critic, objective, rules))
    parameters = list(critic.parameters())
    optimizer = torch.optim.Adam(parameters, rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    if watch is not None:
        watch(0)
    for step in range(steps):
        generated = tensor(fake.sample(batch, numpy_generator(seed, "fake", step)))
        loss = game.critic_loss(DensityBatch(real, batch, seed, step), generated).total
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        optimizer.step()
        game.after_critic_step()
        falling.step()
        if watch is not None:
            watch(step + 1)
