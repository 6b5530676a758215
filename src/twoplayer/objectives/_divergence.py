"""What an objective claims: a divergence with its name, formula and, where it is an f-divergence, its f."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = [
    "JENSEN_SHANNON", "REVERSE_LESS_TWICE_JENSEN_SHANNON", "TOTAL_VARIATION", "TWICE_JENSEN_SHANNON", "Divergence",
    "Function", "jensen_shannon", "power", "total_variation",
]  # fmt: skip

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Divergence:
    """A functional of the data's density p and the model's density q.

    `f` takes the ratio u = p/q: D_f(p‖q) = ∫ q f(p/q) (Nowozin et al. 2016, eq. 2). It is None for what is not an
    f-divergence. `unit` is what one unit of the value is: ``"1"`` for a pure number.
    """

    name: str
    formula: str
    f: Function | None = None
    unit: str = "nats"


def power(order: float) -> Function:
    """f of the α-divergence of any order: (u^α − 1 − α(u − 1)) / (α(α − 1)), continued to 0 and 1.

    Order 1 is KL(p‖q), order 0 is KL(q‖p), 2 half of Pearson's χ², −1 half of Neyman's, ½ twice squared Hellinger.
    """
    if order == 0:
        return lambda u: u - 1 - u.log()
    if order == 1:
        return lambda u: torch.xlogy(u, u) - u + 1
    return lambda u: (u**order - 1 - order * (u - 1)) / (order * (order - 1))


def jensen_shannon(u: Tensor) -> Tensor:
    """f of the Jensen-Shannon divergence, which lies in [0, log 2]: ½ u log u − ½ (u + 1) log((u + 1) / 2)."""
    return (torch.xlogy(u, u) - (u + 1) * ((u + 1) / 2).log()) / 2


def total_variation(u: Tensor) -> Tensor:
    """f of the total variation, which lies in [0, 1]: ½ |u − 1|."""
    return (u - 1).abs() / 2


JENSEN_SHANNON = Divergence("Jensen-Shannon", "JSD = ½ KL(p‖m) + ½ KL(q‖m), m = (p + q)/2", jensen_shannon)
TWICE_JENSEN_SHANNON = Divergence(
    "twice Jensen-Shannon", "2·JSD = KL(p‖m) + KL(q‖m), m = (p + q)/2", lambda u: 2 * jensen_shannon(u)
)
REVERSE_LESS_TWICE_JENSEN_SHANNON = Divergence(
    "reverse Kullback-Leibler less twice Jensen-Shannon",
    "KL(q‖p) − 2·JSD",
    lambda u: power(0)(u) - 2 * jensen_shannon(u),
)
TOTAL_VARIATION = Divergence("total variation", "½ ∫ |p − q|", total_variation, "probability")
