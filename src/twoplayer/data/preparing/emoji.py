"""Emoji by Google and Twitter from two npm packages, with captions, labels and attributes; or paired by vendor.

Source: ``emoji-datasource-google`` (Noto Emoji, Apache License 2.0) and ``emoji-datasource-twitter`` (Twemoji, CC BY
4.0), after github.com/iamcal/emoji-data.
"""

from __future__ import annotations

import hashlib
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.core.files import json_text
from twoplayer.data import _pixels
from twoplayer.data._types import Array
from twoplayer.data.preparing._base import PreparedData, Recipe, RecipeInputs
from twoplayer.data.preparing._emoji_table import EmojiEntry as Entry
from twoplayer.data.preparing._emoji_table import groups, read_table
from twoplayer.data.preparing._package import Package, load_package
from twoplayer.data.preparing._split import is_held_out

__all__ = ["EmojiRecipe"]

Vendor = Literal["google", "twitter"]
VENDORS: tuple[Vendor, ...] = get_args(Vendor)
SOURCE_SIDE = 64
"""Of the packages' pictures, in pixels."""
MIN_EMOJI = 1000
"""Pictures below which a package is not whole."""
Pictures = dict[str, Array]
"""By the emoji's code points, uint8 ``(64, 64, 3)``, on white."""


class EmojiRecipe(Recipe):
    """Pictures of `size` pixels on white, by one `vendor` or both, and ``table.jsonl`` with what is known of them.

    The label is the category; skin, hair, gender and vendor are attributes; name and keywords are captions. With
    `pairs`, two vendors, there are folders A and B instead, of the emoji that both have drawn. A tenth is held out by
    emoji, for good: all skin tones of an emoji, all that look the same and both vendors are on the same side. What
    looks the same is seen in the vendors that are prepared: with one of them a few emoji may be on the other side.
    """

    def __init__(
        self,
        *,
        size: Literal[32, 64] = 64,
        vendor: Vendor | None = None,
        pairs: tuple[Vendor, Vendor] | None = None,
    ) -> None:
        if size not in (32, 64):
            raise UserError(f"emoji come in a size of 32 or 64 pixels, not {size}")
        if vendor is not None and pairs is not None:
            raise UserError("pairs are of two vendors: leave vendor out")
        unknown = next((v for v in (*(pairs or ()), vendor or "google") if v not in VENDORS), None)
        if unknown is not None:
            raise UserError(f"there are no emoji by {unknown!r}: {did_you_mean(unknown, VENDORS)}")
        if pairs is not None and len(set(pairs)) != 2:
            raise UserError("pairs are of two vendors, such as google and twitter")
        self.size, self.vendor, self.pairs = size, vendor, pairs

    @property
    def data_name(self) -> str:
        return "emoji" if self.pairs is None else "emoji-pairs"

    @property
    def options(self) -> dict[str, Any]:
        by = list(self.pairs) if self.pairs else self.vendor or "both"
        return {"size": self.size, "pairs" if self.pairs else "vendor": by}

    def make(self, folder: Path, inputs: RecipeInputs) -> PreparedData:
        vendors: tuple[str, ...] = self.pairs or ((self.vendor,) if self.vendor else VENDORS)
        packages = {vendor: _package(vendor, inputs) for vendor in vendors}
        emoji = _entries(packages)
        inputs.progress("reading the pictures")
        drawn = {vendor: _pictures(vendor, emoji, packages[vendor]) for vendor in vendors}
        split = _split(emoji, drawn)
        write = _write_pairs if self.pairs else _write_single
        counts = write(folder, emoji, drawn, split, self.size)
        return PreparedData(self.size, counts, {p.name: p.version for p in packages.values()})


def _package(vendor: str, inputs: RecipeInputs) -> Package:
    folder = f"img/{vendor}/{SOURCE_SIDE}/"
    return load_package(
        f"emoji-datasource-{vendor}", inputs, lambda file: file == "emoji.json" or file.startswith(folder)
    )


