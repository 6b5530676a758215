"""Every example runs as a user would run it, with a small budget."""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

import pytest

from _toys import unmeasured

EXAMPLES = Path(__file__).parents[1] / "examples"
MAX_LINES = 60
SMALL_BUDGETS = {
    "01_digits_in_three_minutes": (["--steps", "4", "--samples", "150"], ["digits.png", "runs/digits/report.html"]),
    "02_folder_of_images": (["--steps", "3"], ["folder.png"]),
    "03_own_network_and_objective": (["--steps", "4"], ["own.png"]),
    "04_compare_methods": (["--steps", "20", "--seeds", "1", "--methods", "gan1", "lsgan"], ["comparison/table.csv"]),
    "05_evaluate_any_samples": (["--samples", "150", "--components", "3"], []),
    "06_conditional": (["--steps", "3", "--samples", "100"], ["digit-3.png", "digit-7.png"]),
    "07_translation": (["--steps", "2", "--pairs", "60"], ["translated.png"]),
    "08_functional_gradients": (
        ["--steps", "1", "--filters", "8", "--samples", "150"],
        ["after-0-steps.png", "after-15-steps.png"],
    ),
    "09_theory": (["--demonstration", "earth-mover"], []),
    "10_own_training_loop": (["--steps", "10"], ["generator.pt2"]),
}

MEASURED_IN_TRAINING_ALONE = {"02_folder_of_images", "03_own_network_and_objective"}
"""Examples that measure nothing themselves: the measurement at the end of their training costs more than they do."""


def test_every_example_is_run_and_listed() -> None:
    scripts = {path.stem for path in EXAMPLES.glob("*.py")}
    assert scripts == set(SMALL_BUDGETS)
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}.py`" in readme for name in scripts)


@pytest.mark.parametrize("name", SMALL_BUDGETS)
def test_an_example_is_at_most_a_page(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= MAX_LINES


@pytest.mark.parametrize("name", SMALL_BUDGETS)
def test_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments, written = SMALL_BUDGETS[name]
    script = EXAMPLES / f"{name}.py"
    monkeypatch.setattr(sys, "argv", [str(script), *arguments])
    monkeypatch.chdir(tmp_path)
    if name in MEASURED_IN_TRAINING_ALONE:
        unmeasured(lambda module, name, value: name == "measure" and monkeypatch.setattr(module, name, value))
    runpy.run_path(str(script), run_name="__main__")
    for path in written:
        assert (tmp_path / path).is_file()
