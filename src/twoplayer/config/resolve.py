"""Layers of settings to one config: a method's preset, a file, flags or keyword arguments, later ones winning.

A setting is addressed by its field (``batch_size``), by its path (``generator.filters``), or by an option's bare name
where only one part has it (``critic_steps``). ``networks`` stands for generator and critic at once, and a bare option
that both have means both; ``augment`` stands for the regularizer `diff-augment`. The bare name of a member is short for
a part with default options.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from twoplayer.config.parts import PART_FAMILIES
from twoplayer.config.renamed import OPTIONS, Renames
from twoplayer.config.schema import STOP_FIELDS, Config, Optimizer, Part
from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.core.registry import Option, family
from twoplayer.schedules._base import Schedule, is_schedule

__all__ = ["merge_layers"]

Settings = Mapping[str, Any]

PARTS = tuple(PART_FAMILIES)
SYMBOLS = {"eta": "step_size", "t": "functional_steps", "u": "critic_steps", "k": "unroll_steps", "lr": "learning_rate"}
"""What papers and other libraries call a setting."""
FINITE = ConfigDict(allow_inf_nan=False)


def merge_layers(
    layers: Sequence[Settings],
    kind: Literal["images", "points"],
    data_options: Mapping[str, Option],
    renames: Renames | None = None,
) -> Config:
    """One config from layers of settings, later ones winning: preset, file, flags.

    Old names of settings are read, and noted in `renames`. Raises one `UserError` that names every mistake, each with
    the nearest known name.
    """
    renames = renames or Renames()
    mistakes: list[str] = []
    tree = _defaults(kind)
    waiting: list[tuple[str, Any]] = []
    for layer in layers:
        named = {key: value for key, value in layer.items() if isinstance(key, str)}
        mistakes += [f"a setting's name is text, not {key!r}" for key in layer if key not in named]
        try:
            named = renames.settings(named)
        except UserError as error:
            mistakes.append(str(error))
        waiting = _lay(tree, named, waiting, data_options, mistakes, renames)
    schemas = _schemas(tree, data_options, mistakes)
    for key, value in waiting:
        _place(tree, schemas, key, value, mistakes, renames)
    _check_options(tree, schemas, mistakes)
    # the resolved config names every option of the optimizer, so that it is the same whatever was left out
    tree["optimizer"] = {**_defaults_of(schemas["optimizer"]), **tree["optimizer"]}
    config = None
    if all(tree.get(stop) is None for stop in STOP_FIELDS):
        tree["steps"] = 20_000 if kind == "images" else 5_000
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        mistakes += [_in_words(e) for e in error.errors()]
    if mistakes or config is None:
        raise UserError("\n".join(dict.fromkeys(mistakes)))
    return config


def _defaults_of(options: Mapping[str, Option]) -> dict[str, Any]:
    """The defaults of an optimizer's own options; the settings that all optimizers share have theirs in the schema."""
    return {name: o.default for name, o in options.items() if name not in Optimizer.model_fields and not o.required}


def _defaults(kind: str) -> dict[str, Any]:
    """What a run is made of before any layer speaks."""
    network = {"name": "dcgan" if kind == "images" else "mlp"}
    return {
        "game": {"name": "generation"},
        "objective": {"name": "non-saturating"},
        "generator": network,
        "critic": dict(network),
        "algorithm": {"name": "alternating"},
        "regularizers": {},
        "optimizer": {"name": "adam"},
        "prior": {"name": "normal"},
    }


def _lay(
    tree: dict[str, Any],
    layer: Settings,
    waiting: list[tuple[str, Any]],
    data_options: Mapping[str, Option],
    mistakes: list[str],
    renames: Renames,
) -> list[tuple[str, Any]]:
    """Lay one layer over the tree, the more exact spelling winning: an option's bare name, its part, its path.

    `waiting` are the options of earlier layers that no part took; those which still wait are given back.
    """
    loose = _merge(tree, layer, mistakes)
    bare = [(key, value) for key, value in loose if "." not in key]
    dotted = [(key, value) for key, value in loose if "." in key]
    if waiting or bare:
        waiting = _place_known(tree, [*waiting, *bare], data_options, renames)
        _merge(tree, layer, mistakes)  # what the layer says of a part itself wins
    return waiting + _place_known(tree, dotted, data_options, renames)


