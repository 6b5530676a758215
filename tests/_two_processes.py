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
from twoplayer.api.train import train
from twoplayer.core.distributed import process_count, process_index
from twoplayer.training.trainer import Trainer


def keep_ends(folder: Path) -> None:
    """Have every process write where it ended: its step, the step of its best checkpoint, its weights."""
    finish = Trainer._finish

    def finished(self: Trainer) -> None:
        finish(self)
        best = self.stopping.best_judgement
        end = {"step": self.step, "best": best and best.step, "problem": self.problem.state_dict()}
        torch.save(end, folder / f"{self.folder.path.name}.{process_index()}.end")

    Trainer._finish = finished  # type: ignore[method-assign]


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    unmeasured(setattr)
    keep_ends(folder)
    for name, settings in json.loads((folder / "cases.json").read_text()).items():
        try:
            train(run=folder / name, **settings)
        except Exception:
            (folder / f"{name}.{process_index()}.failed").write_text(traceback.format_exc())
    (folder / f"count.{process_index()}").write_text(str(process_count()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
