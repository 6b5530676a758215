"""Flags to settings: every field of the config, and any option of a part by its path or bare name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, final, get_args

import click

from twoplayer.core.errors import UserError

__all__ = ["read_settings", "read_words", "setting_options"]

OWN_ARGUMENT = {"method"}


def setting_options() -> list[click.Parameter]:
    """One flag for every field of the config, with its range and default, except what has an argument of its own."""
    from twoplayer.config.schema import Config

    fields = {name: field for name, field in Config.model_fields.items() if name not in OWN_ARGUMENT}
    options: list[click.Parameter] = [
        Setting(_declarations(name), field, metavar=_metavar(name, field.annotation)) for name, field in fields.items()
    ]
    options.append(click.Option(["--networks"], help="both networks at once: twoplayer list networks", metavar="NAME"))
    augment = "the regularizer diff-augment: colour,translation,cutout,flip, and adaptive for the strength"
    options.append(click.Option(["--augment"], help=augment, metavar="KINDS"))
    return options


@final
class Setting(click.Option):
    """The flag of a field. Its help is put together where it is shown, since that reads the methods' presets."""

    def __init__(self, declarations: Sequence[str], field: Any, **options: Any) -> None:
        super().__init__(declarations, help=field.description or "", **options)
        self.field = field

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        about = ", ".join([*_range(self.field, str(self.metavar)), *_default(str(self.name), self.field)])
        return (record[0], f"{record[1]} [{about}]") if record and about else record


def _declarations(name: str) -> list[str]:
    """The flags of a field: its name, and the second names that it has."""
    from twoplayer.config.renamed import ALIASES

    aliases = [alias for alias, field in ALIASES.items() if field == name]
    return [f"--{word.replace('_', '-')}" for word in (name, *aliases)] + [name]


def _range(field: Any, metavar: str) -> list[str]:
    from twoplayer.cli._ranges import bounds

    demanded = " and ".join(bounds(field))
    return [f"{metavar} {demanded}"] if demanded and metavar in ("N", "X") else []


def _default(name: str, field: Any) -> list[str]:
    """The field's default, or what most methods put in its place."""
    if isinstance(field.default, bool) or not isinstance(field.default, str | int | float):
        return []
    found = {kind: _presets(name, field.default, kind) for kind in ("images", "points")}
    values = {value for counted in found.values() for value in counted}
    if len(values) == 1:
        return [f"default: {values.pop()}"]
    (images, count), (points, _) = (counted.most_common(1)[0] for counted in found.values())
    mostly = "mostly " if 2 * count > found["images"].total() else "often "
    for_points = "" if points == images else f" for images, {points} for points"
    return [f"default: the method's, {mostly}{images}{for_points}"]


def _presets(name: str, default: Any, kind: str) -> Counter[Any]:
    """How many methods have which value for that kind of data."""
    from twoplayer import methods

    layers = (methods.describe(method).layers(kind) for method in methods.names())
    return Counter({k: v for layer in both for k, v in layer.items()}.get(name, default) for both in layers)


def _metavar(name: str, annotation: Any) -> str:
    """What to write after the flag, by the field's type; None stands for a default and is never written."""
    if name == "max_time":
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
    return _with_unit(bare, settings)


def _with_unit(bare: list[str], settings: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """``--max-time 10 minutes`` comes as the time 10 and a bare word that is its unit."""
    from twoplayer.core.durations import UNITS

    unit = next((word for word in bare if word.lower() in UNITS), None)
    if unit is None or not str(settings.get("max_time", "")).replace(".", "", 1).isdecimal():
        return bare, settings
    return [word for word in bare if word != unit], {**settings, "max_time": f"{settings['max_time']} {unit}"}
