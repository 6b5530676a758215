"""Pages as PDF, printed by an installed browser; the layout on paper is defined by the page's style sheet."""

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
TIMEOUT_SECONDS = 120


def browser() -> str | None:
    """The path of the browser: $TWOPLAYER_BROWSER, else the first of `BROWSERS` on the path; None without any."""
    name = os.environ.get("TWOPLAYER_BROWSER")
    return next((path for name in ((name,) if name else BROWSERS) if (path := shutil.which(name))), None)


def pdf(page: str) -> bytes:
    """Print a self-contained HTML page.

    Args:
        page: the HTML source.

    Returns:
        The content of the PDF file.

    Raises:
        UserError: if there is no browser, or it cannot print the page.
    """
    program = browser()
    if program is None:
        raise UserError(
            "a PDF needs Chromium, Chrome or Edge, and none is on the path: install one, set TWOPLAYER_BROWSER to its "
            "path, or print the HTML page from any browser"
        )
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "page.html"), Path(folder, "page.pdf")
        source.write_text(page, encoding="utf-8")
        command = [
            program, "--headless", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={folder}/profile",
            *(["--no-sandbox"] if _is_root() else []), f"--print-to-pdf={target}", source.as_uri(),
        ]  # fmt: skip
        try:
            subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS, check=True)
            return target.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            raise UserError(
                f"{program} could not print the page ({type(error).__name__}): print the HTML page from a browser"
            ) from error


def _is_root() -> bool:
    """Whether the user is root, for whom Chromium's sandbox does not work, as in containers."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