def _merge(tree: dict[str, Any], layer: Settings, mistakes: list[str]) -> list[tuple[str, Any]]:
    """Lay fields over the tree; give back the settings whose place depends on the parts chosen."""
    loose: list[tuple[str, Any]] = []
    if sum(layer.get(stop) is not None for stop in STOP_FIELDS) > 1:
        given = [s for s in STOP_FIELDS if layer.get(s) is not None]
        mistakes.append(f"{' and '.join(given)} each say when to stop: give one of them")
    for key, value in sorted(layer.items(), key=lambda item: (-item[0].startswith("networks"), item[0] == "augment")):
        name = key.replace("-", "_") if "." not in key else key
        if name in (*PARTS, "data", "networks"):
            if not _is_part(value):
                mistakes.append(f"{name} must be a name, or settings such as {{name: ...}}, not {value!r}")
                continue
            for place in ("generator", "critic") if name == "networks" else (name,):
                tree[place] = _part(
                    tree.get(place), value, keep=tuple(Optimizer.model_fields) if name == "optimizer" else ()
                )
        elif name == "regularizers":
            tree[name] = _regularizers(tree.get(name, {}), value, mistakes)
        elif name == "augment":
            tree["regularizers"] = _augmented(tree.get("regularizers", {}), value, mistakes)
        elif name in Config.model_fields:
            if name in STOP_FIELDS and value is not None:
                tree.update(dict.fromkeys(STOP_FIELDS))
            tree[name] = value
        else:
            loose.append((key, value))
    return loose


def _is_part(value: Any) -> bool:
    return isinstance(value, str) or _is_options(value)


def _part(old: Part | None, new: str | Mapping[str, Any], *, keep: Sequence[str] = ()) -> Part:
    """A part laid over another: options survive only while the name stays, but for those to `keep`."""
    if isinstance(new, str):
        new = {"name": new}
    if old is None:
        return dict(new)
    if "name" in new and new["name"] != old.get("name"):
        return {**{name: old[name] for name in keep if name in old}, **new}
    return {**old, **new}


def _regularizers(old: Mapping[str, Any], new: Any, mistakes: list[str]) -> dict[str, Any]:
    if isinstance(new, str):
        new = [] if new.strip() in ("", "none") else [n.strip() for n in new.split(",")]
    match new:
        case None:
            return {}
        case Mapping() if _is_part(new) and all(o is None or _is_options(o) for o in new.values()):
            return {name: {**old.get(name, {}), **(options or {})} for name, options in new.items()}
        case list() | tuple() if all(isinstance(name, str) for name in new):
            return {name: dict(old.get(name, {})) for name in new}
    mistakes.append("regularizers are a list of names, or names with their options: {gradient-penalty: {weight: 10}}")
    return {}


def _augmented(rules: Mapping[str, Any], wanted: Any, mistakes: list[str]) -> dict[str, Any]:
    """Regularizers with `diff-augment` as ``augment`` spells it: kinds of change and "adaptive", or "none"."""
    words = [w.strip() for w in wanted.split(",")] if isinstance(wanted, str) else wanted
    if words in ([], ["none"], None):
        return {name: options for name, options in rules.items() if name != "diff-augment"}
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        mistakes.append(f"augment must be kinds of change, such as colour,translation,cutout, not {wanted!r}")
        return dict(rules)
    kinds = [word for word in words if word != "adaptive"]
    options = {"policy": kinds} if kinds else {}
    adaptive = {"target": 0.6} if "adaptive" in words else {}  # Karras et al. 2020, section 3
    return {**rules, "diff-augment": {**rules.get("diff-augment", {}), **options, **adaptive}}


