"""Exported generators: the same samples for any number of inputs without the library; the metadata of a file."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import twoplayer
from _picture_folders import captioned, two_sides
from _toys import unmeasured
from twoplayer.algorithms._refined_generator import FunctionalSteps, RefinedGenerator
from twoplayer.algorithms._traced import TracedRefinedGenerator
from twoplayer.api.run import Run
from twoplayer.cli import main
from twoplayer.core.errors import UserError
from twoplayer.export import _onnx, _program, export
from twoplayer.networks import create
from twoplayer.text_encoders import _contrastive as _towers

SMALL = {
    "batch_size": 8, "filters": 4, "steps": 2, "tensorboard": False, "log_every": 1, "evaluate_every": 0,
    "device": "cpu", "evaluate_count": 100,
}  # fmt: skip
STEPS = {"functional_steps": 3, "pool_size": 16, "step_size_trials": 1, "step_share": 0.3}
CASES: dict[str, dict[str, Any]] = {
    "points": {"method": "gan1", "data": "far.csv"},
    "dcgan": {"method": "dcgan", "data": "digits", "resolution": 16},
    "resnet": {"method": "sngan", "data": "digits", "resolution": 16},
    "labels": {"method": "cgan", "data": "digits", "resolution": 8},
    "modulated": {"method": "cgan-projection", "data": "digits", "resolution": 8},
    "inference": {"method": "bigan", "data": "digits", "resolution": 8},
    "text": {"method": "gan-cls", "data": "captions", "resolution": 16, "condition_dim": 4, "text_embedding_dim": 8},
    "pix2pix": {"method": "pix2pix", "data": "sides", "resolution": 16},
    "cyclegan": {"method": "cyclegan", "data": "sides", "resolution": 16, "depth": 1, "direction": "BtoA"},
    "refined points": {"method": "icfg", "data": "ring", "steps": 3, **STEPS},
    "refined images": {"method": "xicfg", "data": "digits", "resolution": 16, **STEPS},
    "refined labels": {"method": "xicfg", "data": "digits", "resolution": 8, "game": "conditional", **STEPS},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("exported")
    two_sides(made / "sides")
    captioned(made / "captions")
    points = np.random.default_rng(0).normal(size=(200, 2)) * [3.0, 0.01] + [1.7e9, -5.0]
    np.savetxt(made / "far.csv", points, delimiter=",", fmt="%.17g")
    return made


@pytest.fixture(scope="module")
def trained(folder: Path) -> Callable[[str], Run]:
    """A tiny run of a case, trained when it is first asked for."""

    def train(case: str) -> Run:
        where = folder / f"run {case}"
        if not where.exists():
            with pytest.MonkeyPatch.context() as patch:
                unmeasured(patch.setattr)
                patch.setattr(_towers, "TRAINING_PAIRS", 200)
                patch.chdir(folder)
                twoplayer.train(run=where, **{**SMALL, **CASES[case]})
        return Run(where, device="cpu")

    return train


def opened(path: Path) -> tuple[Callable[[Tensor], Tensor], dict[str, Any]]:
    """The program and its metadata."""
    files = {_program.METADATA_NAME: ""}
    program = torch.export.load(path, extra_files=files)
    return program.module(), json.loads(files[_program.METADATA_NAME])


def expected(run: Run, inputs: Tensor, refine: int | None = None) -> Tensor:
    """The run's samples of those inputs, in float32, in the terms of the data."""
    generator: Any = run.generator
    if refine is not None:
        generator.refine = refine
    with torch.no_grad():
        samples = generator(inputs)
    if refine is not None:
        generator.refine = None
    if run.data["kind"] == "images":
        return samples.clamp(-1, 1)
    if run.data["scale"] is None:
        return samples
    centre, scale = (torch.tensor(run.data[k], dtype=torch.float64) for k in ("centre", "scale"))
    return samples.double() * scale + centre


