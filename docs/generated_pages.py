"""The pages of the documentation that are generated from the code: methods, families, Python reference, commands.

Nothing here is written by hand twice: names, summaries, sources and options come from the registry and the presets,
signatures and descriptions from the docstrings, and the commands from their own ``--help``.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import yaml
from click.testing import CliRunner

from twoplayer import diagnosis, lab, methods
from twoplayer.cli import list as list_command
from twoplayer.cli import main
from twoplayer.core.registry import FAMILIES, Family, family

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "twoplayer"
DOCSTRING_SECTIONS = ("Args:", "Attributes:", "Returns:", "Raises:", "Example:", "Examples:")


def generated_pages() -> dict[str, str]:
    """Every generated page: its path below ``docs/`` and its Markdown."""
    return {
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        "methods.md": methods_page(),
        "reference/index.md": reference_index(),
        "reference/commands.md": commands_page(),
        **{f"reference/families/{label}.md": family_page(label) for label in FAMILIES},
        "reference/families/failure-modes.md": registry_page(
            "Failure modes", diagnosis.family, "What `twoplayer diagnose` looks for. `--only NAME` looks for one."
        ),
        "reference/families/demonstrations.md": registry_page(
            "Demonstrations", lab.family, "What `twoplayer lab NAME` runs. [The guide](../../guides/theory.md)."
        ),
        **{f"reference/python/{name}.md": text for name, text in python_pages()},
    }


# ---- methods


def methods_page() -> str:
    """The table of methods and the settings of each, from the YAML presets."""
    lines = [
        "# Methods",
        "",
        "A method is a named preset: a YAML file that names an objective, regularizers, networks and an algorithm",
        "with the paper's settings. `twoplayer train METHOD` trains it, `twoplayer list methods METHOD` prints its",
        "settings, and any setting can be changed by a flag.",
        "",
        "| method | what it is | source | year |",
        "| --- | --- | --- | --- |",
    ]
    described = sorted(map(methods.describe, methods.names()), key=lambda m: (m.year, m.source, m.name))
    lines += [f"| [`{m.name}`](#{m.name}) | {cell(m.summary)} | {cell(m.source)} | {m.year} |" for m in described]
    lines += ["", *notes_on_methods(), ""]
    for method in sorted(described, key=lambda m: m.name):
        settings = yaml.safe_dump(
            method.settings, sort_keys=False, default_flow_style=None, allow_unicode=True
        ).rstrip()
        lines += [
            f"## `{method.name}` {{ #{method.name} }}",
            "",
            f"{method.summary}. {method.source}.",
            "",
            "```yaml",
            settings.rstrip(),
            "```",
            "",
        ]
    return "\n".join(lines)


def notes_on_methods() -> list[str]:
    """Where the presets differ from their papers."""
    return [(Path(__file__).parent / "_methods-notes.md").read_text(encoding="utf-8")]


# ---- families


def family_page(label: str) -> str:
    """A family of the registry: each member with summary, source and options, as ``twoplayer list`` tells them."""
    members = listed(label)[label]
    lines = [f"# {title(label)}", "", f"`twoplayer list {label}` prints this list.", "", *table_of(members)]
    for member in members:
        lines += member_section(listed(label, member["name"]), option_descriptions(label, member["name"]))
    return "\n".join(lines)


def registry_page(heading: str, family: Family, lead: str) -> str:
    """A family that ``twoplayer list`` does not show."""
    members = [vars(family.describe(name)) for name in family.names()]
    lines = [f"# {heading}", "", lead, "", *table_of(members)]
    for member in members:
        lines += [*heading_of(member), ""]
    return "\n".join(lines)


def listed(*names: str) -> Any:
    """What ``twoplayer list ... --json`` prints."""
    printed = CliRunner().invoke(list_command.command, [*names, "--json"], catch_exceptions=False)
    return json.loads(printed.output)


def table_of(members: list[dict[str, Any]]) -> list[str]:
    """A table of names and summaries, each name a link to the member's own section."""
    rows = [f"| [`{m['name']}`](#{anchor(m['name'])}) | {cell(m['summary'])} |" for m in members]
    return ["| name | what it is |", "| --- | --- |", *rows, ""]


def heading_of(member: dict[str, Any]) -> list[str]:
    """The heading of a member's section, its summary and its source."""
    lines = [f"## `{member['name']}` {{ #{anchor(member['name'])} }}", "", f"{text(member['summary'])}."]
    return [*lines, "", f"Source: {text(member['source'])}."] if member["source"] else lines


def option_descriptions(label: str, name: str) -> dict[str, str]:
    """What the ``Args:`` sections of a member's class, of its options' class and of their bases say of each option."""
    member = family(label).find(name)
    classes = [*member.__mro__, *getattr(getattr(member, "Options", None), "__mro__", ())]
    if label == "data":
        from twoplayer.data import DataSettings

        classes.append(DataSettings)
    descriptions: dict[str, str] = {}
    for cls in classes:
        if cls.__module__.startswith("twoplayer"):
            descriptions = {**split_docstring(inspect.cleandoc(vars(cls).get("__doc__") or ""))[1], **descriptions}
    return descriptions


def member_section(member: dict[str, Any], described_options: dict[str, str]) -> list[str]:
    """One member: summary, source, what its class says, and its options with types and defaults."""
    lines = [*heading_of(member), ""]
    description, _ = split_docstring(member.get("about", ""))
    if description:
        lines += [text(description), ""]
    if member["options"]:
        lines += ["| option | type | default | meaning |", "| --- | --- | --- | --- |"]
        for name, option in member["options"].items():
            meaning = option.get("description") or described_options.get(name, "")
            default = "required" if option["default"] == "required" else f"`{option['default']}`"
            lines.append(f"| `{name}` | {cell(option['type'])} | {default} | {cell(meaning)} |")
        lines.append("")
    return lines