def _entries(packages: Mapping[str, Package]) -> list[Entry]:
    """The entries of the packages' ``emoji.json``. Raises `UserError` for packages of different versions."""
    versions = {package.version for package in packages.values()}
    if len(versions) > 1:
        raise UserError(
            f"the packages are of the versions {' and '.join(sorted(versions))}: take the same version of both"
        )
    first = next(iter(packages.values()))
    return read_table(first["emoji.json"], f"emoji.json in {first.where}", packages)


def _pictures(vendor: str, emoji: Sequence[Entry], source: Package) -> Pictures:
    """The vendor's pictures on white. Raises `UserError` where one is missing or of another size."""
    mine = [each for each in emoji if vendor in each.vendors]
    if len(mine) < MIN_EMOJI:
        raise UserError(f"{source.where} has {len(mine)} emoji, not the {MIN_EMOJI:,} and more of a whole package")
    return {
        each.unified: _picture(source[f"img/{vendor}/{SOURCE_SIDE}/{each.image}"], each.image, source) for each in mine
    }


def _picture(content: bytes, name: str, source: Package) -> Array:
    try:
        side = _pixels.shorter_side(content)
        picture = _pixels.decode_square(content, SOURCE_SIDE, 3)
    except Exception as error:  # Pillow has many kinds
        reason = _pixels.error_reason(error)
        raise UserError(f"cannot read {name} in {source.where} ({reason}): fetch {source.name} again") from error
    if side != SOURCE_SIDE:
        raise UserError(f"{name} in {source.where} has {side} pixels where {SOURCE_SIDE} were expected: fetch it again")
    return picture


def _split(emoji: Sequence[Entry], drawn: Mapping[str, Pictures]) -> dict[str, bool]:
    """Whether each emoji is held out, by its code points."""
    same: dict[tuple[str, bytes], list[str]] = defaultdict(list)
    for vendor, pictures in drawn.items():
        for unified, picture in pictures.items():
            same[vendor, hashlib.blake2b(picture.tobytes(), digest_size=16).digest()].append(unified)
    group = groups(emoji, [alike for alike in same.values() if len(alike) > 1])
    return {each.unified: is_held_out(group[each.unified]) for each in emoji}


def _write_single(
    folder: Path, emoji: Sequence[Entry], drawn: Mapping[str, Pictures], split: Mapping[str, bool], size: int
) -> dict[str, int]:
    """Each vendor's pictures in a folder of its own, and the table."""
    rows = []
    for vendor, pictures in drawn.items():
        (folder / vendor).mkdir()
        for each in emoji:
            if each.unified in pictures:
                file = f"{vendor}/{each.image}"
                (folder / file).write_bytes(_png(pictures[each.unified], size))
                part = "test" if split[each.unified] else "train"
                rows.append({"file": file, "split": part, "vendor": vendor, **each.row()})
    (folder / "table.jsonl").write_text("".join(json_text(row) + "\n" for row in rows), encoding="utf-8")
    return _counts([row["split"] == "test" for row in rows])


def _write_pairs(
    folder: Path, emoji: Sequence[Entry], drawn: Mapping[str, Pictures], split: Mapping[str, bool], size: int
) -> dict[str, int]:
    """Folders A and B with parts train and test, of the emoji that both vendors have drawn."""
    both = [each for each in emoji if all(each.unified in pictures for pictures in drawn.values())]
    for letter, pictures in zip("AB", drawn.values(), strict=True):
        for part in ("train", "test"):
            (folder / letter / part).mkdir(parents=True)
        for each in both:
            part = "test" if split[each.unified] else "train"
            (folder / letter / part / each.image).write_bytes(_png(pictures[each.unified], size))
    return _counts([split[each.unified] for each in both])


def _counts(held_out: Sequence[bool]) -> dict[str, int]:
    return {"train": len(held_out) - sum(held_out), "held_out": sum(held_out)}


def _png(picture: Array, size: int) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(_pixels.to_square(picture, size, 3)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
