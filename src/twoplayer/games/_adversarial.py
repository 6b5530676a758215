"""What games under one objective and one set of rules share: how a critic is scored, ruled and kept."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.games._base import Batch, Game, Loss
from twoplayer.objectives._base import AdaptiveObjective, Objective
from twoplayer.regularizers._base import (
    AdaptivePerturbation,
    Constraint,
    CriticBatch,
    Penalty,
    Perturbation,
    Regularizer,
)

__all__ = ["AdversarialGame", "needs_scores"]


class AdversarialGame(Game):
    """A game whose critic is moved by an objective and held back by regularizers; who generates what is left open.

    A member sets `critic`, calls `rule` once on it, and builds its two losses of `perturbed`, `scored` and `judged`.
    """

    critic: nn.Module
    objective: Objective

    def __init__(self, objective: Objective, regularizers: Sequence[Regularizer]) -> None:
        super().__init__()
        self.objective = objective
        self.constraints = [r for r in regularizers if isinstance(r, Constraint)]
        self.penalties = [r for r in regularizers if isinstance(r, Penalty)]
        self.perturbations = [r for r in regularizers if isinstance(r, Perturbation)]
        self.adapting = nn.ModuleList(r for r in regularizers if isinstance(r, AdaptivePerturbation))
        self._last: tuple[Tensor, Tensor] | None = None
        self._images = 0

    def rule(self, critic: nn.Module) -> None:
        """Check that objective, regularizers and `critic` fit each other, and put its weights under their constraints.

        Raises `UserError` where they do not, and warns of pairings that are known to fight each other.
        """
        self._check(critic)
        for constraint in self.constraints:
            constraint.install(critic)

    def perturbed(self, samples: Tensor, batch: Batch, side: str, parts: list[int] | None = None) -> Tensor:
        """Samples as the critic shall see them; `side` names the draw, such as ``"real"`` or ``"fake again"``.

        `parts` are the channels of each picture where several lie on each other in a sample.
        """
        for perturbation in self.perturbations:
            random = batch.random(f"{_key(perturbation)} {side}")
            samples = perturbation.perturb(samples, random, batch.rounds, parts)
        return samples

    def scored(self, critic: nn.Module, real: Tensor, fake: Tensor, other: nn.Module | None = None) -> CriticBatch:
        """The critic's outputs on both sides, in one pass where no batch statistics and no penalty forbid it.

        `other` is the critic as it sees generated samples, where it is told something else of them.
        """
        wants_gradient = any(p.needs_input_gradient for p in self.penalties)
        if wants_gradient:
            real = real.detach().requires_grad_()
            # Looking ahead, the critic's weights depend on the fakes too; a view's slope is the critic's alone.
            fake = fake.view_as(fake) if fake.requires_grad else fake.detach().requires_grad_()
        if wants_gradient or other is not None or mixes_rows(critic):
            # Batch statistics of real and fake samples apart (Radford et al. 2016; Ioffe 2015 in the critic).
            return CriticBatch(real, fake, critic(real), (critic if other is None else other)(fake))
        both = critic(torch.cat([real, fake.to(real)]))
        middle = len(both) * len(real) // (len(real) + len(fake))  # a critic of patches gives several outputs a sample
        return CriticBatch(real, fake, both[:middle], both[middle:])

    def judged(self, critic: nn.Module, scored: CriticBatch, batch: Batch, *, ahead: bool = False) -> Loss:
        """The critic's loss by the objective, and the penalties that come on top of it."""
        if not ahead:
            self._last = scored.real_output.detach(), scored.fake_output.detach()
            self._images = len(scored.real)
        value = self.objective.critic_loss(scored.real_output, scored.fake_output)
        parts = {"critic_loss": value, "real_score": scored.real_output.mean(), "fake_score": scored.fake_output.mean()}
        parts |= {_key(each): each.strength for each in self._adapting}
        total = value
        for penalty in self.penalties:
            name = _key(penalty)
            parts[name] = penalty.penalty(critic, scored, batch.random(name))
            total = total + parts[name]
        return Loss(total, {k: v.detach() for k, v in parts.items()})

    def after_critic_step(self) -> None:
        for constraint in self.constraints:
            constraint.enforce(self.critic)

    def end_round(self) -> None:
        if self._last is None:
            return
        if isinstance(self.objective, AdaptiveObjective):
            self.objective.adapt(*self._last)
        for each in self._adapting:
            real = self._last[0].float()
            margin = real - self.objective.optimal_output(torch.zeros_like(real))
            each.adapt(margin.view(self._images, -1))  # a critic of patches gives several outputs a sample

    @property
    def _adapting(self) -> list[AdaptivePerturbation]:
        return [r for r in self.perturbations if isinstance(r, AdaptivePerturbation) and r.adapts]

    def _check(self, critic: nn.Module) -> None:
        wanted, given = self.objective.critic_output, getattr(critic, "output", "score")
        if wanted != given:
            advice = (
                "take the critic autoencoder" if wanted == "energy" else "take another critic, such as dcgan or mlp"
            )
            raise UserError(
                f"{_name(self.objective)} needs a critic that returns one {wanted} per sample, but this critic "
                f"returns one {given}: {advice}"
            )
        if self._adapting and (self.objective.uses_real_outputs or not self.objective.pointwise):
            raise UserError(
                f"{_name(self._adapting[0])} adapts to the sign of the critic's outputs on real samples, which with "
                f"{_name(self.objective)} says nothing: leave its target out"
            )
        sloped = [p for p in self.penalties if p.fights_batch_statistics]
        if sloped and mixes_rows(critic):
            warnings.warn(
                f"{_name(sloped[0])} sets the critic's slope sample by sample, but batch normalization makes each "
                "output depend on the whole batch; set critic.normalization to layer or none (Gulrajani et al. 2017, "
                "section 4)",
                stacklevel=3,
            )
        if self.objective.needs_lipschitz and not (self.constraints or self.penalties):
            warnings.warn(
                f"nothing holds the critic's slope, and with {_name(self.objective)} its loss falls without end as it "
                "grows steeper; set regularizers to gradient-penalty, spectral-norm or clip (Arjovsky et al. 2017, "
                "section 3)",
                stacklevel=3,
            )
        clipped = any(_name(c) == "clip" for c in self.constraints)
        if clipped and any(_name(c) == "spectral-norm" for c in self.constraints):
            raise UserError(
                "clip and spectral-norm both rule the critic's weights, and clipping the unnormalized weights does "
                "nothing: keep one of them"
            )


def needs_scores(objective: Objective) -> None:
    """Raises `UserError` for an objective that wants reconstruction errors: a game of more than samples has none."""
    if objective.critic_output != "score":
        raise UserError(
            f"{_name(objective)} needs a critic that reconstructs samples, and this game's critic judges more than "
            "samples: take another objective, such as non-saturating"
        )


def mixes_rows(critic: nn.Module) -> bool:
    """Whether an output depends on the rows beside its own: where batch normalization takes statistics of a batch."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in critic.modules())


def _key(thing: object) -> str:
    return type(thing).__module__.rsplit(".", 1)[-1]


def _name(thing: object) -> str:
    return _key(thing).replace("_", "-")
