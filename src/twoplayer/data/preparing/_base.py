"""The root of the recipes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["PreparedData", "Recipe", "RecipeInputs"]


@dataclass(frozen=True)
class RecipeInputs:
    """What a recipe reads, and where it reports progress."""

    packages: Sequence[Path]
    """Packages, or folders that hold them; where empty, the recipe looks in its usual places."""
    progress: Callable[[str], object]
    """Called with a line of text before each step that takes long."""


@dataclass(frozen=True)
class PreparedData:
    """What a recipe made."""

    side: int
    """Side of the images in pixels."""
    counts: dict[str, int]
    """Number of images by part: ``train``, ``held_out``."""
    sources: dict[str, str]
    """Versions of the packages that the images were made from."""


class Recipe(ABC):
    """How to make a folder of images from public data. Options are the constructor's keyword arguments."""

    @property
    @abstractmethod
    def data_name(self) -> str:
        """The name under which ``--data`` finds the folder below the cache."""

    @property
    @abstractmethod
    def options(self) -> dict[str, Any]:
        """The options as plain values; a folder made with other options is not reused."""

    @abstractmethod
    def make(self, folder: Path, inputs: RecipeInputs) -> PreparedData:
        """Write the images into an empty folder. Raises `UserError` for packages that are missing or damaged."""
