"""The diagnosis in a run's report: what was found with its picture, what is healthy, and what is out of date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twoplayer
from test_reporting import HOSTILE, bare_run, make_run, read_page
from twoplayer.core.errors import UserError
from twoplayer.core.files import append_json_line, read_json, write_atomic, write_json
from twoplayer.reporting import write_report
from twoplayer.sampling.image_grid import image_grid, png_bytes

ADVICE = "twoplayer train dcgan --data digits --regularizers r1 --run runs/x-without-mode-collapse"


def finding(**changes: Any) -> dict[str, Any]:
    return {
        "disease": "mode-collapse",
        "title": "Mode collapse",
        "verdict": "All samples are all but one.",
        "confidence": 0.934,
        "evidence": [
            {"name": "near-duplicates", "value": 0.9731, "sick": "above 0.5", "healthy": "below 0.1"},
            {"name": "width", "value": None, "sick": "below 0.1", "healthy": "0.5 to 1", "confidence": 0.9},
        ],
        "picture": "somewhere/else/diagnosis/mode-collapse.png",
        "advice": "a penalty settles the game",
        "command": ADVICE,
        **changes,
    }  # fmt: skip


def diagnose(run: Path, *findings: dict[str, Any], **changes: Any) -> Path:
    """Leave in `run` what diagnosing leaves."""
    noise = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), np.uint8)
    write_atomic(run / "diagnosis" / "mode-collapse.png", png_bytes(image_grid(noise, scale=4)))
    document = {
        "run": str(run),
        "about": "dcgan on digits, finished at round 90",
        "step": 90,
        "findings": findings or [finding()],
        "healthy": [{"disease": "oscillation", "evidence": [], "note": ""}, {"disease": "data-range", "evidence": []}],
        "unchecked": {"memorization": "nothing is held out"},
        "warnings": [],
    }
    write_json(run / "diagnosis" / "diagnosis.json", {**document, **changes})
    return run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "dcgan digits")


def words(run: Path) -> str:
    return " ".join(read_page(write_report(run)).text.split())


def test_a_finding_is_shown_with_all_that_belongs_to_it(run: Path) -> None:
    append_json_line(
        diagnose(run) / "diagnosis" / "warnings.jsonl", {"step": 1200, "disease": "x", "text": "it stands"}
    )
    page = read_page(write_report(run))
    text = " ".join(page.text.split())
    assert "Diagnosis. mode-collapse" in text  # at the top, with a link to the rest
    assert ("a", {"href": "#diagnosis"}) in page.elements
    for part in (
        "mode-collapse, confidence 0.93", "All samples are all but one.", "near-duplicates 0.9731 above 0.5 below 0.1",
        "width – below 0.1 0.5 to 1", "Try next, since a penalty settles the game:", ADVICE,
        "Checked and healthy: oscillation, data-range.", "Not checked: memorization (nothing is held out).",
        "Said while it trained round 1,200: it stands",
    ):  # fmt: skip
        assert part in text
    pictures = [a for tag, a in page.elements if tag == "img" and "mode-collapse" in (a.get("alt") or "")]
    assert len(pictures) == 1 and str(pictures[0]["src"]).startswith("data:image/png")
    assert "look again" not in text and "Nobody has looked" not in text


def test_a_finding_without_its_picture_is_shown_without_it(run: Path) -> None:
    (diagnose(run) / "diagnosis" / "mode-collapse.png").unlink()
    assert "All samples are all but one." in words(run)
    diagnose(run, finding(picture=None))  # it could not be drawn; what lies there is an older one
    page = read_page(write_report(run))
    assert not any("mode-collapse" in (a.get("alt") or "") for tag, a in page.elements if tag == "img")


def test_a_healthy_run_is_said_to_be_healthy(run: Path) -> None:
    text = words(diagnose(run, findings=[]))
    assert "Diagnosis Nothing was found. Checked and healthy: oscillation, data-range." in text
    assert "Diagnosis. " not in text


def test_where_nobody_looked_the_command_is_told(run: Path, tmp_path: Path) -> None:
    text = words(run)
    assert f"Nobody has looked for what is wrong with it yet: twoplayer diagnose '{run}'" in text
    assert f"figures with their errors: twoplayer evaluate '{run}'" in text
    append_json_line(run / "diagnosis" / "warnings.jsonl", {"step": 3, "disease": "x", "text": "it stands"})
    text = words(run)
    assert "Said while it trained round 3: it stands" in text and "Nobody has looked" in text
    assert "Nothing was found" not in text
    bare_run(tmp_path / "bare")
    assert "twoplayer diagnose" not in words(tmp_path / "bare")


def test_a_diagnosis_of_another_round_is_said_to_be_one(run: Path) -> None:
    told = "This was found at round 40, and the run stands at round 90 now: look again. twoplayer diagnose"
    assert told in words(diagnose(run, step=40))
    assert "look again" not in words(diagnose(run, step=None))


@pytest.mark.parametrize(
    "document", [[], {"findings": [{}]}, {"findings": [finding(confidence="high")]}, {"unchecked": 3}]
)
def test_a_damaged_diagnosis_is_named(document: Any, run: Path) -> None:
    write_json(run / "diagnosis" / "diagnosis.json", document)
    with pytest.raises(UserError, match="diagnosis is corrupt: delete it, or diagnose again"):
        write_report(run)
    write_atomic(run / "diagnosis" / "diagnosis.json", "{")
    with pytest.raises(UserError, match=r"diagnosis\.json is not valid JSON"):
        write_report(run)


def test_what_it_says_is_escaped(run: Path) -> None:
    names = ("title", "verdict", "advice", "command", "disease")
    sign = {"name": HOSTILE, "value": 1.0, "sick": HOSTILE, "healthy": HOSTILE}
    changed = finding(**dict.fromkeys(names, HOSTILE), evidence=[sign])
    diagnose(run, changed, unchecked={HOSTILE: HOSTILE}, healthy=[{"disease": HOSTILE}])
    source = write_report(run).read_text(encoding="utf-8")
    assert "<script>alert" not in source.lower() and source.count("&lt;script&gt;alert") >= 11


def test_it_is_in_markdown_too(run: Path) -> None:
    text = write_report(run, form="md").read_text(encoding="utf-8")
    assert "Nobody has looked for what is wrong with it yet: `twoplayer diagnose" in text
    text = write_report(diagnose(run, step=40), form="md").read_text(encoding="utf-8")
    for part in (
        "## Diagnosis", "look again. `twoplayer diagnose", "### Mode collapse", "mode-collapse, confidence 0.93",
        "| near-duplicates | 0.9731 | above 0.5 | below 0.1 |", "](diagnosis/mode-collapse.png)", f"    {ADVICE}",
        "Checked and healthy: oscillation, data-range.", "## How it got there", "Samples after 2,560 images",
    ):  # fmt: skip
        assert part in text
    assert "Nothing was found." in write_report(diagnose(run, findings=[]), form="md").read_text(encoding="utf-8")


def test_what_diagnosing_leaves_is_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cheap: None) -> None:
    """A run that suffers from a learning rate far too high, looked at, then trained on."""
    monkeypatch.chdir(tmp_path)
    settings = {"batch": 16, "filters": 8, "tensorboard": False, "evaluate_every": 0, "data.count": 300, "log_every": 1}
    data = np.random.default_rng(0).normal(size=(300, 2)).repeat(2, 0)  # every sample twice
    run = twoplayer.train("gan1", data, steps=30, run="run", **{k: v for k, v in settings.items() if "." not in k})
    found = run.diagnose(only=None, data=data)
    document = read_json(Path("run/diagnosis/diagnosis.json"))
    assert document["step"] == 30 == found.step and "duplicated-data" in found
    text = words(Path("run"))
    assert found["duplicated-data"].verdict in text and found["duplicated-data"].command in text
    page = read_page(Path("run/report.html"))
    assert any("duplicated-data" in (a.get("alt") or "") for tag, a in page.elements if tag == "img")


def test_an_advice_that_two_diseases_share_is_shown_once(run: Path) -> None:
    diagnose(run, finding(), finding(disease="dead-units", verdict="A layer does nothing.", as_for="mode-collapse"))
    text = words(run)
    assert text.count(ADVICE) == 1 and "A layer does nothing." in text
    assert "Try next what mode-collapse asks for." in text
    text = write_report(run, form="md").read_text(encoding="utf-8")
    assert text.count(ADVICE) == 1 and "Try next what mode-collapse asks for." in text


def test_what_no_longer_holds_is_said_to_be_over(run: Path) -> None:
    for line in (
        {"step": 40, "disease": "mode-collapse", "text": "all but one"},
        {"step": 50, "disease": "oscillation", "text": "to and fro"},
        {"step": 80, "disease": "mode-collapse", "text": None},
    ):
        append_json_line(run / "diagnosis" / "warnings.jsonl", line)
    told = "round 40: all but one (no longer at round 80)"
    text = words(diagnose(run))
    assert told in text and "round 50: to and fro" in text and "fro (no longer" not in text
    assert f"- {told}\n- round 50: to and fro\n" in write_report(run, form="md").read_text(encoding="utf-8")