@pytest.mark.parametrize("case", CASES)
def test_an_exported_generator_makes_the_runs_samples(case: str, trained: Any, tmp_path: Path) -> None:
    run = trained(case)
    path = run.export(tmp_path / "generator.pt2")
    program, metadata = opened(path)
    inputs = run.inputs.draw(7, 3, "a test")
    for count in (1, 2, len(inputs)):
        samples, own = program(inputs[:count]), expected(run, inputs[:count])
        assert samples.shape == (count, *run.data["shape"]) and not samples.requires_grad
        size = torch.tensor(run.data["scale"] or 1.0)
        assert ((samples - own) / size).abs().max() < 1e-5
    assert (
        metadata["input"]["shape"] == ["N", *inputs.shape[1:]] and metadata["output"]["shape"][1:] == run.data["shape"]
    )
    assert metadata["output"]["type"] == ("float64" if case == "points" else "float32")
    columns = [part["columns"] for part in metadata["input"]["parts"] if "columns" in part]
    assert [a for a, _ in columns] == [0, *(b for _, b in columns)][: len(columns)]
    assert not columns or columns[-1][1] == inputs.shape[1]


def test_refining_is_part_of_the_program(trained: Any, tmp_path: Path) -> None:
    run = trained("refined images")
    inputs = run.inputs.draw(6, 0, "a test")
    made = []
    for steps in (0, 2, 3):
        program, metadata = opened(run.export(tmp_path / f"{steps}.pt2", refine=steps))
        made.append(program(inputs))
        assert (made[-1] - expected(run, inputs, steps)).abs().max() < 1e-5
        assert metadata["functional_steps"] == steps
    assert (made[1] - made[0]).abs().max() > 1e-2 and (made[2] - made[1]).abs().max() > 1e-2
    sizes = [path.stat().st_size for path in (tmp_path / "0.pt2", tmp_path / "3.pt2")]
    assert sizes[0] < sizes[1]  # a step that is left out takes its critic along
    with pytest.raises(UserError, match="refine must be from 0 to 3"):
        run.export(tmp_path / "more.pt2", refine=4)
    with pytest.raises(UserError, match="takes no functional gradient steps"):
        trained("dcgan").export(tmp_path / "more.pt2", refine=1)
    assert not (tmp_path / "more.pt2").exists()


ALONE = """
import json, sys, torch
assert not any(name.startswith("twoplayer") for name in sys.modules)
metadata = {"metadata.json": ""}
program = torch.export.load(sys.argv[1], extra_files=metadata).module()
latents, label = json.loads(metadata["metadata.json"])["input"]["parts"]
inputs = torch.cat([torch.randn(5, latents["columns"][1]), torch.eye(len(label["values"]))[:5]], 1)
samples = program(inputs)
pixels = eval(json.loads(metadata["metadata.json"])["output"]["to_pixels"].split(", from")[0])
assert pixels.dtype == torch.uint8 and samples.abs().max() <= 1
print(tuple(pixels.shape))
"""


def test_nothing_but_torch_is_needed_to_open_it(trained: Any, tmp_path: Path) -> None:
    path = trained("refined labels").export(tmp_path / "generator.pt2")
    command = [sys.executable, "-c", ALONE, str(path)]
    found = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False, env={})
    assert (found.stdout.strip(), found.returncode) == ("(5, 1, 8, 8)", 0), found.stderr


