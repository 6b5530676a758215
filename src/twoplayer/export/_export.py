"""From a run to a file: what may be written where, and a last look at what the program makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoplayer.core.errors import UserError
from twoplayer.core.files import check_free, write_atomic

if TYPE_CHECKING:
    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["FORMATS", "ExportedFile", "export"]

FORMATS = {"pt2": "torch.export", "onnx": "ONNX"}
"""What a file's name ends in, and what it then holds."""


@dataclass(frozen=True)
class ExportedFile:
    """A file with a generator in it, and what it says of itself."""

    path: Path
    format: str
    about: dict[str, Any]
    """What its input means and how outputs become pixels or points; the file holds the same."""

    def __str__(self) -> str:
        from twoplayer.export._about import how_to_open

        return f"{self.path}\n{how_to_open(self.path, self.format, self.about)}"


def export(
    run: TrainedRun,
    path: Path | str | None = None,
    *,
    format: str | None = None,
    refine: int | None = None,
    overwrite: bool = False,
) -> ExportedFile:
    """Write the run's averaged generator as one program: inputs ``(N, …)`` in, samples ``(N, …)`` out, for any N.

    The program computes in float32 on the CPU (or wherever whoever opens it moves it), needs no line of this library,
    and gives what `TrainedRun.sample` does before images become whole numbers: images in [−1, 1], points in the data's
    own units. Functional gradient steps are part of it, the first `refine` of them or all.

    `path` is by default ``generator.pt2``, or ``.onnx``; `format` is read off its name. Raises `UserError` for another
    name or format, for a file that is there already unless `overwrite`, and where ONNX's packages are missing.
    """
    from twoplayer.export._about import about
    from twoplayer.export._program import program, written

    target, format = _target(path, format, overwrite)
    made = program(run, refine)
    told = about(run, made)
    write_atomic(target, written(made, format, told))
    return ExportedFile(target, format, told)


def _target(path: Path | str | None, format: str | None, overwrite: bool) -> tuple[Path, str]:
    """Where to, and as what."""
    known = " or ".join(f".{ending}" for ending in FORMATS)
    if format is not None and format not in FORMATS:
        raise UserError(f"no format is called {format!r}: write {' or '.join(FORMATS)}")
    target = Path(f"generator.{format or 'pt2'}" if path is None else path)
    ending = target.suffix.lower().removeprefix(".")
    if ending not in FORMATS or format not in (None, ending):
        wanted = known if format is None else f".{format}"
        raise UserError(f"cannot export to {target}: give a name that ends in {wanted}")
    check_free([target], overwrite=overwrite)
    return target, ending
