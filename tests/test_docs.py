"""The documentation is true: its commands parse, its Python runs, its pictures are made by what stands beside them."""

from __future__ import annotations

import ast
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import yaml
from PIL import Image

import twoplayer
from twoplayer.core.registry import FAMILIES, family

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples/README.md", *sorted(DOCS.rglob("[!_]*.md"))]
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
MAX_PICTURE_BYTES = 150_000
SMALL_BUDGET = {"steps": 4, "evaluate_count": 0, "tensorboard": False, "sample_every": 1000}
ENDS = ("steps", "images", "budget", "max_time")

sys.path.insert(0, str(DOCS))
import gallery  # noqa: E402
import generated_pages  # noqa: E402


def code_blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language, also where they are indented below a tab."""
    text = path.read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def commands(path: Path) -> Iterator[list[str]]:
    """The words of each command ``twoplayer ...`` in the ``sh`` blocks of a page."""
    for block in code_blocks(path, "sh"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["twoplayer"]:
                yield words[1:]


# ---- commands


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_can_be_typed(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are parsed, and all settings of training and comparing resolved; nothing is run."""
    for name in ("photos", "horses", "zebras", "out"):
        make_images(tmp_path / name)
    (tmp_path / "settings.yaml").write_text("method: wgan-gp\ndata: ring\n")
    for path in PAGES:  # methods of one's own
        for block in code_blocks(path, "yaml"):
            if (name := re.match(r"# (my-[a-z-]+\.yaml)\n", block)) is not None:
                (tmp_path / name[1]).write_text(block)
    monkeypatch.chdir(tmp_path)
    for words in commands(page):
        parse(words)


def parse(words: list[str]) -> None:
    """Parse one command, and check the settings of ``train`` and ``compare``; nothing else is run."""
    from twoplayer.cli import main

    root = next(value for value in vars(main).values() if isinstance(value, click.Group))
    with root.make_context("twoplayer", list(words)) as context:
        verb, command, rest = root.resolve_command(context, list(words))
        assert command is not None
        if isinstance(command, click.Group):
            _, command, rest = command.resolve_command(context, rest)
        assert command is not None
        with command.make_context(verb, rest, parent=context) as made:
            if verb in ("train", "compare"):
                check_settings(made)


def check_settings(context: click.Context) -> None:
    """Resolve the settings of a parsed ``train`` or ``compare`` command for each of its methods."""
    from twoplayer.cli._settings import read_words
    from twoplayer.config.layers import resolve_config
    from twoplayer.config.schema import Config

    fields = {
        k: v
        for k, v in context.params.items()
        if v is not None and k in {*Config.model_fields, *ENDS, "networks", "augment"}
    }
    bare, settings = read_words(context.params["words"], fields)
    if any("/" in word and not word.endswith(".yaml") for word in bare):
        return  # finished runs
    data = settings.pop("data", None)
    if data is not None and str(data).split("-")[0] in ("emoji", "fashion", "cifar10"):
        data = "digits"  # the same settings, of data that are always at hand
    for method in bare or [None]:
        resolve_config(method, data, config=context.params.get("config"), **settings)


def make_images(folder: Path) -> None:
    """A folder of eight small images, half of them in each of two class folders."""
    for index in range(8):
        path = folder / f"class-{index % 2}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(index).integers(0, 256, (16, 16, 3)).astype(np.uint8)).save(path)


# ---- Python


