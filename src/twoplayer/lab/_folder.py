"""The lab's folder: a page and a document for every demonstration, and one page that lists them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twoplayer import lab
from twoplayer.core.errors import UserError
from twoplayer.core.files import check_free, read_json, write_atomic, write_json
from twoplayer.core.version import __version__
from twoplayer.lab._page import contents_page, result_page
from twoplayer.lab._result import DemonstrationResult

__all__ = ["LabFolder"]

REQUIRED_FIELDS = {"name", "title", "seed", "held", "verdict", "seconds", "twoplayer"}
"""The fields that the document of a finished demonstration has."""


class LabFolder:
    """The files of a folder of demonstrations: NAME.html and NAME.json, the document, for each of them.

    The document is written last, so a demonstration that has one is finished. With two finished demonstrations there is
    an index.html, which is rewritten when another one finishes.

    Args:
        path: The folder, which need not exist.

    Raises:
        UserError: If `path` is a file.
    """

    def __init__(self, path: Path) -> None:
        if path.is_file():
            raise UserError(f"{path} is a file: give -o a folder for the pages")
        self.path = path
        self.index = path / "index.html"

    def page_path(self, name: str) -> Path:
        return self.path / f"{name}.html"

    def document_path(self, name: str) -> Path:
        return self.path / f"{name}.json"

    def finished(self) -> list[dict[str, Any]]:
        """The document of every finished demonstration, as `DemonstrationResult.document` returns it."""
        return [document for name in lab.names() if (document := self._read(name)) is not None]

    def finished_document(self, name: str, seed: int) -> dict[str, Any] | None:
        """The document of a demonstration, if this version of twoplayer finished it with that seed, else None."""
        document = self._read(name)
        current = document is not None and (document["seed"], document["twoplayer"]) == (seed, __version__)
        return document if current else None

    def prepare(self, names: Sequence[str], *, overwrite: bool = False) -> None:
        """Create the folder and check that the files of these demonstrations can be written, before any is computed.

        Args:
            names: The demonstrations to be performed.
            overwrite: Whether files of theirs may be replaced.

        Raises:
            UserError: If a file would be replaced without `overwrite`.
            OSError: If the folder is not writable.
        """
        finished = {document["name"] for document in self.finished()}
        writes_index = len(finished) < 2 <= len(finished | set(names))
        paths = [path for name in names for path in (self.page_path(name), self.document_path(name))]
        check_free([*paths, *([self.index] if writes_index else [])], overwrite=overwrite)
        self.path.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.path):
            pass

    def save(self, result: DemonstrationResult) -> dict[str, Any]:
        """Write the page and the document of a demonstration, update the index, and return the document."""
        document = {**result.document(), "twoplayer": __version__}
        self.document_path(result.name).unlink(missing_ok=True)  # it belongs to the page that is replaced
        write_atomic(self.page_path(result.name), result_page(result))
        write_json(self.document_path(result.name), document)
        self.write_index()
        return document

    def write_index(self) -> None:
        """Write index.html if at least two demonstrations are finished."""
        finished = self.finished()
        if len(finished) > 1:
            write_atomic(self.index, contents_page(finished))

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            document = read_json(self.document_path(name))
        except UserError:  # missing or damaged
            return None
        valid = isinstance(document, dict) and document.keys() >= REQUIRED_FIELDS and self.page_path(name).is_file()
        return document if valid else None
