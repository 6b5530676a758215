"""The root of all families: a problem of one player is trained, resumed, sampled, measured, reported and compared."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "twoplayer"
AUTOENCODER = '''"""Squares: a decoder is fitted to a random pairing of latents and samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from torch import nn

from twoplayer.games._inputs import LatentInputs
from twoplayer.games._problem import Batch, CurveSpec, Loss, ProblemOptions, SinglePlayerProblem, in_precision

__all__ = ["Squares"]


@dataclass(frozen=True)
class SquaresOptions(ProblemOptions):
    """Options.

    Args:
        power: of the error.
    """

    power: float = 2.0


@final
class Squares(SinglePlayerProblem):
    """Least squares."""

    Options: ClassVar[type[ProblemOptions]] = SquaresOptions
    curves: ClassVar[Mapping[str, CurveSpec]] = {"squared_error": CurveSpec("squared error", "losses")}

    def __init__(self, factory, options=None):
        super().__init__(factory, options)
        self.options, self.prior, self.latent_dim = options or SquaresOptions(), factory.prior, factory.latent_dim
        self.decoder = factory.generator(factory.latent_dim, factory.data_spec.shape)
        self.players = {"decoder": self.decoder}

    def inputs(self, stored):
        return LatentInputs(self.latent_dim, self.prior)

    @property
    def sampler(self) -> nn.Module:
        return self.decoder

    @in_precision
    def loss(self, batch: Batch) -> Loss:
        latents = self.prior.batch_rows((batch.size, self.latent_dim), batch.random("latents"))
        error = (self.decoder(latents) - batch.real).abs().pow(self.options.power).mean()
        return Loss(error, {"squared_error": error.detach()})
'''
METHOD = """summary: Least squares of a decoder
source: 'Nobody 2026, "Nothing"'
year: 2026
game: squares
algorithm: descent
latent_dim: 2
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    package = tmp_path_factory.mktemp("package") / "src" / "twoplayer"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "games" / "squares.py").write_text(AUTOENCODER)
    (package / "methods" / "squares.yaml").write_text(METHOD)
    return package


def twoplayer(*arguments: str, package: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "twoplayer", *arguments], capture_output=True, text=True, cwd=folder, timeout=300,
        check=False, env={"PYTHONPATH": str(package.parent), "PATH": "", "HOME": str(folder), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_a_problem_without_a_critic_goes_all_the_way(package: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = twoplayer(*arguments, package=package, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    settings = [
        "--data",
        "ring",
        "--filters",
        "8",
        "--batch-size",
        "16",
        "--tensorboard",
        "false",
        "--evaluate-count",
        "200",
        "--run",
        "runs/one",
    ]
    run("train", "squares", *settings, "--steps", "5")
    printed = run("train", "squares", *settings, "--steps", "20")
    assert "squared error" in printed and "critic" not in printed
    lines = [json.loads(line) for line in (tmp_path / "runs/one/progress.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 20 and lines[-1]["images_seen"] == 320 and "decoder_updates" in lines[-1]
    assert {"squared_error", "decoder_gradient_norm"} <= lines[-1].keys()
    assert "8 " in run("sample", "runs/one", "--n", "8", "-o", "points.csv") or (tmp_path / "points.csv").exists()
    assert "fd_points" in run("evaluate", "runs/one", "--n", "200", "--metrics", "fd")
    run("diagnose", "runs/one")
    report = (tmp_path / "runs/one/report.html").read_text()
    assert "squared error" in report
    run("train", "squares", *settings[:-1], "runs/two", "--steps", "20", "--seed", "1")
    assert "squares" in run("compare", "runs/one", "runs/two", "-o", "comparison")


def test_a_problem_without_a_critic_is_refused_by_algorithms_of_two_players(package: Path, tmp_path: Path) -> None:
    for arguments, words in (
        (["squares", "--algorithm", "alternating"], "has no critic"),
        (["gan1", "--algorithm", "descent"], "set algorithm to alternating"),
        (["squares", "--early-stopping", "duality-gap"], "plateau"),
    ):
        done = twoplayer(
            "train", *arguments, "--data", "ring", "--steps", "1", "--run", "run", package=package, folder=tmp_path
        )
        assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
        assert words.replace("algorithm to", "--algorithm") in done.stderr or words in done.stderr, done.stderr
    assert not (tmp_path / "run").exists()
