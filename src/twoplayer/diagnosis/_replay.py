"""The failing rounds of a diverged run, played again from its last good checkpoint with every layer watched.

On a CPU they are the same rounds to the bit, since nothing in training depends on what was drawn before.
"""

from __future__ import annotations

import math
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from twoplayer.core.rng import derive
from twoplayer.diagnosis._base import Unavailable
from twoplayer.diagnosis._probes import leaves
from twoplayer.diagnosis._run_context import RunContext
from twoplayer.training.trainer import Trainer

__all__ = ["Replay", "replay"]

LIMIT = 180.0
"""Seconds that the failing rounds may take again."""
LATE = 8
"""Rounds played beyond the one that failed, where rounds are not repeated to the bit."""
STATED = re.compile(r"^at round ([\d,]+) ")


@dataclass
class Replay:
    """What was seen of the failing rounds."""

    first: int
    """The first round that was played again."""
    failed: int | None
    """The round in which it failed when it was trained, if that is known."""
    norms: dict[str, list[float]] = field(default_factory=dict)
    """The largest gradient norm of each layer's parameters in each round, by player and path."""
    broken: str | None = None
    """The first layer with a number that was not finite, by player and path."""
    what: str = ""
    """What of that layer: its output, the gradient of its weights, or the weights themselves."""
    broke: int | None = None
    """The round in which that was."""

    @property
    def rounds(self) -> int:
        return max(map(len, self.norms.values()), default=0)

    def growth(self, layer: str) -> float:
        """How many times the layer's gradient grew from its median over the rounds to its last finite value."""
        values = sorted(v for v in self.norms[layer] if math.isfinite(v))
        finite = [v for v in self.norms[layer] if math.isfinite(v)]
        if not finite or values[len(values) // 2] <= 0:
            return math.nan
        return max(finite[-3:]) / values[len(values) // 2]

    @property
    def steepest(self) -> str | None:
        """The layer whose gradient grew most."""
        grown = {layer: g for layer in self.norms if not math.isnan(g := self.growth(layer))}
        return max(grown, key=grown.__getitem__, default=None)


def replay(patient: RunContext) -> Replay:
    """Play the rounds after the last good checkpoint again, to the first number that is not finite.

    Raises `Unavailable` where the data, the checkpoint or the time is missing.
    """
    stated = STATED.match(str(patient.status.get("message") or ""))
    failed = int(stated[1].replace(",", "")) if stated else None
    trainer = patient.restored()
    last = trainer.step + 1000 if failed is None else failed + LATE
    found = Replay(trainer.step + 1, failed)
    patient.say(f"playing rounds {found.first:,} to {last:,} again, at most {LIMIT:g} s")
    began = time.monotonic()
    with _watched(trainer, found), torch.random.fork_rng(devices=[]):
        while trainer.step < last and found.broken is None:
            _round(trainer, found)
            if time.monotonic() - began > LIMIT:
                if found.broken is None and failed is not None and trainer.step < failed:
                    raise Unavailable(f"the rounds from {found.first:,} to {failed:,} take more than {LIMIT:g} s again")
                break
    return found


def _round(trainer: Trainer, found: Replay) -> None:
    """One round as the trainer plays it, without a trace in the run folder."""
    trainer.batches.rounds = trainer.step
    torch.manual_seed(derive(trainer.config.seed, "round", trainer.step))
    for values in found.norms.values():
        values.append(0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.algorithm.round(trainer.batches)
    trainer.step += 1
    for player, name, parameter in _parameters(trainer):
        if found.broken is None and not bool(torch.isfinite(parameter).all()):
            _break(found, trainer, f"{player}: {name.rpartition('.')[0]}", "a weight")


def _break(found: Replay, trainer: Trainer, layer: str, what: str) -> None:
    if found.broken is None:
        # Hooks run inside a round, before it is counted.
        found.broken, found.what, found.broke = layer, what, trainer.step + (what != "a weight")


def _parameters(trainer: Trainer) -> Iterator[tuple[str, str, nn.Parameter]]:
    for player, module in trainer.game.players.items():
        for name, parameter in module.named_parameters():
            yield player, name, parameter


@contextmanager
def _watched(trainer: Trainer, found: Replay) -> Iterator[None]:
    """Look at every leaf's output and at every parameter's gradient while it is entered."""
    handles: list[Any] = []

    def output(player: str, name: str, part: nn.Module, given: Any, result: Any) -> None:
        if isinstance(result, Tensor) and not bool(torch.isfinite(result).all()):
            _break(found, trainer, f"{player}: {name}", "its output")

    def gradient(layer: str, value: Tensor) -> None:
        norm = float(value.detach().float().norm())
        if not math.isfinite(norm):
            _break(found, trainer, layer, "the gradient of its weights")
        found.norms[layer][-1] = max(found.norms[layer][-1], norm)

    for player, module in trainer.game.players.items():
        for name, part in leaves(module).items():
            handles.append(part.register_forward_hook(partial(output, player, name)))
    for player, name, parameter in _parameters(trainer):
        layer = f"{player}: {name.replace('parametrizations.', '').rpartition('.')[0]}"
        found.norms.setdefault(layer, [])
        if parameter.requires_grad:
            handle = parameter.register_hook(partial(gradient, layer))  # type: ignore[no-untyped-call]
            handles.append(handle)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
