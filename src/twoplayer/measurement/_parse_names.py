"""Members of a family as users name them: ``kid``, ``prdc``, ``kid:subsets=100:subset_size=500``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.core.ranges import within
from twoplayer.core.registry import Family

__all__ = ["MemberSpec", "named", "words"]


@dataclass(frozen=True)
class MemberSpec:
    """A member and the options that were given for it."""

    name: str
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def suffix(self) -> str:
        """What names of figures say of the options."""
        return "".join(f"_{option}_{value}" for option, value in self.options)

    def __str__(self) -> str:
        return ":".join([self.name, *(f"{option}={value}" for option, value in self.options)])


def words(given: Any) -> list[Any]:
    """What was given one by one, or with commas between, or both."""
    listed = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    split = (part for word in listed for part in (word.split(",") if isinstance(word, str) else [word]))
    stripped = (part.strip() if isinstance(part, str) else part for part in split)
    return [part for part in stripped if part != ""]


def named(word: str, family: Family, what: str, aliases: Mapping[str, tuple[str, ...]]) -> list[MemberSpec]:
    """The members that a word stands for, with its options. Raises `UserError` for unknown names and options."""
    said, *given = word.split(":")
    name = said.lower().replace("_", "-")
    known = family.names()
    if name not in known and name not in aliases:
        raise UserError(f"no {what} is called {said!r}: {did_you_mean(name, [*known, *aliases])}")
    return [MemberSpec(member, _options(member, given, family)) for member in aliases.get(name, (name,))]


def _options(member: str, given: list[str], family: Family) -> tuple[tuple[str, Any], ...]:
    known, found = family.options(member), list[tuple[str, Any]]()
    for part in given:
        option, equals, value = part.partition("=")
        option = option.strip().replace("-", "_")
        if option not in known or not equals:
            hint = did_you_mean(option, known) if known else "write its name alone"
            raise UserError(f"{member} has no option {part!r} (an option is written NAME=VALUE): {hint}")
        found.append((option, within(known[option].annotation, **{option: value.strip()})))
    return tuple(found)
