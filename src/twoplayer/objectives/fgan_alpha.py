"""f-GAN, α-divergence: f(u) = (u^α − 1 − α(u − 1)) / (α(α − 1)).

Source: Nowozin et al. 2016, "f-GAN", table 6, with another activation for α > 1.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from torch import Tensor
from torch.nn.functional import softplus

from twoplayer.core.ranges import within
from twoplayer.objectives._divergence import Divergence, power
from twoplayer.objectives._numerics import log_softplus, softplus_inverse, tame_exp
from twoplayer.objectives._variational import Variational

__all__ = ["FganAlpha"]


def _neither_0_nor_1(value: float) -> float:
    if value in (0, 1):
        raise ValueError("must be a number other than 0 (take fgan-reverse-kl) and 1 (take fgan-kl)")
    return value


Order = Annotated[float, Field(description="other than 0 and 1"), AfterValidator(_neither_0_nor_1)]
"""The order of an α-divergence."""


class FganAlpha(Variational):
    """f*(t) = ((α − 1)t + 1)^(α/(α − 1))/α − 1/α, for t < 1/(1 − α) if α < 1, for t > −1/(α − 1) if α > 1.

    T = 1/(1 − α) − softplus(−V) for α < 1. For α > 1 the paper's T = V leaves the domain, where f* is no longer
    real: here T = softplus(V) − 1/(α − 1). Raises `UserError` for an `alpha` of 0 or 1.

    A critic that cannot tell outputs about 1/(α − 1), so that orders near 1 ask for large outputs, and `fgan-kl`, their
    limit, does not. In float32 f* goes on as its tangent above e^72.7/α, which it passes within |V| <= 50 where α lies
    between 0.589 and 1; from 0.634 on it would pass float32's range there.
    """

    threshold = 0.0

    def __init__(self, *, alpha: Order = 0.5, generator: Literal["alternative", "minimax"] = "alternative") -> None:
        super().__init__(generator=generator)
        self.alpha: float = within(Order, alpha=alpha)
        self._side = 1 if self.alpha > 1 else -1  # T is end + side · softplus(side · V)
        self._end = -1 / (self.alpha - 1)
        self._scale = math.log(abs(self.alpha - 1))

    @property
    def domain(self) -> tuple[float, float]:
        return (self._end, math.inf) if self._side > 0 else (-math.inf, self._end)

    def f(self, u: Tensor) -> Tensor:
        return power(self.alpha)(u)

    def conjugate(self, t: Tensor) -> Tensor:
        base: Tensor = (self.alpha - 1) * t + 1
        return (base ** (self.alpha / (self.alpha - 1)) - 1) / self.alpha

    def activation(self, v: Tensor) -> Tensor:
        t: Tensor = self._end + self._side * softplus(self._side * v)
        return t

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        """(α − 1)T + 1 is |α − 1| softplus(±V), whose logarithm neither over- nor underflows."""
        log_base = self._scale + log_softplus(self._side * v)
        return (tame_exp(self.alpha / (self.alpha - 1) * log_base) - 1) / self.alpha

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return self._side * softplus_inverse((self.alpha - 1) * log_ratio - self._scale)

    @property
    def divergence(self) -> Divergence:
        return _of_order(self.alpha)

    @property
    def alternative(self) -> Divergence:
        return _of_order(self.alpha - 1)


def _of_order(order: float) -> Divergence:
    match order:
        case 0:
            return Divergence("reverse Kullback-Leibler", "KL(q‖p)", power(0))
        case 1:
            return Divergence("Kullback-Leibler", "KL(p‖q)", power(1))
    formula = f"(∫ p^α q^(1 − α) − 1)/(α(α − 1)), α = {order:g}"
    return Divergence(f"α-divergence of order {order:g}", formula, power(order), "1")
