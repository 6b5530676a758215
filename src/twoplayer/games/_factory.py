"""What a problem is built from: the data's specification, what it learned from them, and a factory of networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch import Tensor, nn

from twoplayer.core.errors import UserError

if TYPE_CHECKING:
    from twoplayer.networks._base import Critic, Encoder, Generator
    from twoplayer.networks._translation import Translator
    from twoplayer.objectives._base import Objective
    from twoplayer.priors._base import Prior
    from twoplayer.regularizers._base import Regularizer

__all__ = [
    "MAX_STORED_ROWS",
    "ConditioningData",
    "Conditions",
    "DataSpec",
    "GameFactory",
    "ModuleFactory",
    "StoredConditions",
]

Conditions = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Row indices of the training data ``(B,)`` to the conditions of those samples, float32 ``(B, width)``.

It is called for a whole batch at once, over all processes; random numbers come from the generator alone.
"""

MAX_STORED_ROWS = 10_000
"""Rows of the training data that a run stores at most, to draw its sampler's conditions from."""


@dataclass(frozen=True)
class DataSpec:
    """Shape, partner shape and conditioning of the data, from a data set or from a run's ``data.json``.

    Args:
        shape: of one sample as networks see it.
        partner_shape: of one sample of a translation's other side.
        paired: whether the two sides belong together row by row.
        conditioning: what the problem's `study` recorded, as JSON holds it.
    """

    shape: tuple[int, ...]
    partner_shape: tuple[int, ...] | None = None
    paired: bool = False
    conditioning: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> DataSpec:
        """The specification in a run's ``data.json``."""
        partner = document.get("partner_shape")
        return cls(
            tuple(document["shape"]),
            None if partner is None else tuple(partner),
            bool(document.get("paired", False)),
            document.get("conditioning") or document.get("given") or {},  # "given" until release 0.1
        )


@dataclass(frozen=True)
class StoredConditions:
    """Rows of the data that a run stores as ``inputs.safetensors``, so that sampling needs no data.

    Args:
        tensors: by name, one row per stored sample.
        texts: one text for each row, where rows have texts.
    """

    tensors: Mapping[str, Tensor]
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConditioningData:
    """What a problem learned from the data beside the samples; nothing by default.

    Args:
        conditions: the conditions of every training sample: a batch's `conditions`.
        summary: what to record of them, as JSON holds it: the `conditioning` of `DataSpec`.
        stored: what a run stores for sampling.
        shuffle_partners: whether the other side's rows follow an order of their own even where the data are paired.
        mismatched: conditions of other samples: a batch's `mismatched_conditions`.
    """

    conditions: Conditions | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)
    stored: StoredConditions | None = None
    shuffle_partners: bool = False
    mismatched: Conditions | None = None


class GameFactory(ABC):
    """Builds networks at the shapes that a problem asks for, on their device, and holds the other parts.

    Weights are drawn as networks are asked for: a problem must always ask in the same order.
    """

    data_spec: DataSpec
    latent_dim: int
    prior: Prior
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
        """Samples ``(B, *shape)`` to numbers ``(B, outputs)``, of the architecture of the player `of`."""

    @abstractmethod
    def translator(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Translator:
        """Images ``(B, *inputs)`` to images ``(B, *outputs)``, of the generator's architecture."""


class ModuleFactory(GameFactory):
    """A factory that hands out modules that exist already, in the order in which they are passed.

    Args:
        generator: the generator, translators or decoders: one module or several.
        critic: the critic, or several.
        objective: the objective.
        regularizers: the regularizers.
        encoder: encoders, where the problem has some.
        prior: the prior; N(0, I) by default.
        data_spec: by default the shape that the generator declares.
        latent_dim: by default the one that the generator declares.
    """

    def __init__(
        self,
        generator: nn.Module | Sequence[nn.Module],
        critic: nn.Module | Sequence[nn.Module] = (),
        objective: Objective | None = None,
        regularizers: Sequence[Regularizer] = (),
        *,
        encoder: nn.Module | Sequence[nn.Module] = (),
        prior: Prior | None = None,
        data_spec: DataSpec | None = None,
        latent_dim: int | None = None,
    ) -> None:
        from twoplayer.priors.normal import Normal

        self._modules = {
            "generator": _in_turn(generator),
            "critic": _in_turn(critic),
            "encoder": _in_turn(encoder),
        }
        first = generator if isinstance(generator, nn.Module) else next(iter(generator))
        self.data_spec = data_spec or DataSpec(tuple(getattr(first, "shape", ())))
        self.latent_dim = int(getattr(first, "latent_dim", 0) if latent_dim is None else latent_dim)
        self.prior = Normal() if prior is None else prior
        if objective is not None:
            self.objective = objective
        self.regularizers = list(regularizers)

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        return self._next("generator")  # type: ignore[return-value]

    def critic(self, shape: tuple[int, ...]) -> Critic:
        return self._next("critic")  # type: ignore[return-value]

    def encoder(
        self, outputs: int, shape: tuple[int, ...], of: Literal["generator", "critic"] = "generator"
    ) -> Encoder:
        return self._next("encoder")  # type: ignore[return-value]

    def translator(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Translator:
        return self._next("generator")  # type: ignore[return-value]

    def _next(self, role: str) -> nn.Module:
        module = next(self._modules[role], None)
        if module is None:
            raise UserError(f"this game needs another {role} than those that were passed: pass one more")
        return module


def _in_turn(modules: nn.Module | Sequence[nn.Module]) -> Iterator[nn.Module]:
    return iter([modules] if isinstance(modules, nn.Module) else modules)
