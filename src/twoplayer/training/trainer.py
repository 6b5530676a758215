"""The loop: steps of the algorithm, and between them everything that a step does not show."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

import numpy as np
import torch

from twoplayer.algorithms._base import StepRecord
from twoplayer.config.schema import Config
from twoplayer.core import distributed
from twoplayer.core.device import DeviceConfig
from twoplayer.core.errors import Diverged, Interrupted, UserError
from twoplayer.core.rng import derive
from twoplayer.data._base import Dataset
from twoplayer.games._factory import ConditioningData
from twoplayer.games._inputs import reference_part
from twoplayer.runs import checkpoint
from twoplayer.runs.run_dir import RunFolder
from twoplayer.sampling.generate import SampleFormat, draw
from twoplayer.sampling.samples import Samples
from twoplayer.schedules._base import initial
from twoplayer.training.batches import Batches
from twoplayer.training.build import BuiltGame
from twoplayer.training.ema import EMA
from twoplayer.training.event_schedule import EventSchedule
from twoplayer.training.interrupt import Interrupt
from twoplayer.training.progress import Listener, Progress, Rate
from twoplayer.training.sample_statistics import SampleStatistics
from twoplayer.training.scheduled_values import ScheduledValues
from twoplayer.training.stopping._stopping import early_stopping_of

__all__ = ["Listener", "Progress", "Trainer"]

USUAL_LEARNING_RATE = 2e-4
"""A learning rate that most methods of the field begin with, and the most that is advised after a divergence."""

LARGEST_WEIGHT = 1e18
"""A weight of this size has a square near the largest float32."""

INTERRUPTED, FAILING = 1, 2
"""Why a run is to end before its end; where both hold on different processes, the larger one is meant."""

GRID_IMAGES, GRID_POINTS = 64, 2_500
"""Samples in a run's picture."""


Measure = Callable[[np.ndarray], tuple[Sequence[Any], str]]
"""Generated samples as the data set stores its own, to metric values and a note on the extractor."""

MonitorCallback = Callable[[Progress], str | None]
"""Takes every line of progress; returns what is wrong where training should stop."""


