"""The diagnosis in a run's report: findings with pictures, failure modes ruled out, and outdated diagnoses."""

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
        "failure_mode": "mode-collapse",
        "title": "Mode collapse",
        "verdict": "All samples are all but one.",
        "confidence": 0.934,
        "indicators": [
            {"name": "near-duplicates", "value": 0.9731, "criterion": "above 0.5", "normal_range": "below 0.1"},
            {"name": "width", "value": None, "criterion": "below 0.1", "normal_range": "0.5 to 1", "confidence": 0.9},
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
        "description": "dcgan on digits, finished at round 90",
        "step": 90,
        "findings": findings or [finding()],
        "ruled_out": [
            {"failure_mode": "oscillation", "indicators": [], "note": ""},
            {"failure_mode": "data-range", "indicators": []},
        ],
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
        diagnose(run) / "diagnosis" / "warnings.jsonl", {"step": 1200, "failure_mode": "x", "message": "it stands"}
    )
    page = read_page(write_report(run))
    text = " ".join(page.text.split())
    assert "Diagnosis. mode-collapse" in text  # at the top, with a link to the rest
    assert ("a", {"href": "#diagnosis"}) in page.elements
    for part in (
        "mode-collapse, confidence 0.93", "All samples are all but one.", "near-duplicates 0.9731 above 0.5 below 0.1",
        "width – below 0.1 0.5 to 1", "Try next, since a penalty settles the game:", ADVICE,
        "Checked and not present: oscillation, data-range.", "Not checked: memorization (nothing is held out).",
        "Warnings during training step 1,200: it stands",
    ):  # fmt: skip
        assert part in text
    pictures = [a for tag, a in page.elements if tag == "img" and "mode-collapse" in (a.get("alt") or "")]
    assert len(pictures) == 1 and str(pictures[0]["src"]).startswith("data:image/png")
    assert "diagnose it again" not in text and "Not diagnosed yet" not in text


def test_a_finding_without_its_picture_is_shown_without_it(run: Path) -> None:
    (diagnose(run) / "diagnosis" / "mode-collapse.png").unlink()
    assert "All samples are all but one." in words(run)
    diagnose(run, finding(picture=None))  # it could not be drawn; what lies there is an older one
    page = read_page(write_report(run))
    assert not any("mode-collapse" in (a.get("alt") or "") for tag, a in page.elements if tag == "img")


def test_a_run_without_findings(run: Path) -> None:
    text = words(diagnose(run, findings=[]))
    assert "Diagnosis No failure mode found. Checked and not present: oscillation, data-range." in text
    assert "Diagnosis. " not in text


def test_without_a_diagnosis_the_command_is_shown(run: Path, tmp_path: Path) -> None:
    text = words(run)
    assert f"Not diagnosed yet: twoplayer diagnose '{run}'" in text
    assert f"metrics with standard errors: twoplayer evaluate '{run}'" in text
    append_json_line(run / "diagnosis" / "warnings.jsonl", {"step": 3, "failure_mode": "x", "message": "it stands"})
    text = words(run)
    assert "Warnings during training step 3: it stands" in text and "Not diagnosed yet" in text
    assert "No failure mode found" not in text
    bare_run(tmp_path / "bare")
    assert "twoplayer diagnose" not in words(tmp_path / "bare")


def test_a_diagnosis_of_an_earlier_step_is_marked(run: Path) -> None:
    told = "This diagnosis is of step 40, and the run is at step 90 now: diagnose it again. twoplayer diagnose"
    assert told in words(diagnose(run, step=40))
    assert "diagnose it again" not in words(diagnose(run, step=None))


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
    names = ("title", "verdict", "advice", "command", "failure_mode")
    indicator = {"name": HOSTILE, "value": 1.0, "criterion": HOSTILE, "normal_range": HOSTILE}
    changed = finding(**dict.fromkeys(names, HOSTILE), indicators=[indicator])
    diagnose(run, changed, unchecked={HOSTILE: HOSTILE}, ruled_out=[{"failure_mode": HOSTILE}])
    source = write_report(run).read_text(encoding="utf-8")
    assert "<script>alert" not in source.lower() and source.count("&lt;script&gt;alert") >= 11


def test_it_is_in_markdown_too(run: Path) -> None:
    text = write_report(run, form="md").read_text(encoding="utf-8")
    assert "Not diagnosed yet: `twoplayer diagnose" in text
    text = write_report(diagnose(run, step=40), form="md").read_text(encoding="utf-8")
    for part in (
        "## Diagnosis", "diagnose it again. `twoplayer diagnose", "### Mode collapse", "mode-collapse, confidence 0.93",
        "| near-duplicates | 0.9731 | above 0.5 | below 0.1 |", "](diagnosis/mode-collapse.png)", f"    {ADVICE}",
        "Checked and not present: oscillation, data-range.", "## Samples during training", "Samples after 2,560 images",
    ):  # fmt: skip
        assert part in text
    assert "No failure mode found." in write_report(diagnose(run, findings=[]), form="md").read_text(encoding="utf-8")


