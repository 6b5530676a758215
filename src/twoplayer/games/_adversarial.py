"""Adversarial games: a generator against a critic, under an objective and regularizers."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.core.registry import member_name
from twoplayer.games._factory import GameFactory
from twoplayer.games._problem import Batch, CurveSpec, Loss, TrainingProblem
from twoplayer.networks._base import generate
from twoplayer.objectives._base import AdaptiveObjective, Objective
from twoplayer.priors._base import Prior
from twoplayer.regularizers._base import (
    AdaptivePerturbation,
    Constraint,
    CriticBatch,
    GeneratorPenalty,
    Penalty,
    Perturbation,
    Regularizer,
)

__all__ = [
    "AdversarialGame",
    "SamplewiseGame",
    "UnconditionalGame",
    "generated_by",
    "mixes_rows",
    "prior_rows",
    "require_scores",
]


class AdversarialGame(TrainingProblem):
    """A game whose critic is trained by an objective under regularizers; the generator is left to the member.

    An algorithm calls `generate`, then passes its result to `critic_loss` or `generator_loss`. What `generate` returns
    is the member's own. A member sets `critic`, calls `constrain` once on it, and builds its losses of `perturbed`,
    `critic_batch` and `objective_loss`.
    """

    curves: ClassVar[Mapping[str, CurveSpec]] = {
        "critic_loss": CurveSpec("critic", "losses", "the critic's loss, penalties left out"),
        "generator_loss": CurveSpec("generator", "losses", "the generator's loss"),
        "real_score": CurveSpec("D(real)", "critic outputs", "mean critic output on real samples"),
        "fake_score": CurveSpec("D(fake)", "critic outputs", "mean critic output on generated samples"),
        "critic_gradient_norm": CurveSpec("‖∇critic‖", "gradient norms", "norm of the critic's gradient"),
        "generator_gradient_norm": CurveSpec("‖∇generator‖", "gradient norms", "norm of the generator's gradient"),
    }
    critic: nn.Module
    objective: Objective

    def __init__(self, factory: GameFactory, options: Any) -> None:
        super().__init__(factory, options)
        regularizers = factory.regularizers
        self.objective = factory.objective
        self.constraints = [r for r in regularizers if isinstance(r, Constraint)]
        self.penalties = [r for r in regularizers if isinstance(r, Penalty)]
        self.generator_penalties = [r for r in regularizers if isinstance(r, GeneratorPenalty)]
        self.perturbations = [r for r in regularizers if isinstance(r, Perturbation)]
        self.adapting = nn.ModuleList(r for r in regularizers if isinstance(r, AdaptivePerturbation))
        self._regularizers = {member_name(r): r for r in regularizers}
        self._last_outputs: tuple[Tensor, Tensor] | None = None
        self._last_count = 0
        self._lazy_penalties: list[Penalty] | None = None
        """The penalties that alone make up the critic's loss while `lazy_critic_loss` computes it."""

    # ---- what an algorithm calls

    @abstractmethod
    def generate(self, batch: Batch) -> Any:
        """What the generator makes for a batch, with a graph into the generator when gradients are enabled."""

    @abstractmethod
    def critic_loss(self, batch: Batch, generated: Any, *, ahead: bool = False) -> Loss:
        """The critic's loss; nothing flows back into the generator, unless `ahead`.

        Args:
            batch: the minibatch.
            generated: what `generate` returned for it.
            ahead: a look-ahead critic step, which is differentiated through and leaves no trace in the game.
        """

    @abstractmethod
    def generator_loss(self, batch: Batch, generated: Any) -> Loss:
        """The generator's loss, differentiable into `generated`."""

    @property
    def generator_reads_data(self) -> bool:
        """Whether the generator's loss reads the batch's real samples."""
        return self.objective.uses_real_outputs

    def lazy_critic_loss(self, batch: Batch, generated: Any) -> Loss | None:
        """The penalties that are due in this step and act in every k-th step only; None where none is.

        It is minimized in an optimizer step of its own, k times as large (Karras et al. 2020, StyleGAN2, appendix B).
        """
        due = [p for p in self.penalties if p.every > 1 and batch.step % p.every == 0]
        if not due:
            return None
        self._lazy_penalties = due
        try:
            return self.critic_loss(batch, generated)
        finally:
            self._lazy_penalties = None

    def generator_penalty(self, batch: Batch, *, lazy: bool) -> Loss | None:
        """The generator's penalties that are due in this step, each times its interval; None where none is.

        Args:
            batch: the minibatch, whose inputs the penalties act on.
            lazy: those that act in every k-th step, which get an optimizer step of their own, or those that act always.
        """
        due = [p for p in self.generator_penalties if (p.every > 1) == lazy and batch.step % p.every == 0]
        if not due:
            return None
        loss: Loss | None = None
        for penalty in due:
            name = _key(penalty)
            with self.autocast():
                value = penalty.penalty(self.sampler, self.generator_inputs(batch), batch.random(name))
            term = Loss(penalty.every * value, {name: value.detach()})
            loss = term if loss is None else loss + term
        return loss

    def generator_inputs(self, batch: Batch) -> Tensor:
        """The generator's inputs for this batch ``(size, inputs)``, as `generate` has them.

        Raises:
            UserError: in games whose generator takes no latents.
        """
        raise UserError(
            f"{member_name(self.generator_penalties[0])} acts on the generator's latents, and this game's generator "
            "takes none: leave it out"
        )

    def optimizer_interval(self, player: str) -> int:
        """Every how many steps the player takes an additional optimizer step for its lazy penalties; 0 for never."""
        penalties = self.penalties if player == "critic" else self.generator_penalties
        return min((p.every for p in penalties if p.every > 1), default=0)

    def after_critic_step(self) -> None:
        """Enforce the constraints of the critic after it moved."""
        for constraint in self.constraints:
            constraint.enforce(self.critic)

    def end_step(self) -> None:
        if self._last_outputs is None:
            return
        if isinstance(self.objective, AdaptiveObjective):
            self.objective.adapt(*self._last_outputs)
        for each in self._adaptive_perturbations:
            real = self._last_outputs[0].float()
            margin = real - self.objective.optimal_output(torch.zeros_like(real))
            each.adapt(margin.view(self._last_count, -1))  # a critic of patches gives several outputs a sample

    def divergence(self, values: Mapping[str, float], limit: float) -> str | None:
        gap = abs(values.get("real_score", 0.0) - values.get("fake_score", 0.0))
        if gap > limit:
            return f"the critic's outputs ran away (|D(real) − D(fake)| = {gap:.3g}, above the limit of {limit:g})"
        return None

    def regularizer(self, name: str) -> Regularizer:
        """The regularizer of that name."""
        return self._regularizers[name]

    # ---- what a member builds its losses of

    def constrain(self, critic: nn.Module) -> None:
        """Check that objective, regularizers and `critic` fit each other, and put its weights under the constraints.

        Raises `UserError` where they do not, and warns of combinations that are known to fail.
        """
        self._check(critic)
        for constraint in self.constraints:
            constraint.install(critic)

    def perturbed(self, samples: Tensor, batch: Batch, side: str, parts: list[int] | None = None) -> Tensor:
        """Samples after all perturbations, as the critic receives them.

        Args:
            samples: ``(B, *shape)``.
            batch: the minibatch, for random numbers and the step.
            side: names the random stream, such as ``"real"`` or ``"fake again"``.
            parts: the channels of each picture where several lie on each other in a sample.
        """
        for perturbation in self.perturbations:
            random = batch.random(f"{_key(perturbation)} {side}")
            samples = perturbation.perturb(samples, random, batch.step, parts)
        return samples

    def critic_batch(
        self, critic: nn.Module, real: Tensor, fake: Tensor, critic_of_fake: nn.Module | None = None
    ) -> CriticBatch:
        """The critic's outputs on both sides, in one pass where no batch statistics and no penalty forbid it.

        Args:
            critic: the critic.
            real: real samples ``(B, *shape)``.
            fake: generated samples ``(B', *shape)``.
            critic_of_fake: the critic for generated samples, where their conditions are others.
        """
        needs_gradient = any(p.needs_input_gradient for p in self._penalties_now)
        if needs_gradient:
            real = real.detach().requires_grad_()
            # In a look-ahead the critic's weights depend on the fakes too; a view's slope is the critic's alone.
            fake = fake.view_as(fake) if fake.requires_grad else fake.detach().requires_grad_()
        if needs_gradient or critic_of_fake is not None or mixes_rows(critic):
            # Batch statistics of real and fake samples apart (Radford et al. 2016; Ioffe 2015 in the critic).
            fake_output = critic if critic_of_fake is None else critic_of_fake
            return CriticBatch(real, fake, critic(real), fake_output(fake))
        both = critic(torch.cat([real, fake.to(real)]))
        middle = len(both) * len(real) // (len(real) + len(fake))  # a critic of patches gives several outputs a sample
        return CriticBatch(real, fake, both[:middle], both[middle:])

    def objective_loss(self, critic: nn.Module, outputs: CriticBatch, batch: Batch, *, ahead: bool = False) -> Loss:
        """The critic's loss by the objective, and its penalties; in a lazy step the penalties alone."""
        if self._lazy_penalties is not None:
            loss: Loss | None = None
            for penalty in self._lazy_penalties:
                name = _key(penalty)
                value = penalty.penalty(critic, outputs, batch.random(name))
                term = Loss(penalty.every * value, {name: value.detach()})
                loss = term if loss is None else loss + term
            assert loss is not None
            return loss
        if not ahead:
            self._last_outputs = outputs.real_output.detach(), outputs.fake_output.detach()
            self._last_count = len(outputs.real)
        value = self.objective.critic_loss(outputs.real_output, outputs.fake_output)
        parts = {
            "critic_loss": value,
            "real_score": outputs.real_output.mean(),
            "fake_score": outputs.fake_output.mean(),
        }
        parts |= {_key(each): each.strength for each in self._adaptive_perturbations}
        total = value
        for penalty in self._penalties_now:
            name = _key(penalty)
            parts[name] = penalty.penalty(critic, outputs, batch.random(name))
            total = total + parts[name]
        return Loss(total, {k: v.detach() for k, v in parts.items()})

    @property
    def penalties_only(self) -> bool:
        """Whether `critic_loss` is computed for a lazy step: a member then leaves its further terms out."""
        return self._lazy_penalties is not None

    @property
    def _penalties_now(self) -> list[Penalty]:
        if self._lazy_penalties is not None:
            return self._lazy_penalties
        return [p for p in self.penalties if p.every == 1]

    @property
    def _adaptive_perturbations(self) -> list[AdaptivePerturbation]:
        return [r for r in self.perturbations if isinstance(r, AdaptivePerturbation) and r.adapts]

    def _check(self, critic: nn.Module) -> None:
        objective = member_name(self.objective)
        needed, output = self.objective.critic_output, getattr(critic, "output", "score")
        if needed != output:
            advice = (
                "take the critic autoencoder" if needed == "energy" else "take another critic, such as dcgan or mlp"
            )
            raise UserError(
                f"{objective} needs a critic that returns one {needed} per sample, but this critic returns one "
                f"{output}: {advice}"
            )
        adaptive = self._adaptive_perturbations
        if adaptive and (self.objective.uses_real_outputs or not self.objective.pointwise):
            raise UserError(
                f"{member_name(adaptive[0])} adapts to the sign of the critic's outputs on real samples, which means "
                f"nothing with {objective}: leave its target out"
            )
        sloped = [p for p in self.penalties if p.fights_batch_statistics]
        if sloped and mixes_rows(critic):
            warnings.warn(
                f"{member_name(sloped[0])} sets the critic's slope sample by sample, but batch normalization makes "
                "each output depend on the whole batch; set critic.normalization to layer or none (Gulrajani et al. "
                "2017, section 4)",
                stacklevel=3,
            )
        if self.objective.needs_lipschitz and not (self.constraints or self.penalties):
            warnings.warn(
                f"no regularizer bounds the critic's slope, and with {objective} its loss falls without end as it "
                "grows steeper; set regularizers to gradient-penalty, spectral-norm or clip (Arjovsky et al. 2017, "
                "section 3)",
                stacklevel=3,
            )
        if any(c.bounds_weights for c in self.constraints) and any(c.normalizes_weights for c in self.constraints):
            raise UserError(
                "clip and spectral-norm both constrain the critic's weights, and clipping the unnormalized weights "
                "does nothing: keep one of them"
            )


