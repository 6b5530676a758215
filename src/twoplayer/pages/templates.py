"""Pages: self-contained HTML from a template in a package, in one style for light, dark, phone and print."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["breakable", "resource", "template"]


def template(package: str, name: str) -> Template:
    """The template file `name` of a package, which extends ``page.html``, the head of all pages.

    Everything poured into it is escaped; a missing value is an error.
    """
    from jinja2 import DictLoader, Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        loader=DictLoader({"page.html": resource("twoplayer.pages", "page.html")}),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    environment.globals["house_style"] = resource("twoplayer.pages", "style.css")
    return environment.from_string(resource(package, name))


def resource(package: str, name: str) -> Markup:
    """A text file of a package, to be put into a page as it stands."""
    return Markup(files(package).joinpath(name).read_text(encoding="utf-8"))


def breakable(name: str) -> Markup:
    """A long name that may break after its separators on a narrow screen."""
    escaped = str(escape(name))
    for separator in "_./":
        escaped = escaped.replace(separator, f"{separator}<wbr>")
    return Markup(escaped)
