"""Makes the pictures of gallery.md again: runs the commands of that page and keeps the pictures that they write.

python docs/gallery.py            # all
python docs/gallery.py ring       # those whose commands contain the word
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PAGE = Path(__file__).with_name("gallery.md")
PICTURES = Path(__file__).with_name("gallery")


def command_blocks(page: str) -> list[list[str]]:
    """The commands of each ``sh`` block of a page, in order."""
    return [block.strip().splitlines() for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)]


def make_pictures(commands: list[str], folder: Path) -> list[Path]:
    """Run commands in a folder, and copy the PNG files that they write there to ``docs/gallery``."""
    for command in commands:
        print(command, flush=True)
        program, *arguments = shlex.split(command)
        assert program == "twoplayer"
        subprocess.run([sys.executable, "-m", "twoplayer", *arguments], cwd=folder, check=True)
    PICTURES.mkdir(exist_ok=True)
    return [Path(shutil.copy(path, PICTURES)) for path in sorted(folder.glob("*.png"))]


def main(word: str = "") -> None:
    """Make the pictures of all blocks with a command that contains `word`."""
    for commands in command_blocks(PAGE.read_text(encoding="utf-8")):
        if any(word in command for command in commands):
            with tempfile.TemporaryDirectory() as folder:
                print(*make_pictures(commands, Path(folder)), sep="\n", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