RUNNABLE = [path for path in PAGES if code_blocks(path, "python") and path.name != "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda path: path.name)
def test_python_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks of a page, one after the other, with every training cut to a few steps."""
    whole_training, whole_evaluation = twoplayer.train, twoplayer.Run.evaluate

    def short_training(*arguments: Any, **settings: Any) -> Any:
        kept = {name: value for name, value in settings.items() if name not in ENDS}
        return whole_training(*arguments, **{**kept, **SMALL_BUDGET})

    def short_evaluation(run: Any, **options: Any) -> Any:
        return whole_evaluation(run, **{"n": 120, **options})

    monkeypatch.setattr(twoplayer, "train", short_training, raising=False)
    monkeypatch.setattr(twoplayer.Run, "evaluate", short_evaluation)
    monkeypatch.setattr(twoplayer.GAN, "fit", short_fit(twoplayer.GAN.fit))
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": page.stem}
    for block in code_blocks(page, "python"):
        exec(compile(block, str(page), "exec"), namespace)


def short_fit(fit: Any) -> Any:
    """`GAN.fit` with a few steps."""

    def fit_shortly(gan: Any, *arguments: Any, **options: Any) -> Any:
        return fit(gan.set_params(steps=4), *arguments, **options)

    return fit_shortly


def excerpts() -> list[tuple[str, str]]:
    """The blocks of CONTRIBUTING that quote a file of the tree, which their first line names."""
    blocks = [block for language in ("python", "yaml") for block in code_blocks(ROOT / "CONTRIBUTING.md", language)]
    return [(match[1], match[2]) for block in blocks if (match := re.match(r"# (src/\S+)\n(.*)", block, re.DOTALL))]


@pytest.mark.parametrize(("path", "excerpt"), excerpts(), ids=[Path(path).name for path, _ in excerpts()])
def test_excerpts_in_contributing_are_those_of_the_tree(path: str, excerpt: str) -> None:
    lines = iter((ROOT / path).read_text(encoding="utf-8").splitlines())
    for line in excerpt.splitlines():
        assert line in lines, f"{path} has no such line there: {line}"


def test_paths_in_contributing_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:src|tests|docs)/[\w./-]+)`", text)
    parents = [ROOT / path if "name." not in path and "NAME." not in path else (ROOT / path).parent for path in paths]
    assert paths and [str(path) for path in parents if not path.exists()] == []


# ---- generated pages


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return generated_pages.generated_pages()


def test_the_table_of_methods_lists_every_method_as_it_is(pages: dict[str, str]) -> None:
    from twoplayer import methods

    for name in methods.names():
        described = methods.describe(name)
        row = f"| [`{name}`](#{name}) | {described.summary} | {described.source} | {described.year} |"
        assert row in pages["methods.md"]


@pytest.mark.parametrize("label", FAMILIES)
def test_the_page_of_a_family_lists_every_member_with_its_options(label: str, pages: dict[str, str]) -> None:
    page = pages[f"reference/families/{label}.md"]
    for name in family(label).names():
        section = page.split(f"## `{name}` ")[1].split("\n## ")[0]
        assert generated_pages.text(family(label).describe(name).summary) in section
        assert all(f"| `{option}` |" in section for option in family(label).options(name))


def test_the_reference_names_every_public_class_and_function(pages: dict[str, str]) -> None:
    for name in twoplayer.__all__:
        assert name.startswith("__") or f"- {name}\n" in pages["reference/python/twoplayer.md"] + "\n"
    package = ROOT / "src" / "twoplayer"
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).with_suffix("").parts
        if len(parts) < 2 or any(part.startswith("_") for part in parts):
            continue
        page = pages[f"reference/python/{'.'.join(parts[:-1])}.md"]
        for name in generated_pages.public_names(path):
            assert f"- {name}\n" in page + "\n", f"{path}: {name}"


def test_the_page_of_commands_has_every_command(pages: dict[str, str]) -> None:
    from twoplayer.cli import main

    root = next(value for value in vars(main).values() if isinstance(value, click.Group))
    for verb in root.list_commands(click.Context(root)):
        assert f"## `twoplayer {verb}`" in pages["reference/commands.md"]


def test_options_of_a_google_style_docstring() -> None:
    docstring = (
        "What it does.\n\nMore of it.\n\nArgs:\n    width: Units of a layer.\n        At least 1.\n"
        "    gain (float): Factor.\n\nRaises:\n    UserError: If so.\n"
    )
    description, options = generated_pages.split_docstring(docstring)
    assert description == "What it does.\n\nMore of it."
    assert options == {"width": "Units of a layer. At least 1.", "gain": "Factor."}


# ---- gallery


def test_every_picture_of_the_gallery_is_made_by_the_commands_above_it() -> None:
    text = gallery.PAGE.read_text(encoding="utf-8")
    shown = set(re.findall(r"!\[[^]]+\]\(gallery/([^)]+)\)", text))
    blocks = gallery.command_blocks(text)
    made = {word for block in blocks for command in block for word in shlex.split(command) if word.endswith(".png")}
    assert shown == made
    assert {path.name for path in gallery.PICTURES.glob("*.png")} == made
    assert all((gallery.PICTURES / name).stat().st_size < MAX_PICTURE_BYTES for name in made)


# ---- what stands around the documentation


def test_issue_forms_and_citation_are_valid_yaml() -> None:
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.name != "config.yml":
            assert {"name", "description", "body"} <= set(form)
            assert all(field["type"] in ("textarea", "input", "checkboxes", "markdown") for field in form["body"])
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == twoplayer.__version__.split("+")[0].split(".dev")[0]


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for path in DOCS.rglob("[!_]*.md"):
        assert path.relative_to(DOCS).as_posix() in text


def test_python_blocks_are_valid() -> None:
    for page in PAGES:
        if page.name != "CONTRIBUTING.md":
            for block in code_blocks(page, "python"):
                ast.parse(block)
