"""How a game that settings name comes about: it studies the data, and is assembled from a kit of parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch import Tensor

from twoplayer.games._base import Game
from twoplayer.games._inputs import SamplerInputs

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset
    from twoplayer.networks._base import Critic, Encoder, Generator
    from twoplayer.networks._translation import Translator
    from twoplayer.objectives._base import Objective
    from twoplayer.regularizers._base import Regularizer

__all__ = ["ConditioningData", "Conditions", "ConfigurableGame", "DataSpec", "GameFactory", "StoredConditions"]

Conditions = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Row indices of the training data ``(B,)`` to what is given with those samples, float32 ``(B, width)``.

It is asked for a whole batch at once, over all processes; what it draws comes from the generator alone.
"""

KEPT = 10_000
"""Rows of the training data that a run keeps at most, to draw its sampler's inputs from."""


@dataclass(frozen=True)
class DataSpec:
    """What is known of the data where networks are built, from a data set or from a run's ``data.json``."""

    shape: tuple[int, ...]
    """Of one sample as networks see it."""
    partner_shape: tuple[int, ...] | None = None
    """Of one sample of a translation's other side."""
    paired: bool = False
    given: Mapping[str, Any] = field(default_factory=dict)
    """What the game's `study` noted, as JSON holds it."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> DataSpec:
        """The facts in a run's ``data.json``."""
        partner = document.get("partner_shape")
        return cls(
            tuple(document["shape"]),
            None if partner is None else tuple(partner),
            bool(document.get("paired", False)),
            document.get("given") or {},
        )


@dataclass(frozen=True)
class StoredConditions:
    """Rows of the data that a run keeps as ``inputs.safetensors``, so that sampling needs no data."""

    tensors: Mapping[str, Tensor]
    words: tuple[str, ...] = ()
    """One text for each row, where rows have words."""


@dataclass(frozen=True)
class ConditioningData:
    """What a game takes from the data beside the samples; nothing by default."""

    conditions: Conditions | None = None
    """What comes with every training sample: a batch's `given`."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """What to note of it, as JSON holds it: the facts' `given`."""
    kept: StoredConditions | None = None
    apart: bool = False
    """Whether the other side's rows follow an order of their own even where the data say which belong together."""
    wrong: Conditions | None = None
    """What comes with other samples and does not hold of these: a batch's `mismatched`."""


class GameFactory(ABC):
    """The parts that a config names, built at the shapes a game asks for, on their device.

    Weights are drawn as parts are asked for: a game must always ask in the same order.
    """

    facts: DataSpec
    latent_dim: int
    prior: Literal["normal", "uniform"]
    objective: Objective
    regularizers: Sequence[Regularizer]

    @abstractmethod
    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        """Latents ``(B, latent_dim)`` to samples ``(B, *shape)``."""

    @abstractmethod
    def critic(self, shape: tuple[int, ...]) -> Critic:
        """Samples ``(B, *shape)`` to outputs ``(B,)``."""

    @abstractmethod
    def encoder(
        self, outputs: int, shape: tuple[int, ...], of: Literal["generator", "critic"] = "generator"
    ) -> Encoder:
        """Samples ``(B, *shape)`` to numbers ``(B, outputs)``, of the architecture that plays as `of`."""

    @abstractmethod
    def translator(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Translator:
        """Images ``(B, *inputs)`` to images ``(B, *outputs)``, of the generator's architecture."""


class ConfigurableGame(Game):
    """A game that settings can name. Options of the game itself are its constructor's keyword arguments."""

    @classmethod
    @abstractmethod
    def study(
        cls, dataset: Dataset, seed: int, before: ConditioningData | None = None, **options: Any
    ) -> ConditioningData:
        """What it needs to know of the data; `before` is what a run that goes on noted and kept when it began.

        Raises `UserError` where they lack what it plays with.
        """

    @classmethod
    @abstractmethod
    def assemble(cls, kit: GameFactory, **options: Any) -> ConfigurableGame:
        """The game, from parts; weights are drawn from torch's global generator."""

    @classmethod
    @abstractmethod
    def target(cls, dataset: Dataset, **options: Any) -> Dataset:
        """The data that its samples are to be like: what they are measured against."""

    @abstractmethod
    def inputs(self, kept: StoredConditions | None) -> SamplerInputs:
        """What its sampler is fed with; `kept` is what `study` kept."""