@dataclass
class Trainer:
    """Trains what was built until the config says stop, in a run folder that can be resumed at any moment."""

    config: Config
    dataset: Dataset
    folder: RunFolder
    device_config: DeviceConfig
    built: BuiltGame
    listeners: Sequence[Listener] = ()
    measure: Measure | None = None
    sample_count: int = 10_000
    conditioning: ConditioningData = field(default_factory=ConditioningData)
    monitor: MonitorCallback | None = None
    stopping_metric: Callable[[np.ndarray], Sequence[Any]] | None = None
    """Samples to the metric that the stopping criterion plateau follows."""

    def __post_init__(self) -> None:
        self.main = distributed.process_index() == 0
        self.algorithm, self.problem = self.built.algorithm, self.built.problem
        self.ema = EMA(self.algorithm.sampler, initial(self.config.ema_decay))
        self.scheduled = ScheduledValues(self.config, self.built, self.ema)
        self.inputs = self.problem.inputs(self.conditioning.stored)
        self.batches = Batches(
            self.dataset, self.config.batch_size, self.config.seed, self.device_config, self.conditioning
        )
        self.schedule = EventSchedule(self.config, self.algorithm.max_steps)
        self.step, self.seconds, self.resumed = 0, 0.0, False
        self._measured_for = 0.0
        self._rate = Rate()
        self._sample_statistics = SampleStatistics(self.problem.sampler)
        self._failing: str | None = None
        self.stopping = early_stopping_of(self, self.folder)
        self._judgement_due = self.stopping.active  # at this step

    # ------------------------------------------------------------------ the loop

    @property
    def finished(self) -> bool:
        """Whether the config's end is reached, or the algorithm has nothing left to do."""
        over = self.schedule.finished(self.step, self.batches.images_seen, self.seconds)
        return over or self.algorithm.done or self.stopping.over

    def run(self) -> None:
        """Train to the end. Raises `Diverged` or `Interrupted` after everything is saved."""
        if self.main:
            self.folder.rewind(self.step)
        self.stopping.read()
        if not self.resumed:
            self._show_samples()
            self._save()
        self._status("running")
        with Interrupt() as interrupt:
            self._since = time.perf_counter()
            self._judge()
            while not self.finished:
                values = self._step()
                stop = self._agree(interrupt)
                self._between_steps(values)
                if stop:
                    self._leave(stop)
            self._finish()

    def _step(self) -> dict[str, float] | None:
        """One step of the algorithm; its logged values, where a line of progress is due."""
        fraction = self.schedule.fraction(self.step, self.batches.images_seen, self.seconds)
        logs = self.schedule.due("log", self.step + 1, fraction)
        self.algorithm.log_gradient_norms = logs
        self.scheduled.apply(fraction)
        self.batches.step = self.step
        torch.manual_seed(derive(self.config.seed, "round", self.step))
        with self._sample_statistics if logs and self.main else nullcontext():
            record = self.algorithm.step(self.batches)
        self.step += 1
        self._note(record)
        self.ema.update()
        values = None
        if logs or self.device_config.device.type == "cpu":
            values = _over_processes(record)
            self._stop_if_diverged(values)
        self._tick()
        return values if logs else None

    def _between_steps(self, values: dict[str, float] | None) -> None:
        fraction = self.schedule.fraction(self.step, self.batches.images_seen, self.seconds)
        self._judgement_due = self.stopping.active and self.schedule.due("early_stopping", self.step, fraction)
        if values is not None:
            self._log(values, fraction)
        if self.schedule.due("sample", self.step, fraction):
            self._show_samples()
        if self.schedule.due("checkpoint", self.step, fraction, self.seconds):
            self._save()
        if fraction < 1 and self.schedule.due("evaluate", self.step, fraction) and self._can_afford_metrics():
            self._save()  # a measurement can take minutes, and nobody should lose more than it
            self._evaluate()
        self._judge()

    def _finish(self) -> None:
        self._save()
        self._show_samples()
        self._judgement_due = self.stopping.active
        self._judge()
        reason = self.stopping.reason or self.algorithm.end_reason
        self._evaluate(self.stopping.restore(self.ema.module, self.step) if self.main else None)
        self._status("finished", reason)
        for listener in self.listeners if self.stopping.over else ():
            listener.on_note(str(reason))

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seconds += now - self._since
        self._since = now

    # ------------------------------------------------------------------ what is written

    def _log(self, values: dict[str, float], fraction: float) -> None:
        if not self.main:
            return
        rate, samples = self._rate.update(self.batches.images_seen, self.seconds), self._sample_statistics.line()
        progress = Progress(
            self.step, self.batches.images_seen, self.seconds, fraction, rate, dict(self.algorithm.updates), values,
            samples,
        )  # fmt: skip
        self.folder.log(self.folder.progress, progress.line())
        if samples:
            self.folder.log(self.folder.statistics, {"step": self.step, **samples})
        for listener in self.listeners:
            listener.on_progress(progress)
        if self.monitor is not None:
            self._failing = self._failing or self.monitor(progress)

    def _note(self, record: StepRecord) -> None:
        for note in record.notes:
            for listener in self.listeners:
                listener.on_note(note)
        if record.notes:  # what was chosen is to be read while the run goes on
            self._status("running")

    def _show_samples(self) -> None:
        if not self.main:
            return
        count = GRID_IMAGES if self.dataset.kind == "images" else GRID_POINTS
        grid, reference = self.inputs.grid(count, self.config.seed), reference_part(self.dataset)
        real = self.folder.samples / "real.png"
        if not real.exists():
            Samples(self.inputs.real(self.dataset, count), reference, columns=grid.columns).save(real)
        samples = grid.arrange(self._draw(grid.inputs))
        target = Samples(samples, reference, columns=grid.columns).save(self.folder.samples / f"{self.step:09d}.png")
        for listener in self.listeners:
            listener.on_samples(self.step, target)

    @property
    def columns(self) -> list[str]:
        """What the columns of its pictures show, where they are sorted."""
        return list(self.inputs.grid(GRID_IMAGES, self.config.seed).captions) if self.dataset.kind == "images" else []

    def sample(self, count: int, purpose: str) -> np.ndarray:
        """Samples of the averaged generator as the data set stores its own, from inputs fixed by `purpose`."""
        return self._draw(self.inputs.draw(count, self.config.seed, purpose))

    def _draw(self, inputs: torch.Tensor) -> np.ndarray:
        form = SampleFormat(self.dataset.kind, self.dataset.centre, self.dataset.scale)
        return draw(self.ema.module, inputs, form, self.device_config)

    def _evaluate(self, at: Mapping[str, Any] | None = None) -> None:
        position = at or self._position
        began = time.perf_counter()
        # A run killed between its last figures and its end has them already.
        if self.main and self.measure is not None and position["step"] not in self.folder.measured():
            figures, note = self.measure(self.sample(self.sample_count, "evaluation"))
            if figures:
                measured = {"metric_values": [asdict(f) for f in figures], "notes": [note]}
                self.folder.log(self.folder.metrics, {**position, **measured})
            for listener in self.listeners:
                listener.on_figures(position["step"], figures, note)
        self.device_config.accelerator.wait_for_everyone()
        took = time.perf_counter() - began
        self._since += took
        self._measured_for += took

    def _can_afford_metrics(self) -> bool:
        """Whether to measure on the way: always where the config says when, else a third of training's time at most.

        The main process's clock decides for all, since only it measures.
        """
        if self.config.evaluate_every is not None:
            return True
        mine = torch.tensor([float(self._measured_for <= self.seconds / 3)], device=self.device_config.device)
        if distributed.process_count() > 1:
            torch.distributed.broadcast(mine, 0)
        return bool(mine)

    def _status(self, state: str, message: str | None = None) -> None:
        if self.main:
            chosen = self.algorithm.chosen_settings
            settings = {"chosen_settings": dict(chosen)} if chosen else {}
            about = {"message": message, **settings, **self.stopping.document()}
            self.folder.write("status", {"state": state, **self._position, **about})

    @property
    def _position(self) -> dict[str, Any]:
        return {"step": self.step, "images_seen": self.batches.images_seen, "seconds": round(self.seconds, 3)}

    # ------------------------------------------------------------------ stopping and going on

    def _judge(self) -> None:
        """Where a judgement is owed: whether anything is left to gain. Training's clock stands still meanwhile."""
        if not self._judgement_due:
            return
        began = time.perf_counter()
        self._save()
        if not self.stopping.judged(self.step):
            self.stopping.judge(self.step, self.batches.images_seen, self.seconds)
            self._status("running")
        self._judgement_due = False
        self._since += time.perf_counter() - began

    def _stop_if_diverged(self, values: dict[str, float]) -> None:
        not_finite = next((name for name, value in values.items() if not math.isfinite(value)), None)
        if not_finite is not None:
            self._diverge(f"{not_finite.replace('_', ' ')} was no longer a finite number")
        what = self.problem.divergence(values, self.config.divergence_limit)
        if what is not None:
            self._diverge(what)

    def _diverge(self, what: str) -> NoReturn:
        gentler = min(initial(self.config.optimizer.learning_rate) / 4, USUAL_LEARNING_RATE)
        self._go_back(
            "diverged",
            what,
            f"Try --learning-rate {gentler:g}, or a regularizer that holds the critic back, such as --regularizers r1",
        )

    def _go_back(self, state: str, what: str, advice: str) -> NoReturn:
        """Leave the run at its last good checkpoint and say why."""
        good = checkpoint.latest(self.folder.checkpoints)
        where = f"the last good checkpoint is step {int(good.name) if good else 0}"
        message = f"at step {self.step} {what}; {where}. {advice}"
        if good is not None:
            state_there = checkpoint.load(good)
            self.step, self.seconds = state_there["step"], state_there["seconds"]
            self.batches.seen = state_there["critic_batches"]
        self._status(state, message)
        raise Diverged(message)

    def _leave(self, stop: int) -> NoReturn:
        """End before the end: because somebody asked, or because what was watched went wrong."""
        if stop == FAILING:
            self._go_back(
                "stopped",
                self._failing or "the main process found the run failing",
                f"See twoplayer diagnose {self.folder.path}; the same command with --on-failure warn goes on",
            )
        self._save()
        self._status("interrupted")
        raise Interrupted(f"interrupted at step {self.step}; the same command goes on from here")

    def _agree(self, interrupt: Interrupt) -> int:
        """Why any process is to stop, 0 if none; also one clock for all, since budgets and checkpoints go by it."""
        why = FAILING if self._failing else INTERRUPTED if interrupt.asked else 0
        if distributed.process_count() == 1:
            return why
        mine = torch.tensor([float(why), self.seconds], dtype=torch.float64)
        torch.distributed.all_reduce(agreed := mine.to(self.device_config.device), torch.distributed.ReduceOp.MAX)
        self.seconds = float(agreed[1])
        return int(agreed[0])

    def _save(self) -> None:
        if not all(_sane(weight) for weight in self.problem.state_dict().values()):
            self._diverge("a weight was no longer a number that can be squared")
        state = self._state()  # every process may have a part of it
        if self.main:
            keep, protected = self.config.keep_checkpoints, self.stopping.protected_steps
            checkpoint.save(self.folder.checkpoints, self.step, state, keep, protected)
        self.schedule.saved(self.seconds)
        self.device_config.accelerator.wait_for_everyone()

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "batches_drawn": self.batches.drawn,
            "batches_read": self.batches.read,
            "critic_batches": self.batches.seen,
            "seconds": self.seconds,
            "judgement_due": self._judgement_due,
            "problem": self.problem.state_dict(),
            "ema": self.ema.module.state_dict(),
            "ema_updates": self.ema.updates,
            "algorithm": self.algorithm.state(),
        }

    def resume(self) -> None:
        """Take up the newest checkpoint, if there is one. Raises `UserError` for a damaged one; writes nothing.

        The main process speaks for all: the others may run on hosts that do not see its disk, or whose processors
        drew initial weights that differ in the last bit.
        """
        newest = checkpoint.latest(self.folder.checkpoints) if self.main else None
        state = None if newest is None else checkpoint.load(newest)
        self.resumed = state is not None
        if distributed.process_count() > 1:
            self.resumed, state = self._from_main(state)
        if state is None:
            return
        try:
            self.problem.load_state_dict(state["problem"])
            self.ema.module.load_state_dict(state["ema"])
            self.algorithm.restore(state["algorithm"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise UserError(f"the checkpoint {newest} does not fit this run's networks: give another --run") from error
        self.ema.updates = state["ema_updates"]
        self._judgement_due = self.stopping.active and state.get("judgement_due", False)
        self.step, self.seconds = state["step"], state["seconds"]
        self.batches.drawn, self.batches.read = state["batches_drawn"], state["batches_read"]
        self.batches.seen = state["critic_batches"]
        fraction = self.schedule.fraction(self.step, self.batches.images_seen, self.seconds)
        self.schedule.start_at(fraction, self.seconds)

    def _from_main(self, state: dict[str, Any] | None) -> tuple[bool, dict[str, Any]]:
        """Whether the main process resumed, and the state from which all begin."""
        from accelerate.utils import broadcast_object_list

        box = [(self.resumed, checkpoint.pack(state or self._state()))] if self.main else [None]
        broadcast_object_list(box)
        resumed, (tree, tensors) = box[0]  # type: ignore[misc]
        return resumed, checkpoint.unpack(tree, tensors)


@torch.no_grad()
def _over_processes(record: StepRecord) -> dict[str, float]:
    """What a step logged, averaged over processes: the whole batch's losses."""
    if not record.values:
        return {}
    means = distributed.mean(torch.stack([value.detach().float() for value in record.values.values()]))
    return dict(zip(record.values, means.tolist(), strict=True))


def _sane(weight: torch.Tensor) -> bool:
    """Whether every entry is finite and so is its square: beyond that no further step can come out well."""
    return not weight.is_floating_point() or bool((weight.abs().amax() < LARGEST_WEIGHT) if weight.numel() else True)
