"""Generated samples that save and show themselves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.core.files import check_free, write_atomic

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Samples", "check_target"]

NUMBERED = re.compile(r"\d{6,}\.png")
"""Names of the images in a folder of samples."""


class Samples:
    """Samples in the format of the data set.

    Indexing, ``len`` and ``np.asarray`` refer to `array`; a notebook shows the picture.

    Args:
        array: images uint8 ``(N, H, W, C)`` in [0, 255], or points ``(N, D)`` in the user's own units, float32, or
            float64 where float32 cannot represent them.
        reference: real points, which set the axes of a scatter plot.
        columns: images in a row of the image grid.

    >>> samples = Samples(np.zeros((4, 8, 8, 1), np.uint8))
    >>> len(samples), samples.kind, samples[0].shape
    (4, 'images', (8, 8, 1))
    """

    def __init__(self, array: np.ndarray, reference: np.ndarray | None = None, *, columns: int | None = None) -> None:
        self.array, self.reference, self.columns = array, reference, columns

    @property
    def kind(self) -> str:
        return "images" if self.array.ndim == 4 else "points"

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, rows: Any) -> np.ndarray:
        return self.array[rows]  # type: ignore[no-any-return]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.array, dtype=dtype, copy=True if copy else None)

    def __repr__(self) -> str:
        return f"Samples({len(self)} {self.kind}, shape {self.array.shape[1:]})"

    def _repr_png_(self) -> bytes:
        from twoplayer.sampling.image_grid import png_bytes

        return png_bytes(self.picture())

    def picture(self, columns: int | None = None) -> Image:
        """An image grid, or a scatter plot of the points over the real ones."""
        from twoplayer.sampling.image_grid import image_grid, point_cloud

        if self.kind == "images":
            return image_grid(self.array, columns=columns or self.columns)
        reference = None if self.reference is None else self.reference[:2_500]
        return point_cloud(self.array, reference=reference)

    def save(self, path: Path | str, *, overwrite: bool = False) -> Path:
        """Write a picture (.png), the array (.npy, .npz), points (.csv), or, for any other name, a folder of PNGs.

        A file is replaced. A folder must be empty, or, with `overwrite`, hold nothing but samples, which are replaced.
        Raises `UserError` for another folder, and for a form that these samples do not have.
        """
        path = Path(path)
        match path.suffix.lower():
            case ".png":
                from twoplayer.sampling.image_grid import png_bytes

                write_atomic(path, png_bytes(self.picture()))
            case ".npy" | ".npz" as suffix:
                import io

                buffer = io.BytesIO()
                np.save(buffer, self.array) if suffix == ".npy" else np.savez_compressed(buffer, samples=self.array)
                write_atomic(path, buffer.getvalue())
            case ".csv" if self.kind == "points":
                digits = 8 if self.array.dtype == np.float32 else 17
                rows = (",".join(f"{x:.{digits}g}" for x in row) for row in self.array)
                write_atomic(path, "".join(f"{row}\n" for row in rows))
            case "" if self.kind == "images":
                check_target(path, overwrite=overwrite)
                self._save_folder(path)
            case _:
                forms = ".png, .npy, .npz or a folder" if self.kind == "images" else ".png, .npy, .npz or .csv"
                raise UserError(f"cannot write {self.kind} to {path}: give a name that ends in {forms}")
        return path

    def _save_folder(self, folder: Path) -> None:
        from PIL import Image

        from twoplayer.sampling.image_grid import png_bytes

        for number, pixels in enumerate(self.array):
            image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
            write_atomic(folder / f"{number:06d}.png", png_bytes(image))
        for path in folder.iterdir():  # of an earlier, larger set
            if NUMBERED.fullmatch(path.name) and int(path.stem) >= len(self):
                path.unlink()


def check_target(path: Path, *, overwrite: bool = False) -> None:
    """Raise `UserError` where saving samples to `path` would replace files without `overwrite`.

    A folder must hold no other visible files in any case, because all of its images are read as one set.
    """
    if not path.is_dir():
        check_free([path], overwrite=overwrite)
        return
    names = sorted(file.name for file in path.iterdir() if not file.name.startswith("."))
    strange = next((name for name in names if not NUMBERED.fullmatch(name)), None)
    if strange is not None:
        raise UserError(f"{path} holds {strange}, and a folder of samples holds nothing else: give another folder")
    if names and not overwrite:
        raise UserError(
            f"{path} holds {len(names):,} samples already: give another folder, or `overwrite=True`, which replaces "
            "them all"
        )
