"""Self-contained HTML pages from a template in a package, with one style for light, dark, phone and print."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["breakable", "resource", "template"]


def template(package: str, name: str) -> Template:
    """A template that extends ``page.html``, the head of all pages, and may import ``fragments.html``.

    Values are escaped; a missing one is an error.

    Args:
        package: the package that contains the file, such as ``"twoplayer.reporting"``.
        name: the name of the file.
    """
    from jinja2 import DictLoader, Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        loader=DictLoader({shared: resource("twoplayer.pages", shared) for shared in ("page.html", "fragments.html")}),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    environment.globals["house_style"] = resource("twoplayer.pages", "style.css")
    return environment.from_string(resource(package, name))


def resource(package: str, name: str) -> Markup:
    """The content of a text file of a package, which is not escaped in a page."""
    return Markup(files(package).joinpath(name).read_text(encoding="utf-8"))


def breakable(name: str) -> Markup:
    """A name, escaped, with line breaks allowed after its separators.

    >>> str(breakable("fd_classifier"))
    'fd_<wbr>classifier'
    """
    escaped = str(escape(name))
    for separator in "_./":
        escaped = escaped.replace(separator, f"{separator}<wbr>")
    return Markup(escaped)
