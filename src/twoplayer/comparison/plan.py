"""The grid of a comparison: every method, with every variation and seed, as runs to train."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from twoplayer.comparison.architectures import architecture
from twoplayer.config.layers import resolve_config
from twoplayer.config.renamed import Renames
from twoplayer.config.schema import STOP_FIELDS, Config
from twoplayer.core.errors import UserError
from twoplayer.core.files import json_text

__all__ = ["ComparisonPlan", "PlannedRun", "plan", "read_variation"]


@dataclass(frozen=True)
class PlannedRun:
    """One run of a comparison."""

    method: str
    settings: Mapping[str, Any]
    """All but method, data and seed."""
    seed: int
    factors: Mapping[str, Any] = field(default_factory=dict)
    """What is varied, by setting."""
    number: int | None = None
    """Of its random architecture."""

    @property
    def label(self) -> str:
        """Its row in the table: runs of one label differ by what is repeated alone."""
        return " ".join([self.method, *(f"{key}={value}" for key, value in self.factors.items())])

    @property
    def replicate(self) -> str:
        """What pairs it with a run of every other label."""
        return f"seed {self.seed}" if self.number is None else f"architecture {self.number}, seed {self.seed}"

    @property
    def name(self) -> str:
        """Its run folder's."""
        number = [] if self.number is None else [f"architecture{self.number}"]
        words = [self.method, *(f"{k}={v}" for k, v in self.factors.items()), *number, f"seed{self.seed}"]
        return re.sub(r"[^\w.=+-]+", "_", "-".join(words))

    def flags(self, data: str) -> list[str]:
        """What ``twoplayer train`` is called with, but for the run folder."""
        pairs = [(f"--{key.replace('_', '-')}", str(value)) for key, value in self.settings.items()]
        words = [word for pair in pairs for word in pair]
        return [self.method, "--data", data, *words, "--seed", str(self.seed)]


@dataclass(frozen=True)
class ComparisonPlan:
    """What is compared, on what, for how long, and the runs that this takes."""

    data: str
    unit: str
    """``max_time`` (seconds), ``images`` or ``steps``."""
    amount: float
    cases: tuple[PlannedRun, ...]
    common: Mapping[str, Any]
    """Settings of all runs, the budget among them."""
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the folder of the comparison: the same for the same data, budget and common settings."""
        said = {k: v for k, v in self.common.items() if k not in STOP_FIELDS}
        digest = hashlib.blake2b(json_text(said).encode(), digest_size=2).hexdigest()
        amount = f"{self.amount:g}{'s' if self.unit == 'max_time' else '-' + self.unit}"
        stem = re.sub(r"[^\w.-]+", "-", Path(self.data).name or self.data)
        return f"{stem}-{amount}" + (f"-{digest}" if said else "")


def plan(
    methods: Sequence[str],
    data: str,
    *,
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    vary: Mapping[str, Sequence[Any]],
    architectures: int = 0,
) -> ComparisonPlan:
    """The runs that compare `methods`, seed by seed, so that a comparison cut short has compared all of them.

    Raises `UserError` with every mistake of every run at once.
    """
    renames = Renames()
    settings, vary = renames.settings(flat(settings)), renames.settings(vary)
    renames.warn(stacklevel=3)
    mistakes = _mistakes(methods, seeds, settings, vary, architectures)
    grid = [dict(zip(vary, values, strict=True)) for values in product(*vary.values())]
    variants = [(method, factors) for method in dict.fromkeys(methods) for factors in grid]
    found: dict[tuple[str, str], Config] = {}
    surplus = [stop for stop in STOP_FIELDS if settings.get(stop) is not None][1:]  # which is complained of already
    agreed = {key: value for key, value in settings.items() if key not in surplus}
    for method, factors in variants:
        config = _settled(method, data, {**agreed, **factors}, mistakes)
        if config is not None:
            found[method, json_text(factors)] = config
    if mistakes:
        raise UserError("\n".join(dict.fromkeys(mistakes)))
    numbers: list[int | None] = list(range(architectures)) or [None]

    def drawn(number: int | None, method: str, factors: Mapping[str, Any]) -> dict[str, Any]:
        tree = found[method, json_text(factors)].tree()
        return {} if number is None else architecture(number, tree, settings)

    cases = [
        PlannedRun(method, {**settings, **factors, **drawn(number, method, factors)}, seed, factors, number)
        for seed in seeds
        for number in numbers
        for method, factors in variants
    ]
    _check_architectures([c for c in cases if c.number is not None], data)
    first = next(iter(found.values()))
    cases, notes = _same_count(cases, list(found.values()), settings)
    unit = next(stop for stop in STOP_FIELDS if settings.get(stop) is not None)
    return ComparisonPlan(data, unit, float(getattr(first, unit)), tuple(cases), dict(settings), tuple(notes))


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as flags spell them: options of a part by their paths, None left out.

    >>> flat({"optimizer": {"name": "sgd", "momentum": 0.9}, "regularizers": {"r1": {"gamma": 1}}, "batch_size": None})
    {'optimizer': 'sgd', 'optimizer.momentum': 0.9, 'regularizers': 'r1', 'r1.gamma': 1}
    """
    found: dict[str, Any] = {}
    for key, value in settings.items():
        match value:
            case None:
                continue
            case Mapping() if key == "regularizers":
                found[key] = ",".join(value) or "none"
                found |= {f"{name}.{o}": v for name, options in value.items() for o, v in (options or {}).items()}
            case Mapping():
                found |= {key if o == "name" else f"{key}.{o}": v for o, v in value.items()}
            case list() | tuple():
                found[key] = ",".join(map(str, value))
            case _:
                found[key] = value
    return found