def test_what_diagnosing_leaves_is_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cheap: None) -> None:
    """A run that suffers from a learning rate far too high, looked at, then trained on."""
    monkeypatch.chdir(tmp_path)
    settings = {
        "batch_size": 16,
        "filters": 8,
        "tensorboard": False,
        "evaluate_every": 0,
        "data.count": 300,
        "log_every": 1,
    }
    data = np.random.default_rng(0).normal(size=(300, 2)).repeat(2, 0)  # every sample twice
    run = twoplayer.train("gan1", data, steps=30, run="run", **{k: v for k, v in settings.items() if "." not in k})
    found = run.diagnose(only=None, data=data)
    document = read_json(Path("run/diagnosis/diagnosis.json"))
    assert document["step"] == 30 == found.step and "duplicated-data" in found
    text = words(Path("run"))
    assert found["duplicated-data"].verdict in text and found["duplicated-data"].command in text
    page = read_page(Path("run/report.html"))
    assert any("duplicated-data" in (a.get("alt") or "") for tag, a in page.elements if tag == "img")


def test_an_advice_that_two_failure_modes_share_is_shown_once(run: Path) -> None:
    diagnose(
        run,
        finding(),
        finding(failure_mode="dead-units", verdict="A layer does nothing.", same_advice_as="mode-collapse"),
    )
    text = words(run)
    assert text.count(ADVICE) == 1 and "A layer does nothing." in text
    assert "Try next the command of mode-collapse." in text
    text = write_report(run, form="md").read_text(encoding="utf-8")
    assert text.count(ADVICE) == 1 and "Try next the command of mode-collapse." in text


def test_what_no_longer_holds_is_said_to_be_over(run: Path) -> None:
    for line in (
        {"step": 40, "failure_mode": "mode-collapse", "message": "all but one"},
        {"step": 50, "failure_mode": "oscillation", "message": "to and fro"},
        {"step": 80, "failure_mode": "mode-collapse", "message": None},
    ):
        append_json_line(run / "diagnosis" / "warnings.jsonl", line)
    told = "step 40: all but one (resolved at step 80)"
    text = words(diagnose(run))
    assert told in text and "step 50: to and fro" in text and "fro (resolved" not in text
    assert f"- {told}\n- step 50: to and fro\n" in write_report(run, form="md").read_text(encoding="utf-8")


FORMER_DIAGNOSIS = """{
  "run": "ring-gan1",
  "about": "gan1 on ring, finished at round 20",
  "step": 90,
  "findings": [
    {
      "disease": "weak-critic",
      "title": "The critic is too weak",
      "verdict": "The critic cannot tell samples from data, though they differ.",
      "confidence": 0.99,
      "evidence": [
        {
          "name": "chance that real scores above generated",
          "value": 0.45094847679138184,
          "sick": "below 0.65",
          "healthy": "0.5 to 0.95",
          "confidence": 0.99
        }
      ],
      "picture": "ring-gan1/diagnosis/weak-critic.png",
      "advice": "more critic steps for each of the generator's",
      "command": "twoplayer train gan1 --data ring --critic-steps 5 --run ring-gan1-without-weak-critic",
      "as_for": null
    }
  ],
  "healthy": [
    {
      "disease": "constant-channels",
      "evidence": [
        {
          "name": "coordinates that never vary",
          "value": 0,
          "sick": "above 0",
          "healthy": "0",
          "confidence": 0.5
        }
      ],
      "note": ""
    }
  ],
  "unchecked": {"memorization": "nothing was held out of training"},
  "warnings": []
}"""
"""Written by a version that had other names for the fields."""


def test_a_diagnosis_with_former_field_names_is_shown(run: Path) -> None:
    write_atomic(run / "diagnosis" / "diagnosis.json", FORMER_DIAGNOSIS)
    append_json_line(run / "diagnosis" / "warnings.jsonl", {"step": 40, "disease": "oscillation", "text": "to and fro"})
    text = words(run)
    for part in (
        "Diagnosis. weak-critic", "weak-critic, confidence 0.99", "--critic-steps 5",
        "chance that real scores above generated 0.4509 below 0.65 0.5 to 0.95",
        "Checked and not present: constant-channels.", "Not checked: memorization (nothing was held out of training).",
        "Warnings during training step 40: to and fro",
    ):  # fmt: skip
        assert part in text
