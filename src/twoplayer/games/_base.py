"""The root of the game family: networks, objective, regularizers and latents bound into two players' losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from twoplayer.core.rng import normal_rows, uniform_rows

__all__ = ["Batch", "Game", "Loss", "SampleGame", "SlopedGame", "in_precision", "prior_rows"]

P = ParamSpec("P")
R = TypeVar("R")
G = TypeVar("G", bound="Game")


class Batch(ABC):
    """One minibatch, read only when asked: the rows that belong to this process."""

    size: int
    """Rows on this process."""
    rounds: int
    """Finished rounds of training, for whatever anneals."""
    for_critic: bool = True
    """Whether the critic learns from it; else its real samples, if a generator looks at them, are not images seen."""
    given: Tensor
    """What is given with `real`, float32 ``(size, width)``, where the game has conditions; a look counts nothing."""
    mismatched: Tensor
    """What is given with other samples and does not hold of `real`, row by row, where the game has such conditions."""
    others: Callable[[int], Tensor]
    """`given` of so many batches of training samples, drawn at random, ``(size·times, width)``."""
    partner: Tensor
    """The other side of a translation ``(size, *partner_shape)``: of the same row where the data are paired."""

    @property
    @abstractmethod
    def real(self) -> Tensor:
        """Real samples ``(size, *shape)`` as networks see them; the first look counts as images seen, `for_critic`."""

    @property
    @abstractmethod
    def labels(self) -> Tensor:
        """int64 class indices ``(size,)`` of `real`."""

    @abstractmethod
    def random(self, purpose: str) -> torch.Generator:
        """A generator that depends on the run's seed, the purpose and this batch's number alone."""


@dataclass
class Loss:
    """What a player minimizes, and the detached scalars behind it that a person wants to watch."""

    total: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)


class Game(nn.Module, ABC):
    """Who plays for what, on what: everything but the order of moves.

    An algorithm first calls `generate`, then hands what came back to either player's loss. The return value of
    `generate` is the game's own business. A module, so that one state dict holds all players and states.
    """

    players: Mapping[str, nn.Module]
    """The trained networks by the name under which an algorithm moves them: ``generator``, ``critic``."""
    autocast: Callable[[], AbstractContextManager[Any]] = staticmethod(nullcontext)
    """The precision in which networks run; set by whoever builds the game."""

    @abstractmethod
    def generate(self, batch: Batch) -> Any:
        """The generator's move for a batch, with a graph into the generator when gradients are enabled."""

    @abstractmethod
    def critic_loss(self, batch: Batch, generated: Any, *, ahead: bool = False) -> Loss:
        """The critic's loss; nothing flows back into the generator, unless it only looks `ahead`.

        A look ahead is a critic step that is not taken: it leaves no trace in the game.
        """

    @abstractmethod
    def generator_loss(self, batch: Batch, generated: Any) -> Loss:
        """The generator's loss, differentiable into `generated`."""

    @abstractmethod
    def after_critic_step(self) -> None:
        """Enforce what must hold of the critic after it moved."""

    @abstractmethod
    def end_round(self) -> None:
        """Move the state that moves once a round, such as the objective's."""

    @property
    @abstractmethod
    def sampler(self) -> nn.Module:
        """The module that is averaged, sampled from and shipped: latents ``(B, latent_dim)`` to samples."""


class SlopedGame(Game):
    """A game whose critic judges a generator's samples one by one, so that they can be moved along its slope.

    The generator's inputs are latents and, from column `told_from` on, what the critic is told beside a sample; None
    where it judges samples as they are.
    """

    generator: nn.Module
    critic: nn.Module
    told_from: int | None = None
    unheard: str | None = None
    """Who is not heard where samples follow the critic's score alone, and what to do about it; None: nobody."""

    @abstractmethod
    def latents(self, batch: Batch, times: int = 1) -> Tensor:
        """This process's rows of `times` batches of the generator's inputs, ``(size·times, latent_dim)``."""

    @abstractmethod
    def critic_loss_on(self, batch: Batch, samples: Tensor, inputs: Tensor) -> Loss:
        """The critic's loss on samples ``(size, *shape)`` that came of those inputs, ``(size, latent_dim)``."""


class SampleGame(SlopedGame):
    """A game whose critic judges a generator's samples as they are, and nothing beside them."""


def in_precision(method: Callable[Concatenate[G, P], R]) -> Callable[Concatenate[G, P], R]:
    """Run a game's method under its autocast: one context per loss, since a context keeps casted weights."""

    @wraps(method)
    def wrapper(self: G, /, *arguments: P.args, **options: P.kwargs) -> R:
        with self.autocast():
            return method(self, *arguments, **options)

    return wrapper


def prior_rows(batch: Batch, dimension: int, prior: str, times: int = 1) -> Tensor:
    """This process's rows of `times` whole batches of latents, ``(size·times, dimension)``, from the batch's draw."""
    shape, random = (batch.size, times, dimension), batch.random("latents")
    drawn = normal_rows(shape, random) if prior == "normal" else uniform_rows(shape, random) * 2 - 1
    return drawn.flatten(0, 1)
