"""Time a stage of xICFG against the published procedure's way of computing it, in turns on one machine.

    python benchmarks/xicfg.py [--repeats 5] [--epochs 3] [--json FILE]

All sides take T, U, the pool and the networks of one setting: by default 15, 1, 640, and the published pair, DCGAN's of
32 filters with 5x5 kernels and 1x1 convolutions between, on images of 32 by 32 pixels (--kernel-size 4 --plain: DCGAN's
as `train` takes it). Ours is the algorithm as `twoplayer train xicfg` builds it, once with its own number of fitting
epochs (--epochs, 3) and once with the published 10. The other side is written down from the description of the authors'
PyTorch code: every minibatch of fakes is made from new latents through all earlier functional steps (U·T·(T − 1)/2
critic passes a stage, 105 here), the pool is then made in minibatches (T·pool/batch passes, 150 here), in float32 and
the contiguous format, by snapshots whose weights ask for no gradients; a new RMSprop fits the generator for 10 epochs.
Prints, for each side, real images per second by the clock on the wall and by the processor's, which a busy machine
disturbs less, critic gradient passes a stage and where the time goes; then both ratios, medians over pairs of
neighbouring stages.
"""

from __future__ import annotations

import argparse
import copy
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from _duel import Lap, machine, write
from twoplayer import networks
from twoplayer.config.layers import resolve_config
from twoplayer.core.device import place
from twoplayer.core.rng import torch_generator
from twoplayer.games._factory import DataSpec
from twoplayer.games._problem import Batch
from twoplayer.training.build import build

SHAPE, LATENT, BATCH, PHASES = (1, 32, 32), 100, 64, ("critic", "refining", "fitting")
PUBLISHED_EPOCHS = 10


@dataclass
class Side:
    """Stages of one side: what they took, processor time by phase, and critic gradient passes by their rows."""

    name: str
    epochs: int
    phases: dict[str, list[float]] = field(default_factory=lambda: {phase: [] for phase in PHASES})
    stages: list[Lap] = field(default_factory=list)
    passes: dict[str, int] = field(default_factory=dict)
    rows: int = 0

    @contextmanager
    def time(self, phase: str) -> Iterator[None]:
        began = Lap.now()
        yield
        self.phases[phase][-1] += (Lap.now() - began).cpu

    def stage(self, run: Callable[[], None]) -> None:
        for seconds in self.phases.values():
            seconds.append(0.0)
        self.passes, self.rows = {}, 0
        began = Lap.now()
        run()
        self.stages.append(Lap.now() - began)

    def count(self, kind: str, rows: int) -> None:
        self.passes[kind] = self.passes.get(kind, 0) + 1
        self.rows += rows

    def summary(self, images: int) -> dict[str, Any]:
        wall, cpu = (statistics.median(getattr(lap, clock) for lap in self.stages) for clock in ("wall", "cpu"))
        split = {phase: statistics.median(seconds) / cpu for phase, seconds in self.phases.items()}
        rates = {"images_per_second": images / wall, "images_per_cpu_second": images / cpu}
        return {**asdict(self), **rates, "split": split}


class Images(Batch):
    """Random images; their content does not change what a stage costs."""

    def __init__(self, number: int, layout: torch.memory_format) -> None:
        self.size, self.rounds, self.number = BATCH, 0, number
        self._real = torch.rand(BATCH, *SHAPE, generator=self.random("data")).contiguous(memory_format=layout) * 2 - 1

    @property
    def real(self) -> Tensor:  # type: ignore[override]
        return self._real

    @property
    def labels(self) -> Tensor:  # type: ignore[override]
        return torch.zeros(BATCH, dtype=torch.int64)

    def random(self, purpose: str) -> torch.Generator:
        return torch_generator(0, purpose, self.number)


def architecture(setting: argparse.Namespace) -> dict[str, Any]:
    """Options of both networks."""
    return {"filters": setting.filters, "kernel_size": setting.kernel_size, "pointwise": not setting.plain}


def ours(epochs: int, setting: argparse.Namespace) -> tuple[Side, Callable[[], None]]:
    """The algorithm as it is, with clocks around its phases."""
    side = Side("twoplayer", epochs)
    config = resolve_config("xicfg", "mnist", functional_steps=setting.functional_steps, critic_steps=setting.updates,
                    pool_size=setting.pool_size, fit_epochs=epochs, step_size=0.5, device="cpu",
                    **architecture(setting))  # fmt: skip
    placement = place("cpu", config.precision, config.memory_format, "images")
    algorithm: Any = build(config, DataSpec(SHAPE), placement).algorithm
    for phase, method in zip(PHASES, ("move_critic", "advance", "_fit"), strict=True):
        setattr(algorithm, method, _timed(side, phase, getattr(algorithm, method)))
    steps = algorithm.refined.steps
    steps._slope = _counted(side, steps._slope)
    numbers = iter(range(10**9))

    def batches() -> Iterator[Batch]:
        for number in numbers:
            yield Images(number, placement.memory_format)

    stream = batches()
    return side, lambda: side.stage(lambda: algorithm.step(stream))


