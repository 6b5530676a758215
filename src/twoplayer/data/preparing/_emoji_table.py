"""What ``emoji.json`` says of every emoji: words, skin tone, hair, gender, and which emoji are one picture."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from twoplayer.core.errors import UserError

__all__ = ["EmojiEntry", "groups", "read_table"]

SKIN = {"1F3FB": "light", "1F3FC": "medium-light", "1F3FD": "medium", "1F3FE": "medium-dark", "1F3FF": "dark"}
HAIR = {"1F9B0": "red", "1F9B1": "curly", "1F9B2": "bald", "1F9B3": "white", "1F471": "blond"}
WOMEN = frozenset(("2640", "1F467", "1F469", "1F46D", "1F475", "1F478", "1F483", "1F930", "1F931", "1F936", "1F9D5"))
MEN = frozenset(("2642", "1F466", "1F468", "1F46C", "1F474", "1F385", "1F57A", "1F934", "1FAC3"))
COUPLES = frozenset(("1F46B",))
"""Of a woman and a man in one code point."""
PEOPLE = "People & Body"
PARTS = "Component"
"""The category of swatches of skin and hair, which are no emoji by themselves."""
FACING_RIGHT = "-200D-27A1-FE0F"
NONE, YELLOW, MIXED = "none", "yellow", "mixed"


@dataclass(frozen=True)
class EmojiEntry:
    """One picture that vendors may have drawn."""

    unified: str
    """Its code points."""
    base: str
    """Those of the emoji that it is a variant of, or its own."""
    image: str
    """The file's name."""
    category: str
    skin: str
    hair: str
    gender: str
    captions: tuple[str, ...]
    vendors: frozenset[str]
    """Who has drawn it."""
    same_as: tuple[str, ...]
    """Emoji that it replaced, was replaced by, or is the mirror image of."""

    def row(self) -> dict[str, Any]:
        """What a table says of it, beside file, split and vendor."""
        about = {"label": self.category, "skin": self.skin, "hair": self.hair, "gender": self.gender}
        return {**about, "emoji": self.unified, "captions": self.captions}


def read_table(content: bytes, where: str, vendors: Iterable[str]) -> list[EmojiEntry]:
    """Every picture that ``emoji.json`` tells of, skin tones included. Raises `UserError` for anything else."""
    try:
        entries = json.loads(content)
        return [emoji for entry in entries if entry["category"] != PARTS for emoji in _variants(entry, tuple(vendors))]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"cannot read {where} as emoji-datasource's emoji.json ({what}): fetch it again") from error


def groups(emoji: Sequence[EmojiEntry], alike: Iterable[Sequence[str]]) -> dict[str, str]:
    """The group of each emoji by its code points, named by the first of the group's.

    Variants of one emoji are one group, and so are emoji that replaced each other, mirror images, and those in each
    sequence of `alike`, which look the same.
    """
    parent = {each.unified: each.unified for each in emoji}

    def root(unified: str) -> str:
        while parent[unified] != unified:
            unified = parent[unified]
        return unified

    def join(one: str, other: str) -> None:
        first, second = sorted((root(one), root(other)))
        parent[second] = first

    for each in emoji:
        for other in (each.base, *each.same_as):
            if other in parent:
                join(each.unified, other)
    for several in alike:
        for other in several[1:]:
            join(several[0], other)
    return {each.unified: root(each.unified) for each in emoji}


def _variants(entry: Mapping[str, Any], vendors: Sequence[str]) -> Iterator[EmojiEntry]:
    """An entry's own picture, and those of its skin tones."""
    tones: Mapping[str, Any] = entry.get("skin_variations") or {}
    yield _emoji(entry, entry, YELLOW if tones else NONE, vendors)
    for tone, variant in tones.items():
        skins = {SKIN[code] for code in tone.split("-")}
        yield _emoji(entry, variant, skins.pop() if len(skins) == 1 else MIXED, vendors)


def _emoji(entry: Mapping[str, Any], variant: Mapping[str, Any], skin: str, vendors: Sequence[str]) -> EmojiEntry:
    base, unified = str(entry["unified"]), str(variant["unified"])
    codes = set(base.split("-"))
    is_person = entry["category"] == PEOPLE
    linked = (variant.get("obsoletes"), variant.get("obsoleted_by"), base.replace(FACING_RIGHT, ""))
    return EmojiEntry(
        unified=unified,
        base=base,
        image=PurePosixPath(str(variant["image"])).name,
        category=str(entry["category"]),
        skin=skin,
        hair=next((hair for code, hair in HAIR.items() if code in codes), NONE) if is_person else NONE,
        gender=_gender(codes) if is_person else NONE,
        captions=_captions(entry, skin),
        vendors=frozenset(vendor for vendor in vendors if variant.get(f"has_img_{vendor}")),
        same_as=tuple(str(other) for other in linked if other),
    )


def _gender(codes: set[str]) -> str:
    women, men = bool(codes & WOMEN), bool(codes & MEN)
    if codes & COUPLES or (women and men):
        return MIXED
    return "woman" if women else "man" if men else NONE


def _captions(entry: Mapping[str, Any], skin: str) -> tuple[str, ...]:
    """The name, the keywords and the name with its kind, each a caption, with the skin tone where one is to see."""
    name, kind = str(entry["name"] or entry["short_name"]), str(entry.get("subcategory") or "")
    spoken = [name, *map(str, entry["short_names"]), *([f"{name}, {kind}"] if kind else [])]
    tone = "" if skin in (NONE, YELLOW) else ", mixed skin tones" if skin == MIXED else f", {skin} skin tone"
    return tuple(dict.fromkeys(_plain(words) + tone for words in spoken))


def _plain(words: str) -> str:
    """Words in lower case, separated by single blanks; a sign of its own, such as +1, stays."""
    for mark, plain in ((":", ","), ("_", " "), ("-", " ")):
        words = words.replace(mark, plain)
    return " ".join(words.lower().split())
