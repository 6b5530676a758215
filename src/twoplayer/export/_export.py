"""Export of a run's generator to a file."""

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
"""What a file holds, by the suffix of its name."""


@dataclass(frozen=True)
class ExportedFile:
    """A file with a generator."""

    path: Path
    format: str
    metadata: dict[str, Any]
    """The meaning of the input, and how outputs become pixels or points; stored in the file too."""

    def __str__(self) -> str:
        from twoplayer.export._metadata import how_to_open

        return f"{self.path}\n{how_to_open(self.path, self.format, self.metadata)}"


def export(
    run: TrainedRun,
    path: Path | str | None = None,
    *,
    format: str | None = None,
    refine: int | None = None,
    overwrite: bool = False,
) -> ExportedFile:
    """Write the run's EMA generator as one program: inputs ``(N, …)`` to samples ``(N, …)``, for any N.

    The program computes in float32 on the CPU (or the device to which its user moves it), does not need this library,
    and gives the samples of `TrainedRun.sample` before images are rounded: images in [−1, 1], points in the data's own
    units.

    Args:
        run: the run.
        path: the file; by default ``generator.pt2`` or ``generator.onnx``.
        format: ``"pt2"`` (torch.export) or ``"onnx"``; by default that of the suffix of `path`.
        refine: functional gradient steps in the program; by default all that the generator has.
        overwrite: whether an existing file is replaced.

    Raises:
        UserError: for another suffix or format, an existing file, and if the packages for ONNX are missing.
    """
    from twoplayer.export._metadata import metadata
    from twoplayer.export._program import file_content, generator_program

    target, format = _target(path, format, overwrite)
    program = generator_program(run, refine)
    document = metadata(run, program)
    write_atomic(target, file_content(program, format, document))
    return ExportedFile(target, format, document)


def _target(path: Path | str | None, format: str | None, overwrite: bool) -> tuple[Path, str]:
    """The file to write, and its format."""
    if format is not None and format not in FORMATS:
        raise UserError(f"no format is called {format!r}: write {' or '.join(FORMATS)}")
    target = Path(f"generator.{format or 'pt2'}" if path is None else path)
    suffix = target.suffix.lower().removeprefix(".")
    if suffix not in FORMATS or format not in (None, suffix):
        expected = " or ".join(f".{name}" for name in FORMATS) if format is None else f".{format}"
        raise UserError(f"cannot export to {target}: give a name that ends in {expected}")
    check_free([target], overwrite=overwrite)
    return target, suffix
