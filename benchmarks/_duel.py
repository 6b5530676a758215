"""Two trainings in turns on one machine: twoplayer's own, and a rival's; a block of rounds each, A B A B.

Ours is `twoplayer.train` as the command line calls it: data cache, trainer, averaging, progress lines, TensorBoard.
The rival moves inside a listener of it, between two lines of progress, so that both meet the same machine.
Checkpoints and sample grids fall between blocks; they are timed by themselves.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Lap", "Outcome", "Rival", "Turns", "add_duel_options", "bumps", "duel", "limit_threads", "machine", "write"]

NEVER = 10**9
CHECKPOINTS, PICTURES, RUN_SECONDS = 20, 25, 600.0
"""What a run of ten minutes writes by default, besides 400 lines of progress."""


def add_duel_options(parser: argparse.ArgumentParser) -> None:
    """The options of every benchmark that times two trainings in turns."""
    parser.add_argument("--threads", type=int, help="threads of torch [default: torch's own choice]")
    parser.add_argument("--repeats", type=int, default=15, help="pairs of blocks [15]")
    parser.add_argument("--rounds", type=int, help="rounds in a block [default: what fills --seconds]")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a block, where --rounds is not given [2]")
    parser.add_argument("--json", type=Path, help="write everything to this file")


@dataclass(frozen=True)
class Lap:
    """Seconds by the clock on the wall, and seconds of processor time, which a busy machine disturbs less."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Lap:
        return cls(time.perf_counter(), time.process_time())

    def __sub__(self, earlier: Lap) -> Lap:
        return Lap(self.wall - earlier.wall, self.cpu - earlier.cpu)


class Rival(Protocol):
    """Another way to train the same thing."""

    def block(self, rounds: int) -> Lap:
        """Train so many rounds (critic steps and a generator step each); what it took."""


@dataclass
class Outcome:
    """Every block of both sides, and what they stand for."""

    method: str
    setting: str
    batch: int
    critic_steps: int
    rounds: int
    ours: list[Lap] = field(default_factory=list)
    rival: list[Lap] = field(default_factory=list)
    checkpoint_seconds: float = 0.0
    picture_seconds: float = 0.0

    @property
    def images(self) -> int:
        """Real samples that a critic consumes in a block."""
        return self.rounds * self.batch * self.critic_steps

    @property
    def pairs(self) -> list[float]:
        """Our images per second to the rival's, for each two neighbouring blocks."""
        return [theirs.wall / our.wall for our, theirs in zip(self.ours, self.rival, strict=True)]

    @property
    def ratio(self) -> float:
        """The median pair."""
        return statistics.median(self.pairs)

    @property
    def quartiles(self) -> tuple[float, float]:
        """First and third quartile of the pairs."""
        if len(self.pairs) < 2:
            return self.ratio, self.ratio
        first, _, third = statistics.quantiles(self.pairs, n=4, method="inclusive")
        return first, third

    @property
    def cpu_ratio(self) -> float:
        """The median pair in processor time."""
        return statistics.median(theirs.cpu / our.cpu for our, theirs in zip(self.ours, self.rival, strict=True))

    @property
    def upkeep(self) -> float:
        """Share of a ten-minute run that goes into its checkpoints and pictures."""
        return (CHECKPOINTS * self.checkpoint_seconds + PICTURES * self.picture_seconds) / RUN_SECONDS

    def rate(self, blocks: list[Lap]) -> float:
        """Images per second, median over blocks."""
        return self.images / statistics.median(block.wall for block in blocks)

    def document(self) -> dict[str, Any]:
        """The outcome as the JSON file holds it."""
        figures = {
            "images_per_second": self.rate(self.ours),
            "rival_images_per_second": self.rate(self.rival),
            "ratio": self.ratio,
            "ratio_quartiles": self.quartiles,
            "cpu_ratio": self.cpu_ratio,
            "upkeep_share_of_ten_minutes": self.upkeep,
        }
        return {**asdict(self), **figures}


