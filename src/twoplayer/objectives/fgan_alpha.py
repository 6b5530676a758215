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
from twoplayer.objectives._divergence import Divergence, alpha_function
from twoplayer.objectives._numerics import log_softplus, safe_exp, softplus_inverse
from twoplayer.objectives._variational import Variational

__all__ = ["FganAlpha"]


def _neither_0_nor_1(value: float) -> float:
    if value in (0, 1):
        raise ValueError("must be a number other than 0 (take fgan-reverse-kl) and 1 (take fgan-kl)")
    return value


Order = Annotated[float, Field(description="other than 0 and 1"), AfterValidator(_neither_0_nor_1)]
"""The order of an α-divergence."""


class FganAlpha(Variational):
    """The f-GAN of the α-divergence: f*(t) = ((α − 1)t + 1)^(α/(α − 1))/α − 1/α.

    The domain of f* is t < 1/(1 − α) for α < 1 and t > −1/(α − 1) for α > 1. For α < 1, T = 1/(1 − α) − softplus(−V) as
    in the paper. For α > 1 the paper's T = V leaves the domain, where f* is no longer real; here
    T = softplus(V) − 1/(α − 1).

    A critic that cannot distinguish the two sides outputs about 1/(α − 1), so that orders near 1 require large outputs;
    `fgan-kl`, the limit, does not. In float32 f* is continued by its tangent above e^72.7/α, which it exceeds within
    |V| <= 50 for α between 0.589 and 1; from 0.634 on it would exceed float32's range there.

    Args:
        alpha: The order α, any number but 0 (use `fgan-reverse-kl`) and 1 (use `fgan-kl`). Default 0.5.
        generator_loss: The generator's loss: ``"alternative"``, −E g_f(V(G(z))) (section 3.2), or ``"minimax"``,
            −E f*(g_f(V(G(z)))). Default ``"alternative"``.

    Raises:
        UserError: If `alpha` is 0 or 1.

    >>> FganAlpha(alpha=3.0).generator_divergence.name
    'α-divergence of order 2'
    """

    threshold = 0.0

    def __init__(
        self, *, alpha: Order = 0.5, generator_loss: Literal["alternative", "minimax"] = "alternative"
    ) -> None:
        super().__init__(generator_loss=generator_loss)
        self.alpha: float = within(Order, alpha=alpha)
        self._side = 1 if self.alpha > 1 else -1  # T is end + side · softplus(side · V)
        self._end = -1 / (self.alpha - 1)
        self._scale = math.log(abs(self.alpha - 1))

    @property
    def conjugate_domain(self) -> tuple[float, float]:
        return (self._end, math.inf) if self._side > 0 else (-math.inf, self._end)

    def f(self, u: Tensor) -> Tensor:
        return alpha_function(self.alpha)(u)  # table 6, f

    def conjugate(self, t: Tensor) -> Tensor:
        base: Tensor = (self.alpha - 1) * t + 1
        return (base ** (self.alpha / (self.alpha - 1)) - 1) / self.alpha

    def activation(self, v: Tensor) -> Tensor:
        t: Tensor = self._end + self._side * softplus(self._side * v)
        return t

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        """(α − 1)T + 1 is |α − 1| softplus(±V), whose logarithm neither over- nor underflows."""
        log_base = self._scale + log_softplus(self._side * v)
        return (safe_exp(self.alpha / (self.alpha - 1) * log_base) - 1) / self.alpha

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return self._side * softplus_inverse((self.alpha - 1) * log_ratio - self._scale)

    @property
    def divergence(self) -> Divergence:
        return _of_order(self.alpha)

    @property
    def alternative_divergence(self) -> Divergence:
        return _of_order(self.alpha - 1)


def _of_order(order: float) -> Divergence:
    match order:
        case 0:
            return Divergence("reverse Kullback-Leibler", "KL(q‖p)", alpha_function(0))
        case 1:
            return Divergence("Kullback-Leibler", "KL(p‖q)", alpha_function(1))
    formula = f"(∫ p^α q^(1 − α) − 1)/(α(α − 1)), α = {order:g}"
    return Divergence(f"α-divergence of order {order:g}", formula, alpha_function(order), "1")
