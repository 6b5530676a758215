"""The root of the game family: what every generative family has, a game of two players or a likelihood of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from twoplayer.games._factory import ConditioningData, GameFactory, StoredConditions
from twoplayer.games._inputs import SamplerInputs

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset

__all__ = [
    "Batch",
    "BatchStream",
    "CurveSpec",
    "Loss",
    "ProblemOptions",
    "SinglePlayerProblem",
    "TrainingProblem",
    "in_precision",
]

P = ParamSpec("P")
R = TypeVar("R")
G = TypeVar("G", bound="TrainingProblem")


class Batch(ABC):
    """One minibatch: the rows that belong to this process. Reading it changes nothing."""

    size: int
    """Rows on this process."""
    step: int
    """Finished training steps, for whatever anneals."""
    conditions: Tensor
    """The conditions of `real`, float32 ``(size, width)``, where the game has conditions."""
    mismatched_conditions: Tensor
    """Conditions of other samples that do not hold for `real`, row by row, where the game has such."""
    random_conditions: Callable[[int], Tensor]
    """Conditions of so many batches of training samples drawn at random, ``(size·times, width)``."""
    partner: Tensor
    """The other side of a translation ``(size, *partner_shape)``: of the same row where the data are paired."""

    @property
    @abstractmethod
    def real(self) -> Tensor:
        """Real samples ``(size, *shape)`` as networks see them, on the device."""

    @property
    @abstractmethod
    def labels(self) -> Tensor:
        """Class indices of `real`, int64 ``(size,)``."""

    @abstractmethod
    def random(self, purpose: str) -> torch.Generator:
        """A generator that depends on the run's seed, the purpose and this batch's number alone."""


class BatchStream(Iterator[Batch]):
    """Minibatches of the training data; advancing the data is an explicit call."""

    @abstractmethod
    def __next__(self) -> Batch:
        """The next minibatch. Its real samples are consumed: they count as images seen."""

    @abstractmethod
    def without_critic(self, *, reads_data: bool) -> Batch:
        """The next minibatch, for a player whose step does not count as images seen.

        Args:
            reads_data: whether the player reads the real samples. If not, the data do not advance, and the next batch
                has the same rows.
        """


@dataclass
class Loss:
    """What a player minimizes, and the detached scalars behind it that are logged."""

    total: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)

    def __add__(self, other: Loss) -> Loss:
        return Loss(self.total + other.total, {**self.parts, **other.parts})


@dataclass(frozen=True)
class CurveSpec:
    """How a logged value is shown: on the console, in reports and comparisons."""

    label: str
    """For a legend: ``critic``, ``D(real)``."""
    chart: str
    """The chart that it belongs to: curves of one chart share an axis."""
    summary: str = ""
    """What it is, in a sentence."""


@dataclass(frozen=True)
class ProblemOptions:
    """Options of a problem without options."""


class TrainingProblem(nn.Module, ABC):
    """Players, their losses on a batch, and a sampler: everything but how the players move.

    A module, so that one state dict holds all players and states. A member of the family is built by
    ``Member(factory, options)``, `options` an instance of its `Options`, and declares on its class what the trainer,
    the run folder, the report, the diagnosis and the comparison need to know of it.
    """

    Options: ClassVar[type[ProblemOptions]] = ProblemOptions
    """A frozen dataclass with the problem's options and their defaults; its ``Args:`` section describes them."""
    curves: ClassVar[Mapping[str, CurveSpec]] = {}
    """The values that its losses log, in the order in which they are shown."""
    players: Mapping[str, nn.Module]
    """The trained networks by the name under which an algorithm moves them."""
    autocast: Callable[[], AbstractContextManager[Any]] = staticmethod(nullcontext)
    """The precision in which networks run; set by whoever builds the problem."""

    @abstractmethod
    def __init__(self, factory: GameFactory, options: Any) -> None:
        super().__init__()

    @classmethod
    def study(
        cls, dataset: Dataset, seed: int, options: Any, previous: ConditioningData | None = None
    ) -> ConditioningData:
        """What the problem learns from the data before training: nothing by default.

        Args:
            dataset: the training data.
            seed: the run's seed.
            options: an instance of `Options`.
            previous: what a run that is resumed learned when it began.

        Raises:
            UserError: where the data lack what the problem needs, such as labels or pairs.
        """
        return ConditioningData()

    @classmethod
    def target(cls, dataset: Dataset, options: Any) -> Dataset:
        """The data whose distribution the samples should have, and against which they are measured."""
        return dataset

    @abstractmethod
    def inputs(self, stored: StoredConditions | None) -> SamplerInputs:
        """What the sampler takes; `stored` is what `study` stored in the run folder."""

    @property
    @abstractmethod
    def sampler(self) -> nn.Module:
        """The module that is averaged, sampled from and shipped: inputs ``(B, inputs)`` to samples ``(B, *shape)``."""

    def end_step(self) -> None:
        """Advance states that change once a step, such as an adaptive objective's."""
        return

    def divergence(self, values: Mapping[str, float], limit: float) -> str | None:
        """What has diverged in a step's logged values; None where nothing has.

        Args:
            values: logged values by name; those that are not finite are handled by the trainer.
            limit: the config's ``divergence_limit``.

        Returns:
            A clause such as "the critic's outputs ran away", which a message continues.
        """
        return None


class SinglePlayerProblem(TrainingProblem):
    """A problem of one loss for all players together, such as a negative log-likelihood: `descent` minimizes it."""

    @abstractmethod
    def loss(self, batch: Batch) -> Loss:
        """The loss on a batch; the logged parts are described in `curves`."""


def in_precision(method: Callable[Concatenate[G, P], R]) -> Callable[Concatenate[G, P], R]:
    """Run a problem's method under its autocast: one context per loss, since a context caches cast weights."""

    @wraps(method)
    def wrapper(self: G, /, *arguments: P.args, **options: P.kwargs) -> R:
        with self.autocast():
            return method(self, *arguments, **options)

    return wrapper
