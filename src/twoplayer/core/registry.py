"""Discovery: a family is a package, its members are the files in it, and no file is imported to list them.

A member's name is its file's stem with dashes (``least_squares.py`` is ``least-squares``), unless the file
declares a literal ``VARIANTS = {"name": {option: value}}``, which gives several names to one class. The
first line of the module's docstring describes it, or a variant's own paragraph, which begins with its name and a
colon; a ``Source:`` paragraph cites it. Files that start with an underscore are shared parts, not members.

Other installed packages add members through entry points (`twoplayer.core.plugins`); their source is read alike.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import dataclasses
import importlib
import importlib.util
import inspect
import re
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.core.objects import ObjectName, installed_class, is_object_name
from twoplayer.core.plugins import Plugin, plugins, read_plugin_source

__all__ = ["FAMILIES", "Description", "Family", "Option", "family", "lazy_attributes", "member_name"]

FAMILIES: Mapping[str, str] = {
    "data": "twoplayer.data",
    "objectives": "twoplayer.objectives",
    "regularizers": "twoplayer.regularizers",
    "networks": "twoplayer.networks",
    "text-encoders": "twoplayer.text_encoders",
    "extractors": "twoplayer.extractors",
    "metrics": "twoplayer.metrics",
    "evaluation-tasks": "twoplayer.evaluation.tasks",
    "two-sample-tests": "twoplayer.two_sample.statistics",
    "algorithms": "twoplayer.algorithms",
    "optimizers": "twoplayer.optimizers",
    "priors": "twoplayer.priors",
    "schedules": "twoplayer.schedules",
    "stopping-criteria": "twoplayer.training.stopping",
    "games": "twoplayer.games",
}
"""Packages of the families that ``twoplayer list`` shows, by label, in the order in which they are listed."""

SINGULAR = {
    "data": "data source",
    "diagnosis": "failure mode",
    "lab": "demonstration",
    "preparing": "data set to prepare",
    "two-sample-tests": "two-sample test",
}


@dataclass(frozen=True)
class Description:
    """What is known of a family's member without importing it.

    Args:
        name: the member's name.
        family: the family's name, such as ``objectives``.
        summary: one line.
        source: the paper, or empty.
        module: the module that holds the class.
        preset: options that the name stands for, where one class has several names.
        plugin: the entry point of an installed package that registers it; None for members of twoplayer itself.
    """

    name: str
    family: str
    summary: str
    source: str
    module: str
    preset: Mapping[str, Any] = field(default_factory=dict)
    plugin: Plugin | None = None

    @property
    def origin(self) -> str:
        """Name and version of the package that registers it; empty for members of twoplayer itself."""
        return "" if self.plugin is None else self.plugin.origin


@dataclass(frozen=True)
class Option:
    """One keyword argument of a member's constructor: its annotation and default."""

    name: str
    annotation: Any
    default: Any

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