class SamplewiseGame(AdversarialGame):
    """A game whose critic judges generated samples one by one, so that they can be moved along its gradient.

    The generator's inputs are latents and, from column `conditions_from` on, the conditions that the critic takes
    beside a sample; None where it takes samples alone.
    """

    generator: nn.Module
    critic: nn.Module
    conditions_from: int | None = None
    ignored_by_critic_gradient: str | None = None
    """A loss term that a move along the critic's gradient ignores, and what to do about it; None without one."""

    @abstractmethod
    def latents(self, batch: Batch, times: int = 1) -> Tensor:
        """This process's rows of `times` batches of the generator's inputs, ``(size·times, inputs)``."""

    @abstractmethod
    def critic_loss_on(self, batch: Batch, samples: Tensor, inputs: Tensor) -> Loss:
        """The critic's loss on samples ``(size, *shape)`` that came from those inputs, ``(size, inputs)``."""


class UnconditionalGame(SamplewiseGame):
    """A game whose critic takes samples alone."""


def require_scores(objective: Objective) -> None:
    """Raises `UserError` for an objective that needs reconstruction errors: such a critic takes samples alone."""
    if objective.critic_output != "score":
        raise UserError(
            f"{member_name(objective)} needs a critic that reconstructs samples, and this game's critic takes more "
            "than samples: take another objective, such as non-saturating"
        )


def mixes_rows(critic: nn.Module) -> bool:
    """Whether an output depends on the rows beside its own: where batch normalization takes statistics of a batch."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in critic.modules())


def prior_rows(batch: Batch, dimension: int, prior: Prior, times: int = 1) -> Tensor:
    """This process's rows of `times` whole batches of latents, ``(size·times, dimension)``, from the batch's stream."""
    return prior.batch_rows((batch.size, times, dimension), batch.random("latents")).flatten(0, 1)


def generated_by(generator: nn.Module, inputs: Tensor, batch: Batch) -> Tensor:
    """Samples of a generator in training; one that uses noise gets the batch's own stream."""
    return generate(generator, inputs, batch.random("generator noise"))


def _key(regularizer: object) -> str:
    """The name of a regularizer in logs and random streams: ``gradient_penalty``."""
    return member_name(regularizer).replace("-", "_")