def read_variation(text: str) -> tuple[str, list[str]]:
    """``networks.depth=4,8`` as a setting and its values. Raises `UserError` for anything else."""
    key, equals, values = text.partition("=")
    found = [value.strip() for value in values.split(",") if value.strip()]
    if not key.strip() or not equals or not found:
        raise UserError(f"--vary {shlex.quote(text)} must be a setting and its values, such as networks.depth=4,8,12")
    return key.strip(), found


def _mistakes(
    methods: Sequence[str],
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    vary: Mapping[str, Sequence[Any]],
    architectures: int,
) -> list[str]:
    """What is wrong with the comparison itself."""
    mistakes = []
    stops = [stop for stop in STOP_FIELDS if settings.get(stop) is not None]
    if len(stops) != 1:
        said = f", not {' and '.join(stops)}" if stops else ""
        mistakes.append(f"equal budgets take one of --budget, --images and --steps{said}: say how long runs may last")
    if not methods:
        mistakes.append("say what to compare: methods, such as gan1 wgan-gp, or run folders")
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        mistakes.append("seeds must be different whole numbers, none below 0: --seeds 3, or --seeds 0,7,42")
    taken = {key.replace("-", "_") for key in settings} & {key.replace("-", "_") for key in vary}
    mistakes += [f"{key} is varied and set at once: leave one out" for key in sorted(taken)]
    if architectures and (len(set(methods)) != 2 or vary):
        mistakes.append(
            f"--random-architectures holds two methods against each other, and nothing else is varied: name two, not "
            f"{len(set(methods))}{' with --vary' if vary else ''}"
        )
    if "seed" in settings or "seed" in vary:
        mistakes.append("seeds are what is repeated: give --seeds")
    return mistakes


def _settled(method: str, data: str, settings: Mapping[str, Any], mistakes: list[str]) -> Config | None:
    try:
        config = resolve_config(method, data, **settings)
    except UserError as error:
        mistakes += str(error).splitlines()
        return None
    if config.images is not None and config.images < config.batch_size:
        mistakes.append(
            f"a budget of {config.images} images is too small for one evaluation: {method} takes {config.batch_size} "
            "in a batch"
        )
    if not config.evaluate_count:
        mistakes.append("runs are compared by what is measured of them: leave --evaluate-count 0 out")
    end, period = config.steps, config.evaluate_every
    if end is not None and (end < 2 or (period or 0) >= end):
        mistakes.append(
            f"a budget of {end} rounds is too small for one evaluation on the way"
            f"{f', which --evaluate-every puts at {period}' if period else ''}: give more --steps"
        )
    return config


def _check_architectures(cases: Sequence[PlannedRun], data: str) -> None:
    """Draw no architecture that cannot be built. Raises `UserError` for the settings that make it so."""
    mistakes: list[str] = []
    for case in cases:
        _settled(case.method, data, case.settings, mistakes)
    if mistakes:
        raise UserError("\n".join(dict.fromkeys(mistakes)))


def _same_count(
    cases: list[PlannedRun], configs: Sequence[Config], settings: Mapping[str, Any]
) -> tuple[list[PlannedRun], list[str]]:
    """All runs measured on as many samples, the fewest that any method's preset asks for."""
    counts = {config.evaluate_count for config in configs}
    if len(counts) == 1 or "evaluate_count" in settings:
        return cases, []
    least = min(counts)
    note = f"All runs are measured on {least:,} samples, which is as many as the slowest sampler among them affords."
    return [replace(c, settings={**c.settings, "evaluate_count": least}) for c in cases], [note]
