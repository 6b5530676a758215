"""The family of data sources: one file each, discovered by name; `load` opens any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from twoplayer.core.registry import Option, lazy_attributes
from twoplayer.data._family import ARRAY, SUBSET_TEXT, create, describe, family, in_memory_words, is_in_memory, names

if TYPE_CHECKING:
    from twoplayer.data._base import Dataset as Dataset
    from twoplayer.data._base import DataSettings as DataSettings
    from twoplayer.data._base import Source as Source

__all__ = [
    "ARRAY",
    "SUBSET_TEXT",
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


def load(source: Any, settings: DataSettings, **options: Any) -> Dataset:
    """Open a data set.

    Args:
        source: one of

            - a known name (``twoplayer list data``);
            - a path: a folder or zip of images, a .npy, .npz or .csv file, IDX files, a saved Hugging Face data set;
            - ``hf:OWNER/NAME`` or ``hf:OWNER/NAME:CONFIG``, a data set on the Hugging Face hub;
            - ``pairs:FOLDER_A,FOLDER_B`` or ``pairs:FOLDER``, images in two versions for translation;
            - an array: uint8 images ``(N, H, W)`` or ``(N, H, W, C)``, float images of the same shapes in [0, 1], or
              in [-1, 1] where any value is negative, or points ``(N, D)``;
            - a pair (array, labels), labels ``(N,)`` whole numbers or strings;
            - a map-style `torch.utils.data.Dataset` (`twoplayer.data.torch_dataset.TorchDataset` says of what), or a
              `datasets.Dataset` or `DatasetDict`.
        settings: resolution, held-out share, seed and cache folder.
        options: the source's own (`options_for`). All sources that are read rather than drawn have `subset`, the
            number of training samples to take at random.

    Returns:
        The samples, in memory or memory-mapped, split into a training and a held-out part.

    Raises:
        UserError: anything else, in one sentence.

    >>> from twoplayer.data import DataSettings
    >>> ring = load("ring", DataSettings(), count=1000)
    >>> ring.kind, ring.shape, len(ring.train), len(ring.held_out)
    ('points', (2,), 1000, 10000)
    """
    from twoplayer.data import _open

    return _open.load(source, settings, **options)


def options_for(source: Any) -> dict[str, Option]:
    """The options that `load` accepts for `source`. Raises `UserError` where `load` would not open `source`.

    >>> list(options_for("lines"))
    ['theta', 'count']
    """
    from twoplayer.data import _open

    return _open.options_for(source)


def options_of(name: str) -> dict[str, Option]:
    """The options of the source called `name`, with those that all sources share that are read.

    Raises `UserError` for an unknown name.
    """
    from twoplayer.data import _open

    return _open.options_of(name)


def short_name(source: Any) -> str:
    """A name for run folders: letters, digits and ``._+-`` only.

    >>> short_name("ring"), short_name("./my photos.zip"), short_name("hf:ylecun/mnist")
    ('ring', 'my-photos', 'mnist')
    """
    from twoplayer.data import _open

    return _open.short_name(source)


def kind_of(source: Any) -> Literal["images", "points"]:
    """Whether `load` would return images or points; the data are read only where name and format do not tell."""
    from twoplayer.data import _open

    return _open.kind_of(source)


def spell(source: Any) -> str:
    """The text under which a config records `source`.

    It opens the same data from any working folder; of an object in memory it is ``array`` or ``object:MODULE:CLASS``.
    """
    from twoplayer.data import _open

    return _open.spell(source)
