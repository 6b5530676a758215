"""Members that installed packages register through entry points: listed, used, refused where they are broken."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from twoplayer.core.plugins import Plugin, module_folder, read_plugin_source
from twoplayer.core.registry import FAMILIES

PACKAGE = Path(__file__).parents[1] / "src" / "twoplayer"
HEAVY = ("torch", "numpy", "scipy", "sklearn", "PIL", "datasets", "accelerate", "matplotlib", "tensorboard")

OBJECTIVE = '''"""Objectives of the lopsided package."""

print("lopsided.objective is imported")

from typing import ClassVar

from twoplayer.objectives import Objective
from twoplayer.objectives.wasserstein import Wasserstein

__all__ = ["Lopsided"]


class Lopsided(Wasserstein):
    """Wasserstein with generated samples counted `tilt` times.

    Source: Nobody 2026, "Nothing".

    Args:
        tilt: the factor of the generated samples' term.
    """

    needs_lipschitz: ClassVar[bool] = False

    def __init__(self, *, tilt: float = 2.0) -> None:
        super().__init__()
        self.tilt = tilt

    def fake_terms(self, fake):
        return self.tilt * fake.abs()

    def real_terms(self, real):
        return -real.clamp(-1, 1)


class NoObjective:
    """It extends nothing."""
'''
METRIC = '''"""First coordinate: its mean over samples."""

from typing import ClassVar

from twoplayer.metrics import Estimate, Metric


class FirstCoordinate(Metric):
    name: ClassVar[str] = "first_coordinate"
    higher_is_better: ClassVar[bool | None] = None
    needs = "density"

    def measure(self, samples, reference):
        return Estimate(float(samples[:, 0].mean()))
'''
METHOD = """summary: Everything of the lopsided package
source: 'Nobody 2026, "Nothing"'
year: 2026
objective: {name: lopsided, tilt: 3.0}
networks: mlp
latent_dim: 2
"""
MODULES = {
    "__init__.py": '"""A package."""\nfrom lopsided.objective import Lopsided\n',
    "objective.py": OBJECTIVE,
    "metric.py": METRIC,
    "broken.py": '"""Broken: it needs what is not there."""\nimport no_such_package\n\n\nclass Broken: ...\n',
    "syntax.py": '"""Syntax."""\ndef (:\n',
    "tilted_gan.yaml": METHOD,
    "not-yaml.yaml": "{",
}
GOOD = {
    "twoplayer.objectives": {"lopsided": "lopsided:Lopsided"},
    "twoplayer.metrics": {"first-coordinate": "lopsided.metric:FirstCoordinate"},
    "twoplayer.methods": {"tilted": "lopsided:tilted_gan.yaml"},
}
TINY = ("--data", "ring", "--filters", "8", "--batch", "16", "--evaluate-every", "0", "--evaluate-count", "100",
        "--tensorboard", "false", "--data.count", "400")  # fmt: skip


def install(folder: Path, groups: Mapping[str, Mapping[str, str]], name: str = "twoplayer-lopsided") -> None:
    """Put a package with those entry points into a folder, as an installer does."""
    about = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    points = "".join(
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in members.items())
        for group, members in groups.items()
    )
    (about / "entry_points.txt").write_text(points)
    (folder / "lopsided").mkdir(exist_ok=True)
    for file, text in MODULES.items():
        (folder / "lopsided" / file).write_text(text)


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{PACKAGE.parent}:{folder / 'site'}"
    cache = str(folder / "cache")
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=folder, timeout=300, check=False,
        env={"PYTHONPATH": path, "PATH": "", "HOME": cache, "TWOPLAYER_CACHE": cache, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def twoplayer(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return python(folder, "-m", "twoplayer", *words)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    install(tmp_path / "site", GOOD)
    return tmp_path


# ---- listed


def test_plugins_are_listed_with_their_package_and_not_imported(installed: Path) -> None:
    listed = twoplayer(installed, "list", "objectives")
    assert (listed.returncode, listed.stderr) == (0, "")
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith("lopsided ")]
    assert line.split(None, 1)[1] == (
        "Wasserstein with generated samples counted `tilt` times (from twoplayer-lopsided 1.2)"
    )
    assert "is imported" not in listed.stdout
    document = json.loads(twoplayer(installed, "list", "--json").stdout)
    assert {"methods", *FAMILIES} == set(document)
    for family, member in (("objectives", "lopsided"), ("metrics", "first-coordinate"), ("methods", "tilted")):
        (row,) = [row for row in document[family] if row["name"] == member]
        assert (row["package"], row["version"]) == ("twoplayer-lopsided", "1.2")
        assert row["summary"]
    assert all("package" not in row for row in document["objectives"] if row["name"] != "lopsided")


def test_one_plugin_is_shown_with_its_options(installed: Path) -> None:
    shown = twoplayer(installed, "list", "objectives", "lopsided")
    assert shown.returncode == 0, shown.stderr
    assert "(from twoplayer-lopsided 1.2)" in shown.stdout
    assert 'source: Nobody 2026, "Nothing"' in shown.stdout
    assert "tilt" in shown.stdout and "2.0" in shown.stdout
    method = twoplayer(installed, "list", "methods", "tilted")
    assert "tilt: 3.0" in method.stdout and method.returncode == 0


def test_nothing_heavy_is_imported_to_list_them(installed: Path) -> None:
    code = (
        "import sys; from twoplayer.cli import main; assert main.run(['list']) == 0;"
        f"print([m for m in (*{HEAVY}, 'lopsided') if m in sys.modules], file=sys.stderr)"
    )
    assert python(installed, "-c", code).stderr.strip() == "[]"


# ---- used


def test_a_run_with_plugins_trains_resumes_and_is_evaluated(installed: Path) -> None:
    trained = twoplayer(installed, "train", "tilted", *TINY, "--steps", "3", "--run", "run", "--tilt", "1.5")
    assert trained.returncode == 0, trained.stderr
    assert "lopsided.objective is imported" in trained.stdout
    config = (installed / "run" / "config.yaml").read_text()
    assert "name: lopsided" in config and "tilt: 1.5" in config
    resumed = twoplayer(installed, "train", "tilted", *TINY, "--steps", "5", "--run", "run", "--tilt", "1.5")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads((installed / "run" / "status.json").read_text())["step"] == 5
    measured = twoplayer(installed, "evaluate", "run", "--n", "200", "--json")
    assert measured.returncode == 0, measured.stderr
    assert "first_coordinate" in measured.stdout


def test_a_plugin_that_cannot_be_imported_is_named_and_left_out(tmp_path: Path) -> None:
    broken = {"broken": "lopsided.broken:Broken"}
    install(tmp_path / "site", {"twoplayer.metrics": broken, "twoplayer.data": broken, "twoplayer.objectives": broken})
    assert "broken" in twoplayer(tmp_path, "list", "objectives").stdout
    sample = "import numpy as np; np.save('a.npy', np.random.default_rng(0).normal(size=(200, 2)))"
    assert python(tmp_path, "-c", sample).returncode == 0
    measured = twoplayer(tmp_path, "evaluate", "--samples", "a.npy", "--reference", "ring")
    assert measured.returncode == 0, measured.stderr
    lines = [line for line in measured.stderr.splitlines() if "broken" in line]
    told = "of twoplayer-lopsided 1.2 cannot be imported (ModuleNotFoundError: No module named 'no_such_package')"
    assert len([line for line in lines if line.startswith(f"twoplayer: note: the metric 'broken' {told}")]) == 1
    assert len([line for line in lines if line.startswith(f"twoplayer: note: the data source 'broken' {told}")]) == 1
    asked = twoplayer(tmp_path, "train", "--objective", "broken", *TINY, "--steps", "1")
    assert asked.returncode == 2
    assert f"the objective 'broken' {told}" in asked.stderr


# ---- refused


@pytest.mark.parametrize(
    ("group", "point", "sentence"),
    [
        ("objectives", "gone = lopsided.nowhere:Gone", "the objective 'gone' of twoplayer-lopsided 1.2 cannot be"),
        ("objectives", "syntax = lopsided.syntax:Syntax", "the objective 'syntax' of twoplayer-lopsided 1.2 cannot be"),
        ("objectives", "hinge = lopsided:Lopsided", "twoplayer has a member of that name already"),
        ("methods", "wgan = lopsided:tilted_gan.yaml", "twoplayer has a member of that name already"),
        ("methods", "gone = lopsided:gone.yaml", "left out, since there is no file"),
        ("methods", "gone = nowhere:gone.yaml", "left out, since there is no package nowhere"),
        ("methods", "not-yaml = lopsided", "is not valid YAML"),
        ("objectives", "a,b = lopsided:Lopsided", "a name has only letters, digits, dashes and underscores"),
    ],
)
def test_what_is_wrong_is_said_once_and_the_rest_is_listed(
    tmp_path: Path, group: str, point: str, sentence: str
) -> None:
    name, value = point.split(" = ")
    install(tmp_path / "site", {f"twoplayer.{group}": {name: value}})
    listed = twoplayer(tmp_path, "list")
    assert listed.returncode == 0
    (line,) = listed.stderr.splitlines()
    assert line.startswith("twoplayer: note: ") and sentence in line
    assert repr(name) in line and "twoplayer-lopsided 1.2" in line
    assert "from twoplayer-lopsided" not in listed.stdout
    assert "  hinge " in listed.stdout and "  wgan " in listed.stdout


def test_two_packages_with_one_name(tmp_path: Path) -> None:
    for name in ("b-package", "a-package"):
        install(tmp_path / "site", {"twoplayer.objectives": {"lopsided": "lopsided:Lopsided"}}, name)
    listed = twoplayer(tmp_path, "list", "objectives")
    assert "(from a-package 1.2)" in listed.stdout and "(from b-package" not in listed.stdout
    (line,) = listed.stderr.splitlines()
    assert "'lopsided' of b-package 1.2" in line and "a-package 1.2 registers the same name" in line


@pytest.mark.parametrize(
    ("attribute", "sentence"),
    [
        ("NoObjective", "must be a class that extends Objective, but lopsided.objective:NoObjective is NoObjective"),
        ("__doc__", "must be a class that extends Objective, but lopsided.objective:__doc__ is a str"),
        ("Nowhere", "cannot be imported (AttributeError: module 'lopsided.objective' has no attribute 'Nowhere')"),
    ],
)
def test_a_plugin_of_the_wrong_kind(tmp_path: Path, attribute: str, sentence: str) -> None:
    install(tmp_path / "site", {"twoplayer.objectives": {"odd": f"lopsided.objective:{attribute}"}})
    asked = twoplayer(tmp_path, "train", "--objective", "odd", *TINY, "--steps", "1")
    assert asked.returncode == 2
    assert sentence in asked.stderr and "Traceback" not in asked.stderr


# ---- read without importing


def test_reexports_are_followed_in_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "onion"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text('"""Onion."""\nraise RuntimeError\nfrom .inner import Core as Shell\n')
    (package / "inner" / "__init__.py").write_text("from .deep import Core\n")
    (package / "inner" / "deep.py").write_text('class Core:\n    """What is inside."""\n')
    monkeypatch.syspath_prepend(tmp_path)
    source = read_plugin_source(Plugin("shell", "onion", "Shell", "onion", "1"))
    assert source is not None and source.class_docstring == "What is inside."
    assert module_folder("onion.inner.deep") == package / "inner"
    assert "onion" not in sys.modules
    missing = read_plugin_source(Plugin("shell", "onion", "Elsewhere", "onion", "1"))
    assert missing is not None and missing.class_docstring == ""
    with pytest.raises(ModuleNotFoundError, match=r"onion\.outer"):
        read_plugin_source(Plugin("shell", "onion.outer", "Shell", "onion", "1"))
