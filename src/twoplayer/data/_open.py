"""From a name, path or object to the data source that reads it."""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from typing import Any, Literal

from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.core.ranges import Count
from twoplayer.core.registry import Option
from twoplayer.data._base import Dataset, DataSettings, Source
from twoplayer.data._family import ARRAY, OBJECT, create, describe, family, in_memory_words, is_in_memory, names
from twoplayer.data._images import Images
from twoplayer.data._pair_sides import paths_in
from twoplayer.data._path_source import ScannableSource, format_of, slug
from twoplayer.data._subset import subset

__all__ = ["dataset_member", "kind_of", "load", "options_for", "options_of", "short_name", "source_for", "spell"]

PREFIXES = {"hf:": "hf", "pairs:": "pairs"}
"""Prefixes of texts that are neither names nor paths, and the members that read them."""
PATH_KINDS = (
    "a folder or zip of images, a .npy, .npz or .csv file, IDX files, a saved data set, hf:OWNER/NAME, or "
    "pairs:FOLDER_A,FOLDER_B"
)
SUBSET_OPTION = Option("subset", Count | None, None)
"""Number of training samples to take, an option of all sources that are read rather than drawn."""


def load(source: Any, settings: DataSettings, **options: Any) -> Dataset:
    """The data set that `source` names, as `twoplayer.data.load` documents it."""
    is_read = issubclass(family.find(_member(source)[0]), ScannableSource)
    count = options.pop("subset", None) if is_read else None
    dataset = source_for(source, **options).open(settings)
    return dataset if count is None else subset(dataset, count, settings)


def source_for(source: Any, **options: Any) -> Source:
    """The data source for a name, path or object, as `twoplayer.data.load` takes them."""
    member, arguments = _member(source)
    made: Source = create(member, *arguments, **options)
    return made


def options_for(source: Any) -> dict[str, Option]:
    return options_of(_member(source)[0])


def options_of(member: str) -> dict[str, Option]:
    shared = {SUBSET_OPTION.name: SUBSET_OPTION} if issubclass(family.find(member), ScannableSource) else {}
    return {**family.options(member), **shared}


def short_name(source: Any) -> str:
    text = spell(source)
    if is_in_memory(text):
        return slug(text.rpartition(":")[2])
    prefix, rest = _prefixed(text)
    if prefix == "hf:":
        return slug("-".join(rest.split("/")[-1].split(":")))
    if prefix == "pairs:":
        return slug("-".join(path.resolve().name for path in paths_in(rest)))
    if _is_name(text):
        return text
    path = Path(text).expanduser().resolve()
    return slug(path.name if path.is_dir() else path.name.removesuffix(".gz").split(".")[0] or path.name)


def kind_of(source: Any) -> Literal["images", "points"]:
    made = source_for(source)
    kind: Literal["images", "points"] | None = getattr(made, "kind", None)
    if kind is None and isinstance(made, ScannableSource):
        kind = "images" if isinstance(made.scan(DataSettings()), Images) else "points"
    assert kind is not None
    return kind


def spell(source: Any) -> str:
    if not isinstance(source, str | os.PathLike):
        return (
            ARRAY if _member(source)[0] == ARRAY else f"{OBJECT}{type(source).__module__}:{type(source).__qualname__}"
        )
    text = os.fspath(source)
    if is_in_memory(text):
        return text
    prefix, rest = _prefixed(text)
    if prefix == "pairs:":
        return prefix + ",".join(str(path.resolve()) for path in paths_in(rest))
    return text if prefix or _is_name(text) else str(Path(text).expanduser().resolve())


def _member(source: Any) -> tuple[str, tuple[Any, ...]]:
    """The name of the family's member that reads `source`, and its positional arguments."""
    if not isinstance(source, str | os.PathLike):
        return _member_of_object(source)
    text = os.fspath(source)
    if is_in_memory(text):
        raise UserError(f"the data were {in_memory_words(text)}: pass them again, as data=... in Python")
    prefix, _ = _prefixed(text)
    if prefix:
        return PREFIXES[prefix], (text,)
    if _is_name(text):
        return text, ()
    path = Path(text).expanduser()
    if not text or not path.exists():
        raise UserError(_unknown(text))
    return format_of(path), (path,)


def _member_of_object(value: Any) -> tuple[str, tuple[Any, ...]]:
    """The member that reads an object in memory, and its positional arguments."""
    if isinstance(value, tuple):
        return ARRAY, _pair(value)
    member = dataset_member(value)
    if member is not None:
        return member, (value,)
    if isinstance(value, list) or hasattr(value, "__array__"):
        return ARRAY, (value,)
    raise UserError(
        f"data must be a name, a path, an array, a torch or a Hugging Face dataset, not {type(value).__name__}: "
        f"a path is {PATH_KINDS}"
    )


def dataset_member(value: Any) -> str | None:
    """The member that reads a torch or Hugging Face dataset in memory; None for any other object.

    Raises `UserError` for a streaming data set and for a loader.
    """
    # Such objects are there only where their library has been imported: it need not be imported to recognize them.
    huggingface, torch_data = sys.modules.get("datasets"), sys.modules.get("torch.utils.data")
    if huggingface is not None and isinstance(value, huggingface.Dataset | huggingface.DatasetDict):
        return "hf"
    if huggingface is not None and isinstance(value, huggingface.IterableDataset | huggingface.IterableDatasetDict):
        raise UserError("data cannot be a streaming Hugging Face data set: load it without streaming=True")
    if torch_data is not None and isinstance(value, torch_data.DataLoader):
        raise UserError("data cannot be a DataLoader, as twoplayer makes its own batches: give its dataset")
    return "torch-dataset" if torch_data is not None and isinstance(value, torch_data.Dataset) else None


def _prefixed(text: str) -> tuple[str, str]:
    """The prefix of a text and the rest; the prefix of names and paths is empty."""
    prefix = next((prefix for prefix in PREFIXES if text.startswith(prefix)), "")
    return prefix, text.removeprefix(prefix)


def _pair(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(values) != 2:
        raise UserError(f"a tuple of data must be (array, labels), not {len(values)} items")
    return values


def _is_name(text: str) -> bool:
    return text in names() and not _needs_arguments(text)


def _needs_arguments(name: str) -> bool:
    """Whether a member cannot be opened by its name alone, as a folder of images cannot."""
    parameters = inspect.signature(family.find(name)).parameters.values()
    preset = describe(name).preset
    return any(
        p.default is p.empty and p.name not in preset and p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}
        for p in parameters
    )


def _unknown(text: str) -> str:
    """The message for a text that is neither a known name nor an existing path."""
    if os.sep in text or "/" in text or Path(text).suffix:
        return f"there is no file or folder {text}: data are a known name, {PATH_KINDS}"
    known = [name for name in names() if not _needs_arguments(name)]
    hint = did_you_mean(text, known)
    return f"no data source and no path is called {text!r}: {hint} (data are a known name, {PATH_KINDS})"