def _counted(side: Side, slope: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def wrapper(samples: Tensor, held: dict[str, Tensor]) -> Tensor:
        side.count("refining the pool", len(samples))
        return slope(samples, held)

    return wrapper


def _timed(side: Side, phase: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*arguments: Any) -> Any:
        with side.time(phase):
            return method(*arguments)

    return wrapper


class Published:
    """The published procedure's cost: nothing is kept but the critics' weights."""

    def __init__(self, setting: argparse.Namespace, side: Side) -> None:
        torch.manual_seed(0)
        recipe = networks.create("dcgan", **architecture(setting))
        self.setting, self.side, self.number = setting, side, 0
        self.generator, self.critic = recipe.generator(LATENT, SHAPE), recipe.critic(SHAPE)
        self.snapshots = [copy.deepcopy(self.critic).requires_grad_(False) for _ in range(setting.functional_steps)]
        self.optimizer = self._optimizer(self.critic)

    def stage(self) -> None:
        for level in range(self.setting.functional_steps):
            for _ in range(self.setting.updates):
                with self.side.time("critic"):
                    self._move_critic(level)
            self.snapshots[level].load_state_dict(self.critic.state_dict())
        with self.side.time("refining"):
            made = [
                self._make(self.setting.functional_steps, "refining the pool")
                for _ in range(-(-self.setting.pool_size // BATCH))
            ]
        with self.side.time("fitting"):
            self._fit(torch.cat([z for z, _ in made]), torch.cat([x for _, x in made]))

    def _make(self, levels: int, kind: str) -> tuple[Tensor, Tensor]:
        """New latents, through the generator and so many steps."""
        z = torch.randn(BATCH, LATENT)
        with torch.no_grad():
            x = self.generator.eval()(z)
        for snapshot in self.snapshots[:levels]:
            x = x.detach().requires_grad_()
            self.side.count(kind, BATCH)
            snapshot(x).sum().backward()
            x = x.detach() + 0.5 * x.grad
        return z, x.detach()

    def _move_critic(self, level: int) -> None:
        self.number += 1
        _, fake = self._make(level, "fakes for the critic")
        loss = softplus(-self.critic(Images(self.number, torch.contiguous_format).real)) + softplus(self.critic(fake))
        self.optimizer.zero_grad()
        loss.mean().backward()
        self.optimizer.step()

    def _fit(self, latents: Tensor, targets: Tensor) -> None:
        optimizer = self._optimizer(self.generator.train())
        for _ in range(PUBLISHED_EPOCHS):
            for rows in torch.randperm(len(latents)).split(BATCH):
                loss = (self.generator(latents[rows]) - targets[rows]).square().sum() / 2 / len(rows)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    def _optimizer(self, module: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(module.parameters(), 2.5e-4, alpha=0.95, eps=1e-18)


def published(setting: argparse.Namespace) -> tuple[Side, Callable[[], None]]:
    side = Side("published procedure", PUBLISHED_EPOCHS)
    procedure = Published(setting, side)
    return side, lambda: side.stage(procedure.stage)


def describe(side: Side, images: int) -> str:
    figures = side.summary(images)
    passes = ", ".join(f"{count} {kind}" for kind, count in side.passes.items())
    split = ", ".join(f"{phase} {share:.0%}" for phase, share in figures["split"].items())
    worth = f"{side.rows / BATCH:.0f} minibatches' worth"
    name = f"{side.name}, {side.epochs} fitting epochs"
    rates = f"{figures['images_per_second']:.0f} real images/s ({figures['images_per_cpu_second']:.0f} per CPU second)"
    return f"{name}: {rates}; critic gradient passes a stage: {passes} ({worth}); {split}"


def ratio(mine: Side, theirs: Side, clock: str) -> dict[str, Any]:
    """How many times the other side's images per second, by ``wall`` or ``cpu`` time."""
    laps = zip(mine.stages, theirs.stages, strict=True)
    pairs = [getattr(slow, clock) / getattr(fast, clock) for fast, slow in laps]
    return {"clock": clock, "epochs": [mine.epochs, theirs.epochs], "ratio": statistics.median(pairs), "pairs": pairs}


def spell(found: dict[str, Any]) -> str:
    pairs, (mine, theirs) = found["pairs"], found["epochs"]
    spread = f"{min(pairs):.2f} to {max(pairs):.2f}, {len(pairs)} pairs"
    return f"{mine} against {theirs} fitting epochs, {found['clock']} time: {found['ratio']:.2f} times ({spread})"


def main() -> None:
    """Parse, time in turns, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    defaults = {
        "functional_steps": 15,
        "updates": 1,
        "pool_size": 640,
        "filters": 32,
        "kernel_size": 5,
        "epochs": 3,
        "repeats": 5,
    }
    for name, value in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    parser.add_argument("--plain", action="store_true", help="without 1x1 convolutions")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    setting = parser.parse_args()
    about = machine()
    epochs = dict.fromkeys((setting.epochs, PUBLISHED_EPOCHS))
    sides = [*(ours(count, setting) for count in epochs), published(setting)]
    for _ in range(setting.repeats + 1):
        for _, stage in sides:
            stage()
    for side, _ in sides:  # the first stage warms up
        side.stages = side.stages[1:]
        side.phases = {phase: seconds[1:] for phase, seconds in side.phases.items()}
    images = setting.functional_steps * setting.updates * BATCH
    *mine, theirs = (side for side, _ in sides)
    for side, _ in sides:
        print(describe(side, images))
    ratios = [ratio(side, theirs, clock) for side in mine for clock in ("wall", "cpu")]
    print(*map(spell, ratios), sep="\n")
    settings = {name: getattr(setting, name) for name in (*defaults, "plain")}
    outcomes = [side.summary(images) for side, _ in sides]
    write(setting.json, {"benchmark": "xicfg", **about, "setting": settings, "ratios": ratios, "outcomes": outcomes})


if __name__ == "__main__":
    main()