class Family:
    """The members of one package: ``names()``, ``describe(name)`` and ``create(name, **options)``.

    Args:
        package: the package whose files are the members, such as ``twoplayer.objectives``.
        root: the class that every member extends, as ``module:Class``; plug-ins are held to it where it is given.
    """

    def __init__(self, package: str, root: str | None = None) -> None:
        self.package = package
        self._root = root
        labels = {path: label for label, path in FAMILIES.items()}
        self.label = labels.get(package) or package.rpartition(".")[2]
        self._warned: set[str] = set()

    def __repr__(self) -> str:
        return f"Family({self.package!r})"

    def names(self) -> list[str]:
        """Every member's name, in alphabetical order. Imports nothing."""
        return sorted(self._members)

    def importable_names(self) -> list[str]:
        """The names of all members whose class can be imported, which imports them all.

        A plug-in that cannot be imported is left out, with a warning that names it once.
        """
        importable = []
        for name in self.names():
            try:
                self.find(name)
            except UserError as error:
                if name not in self._warned:
                    warnings.warn(f"{error} (it is left out)", stacklevel=2)
                self._warned.add(name)
            else:
                importable.append(name)
        return importable

    def describe(self, name: str) -> Description:
        """The member's summary and source. Raises `UserError` for an unknown name."""
        if is_object_name(name):
            about = _paragraphs(self._object_class(name).__doc__)[0]
            return Description(name, self.label, about, "", self._object_class(name).__module__)
        if name not in self._members:
            raise UserError(f"no {self.singular} is called {name!r}: {did_you_mean(name, self.names())}")
        return self._members[name]

    def find(self, name: str) -> type[Any]:
        """The member's class, importing its file.

        Raises `UserError` for an unknown name, and for a plug-in that cannot be imported or is no such class.
        """
        if is_object_name(name):
            return self._object_class(name)
        about = self.describe(name)
        if about.plugin is not None:
            return self._find_plugin(about.plugin)
        module = importlib.import_module(about.module)
        classes = [getattr(module, public) for public in module.__all__]
        classes = [c for c in classes if inspect.isclass(c)]
        if len(classes) > 1:  # beside the member there may be its options
            classes = [c for c in classes if issubclass(c, self.root)]
        if len(classes) != 1:
            raise TypeError(f"{module.__name__}.__all__ must hold exactly one member, not {len(classes)}")
        return classes[0]  # type: ignore[no-any-return]

    def _object_class(self, name: str) -> type[Any]:
        """The class of a member that was passed as an object.

        Raises `UserError` for one that has not been passed again, unless its class is an installed package's.
        """
        value = name.value if isinstance(name, ObjectName) else None
        if value is not None:
            return value if inspect.isclass(value) else type(value)
        argument = (name.argument if isinstance(name, ObjectName) else "") or self.singular.replace(" ", "_")
        class_name = name.partition(":")[2]
        if (found := installed_class(name)) is not None:
            return found
        short = class_name.rpartition(":")[2].rpartition(".")[2]
        raise UserError(
            f"the {argument} of this run is an object of the class {class_name}, which a run folder does not hold: "
            f"pass it again, as in twoplayer.Run(path, {argument}={short}()) or "
            f"twoplayer.train(..., {argument}={short}())"
        )

    def _create_object(self, name: str, *arguments: Any, **options: Any) -> Any:
        """A member from the object that was passed: made of a class, else a copy of the object itself."""
        cls = self._object_class(name)
        value = name.value if isinstance(name, ObjectName) else None
        if value is not None and not inspect.isclass(value):
            return copy.deepcopy(value)
        if value is None:
            warnings.warn(
                f"{name.partition(':')[2]} was an object when this run began: it is made anew, without arguments, "
                "since an installed package has its class; pass it again where it had arguments",
                stacklevel=3,
            )
        try:
            return cls(*arguments, **options)
        except TypeError as error:
            raise UserError(f"{name.partition(':')[2]} cannot be made with these options ({error})") from error

    @property
    def root(self) -> type[Any]:
        """The class that every member extends, importing its file."""
        if self._root is None:
            return object
        module, _, name = self._root.partition(":")
        return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]

    def options(self, name: str) -> dict[str, Option]:
        """The keyword arguments that ``create(name, ...)`` takes, with annotations resolved and defaults."""
        if is_object_name(name) and not inspect.isclass(getattr(name, "value", None)):
            return {}  # an object has its options already
        cls = self.find(name)
        preset = {} if is_object_name(name) else self.describe(name).preset
        if is_object_name(name) and not issubclass(cls, self.root):  # such as a torch module's class
            parameters = inspect.signature(cls, eval_str=True).parameters.values()
            options = [p for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
            return {p.name: Option(p.name, _annotation(p), p.default) for p in options}
        # games declare their options as a dataclass, other members as keyword arguments
        declared = getattr(cls, "Options", None)
        if declared is not None:
            types, fields = typing.get_type_hints(declared, include_extras=True), dataclasses.fields(declared)
            return {f.name: Option(f.name, types[f.name], preset.get(f.name, f.default)) for f in fields}
        return {
            p.name: Option(p.name, p.annotation, preset.get(p.name, p.default))
            for p in inspect.signature(cls, eval_str=True).parameters.values()
            if p.kind is inspect.Parameter.KEYWORD_ONLY
        }

    def create(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Build the member. Raises `UserError` for an unknown name or option."""
        if is_object_name(name):
            return self._create_object(name, *arguments, **options)
        cls, preset = self.find(name), self.describe(name).preset
        known = self.options(name)
        for option in options:
            if option not in known:
                raise UserError(f"{name} has no option {option!r}: {did_you_mean(option, known)}")
        options = {**preset, **options}
        declared = getattr(cls, "Options", None)
        member = cls(*arguments, **options) if declared is None else cls(*arguments, declared(**options))
        with contextlib.suppress(AttributeError):  # a class with slots keeps the name of its class
            object.__setattr__(member, "member_name", name)
        return member

    @property
    def singular(self) -> str:
        """What one member is called, such as ``objective`` or ``data source``."""
        return SINGULAR.get(self.label, self.label.rstrip("s").replace("-", " "))

    @cached_property
    def _members(self) -> dict[str, Description]:
        spec = importlib.util.find_spec(self.package)
        assert spec is not None and spec.submodule_search_locations is not None
        members: dict[str, Description] = {}
        for folder in spec.submodule_search_locations:
            for path in sorted(Path(folder).glob("[!_]*.py")):
                for description in self._read(path):
                    members[description.name] = description
        for plugin in plugins(self.label, members, f"the family {self.label}"):
            try:
                members[plugin.name] = self._read_plugin(plugin)
            except (ImportError, SyntaxError, OSError, ValueError) as error:
                warnings.warn(f"{self._broken(plugin, error)} (it is left out)", stacklevel=3)
        return members

    def _read(self, path: Path) -> list[Description]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        first, *more = _paragraphs(ast.get_docstring(tree))
        said = _labelled_paragraphs(more)
        variants = _variants(tree) or {path.stem.replace("_", "-"): {}}
        module = f"{self.package}.{path.stem}"
        source = said.get("Source", "")
        return [Description(n, self.label, said.get(n, first), source, module, dict(p)) for n, p in variants.items()]

    def _read_plugin(self, plugin: Plugin) -> Description:
        """A plug-in's description: its class's docstring first, then its module's."""
        source = read_plugin_source(plugin)
        if source is None:  # a compiled module: it says what it is when it is imported
            return Description(plugin.name, self.label, "", "", plugin.module, plugin=plugin)
        of_class, of_module = _paragraphs(source.class_docstring), _paragraphs(ast.get_docstring(source.tree))
        said = {**_labelled_paragraphs(of_module), **_labelled_paragraphs(of_class)}
        summary = said.get(plugin.name) or next(filter(None, [*of_class[:1], *of_module[:1]]), "")
        preset = _variants(source.tree).get(plugin.name, {})
        return Description(
            plugin.name, self.label, summary, said.get("Source", ""), plugin.module, dict(preset), plugin
        )  # fmt: skip

    def _find_plugin(self, plugin: Plugin) -> type[Any]:
        try:
            member: Any = importlib.import_module(plugin.module)
            for attribute in filter(None, plugin.attribute.split(".")):
                member = getattr(member, attribute)
        except Exception as error:  # whatever somebody else's module raises
            raise UserError(self._broken(plugin, error)) from error
        if not inspect.isclass(member) or not issubclass(member, self.root):
            root = "a class" if self.root is object else f"a class that extends {self.root.__name__}"
            kind = member.__name__ if inspect.isclass(member) else f"a {type(member).__name__}"
            raise UserError(
                f"the {self.singular} {plugin.name!r} of {plugin.origin} must be {root}, but "
                f"{plugin.module}:{plugin.attribute} is {kind}"
            )
        return member

    def _broken(self, plugin: Plugin, error: BaseException) -> str:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return f"the {self.singular} {plugin.name!r} of {plugin.origin} cannot be imported ({reason})"


def _annotation(parameter: inspect.Parameter) -> Any:
    return Any if parameter.annotation is parameter.empty else parameter.annotation


def _paragraphs(docstring: str | None) -> list[str]:
    """The paragraphs of a docstring, each on one line and without its last full stop; one empty one where none."""
    return [" ".join(p.split()).rstrip(".") for p in (docstring or "").split("\n\n")]


def _labelled_paragraphs(paragraphs: list[str]) -> dict[str, str]:
    """The paragraphs that begin with a label and a colon, such as ``Source: ...``."""
    return {key: text for key, colon, text in (p.partition(": ") for p in paragraphs) if colon}


def _variants(tree: ast.Module) -> Mapping[str, Mapping[str, Any]]:
    """The literal ``VARIANTS`` of a module, or nothing."""
    variants: Mapping[str, Mapping[str, Any]] = {}
    for value in _assigned_variants(tree):
        variants = ast.literal_eval(value)
    return variants


def _assigned_variants(tree: ast.Module) -> Iterator[ast.expr]:
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="VARIANTS")], value=value):
                yield value
            case ast.AnnAssign(target=ast.Name(id="VARIANTS"), value=ast.expr() as value):
                yield value


def lazy_attributes(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's ``__getattr__`` that imports public classes from its modules where they are used.

    Listing a family must not cost an import of torch or numpy, which the classes need.

    Args:
        package: the package's name.
        homes: from each class's name to the module of the package that defines it, such as ``{"Objective": "_base"}``.
    """

    def attribute(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    return attribute


def member_name(member: object) -> str:
    """The name under which a family knows an object; for objects from outside, the class's name with dashes.

    >>> class InstanceNoise: ...
    >>> member_name(InstanceNoise())
    'instance-noise'
    """
    known = getattr(member, "member_name", None)
    return known if isinstance(known, str) else re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(member).__name__).lower()


def family(label: str) -> Family:
    """The family of that name, such as ``family("objectives")``."""
    package = importlib.import_module(FAMILIES[label])
    return package.family  # type: ignore[no-any-return]
