"""TensorBoard events of a run, in ``FOLDER/tensorboard``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["Events"]


class Events:
    """Listens to a run and writes its curves, figures and sample grids; imports TensorBoard at the first line."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._writer: Any = None

    def on_start(self, folder: Any, config: Any, dataset: Any, device_config: Any) -> None:
        self._folder = folder.path / "tensorboard"

    def on_progress(self, progress: Any) -> None:
        writer = self._open(progress.step)
        line = progress.line()
        for name, value in line.items():
            if name != "step":
                writer.add_scalar(f"progress/{name}", value, progress.step)

    def on_note(self, text: str) -> None:
        """What is being prepared is no event of the run."""

    def on_figures(self, step: int, figures: Sequence[Any], note: str) -> None:
        for figure in figures:
            self._open(step).add_scalar(f"metrics/{figure.name}", figure.value, step)

    def on_samples(self, step: int, picture: Path) -> None:
        if self._writer is None:  # the picture of round 0 is no reason to import anything
            return
        import numpy as np
        from PIL import Image

        with Image.open(picture) as image:
            pixels = np.asarray(image.convert("RGB"))
        self._writer.add_image("samples", pixels, step, dataformats="HWC")

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _open(self, step: int) -> Any:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            # After a resume the events that a killed process wrote beyond its checkpoint are hidden.
            self._writer = SummaryWriter(self._folder, purge_step=step)  # type: ignore[no-untyped-call]
        return self._writer