@pytest.mark.parametrize(
    ("network", "normalization", "act"),
    [
        ("dcgan", "batch", "gated"),
        ("dcgan", "layer", "elu"),
        ("resnet", "instance", "softplus"),
        ("r3gan", "none", "tanh"),
        ("mlp", "batch", "leaky-relu"),
        ("mlp-shortcut", "layer", "relu"),
    ],
)
def test_slopes_of_every_critic_can_be_traced(network: str, normalization: str, act: str) -> None:
    torch.manual_seed(0)
    shape = (3, 8, 8)
    recipe = create(network, filters=4, normalization=normalization, activation=act)
    base, critic = recipe.generator(5, shape).eval(), recipe.critic(shape)
    refined = RefinedGenerator(base, FunctionalSteps(critic, 2, "gan0")).eval().requires_grad_(False)
    for _ in range(2):
        for weight in critic.parameters():
            nn.init.normal_(weight, std=0.3)
        refined.steps.record(base(torch.randn(8, 5)), refined.steps.add(critic, 10.0 if "mlp" in network else 0.5))
    traced, z = TracedRefinedGenerator(refined, 2, shape), torch.randn(9, 5)
    for count in (1, 9):
        own = refined(z[:count])
        moved = (own - base(z[:count])).abs().max()
        assert moved > 5e-3 and (traced(z[:count]) - own).abs().max() < 1e-4 * moved


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="onnxruntime is not installed")
@pytest.mark.parametrize("case", ["dcgan", "labels", "pix2pix", "refined points", "refined images", "refined labels"])
def test_onnx_makes_the_same_samples(case: str, trained: Any, tmp_path: Path) -> None:
    import onnxruntime

    run = trained(case)
    path = run.export(tmp_path / "generator.onnx")
    session = onnxruntime.InferenceSession(path)
    inputs = run.inputs.draw(6, 3, "a test")
    for count in (1, len(inputs)):
        (samples,) = session.run(None, {"inputs": inputs[:count].numpy()})
        assert np.abs(samples - expected(run, inputs[:count]).numpy()).max() < 1e-4
    metadata = json.loads(session.get_modelmeta().custom_metadata_map[_program.METADATA_NAME])
    assert metadata["input"]["shape"] == ["N", *inputs.shape[1:]]


def test_without_onnx_it_says_what_to_install(trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = _onnx.importlib.util.find_spec
    monkeypatch.setattr(_onnx.importlib.util, "find_spec", lambda name: None if name.startswith("onnx") else find(name))
    with pytest.raises(UserError, match="ONNX needs the package onnx: pip install onnx onnxscript, or export to"):
        trained("refined points").export(tmp_path / "generator.onnx")
    assert not (tmp_path / "generator.onnx").exists()


def test_a_program_that_makes_other_samples_is_not_written(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = TracedRefinedGenerator.forward
    monkeypatch.setattr(TracedRefinedGenerator, "forward", lambda self, inputs: forward(self, inputs) * 1.01)
    with pytest.raises(UserError, match="exports this generator as a program with other samples"):
        trained("refined points").export(tmp_path / "generator.pt2")
    assert not (tmp_path / "generator.pt2").exists()


def test_the_verb(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained("refined points")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("warnings.showwarning", None)  # put back what the command line sets

    def said(command: str, code: int) -> str:
        assert main.run(["export", str(run.path), *command.split()]) == code
        printed = capsys.readouterr()
        assert (printed.err == "") == (code == 0) and "Traceback" not in printed.err
        return printed.out if code == 0 else printed.err

    shown = said("--refine 1", 0)
    assert shown.startswith("generator.pt2\n") and 'torch.export.load("generator.pt2").module()' in shown
    assert "latents: independent draws from N(0, 1), such as torch.randn(N, 2)" in shown
    before = Path("generator.pt2").read_bytes()
    assert "generator.pt2 is there already: give another name, or --overwrite" in said("", 2)
    assert Path("generator.pt2").read_bytes() == before
    document = json.loads(said("--overwrite --json", 0))
    assert document["output"] == "generator.pt2" and document["metadata"]["functional_steps"] == 3
    assert Path("generator.pt2").read_bytes() != before
    assert "give a name that ends in .pt2 or .onnx" in said("-o generator.zip", 2)
    assert "give a name that ends in .onnx" in said("-o other.pt2 --format onnx", 2)
    assert "refine must be from 0 to 3" in said("-o other.pt2 --refine 9", 2)
    Path("folder.pt2").mkdir()
    assert "folder.pt2 is a folder: give the name of a file" in said("-o folder.pt2", 2)
    assert main.run(["export", "nowhere"]) == 2
    assert "there is no run folder nowhere" in capsys.readouterr().err
    with pytest.raises(UserError, match="no format is called 'tflite': write pt2 or onnx"):
        export(run, format="tflite")
