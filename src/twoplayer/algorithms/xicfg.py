"""xICFG: ICFG from an approximator of fixed size, which is then fitted to where its samples went, again and again.

Source: Johnson & Zhang 2018, "Composite Functional Gradient Learning of Generative Adversarial Models", Algorithm 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import ClassVar, final

import torch
from torch import Tensor

from twoplayer.algorithms._base import OptimizerFactory, StepRecord
from twoplayer.algorithms._functional_gradient import FunctionalGradientAlgorithm
from twoplayer.algorithms._refined_generator import Scaling
from twoplayer.algorithms._step_size import StepSize
from twoplayer.core import distributed
from twoplayer.core.ranges import Count, Positive, Share, at_least, within
from twoplayer.games._problem import Batch, BatchStream, Loss, TrainingProblem

__all__ = ["XICFG"]

MOST_CUTS = 3
"""How often the fitting rate may be cut in a stage."""
BEGIN_EPOCHS, BEGIN_RATE, BEGIN_ENOUGH = 40, 2e-3, 0.4
"""How G̃ is fitted to what it begins as: until the error is that share of the targets' variance. DCGAN's generator of 32
filters, 32x32, comes there in 20 epochs, and to 0.5 for other latents; at the rate of a stage, 5e-4, 3 epochs leave
0.93 and 0.97. Fully connected at 1e-4, 20 epochs leave 21 times the variance, at this rate 0.8."""


@final
class XICFG(FunctionalGradientAlgorithm):
    """A step is a stage: functional gradient steps on `pool_size` samples of the approximator G̃, then a new fit of G̃.

    What is sampled is the paper's G_T: the G̃ that the last stage began with, and that stage's T functional steps. With
    `pool_stages` above 1 this holds for the first stage of a pool. In the others the samples of the pool go on from
    where the last stage left them, not from what G̃ made of that, and the T steps are those made for them. G̃ then stands
    for all earlier steps, and what is sampled is as near to the pool as G̃ was fitted. On images G̃ begins as a random
    linear map of the latents, fitted until its error is 0.4 of the variance, for 40 epochs at most.

    Departures from Algorithm 3 and the authors' code: the fit keeps its optimizer's state unless `reset_optimizer`, for
    3 epochs instead of 10 (in the preset `xicfg` at 5e-4, twice the published rate); the beginning has epochs and a
    rate of its own; η as described; a gap counts after 500 stages and on a stage's average, where the code waits for
    2,000 stages, more than the presets have, and looks at the last step's minibatch.

    Args:
        functional_steps: functional gradient steps of a stage, T in the paper.
        critic_steps: critic steps before each of them, U in the paper; the critic and its optimizer persist.
        pool_size: samples that are moved.
        pool_stages: stages in which the same pool is refined further before a new one is drawn.
        fit_epochs: epochs over the pool in each fit of G̃; the rate is cut tenfold whenever the loss rises.
        reset_optimizer: whether each stage fits G̃ with a new optimizer, as published.
        scaling: s(x): ``one``, ``gan0`` or ``gan1``.
        step_size: η; None chooses it: each of the first `step_size_trials` steps moves samples by `step_share` of the
            data's standard deviation, the median η of the later half of them is used from then on, and no step moves
            them farther than that share.
        step_share: largest move of a step, as a share of the data's standard deviation, in (0, 1].
        step_size_trials: functional steps after which η is settled.
        gap_limit: a stage's mean |D(real) − D(fake)| above which training ends; None for never.
        gap_stages: stages before which the gap is not looked at.
    """

    ema_applies: ClassVar[bool] = False

    def __init__(
        self,
        problem: TrainingProblem,
        make_optimizer: OptimizerFactory,
        *,
        functional_steps: Count = 15,
        critic_steps: Count = 1,
        pool_size: Count = 640,
        pool_stages: Count = 1,
        fit_epochs: Count = 3,
        reset_optimizer: bool = False,
        scaling: Scaling = "one",
        step_size: Positive | None = None,
        step_share: Share = 0.02,
        step_size_trials: Count = 45,
        gap_limit: Positive | None = 40.0,
        gap_stages: Count = 500,
    ) -> None:
        counts = {"critic_steps": critic_steps, "fit_epochs": fit_epochs, "pool_stages": pool_stages}
        at_least(1, **counts, gap_stages=gap_stages)
        within(Positive | None, gap_limit=gap_limit)
        size = StepSize(step_size, step_share, step_size_trials)
        super().__init__(
            problem,
            make_optimizer,
            functional_steps=functional_steps,
            pool_size=pool_size,
            scaling=scaling,
            step_size=size,
        )
        self.critic_steps, self.pool_stages, self.fit_epochs = critic_steps, pool_stages, fit_epochs
        self.reset_optimizer, self.gap_limit, self.gap_stages = reset_optimizer, gap_limit, gap_stages
        self.fit_rate = float(self.optimizers["generator"].param_groups[0]["lr"])

    def step(self, batches: BatchStream) -> StepRecord:
        first = next(batches)
        if not self.updates["generator"] and first.real.dim() > 2:
            self._begin(first)
        self._draw_pool(first)  # Algorithm 3: an input pool, and G_0 = G̃
        record = self._refine(chain([first], batches), self.minibatches(first))  # ICFG on it
        rate = self.lr_scale["generator"] * self.fit_rate
        fit = self._fit(self.rows.latents, self.rows.samples, first, self.fit_epochs, rate)  # G̃ to G_T
        record.add({"fit_loss": fit})
        self.game.end_step()
        self.rows.age += 1
        if self.rows.age >= self.pool_stages:
            self.rows.clear()
        self._judge(record, first.step + 1)
        return record

    def _judge(self, record: StepRecord, stages: int) -> None:
        """End where the critic has run away from the samples over the whole stage."""
        gap = abs(float(distributed.mean(record.values["stage_gap"])))
        if self.gap_limit is None or stages < self.gap_stages or not gap > self.gap_limit:
            return
        self.done = True
        self.end_reason = (
            f"ended after stage {stages:,}: |D(real) − D(fake)| was {gap:.3g} in it on average, above gap_limit "
            f"{self.gap_limit:g}"
        )
        record.notes.append(self.end_reason)

    def _begin(self, batch: Batch) -> None:
        """Regress G̃ onto a random linear map (σ 0.01), clamped to [−1, 1], on latents of no later use."""
        batch = _Beginning(batch)
        self.fill(batch)
        latents, samples = self.rows.latents, self.rows.samples
        random = batch.random("linear map")
        weights = torch.randn(latents.shape[1], samples[0].numel(), generator=random, device=random.device) * 0.01
        targets = (latents @ weights.to(latents)).clamp_(-1, 1).view(samples.shape)
        self._fit(latents, targets, batch, BEGIN_EPOCHS, BEGIN_RATE, BEGIN_ENOUGH * _variance(targets))
        self.rows.clear()

    def _draw_pool(self, batch: Batch) -> None:
        """G_0 is the approximator as it stands; the pool is new, or goes on from where it was."""
        self.refined.base.load_state_dict(self.game.generator.state_dict())
        self.refined.steps.clear()
        if not len(self.rows):
            self.fill(batch)

    def _refine(self, batches: Iterator[Batch], rows: Iterator[Tensor]) -> StepRecord:
        """ICFG, Algorithm 2."""
        record, gaps = StepRecord(), list[Tensor]()
        for _ in range(self.functional_steps):
            for _ in range(self.critic_steps):
                batch = next(batches)
                record.add(self.move_critic(batch, next(rows)).values)
                gaps.append(record.values["real_score"] - record.values["fake_score"])
            step = self.advance(batch.size)
            record.add(step.values)
            record.notes += step.notes
        record.add({"stage_gap": torch.stack(gaps).mean()})
        return record

    def _fit(
        self, latents: Tensor, targets: Tensor, batch: Batch, epochs: int, rate: float, enough: float = 0.0
    ) -> Tensor:
        """Least squares of G̃ on (z, G_T(z)); the last epoch's mean squared error per value, which ends at `enough`."""
        optimizer, cuts, last = self.optimizers["generator"], 0, float("inf")
        self._set_rate(lambda _: rate)
        if self.reset_optimizer:
            optimizer.state.clear()
        for epoch in range(epochs):
            order = self.rows.minibatches(batch.size, batch.random(f"fit {epoch}"))
            mean = distributed.mean(torch.stack([self._move_generator(latents[r], targets[r]) for r in order]).mean())
            if float(mean) > last and cuts < MOST_CUTS:
                cuts += 1
                self._set_rate(lambda now: now / 10)
            last = float(mean)
            if last < enough:
                break
        return mean

    def _move_generator(self, latents: Tensor, targets: Tensor) -> Tensor:
        with self.game.autocast():
            samples = self.game.generator(latents)
        squares = (samples - targets).square().flatten(1)
        self.optimizer_step("generator", Loss(squares.sum(1).mean() / 2))
        error: Tensor = squares.detach().mean()
        return error

    def _set_rate(self, change: Callable[[float], float]) -> None:
        for group in self.optimizers["generator"].param_groups:
            group["lr"] = change(group["lr"])


class _Beginning(Batch):
    """A batch whose randomness is that of the beginning alone."""

    def __init__(self, batch: Batch) -> None:
        self.batch, self.size, self.step = batch, batch.size, batch.step

    @property
    def real(self) -> Tensor:  # type: ignore[override]
        return self.batch.real

    @property
    def labels(self) -> Tensor:  # type: ignore[override]
        return self.batch.labels

    def random_conditions(self, times: int) -> Tensor:  # type: ignore[override]
        return self.batch.random_conditions(times)

    def random(self, purpose: str) -> torch.Generator:
        return self.batch.random(f"beginning {purpose}")


def _variance(targets: Tensor) -> float:
    """Over all values, and processes, which must agree."""
    return float(distributed.mean(targets.var()))
