"""The command line of this process."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

__all__ = ["typed_command"]


def typed_command() -> str | None:
    """The command line of this process without ``--json``, which changes only the output; None in other programs."""
    program, *arguments = sys.argv
    ours = Path(program).name == "twoplayer" or Path(program).parts[-2:] == ("twoplayer", "__main__.py")
    return shlex.join(["twoplayer", *(word for word in arguments if word != "--json")]) if ours else None
