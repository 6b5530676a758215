"""Discovery: a family is a package, its members are the files in it, and no file is imported to list them.

A member's name is its file's stem with dashes (``least_squares.py`` is ``least-squares``), unless the file
declares a literal ``VARIANTS = {"name": {option: value}}``, which gives several names to one class. The
first line of the module's docstring describes it, or a variant's own paragraph, which begins with its name and a
colon; a ``Source:`` paragraph cites it. Files that start with an underscore are shared parts, not members.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from twoplayer.core.errors import UserError, did_you_mean

__all__ = ["FAMILIES", "Description", "Family", "Option", "family"]

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
    """What a family says of one of its members without importing it."""

    name: str
    family: str
    summary: str
    source: str
    module: str
    preset: Mapping[str, Any] = field(default_factory=dict)


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
    """The members of one package: ``names()``, ``describe(name)`` and ``create(name, **options)``."""

    def __init__(self, package: str) -> None:
        self.package = package
        labels = {path: label for label, path in FAMILIES.items()}
        self.label = labels.get(package) or package.rpartition(".")[2]

    def __repr__(self) -> str:
        return f"Family({self.package!r})"

    def names(self) -> list[str]:
        """Every member's name, in alphabetical order. Imports nothing."""
        return sorted(self._members)

    def describe(self, name: str) -> Description:
        """The member's summary and source. Raises `UserError` for an unknown name."""
        if name not in self._members:
            raise UserError(f"no {self._singular} is called {name!r}: {did_you_mean(name, self.names())}")
        return self._members[name]

    def find(self, name: str) -> type[Any]:
        """The member's class, importing its file."""
        module = importlib.import_module(self.describe(name).module)
        classes = [getattr(module, public) for public in module.__all__]
        classes = [c for c in classes if inspect.isclass(c)]
        if len(classes) != 1:
            raise TypeError(f"{module.__name__}.__all__ must hold exactly one class, not {len(classes)}")
        return classes[0]  # type: ignore[no-any-return]

    def options(self, name: str) -> dict[str, Option]:
        """The keyword arguments that ``create(name, ...)`` takes, with annotations resolved and defaults."""
        cls, preset = self.find(name), self.describe(name).preset
        parameters = inspect.signature(cls, eval_str=True).parameters.values()
        return {
            p.name: Option(p.name, p.annotation, preset.get(p.name, p.default))
            for p in parameters
            if p.kind is inspect.Parameter.KEYWORD_ONLY
        }

    def create(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Build the member. Raises `UserError` for an unknown name or option."""
        cls, preset = self.find(name), self.describe(name).preset
        known = self.options(name)
        for option in options:
            if option not in known:
                raise UserError(f"{name} has no option {option!r}: {did_you_mean(option, known)}")
        return cls(*arguments, **{**preset, **options})

    @property
    def _singular(self) -> str:
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
        return members

    def _read(self, path: Path) -> list[Description]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        first, *more = [" ".join(p.split()).rstrip(".") for p in (ast.get_docstring(tree) or "").split("\n\n")]
        said = {key: text for key, colon, text in (p.partition(": ") for p in more) if colon}
        variants: Mapping[str, Mapping[str, Any]] = {path.stem.replace("_", "-"): {}}
        for statement in tree.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id="VARIANTS")], value=value):
                    variants = ast.literal_eval(value)
                case ast.AnnAssign(target=ast.Name(id="VARIANTS"), value=ast.expr() as value):
                    variants = ast.literal_eval(value)
                case _:
                    continue
        module = f"{self.package}.{path.stem}"
        source = said.get("Source", "")
        return [Description(n, self.label, said.get(n, first), source, module, dict(p)) for n, p in variants.items()]


def family(label: str) -> Family:
    """The family of that name, such as ``family("objectives")``."""
    package = importlib.import_module(FAMILIES[label])
    return package.family  # type: ignore[no-any-return]
