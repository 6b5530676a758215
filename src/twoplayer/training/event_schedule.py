"""When a run ends, and when it logs, draws samples, saves, measures and is judged on the way there."""

from __future__ import annotations

from twoplayer.config.schema import Config

__all__ = ["EventSchedule"]

EVENTS_PER_RUN = {"log": 400, "sample": 24, "checkpoint": 20, "evaluate": 8, "early_stopping": 30}
"""How often each happens over a whole run where the config names no period."""
MORE_OFTEN_EARLY = frozenset({"sample"})
"""What happens more often early, where a picture changes fastest: at quadratically spaced fractions."""
SAVE_AFTER_SECONDS = 120.0
"""A checkpoint is due after so much training at the latest, however long the run."""


class EventSchedule:
    """Ends by steps, images or seconds, or after the `max_steps` that the algorithm takes at most.

    It decides nothing that reaches the weights: periods may change between resumes, and so may the end, where no number
    is a schedule over the run.
    """

    def __init__(self, config: Config, max_steps: int | None = None) -> None:
        self.config, self.max_steps = config, max_steps
        self.every: dict[str, int | None] = {name: getattr(config, f"{name}_every") for name in EVENTS_PER_RUN}
        self.mark = dict.fromkeys(EVENTS_PER_RUN, 0)
        self.last_save = 0.0

    def fraction(self, step: int, images: int, seconds: float) -> float:
        """Share of the run that is done, in [0, 1]."""
        config = self.config
        ends = ((step, config.steps), (step, self.max_steps), (images, config.images), (seconds, config.max_time))
        shares = [done / whole for done, whole in ends if whole is not None]
        return min(1.0, max(shares, default=0.0))

    def finished(self, step: int, images: int, seconds: float) -> bool:
        return self.fraction(step, images, seconds) >= 1.0

    def due(self, what: str, step: int, fraction: float, seconds: float | None = None) -> bool:
        """Whether it is time, after `step` steps and that share of the run."""
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
        self.mark = {name: self._mark(name, fraction) for name in EVENTS_PER_RUN}
        self.last_save = seconds

    def _mark(self, what: str, fraction: float) -> int:
        return int(EVENTS_PER_RUN[what] * (fraction**0.5 if what in MORE_OFTEN_EARLY else fraction))
