"""Members of families that a user passes as Python objects, and the names under which a config records them.

A part that was passed as an object is recorded as ``object:module:Class``. The name alone does not make the object
again: `ObjectName` carries it while the program runs, and a run that is opened later needs it to be passed again.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any, NamedTuple

__all__ = [
    "OBJECT_PREFIX", "ObjectName", "SourceLocation", "installed_class", "is_object_name", "object_name",
    "source_location",
]  # fmt: skip

OBJECT_PREFIX = "object:"


class ObjectName(str):
    """The name ``object:module:Class`` of an object, with the object.

    A string like any other in files and comparisons. `argument` is the keyword by which the object is passed, such as
    ``generator``; `value` is the object, or None for one that has not been passed again.
    """

    value: Any
    argument: str

    def __new__(cls, name: str, value: Any = None, argument: str = "") -> ObjectName:
        made = super().__new__(cls, name)
        made.value, made.argument = value, argument
        return made

    @property
    def class_name(self) -> str:
        """``module:Class``."""
        return self.removeprefix(OBJECT_PREFIX)


class SourceLocation(NamedTuple):
    """Where the class of an object is defined."""

    class_name: str
    """``module:Class``."""
    file: str | None
    """None where there is no file, as in an interactive session."""


def object_name(value: Any) -> str:
    """The name of an object by its class, or of a class.

    >>> from collections import OrderedDict
    >>> object_name(OrderedDict), object_name(OrderedDict())
    ('object:collections:OrderedDict', 'object:collections:OrderedDict')
    """
    kind = value if inspect.isclass(value) else type(value)
    return f"{OBJECT_PREFIX}{kind.__module__}:{kind.__qualname__}"


def is_object_name(name: str) -> bool:
    """Whether a member's name stands for an object.

    >>> is_object_name("object:my_module:MyGenerator"), is_object_name("dcgan")
    (True, False)
    """
    return name.startswith(OBJECT_PREFIX)


def source_location(value: Any) -> SourceLocation:
    """Where the class of an object, or a class, is defined."""
    kind = value if inspect.isclass(value) else type(value)
    try:
        file = inspect.getsourcefile(kind)
    except (TypeError, OSError):
        file = None
    return SourceLocation(object_name(kind).removeprefix(OBJECT_PREFIX), file)


def installed_class(name: str) -> type[Any] | None:
    """The class that an object's name names, where an installed package has it; else None.

    Modules of no installed package are not imported: a run folder must not decide which of a user's files run.
    """
    from importlib.metadata import packages_distributions

    module, _, qualified = name.removeprefix(OBJECT_PREFIX).partition(":")
    if "<locals>" in qualified or module.partition(".")[0] not in packages_distributions():
        return None
    try:
        found: Any = importlib.import_module(module)
        for attribute in qualified.split("."):
            found = getattr(found, attribute)
    except (ImportError, AttributeError):
        return None
    return found if inspect.isclass(found) else None
