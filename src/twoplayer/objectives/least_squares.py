"""Least squares: both players regress critic outputs onto labels.

Source: Mao et al. 2017, "Least Squares Generative Adversarial Networks", eq. 2 and section 3.2.
"""

from __future__ import annotations

from torch import Tensor

from twoplayer.core.errors import UserError
from twoplayer.objectives._divergence import Divergence
from twoplayer.objectives._separable import Separable

__all__ = ["LeastSquares"]


class LeastSquares(Separable):
    """Half the squared distance to label `a` (fake), `b` (real) and `c` (what the generator wants).

    The defaults are the paper's 0-1 coding (eq. 9); a = −1, b = 1, c = 0 (eq. 8) is the one of its Pearson χ² (section
    3.2), which every coding's critic estimates: ∫ (p − q)²/(p + q), at most 2. Raises `UserError` where `a` is `b`.
    """

    def __init__(self, *, a: float = 0.0, b: float = 1.0, c: float = 1.0) -> None:
        if a == b:
            raise UserError(f"least-squares needs two labels to tell real from fake: a and b are both {a}")
        super().__init__()
        self.a, self.b, self.c = a, b, c

    def real_terms(self, real: Tensor) -> Tensor:
        return 0.5 * (real - self.b).square()

    def fake_terms(self, fake: Tensor) -> Tensor:
        return 0.5 * (fake - self.a).square()

    def generator_terms(self, fake: Tensor) -> Tensor:
        return 0.5 * (fake - self.c).square()

    def worth(self, loss: Tensor) -> Tensor:
        """2 − 8L/(b − a)²: at the optimum L is ½ (b − a)² ∫ pq/(p + q), and 4pq = (p + q)² − (p − q)²."""
        return 2 - 8 * loss / (self.b - self.a) ** 2

    @property
    def divergence(self) -> Divergence:
        return Divergence("triangular discrimination", "∫ (p − q)²/(p + q) = 2 χ²(q‖(p + q)/2)", _triangular, "1")

    @property
    def followed(self) -> Divergence:
        """Not the paper's χ² (section 3.2): that is the loss left at the critic's optimum, not what is descended."""
        width, reach = self.b - self.a, self.c - self.a

        def f(u: Tensor) -> Tensor:
            return width * reach * u * (2 * u / (1 + u)).log() - width**2 / 8 * _triangular(u)

        formula = f"{width * reach:g}·KL(p‖(p + q)/2) − {width**2 / 8:g}·∫ (p − q)²/(p + q)"
        return Divergence("Kullback-Leibler to the mixture less triangular discrimination", formula, f)

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return self.a + (self.b - self.a) * log_ratio.sigmoid()  # (bp + aq)/(p + q), section 3.2


def _triangular(u: Tensor) -> Tensor:
    return (u - 1).square() / (u + 1)
