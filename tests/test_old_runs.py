"""Run folders of the previous release still open, sample, resume, evaluate and report.

``old_runs/NAME`` is a run at step 20, and ``old_runs/NAME.safetensors`` what the same release made of it: eight samples
at step 20 (``sample --n 8 --seed 1``) and the weights of its players at step 40.
"""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import twoplayer
from twoplayer.cli import main
from twoplayer.config.layers import resolve_config
from twoplayer.config.renamed import ALIASES, FAMILIES, FIELDS, MEMBERS, OPTIONS
from twoplayer.config.schema import Config, Optimizer
from twoplayer.core.errors import UserError
from twoplayer.core.registry import FAMILIES as LISTED
from twoplayer.core.registry import family
from twoplayer.evaluation.evaluate import _Request
from twoplayer.runs import checkpoint

OLD_RUNS = Path(__file__).parent / "old_runs"
RUNS = ("ring-gan1", "digits-xicfg")
SETTINGS: dict[str, dict[str, Any]] = {
    "ring-gan1": {"method": "gan1", "data": "ring", "regularizers": "instance-noise,r1", "filters": 16,
                  "batch_size": 32, "ema_decay": 0.9, "evaluate_count": 500, "evaluate_every": None},
    "digits-xicfg": {"method": "xicfg", "data": "digits", "game": "conditional", "filters": 4, "batch_size": 16,
                     "pool_size": 32, "functional_steps": 60, "fit_epochs": 1, "learning_rate": 1e-4,
                     "critic_learning_rate": 5e-5, "precision": "fp32", "evaluate_count": 0},
}  # fmt: skip