def split_docstring(docstring: str) -> tuple[str, dict[str, str]]:
    """A Google-style docstring as its description and the entries of its ``Args:`` section."""
    paragraphs: list[str] = []
    options: dict[str, str] = {}
    section, name = "", ""
    for line in docstring.splitlines():
        stripped = line.strip()
        if not line.startswith(" ") and stripped in (
            "Args:",
            "Attributes:",
            "Returns:",
            "Raises:",
            "Example:",
            "Examples:",
        ):
            section = stripped
        elif not line.startswith(" ") and stripped:
            section = ""
            paragraphs.append(line)
        elif section in ("Args:", "Attributes:"):
            indent = len(line) - len(line.lstrip())
            if stripped and indent <= 4 and ":" in stripped:
                name, _, meaning = stripped.partition(":")
                name = name.split("(")[0].strip()
                options[name] = meaning.strip()
            elif stripped and name:
                options[name] += f" {stripped}"
        elif not section:
            paragraphs.append(line)
    return "\n".join(paragraphs).strip(), options


# ---- Python


def reference_index() -> str:
    """What the reference holds."""
    families = [f"- [{title(label)}](families/{label}.md)" for label in FAMILIES]
    packages = [f"- [`twoplayer.{name}`](python/{name}.md)" for name, _ in python_pages() if name != "twoplayer"]
    return "\n".join(
        [
            "# Reference",
            "",
            "- [Commands](commands.md): every command of `twoplayer` with its options.",
            "- [`import twoplayer`](python/twoplayer.md): what most programs need.",
            "",
            "## Families",
            "",
            "Parts that are chosen by name. Each page lists all members with summary, source and options.",
            "",
            *families,
            "- [Failure modes](families/failure-modes.md)",
            "- [Demonstrations](families/demonstrations.md)",
            "",
            "## Packages",
            "",
            "Every public class and function, from its docstring.",
            "",
            *packages,
            "",
        ]
    )


def python_pages() -> Iterator[tuple[str, str]]:
    """The packages with their public modules: a name and a page of instructions for mkdocstrings."""
    yield "twoplayer", "\n".join(["# `import twoplayer`", "", *identifier("twoplayer", PACKAGE / "__init__.py")])
    for folder in sorted(path.parent for path in PACKAGE.rglob("__init__.py")):
        parts = folder.relative_to(PACKAGE).parts
        if not parts or any(part.startswith("_") for part in parts):
            continue
        name = ".".join(parts)
        lines = [f"# `twoplayer.{name}`", "", f"{first_line(folder / '__init__.py')}", ""]
        lines += identifier(f"twoplayer.{name}", folder / "__init__.py")
        for path in sorted(folder.glob("*.py")):
            if path.name == "__init__.py" or (path.stem.startswith("_") and path.stem != "_base"):
                continue
            lines += identifier(f"twoplayer.{name}.{path.stem}", path)
        yield name, "\n".join(lines)


def identifier(module: str, path: Path) -> list[str]:
    """The instruction that renders what a module offers in ``__all__``; nothing where it offers nothing."""
    members = [name for name in public_names(path) if not name.startswith("__")]
    if not members:
        return []
    chosen = [f"        - {name}" for name in members]
    heading = [f"## `{module}`", ""] if path.name != "__init__.py" else []
    options = [
        "    options:",
        "      show_root_heading: false",
        "      show_root_toc_entry: false",
        "      members:",
        *chosen,
    ]
    return [*heading, f"::: {module}", *options, ""]


def public_names(path: Path) -> list[str]:
    """The names in a module's ``__all__`` that are classes or functions, defined there or imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    offered: list[str] = []
    callables: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                offered = list(ast.literal_eval(value))
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                callables.add(name)
            case ast.ImportFrom(names=names):
                callables |= {alias.asname or alias.name for alias in names}
    return [name for name in offered if name in callables]


# ---- commands


def commands_page() -> str:
    """Every command with its help, as the terminal prints it."""
    lines = ["# Commands", "", "What `twoplayer COMMAND --help` prints.", ""]
    for words, command in commands():
        with click.Context(command, info_name=" ".join(["twoplayer", *words]), terminal_width=100) as context:
            lines += [f"## `{' '.join(['twoplayer', *words])}`", "", "```text", command.get_help(context), "```", ""]
    return "\n".join(lines)


def commands() -> Iterator[tuple[list[str], click.Command]]:
    """The verbs, and the commands below those that have some."""
    group = next(value for value in vars(main).values() if isinstance(value, click.Group))
    context = click.Context(group)
    for verb in group.list_commands(context):
        command = group.get_command(context, verb)
        assert command is not None
        yield [verb], command
        if isinstance(command, click.Group):
            yield from (([verb, name], below) for name, below in command.commands.items())


# ---- text


def title(label: str) -> str:
    """The heading of a family: ``Two-sample tests``, ``Data``."""
    return label.replace("two-sample", "two@sample").replace("-", " ").replace("@", "-").capitalize()


def anchor(name: str) -> str:
    """A member's name as an anchor."""
    return name.replace("+", "-and-")


def text(words: str) -> str:
    """Words of a docstring as Markdown: asterisks that stand for themselves are escaped."""
    return words.replace("*", r"\*").replace("<", "&lt;")


def cell(words: str) -> str:
    """Words for a cell of a table."""
    return " ".join(words.replace("|", r"\|").replace("<", "&lt;").split())


def first_line(path: Path) -> str:
    """The first line of a module's docstring, as a sentence."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
