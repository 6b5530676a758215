"""List what there is: methods, data, networks, extractors, metrics and whatever else can be combined."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import click

from twoplayer.cli._ranges import bounds
from twoplayer.config.renamed import Renames
from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.core.registry import FAMILIES, Option

__all__ = ["command"]

LISTED = ("methods", *FAMILIES)


@click.command()
@click.argument("family", required=False)
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(family: str | None, name: str | None, as_json: bool) -> None:
    """List the members of FAMILY, or all families; with NAME, that member and its options.

    \b
    twoplayer list methods
    twoplayer list objectives least-squares
    """
    renames = Renames()
    family = family and renames.family(family)
    name = name and renames.member(str(family), name)
    renames.warn(mark="")
    if family is not None and family not in LISTED:
        raise UserError(f"there is no family {family!r}: {did_you_mean(family, LISTED)}")
    document: Any
    if family is not None and name is not None:
        document = _member(family, name)
        text = _show_member(document)
    else:
        document = {f: _rows(f) for f in ([family] if family else LISTED)}
        text = "\n\n".join(_show_rows(f, rows, titled=family is None) for f, rows in document.items())
    if as_json:
        import json

        text = json.dumps(document, indent=2, ensure_ascii=False)
    click.echo(text)


def _rows(label: str) -> list[dict[str, Any]]:
    members = _family(label)
    return [_about_member(members.describe(name)) for name in members.names()]


def _about_member(about: Any) -> dict[str, Any]:
    """What is known of a member without importing it; `package` and `version` are of the plug-in that registers it."""
    plugin = about.plugin
    document = {"name": about.name, "summary": about.summary, "source": about.source}
    return document if plugin is None else {**document, "package": plugin.package, "version": plugin.version}


def _family(label: str) -> Any:
    if label == "methods":
        from twoplayer import methods

        return methods
    from twoplayer.core.registry import family

    return family(label)


def _show_rows(label: str, rows: list[dict[str, Any]], *, titled: bool) -> str:
    width = max(len(r["name"]) for r in rows)
    lines = [f"{r['name']:<{width}}  {r['summary']}{_origin(r)}" for r in rows]
    return "\n".join([f"{label}:", *(f"  {line}" for line in lines)] if titled else lines)


def _origin(document: Mapping[str, Any]) -> str:
    """``(from PACKAGE VERSION)`` for a member that an installed package registers."""
    return f" (from {document['package']} {document['version']})" if "package" in document else ""


def _member(label: str, name: str) -> dict[str, Any]:
    members = _family(label)
    about = members.describe(name)
    document = _about_member(about)
    if label == "methods":
        return {**document, "settings": about.settings}
    options = {o.name: {"type": _type(o.annotation), "default": _default(o)} for o in _options(label, name).values()}
    text = _about(members.find(name))
    if label == "data" and "subset" in options:
        from twoplayer.data import SUBSET_TEXT

        text += f"\n\n{SUBSET_TEXT}"
    return {**document, "about": text, "options": options}


def _about(member: type) -> str:
    """What a member says of itself and its options: its class's docstring."""
    return inspect.cleandoc(member.__doc__ or "")


def _options(label: str, name: str) -> Mapping[str, Option]:
    """A member's options, with those that its family has in common."""
    if label == "data":
        from twoplayer import data

        return data.options_of(name)
    options: Mapping[str, Option] = _family(label).options(name)
    return options


def _show_member(document: dict[str, Any]) -> str:
    lines = [f"{document['name']}: {document['summary']}{_origin(document)}"]
    if document["source"]:
        lines.append(f"  source: {document['source']}")
    if "settings" in document:
        import yaml

        settings = yaml.safe_dump(document["settings"], sort_keys=False, default_flow_style=None).rstrip()
        lines += [f"  {line}" for line in settings.splitlines()]
    if document.get("about"):
        lines += ["", *(f"  {line}".rstrip() for line in document["about"].splitlines())]
        lines += [""] if document["options"] else []
    for name, option in document.get("options", {}).items():
        default = "required" if option["default"] == "required" else f"default {option['default']}"
        lines.append(f"  {name}: {option['type']} ({default})")
    return "\n".join(lines)


def _type(annotation: Any) -> str:
    """The annotation in words: ``float > 0``, ``list of int``, ``pair or average``, ``int >= 1 or none``."""
    return " or ".join(dict.fromkeys(_words(annotation)))


def _words(annotation: Any) -> Iterator[str]:
    arms = typing.get_args(annotation)
    match typing.get_origin(annotation):
        case typing.Union | types.UnionType:
            yield from (word for arm in arms for word in _words(arm))
        case typing.Literal:
            yield from map(str, arms)
        case typing.Annotated:
            yield f"{_type(arms[0])} {' and '.join(_bounds(arms[1]))}"
        case origin if origin in (list, tuple):
            yield f"list of {_type(arms[0])}"
        case _:
            yield "none" if annotation is type(None) else getattr(annotation, "__name__", str(annotation))


def _bounds(field: Any) -> Iterator[str]:
    yield from bounds(field)
    yield from [field.description] if field.description else []


def _default(option: Any) -> Any:
    return "required" if option.required else option.default
