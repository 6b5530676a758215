"""Parts of a run that are passed as Python objects: what each argument accepts, and how a config holds them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from twoplayer.config.parts import PART_FAMILIES
from twoplayer.config.schema import Config
from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.core.objects import ObjectName, is_object_name, object_name, source_location
from twoplayer.core.registry import family

__all__ = ["OBJECT_ARGUMENTS", "bind_objects", "declared_latent_dim", "describe_objects", "named_objects", "objects_of"]

OBJECT_ARGUMENTS = (*(argument for argument in PART_FAMILIES if argument != "optimizer"), "regularizers")
"""Arguments that take an object beside a name."""
CLASSES_ONLY = {"game", "algorithm"}
"""Parts that are built from the other parts of the run, so that a class must be passed."""
SAMPLES = {
    "generator": "a torch module that maps latents (B, latent_dim) to samples (B, *shape)",
    "critic": "a torch module that maps samples (B, *shape) to outputs (B,) or (B, 1)",
}


def named_objects(settings: Mapping[str, Any], mistakes: list[str]) -> dict[str, Any]:
    """Settings with every object in the place of a part replaced by an `ObjectName` that carries it.

    Args:
        settings: keyword arguments, as the caller passed them.
        mistakes: a sentence is added for each object of the wrong kind.
    """
    named = dict(settings)
    for argument in (*PART_FAMILIES, "networks"):
        value = named.get(argument)
        if isinstance(value, Mapping) and _is_object(value.get("name")):
            named[argument] = {**value, "name": _named(argument, value["name"], mistakes)}
        elif _is_object(value):
            named[argument] = _named(argument, value, mistakes)
    if "regularizers" in named:
        named["regularizers"] = _named_regularizers(named["regularizers"], mistakes)
    return {name: value for name, value in named.items() if value is not _REFUSED}


def objects_of(config: Config) -> dict[str, Any]:
    """The objects that a config's parts carry, by the argument that takes them."""
    objects = {n: part["name"].value for n, part in _parts(config) if getattr(part["name"], "value", None) is not None}
    regularizers = [n.value for n in config.regularizers if isinstance(n, ObjectName) and n.value is not None]
    return {**objects, "regularizers": regularizers} if regularizers else objects


def bind_objects(config: Config, objects: Mapping[str, Any]) -> Config:
    """The config of a run with the objects that are passed again.

    Args:
        config: as it was read from a file, with the objects' names only.
        objects: from an argument such as ``generator`` to the object; ``regularizers`` takes one or a sequence.

    Raises:
        UserError: for an argument that takes no object, and for an object of another class than the run's.
    """
    for argument in objects:
        if argument not in OBJECT_ARGUMENTS:
            raise UserError(f"no part is called {argument!r}: {did_you_mean(argument, OBJECT_ARGUMENTS)}")
    updates: dict[str, Any] = {}
    for argument, part in _parts(config):
        if argument in objects:
            updates[argument] = {**part, "name": _again(argument, str(part["name"]), [objects[argument]])}
        elif is_object_name(part["name"]) and not isinstance(part["name"], ObjectName):
            updates[argument] = {**part, "name": ObjectName(part["name"], None, argument)}
    passed = objects.get("regularizers", ())
    passed = list(passed) if isinstance(passed, Sequence) and not isinstance(passed, str) else [passed]
    passed = [each for each in passed if not isinstance(each, str)]
    if passed or any(is_object_name(name) for name in config.regularizers):
        recorded = [str(name) for name in config.regularizers]
        for each in passed:
            if object_name(each) not in recorded:
                raise UserError(_other_object("regularizers", ", ".join(recorded) or "none", each))
        updates["regularizers"] = {
            (_again("regularizers", str(name), passed) if is_object_name(name) else name): options
            for name, options in config.regularizers.items()
        }
    return config.model_copy(update=updates) if updates else config


