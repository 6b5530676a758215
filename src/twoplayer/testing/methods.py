"""The contract of methods: a preset that resolves to a config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twoplayer import methods
from twoplayer.config.resolve import merge_layers
from twoplayer.core.errors import UserError
from twoplayer.testing._member import Member

__all__ = ["check_method"]

KINDS = ("images", "points")


def check_method(method: str | Path | Mapping[str, Any], *, kinds: tuple[str, ...] = KINDS) -> None:
    """Check the contract of a method: it states what it is, and its settings resolve without a mistake.

    Args:
        method: a registered name, the path of a YAML file, or its content.
        kinds: the kinds of data that it is for, ``images`` or ``points``.

    Raises:
        AssertionError: where the contract is broken; the message names every mistake.
    """
    preset = _read(method)
    member = Member(method if isinstance(method, str) else str(preset.get("summary", "method")), lambda: preset)
    for name, kind in (("summary", str), ("source", str), ("year", int)):
        value = preset.get(name)
        member.require(isinstance(value, kind) and value, f"must state its {name}, {kind.__name__}, not {value!r}")
    settings = {k: v for k, v in preset.items() if k not in ("summary", "source", "year", "like")}
    for kind_of_data in kinds:
        common = {k: v for k, v in settings.items() if k not in KINDS}
        layers = [{"method": member.title, "data": "data"}, common, settings.get(kind_of_data, {})]
        try:
            merge_layers(layers, kind_of_data, {})  # type: ignore[arg-type]
        except UserError as error:
            raise AssertionError(f"{member.title}: its settings for {kind_of_data} are mistaken: {error}") from error


def _read(method: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    """The preset as one mapping, with what it takes from another method by ``like``."""
    if isinstance(method, str) and method in methods.names():
        known = methods.describe(method)
        return {"summary": known.summary, "source": known.source, "year": known.year, **known.settings}
    if isinstance(method, str | Path):
        import yaml

        try:
            preset = yaml.safe_load(Path(method).read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise AssertionError(f"{method}: is neither a method's name nor a readable YAML file: {error}") from error
    else:
        preset = dict(method)
    if not isinstance(preset, dict):
        raise AssertionError(f"{method}: must hold settings, a line each, such as batch_size: 64")
    if "like" in preset:
        preset = {**_read(str(preset["like"])), **preset}
    return preset
