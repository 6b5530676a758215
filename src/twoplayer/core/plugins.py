"""Members of families that other installed packages register through entry points, found without importing them.

A package's entry point group ``twoplayer.objectives`` registers objectives: the entry point's name is the member's
name, and its value ``module:Class`` says where the class is. There is one group for each family, the dashes of the
family's name written as underscores (``twoplayer.text_encoders``), and ``twoplayer.methods`` for YAML presets.

Source: the Python Packaging User Guide, "Entry points specification".
"""

from __future__ import annotations

import ast
import importlib.util
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

__all__ = ["Plugin", "PluginSource", "module_folder", "plugins", "read_plugin_source"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
MAX_REEXPORTS = 8
"""How many modules are read in search of the class that an entry point names."""


@dataclass(frozen=True)
class Plugin:
    """One entry point of an installed package.

    Args:
        name: the member's name.
        module: the module that holds it.
        attribute: its name in the module; empty where the entry point names the module alone.
        package: the distribution that registers it, such as ``twoplayer-lopsided``.
        version: the distribution's version.
    """

    name: str
    module: str
    attribute: str
    package: str
    version: str

    @property
    def origin(self) -> str:
        """Package and version, as messages and lists show them.

        >>> Plugin("lopsided", "lopsided.objective", "Lopsided", "twoplayer-lopsided", "1.2").origin
        'twoplayer-lopsided 1.2'
        """
        return f"{self.package} {self.version}".rstrip()


@dataclass(frozen=True)
class PluginSource:
    """What the source text of a plug-in says: the module as parsed, and the class's docstring where it was found."""

    tree: ast.Module
    class_docstring: str


def plugins(label: str, builtin_names: Iterable[str], builtin_place: str) -> list[Plugin]:
    """The plug-ins of one family, by name.

    A plug-in whose name is not usable, or is a built-in member's or another plug-in's already, is left out with a
    warning that names both.

    Args:
        label: the family's name, such as ``objectives`` or ``text-encoders``.
        builtin_names: the names of the members that twoplayer itself has.
        builtin_place: where those are, for the warning, such as ``twoplayer.objectives``.
    """
    builtin, accepted = set(builtin_names), dict[str, Plugin]()
    group = f"twoplayer.{label.replace('-', '_')}"
    for plugin in _entry_points().get(group, ()):
        registered = f"{plugin.name!r} of {plugin.origin} (entry point group {group})"
        if not NAME.fullmatch(plugin.name):
            _skip(f"{registered} is left out, since a name has only letters, digits, dashes and underscores")
        elif plugin.name in builtin:
            _skip(
                f"{registered} is left out, since {builtin_place} of twoplayer has a member of that name already: "
                "the package must register another name"
            )
        elif plugin.name in accepted:
            first = accepted[plugin.name].origin
            _skip(f"{registered} is left out, since {first} registers the same name: uninstall one of the two")
        else:
            accepted[plugin.name] = plugin
    return [accepted[name] for name in sorted(accepted)]


def read_plugin_source(plugin: Plugin) -> PluginSource | None:
    """The parsed source of a plug-in's module; None where it cannot be read without importing (compiled modules).

    Names that the module only imports from other modules of its package are followed.

    Raises:
        ModuleNotFoundError: where there is no such module.
        SyntaxError: where it is not valid Python.
    """
    spec = _find_spec(plugin.module)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {plugin.module!r}", name=plugin.module)
    parsed = _parse(spec)
    if parsed is None:
        return None
    module, name, tree = plugin.module, plugin.attribute.partition(".")[0], parsed
    for _ in range(MAX_REEXPORTS):
        for statement in tree.body:
            if isinstance(statement, ast.ClassDef) and statement.name == name:
                return PluginSource(tree, ast.get_docstring(statement) or "")
        followed = _imported_from(tree, module, name, is_package=spec.submodule_search_locations is not None)
        if followed is None:
            break
        module, name = followed
        spec = _find_spec(module)
        following = None if spec is None else _parse(spec)
        if spec is None or following is None:
            break
        tree = following
    return PluginSource(parsed, "")


def module_folder(module: str) -> Path | None:
    """The folder that a module's files lie in, without importing it; None where there is no such module."""
    spec = _find_spec(module)
    if spec is None:
        return None
    if spec.submodule_search_locations is not None:
        return next(iter(map(Path, spec.submodule_search_locations)), None)
    return Path(spec.origin).parent if spec.origin else None


@cache
def _entry_points() -> dict[str, list[Plugin]]:
    """All entry points whose group begins with ``twoplayer.``, by group, in the order of their packages' names.

    Of two installations of one package, the one that Python would import is read.
    """
    from importlib.metadata import distributions

    groups: dict[str, list[Plugin]] = {}
    read: set[str] = set()
    for distribution in distributions():
        points = [point for point in distribution.entry_points if point.group.startswith("twoplayer.")]
        if not points or (package := str(distribution.metadata["Name"] or "an unnamed package")) in read:
            continue
        read.add(package)
        for point in points:
            module, _, attribute = (word.strip() for word in point.value.partition("[")[0].partition(":"))
            version = str(distribution.metadata["Version"] or "")
            groups.setdefault(point.group, []).append(Plugin(point.name, module, attribute, package, version))
    return {group: sorted(members, key=lambda p: (p.package, p.name)) for group, members in groups.items()}


def _skip(message: str) -> None:
    warnings.warn(message, stacklevel=3)


def _find_spec(module: str) -> ModuleSpec | None:
    """The module's spec. `importlib.util.find_spec` imports the packages around it; this imports nothing."""
    first, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(first)
    except (ImportError, ValueError):
        return None
    name = first
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    return spec


def _parse(spec: ModuleSpec) -> ast.Module | None:
    if spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"), filename=spec.origin)


def _imported_from(tree: ast.Module, module: str, name: str, *, is_package: bool) -> tuple[str, str] | None:
    """The module and the name there that a module imports as `name`; None where it does not."""
    for statement, alias in _imports(tree):
        if (alias.asname or alias.name) == name:
            if not statement.level:
                return (statement.module or "", alias.name)
            around = module.split(".")
            around = around[: len(around) - statement.level + is_package]
            return ".".join([*around, *([statement.module] if statement.module else [])]), alias.name
    return None


def _imports(tree: ast.Module) -> Iterator[tuple[ast.ImportFrom, ast.alias]]:
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom):
            yield from ((statement, alias) for alias in statement.names)
