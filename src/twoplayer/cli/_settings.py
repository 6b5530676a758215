"""Flags to settings: every field of the config, and any option of a part by its path or bare name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import click

from twoplayer.errors import UserError

__all__ = ["read_settings", "read_words", "setting_options"]

OWN_ARGUMENT = {"method"}


def setting_options() -> list[click.Parameter]:
    """One flag for every field of the config, with its default, except what has an argument of its own."""
    from twoplayer.config import Config

    options: list[click.Parameter] = []
    for name, field in Config.model_fields.items():
        if name in OWN_ARGUMENT:
            continue
        plain = isinstance(field.default, str | int | float) and not isinstance(field.default, bool)
        text = (field.description or "") + (f" [default: {field.default}]" if plain else "")
        options.append(
            click.Option([f"--{name.replace('_', '-')}"], help=text, metavar=_metavar(name, field.annotation))
        )
    options.append(click.Option(["--networks"], help="both networks at once: twoplayer list networks", metavar="NAME"))
    augment = "the regularizer diff-augment: colour,translation,cutout,flip, or adaptive"
    options.append(click.Option(["--augment"], help=augment, metavar="KINDS"))
    return options


def _metavar(name: str, annotation: Any) -> str:
    """What to write after the flag, by the field's type; None stands for a default and is never written."""
    if name == "budget":
        return "TIME"
    kinds = {*get_args(annotation)} or {annotation}
    if bool in kinds:
        return "BOOL"
    return "N" if int in kinds else "X" if float in kinds else "NAME"


def read_settings(words: Sequence[str], fields: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The method, if one is named, and the settings: the fields, and flags such as ``--critic.normalization layer``.

    Raises `UserError` for a second bare word and for a flag without a value.
    """
    bare, settings = read_words(words, fields)
    if len(bare) > 1:
        raise UserError(f"{bare[1]!r} is no flag, and the method is {bare[0]} already: write --name value")
    return (bare[0] if bare else None), settings


def read_words(words: Sequence[str], fields: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """The bare words, and the settings. Raises `UserError` for a flag without a value."""
    bare, settings, left = list[str](), dict(fields), list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("-"):
            bare.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not equals:
            if not left or left[0].startswith("--"):
                raise UserError(f"{word} needs a value: --{name} VALUE")
            value = left.pop(0)
        settings[name] = value
    return bare, settings
