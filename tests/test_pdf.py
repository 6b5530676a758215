"""Pages as PDF: by whatever browser there is, and one sentence where there is none."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

import twoplayer
from twoplayer.core.errors import UserError
from twoplayer.pages import pdf
from twoplayer.reporting import write_report


def test_without_a_browser_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWOPLAYER_BROWSER", "no-such-browser")
    assert pdf.browser() is None
    with pytest.raises(UserError, match="none is on the path"):
        pdf.pdf("<p>text</p>")


def test_a_browser_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise subprocess.TimeoutExpired("browser", 1)

    monkeypatch.setattr(pdf, "browser", lambda: "browser")
    monkeypatch.setattr(pdf.subprocess, "run", refuse)
    with pytest.raises(UserError, match="could not print the page"):
        pdf.pdf("<p>text</p>")


@pytest.mark.skipif(pdf.browser() is None, reason="no browser here")
def test_a_page_becomes_a_pdf() -> None:
    assert pdf.pdf("<!doctype html><title>t</title><p>text").startswith(b"%PDF-")


def test_a_report_as_markdown_names_its_pictures_from_where_it_lies(tmp_path: Path) -> None:
    run = twoplayer.train("gan1", "ring", run=tmp_path / "run", steps=8, batch_size=8, filters=4, sample_every=1,
                          tensorboard=False)  # fmt: skip
    written = write_report(run.path, form="md")
    text = written.read_text(encoding="utf-8")
    assert written == run.path / "report.md"
    assert "](samples/000000008.png)" in text and "](samples/real.png)" in text
    assert " of 8 pictures in `" in text
    assert "| modes_covered_2500 |" in text and "| learning_rate |" in text
    elsewhere = write_report(run.path, output=tmp_path / "out" / "page.MD")
    assert "](../run/samples/000000008.png)" in elsewhere.read_text(encoding="utf-8")


def test_a_cell_cannot_break_its_table() -> None:
    from twoplayer.reporting._markdown import _table

    assert _table(("a", "b"), [("x|y", "1\n2")]).splitlines()[-1] == "| x\\|y | 1 2 |"


@pytest.mark.skipif(pdf.browser() is None, reason="no browser here")
def test_a_report_as_pdf(tmp_path: Path) -> None:
    run = twoplayer.train("gan1", "ring", run=tmp_path / "run", steps=2, batch_size=8, filters=4, tensorboard=False)
    assert write_report(run.path, output=tmp_path / "page.pdf").read_bytes().startswith(b"%PDF-")
