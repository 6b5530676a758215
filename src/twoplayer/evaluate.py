"""Measure a run: its samples against the data it was trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from twoplayer.errors import UserError

if TYPE_CHECKING:
    from twoplayer.metrics import Figure
    from twoplayer.run import Run

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True)
class Evaluation:
    """The figures of a run, each with its ceiling: the same figure for held-out real data."""

    run: str
    step: int
    images_seen: int
    samples: int
    figures: tuple[Figure, ...]
    note: str

    def __getitem__(self, name: str) -> float:
        """The figure of that name, with or without its sample count."""
        for figure in self.figures:
            if name in (figure.name, figure.name.rsplit("_", 1)[0]):
                return figure.value
        raise KeyError(f"{name}: this run has {', '.join(f.name for f in self.figures) or 'no figures'}")

    def document(self) -> dict[str, Any]:
        """The evaluation as plain values, as ``--json`` prints it."""
        return asdict(self)

    def __str__(self) -> str:
        width = max((len(f.name) for f in self.figures), default=0)
        lines = [f"{self.run}: round {self.step:,}, {self.images_seen:,} images seen, {self.samples:,} samples"]
        for f in self.figures:
            arrow = "higher" if f.higher_is_better else "lower"
            real = "" if f.real is None else f"   real {f.real:.4g}"
            lines.append(f"  {f.name:<{width}}  {f.value:>9.4g}{real}   ({arrow} is better)")
        return "\n".join([*lines, f"  {self.note}"])


def evaluate(
    run: Run,
    *,
    n: int | None = None,
    seed: int | None = None,
    refine: int | None = None,
    say: Callable[[str], None] | None = None,
) -> Evaluation:
    """Draw `n` samples (the published protocol's count by default) and measure all that applies.

    `refine` is how many of its functional gradient steps a generator that has them applies, all by default.

    Raises `UserError` where the data that the run was trained on are gone or have changed.
    """
    from twoplayer.metrics import measure, sample_count
    from twoplayer.opening import reopen

    dataset = reopen(run.folder)
    count = min(run.config.evaluate_count, sample_count(dataset.kind)) if n is None else n
    if count < 2:
        raise UserError(f"cannot measure {count} samples: ask for at least 2")
    samples = run.draw(count, run.config.seed if seed is None else seed, "evaluation", refine)
    measured = measure(samples, dataset, device=run.placement.device, say=say)
    return Evaluation(str(run.path), run.step, run.images_seen, count, tuple(measured.figures), measured.note)