def declared_latent_dim(settings: Mapping[str, Any], mistakes: list[str]) -> dict[str, Any]:
    """The setting `latent_dim` as a generator that was passed as an object declares it; empty where it does not.

    Args:
        settings: keyword arguments, with objects by name.
        mistakes: a sentence is added where `latent_dim` is set to another number.
    """
    generator = settings.get("generator")
    declared = getattr(getattr(generator, "value", None), "latent_dim", None)
    if not isinstance(declared, int) or isinstance(declared, bool):
        return {}
    asked = settings.get("latent_dim")
    if asked is not None and str(asked) != str(declared):
        mistakes.append(f"latent_dim is {asked}, but the generator that was passed declares {declared}: leave it out")
    return {"latent_dim": declared}


def describe_objects(config: Config) -> dict[str, Any]:
    """Where the classes of a run's objects are defined, as ``environment.json`` records it, by argument."""
    document: dict[str, Any] = {}
    for argument, value in objects_of(config).items():
        values = value if isinstance(value, list) else [value]
        places = [dict(zip(("class", "file"), source_location(each), strict=True)) for each in values]
        document[argument] = places if isinstance(value, list) else places[0]
    return document


_REFUSED = object()


def _parts(config: Config) -> Iterator[tuple[str, dict[str, Any]]]:
    parts = ((argument, getattr(config, argument)) for argument in PART_FAMILIES)
    yield from ((argument, part) for argument, part in parts if isinstance(part, dict))


def _is_object(value: Any) -> bool:
    """Whether it is neither a name nor settings, nor what settings in files can be."""
    return value is not None and not isinstance(value, str | Mapping | int | float | list | tuple)


def _named(argument: str, value: Any, mistakes: list[str]) -> Any:
    label = "networks" if argument == "networks" else PART_FAMILIES[argument]
    kind = value if inspect.isclass(value) else type(value)
    if _fits(argument, label, value, kind):
        return ObjectName(object_name(value), value, argument)
    given = f"the class {kind.__name__}" if inspect.isclass(value) else f"an object of the class {kind.__name__}"
    mistakes.append(f"{argument} must be {_expected(argument, label)}, not {given}")
    return _REFUSED


def _fits(argument: str, label: str, value: Any, kind: type[Any]) -> bool:
    if argument in CLASSES_ONLY and not inspect.isclass(value):
        return False
    if issubclass(kind, family(label).root):
        return True
    if argument in SAMPLES:
        from torch import nn

        return issubclass(kind, nn.Module)
    return False


def _expected(argument: str, label: str) -> str:
    members = family(label)
    root = f"twoplayer.{label.replace('-', '_')}.{members.root.__name__}"
    if argument in CLASSES_ONLY:
        return f"a name, or a class that extends {root}"
    also = f", or {SAMPLES[argument]}" if argument in SAMPLES else ""
    return f"a name, an object or a class of {root}{also}"


def _named_regularizers(value: Any, mistakes: list[str]) -> Any:
    if not (isinstance(value, list | tuple) or _is_object(value)):
        return value
    values = value if isinstance(value, list | tuple) else [value]
    root, named = family("regularizers").root, list[Any]()
    for each in values:
        kind = each if inspect.isclass(each) else type(each)
        if not _is_object(each):
            named.append(each)  # a name, or a mistake that is named where the settings are merged
        elif issubclass(kind, root):
            named.append(ObjectName(object_name(each), each, "regularizers"))
        else:
            mistakes.append(
                "regularizers must be names, or objects or classes of twoplayer.regularizers.Penalty, Constraint or "
                f"Perturbation, not an object of the class {kind.__name__}"
            )
    twice = {str(name) for name in named if isinstance(name, ObjectName) and named.count(name) > 1}
    mistakes += [f"regularizers hold {name} twice: give each of them a class of its own" for name in sorted(twice)]
    return named


def _again(argument: str, recorded: str, passed: Sequence[Any]) -> ObjectName:
    """The recorded name, with the object of that class among those that were passed."""
    for value in passed:
        if object_name(value) == recorded:
            return ObjectName(recorded, value, argument)
    if passed and argument != "regularizers":
        raise UserError(_other_object(argument, recorded, passed[0]))
    return ObjectName(recorded, None, argument)


def _other_object(argument: str, recorded: str, value: Any) -> str:
    return f"this run's {argument} is {recorded}, not {object_name(value)}: pass an object of that class, or none"
