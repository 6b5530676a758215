"""The knobs that every architecture has, checked when it is created.

Annotations here are objects, not text: a dataclass hands them on to architectures in other files, where text
would be read with those files' names.
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

    Raises `UserError` for an unknown activation or normalization and for sizes below 1.
    """

    activation: Literal["relu", "leaky-relu", "tanh", "softplus", "elu", "gated"] | None = None
    """leaky-relu has slope 0.2; softplus is softplus(2x + 2)/2 - 1; gated is a·sigmoid(b)."""
    normalization: Literal["batch", "layer", "instance", "none"] | None = None
    """The kind of statistics; none is no normalization, while None is the paper's choice."""
    filters: Count | None = None
    """Base width: channels of a convolution, units of a fully connected layer; None as the module says."""
    depth: Count | None = None
    """Number of layers, counted as the architecture's module says."""

    def __post_init__(self) -> None:
        _check_word("activation", self.activation, ACTIVATIONS)
        _check_word("normalization", self.normalization, NORMALIZATIONS)
        check_size("filters", 1 if self.filters is None else self.filters)
        check_size("depth", 1 if self.depth is None else self.depth)


def _check_word(option: str, value: str | None, known: Iterable[str]) -> None:
    if value is not None and value not in known:
        raise UserError(f"no {option} is called {value!r}: {did_you_mean(str(value), known)}")


def check_size(option: str, value: int) -> None:
    """Raises `UserError` unless `value` is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(f"{option} must be a whole number of at least 1, not {value!r}")
