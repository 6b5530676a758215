"""The root of what can be prepared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["PreparedData", "Recipe", "RecipeInputs"]


@dataclass(frozen=True)
class RecipeInputs:
    """Where a recipe finds what it needs."""

    given: Sequence[Path]
    """Files and folders that the user named; none: wherever it usually is."""
    say: Callable[[str], object]
    """Hears what takes a while."""


@dataclass(frozen=True)
class PreparedData:
    """What a recipe made."""

    side: int
    """Of its pictures, in pixels."""
    counts: dict[str, int]
    """How many pictures, by part: ``train``, ``held_out``."""
    sources: dict[str, str]
    """Versions or hashes of what it was made from."""


class Recipe(ABC):
    """Public data and how to make a folder of them. Options are the constructor's keyword arguments."""

    @property
    @abstractmethod
    def data_name(self) -> str:
        """The name under which ``--data`` finds the folder below the cache."""

    @property
    @abstractmethod
    def options(self) -> dict[str, Any]:
        """The options as plain values: another folder's are other data."""

    @abstractmethod
    def make(self, folder: Path, ingredients: RecipeInputs) -> PreparedData:
        """Fill an empty folder. Raises `UserError` where what it reads is not as it should be."""
