"""Ends a run when nothing is to be gained, keeps its best checkpoint and says why.

Judging leaves the run as it is: criteria work on copies, by random streams of their own, so that a run that is judged
has the weights, bit for bit, of one that is not. Judgements lie in ``judgements.jsonl``; where a run ends and which
checkpoint it keeps is a function of them alone, so that a resumed run decides as an uninterrupted one would.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch import nn

from twoplayer.core import distributed
from twoplayer.core.errors import UserError
from twoplayer.core.files import read_json_lines
from twoplayer.runs import checkpoint
from twoplayer.runs.run_dir import RunFolder
from twoplayer.training import stopping
from twoplayer.training.stopping._criterion import JudgedRun, StoppingCriterion
from twoplayer.training.stopping._patience import Judgement, PatienceRule, best, counted, noise

__all__ = ["AUTO", "EarlyStopping", "early_stopping_of"]

AUTO = "plateau"
"""The criterion that ``auto`` means; ``experiments/stopping`` compares the criteria."""


def early_stopping_of(run: JudgedRun, folder: RunFolder) -> EarlyStopping:
    """The early stopping that the run's config names.

    Raises `UserError` where the criterion cannot judge this run.
    """
    name = AUTO if run.config.early_stopping == "auto" else run.config.early_stopping
    criterion: StoppingCriterion | None = None if name == "none" else stopping.create(name, run)
    return EarlyStopping(name, criterion, PatienceRule(run.config.early_stopping_patience), folder)


class EarlyStopping:
    """A criterion, the rule that reads its judgements, and the judgements so far; without one, nothing."""

    def __init__(self, name: str, criterion: StoppingCriterion | None, rule: PatienceRule, folder: RunFolder) -> None:
        self.name, self.criterion, self.rule, self.folder = name, criterion, rule, folder
        self.judgements: list[Judgement] = []

    @property
    def active(self) -> bool:
        """Whether the run is judged at all."""
        return self.criterion is not None

    def read(self) -> None:
        """Take up the judgements that lie in the run folder; the main process reads for all."""
        if self.criterion is None:
            return
        lines = read_json_lines(self.folder.judgements) if distributed.process_index() == 0 else []
        if distributed.process_count() > 1:
            from accelerate.utils import broadcast_object_list

            broadcast_object_list(box := [lines])
            lines = box[0]
        own = [line for line in lines if line.get("criterion") == self.name]
        self.judgements = [_judgement(line) for line in own]
        if own:
            self.criterion.quantity = str(own[-1]["what"])

    def judged(self, step: int) -> bool:
        """Whether the run was judged at that step."""
        return any(j.step == step for j in self.judgements)

    def judge(self, step: int, images_seen: int, seconds: float) -> Judgement:
        """Judge the run as it stands and remember it; every process must call at once."""
        assert self.criterion is not None
        began = time.perf_counter()
        value, error = self.criterion.judge(step)
        took = time.perf_counter() - began
        judgement = Judgement(step, images_seen, round(seconds, 3), value, error, round(took, 3))
        self.judgements.append(judgement)
        if distributed.process_index() == 0:
            head = {"criterion": self.name, "what": self.criterion.quantity}
            self.folder.log(self.folder.judgements, {**asdict(judgement), **head})
        return judgement

    @property
    def counted(self) -> list[Judgement]:
        """The judgements that count."""
        return counted(self.judgements, from_peak=self.criterion is not None and self.criterion.counts_from_peak)

    @property
    def over(self) -> bool:
        """Whether the run should end here."""
        return self.rule.over(self.counted)

    @property
    def best_judgement(self) -> Judgement | None:
        """The judgement of the checkpoint to keep."""
        return best(self.counted)

    @property
    def protected_steps(self) -> frozenset[int]:
        """Steps whose checkpoints must not be pruned."""
        return frozenset() if self.best_judgement is None else frozenset({self.best_judgement.step})

    def document(self) -> dict[str, Any]:
        """The best checkpoint, as ``status.json`` holds it."""
        chosen_judgement = self.best_judgement
        if chosen_judgement is None or self.criterion is None:
            return {}
        where = {
            "step": chosen_judgement.step,
            "images_seen": chosen_judgement.images_seen,
            "seconds": chosen_judgement.seconds,
        }
        by = {"criterion": self.name, "what": self.criterion.quantity, "value": chosen_judgement.value}
        return {"best_checkpoint": {**where, **by}}

    def restore(self, ema: nn.Module, step: int) -> dict[str, Any] | None:
        """Load the averaged generator of the best checkpoint in place of step `step`'s; returns where that one was.

        None, and nothing done, where `step` itself is the best.
        """
        chosen_judgement = self.best_judgement
        if chosen_judgement is None or chosen_judgement.step == step:
            return None
        state = checkpoint.load(checkpoint.at(self.folder.checkpoints, chosen_judgement.step))
        ema.load_state_dict(state["ema"])
        return {
            "step": chosen_judgement.step,
            "images_seen": chosen_judgement.images_seen,
            "seconds": chosen_judgement.seconds,
        }

    @property
    def reason(self) -> str | None:
        """Why the run ended before its budget did, and which checkpoint was kept: a sentence."""
        gain, chosen_judgement = self.rule.last_gain(self.counted), self.best_judgement
        if not self.over or gain is None or chosen_judgement is None or self.criterion is None:
            return None
        judging = sum(j.took for j in self.judgements)
        return (
            f"nothing was to be gained any more: {self.criterion.quantity} has not fallen below its {gain.value:.4g} "
            f"of step {gain.step:,} by more than its noise (±{noise(self.counted):.2g}) up to step "
            f"{self.judgements[-1].step:,}; step {chosen_judgement.step:,} is kept, with {chosen_judgement.value:.4g} "
            f"(judging took {judging:.0f} s; early_stopping none goes on)"
        )


def _judgement(line: Mapping[str, Any]) -> Judgement:
    try:
        value = float("nan") if line["value"] is None else float(line["value"])  # JSON has no infinities
        counts = (int(line["step"]), int(line["images_seen"]), float(line["seconds"]))
        return Judgement(*counts, value, line["error"], float(line["took"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError("judgements.jsonl of this run is corrupt: delete it to judge from here on") from error
