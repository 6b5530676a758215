"""What a run is judged by while it trains: a figure of its samples, or what its critic says of held-out data."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, final

import numpy as np
import torch

from twoplayer.config.schema import Config
from twoplayer.core import distributed
from twoplayer.core.device import DeviceConfig
from twoplayer.core.errors import UserError
from twoplayer.data._base import Dataset
from twoplayer.games._base import Game, SampleGame
from twoplayer.games._factory import ConditioningData
from twoplayer.training.build import BuiltGame
from twoplayer.training.ema import EMA
from twoplayer.training.stopping_held_out import HeldOutBatches, game_value, mean_and_error

__all__ = ["Criterion", "CriticEstimate", "JudgedRun", "Plateau", "twin"]

T = TypeVar("T")

COUNT = 2_500
"""Samples that `Plateau` measures: for images, a quarter of what a published figure takes, at a quarter of its cost."""


class JudgedRun(Protocol):
    """A run as it stands, to be judged; the trainer is one."""

    @property
    def config(self) -> Config: ...
    @property
    def dataset(self) -> Dataset: ...
    @property
    def knowledge(self) -> ConditioningData: ...
    @property
    def placement(self) -> DeviceConfig: ...
    @property
    def players(self) -> BuiltGame: ...
    @property
    def average(self) -> EMA: ...
    @property
    def yardstick(self) -> Callable[[np.ndarray], Sequence[Any]] | None: ...
    @property
    def sample_count(self) -> int: ...
    def sample(self, count: int, purpose: str) -> np.ndarray: ...


class Criterion(ABC):
    """Judges a run as it stands; lower is better. It leaves the run as it is."""

    name: str
    """As ``--early-stopping`` takes it."""
    what: str
    """What is judged, in words."""
    from_peak: bool = False
    """Whether the value first rises because the judge is still learning."""

    def __init__(self, subject: JudgedRun) -> None:
        self.subject = subject

    @abstractmethod
    def judge(self, step: int) -> tuple[float, float | None]:
        """A value, and its standard error where it is known; every process must ask at once."""


@final
class Plateau(Criterion):
    """A figure of the averaged generator's samples.

    They come from latents of their own, so that the figures by which a run is reported are not those by which its
    checkpoint was chosen: the least of many noisy figures is too good to be true.
    """

    name = "plateau"
    what = "the figure"

    def judge(self, step: int) -> tuple[float, float | None]:
        found = self._measured() if distributed.process_index() == 0 else None
        if distributed.process_count() > 1:
            from accelerate.utils import broadcast_object_list

            broadcast_object_list(box := [found])
            found = box[0]
        if found is None:
            raise UserError(
                "`early_stopping='plateau'` follows a figure, and none can be measured on "
                f"{self.subject.dataset.name}: set `early_stopping='duality-gap'`"
            )
        self.what, value, error = found
        return value, error

    def _measured(self) -> tuple[str, float, float | None] | None:
        subject = self.subject
        if subject.yardstick is None:
            return None
        samples = subject.sample(min(COUNT, subject.sample_count), "judgement")
        figure = next((f for f in subject.yardstick(samples) if f.higher_is_better is not None), None)
        if figure is None:
            return None
        name, value = figure.name, float(figure.value)
        return (f"−{name}", -value, figure.error) if figure.higher_is_better else (name, value, figure.error)


@final
class CriticEstimate(Criterion):
    """The critic's own estimate, on held-out data, of how far the averaged generator is from them.

    For a Wasserstein critic that is the earth mover distance, times the critic's slope (Arjovsky et al. 2017, eq. 2 and
    figure 3); for other objectives their own divergence, up to a constant. It is as good as the critic is, which
    knows nothing at first: only what comes after the estimate's peak counts.
    """

    name = "critic"
    what = "the critic's estimate on held-out data"
    from_peak = True

    def __init__(self, subject: JudgedRun) -> None:
        super().__init__(subject)
        self.held_out = HeldOutBatches(
            subject.config, subject.dataset, subject.placement, "estimate", subject.knowledge
        )
        self.game = twin(subject.players.game, subject.players.game)
        algorithm = subject.players.algorithm
        self.own = algorithm.sampler is algorithm.game.sampler
        if not self.own and not isinstance(self.game, SampleGame):
            raise UserError(
                "`early_stopping='critic'` does not know what this run ships: set `early_stopping='plateau'`"
            )

    def judge(self, step: int) -> tuple[float, float | None]:
        self.game.load_state_dict(self.subject.players.game.state_dict())
        if self.own:
            self.game.sampler.load_state_dict(self.subject.average.module.state_dict())
        self.game.players["generator"].eval()  # as it is shipped
        batches = self.held_out.batches(step)
        return mean_and_error([game_value(self.game, batch, self._generated(batch)) for batch in batches])

    @torch.no_grad()
    def _generated(self, batch: Any) -> Any:
        if self.own:
            return self.game.generate(batch)
        assert isinstance(self.game, SampleGame)
        with self.game.autocast():
            return self.subject.average.module(self.game.latents(batch))


def twin(of: T, game: Game) -> T:
    """A copy of a game, or of what holds one, that shares nothing with it but the device's context."""
    context = getattr(game.autocast, "__self__", None)
    return copy.deepcopy(of, {id(context): context})
