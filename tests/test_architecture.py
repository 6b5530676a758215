"""The shape of the package: imports point down, one file adds a member, and listing imports nothing heavy."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from twoplayer.core.registry import FAMILIES

PACKAGE = Path(__file__).parents[1] / "src" / "twoplayer"
MODULES = sorted(PACKAGE.rglob("*.py"))
LEAVES = {
    "data", "extractors", "metrics", "networks", "objectives", "optimizers", "priors", "regularizers", "schedules",
    "text_encoders", "theory",
}  # fmt: skip
LAYERS: list[set[str]] = [
    {"core"},
    {"pages"},
    LEAVES,
    {"games", "measurement", "methods"},
    {"algorithms", "config"},
    {"runs", "sampling"},
    {"training", "lab"},
    {"inference"},
    {"evaluation", "export", "two_sample"},
    {"diagnosis"},
    {"reporting"},
    {"comparison"},
    {"api", "testing"},
    {"cli"},
    {"__init__", "__main__"},
]
"""From the ground up: a package imports packages of lower layers only, never one beside it or above it."""
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
LOOSE = {"__init__.py", "__main__.py", "py.typed"}


def part(path: Path) -> str:
    """The layer's member that a file belongs to: its package, or the module itself."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_name(path: Path) -> str:
    """``twoplayer.core.files`` for ``core/files.py``, ``twoplayer.core`` for ``core/__init__.py``."""
    return ".".join(["twoplayer", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")


NAMES = {module_name(path): path for path in MODULES}


def imported_modules(path: Path) -> Iterator[str]:
    """The modules of twoplayer that a file imports anywhere in it: in functions and for type checkers too."""

    def existing(name: str) -> str:
        while name not in NAMES:
            name = name.rpartition(".")[0]
        return name

    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.ImportFrom(level=0, module=str(module)) if module.split(".")[0] == "twoplayer":
                yield from (existing(f"{module}.{n.name}") for n in node.names)
            case ast.ImportFrom(level=level) if level:
                raise AssertionError(f"{path}: imports are absolute")
            case ast.Import(names=names):
                yield from (existing(n.name) for n in names if n.name.split(".")[0] == "twoplayer")


def imported(path: Path) -> Iterator[str]:
    """What a file imports of twoplayer, as parts."""
    for name in imported_modules(path):
        yield part(NAMES[name])


# ---- layers


def test_no_module_lies_loose() -> None:
    assert {path.name for path in PACKAGE.iterdir() if path.is_file()} == LOOSE


def test_every_part_has_a_layer() -> None:
    assert {part(path) for path in MODULES} == set(RANK)


def test_the_page_on_architecture_names_every_part() -> None:
    page = (PACKAGE.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = {word for word in page.split("```")[1].split() if word.endswith("/")} - {"src/twoplayer/"}
    assert tree == {f"{name}/" for name in RANK if not name.startswith("__")}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    here = part(path)
    for there in imported(path):
        assert there == here or RANK[there] < RANK[here], f"{here} imports {there}"


def test_no_circle_of_files() -> None:
    """Lazy imports and imports for type checkers count."""
    below = {name: set(imported_modules(path)) - {name} for name, path in NAMES.items()}
    # A package's __init__ runs before its modules, which is no import of theirs.
    while leaves := [name for name, others in below.items() if not others]:
        for leaf in leaves:
            del below[leaf]
        below = {name: others - set(leaves) for name, others in below.items()}
    assert not below, f"these files, or some of them, import each other in a circle: {sorted(below)}"


def test_class_names_are_unique() -> None:
    homes: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_only_build_makes_players_from_names() -> None:
    """Outside it, no one calls ``create`` of the families that a config names."""
    makers = {"networks", "objectives", "optimizers", "priors", "regularizers", "games", "algorithms"}
    users = {path for path in MODULES if set(imported(path)) & makers and part(path) not in makers}
    importers = {
        path.relative_to(PACKAGE).as_posix()
        for path in users
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "twoplayer" and {n.name for n in node.names} & makers
    }
    assert importers == {"training/build.py"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_module_says_what_it_is_and_what_it_offers(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert len(path.read_text(encoding="utf-8").splitlines()) < 400
    if (
        path.name == "__main__.py"
        or path == PACKAGE / "training" / "__init__.py"
        or path == PACKAGE / "cli/__init__.py"
    ):
        return
    assigned = [t.id for s in tree.body if isinstance(s, ast.Assign) for t in s.targets if isinstance(t, ast.Name)]
    if path.name != "__init__.py" or len(tree.body) > 1:  # a package that only says what it is offers nothing
        assert "__all__" in assigned


# ---- one file


LOPSIDED = '''"""Lopsided: a critic that cares twice as much for fakes."""

from __future__ import annotations

from torch import Tensor

from twoplayer.objectives._divergence import Divergence
from twoplayer.objectives._separable import Separable

__all__ = ["Lopsided"]


class Lopsided(Separable):
    def __init__(self, *, tilt: float = 2.0) -> None:
        super().__init__()
        self.tilt = tilt

    def real_terms(self, real: Tensor) -> Tensor:
        return -real.clamp(-1, 1)

    def fake_terms(self, fake: Tensor) -> Tensor:
        return self.tilt * fake.square()

    def generator_terms(self, fake: Tensor) -> Tensor:
        return -fake

    def estimate_from_loss(self, loss: Tensor) -> Tensor:
        return -loss

    @property
    def divergence(self) -> Divergence:
        return Divergence("lopsided", "the sup of the value")

    @property
    def generator_divergence(self) -> Divergence:
        return self.divergence

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return (log_ratio.exp() / (2 * self.tilt)).clamp(max=1)
'''
SMALL_BIAS = '''"""Small bias: every critic bias is held near zero."""

from torch import nn

from twoplayer.regularizers._base import Constraint

__all__ = ["SmallBias"]


class SmallBias(Constraint):
    def __init__(self, *, limit: float = 0.5) -> None:
        self.limit = limit

    def install(self, critic: nn.Module) -> None:
        print("small-bias installed")

    def enforce(self, critic: nn.Module) -> None:
        for name, parameter in critic.named_parameters():
            if name.endswith("bias"):
                parameter.data.clamp_(-self.limit, self.limit)
'''
THIN = '''"""Thin: one layer for each player."""

from torch import nn

from twoplayer.networks._base import Architecture
from twoplayer.networks._players import BodyGenerator, ScoreCritic

__all__ = ["Thin"]


class Thin(Architecture):
    def __init__(self, *, width: int = 4) -> None:
        self.width = width

    def generator(self, latent_dim, shape):
        return BodyGenerator(latent_dim, shape, nn.Linear(latent_dim, shape[0]))

    def critic(self, shape):
        return ScoreCritic(shape, nn.Sequential(nn.Linear(shape[0], self.width), nn.Tanh()), self.width, "none")
'''
BLOB = '''"""Blob: one Gaussian."""

import numpy as np

from twoplayer.data._base import DataSettings, Dataset, Source

__all__ = ["Blob"]


class Blob(Source):
    kind = "points"

    def __init__(self, *, spread: float = 1.0) -> None:
        self.spread = spread

    def open(self, settings: DataSettings) -> Dataset:
        points = np.random.default_rng(0).normal(size=(100, 2), scale=self.spread).astype(np.float32)
        return Dataset("blob", "points", points[10:], points[:10], key=f"blob {self.spread}")
'''
PATIENT = '''"""Patient: the generator moves first."""

from twoplayer.algorithms._base import AdversarialAlgorithm, StepRecord

__all__ = ["Patient"]


class Patient(AdversarialAlgorithm):
    def step(self, batches):
        record, batch = StepRecord(), next(batches)
        for player in ("generator", "critic"):
            generated = self.game.generate(batch)
            loss = getattr(self.game, f"{player}_loss")(batch, generated)
            record.add(self.optimizer_step(player, loss))
        return record
'''
METHOD = """summary: Everything new at once
source: 'Nobody 2026, "Nothing"'
year: 2026
objective: {name: lopsided, tilt: 3.0}
regularizers: {small-bias: {limit: 0.25}}
networks: thin
algorithm: patient
latent_dim: 2
"""
MEMBERS = {
    "objectives/lopsided.py": LOPSIDED,
    "regularizers/small_bias.py": SMALL_BIAS,
    "networks/thin.py": THIN,
    "data/blob.py": BLOB,
    "algorithms/patient.py": PATIENT,
    "methods/new.yaml": METHOD,
}


def python(*arguments: str, package: Path = PACKAGE, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, timeout=120, check=False,
        env={"PYTHONPATH": str(package.parent), "PATH": "", "HOME": str(folder), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_one_file_adds_a_member(tmp_path: Path) -> None:
    package = tmp_path / "src" / "twoplayer"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in MEMBERS.items():
        (package / name).write_text(text)
    listed = python("-m", "twoplayer", "list", "--json", package=package, folder=tmp_path)
    assert listed.returncode == 0, listed.stderr
    known = {label: {m["name"]: m["summary"] for m in members} for label, members in json.loads(listed.stdout).items()}
    for name, text in MEMBERS.items():
        label, file = name.split("/")
        member = file.rsplit(".", 1)[0].replace("_", "-")
        assert member in known[label] and known[label][member] in text

    settings = "--data blob --spread 2 --limit 0.5 --width 6 --batch-size 8 --steps 3 --tensorboard false"
    trained = python("-m", "twoplayer", "train", "new", *settings.split(), package=package, folder=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "small-bias installed" in trained.stdout
    run = tmp_path / "runs" / "new-blob-1"
    config = (run / "config.yaml").read_text()
    for line in ("name: lopsided", "tilt: 3.0", "limit: 0.5", "width: 6", "name: patient", "spread: 2.0"):
        assert line in config
    assert json.loads((run / "status.json").read_text())["state"] == "finished"


# ---- what is imported when


HEAVY = ("torch", "numpy", "scipy", "sklearn", "PIL", "datasets", "accelerate", "matplotlib", "tensorboard")


@pytest.mark.parametrize(
    "code",
    [
        "import twoplayer; dir(twoplayer); twoplayer.__version__",
        "from twoplayer.cli import main; assert main.run(['--help']) == 0",
        "from twoplayer.cli import main; assert main.run(['list']) == 0",
        "import " + ", ".join(FAMILIES.values()),
    ],
    ids=["import", "help", "list", "families"],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code: str, tmp_path: Path) -> None:
    check = f"import sys; print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    found = python("-c", f"{code}; {check}", folder=tmp_path)
    assert (found.returncode, found.stderr.strip()) == (0, "[]")


def test_training_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    code = "import sys, twoplayer.api.train, twoplayer.training.trainer, twoplayer.training.build"
    heavy = ("sklearn", "datasets", "matplotlib", "tensorboard", "torchvision", "torchmetrics", "scipy")
    found = python("-c", f"{code}; print([m for m in {heavy} if m in sys.modules])", folder=tmp_path)
    assert (found.stdout.strip(), found.returncode) == ("[]", 0)
