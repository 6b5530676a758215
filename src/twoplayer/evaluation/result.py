"""What an evaluation found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twoplayer.metrics import MetricValue

__all__ = ["Evaluation"]


@dataclass(frozen=True)
class Evaluation:
    """Figures with their standard errors, and beside each the same figure for held-out real data."""

    run: str | None
    """The run folder; None where samples were not drawn from a run."""
    step: int | None
    images_seen: int | None
    samples: int
    """How many were measured."""
    source: str
    """What they are."""
    reference: str
    """The real data."""
    figures: tuple[MetricValue, ...]
    notes: tuple[str, ...]

    def __getitem__(self, name: str) -> float:
        """The figure of that name, with or without its sample count."""
        for figure in self.figures:
            if name in (figure.name, figure.name.rsplit("_", 1)[0]):
                return figure.value
        raise KeyError(f"{name}: there are {', '.join(f.name for f in self.figures) or 'no figures'}")

    def document(self) -> dict[str, Any]:
        """The evaluation as plain values, as ``--json`` prints it."""
        return {k: v for k, v in asdict(self).items() if v is not None}

    def __str__(self) -> str:
        from twoplayer.measurement._formatting import table

        of = f"{self.samples:,} samples against {self.reference}"
        head = f"{self.source}: {of}"
        if self.run is not None:
            head = f"{self.run}: round {self.step:,}, {self.images_seen:,} images seen, {of}"
        return "\n".join([head, *(table(self.figures) if self.figures else []), *(f"  {note}" for note in self.notes)])
