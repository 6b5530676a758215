"""Ends a run when nothing is to be gained, keeps its best checkpoint and says why.

Judging leaves the run as it is: criteria work on copies, by random streams of their own, so that a run that is judged
has the weights, bit for bit, of one that is not. Judgements lie in ``judgements.jsonl``; where a run ends and which
round it keeps is a function of them alone, so that a resumed run decides as an uninterrupted one would.
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
from twoplayer.training.stopping_criteria import Criterion, CriticEstimate, JudgedRun, Plateau
from twoplayer.training.stopping_gap import DualityGap
from twoplayer.training.stopping_rule import Judgement, PatienceRule, best, counted, noise

__all__ = ["AUTO", "CRITERIA", "Stopping", "stopping_of"]

CRITERIA: dict[str, type[Criterion]] = {"plateau": Plateau, "duality-gap": DualityGap, "critic": CriticEstimate}
AUTO = "plateau"
"""What ``--early-stopping auto`` means; ``experiments/stopping`` holds the criteria against each other."""


def stopping_of(subject: JudgedRun, folder: RunFolder) -> Stopping:
    """What ends that run before its budget does, as its config says.

    Raises `UserError` where the criterion cannot judge this run.
    """
    name = AUTO if subject.config.early_stopping == "auto" else subject.config.early_stopping
    criterion = None if name == "none" else CRITERIA[name](subject)
    return Stopping(criterion, PatienceRule(subject.config.early_stopping_patience), folder)


class Stopping:
    """A criterion, the rule that reads its judgements, and the judgements so far; without one, nothing."""

    def __init__(self, criterion: Criterion | None, rule: PatienceRule, folder: RunFolder) -> None:
        self.criterion, self.rule, self.folder = criterion, rule, folder
        self.course: list[Judgement] = []

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
        mine = [line for line in lines if line.get("criterion") == self.criterion.name]
        self.course = [_judgement(line) for line in mine]
        if mine:
            self.criterion.what = str(mine[-1]["what"])

    def judged(self, step: int) -> bool:
        """Whether the run was judged at that round."""
        return any(j.step == step for j in self.course)

    def judge(self, step: int, images_seen: int, seconds: float) -> Judgement:
        """Judge the run as it stands and remember it; every process must call at once."""
        assert self.criterion is not None
        began = time.perf_counter()
        value, error = self.criterion.judge(step)
        took = time.perf_counter() - began
        judgement = Judgement(step, images_seen, round(seconds, 3), value, error, round(took, 3))
        self.course.append(judgement)
        if distributed.process_index() == 0:
            head = {"criterion": self.criterion.name, "what": self.criterion.what}
            self.folder.log(self.folder.judgements, {**asdict(judgement), **head})
        return judgement

    @property
    def counted(self) -> list[Judgement]:
        """The judgements that count."""
        return counted(self.course, from_peak=self.criterion is not None and self.criterion.from_peak)

    @property
    def over(self) -> bool:
        """Whether the run should end here."""
        return self.rule.over(self.counted)

    @property
    def kept(self) -> Judgement | None:
        """The judgement of the checkpoint to keep."""
        return best(self.counted)

    @property
    def spared(self) -> frozenset[int]:
        """Rounds whose checkpoints must not be pruned."""
        return frozenset() if self.kept is None else frozenset({self.kept.step})

    def document(self) -> dict[str, Any]:
        """What ``status.json`` says of the checkpoint that is kept."""
        kept = self.kept
        if kept is None or self.criterion is None:
            return {}
        where = {"step": kept.step, "images_seen": kept.images_seen, "seconds": kept.seconds}
        by = {"criterion": self.criterion.name, "what": self.criterion.what, "value": kept.value}
        return {"kept": {**where, **by}}

    def restore(self, average: nn.Module, step: int) -> dict[str, Any] | None:
        """Put the averaged generator of the checkpoint that is kept in the place of round `step`'s; where that one was.

        None, and nothing done, where `step` itself is kept.
        """
        kept = self.kept
        if kept is None or kept.step == step:
            return None
        state = checkpoint.load(checkpoint.at(self.folder.checkpoints, kept.step))
        average.load_state_dict(state["average"])
        return {"step": kept.step, "images_seen": kept.images_seen, "seconds": kept.seconds}

    @property
    def reason(self) -> str | None:
        """Why the run ended before its budget did, and what was kept: a sentence."""
        gain, kept = self.rule.last_gain(self.counted), self.kept
        if not self.over or gain is None or kept is None or self.criterion is None:
            return None
        judging = sum(j.took for j in self.course)
        return (
            f"nothing was to be gained any more: {self.criterion.what} has not fallen below its {gain.value:.4g} of "
            f"round {gain.step:,} by more than its noise (±{noise(self.counted):.2g}) up to round "
            f"{self.course[-1].step:,}; round {kept.step:,} is kept, with {kept.value:.4g} (judging took "
            f"{judging:.0f} s; `early_stopping='none'` goes on)"
        )


def _judgement(line: Mapping[str, Any]) -> Judgement:
    try:
        value = float("nan") if line["value"] is None else float(line["value"])  # JSON has no infinities
        counts = (int(line["step"]), int(line["images_seen"]), float(line["seconds"]))
        return Judgement(*counts, value, line["error"], float(line["took"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError("judgements.jsonl of this run is corrupt: delete it to judge from here on") from error
