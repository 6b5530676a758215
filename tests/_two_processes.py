"""What each process of a ``torchrun`` does: train every case in turn, into the folder that is its argument.

A case that fails says so in its own file, so that the others still count.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

import torch

from _toys import unmeasured
from twoplayer.experiment import train
from twoplayer.parallel import process_count, process_index


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    unmeasured(setattr)
    for name, settings in json.loads((folder / "cases.json").read_text()).items():
        try:
            train(run=folder / name, **settings)
        except Exception:
            (folder / f"{name}.{process_index()}.failed").write_text(traceback.format_exc())
    (folder / f"count.{process_index()}").write_text(str(process_count()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
