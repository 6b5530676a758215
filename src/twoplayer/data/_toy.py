"""The root of the toys: points drawn from a density that is known exactly."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

from twoplayer.data._base import Dataset, DataSettings, Source, ToyDensity
from twoplayer.data._identity import digest
from twoplayer.data._split import check_enough

__all__ = ["Toy"]

HELD_OUT_POINTS = 10_000


class Toy(Source):
    """`count` training points and 10,000 held-out ones, float32 ``(N, 2)``, in the paper's units.

    A subclass keeps its options, and nothing else, as attributes: they make the data set's key.
    """

    kind: ClassVar[Literal["points"]] = "points"
    name: ClassVar[str]
    count: int

    @abstractmethod
    def density(self) -> ToyDensity:
        """The distribution that the points come from."""

    def open(self, settings: DataSettings) -> Dataset:
        from twoplayer.core.rng import numpy_generator

        check_enough(self.name, self.count, "points", settings)
        density = self.density()
        return Dataset(
            name=self.name,
            kind="points",
            train=density.sample(self.count, numpy_generator(settings.seed, f"{self.name}/train")),
            held_out=density.sample(HELD_OUT_POINTS, numpy_generator(settings.seed, f"{self.name}/held-out")),
            density=density,
            key=digest(self.name, sorted(vars(self).items()), settings.seed),
        )
