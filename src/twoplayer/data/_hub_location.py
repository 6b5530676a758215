"""Public data sets by name: on this machine first, then from the Hugging Face hub."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from twoplayer.core.cache import cache_root
from twoplayer.core.errors import UserError
from twoplayer.data._base import DataSettings
from twoplayer.data._hub import Offline, download_splits
from twoplayer.data._images import Images
from twoplayer.data._path_source import at_path
from twoplayer.data._table import Columns, describe_table

__all__ = ["HubLocation", "data_folders", "find_local", "load_from_hub", "locate_images"]

ENDINGS = ("", ".zip", ".npz", ".npy")


@dataclass(frozen=True)
class HubLocation:
    """Where on the hub a data set is."""

    repository: str
    config: str | None = None
    columns: Columns = field(default_factory=Columns)


def locate_images(
    name: str,
    settings: DataSettings,
    *,
    side: int | None,
    hub: HubLocation | None,
    elsewhere: Sequence[Path] = (),
    advice: str = "put its images there as a folder or a zip file",
) -> Images:
    """The data set `name`, of images of `side` pixels (None: as they are) unless the settings say otherwise.

    Looked for in ``data/NAME`` below the working folder, $TWOPLAYER_DATA and the cache folder (a folder of
    images, IDX files or a saved data set, or NAME.zip, .npz or .npy), then in the folders `elsewhere`, then
    on the hub.
    """
    return find_local(name, settings, side, elsewhere) or load_from_hub(name, settings, side, hub, advice)


def data_folders(settings: DataSettings) -> list[Path]:
    """The folders that hold data sets by name."""
    named = os.environ.get("TWOPLAYER_DATA")
    return [Path("data"), *([Path(named).expanduser()] if named else []), cache_root(settings.cache) / "data"]


def find_local(name: str, settings: DataSettings, side: int | None, elsewhere: Sequence[Path] = ()) -> Images | None:
    """The data set as this machine has it, or None."""
    places = [base / f"{name}{ending}" for base in data_folders(settings) for ending in ENDINGS]
    path = next((place for place in (*places, *elsewhere) if place.exists()), None)
    if path is None:
        return None
    images = at_path(path).scan(settings)
    if not isinstance(images, Images):
        raise UserError(f"{path} holds points where the images of {name} should be: move it away")
    return replace(images, name=name, default_side=side or images.default_side)


def load_from_hub(name: str, settings: DataSettings, side: int | None, hub: HubLocation | None, advice: str) -> Images:
    """The data set as the hub has it. Raises `UserError` that says what else to do."""
    places = " or ".join(str(base / name) for base in data_folders(settings))
    if hub is None:
        raise UserError(f"{name} is not in {places}, and the Hugging Face hub has no copy: {advice}")
    try:
        splits = download_splits(hub.repository, hub.config)
    except Offline:
        raise UserError(
            f"{name} is not in {places}, and the Hugging Face hub cannot be reached: connect, or {advice}"
        ) from None
    images = describe_table(splits, hub.columns, name)
    if not isinstance(images, Images):
        raise UserError(f"{hub.repository} on the hub no longer holds images: {advice}")
    return replace(images, default_side=side or images.default_side)
