"""Critic: its own estimate of the divergence on held-out data no longer falls."""

from __future__ import annotations

from typing import Any, ClassVar, final

import torch

from twoplayer.core.errors import UserError
from twoplayer.games._adversarial import AdversarialGame, UnconditionalGame
from twoplayer.training.stopping._criterion import JudgedRun, StoppingCriterion, copy_of
from twoplayer.training.stopping._held_out import HeldOutBatches, game_value, mean_and_error

__all__ = ["CriticEstimate"]


@final
class CriticEstimate(StoppingCriterion):
    """The critic's own estimate, on held-out data, of how far the averaged generator is from them.

    For a Wasserstein critic that is the earth mover distance, times the critic's slope (Arjovsky et al. 2017, eq. 2 and
    figure 3); for other objectives their own divergence, up to a constant. It is as good as the critic is, which
    is untrained at first: only judgements after the estimate's peak count.
    """

    quantity = "the critic's estimate on held-out data"
    counts_from_peak: ClassVar[bool] = True

    def __init__(self, run: JudgedRun) -> None:
        super().__init__(run)
        game = run.built.problem
        if not isinstance(game, AdversarialGame):
            raise UserError(
                "critic judges by a critic's outputs, and this run has no critic: set early_stopping to plateau"
            )
        self.held_out = HeldOutBatches(run.config, run.dataset, run.device_config, "estimate", run.conditioning)
        self.trained, self.game = game, copy_of(game, game)
        self.samples_game = run.built.algorithm.sampler is game.sampler
        if not self.samples_game and not isinstance(self.game, UnconditionalGame):
            raise UserError("critic cannot judge the samples of this run's algorithm: set early_stopping to plateau")

    def judge(self, step: int) -> tuple[float, float | None]:
        self.game.load_state_dict(self.trained.state_dict())
        if self.samples_game:
            self.game.sampler.load_state_dict(self.run.ema.module.state_dict())
        self.game.players["generator"].eval()  # as it is shipped
        batches = self.held_out.batches(step)
        return mean_and_error([game_value(self.game, batch, self._generated(batch)) for batch in batches])

    @torch.no_grad()
    def _generated(self, batch: Any) -> Any:
        if self.samples_game:
            return self.game.generate(batch)
        assert isinstance(self.game, UnconditionalGame)
        with self.game.autocast():
            return self.run.ema.module(self.game.latents(batch))
