"""The family of data: one file each, discovered by name, and `load`, the door to all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from twoplayer.core.registry import Option, lazy_attributes
from twoplayer.data._family import ARRAY, create, describe, family, in_memory_words, is_in_memory, names

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset as Dataset
    from twoplayer.data._base import DataSettings as DataSettings
    from twoplayer.data._base import Source as Source

__all__ = [
    "ARRAY",
    "DataSettings",
    "Dataset",
    "Source",
    "create",
    "describe",
    "family",
    "in_memory_words",
    "is_in_memory",
    "kind_of",
    "load",
    "names",
    "options_for",
    "options_of",
    "short_name",
    "spell",
]

__getattr__ = lazy_attributes(__name__, {"Dataset": "_base", "DataSettings": "_base", "Source": "_base"})


def load(what: Any, settings: DataSettings, **options: Any) -> Dataset:
    """Open a data set.

    `what` is one of

    - a known name (``twoplayer list data``);
    - a path: a folder or zip of images, a .npy, .npz or .csv file, IDX files, a saved Hugging Face data set;
    - ``hf:OWNER/NAME`` or ``hf:OWNER/NAME:CONFIG``, a data set on the Hugging Face hub;
    - ``pairs:FOLDER_A,FOLDER_B`` or ``pairs:FOLDER``, images in two versions for translation;
    - an array: uint8 images ``(N, H, W)`` or ``(N, H, W, C)``, float images of the same shapes in [0, 1], or in
      [-1, 1] when any value is negative, or points ``(N, D)``;
    - a pair (array, labels), labels ``(N,)`` whole numbers or strings.

    `options` are the source's own (`options_for`); all that are read rather than drawn have `subset`, how many of
    their training samples to take. Raises `UserError` for anything else, in one sentence.
    """
    from twoplayer.data import _open

    return _open.load(what, settings, **options)


def options_for(what: Any) -> dict[str, Option]:
    """The options that `load` accepts for `what`. Raises `UserError` where `load` would not know `what`."""
    from twoplayer.data import _open

    return _open.options_for(what)


def options_of(name: str) -> dict[str, Option]:
    """The options of the source called `name`, those that all that are read have in common with them.

    Raises `UserError` for an unknown name.
    """
    from twoplayer.data import _open

    return _open.options_of(name)


def short_name(what: Any) -> str:
    """A name for run folders: letters, digits and ``._+-`` only.

    >>> short_name("ring"), short_name("./my photos.zip"), short_name("hf:ylecun/mnist")
    ('ring', 'my-photos', 'mnist')
    """
    from twoplayer.data import _open

    return _open.short_name(what)


def kind_of(what: Any) -> Literal["images", "points"]:
    """Whether `load` would give images or points, without reading them where the name or format tells."""
    from twoplayer.data import _open

    return _open.kind_of(what)


def spell(what: Any) -> str:
    """`what` as text that opens the same data from any working folder, or ``array`` for data in memory."""
    from twoplayer.data import _open

    return _open.spell(what)
