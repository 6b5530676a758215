"""Least squares: both players regress critic outputs onto labels.

Source: Mao et al. 2017, "Least Squares Generative Adversarial Networks", eq. 2 and 9.
"""

from __future__ import annotations

from torch import Tensor

from twoplayer.objectives._base import Objective

__all__ = ["LeastSquares"]


class LeastSquares(Objective):
    """Half the squared distance to label `a` (fake), `b` (real) and `c` (what the generator wants).

    The defaults are the paper's 0-1 coding (eq. 9); a = −1, b = 1, c = 0 minimizes a Pearson χ² (eq. 8).
    """

    def __init__(self, *, a: float = 0.0, b: float = 1.0, c: float = 1.0) -> None:
        super().__init__()
        self.a, self.b, self.c = a, b, c

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return 0.5 * (real - self.b).square().mean() + 0.5 * (fake - self.a).square().mean()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return 0.5 * (fake - self.c).square().mean()