class Turns:
    """A listener that times the trainer's blocks and lets the rival play one after each."""

    def __init__(self, outcome: Outcome, rival: Rival, repeats: int, warm_up: int = 1) -> None:
        self.outcome, self.rival, self.repeats, self.warm_up = outcome, rival, repeats, warm_up
        self.since: Lap | None = None

    def on_start(self, folder: Any, config: Any, dataset: Any, placement: Any) -> None:
        """Nothing is timed before the first line of progress."""

    def on_figures(self, step: int, figures: Any, note: str) -> None:
        """Nothing is measured in a duel."""

    def on_samples(self, step: int, picture: Path) -> None:
        """Only the grid of round 0 is drawn, before anything is timed."""

    def close(self) -> None:
        """Nothing to close."""

    def on_progress(self, progress: Any) -> None:
        ended = Lap.now()
        theirs = self.rival.block(self.outcome.rounds)
        if self.since is not None:
            if self.warm_up:
                self.warm_up -= 1
            else:
                self.outcome.ours.append(ended - self.since)
                self.outcome.rival.append(theirs)
        if len(self.outcome.ours) == self.repeats:
            raise Over
        self.since = Lap.now()


class Over(Exception):
    """All blocks are timed."""


def duel(
    method: str,
    make_rival: Callable[[Any, Any], Rival],
    *,
    repeats: int,
    rounds: int | None,
    seconds: float,
    settings: Mapping[str, Any],
) -> Outcome:
    """Train `method` on 32x32 images against ``make_rival(config, placement)``.

    A block has `rounds` rounds, by default as many as the rival plays in `seconds`.
    """
    from twoplayer.api.train import train
    from twoplayer.cli._console import Console
    from twoplayer.config.layers import resolve_config
    from twoplayer.core.device import place
    from twoplayer.training.events import Events

    images = bumps()
    config = resolve_config(method, images, **settings)
    placement = place(config.device, config.precision, config.memory_format, "images")
    rival = make_rival(config, placement)
    rival.block(2)
    rounds = rounds or max(1, round(seconds / (rival.block(2).wall / 2)))
    steps = config.algorithm.get("critic_steps", 1)
    outcome = Outcome(method, str(placement), config.batch_size, steps, rounds)
    quiet = {"sample_every": NEVER, "checkpoint_every": NEVER, "evaluate_every": 0, "steps": NEVER, "log_every": rounds}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TWOPLAYER_CACHE"] = str(Path(folder, "cache"))
        events = Events()
        listeners = [Console(quiet=True), events, Turns(outcome, rival, repeats)]
        try:
            train(method, images, run=Path(folder, "run"), listeners=listeners, **{**settings, **quiet})
        except Over:
            pass
        finally:
            events.close()
        outcome.checkpoint_seconds, outcome.picture_seconds = _upkeep(Path(folder, "run"))
    return outcome


def _upkeep(run: Path) -> tuple[float, float]:
    """Seconds for one checkpoint and for one grid of 64 samples, medians of five."""
    from twoplayer.api.run import Run
    from twoplayer.runs import checkpoint

    state = checkpoint.load(next((run / "checkpoints").iterdir()))
    saves, grids = [], []
    opened = Run(run)
    for number in range(5):
        began = time.perf_counter()
        checkpoint.save(run / "checkpoints", number + 1, state, 2)
        saves.append(time.perf_counter() - began)
        began = time.perf_counter()
        opened.sample(64).save(run / "grid.png")
        grids.append(time.perf_counter() - began)
    return statistics.median(saves), statistics.median(grids)


def bumps(count: int = 20_480, side: int = 32) -> Any:
    """Grey images ``(count, side, side)``, uint8, of one soft spot each: something that a GAN can learn."""
    import numpy as np

    random = np.random.default_rng(0)
    axis = np.arange(side)
    centres = random.uniform(8, side - 8, (2, count, 1))
    widths = random.uniform(2, 6, (2, count, 1))
    down, across = np.exp(-(((axis - centres) / widths) ** 2))
    return (255 * down[:, :, None] * across[:, None, :]).astype(np.uint8)


def limit_threads(threads: int | None) -> None:
    """Let torch compute on so many threads; must come before anything imports it."""
    if threads is not None:
        if "torch" in sys.modules:
            raise RuntimeError("torch is imported already: call limit_threads first")
        os.environ["OMP_NUM_THREADS"] = str(threads)


def machine() -> dict[str, Any]:
    """What the figures were taken on, and how busy it was."""
    import torch

    from twoplayer import __version__
    from twoplayer.core.hardware import processor

    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_before": round(os.getloadavg()[0], 2),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "twoplayer": __version__,
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def write(path: Path | None, document: Mapping[str, Any]) -> None:
    """The document as a JSON file, if one is wanted."""
    if path is not None:
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
