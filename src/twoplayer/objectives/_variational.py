"""The variational family: any f-divergence, estimated from below by a critic through its convex conjugate.

Source: Nowozin, Cseke and Tomioka 2016, "f-GAN: Training Generative Neural Samplers using Variational Divergence
Minimization", sections 2.2 (the bound), 2.3 (activations, with their table) and 3.2 (practice), and the supplement's
table 6 (f, f* and their domains).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

from torch import Tensor

from twoplayer.core.ranges import within
from twoplayer.objectives._divergence import Divergence
from twoplayer.objectives._separable import Separable

__all__ = ["Variational"]


class Variational(Separable):
    """An f-GAN: the critic V maximizes F = E T(x) − E f*(T(G(z))) with T = g_f(V), a lower bound of D_f(p‖q) (eq. 4).

    The bound is attained at T = f′(p/q). A sample is classified as real where T > f′(1) (section 3.2); g_f increases
    everywhere, so that a larger V means more real.

    Args:
        generator_loss: The generator's loss. ``"alternative"`` is −E g_f(V(G(z))), proposed in section 3.2 for its
            stronger gradient; ``"minimax"`` is −E f*(g_f(V(G(z)))), the second term of F, whose gradient is that of
            D_f itself. Default ``"alternative"``.

    Raises:
        UserError: If `generator_loss` is neither of the two.
    """

    def __init__(self, *, generator_loss: Literal["alternative", "minimax"] = "alternative") -> None:
        super().__init__()
        self.uses_minimax_loss = within(Literal["alternative", "minimax"], generator_loss=generator_loss) == "minimax"

    @abstractmethod
    def f(self, u: Tensor) -> Tensor:
        """The convex function of the divergence, elementwise, for u > 0."""

    @abstractmethod
    def conjugate(self, t: Tensor) -> Tensor:
        """f*(t) = sup over u of ut − f(u), elementwise, for t inside `conjugate_domain`."""

    @property
    @abstractmethod
    def conjugate_domain(self) -> tuple[float, float]:
        """The ends of the interval on which f* is finite."""

    @property
    @abstractmethod
    def threshold(self) -> float:
        """f′(1), the value of T at which a sample is as likely to be real as generated."""

    @abstractmethod
    def activation(self, v: Tensor) -> Tensor:
        """The output activation g_f, which maps every real number into `conjugate_domain` (section 2.3)."""

    @abstractmethod
    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        """f*(g_f(v)) in one expression that neither cancels nor overflows where the composition would."""

    @property
    @abstractmethod
    def alternative_divergence(self) -> Divergence:
        """What the alternative generator loss minimizes: ∫ q φ(p/q) with φ(u) = u ∫₁ᵘ (f′(s) − f′(1))/s² ds.

        For the α-divergence of order α that is the one of order α − 1.
        """

    @property
    def generator_divergence(self) -> Divergence:
        return self.divergence if self.uses_minimax_loss else self.alternative_divergence

    def real_terms(self, real: Tensor) -> Tensor:
        return -self.activation(real)  # eq. 4, first term

    def fake_terms(self, fake: Tensor) -> Tensor:
        return self.conjugate_of_activation(fake)  # eq. 4, second term

    def generator_terms(self, fake: Tensor) -> Tensor:
        return -self.conjugate_of_activation(fake) if self.uses_minimax_loss else -self.activation(fake)

    def estimate_from_loss(self, loss: Tensor) -> Tensor:
        return -loss
