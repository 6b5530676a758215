"""The divergences that objectives state: name, formula and, for an f-divergence, its f."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = [
    "JENSEN_SHANNON", "REVERSE_LESS_TWICE_JENSEN_SHANNON", "TOTAL_VARIATION", "TWICE_JENSEN_SHANNON", "Divergence",
    "RatioFunction", "alpha_function", "jensen_shannon", "total_variation",
]  # fmt: skip

RatioFunction = Callable[[Tensor], Tensor]
"""An elementwise function of the density ratio u = p/q > 0."""


@dataclass(frozen=True)
class Divergence:
    """A functional of the data's density p and the model's density q.

    Args:
        name: The name in the literature.
        formula: The definition, in plain text.
        f: For an f-divergence, the convex f of D_f(p‖q) = ∫ q f(p/q) (Nowozin et al. 2016, eq. 2), elementwise on
            the ratio u = p/q; None for any other functional.
        unit: The unit of the value; ``"1"`` for a pure number.
    """

    name: str
    formula: str
    f: RatioFunction | None = None
    unit: str = "nats"


def alpha_function(order: float) -> RatioFunction:
    """f of the α-divergence: f(u) = (u^α − 1 − α(u − 1)) / (α(α − 1)), continued to the orders 0 and 1.

    Args:
        order: α, any real number. Order 1 is KL(p‖q), order 0 is KL(q‖p), 2 is half of Pearson's χ², −1 half of
            Neyman's χ², ½ twice the squared Hellinger distance.

    Returns:
        f, elementwise, with f(1) = f′(1) = 0.
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
    """f of the total variation distance, which lies in [0, 1]: ½ |u − 1|."""
    return (u - 1).abs() / 2


JENSEN_SHANNON = Divergence("Jensen-Shannon", "JSD = ½ KL(p‖m) + ½ KL(q‖m), m = (p + q)/2", jensen_shannon)
TWICE_JENSEN_SHANNON = Divergence(
    "twice Jensen-Shannon", "2·JSD = KL(p‖m) + KL(q‖m), m = (p + q)/2", lambda u: 2 * jensen_shannon(u)
)
REVERSE_LESS_TWICE_JENSEN_SHANNON = Divergence(
    "reverse Kullback-Leibler less twice Jensen-Shannon",
    "KL(q‖p) − 2·JSD",
    lambda u: alpha_function(0)(u) - 2 * jensen_shannon(u),
)
TOTAL_VARIATION = Divergence("total variation", "½ ∫ |p − q|", total_variation, "probability")
