"""When a run ends, and when it logs, draws, saves, measures and is judged on the way there."""

from __future__ import annotations

from twoplayer.config.schema import Config

__all__ = ["Schedule"]

TIMES = {"log": 400, "sample": 24, "checkpoint": 20, "evaluate": 8, "early_stopping": 30}
"""How often each happens over a whole run where the config names no period."""
BENT = frozenset({"sample"})
"""What happens more often early, where a picture changes fastest: at quadratically spaced fractions."""
SAVE_AFTER_SECONDS = 120.0
"""A checkpoint is due after so much training at the latest, however long the run."""


class Schedule:
    """Ends by rounds, images or seconds, or after the `rounds` that the algorithm takes at most.

    Only `pace` reaches the weights: periods may change between resumes, and the end, where no step size falls to it.
    """

    def __init__(self, config: Config, rounds: int | None = None) -> None:
        self.config, self.rounds = config, rounds
        self.every: dict[str, int | None] = {name: getattr(config, f"{name}_every") for name in TIMES}
        self.mark = dict.fromkeys(TIMES, 0)
        self.last_save = 0.0

    def fraction(self, step: int, images: int, seconds: float) -> float:
        """Share of the run that is done, in [0, 1]."""
        config = self.config
        ends = ((step, config.steps), (step, self.rounds), (images, config.images), (seconds, config.max_time))
        shares = [done / whole for done, whole in ends if whole is not None]
        return min(1.0, max(shares, default=0.0))

    def pace(self, fraction: float) -> float:
        """The share of the learning rate that holds after that share of the run: 1, then linearly down to 0 at its end.

        Zhu et al. 2017, section 4, with `lr_decay_start` one half.
        """
        start = self.config.optimizer.lr_decay_start
        return 1.0 if fraction <= start else (1 - fraction) / (1 - start)

    def finished(self, step: int, images: int, seconds: float) -> bool:
        return self.fraction(step, images, seconds) >= 1.0

    def due(self, what: str, step: int, fraction: float, seconds: float | None = None) -> bool:
        """Whether it is time, after `step` rounds and that share of the run."""
        every = self.every[what]
        if every is not None:
            return every > 0 and step % every == 0
        late = seconds is not None and seconds - self.last_save >= SAVE_AFTER_SECONDS
        mark = self._mark(what, fraction)
        if mark > self.mark[what] or late:
            self.mark[what] = mark
            return True
        return False

    def saved(self, seconds: float) -> None:
        """A checkpoint was written at that training time."""
        self.last_save = seconds

    def start_at(self, fraction: float, seconds: float) -> None:
        """Go on from a checkpoint: what was due before is done."""
        self.mark = {name: self._mark(name, fraction) for name in TIMES}
        self.last_save = seconds

    def _mark(self, what: str, fraction: float) -> int:
        return int(TIMES[what] * (fraction**0.5 if what in BENT else fraction))
