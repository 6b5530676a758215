"""From whatever the user named to the source that reads it."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np

from twoplayer.data import ARRAY, create, describe, family, names
from twoplayer.data._base import Settings, Source
from twoplayer.data._images import Images
from twoplayer.data._located import Read, format_of, slug
from twoplayer.errors import UserError, did_you_mean
from twoplayer.registry import Option

__all__ = ["kind_of", "options_for", "short_name", "source", "spell"]

PREFIX = "hf:"
KINDS = "a folder or zip of images, a .npy, .npz or .csv file, IDX files, a saved data set, or hf:OWNER/NAME"


def source(what: Any, **options: Any) -> Source:
    """The source for `what`, as `load` documents it."""
    member, arguments = _member(what)
    made: Source = create(member, *arguments, **options)
    return made


def options_for(what: Any) -> dict[str, Option]:
    return family.options(_member(what)[0])


def short_name(what: Any) -> str:
    if not isinstance(what, str | os.PathLike):
        return ARRAY
    text = os.fspath(what)
    if text.startswith(PREFIX):
        return slug("-".join(text.removeprefix(PREFIX).split("/")[-1].split(":")))
    if _is_name(text):
        return text
    path = Path(text).expanduser().resolve()
    return slug(path.name if path.is_dir() else path.name.removesuffix(".gz").split(".")[0] or path.name)


def kind_of(what: Any) -> Literal["images", "points"]:
    made = source(what)
    kind: Literal["images", "points"] | None = getattr(made, "kind", None)
    if kind is None and isinstance(made, Read):
        kind = "images" if isinstance(made.scan(Settings()), Images) else "points"
    assert kind is not None
    return kind


def spell(what: Any) -> str:
    if not isinstance(what, str | os.PathLike):
        return ARRAY
    text = os.fspath(what)
    return text if text.startswith(PREFIX) or _is_name(text) else str(Path(text).expanduser().resolve())


def _member(what: Any) -> tuple[str, tuple[Any, ...]]:
    """The member of the family that reads `what`, and the positional arguments that it takes."""
    if isinstance(what, tuple):
        return ARRAY, _pair(what)
    if isinstance(what, list) or hasattr(what, "__array__") or isinstance(what, np.ndarray):
        return ARRAY, (what,)
    if not isinstance(what, str | os.PathLike):
        raise UserError(f"data must be a name, a path or an array, not {type(what).__name__}: {KINDS}")
    text = os.fspath(what)
    if text.startswith(PREFIX):
        return "hf", (text,)
    if _is_name(text):
        return text, ()
    path = Path(text).expanduser()
    if not text or not path.exists():
        raise UserError(_unknown(text))
    return format_of(path), (path,)


def _pair(what: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(what) != 2:
        raise UserError(f"data given as a tuple must be (array, labels), not {len(what)} things")
    return what


def _is_name(text: str) -> bool:
    return text in names() and not _needs_more(text)


def _needs_more(name: str) -> bool:
    """Whether a member cannot be opened by its name alone, as a folder of images cannot."""
    parameters = inspect.signature(family.find(name)).parameters.values()
    given = describe(name).preset
    return any(
        p.default is p.empty and p.name not in given and p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}
        for p in parameters
    )


def _unknown(text: str) -> str:
    if os.sep in text or "/" in text or Path(text).suffix:
        return f"there is no file or folder {text}: data are a known name, {KINDS}"
    known = [name for name in names() if not _needs_more(name)]
    return (
        f"no data source and no path is called {text!r}: {did_you_mean(text, known)} (data are a known name, {KINDS})"
    )