def _is_options(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


def _schemas(
    tree: dict[str, Any], data_options: Mapping[str, Option], mistakes: list[str]
) -> dict[str, Mapping[str, Option]]:
    """The options that each chosen part takes, by the part's path."""
    wanted = {part: (PART_FAMILIES[part], tree[part].get("name")) for part in PARTS}
    wanted |= {f"regularizers.{name}": ("regularizers", name) for name in tree["regularizers"]}
    schemas: dict[str, Mapping[str, Option]] = {"data": data_options} if "data" in tree else {}
    for path, (label, name) in wanted.items():
        try:
            schemas[path] = dict(family(label).options(name if isinstance(name, str) else str(name)))
        except UserError as error:
            mistakes.append(f"{path}: {error}" if path in PARTS else str(error))
    common = {n: Option(n, f.annotation, f.default) for n, f in Optimizer.model_fields.items() if n != "name"}
    schemas["optimizer"] = {**common, **schemas.get("optimizer", {})}
    return schemas


def _place_known(
    tree: dict[str, Any],
    settings: Sequence[tuple[str, Any]],
    data_options: Mapping[str, Option],
    renames: Renames,
) -> list[tuple[str, Any]]:
    """Place what has one place in the parts chosen so far; give back the rest, which a later layer may explain."""
    if not settings:
        return []
    schemas, rest = _schemas(tree, data_options, []), []
    for key, value in settings:
        mistakes: list[str] = []
        _place(tree, schemas, key, value, mistakes, renames)
        rest += [(key, value)] if mistakes else []
    return rest


def _place(
    tree: dict[str, Any],
    schemas: Mapping[str, Mapping[str, Option]],
    key: str,
    value: Any,
    mistakes: list[str],
    renames: Renames,
) -> None:
    """Put a dotted path or a bare option name where it belongs."""
    *path, last = key.split(".")
    option, where = last.replace("-", "_"), ".".join(path)
    if where == "networks":
        homes = ["generator", "critic"]
    elif where:
        homes = [h for h in schemas if where in (h, h.removeprefix("regularizers."), h.replace("-", "_"))]
    else:
        option = _current_option(schemas, option, renames)
        homes = [h for h, options in schemas.items() if option in options]
    homes = [h for h in homes if option in schemas[h]]
    rule = where.removeprefix("regularizers.")
    if not homes and rule in family("regularizers").names() and f"regularizers.{rule}" not in schemas:
        mistakes.append(f"{key} sets a regularizer that this run does not have: add {rule} to regularizers")
    elif not homes:
        known = [*Config.model_fields, *_paths(schemas)] if where else [*Config.model_fields, *_bare(schemas)]
        meant = SYMBOLS.get(key.lower(), key).replace("-", "_")
        mistakes.append(f"no setting is called {key!r}: {did_you_mean(meant, known)}")
    elif len(homes) > 1 and set(homes) != {"generator", "critic"}:
        places = " or ".join(f"{h}.{option}" for h in homes)
        mistakes.append(f"{key!r} could be {places}: write which")
    else:
        for home in homes:
            _home(tree, home)[option] = value


def _current_option(schemas: Mapping[str, Mapping[str, Option]], option: str, renames: Renames) -> str:
    """The option of that bare name in the chosen parts; where it is an old name there, the one of today."""
    if any(option in options for options in schemas.values()):
        return option
    for path, options in schemas.items():
        family = PART_FAMILIES.get(path) or path.split(".")[0]
        if OPTIONS.get(family, {}).get(option) in options:
            return renames.option(family, option)
    return option


def _home(tree: dict[str, Any], path: str) -> dict[str, Any]:
    if path.startswith("regularizers."):
        return tree["regularizers"][path.removeprefix("regularizers.")]  # type: ignore[no-any-return]
    return tree[path]  # type: ignore[no-any-return]


def _bare(schemas: Mapping[str, Mapping[str, Option]]) -> list[str]:
    return sorted({option for options in schemas.values() for option in options})


def _paths(schemas: Mapping[str, Mapping[str, Option]]) -> list[str]:
    return [f"{h.removeprefix('regularizers.')}.{option}" for h, options in schemas.items() for option in options]


def _check_options(tree: dict[str, Any], schemas: Mapping[str, Mapping[str, Option]], mistakes: list[str]) -> None:
    """Coerce every option to its annotation, and complain of those that no part takes."""
    for path, options in schemas.items():
        home = _home(tree, path)
        for name, value in list(home.items()):
            if name == "name" or (path == "optimizer" and name in Optimizer.model_fields):
                continue
            if name not in options:
                mistakes.append(f"{path} has no option {name!r}: {did_you_mean(name, options)}")
                continue
            try:
                home[name] = _coerce(options[name].annotation, value)
            except ValidationError as error:
                mistakes += [f"{path}.{name}: {_in_words(e, bare=True)}" for e in error.errors()[:1]]
            except UserError as error:
                mistakes.append(f"{path}.{name}: {error}")


def _coerce(annotation: Any, value: Any) -> Any:
    """`value` as the annotation wants it; text may spell none, a list by commas, or any scalar.

    A number may also be a schedule, whose ends are coerced.
    """
    if isinstance(value, str) and value.lstrip().startswith("{"):
        import yaml

        value = yaml.safe_load(value)
    if is_schedule(value):
        Schedule.of("a number", value)
        return {**value, **{end: _coerce(annotation, value[end]) for end in ("from", "to")}}
    if isinstance(value, str):
        arms = [_bared(arm) for arm in (typing.get_args(annotation) if _is_union(annotation) else (annotation,))]
        words = {str(w): w for arm in arms if typing.get_origin(arm) is Literal for w in typing.get_args(arm)}
        if value in words:  # "3" where 3 is meant; and "none" where that is a name, such as a normalization's
            value = words[value]
        elif value.lower() == "none" and type(None) in arms:
            return None
        elif any(typing.get_origin(arm) in (list, tuple, Sequence) for arm in arms):
            value = [item.strip() for item in value.strip("[]()").split(",")]
    return TypeAdapter(annotation, config=FINITE).validate_python(value)


def _bared(annotation: Any) -> Any:
    """The annotation without its range."""
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is Annotated else annotation


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _in_words(error: Any, *, bare: bool = False) -> str:
    """A pydantic complaint as one clause with the value that was given."""
    where = ".".join(str(step) for step in error["loc"] if not str(step).startswith("function-"))
    if error["type"] == "extra_forbidden":
        known = Optimizer.model_fields if where.startswith("optimizer.") else Config.model_fields
        return f"no setting is called {where!r}: {did_you_mean(where.rsplit('.', 1)[-1], known)}"
    if error["type"] == "missing":
        return f"{where} is missing: say what to train on, such as --data digits" if where == "data" else where
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    message = (
        message.replace("input should be", "must be")
        .replace("a valid integer, unable to parse string as an integer", "a whole number")
        .replace("a valid number, unable to parse string as a number", "a number")
    )
    given = "" if isinstance(error["input"], Mapping) else f", not {error['input']!r}"
    return f"{message}{given}" if bare else f"{where} {message}{given}"
