"""The lab: checks that compute their verdict, pages that stand alone, and demonstrations that can fail."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from twoplayer import lab
from twoplayer.cli.main import run
from twoplayer.core.errors import UserError
from twoplayer.core.registry import Description
from twoplayer.lab._page import contents_page, result_page
from twoplayer.lab._result import DemonstrationResult, ResultCheck, ResultPicture, ResultTable, cell_text

QUICK, OTHER = "earth-mover", "strong-and-weak"


def empty_result() -> DemonstrationResult:
    return DemonstrationResult(Description("made-up", "lab", "A title", "A source", "twoplayer.lab"), "A claim.", 0)


# ---- checks


@pytest.mark.parametrize(
    ("check", "held"),
    [
        (ResultCheck("x", 1.0, "=", 1.05, 0.1), True),
        (ResultCheck("x", 1.0, "=", 1.2, 0.1), False),
        (ResultCheck("x", math.inf, "=", math.inf), True),
        (ResultCheck("x", 5.0, "=", math.inf), False),
        (ResultCheck("x", math.nan, "=", 0.0, 9.0), False),
        (ResultCheck("x", 1.0, "<=", 1.0), True),
        (ResultCheck("x", 1.2, "<=", 1.0, 0.1), False),
        (ResultCheck("x", 0.8, ">=", 1.0, 0.1), False),
        (ResultCheck("x", 0.95, ">=", 1.0, 0.1), True),
        (ResultCheck("x", math.nan, ">=", 0.0), False),
    ],
)
def test_a_check_holds_when_its_number_does(check: ResultCheck, held: bool) -> None:
    assert check.held is held
    assert check.verdict.startswith("held" if held else "did not hold")


def test_the_excess_says_by_how_much() -> None:
    assert ResultCheck("x", 1.3, "=", 1.0, 0.1).excess == pytest.approx(0.2)
    assert ResultCheck("x", 0.7, ">=", 1.0).excess == pytest.approx(0.3)
    assert ResultCheck("x", 1.0, "<=", 3.0).excess == pytest.approx(-2.0)
    assert "by 0.2" in ResultCheck("x", 1.3, "=", 1.0, 0.1).verdict


def test_one_failed_check_breaks_the_verdict() -> None:
    result = empty_result()
    result.check_equal("fits", 1.0, 1.0, within=0.1)
    assert result.held and result.verdict == "held: 1 of 1 checks"
    result.check_at_most("too large", 3.0, 1.0)
    assert not result.held
    assert "1 of 2" in result.verdict and "too large" in result.verdict


def test_a_demonstration_without_a_check_is_an_error() -> None:
    result = empty_result()
    with pytest.raises(TypeError, match="has no check"), result.timed():
        pass


def test_cells_are_shown_in_words() -> None:
    assert [cell_text(c) for c in (None, math.inf, -math.inf, 3, "a", -0.00012345)] == [
        "–",
        "∞",
        "−∞",
        "3",
        "a",
        "−0.0001234",
    ]


# ---- pages


def test_a_page_stands_alone_and_says_what_failed() -> None:
    result = empty_result()
    result.add_text("Words with <angle> brackets.")
    result.add_table("Numbers", ("name", "value"), [("one", 1.0), ("none", None)])
    result.check_at_most("too large", 3.0, 1.0)
    page = result_page(result)
    assert "&lt;angle&gt;" in page and "did not hold" in page and "too large" in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    assert 'class="verdict broken"' in page


def test_the_contents_count_what_held() -> None:
    good, bad = empty_result(), empty_result()
    good.check_equal("fits", 1, 1, within=0)
    bad.check_equal("fits", 1, 2, within=0)
    assert "1 of 2 demonstrations held" in contents_page([good.document(), bad.document()])


# ---- the family


def test_every_demonstration_has_a_title_a_source_and_a_statement() -> None:
    assert len(lab.names()) >= 13
    for name in lab.names():
        about = lab.describe(name)
        assert about.summary and about.source, name
        assert len(lab.family.find(name).statement) > 40, name


def test_the_same_seed_finds_the_same() -> None:
    one, two = lab.perform(QUICK, seed=3), lab.perform(QUICK, seed=3)
    assert [c.measured for c in one.checks] == [c.measured for c in two.checks]
    assert result_page(one).split("<footer>")[0] == result_page(two).split("<footer>")[0]


def test_infinities_survive_json() -> None:
    result = empty_result()
    result.check_equal("endless", math.inf, math.inf, within=0)
    result.add_table("Numbers", ("name", "value"), [("minus", -math.inf), ("none", None)])
    document = result.document()
    assert document["checks"][0]["measured"] == "inf"
    assert document["tables"][0]["rows"] == [["minus", "-inf"], ["none", None]]


def test_unknown_names_and_options_are_refused() -> None:
    with pytest.raises(UserError, match="did you mean earth-mover"):
        lab.perform("earth-moover")
    with pytest.raises(UserError, match="no option"):
        lab.perform(QUICK, point=3)


SMALL: dict[str, dict[str, int]] = {
    "earth-mover": {"points": 8},
    "strong-and-weak": {},
    "maximum-likelihood": {"samples": 2000},
    "likelihood-and-quality": {"components": 4, "memorized": 50},
    "value-and-jsd": {"steps": 60},
    "optimal-discriminator": {"steps": 20},
    "parallel-segments": {"steps": 15},
    "mode-covering": {"steps": 15},
    "variational-bounds": {"steps": 15},
    "functional-gradient": {"steps": 3},
    "functional-descent": {"functional_steps": 8},
    "log-d-trick": {"steps": 5},
}
TRAINED = {
    "optimal-discriminator": "share of the divergence found",
    "parallel-segments": "error of the learned W",
    "mode-covering": "that the f-GAN learned",
    "variational-bounds": "share of the divergence found",
    "functional-gradient": "learned D: decrease over the prediction",
    "functional-descent": "last KL above the floor",
    "log-d-trick": "at the end",
}
"""What a critic, or a game, that hardly trained must be found out by."""


@pytest.fixture(scope="module")
def small() -> dict[str, DemonstrationResult]:
    return {name: lab.perform(name, **options) for name, options in SMALL.items()}


@pytest.mark.parametrize("name", SMALL)
def test_small_demonstrations_show_tables_pictures_and_checks(name: str, small: dict[str, DemonstrationResult]) -> None:
    result = small[name]
    assert result.checks and len({c.label for c in result.checks}) == len(result.checks)
    pictures = [p for p in result.parts if isinstance(p, ResultPicture)]
    assert pictures and all(p.svg.startswith(b"<?xml") and p.caption for p in pictures)
    for table in (p for p in result.parts if isinstance(p, ResultTable)):
        assert table.rows and all(len(row) == len(table.columns) for row in table.rows), table.title
        assert not any(isinstance(cell, float) and math.isnan(cell) for row in table.rows for cell in row), table.title
    assert "nan" not in result_page(result).split("</style>")[1].replace("data:image", "").split("svg")[0]


@pytest.mark.parametrize("name", [n for n in SMALL if n not in TRAINED])
def test_what_is_exact_holds_at_any_size(name: str, small: dict[str, DemonstrationResult]) -> None:
    assert small[name].held, small[name].verdict


@pytest.mark.parametrize(("name", "label"), TRAINED.items())
def test_a_critic_that_hardly_trained_is_found_out(
    name: str, label: str, small: dict[str, DemonstrationResult]
) -> None:
    broken = [c.label for c in small[name].checks if not c.held]
    assert any(label in b for b in broken), broken
    exact = [c for c in small[name].checks if c.tolerance and c.tolerance <= 1e-9]
    assert all(c.held for c in exact), [c for c in exact if not c.held]


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(UserError, match="points"):
        lab.perform("earth-mover", points=-1)
    with pytest.raises(UserError, match="share"):
        lab.perform("likelihood-and-quality", share=2.0)


# ---- the command line


def test_lab_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in lab.names())
    assert run(["lab", "--json"]) == 0
    assert {d["name"] for d in json.loads(capsys.readouterr().out)} == set(lab.names())


def test_lab_runs_prints_and_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", QUICK, "-o", str(tmp_path / "pages")]) == 0
    printed = capsys.readouterr().out
    assert "held:" in printed and "cheapest plan" in printed
    page = (tmp_path / "pages" / f"{QUICK}.html").read_text()
    assert "data:image/svg+xml;base64," in page and "<script" not in page
    assert not (tmp_path / "pages" / "index.html").exists()


def test_lab_prints_one_json_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", QUICK, OTHER, "-o", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [d["name"] for d in document] == [QUICK, OTHER]
    assert all(d["held"] and d["checks"] for d in document)
    assert f"{OTHER}.html" in (tmp_path / "index.html").read_text()


def performed(monkeypatch: pytest.MonkeyPatch, interrupted: str = "") -> list[str]:
    """The demonstrations that are performed from now on; at one of that name somebody presses Ctrl-C."""
    seen: list[str] = []

    def perform(name: str, **options: Any) -> DemonstrationResult:
        if name == interrupted:
            raise KeyboardInterrupt
        seen.append(name)
        return real(name, **options)

    real = lab.perform
    monkeypatch.setattr(lab, "perform", perform)
    return seen


def test_an_interrupted_lab_goes_on_by_the_same_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["lab", QUICK, OTHER, "-o", str(tmp_path)]
    with monkeypatch.context() as context:
        assert performed(context, interrupted=OTHER) == [] and run(command) == 130
    assert "interrupted after 1 of 2 demonstrations; the same command resumes" in capsys.readouterr().err
    page = (tmp_path / f"{QUICK}.html").read_bytes()
    seen = performed(monkeypatch)
    assert run([*command, "--json"]) == 0 and seen == [OTHER]
    told = capsys.readouterr()
    assert f"{QUICK}: done before, {tmp_path / QUICK}.html\n{OTHER} ...\n" in told.err
    document = json.loads(told.out)
    assert [d["name"] for d in document] == [QUICK, OTHER] and all(d["checks"] and d["tables"] for d in document)
    assert (tmp_path / f"{QUICK}.html").read_bytes() == page
    assert run(command) == 0 and seen == [OTHER]
    assert f"2 of 2 held: {tmp_path / 'index.html'}" in capsys.readouterr().out


def test_the_index_lists_all_that_the_folder_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (QUICK, OTHER):  # in calls of their own
        assert run(["lab", name, "-o", str(tmp_path)]) == 0
    index = (tmp_path / "index.html").read_text()
    assert "2 of 2 demonstrations held" in index and all(f'href="{name}.html"' in index for name in (QUICK, OTHER))
    assert capsys.readouterr().out.endswith(f"2 of 2 held: {tmp_path / 'index.html'}\n")
    (tmp_path / f"{OTHER}.html").unlink()
    (tmp_path / "index.html").unlink()
    assert run(["lab", QUICK, "-o", str(tmp_path)]) == 0
    assert not (tmp_path / "index.html").exists()  # one alone has no list


@pytest.mark.parametrize("change", ["seed", "version", "damaged"])
def test_what_was_done_otherwise_is_replaced_only_where_that_is_asked_for(
    change: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["lab", QUICK, "-o", str(tmp_path)]
    assert run(command) == 0
    figures = tmp_path / f"{QUICK}.json"
    if change == "seed":
        command += ["--seed", "1"]
    elif change == "version":
        figures.write_text(json.dumps({**json.loads(figures.read_text()), "twoplayer": "0.0.1"}))
    else:
        figures.write_text(figures.read_text()[:100])
    before, seen = figures.read_bytes(), performed(monkeypatch)
    capsys.readouterr()
    assert run(command) == 2
    told = capsys.readouterr().err
    assert "are there already" in told and "--overwrite" in told and told.count("\n") == 1
    assert figures.read_bytes() == before and not seen
    assert run([*command, "--overwrite"]) == 0 and run(command) == 0
    assert seen == [QUICK]  # and done before at the last


def test_an_index_of_somebody_else_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", QUICK, "-o", str(tmp_path)]) == 0
    (tmp_path / "index.html").write_text("mine")
    assert run(["lab", QUICK, OTHER, "-o", str(tmp_path)]) == 2
    assert f"such as {tmp_path / 'index.html'}: give another folder" in capsys.readouterr().err
    assert (tmp_path / "index.html").read_text() == "mine" and not (tmp_path / f"{OTHER}.html").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing-like-it"], "no demonstration is called"),
        (["earth-moover"], "did you mean earth-mover?"),
        (["--all", QUICK], "not both"),
        ([QUICK, "-o", "FILE"], "is a file"),
    ],
)
def test_mistakes_cost_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    assert run(["lab", *[str(file) if a == "FILE" else a for a in arguments]]) == 2
    told = capsys.readouterr().err
    assert sentence in told and told.count("\n") == 1
    assert file.read_text() == "kept"
