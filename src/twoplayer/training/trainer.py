"""The loop: rounds of the algorithm, and between them everything that a round does not show."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from twoplayer import parallel
from twoplayer.algorithms._base import Record
from twoplayer.config import Config
from twoplayer.data._base import Dataset
from twoplayer.errors import Diverged, Interrupted, UserError
from twoplayer.folder import RunFolder
from twoplayer.rng import derive
from twoplayer.samples import Samples
from twoplayer.sampling import Form, draw, latents
from twoplayer.training import checkpoint
from twoplayer.training.average import Average
from twoplayer.training.batches import Batches
from twoplayer.training.build import Players
from twoplayer.training.interrupt import Interrupt
from twoplayer.training.placement import Placement
from twoplayer.training.schedule import Schedule

__all__ = ["Listener", "Progress", "Trainer"]

GENTLE = 2e-4
"""A learning rate that most methods of the field begin with, and the most that is advised after a divergence."""

LARGEST = 1e18
"""A weight of this size has a square near the largest float32."""

GRID = 64
"""Samples in a grid of images; a cloud of points has 2,500."""


@dataclass(frozen=True)
class Progress:
    """One line of progress: where the run is and what its last round did."""

    step: int
    images_seen: int
    seconds: float
    """Training time so far, measurements left out."""
    fraction: float
    """Share of the run that is done."""
    images_per_second: float
    updates: Mapping[str, int]
    values: Mapping[str, float] = field(default_factory=dict)

    def line(self) -> dict[str, Any]:
        """The record as ``progress.jsonl`` holds it."""
        counts = {f"{player}_updates": n for player, n in self.updates.items()}
        return {
            "step": self.step,
            "images_seen": self.images_seen,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 2),
            **counts,
            **self.values,
        }


class Listener(Protocol):
    """Someone who wants to hear of a run while it goes on; only the main process calls."""

    def on_start(self, folder: RunFolder, config: Config, dataset: Dataset, placement: Placement) -> None: ...
    def on_progress(self, progress: Progress) -> None: ...
    def on_note(self, text: str) -> None: ...
    def on_figures(self, step: int, figures: Sequence[Any], note: str) -> None: ...
    def on_samples(self, step: int, picture: Path) -> None: ...
    def close(self) -> None: ...


Measure = Callable[[np.ndarray], tuple[Sequence[Any], str]]
"""Generated samples as the data set stores its own, to figures and a note on their judge."""


@dataclass
class Trainer:
    """Trains what was built until the config says stop, in a run folder that can be resumed at any moment."""

    config: Config
    dataset: Dataset
    folder: RunFolder
    placement: Placement
    players: Players
    listeners: Sequence[Listener] = ()
    measure: Measure | None = None
    sample_count: int = 10_000

    def __post_init__(self) -> None:
        self.main = parallel.process_index() == 0
        self.algorithm, self.game = self.players.algorithm, self.players.game
        self.average = Average(self.algorithm.sampler, self.config.ema)
        self.batches = Batches(self.dataset, self.config.batch, self.config.seed, self.placement)
        self.schedule = Schedule(self.config, self.algorithm.rounds)
        self.step, self.seconds, self.resumed = 0, 0.0, False
        self._measured_for = 0.0
        self._rate = _Rate()

    # ------------------------------------------------------------------ the loop

    @property
    def finished(self) -> bool:
        """Whether the config's end is reached, or the algorithm has nothing left to do."""
        over = self.schedule.finished(self.step, self.batches.images_seen, self.seconds)
        return over or self.algorithm.done

    def run(self) -> None:
        """Train to the end. Raises `Diverged` or `Interrupted` after everything is saved."""
        if self.main:
            self.folder.rewind(self.step)
        if not self.resumed:
            self._show_samples()
            self._save()
        self._status("running")
        with Interrupt() as interrupt:
            self._since = time.perf_counter()
            while not self.finished:
                values = self._round()
                stop = self._agree(interrupt)
                self._between_rounds(values)
                if stop:
                    self._save()
                    self._status("interrupted")
                    raise Interrupted(f"interrupted at round {self.step}; the same command goes on from here")
            self._finish()

    def _round(self) -> dict[str, float] | None:
        """One round; what it did, where a line of progress is due."""
        fraction = self.schedule.fraction(self.step, self.batches.images_seen, self.seconds)
        logs = self.schedule.due("log", self.step + 1, fraction)
        self.algorithm.watching = logs
        self.batches.rounds = self.step
        torch.manual_seed(derive(self.config.seed, "round", self.step))
        record = self.algorithm.round(self.batches)
        self.step += 1
        self._note(record)
        self.average.update()
        values = None
        if logs or self.placement.device.type == "cpu":
            values = _over_processes(record)
            self._stop_if_diverged(values)
        self._tick()
        return values if logs else None

    def _between_rounds(self, values: dict[str, float] | None) -> None:
        fraction = self.schedule.fraction(self.step, self.batches.images_seen, self.seconds)
        if values is not None:
            self._log(values, fraction)
        if self.schedule.due("sample", self.step, fraction):
            self._show_samples()
        if self.schedule.due("checkpoint", self.step, fraction, self.seconds):
            self._save()
        if fraction < 1 and self.schedule.due("evaluate", self.step, fraction) and self._can_afford_figures():
            self._save()  # a measurement can take minutes, and nobody should lose more than it
            self._evaluate()

    def _finish(self) -> None:
        self._save()
        self._show_samples()
        self._evaluate()
        self._status("finished", self.algorithm.reason)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seconds += now - self._since
        self._since = now

    # ------------------------------------------------------------------ what is written

    def _log(self, values: dict[str, float], fraction: float) -> None:
        if not self.main:
            return
        rate = self._rate.update(self.batches.images_seen, self.seconds)
        progress = Progress(
            self.step, self.batches.images_seen, self.seconds, fraction, rate, dict(self.algorithm.updates), values
        )
        self.folder.log(self.folder.progress, progress.line())
        for listener in self.listeners:
            listener.on_progress(progress)

    def _note(self, record: Record) -> None:
        for note in record.notes:
            for listener in self.listeners:
                listener.on_note(note)
        if record.notes:  # what was chosen is to be read while the run goes on
            self._status("running")

    def _show_samples(self) -> None:
        if not self.main:
            return
        count = GRID if self.dataset.kind == "images" else 2_500
        samples = self.sample(count, "grid")
        reference = self.dataset.held_out if len(self.dataset.held_out) else self.dataset.train
        real = self.folder.samples / "real.png"
        if not real.exists():
            Samples(np.asarray(reference[:count]), reference).save(real)
        target = Samples(samples, reference).save(self.folder.samples / f"{self.step:09d}.png")
        for listener in self.listeners:
            listener.on_samples(self.step, target)

    def sample(self, count: int, purpose: str) -> np.ndarray:
        """Samples of the averaged generator as the data set stores its own, from latents fixed by `purpose`."""
        z = latents(count, self.config.latent_dim, self.config.prior, self.config.seed, purpose)
        form = Form(self.dataset.kind, self.dataset.centre, self.dataset.scale)
        return draw(self.average.module, z, form, self.placement)

    def _evaluate(self) -> None:
        began = time.perf_counter()
        # A run killed between its last figures and its end has them already.
        if self.main and self.measure is not None and self.step not in self.folder.measured():
            figures, note = self.measure(self.sample(self.sample_count, "evaluation"))
            if figures:
                where = {"step": self.step, "images_seen": self.batches.images_seen, "seconds": round(self.seconds, 3)}
                self.folder.log(
                    self.folder.metrics, {**where, "figures": [asdict(f) for f in figures], "notes": [note]}
                )
            for listener in self.listeners:
                listener.on_figures(self.step, figures, note)
        self.placement.accelerator.wait_for_everyone()
        took = time.perf_counter() - began
        self._since += took
        self._measured_for += took

    def _can_afford_figures(self) -> bool:
        """Whether to measure on the way: always where the config says when, else a third of training's time at most.

        The main process's clock decides for all, since only it measures.
        """
        if self.config.evaluate_every is not None:
            return True
        mine = torch.tensor([float(self._measured_for <= self.seconds / 3)], device=self.placement.device)
        if parallel.process_count() > 1:
            torch.distributed.broadcast(mine, 0)
        return bool(mine)

    def _status(self, state: str, message: str | None = None) -> None:
        if self.main:
            where = {"step": self.step, "images_seen": self.batches.images_seen, "seconds": round(self.seconds, 3)}
            chosen = {"chosen": dict(self.algorithm.chosen)} if self.algorithm.chosen else {}
            self.folder.write("status", {"state": state, **where, "message": message, **chosen})

    # ------------------------------------------------------------------ stopping and going on

    def _stop_if_diverged(self, values: dict[str, float]) -> None:
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        gap = abs(values.get("real_score", 0.0) - values.get("fake_score", 0.0))
        if bad:
            self._diverge(f"{bad[0].replace('_', ' ')} was no longer a finite number")
        elif gap > self.config.divergence_limit:
            self._diverge(
                f"the critic ran away (|D(real) − D(fake)| = {gap:.3g}, above --divergence-limit "
                f"{self.config.divergence_limit:g})"
            )

    def _diverge(self, what: str) -> None:
        good = checkpoint.latest(self.folder.checkpoints)
        gentler = min(self.config.optimizer.learning_rate / 4, GENTLE)
        message = (
            f"at round {self.step} {what}; the last good checkpoint is round {int(good.name) if good else 0}. Try "
            f"--learning-rate {gentler:g}, or a regularizer that holds the critic back, such as --regularizers r1"
        )
        if good is not None:
            state = checkpoint.load(good)
            self.step, self.batches.read, self.seconds = state["step"], state["read"], state["seconds"]
        self._status("diverged", message)
        raise Diverged(message)

    def _agree(self, interrupt: Interrupt) -> bool:
        """Whether any process was asked to stop; also one clock for all, since budgets and checkpoints go by it."""
        if parallel.process_count() == 1:
            return interrupt.asked
        mine = torch.tensor([float(interrupt.asked), self.seconds], dtype=torch.float64)
        torch.distributed.all_reduce(agreed := mine.to(self.placement.device), torch.distributed.ReduceOp.MAX)
        self.seconds = float(agreed[1])
        return bool(agreed[0])

    def _save(self) -> None:
        if not all(_sane(weight) for weight in self.game.state_dict().values()):
            self._diverge("a weight was no longer a number that can be squared")
        state = self._state()  # every process may have a part of it
        if self.main:
            checkpoint.save(self.folder.checkpoints, self.step, state, self.config.keep_checkpoints)
        self.schedule.saved(self.seconds)
        self.placement.accelerator.wait_for_everyone()

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "drawn": self.batches.drawn,
            "read": self.batches.read,
            "seconds": self.seconds,
            "game": self.game.state_dict(),
            "average": self.average.module.state_dict(),
            "average_updates": self.average.updates,
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
        if parallel.process_count() > 1:
            self.resumed, state = self._from_main(state)
        if state is None:
            return
        try:
            self.game.load_state_dict(state["game"])
            self.average.module.load_state_dict(state["average"])
            self.algorithm.restore(state["algorithm"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise UserError(f"the checkpoint {newest} does not fit this run's networks: give another --run") from error
        self.average.updates = state["average_updates"]
        self.step, self.seconds = state["step"], state["seconds"]
        self.batches.drawn, self.batches.read = state["drawn"], state["read"]
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
def _over_processes(record: Record) -> dict[str, float]:
    """What a round did, averaged over processes: the whole batch's losses."""
    if not record.values:
        return {}
    means = parallel.mean(torch.stack([value.detach().float() for value in record.values.values()]))
    return dict(zip(record.values, means.tolist(), strict=True))


def _sane(weight: torch.Tensor) -> bool:
    """Whether every entry is finite and so is its square: beyond that no next round can come out well."""
    return not weight.is_floating_point() or bool((weight.abs().amax() < LARGEST) if weight.numel() else True)


class _Rate:
    """Images per second over the last lines of progress."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, float]] = []

    def update(self, images: int, seconds: float) -> float:
        self.marks = [*self.marks[-9:], (images, seconds)]
        (first, began), (last, ended) = self.marks[0], self.marks[-1]
        if ended > began:
            return (last - first) / (ended - began)
        return images / seconds if seconds > 0 else 0.0
