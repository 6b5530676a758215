"""What the lab leaves in a folder: a page and its figures for every demonstration, and one page that lists them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twoplayer import lab
from twoplayer.core.errors import UserError
from twoplayer.core.files import check_free, read_json, write_atomic, write_json
from twoplayer.core.version import __version__
from twoplayer.lab._page import contents_page, findings_page
from twoplayer.lab._result import DemonstrationResult

__all__ = ["LabFolder"]

KNOWN = {"name", "title", "seed", "held", "verdict", "seconds", "twoplayer"}
"""What the figures of a finished demonstration say at least."""


class LabFolder:
    """Names and formats of what lies there: for each demonstration NAME.html, and NAME.json with its figures.

    The figures come last: with them a demonstration is finished. Two that are finished have an index.html, which is an
    earlier state of the next one. Raises `UserError` where `path` is a file.
    """

    def __init__(self, path: Path) -> None:
        if path.is_file():
            raise UserError(f"{path} is a file: give -o a folder for the pages")
        self.path = path
        self.index = path / "index.html"

    def page(self, name: str) -> Path:
        return self.path / f"{name}.html"

    def figures(self, name: str) -> Path:
        return self.path / f"{name}.json"

    def finished(self) -> list[dict[str, Any]]:
        """The figures of every demonstration that is finished here, as `DemonstrationResult.document` has them."""
        return [found for name in lab.names() if (found := self._read(name)) is not None]

    def done(self, name: str, seed: int) -> dict[str, Any] | None:
        """The figures of that demonstration, if this version finished it here with that seed."""
        found = self._read(name)
        same = found is not None and (found["seed"], found["twoplayer"]) == (seed, __version__)
        return found if same else None

    def claim(self, names: Sequence[str], *, overwrite: bool = False) -> None:
        """Make the folder ready for these demonstrations, before a minute is spent on them.

        Raises `UserError` where they would replace what nobody has said to `overwrite`, and `OSError` where nothing
        can be written.
        """
        there = {found["name"] for found in self.finished()}
        listed = len(there) < 2 <= len(there | set(names))
        pages = [path for name in names for path in (self.page(name), self.figures(name))]
        check_free([*pages, *([self.index] if listed else [])], overwrite=overwrite)
        self.path.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.path):
            pass

    def keep(self, findings: DemonstrationResult) -> dict[str, Any]:
        """Write the demonstration's page and its figures, which are given back, and list it."""
        document = {**findings.document(), "twoplayer": __version__}
        self.figures(findings.name).unlink(missing_ok=True)  # of the page that is replaced
        write_atomic(self.page(findings.name), findings_page(findings))
        write_json(self.figures(findings.name), document)
        self.list_all()
        return document

    def list_all(self) -> None:
        """Write index.html, where there are two to list."""
        finished = self.finished()
        if len(finished) > 1:
            write_atomic(self.index, contents_page(finished))

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            found = read_json(self.figures(name))
        except UserError:  # not there, or damaged
            return None
        whole = isinstance(found, dict) and found.keys() >= KNOWN and self.page(name).is_file()
        return found if whole else None
