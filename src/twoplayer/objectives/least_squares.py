"""Least squares: both players regress critic outputs onto target labels.

Source: Mao et al. 2017, "Least Squares Generative Adversarial Networks", eq. 2 and section 3.2.
"""

from __future__ import annotations

from torch import Tensor

from twoplayer.core.errors import UserError
from twoplayer.objectives._divergence import Divergence
from twoplayer.objectives._separable import Separable

__all__ = ["LeastSquares"]


class LeastSquares(Separable):
    """Critic loss ½ E(D(x) − b)² + ½ E(D(G(z)) − a)², generator loss ½ E(D(G(z)) − c)² (eq. 2).

    The critic of every coding estimates the triangular discrimination ∫ (p − q)²/(p + q), which is at most 2.

    Args:
        a: The critic's target for generated samples. Default 0.
        b: The critic's target for real samples. Default 1.
        c: The generator's target for generated samples. Default 1; with a = 0, b = 1 this is the 0-1 coding of eq. 9.
            The coding a = −1, b = 1, c = 0 (eq. 8) is the one of the paper's Pearson χ² (section 3.2).

    Raises:
        UserError: If `a` equals `b`.

    >>> import torch
    >>> LeastSquares().critic_loss(real=torch.tensor([0.0]), fake=torch.tensor([1.0]))
    tensor(1.)
    """

    def __init__(self, *, a: float = 0.0, b: float = 1.0, c: float = 1.0) -> None:
        if a == b:
            raise UserError(f"least-squares needs two different targets: a and b are both {a}")
        super().__init__()
        self.a, self.b, self.c = a, b, c

    def real_terms(self, real: Tensor) -> Tensor:
        return 0.5 * (real - self.b).square()  # eq. 2, critic, first term

    def fake_terms(self, fake: Tensor) -> Tensor:
        return 0.5 * (fake - self.a).square()  # eq. 2, critic, second term

    def generator_terms(self, fake: Tensor) -> Tensor:
        return 0.5 * (fake - self.c).square()  # eq. 2, generator

    def estimate_from_loss(self, loss: Tensor) -> Tensor:
        """2 − 8L/(b − a)²: at the optimum L is ½ (b − a)² ∫ pq/(p + q), and 4pq = (p + q)² − (p − q)²."""
        return 2 - 8 * loss / (self.b - self.a) ** 2

    @property
    def divergence(self) -> Divergence:
        return Divergence("triangular discrimination", "∫ (p − q)²/(p + q) = 2 χ²(q‖(p + q)/2)", _triangular, "1")

    @property
    def generator_divergence(self) -> Divergence:
        """Not the paper's χ² (section 3.2), which is the loss at the optimal critic, not what the gradient descends."""
        critic_gap, generator_gap = self.b - self.a, self.c - self.a

        def f(u: Tensor) -> Tensor:
            return critic_gap * generator_gap * u * (2 * u / (1 + u)).log() - critic_gap**2 / 8 * _triangular(u)

        formula = f"{critic_gap * generator_gap:g}·KL(p‖(p + q)/2) − {critic_gap**2 / 8:g}·∫ (p − q)²/(p + q)"
        return Divergence("Kullback-Leibler to the mixture less triangular discrimination", formula, f)

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return self.a + (self.b - self.a) * log_ratio.sigmoid()  # (bp + aq)/(p + q), section 3.2


def _triangular(u: Tensor) -> Tensor:
    return (u - 1).square() / (u + 1)
