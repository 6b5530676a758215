"""What all tests share: one thread, a cache of their own, and runs that cost little."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Children inherit these; torch reads the first when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
HERE = Path(__file__).parent
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(HERE.parent / "src"), str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
)
sys.path.insert(0, str(HERE))

import pytest  # noqa: E402

from _toys import unmeasured  # noqa: E402

collect_ignore_glob = ["_*.py"]
"""What helps the tests holds no doctests, and some of it is to be imported in children alone."""

TINY: dict[str, Any] = {
    "filters": 8,
    "batch_size": 16,
    "steps": 4,
    "sample_every": 1000,
    "evaluate_every": 0,
    "evaluate_count": 100,
    "tensorboard": False,
    "data.count": 400,
}
"""Settings of a run on a toy that takes a tenth of a second."""


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    os.environ["TWOPLAYER_CACHE"] = str(folder)
    yield folder
    os.environ.pop("TWOPLAYER_CACHE", None)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither figures nor pictures, which cost more than a tiny training."""
    unmeasured(monkeypatch.setattr)


@pytest.fixture
def tiny(tmp_path: Path, cheap: None) -> Callable[..., Any]:
    """Train a tiny run: ``tiny(method, data, folder="run", **settings)``."""

    def train(method: str = "gan1", data: Any = "ring", folder: str = "run", **settings: Any) -> Any:
        from twoplayer.api.train import train

        base = {k: v for k, v in TINY.items() if k != "data.count" or isinstance(data, str)}
        return train(method, data, run=tmp_path / folder, **{**base, **settings})

    return train
