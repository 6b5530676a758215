"""Small players, batches and stand-ins, shared by the tests of the spine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from twoplayer.core.rng import torch_generator
from twoplayer.games._problem import Batch, BatchStream

LATENT, FEATURES = 3, 2


class FixedBatch(Batch):
    """Batch number `number` of a made-up data set; counts how often its real samples were asked for."""

    def __init__(self, number: int, size: int = 8, step: int = 0, seed: int = 0) -> None:
        self.number, self.size, self.step, self.seed = number, size, step, seed
        self.looks = 0

    @property
    def real(self) -> Tensor:  # type: ignore[override]
        self.looks += 1
        return torch.randn(self.size, FEATURES, generator=self.random("data")) * 0.5 + 1

    @property
    def labels(self) -> Tensor:  # type: ignore[override]
        return torch.zeros(self.size, dtype=torch.int64)

    def random(self, purpose: str) -> torch.Generator:
        return torch_generator(self.seed, purpose, self.number)


class Stream(BatchStream):
    """An endless stream of `FixedBatch`; keeps what it handed out."""

    def __init__(self, size: int = 8) -> None:
        self.size, self.given = size, list[FixedBatch]()

    def __next__(self) -> FixedBatch:
        self.given.append(FixedBatch(len(self.given) + 1, self.size))
        return self.given[-1]

    def without_critic(self, *, reads_data: bool) -> FixedBatch:
        return next(self)


def generator(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(LATENT, 8), nn.ReLU(), nn.Linear(8, FEATURES))
    module.latent_dim = LATENT  # type: ignore[assignment]
    return module


class TinyCritic(nn.Module):
    """Two layers with `middle` between them; returns one number per row."""

    def __init__(self, middle: nn.Module | None = None, output: str = "score", seed: int = 1) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.body = nn.Sequential(nn.Linear(FEATURES, 8), middle or nn.Identity(), nn.Tanh(), nn.Linear(8, 1))
        self.output = output
        self.seen: list[Tensor] = []

    def forward(self, samples: Tensor) -> Tensor:
        self.seen.append(samples.detach())
        return self.body(samples).squeeze(1)


def adam(player: str, module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), 1e-2, betas=(0.5, 0.999))


def tensors(tree: Any, path: str = "") -> dict[str, Tensor]:
    """Every tensor of a tree of dicts and lists, by its path."""
    if isinstance(tree, Tensor):
        return {path: tree}
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return {k: t for key, value in items for k, t in tensors(value, f"{path}/{key}").items()}


def state(folder: Path) -> dict[str, Any]:
    """The state in the newest checkpoint of a run folder."""
    from twoplayer.runs import checkpoint

    newest = checkpoint.latest(folder / "checkpoints")
    assert newest is not None
    return checkpoint.load(newest)


def assert_same_state(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Bit-identical in every tensor and every count."""
    mine, others = tensors(one), tensors(other)
    assert mine.keys() == others.keys() and len(mine) > 10
    assert [k for k in mine if not torch.equal(mine[k], others[k])] == []
    counts = ("step", "batches_drawn", "batches_read", "ema_updates")
    assert {k: one[k] for k in counts} == {k: other[k] for k in counts}
    assert one["algorithm"]["updates"] == other["algorithm"]["updates"]


def unmeasured(replace: Callable[..., Any]) -> None:
    """Put stand-ins for figures and pictures, by a `setattr` such as monkeypatch's."""
    import numpy as np
    from PIL import Image

    import twoplayer.measurement
    import twoplayer.sampling.samples
    from twoplayer.measurement import Measurement
    from twoplayer.metrics import Estimate, MetricValue

    def measure(samples: Any, data: Any, **_: Any) -> Measurement:
        whole = samples if isinstance(samples, np.ndarray) else np.concatenate(list(samples))
        figure = MetricValue.of("toy", len(whole), Estimate(float(whole.mean())), higher_is_better=True)
        return Measurement((figure,), ("a stand-in",), len(whole))

    replace(twoplayer.measurement, "measure", measure)
    replace(twoplayer.sampling.samples.Samples, "picture", lambda self, columns=None: Image.new("L", (2, 2)))
