"""What CFG, ICFG and xICFG share: a pool that moves along the critic's gradient, one functional step at a time."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import count

import torch
from torch import Tensor

from twoplayer.algorithms._base import AdversarialAlgorithm, OptimizerFactory, StepRecord
from twoplayer.algorithms._refined_generator import FunctionalSteps, RefinedGenerator, Scaling, conditions_in
from twoplayer.algorithms._sample_pool import SamplePool
from twoplayer.algorithms._step_size import StepSize
from twoplayer.core import distributed
from twoplayer.core.errors import UserError
from twoplayer.core.ranges import at_least, within
from twoplayer.games._adversarial import AdversarialGame, SamplewiseGame
from twoplayer.games._problem import Batch, TrainingProblem

__all__ = ["FunctionalGradientAlgorithm"]

TYPICAL = 128
"""Pool rows whose statistics stand for those of all."""
CHUNK = 320
"""Pool rows in one pass of the critic; larger ones gain nothing on a CPU."""


class FunctionalGradientAlgorithm(AdversarialAlgorithm):
    """Moves samples, not weights: every step adds η s(x) ∇D(x) to the whole pool and keeps a snapshot of the critic.

    The critic is trained by the game's own loss, so that any objective and regularizer combine; logistic losses make
    its output the log density ratio that the theory is about.

    Departures of all three from the paper: η is chosen from the first slopes where none is given, in place of the
    paper's values for each data set and normalization, and halved where samples leave the data's range; batch
    normalization in a snapshot is frozen with the statistics of the pool's first rows, where the authors' code takes
    those of whatever is drawn together. Minibatches of generated samples come from the pool, as in Algorithm 3 alone,
    shuffled anew in every pass.

    Where the critic takes conditions y, D(x, y) is the log density ratio of samples with their conditions; a sample
    keeps its own while it is moved along ∇_x D(x, y), and a pool's are drawn as the data are distributed. An auxiliary
    classifier is refused: beside such a critic its log p*(y|x) would count twice, and beside one without conditions the
    samples' own log p(y|x) would be missing (Gong et al. 2019, "Twin Auxiliary Classifiers GAN", section 3).

    Raises `UserError` for settings out of range, a game whose critic takes more than samples one by one, and a critic
    whose output has no gradient by its input.
    """

    game: SamplewiseGame
    pool_size: int

    def __init__(
        self,
        problem: TrainingProblem,
        make_optimizer: OptimizerFactory,
        *,
        functional_steps: int,
        pool_size: int,
        scaling: Scaling,
        step_size: StepSize,
    ) -> None:
        at_least(1, functional_steps=functional_steps)
        at_least(2, pool_size=pool_size)
        within(Scaling, scaling=scaling)
        if isinstance(problem, AdversarialGame) and not isinstance(problem, SamplewiseGame):
            raise UserError(
                "functional gradient steps move samples along the critic's gradient, and this game's critic takes more "
                "than samples: leave the algorithm out, or set game to generation or conditional"
            )
        super().__init__(problem, make_optimizer)
        if self.game.ignored_by_critic_gradient is not None:
            raise UserError(
                f"functional gradient steps follow the critic alone and ignore {self.game.ignored_by_critic_gradient}"
            )
        _check_critic_gradient(self.game)
        self.functional_steps, self.pool_size, self.step_size = functional_steps, pool_size, step_size
        steps = FunctionalSteps(self.game.critic, functional_steps, scaling)
        base = copy.deepcopy(self.game.generator).eval().requires_grad_(False)
        self.refined = RefinedGenerator(base, steps, self.game.conditions_from)
        self.rows = SamplePool(next(self.game.critic.parameters()).device)
        self.extra_state = {"refined": self.refined, "pool": self.rows, "step_size": step_size}

    @property
    def sampler(self) -> RefinedGenerator:
        return self.refined

    @torch.no_grad()
    def fill(self, batch: Batch) -> None:
        """A new pool: the base's inputs, rounded up to whole batches, and what it makes of them."""
        latents = self.game.latents(batch, -(-self.pool_size // (batch.size * distributed.process_count())))
        with self.game.autocast():
            samples = torch.cat([self.refined.base(z) for z in torch.split(latents, CHUNK)])
        self.rows.fill(latents, samples.contiguous(memory_format=_layout(batch.real)))

    def minibatches(self, batch: Batch) -> Iterator[Tensor]:
        """Minibatches of pool rows without end, shuffled anew in every pass; numbers, since samples move."""
        for lap in count():
            yield from self.rows.minibatches(batch.size, batch.random(f"pool order {lap}"))

    def move_critic(self, batch: Batch, rows: Tensor) -> StepRecord:
        """One critic step on real samples and those rows of the pool as they are now."""
        self.step_size.look(batch.real)
        loss = self.game.critic_loss_on(batch, self.rows.samples[rows], self.rows.latents[rows])
        record = StepRecord(self.optimizer_step("critic", loss))
        self.game.after_critic_step()
        return record

    @torch.no_grad()
    def advance(self, size: int, room: float = 1.0) -> StepRecord:
        """One functional step of the whole pool along the critic as it is now.

        `size` is a minibatch's on this process, `room` as `StepSize.choose` takes it.
        """
        steps, samples, tried = self.refined.steps, self.rows.samples, len(self.step_size.tried)
        conditions = conditions_in(self.rows.latents, self.game.conditions_from)
        level, slope = steps.add(self.game.critic), torch.empty_like(samples)
        first = self.rows.columns(size, TYPICAL // distributed.process_count())
        rest = torch.ones(len(samples), dtype=torch.bool, device=samples.device)
        rest[first] = False
        with self.game.autocast():
            slope[first] = steps.record(samples[first], level, *(t[first] for t in conditions))
            for rows in torch.split(rest.nonzero().squeeze(1), CHUNK):
                slope[rows] = steps.slope(samples[rows], level, *(t[rows] for t in conditions))
        steps.rates[level] = self.step_size.choose(samples, slope, room)
        rate = float(steps.rates[level])
        samples += rate * slope
        length = rate * distributed.mean(slope.square().mean()).sqrt()
        return StepRecord({"step_size": steps.rates[level].clone(), "step_length": length}, self._news(tried, rate))

    def _news(self, tried: int, rate: float) -> list[str]:
        """What to say after a step with `rate`, where `tried` slopes were known before; notes the step size too."""
        size = self.step_size
        self.chosen_settings["step_size"] = rate if size.settled is None else size.settled
        if len(size.tried) == tried:
            return []
        if size.settled is not None:
            return [f"step size {size.settled:.3g}, chosen by the critic's first slopes"]
        if not tried:
            return [f"step size {rate:.3g} at first, by the critic's slope; it is settled after {size.trials} steps"]
        return []


def _check_critic_gradient(game: SamplewiseGame) -> None:
    critic, shape = game.critic, getattr(game.critic, "shape", None)
    if getattr(critic, "output", "score") != "score":
        raise UserError(
            "functional gradient steps climb the critic's score, and this critic returns an energy: take another "
            "critic, such as dcgan or mlp"
        )
    if shape is None:
        return
    like = next(critic.parameters())
    probe = torch.zeros(2, *shape, dtype=like.dtype, device=like.device, requires_grad=True)
    was, _ = critic.training, critic.eval()
    score = critic(probe)
    (slope,) = torch.autograd.grad(score.sum(), probe, allow_unused=True) if score.requires_grad else (None,)
    critic.train(was)
    if slope is None:
        raise UserError(
            "functional gradient steps need the critic's gradient by its input, and this critic has none: take "
            "another critic, such as dcgan or mlp"
        )


def _layout(real: Tensor) -> torch.memory_format:
    channels_last = real.dim() == 4 and real.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if channels_last else torch.contiguous_format
