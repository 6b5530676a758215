"""Replay of the last steps of a diverged run from its last good checkpoint, with every layer observed.

On a CPU they are the same steps to the bit, since the random numbers of a step depend on nothing before it.
"""

from __future__ import annotations

import math
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from twoplayer.core.rng import derive
from twoplayer.diagnosis._base import Unavailable
from twoplayer.diagnosis._probes import leaf_modules
from twoplayer.diagnosis._run_context import RunContext
from twoplayer.training.trainer import Trainer

__all__ = ["Replay", "replay"]

MAX_SECONDS = 180.0
"""Time that the replay may take."""
EXTRA_STEPS = 8
"""Steps replayed beyond the one that failed, for devices on which steps are not repeated to the bit."""
MAX_STEPS_WITHOUT_FAILED_STEP = 1_000
FORMER_MESSAGE = re.compile(r"^at (?:round|step) ([\d,]+) ")
"""The beginning of the message of a diverged run whose ``status.json`` has no ``failed_step``."""
OUTPUT, GRADIENT, WEIGHT = "its output", "the gradient of its weights", "a weight"
"""Which tensor of a layer is not finite."""


@dataclass
class Replay:
    """What was observed in the replayed steps."""

    first_step: int
    failed_step: int | None
    """The step at which training stopped itself, if it is known."""
    norms: dict[str, list[float]] = field(default_factory=dict)
    """The largest gradient norm of each layer's parameters in each step, by player and path."""
    broken_layer: str | None = None
    """The first layer with a number that is not finite, by player and path."""
    broken_tensor: str = ""
    """The tensor of `broken_layer` that is not finite: its output, the gradient of its weights, or a weight."""
    broken_step: int | None = None

    @property
    def step_count(self) -> int:
        return max(map(len, self.norms.values()), default=0)

    def growth(self, layer: str) -> float:
        """The largest of the last three finite gradient norms of a layer over its median; NaN without any."""
        finite = [v for v in self.norms[layer] if math.isfinite(v)]
        ordered = sorted(finite)
        if not finite or ordered[len(ordered) // 2] <= 0:
            return math.nan
        return max(finite[-3:]) / ordered[len(ordered) // 2]

    @property
    def fastest_growing_layer(self) -> str | None:
        """The layer whose gradient grew most."""
        growth = {layer: g for layer in self.norms if not math.isnan(g := self.growth(layer))}
        return max(growth, key=growth.__getitem__, default=None)


def replay(context: RunContext) -> Replay:
    """Repeat the steps after the last good checkpoint up to the first number that is not finite.

    Raises:
        Unavailable: if the data or the checkpoint is missing, or the steps take more than 180 s.
    """
    failed_step = _failed_step(context.status)
    trainer = context.restored()
    last_step = trainer.step + MAX_STEPS_WITHOUT_FAILED_STEP if failed_step is None else failed_step + EXTRA_STEPS
    result = Replay(trainer.step + 1, failed_step)
    context.progress(f"repeating steps {result.first_step:,} to {last_step:,}, for at most {MAX_SECONDS:g} s")
    started = time.monotonic()
    with _observed(trainer, result), torch.random.fork_rng(devices=[]):
        while trainer.step < last_step and result.broken_layer is None:
            _repeat_step(trainer, result)
            if time.monotonic() - started > MAX_SECONDS:
                if result.broken_layer is None and failed_step is not None and trainer.step < failed_step:
                    raise Unavailable(
                        f"repeating the steps from {result.first_step:,} to {failed_step:,} takes more than "
                        f"{MAX_SECONDS:g} s"
                    )
                break
    return result


def _failed_step(status: Mapping[str, Any]) -> int | None:
    """The step at which training stopped itself; of a run folder of an earlier version, from its message."""
    if isinstance(step := status.get("failed_step"), int):
        return step
    message = FORMER_MESSAGE.match(str(status.get("message") or ""))
    return int(message[1].replace(",", "")) if message else None


def _repeat_step(trainer: Trainer, result: Replay) -> None:
    """One step as the trainer takes it, without a trace in the run folder."""
    trainer.batches.step = trainer.step
    torch.manual_seed(derive(trainer.config.seed, "round", trainer.step))
    for values in result.norms.values():
        values.append(0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.algorithm.step(trainer.batches)
    trainer.step += 1
    for player, name, parameter in _parameters(trainer):
        if result.broken_layer is None and not bool(torch.isfinite(parameter).all()):
            _record_broken(result, trainer, f"{player}: {name.rpartition('.')[0]}", WEIGHT)


def _record_broken(result: Replay, trainer: Trainer, layer: str, tensor: str) -> None:
    if result.broken_layer is None:
        # Hooks run within a step, before it is counted.
        step = trainer.step + (tensor != WEIGHT)
        result.broken_layer, result.broken_tensor, result.broken_step = layer, tensor, step


def _parameters(trainer: Trainer) -> Iterator[tuple[str, str, nn.Parameter]]:
    for player, module in trainer.problem.players.items():
        for name, parameter in module.named_parameters():
            yield player, name, parameter


@contextmanager
def _observed(trainer: Trainer, result: Replay) -> Iterator[None]:
    """Record every leaf module's output and every parameter's gradient within the context."""
    handles: list[Any] = []

    def check_output(player: str, name: str, part: nn.Module, arguments: Any, output: Any) -> None:
        if isinstance(output, Tensor) and not bool(torch.isfinite(output).all()):
            _record_broken(result, trainer, f"{player}: {name}", OUTPUT)

    def record_gradient(layer: str, value: Tensor) -> None:
        norm = float(value.detach().float().norm())
        if not math.isfinite(norm):
            _record_broken(result, trainer, layer, GRADIENT)
        result.norms[layer][-1] = max(result.norms[layer][-1], norm)

    for player, module in trainer.problem.players.items():
        for name, part in leaf_modules(module).items():
            handles.append(part.register_forward_hook(partial(check_output, player, name)))
    for player, name, parameter in _parameters(trainer):
        layer = f"{player}: {name.replace('parametrizations.', '').rpartition('.')[0]}"
        result.norms.setdefault(layer, [])
        if parameter.requires_grad:
            handle = parameter.register_hook(partial(record_gradient, layer))  # type: ignore[no-untyped-call]
            handles.append(handle)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
