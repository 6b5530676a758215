"""Pages as PDF, printed by the browser that is there: what a page looks like on paper is the page's own business."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from twoplayer.core.errors import UserError

__all__ = ["browser", "pdf"]

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "brave-browser",
)
SECONDS = 120


def browser() -> str | None:
    """The browser that prints: $TWOPLAYER_BROWSER, else the first of Chromium's kin on the path, or None."""
    named = os.environ.get("TWOPLAYER_BROWSER")
    return next((found for name in ((named,) if named else BROWSERS) if (found := shutil.which(name))), None)


def pdf(page: str) -> bytes:
    """A self-contained HTML page as a PDF file. Raises `UserError` where no browser can print it."""
    program = browser()
    if program is None:
        raise UserError(
            "printing a PDF takes Chromium, Chrome or Edge, and none is on the path: install one, name it in "
            "TWOPLAYER_BROWSER, or print the HTML page from any browser"
        )
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "page.html"), Path(folder, "page.pdf")
        source.write_text(page, encoding="utf-8")
        command = [
            program, "--headless", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={folder}/profile",
            *(["--no-sandbox"] if _is_root() else []), f"--print-to-pdf={target}", source.as_uri(),
        ]  # fmt: skip
        try:
            subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
            return target.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            raise UserError(
                f"{program} could not print the page ({type(error).__name__}): print the HTML page from a browser"
            ) from error


def _is_root() -> bool:
    """Chromium's sandbox refuses the root user, which is whom containers run as."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
