"""Generation: latents to samples, the plain two-player game.

Source: Goodfellow et al. 2014, "Generative Adversarial Networks".
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from twoplayer.errors import UserError
from twoplayer.games._base import Batch, Loss, SampleGame, in_precision
from twoplayer.objectives._base import Adaptive, Objective
from twoplayer.regularizers._base import Constraint, Penalty, Perturbation, Regularizer, Scored
from twoplayer.rng import normal_rows, uniform_rows

__all__ = ["Generation"]


class Generation(SampleGame):
    """Generator against critic, on latents from `prior` ("normal": N(0, I); "uniform": U(−1, 1)).

    Raises `UserError` where the objective cannot play with the critic, and warns of pairings that are known to
    fight each other.
    """

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        objective: Objective,
        regularizers: Sequence[Regularizer] = (),
        *,
        prior: Literal["normal", "uniform"] = "normal",
    ) -> None:
        super().__init__()
        self.generator, self.critic, self.objective = generator, critic, objective
        self.prior = prior
        self.constraints = [r for r in regularizers if isinstance(r, Constraint)]
        self.penalties = [r for r in regularizers if isinstance(r, Penalty)]
        self.perturbations = [r for r in regularizers if isinstance(r, Perturbation)]
        self.players = {"generator": generator, "critic": critic}
        self._check()
        for constraint in self.constraints:
            constraint.install(critic)
        self._last: tuple[Tensor, Tensor] | None = None

    @property
    def sampler(self) -> nn.Module:
        return self.generator

    @in_precision
    def generate(self, batch: Batch) -> Tensor:
        return self.generator(self.latents(batch))  # type: ignore[no-any-return]

    @in_precision
    def critic_loss(self, batch: Batch, generated: Tensor, *, ahead: bool = False) -> Loss:
        generated = generated if ahead else generated.detach()
        real, fake = self._perturb(batch.real, batch, "real"), self._perturb(generated, batch, "fake")
        scored = self._score(real, fake)
        if not ahead:
            self._last = scored.real_output.detach(), scored.fake_output.detach()
        value = self.objective.critic_loss(scored.real_output, scored.fake_output)
        parts = {"critic_loss": value, "real_score": scored.real_output.mean(), "fake_score": scored.fake_output.mean()}
        total = value
        for penalty in self.penalties:
            name = _key(penalty)
            parts[name] = penalty.penalty(self.critic, scored, batch.random(name))
            total = total + parts[name]
        return Loss(total, {k: v.detach() for k, v in parts.items()})

    @in_precision
    def generator_loss(self, batch: Batch, generated: Tensor) -> Loss:
        fake = self.critic(self._perturb(generated, batch, "fake again"))
        real = self.critic(self._perturb(batch.real, batch, "real again")) if self.objective.pairs else None
        value = self.objective.generator_loss(fake, real)
        return Loss(value, {"generator_loss": value.detach()})

    def after_critic_step(self) -> None:
        for constraint in self.constraints:
            constraint.enforce(self.critic)

    def end_round(self) -> None:
        if isinstance(self.objective, Adaptive) and self._last is not None:
            self.objective.adapt(*self._last)

    def latents(self, batch: Batch, times: int = 1) -> Tensor:
        """This process's rows of the whole batch's latents, ``(size·times, latent_dim)``."""
        shape, random = (batch.size, times, int(self.generator.latent_dim)), batch.random("latents")  # type: ignore[arg-type]
        drawn = normal_rows(shape, random) if self.prior == "normal" else uniform_rows(shape, random) * 2 - 1
        return drawn.flatten(0, 1)

    def _score(self, real: Tensor, fake: Tensor) -> Scored:
        wants_gradient = any(p.needs_input_gradient for p in self.penalties)
        if wants_gradient:
            real = real.detach().requires_grad_()
            # Looking ahead, the critic's weights depend on the fakes too; a view's slope is the critic's alone.
            fake = fake.view_as(fake) if fake.requires_grad else fake.detach().requires_grad_()
        if wants_gradient or _mixes_rows(self.critic):
            # Batch statistics of real and fake samples apart (Radford et al. 2016; Ioffe 2015 in the critic).
            return Scored(real, fake, self.critic(real), self.critic(fake))
        both = self.critic(torch.cat([real, fake.to(real)]))
        return Scored(real, fake, both[: len(real)], both[len(real) :])

    def _perturb(self, samples: Tensor, batch: Batch, side: str) -> Tensor:
        for perturbation in self.perturbations:
            samples = perturbation.perturb(samples, batch.random(f"{_key(perturbation)} {side}"), batch.rounds)
        return samples

    def _check(self) -> None:
        wanted, given = self.objective.critic_output, getattr(self.critic, "output", "score")
        if wanted != given:
            advice = (
                "take the critic autoencoder" if wanted == "energy" else "take another critic, such as dcgan or mlp"
            )
            raise UserError(
                f"{_name(self.objective)} needs a critic that returns one {wanted} per sample, but this critic "
                f"returns one {given}: {advice}"
            )
        sloped = [p for p in self.penalties if p.fights_batch_statistics]
        if sloped and _mixes_rows(self.critic):
            warnings.warn(
                f"{_name(sloped[0])} sets the critic's slope sample by sample, but batch normalization makes each "
                "output depend on the whole batch; set critic.normalization to layer or none (Gulrajani et al. 2017, "
                "section 4)",
                stacklevel=2,
            )
        if self.objective.needs_lipschitz and not (self.constraints or self.penalties):
            warnings.warn(
                f"nothing holds the critic's slope, and with {_name(self.objective)} its loss falls without end as it "
                "grows steeper; set regularizers to gradient-penalty, spectral-norm or clip (Arjovsky et al. 2017, "
                "section 3)",
                stacklevel=2,
            )
        clipped = any(_name(c) == "clip" for c in self.constraints)
        if clipped and any(_name(c) == "spectral-norm" for c in self.constraints):
            raise UserError(
                "clip and spectral-norm both rule the critic's weights, and clipping the unnormalized weights does "
                "nothing: keep one of them"
            )


def _mixes_rows(critic: nn.Module) -> bool:
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in critic.modules())


def _key(thing: object) -> str:
    return type(thing).__module__.rsplit(".", 1)[-1]


def _name(thing: object) -> str:
    return _key(thing).replace("_", "-")