@pytest.fixture
def old(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of an old run folder."""
    return Path(shutil.copytree(OLD_RUNS / request.param, tmp_path / request.param))


def made(name: str) -> dict[str, torch.Tensor]:
    """What the previous release made of a run."""
    return load_file(OLD_RUNS / f"{name}.safetensors")


@pytest.mark.parametrize("old", RUNS, indirect=True)
def test_an_old_run_opens_without_a_note(old: Path) -> None:
    config = twoplayer.Run(old).config  # warnings are errors
    wanted = {k: v for k, v in SETTINGS[old.name].items() if k in ("batch_size", "ema_decay", "evaluate_count")}
    assert {k: v for k, v in config.tree().items() if k in wanted} == wanted
    if old.name == "digits-xicfg":
        assert (config.algorithm["functional_steps"], config.algorithm["pool_size"]) == (60, 32)


@pytest.mark.parametrize("old", RUNS, indirect=True)
def test_an_old_run_samples_as_ever(old: Path) -> None:
    samples = twoplayer.Run(old).sample(8, seed=1).array
    expected = made(old.name)["samples"].numpy()
    # Bit for bit on the machine that made them; another processor's kernels sum in another order, which may round a
    # pixel to its neighbour.
    assert samples.dtype == expected.dtype
    np.testing.assert_allclose(
        samples.astype(float), expected, rtol=1e-5, atol=1 if expected.dtype == np.uint8 else 1e-5
    )


@pytest.mark.parametrize("old", RUNS, indirect=True)
def test_an_old_run_goes_on_to_the_weights_of_its_release(old: Path) -> None:
    settings = {"tensorboard": False, "seed": 3, "checkpoint_every": 20, "sample_every": 20, "log_every": 5}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "samples left the range of the data")
        run = twoplayer.train(run=old, steps=40, **settings, **SETTINGS[old.name])
    assert run.status["step"] == 40 and run.status["state"] == "finished"
    latest = checkpoint.latest(old / "checkpoints")
    assert latest is not None
    weights = checkpoint.load(latest)["problem"]
    expected = made(old.name)
    del expected["samples"]
    assert {name for name, value in weights.items() if isinstance(value, torch.Tensor)} == expected.keys()
    for name, value in expected.items():
        # Bit for bit on the machine that made them. Elsewhere kernels sum in another order, and twenty steps of
        # training enlarge what was a difference in the last bit.
        torch.testing.assert_close(weights[name], value, rtol=1e-3, atol=1e-4, msg=lambda text, n=name: f"{n}: {text}")


@pytest.mark.parametrize("old", RUNS, indirect=True)
def test_an_old_run_is_evaluated_and_reported(old: Path) -> None:
    run = twoplayer.Run(old)
    if old.name == "ring-gan1":
        assert "modes_covered_500" in run.report().read_text(encoding="utf-8")  # of the evaluation that lies there
    evaluation = run.evaluate(n=150, metrics="kid", extractor=None if old.name == "ring-gan1" else "pixels", keep=True)
    assert evaluation.metric_values and all(np.isfinite(figure.value) for figure in evaluation.metric_values)
    page = run.report().read_text(encoding="utf-8")
    assert old.name in page and "kid" in page


@pytest.mark.parametrize("old", ["ring-gan1"], indirect=True)
def test_an_old_diagnosis_is_reported(old: Path) -> None:
    stored = json.loads((old / "diagnosis" / "diagnosis.json").read_text(encoding="utf-8"))
    page = twoplayer.Run(old).report().read_text(encoding="utf-8")
    assert stored["findings"][0]["title"] in page


# ---- old names of settings


def test_no_old_name_is_in_use() -> None:
    """An old name that a member takes again would be read as another option."""
    assert not FIELDS.keys() & Config.model_fields.keys()
    assert set(FIELDS.values()) | set(ALIASES.values()) <= Config.model_fields.keys()
    for label, names in OPTIONS.items():
        members = family(label)
        taken = {option for name in members.names() for option in members.options(name)}
        if label == "optimizers":
            taken |= set(Optimizer.model_fields)
        assert not names.keys() & taken and set(names.values()) <= taken, label
    assert not FAMILIES.keys() & LISTED.keys() and set(FAMILIES.values()) <= LISTED.keys()
    for label, names in MEMBERS.items():
        members = family(label)
        assert not names.keys() & set(members.names()) and set(names.values()) <= set(members.names())


def test_old_names_are_read_with_one_note() -> None:
    changes = "batch is now called batch_size, levels is now called functional_steps, smoothing is now called alpha"
    with pytest.warns(FutureWarning, match=changes) as notes:
        config = resolve_config("xicfg", "ring", batch=32, algorithm={"levels": 7}, **{"optimizer.smoothing": 0.5})
    assert len(notes) == 1 and notes[0].filename == __file__
    assert (config.batch_size, config.algorithm["functional_steps"], config.optimizer.alpha) == (32, 7, 0.5)


@pytest.mark.parametrize(
    ("method", "settings", "path"),
    [
        ("xicfg", {"levels": 5}, ("algorithm", "functional_steps", 5)),
        ("xicfg", {"algorithm": {"pool": 64}}, ("algorithm", "pool_size", 64)),
        ("unrolled", {"algorithm.unroll": 3}, ("algorithm", "unroll_steps", 3)),
        ("acgan", {"into-critic": "projection"}, ("game", "critic_conditioning", "projection")),
        ("dcgan", {"networks": {"kernel": 5}}, ("critic", "kernel_size", 5)),
        ("dcgan", {"networks.kernel": 5}, ("generator", "kernel_size", 5)),
        ("fgan-kl", {"objective": {"generator": "minimax"}}, ("objective", "generator_loss", "minimax")),
    ],
)
def test_old_names_in_every_spelling(method: str, settings: dict[str, Any], path: tuple[str, str, Any]) -> None:
    part, option, value = path
    with pytest.warns(FutureWarning, match=f"is now called {option}"):
        config = resolve_config(method, "digits", **settings)
    assert getattr(config, part)[option] == value


def test_old_names_of_regularizers() -> None:
    with pytest.warns(FutureWarning, match="fade is now called fade_steps"):
        config = resolve_config("gan1", "ring", regularizers={"instance-noise": {"fade": 9}})
    assert config.regularizers == {"instance-noise": {"fade_steps": 9}}
    with pytest.warns(FutureWarning, match="deviation is now called std"):
        config = resolve_config("gan1", "ring", regularizers="instance-noise", **{"instance-noise.deviation": 0.2})
    assert config.regularizers["instance-noise"]["std"] == 0.2


def test_old_names_in_a_file_lie_below_new_ones(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("method: gan1\ndata: ring\nbatch: 48\nema: 0.5\n")
    with pytest.warns(FutureWarning, match="batch is now called batch_size, ema is now called ema_decay"):
        config = resolve_config(config=file, batch_size=24)
    assert (config.batch_size, config.ema_decay) == (24, 0.5)


def test_one_setting_by_two_names_is_refused() -> None:
    with pytest.raises(UserError, match="batch and batch_size are two names of one setting: give one of them"):
        resolve_config("gan1", "ring", batch=8, batch_size=8)
    with pytest.raises(UserError, match="budget and max_time are two names of one setting"):
        resolve_config("gan1", "ring", budget=8, max_time=8)


def test_a_budget_is_no_old_name() -> None:
    assert resolve_config("gan1", "ring", budget="2min").max_time == 120  # warnings are errors


def test_old_flags_are_read_with_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"train gan1 --data ring --data.count 200 --steps 1 --batch 8 --ema 0.5 --run {tmp_path / 'run'}"
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main.run([*words.split(), "--tensorboard", "false", "--evaluate-every", "0"]) == 0
    error = capsys.readouterr().err
    assert error.count("twoplayer: note: batch is now called batch_size, ema is now called ema_decay") == 1
    assert twoplayer.Run(tmp_path / "run").config.batch_size == 8


def test_old_families_and_members_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main.run(["list", "aims", "nearness"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("translation-error: ")
    assert "note: aims is now called evaluation-tasks, nearness is now called translation-error" in said.err
    with pytest.warns(FutureWarning, match="matching is now called caption-retrieval"):
        assert _Request("kid,matching", None).tasks == ["caption-retrieval"]
