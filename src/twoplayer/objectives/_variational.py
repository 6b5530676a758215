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
    """F = E T(x) − E f*(T(G(z))) with T = g_f(V), raised by the critic V (section 2.2); F is at most D_f(p‖q).

    `generator` is ``"alternative"``, −E g_f(V(G(z))), which section 3.2 proposes for its stronger gradient,
    or ``"minimax"``, −E f*(g_f(V(G(z)))), the second term of F, which descends D_f itself. A sample is taken for real
    where T > f′(1) (section 3.2); g_f increases everywhere, so that a larger V means more real.
    """

    def __init__(self, *, generator: Literal["alternative", "minimax"] = "alternative") -> None:
        super().__init__()
        self.minimax = within(Literal["alternative", "minimax"], generator=generator) == "minimax"

    @abstractmethod
    def f(self, u: Tensor) -> Tensor:
        """The convex function of the divergence, elementwise, for u > 0."""

    @abstractmethod
    def conjugate(self, t: Tensor) -> Tensor:
        """f*(t) = sup over u of ut − f(u), elementwise, for t inside `domain`."""

    @property
    @abstractmethod
    def domain(self) -> tuple[float, float]:
        """The ends of the interval on which f* is finite."""

    @property
    @abstractmethod
    def threshold(self) -> float:
        """f′(1), the T at which a sample is as likely real as fake."""

    @abstractmethod
    def activation(self, v: Tensor) -> Tensor:
        """g_f(v), which maps any critic output into `domain`."""

    @abstractmethod
    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        """f*(g_f(v)) in one expression that neither cancels nor overflows where the two in turn would."""

    @property
    @abstractmethod
    def alternative(self) -> Divergence:
        """What the alternative generator loss follows: ∫ q φ(p/q) with φ(u) = u ∫₁ᵘ (f′(s) − f′(1))/s² ds.

        For the α-divergence of order α that is the one of order α − 1.
        """

    @property
    def followed(self) -> Divergence:
        return self.divergence if self.minimax else self.alternative

    def real_terms(self, real: Tensor) -> Tensor:
        return -self.activation(real)

    def fake_terms(self, fake: Tensor) -> Tensor:
        return self.conjugate_of_activation(fake)

    def generator_terms(self, fake: Tensor) -> Tensor:
        return -self.conjugate_of_activation(fake) if self.minimax else -self.activation(fake)

    def worth(self, loss: Tensor) -> Tensor:
        return -loss
