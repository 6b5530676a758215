"""Layers of settings to one config: the method's preset, a YAML file, and what the caller names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from twoplayer import data, methods
from twoplayer.config.objects import OBJECT_ARGUMENTS, bind_objects, declared_latent_dim, named_objects
from twoplayer.config.renamed import Renames
from twoplayer.config.resolve import merge_layers
from twoplayer.config.schema import Config
from twoplayer.core.errors import UserError
from twoplayer.core.objects import ObjectName
from twoplayer.core.registry import Option
from twoplayer.data import kind_of

__all__ = ["resolve_config", "resolve_config_and_data"]

T = TypeVar("T")


def resolve_config(
    method: str | None = None, data: Any = None, *, config: Path | str | None = None, **settings: Any
) -> Config:
    """The config that these settings resolve to, without reading any data beyond its kind.

    Later layers win: the method's preset, the YAML file `config`, the keyword arguments. Raises `UserError` with
    every mistake at once.
    """
    return resolve_config_and_data(method, data, config, settings)[0]


def resolve_config_and_data(
    method: str | None, what: Any, file: Path | str | None, settings: Mapping[str, Any]
) -> tuple[Config, Any]:
    layer = _read(file) if file is not None else {}
    mistakes: list[str] = []
    given = named_objects({k: v for k, v in settings.items() if v is not None}, mistakes)
    method = method or layer.get("method") or "default"
    if not isinstance(method, str):
        mistakes.append(f"method must be a name, such as dcgan, not {method!r}")
        method = "default"
    preset = _or_mistake(lambda: methods.describe(method), methods.describe("default"), mistakes)
    filed, asked = _source(layer.get("data")), _source(what)
    source = asked.what if asked.what is not None else filed.what
    if source is None:
        mistakes.append("say what to train on, such as `data='digits'`; twoplayer list data shows what there is")
        known = None
    else:
        known = _or_mistake(lambda: (data.spell(source), kind_of(source), data.options_for(source)), None, mistakes)
    name, kind, options = known or ("nothing", "images", _any_data_option())
    file_settings = {k: v for k, v in layer.items() if k not in ("method", "data")}
    if filed.what is None or _same_source(filed.what, source):
        file_settings["data"] = filed.options
    else:  # options of other data than these
        file_settings = {k: v for k, v in file_settings.items() if not str(k).startswith("data.")}
    base = {"method": method, "data": name}
    layers = [
        base,
        *preset.layers(kind),
        file_settings,
        declared_latent_dim(given, mistakes),
        {**given, "data": asked.options},
    ]
    renames = Renames()
    config = _or_mistake(lambda: merge_layers(layers, kind, options, renames), None, mistakes)
    if mistakes or config is None:
        raise UserError("\n".join(mistakes))
    renames.warn(stacklevel=3)
    return bind_objects(config, _passed(given)), source


def _passed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The objects among settings whose objects are named, by argument."""
    passed: dict[str, Any] = {}
    for argument in (*OBJECT_ARGUMENTS, "networks"):
        value = settings.get(argument)
        name = value.get("name") if isinstance(value, Mapping) else value
        if isinstance(name, ObjectName):
            passed |= dict.fromkeys(("generator", "critic") if argument == "networks" else (argument,), name.value)
        elif isinstance(name, list) and argument == "regularizers":
            passed[argument] = [each.value for each in name if isinstance(each, ObjectName)]
    return passed


class _Source(NamedTuple):
    """What was asked to be trained on, and with which options."""

    what: Any
    options: dict[Any, Any]


def _source(asked: Any) -> _Source:
    if not isinstance(asked, Mapping):
        return _Source(asked, {})
    return _Source(asked.get("name"), {k: v for k, v in asked.items() if k != "name"})


def _same_source(one: Any, other: Any) -> bool:
    return one is other or (isinstance(one, str) and data.spell(one) == data.spell(other))


def _or_mistake(ask: Callable[[], T], otherwise: T, mistakes: list[str]) -> T:
    """The answer, or `otherwise` and one more mistake: a user wants to hear of all of them at once."""
    try:
        return ask()
    except UserError as error:
        mistakes.append(error.text)
        return otherwise


def _any_data_option() -> dict[str, Option]:
    """The options of all sources, for checking settings where the source itself is unknown."""
    return {
        name: option for member in data.family.importable_names() for name, option in data.options_of(member).items()
    }


def _read(file: Path | str) -> dict[str, Any]:
    import yaml

    try:
        settings = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read the config file {file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        raise UserError(
            f"{file} is not valid YAML{f' (line {where.line + 1})' if where else ''}: correct it"
        ) from error
    if not isinstance(settings, dict):
        raise UserError(f"{file} must hold settings, a line each, such as batch_size: 64")
    return settings
