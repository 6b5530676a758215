"""The options that every architecture has, checked when it is created.

Annotations here are objects, not text: a dataclass passes them on to architectures in other files, where text
would be resolved with those files' names.
"""

from abc import ABC
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.core.ranges import Count
from twoplayer.networks._activations import ACTIVATIONS
from twoplayer.networks._base import Architecture
from twoplayer.networks._normalization import NORMALIZATIONS

__all__ = ["ConfigurableArchitecture", "check_size"]


@dataclass(frozen=True, kw_only=True)
class ConfigurableArchitecture(Architecture, ABC):
    """An architecture with the four common options; None always means the paper's choice for that player.

    Args:
        activation: ``"relu"``, ``"leaky-relu"`` (slope 0.2), ``"tanh"``, ``"softplus"`` (softplus(2x + 2)/2 − 1),
            ``"elu"`` or ``"gated"`` (a·sigmoid(b)).
        normalization: ``"batch"``, ``"layer"``, ``"instance"`` or ``"none"``; None is the paper's choice, not none.
        filters: Base width: channels of a convolution, units of a fully connected layer, at least 1.
        depth: Number of layers, counted as the architecture says, at least 1.

    Raises:
        UserError: If an activation or normalization is unknown, or a size is below 1.
    """

    activation: Literal["relu", "leaky-relu", "tanh", "softplus", "elu", "gated"] | None = None
    normalization: Literal["batch", "layer", "instance", "none"] | None = None
    filters: Count | None = None
    depth: Count | None = None

    def __post_init__(self) -> None:
        _check_name("activation", self.activation, ACTIVATIONS)
        _check_name("normalization", self.normalization, NORMALIZATIONS)
        check_size("filters", 1 if self.filters is None else self.filters)
        check_size("depth", 1 if self.depth is None else self.depth)


def _check_name(option: str, value: str | None, known: Iterable[str]) -> None:
    if value is not None and value not in known:
        raise UserError(f"no {option} is called {value!r}: {did_you_mean(str(value), known)}")


def check_size(option: str, value: int) -> None:
    """Raise `UserError` unless `value` is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(f"{option} must be a whole number of at least 1, not {value!r}")
