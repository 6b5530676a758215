"""The root of the optimizer family."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

import torch
from torch import nn

__all__ = ["OptimizerMaker", "parameter_groups", "without_compiler_hooks"]

AnyOptimizer = TypeVar("AnyOptimizer", bound=torch.optim.Optimizer)


class OptimizerMaker(ABC):
    """Makes the torch optimizer of one player; options are the constructor's keyword arguments."""

    group_options: ClassVar[frozenset[str]] = frozenset()
    """Options that a schedule may change while training goes on (see `group_values`)."""

    @abstractmethod
    def make(self, groups: list[dict[str, Any]], *, fused: bool) -> torch.optim.Optimizer:
        """The optimizer.

        Args:
            groups: parameter groups with ``params`` and ``lr``, as `parameter_groups` makes them.
            fused: whether the device has fused kernels.
        """

    def group_values(self, values: dict[str, float]) -> dict[str, Any]:
        """What to write into every parameter group when options in `group_options` change to `values`."""
        return dict(values)

    def lazy(self, interval: int) -> OptimizerMaker:
        """The optimizer for a player whose regularizers act every `interval`-th step, in steps of their own.

        The moments' decay rates are raised to the power c = k/(k + 1), so that they forget as fast per step of the
        main loss as without the additional steps (Karras et al. 2020, "Analyzing and Improving the Image Quality of
        StyleGAN", appendix B). Optimizers without moments return themselves.
        """
        return self


def parameter_groups(player: nn.Module, learning_rate: float) -> list[dict[str, Any]]:
    """Parameters of a player, grouped by learning-rate multiplier.

    A module may declare ``lr_multiplier``, a factor of the learning rate for its own parameters and those of its
    submodules that declare none, such as 0.01 for the mapping network of Karras et al. 2019, appendix C.

    Args:
        player: the network.
        learning_rate: the rate that the multipliers apply to.

    Returns:
        One group per multiplier, in the order of first occurrence: ``{"params": [...], "lr": rate}``.

    >>> from torch import nn
    >>> body, mapping = nn.Linear(2, 2), nn.Linear(2, 2)
    >>> mapping.lr_multiplier = 0.01
    >>> [group["lr"] for group in parameter_groups(nn.Sequential(mapping, body), 0.1)]
    [0.001, 0.1]
    """
    groups: dict[float, list[nn.Parameter]] = {}
    grouped: set[int] = set()

    def visit(module: nn.Module, multiplier: float) -> None:
        multiplier = float(getattr(module, "lr_multiplier", multiplier))
        for parameter in module.parameters(recurse=False):
            if id(parameter) not in grouped:
                grouped.add(id(parameter))
                groups.setdefault(multiplier, []).append(parameter)
        for child in module.children():
            visit(child, multiplier)

    visit(player, 1.0)
    if len(groups) <= 1:  # in the order of ``parameters()``, as every checkpoint has them
        multiplier = next(iter(groups), 1.0)
        return [{"params": list(player.parameters()), "lr": learning_rate * multiplier}]
    return [{"params": parameters, "lr": learning_rate * m} for m, parameters in groups.items()]


def without_compiler_hooks(kind: type[AnyOptimizer]) -> type[AnyOptimizer]:
    """The optimizer without its hooks for torch's compiler, whose import takes 1.3 s; nothing here is compiled."""
    hooked: Sequence[str] = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    plain = {name: inspect.unwrap(getattr(kind, name)) for name in hooked}
    plain["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), plain)
