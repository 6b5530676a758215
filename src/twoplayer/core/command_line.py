"""The command line as it was typed."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

__all__ = ["typed_command"]


def typed_command() -> str | None:
    """The command line as it was typed; None where it is not ours that runs."""
    program, *arguments = sys.argv
    ours = Path(program).name == "twoplayer" or Path(program).parts[-2:] == ("twoplayer", "__main__.py")
    return shlex.join(["twoplayer", *arguments]) if ours else None
