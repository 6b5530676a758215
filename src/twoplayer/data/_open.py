"""From whatever the user named to the source that reads it."""

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
"""What a text starts with that is neither a name nor a path, and the member that reads it."""
PATH_KINDS = (
    "a folder or zip of images, a .npy, .npz or .csv file, IDX files, a saved data set, hf:OWNER/NAME, or "
    "pairs:FOLDER_A,FOLDER_B"
)
SUBSET_OPTION = Option("subset", Count | None, None)
"""How many training samples to take, of all that are read rather than drawn."""


def load(what: Any, settings: DataSettings, **options: Any) -> Dataset:
    """The data set for `what`, as `twoplayer.data.load` documents it."""
    read = issubclass(family.find(_member(what)[0]), ScannableSource)
    count = options.pop("subset", None) if read else None
    opened = source_for(what, **options).open(settings)
    return opened if count is None else subset(opened, count, settings)


def source_for(what: Any, **options: Any) -> Source:
    """The source for `what`, as `load` documents it."""
    member, arguments = _member(what)
    made: Source = create(member, *arguments, **options)
    return made


def options_for(what: Any) -> dict[str, Option]:
    return options_of(_member(what)[0])


def options_of(member: str) -> dict[str, Option]:
    shared = {SUBSET_OPTION.name: SUBSET_OPTION} if issubclass(family.find(member), ScannableSource) else {}
    return {**family.options(member), **shared}


def short_name(what: Any) -> str:
    text = spell(what)
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


def kind_of(what: Any) -> Literal["images", "points"]:
    made = source_for(what)
    kind: Literal["images", "points"] | None = getattr(made, "kind", None)
    if kind is None and isinstance(made, ScannableSource):
        kind = "images" if isinstance(made.scan(DataSettings()), Images) else "points"
    assert kind is not None
    return kind


def spell(what: Any) -> str:
    if not isinstance(what, str | os.PathLike):
        return ARRAY if _member(what)[0] == ARRAY else f"{OBJECT}{type(what).__module__}:{type(what).__qualname__}"
    text = os.fspath(what)
    if is_in_memory(text):
        return text
    prefix, rest = _prefixed(text)
    if prefix == "pairs:":
        return prefix + ",".join(str(path.resolve()) for path in paths_in(rest))
    return text if prefix or _is_name(text) else str(Path(text).expanduser().resolve())


def _member(what: Any) -> tuple[str, tuple[Any, ...]]:
    """The member of the family that reads `what`, and the positional arguments that it takes."""
    if not isinstance(what, str | os.PathLike):
        return _member_of_object(what)
    text = os.fspath(what)
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
    """The prefix and what stands after it; no prefix for names and paths."""
    prefix = next((prefix for prefix in PREFIXES if text.startswith(prefix)), "")
    return prefix, text.removeprefix(prefix)


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
        return f"there is no file or folder {text}: data are a known name, {PATH_KINDS}"
    known = [name for name in names() if not _needs_more(name)]
    hint = did_you_mean(text, known)
    return f"no data source and no path is called {text!r}: {hint} (data are a known name, {PATH_KINDS})"
