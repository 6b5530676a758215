"""The plan of a comparison: the runs to train, of every method with every varied setting and seed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from twoplayer.comparison.architectures import random_architecture
from twoplayer.config.layers import resolve_config
from twoplayer.config.renamed import Renames
from twoplayer.config.schema import STOP_FIELDS, Config
from twoplayer.core.errors import UserError
from twoplayer.core.files import json_text

__all__ = ["ComparisonPlan", "PlannedRun", "plan", "read_variation"]


@dataclass(frozen=True)
class PlannedRun:
    """A run of a comparison that is to be trained."""

    method: str
    settings: Mapping[str, Any]
    """All settings except method, data and seed."""
    seed: int
    factors: Mapping[str, Any] = field(default_factory=dict)
    """The settings that vary, by name."""
    architecture_index: int | None = None
    """Of its random architecture."""

    @property
    def label(self) -> str:
        """Its row in the table; runs with one label are repetitions of each other."""
        return " ".join([self.method, *(f"{key}={value}" for key, value in self.factors.items())])

    @property
    def replicate(self) -> str:
        """Pairs it with a run of every other row."""
        seed = f"seed {self.seed}"
        return seed if self.architecture_index is None else f"architecture {self.architecture_index}, {seed}"

    @property
    def name(self) -> str:
        """The name of its run folder."""
        index = [] if self.architecture_index is None else [f"architecture{self.architecture_index}"]
        words = [self.method, *(f"{k}={v}" for k, v in self.factors.items()), *index, f"seed{self.seed}"]
        return re.sub(r"[^\w.=+-]+", "_", "-".join(words))

    def arguments(self, data: str) -> list[str]:
        """The arguments of ``twoplayer train``, except for the run folder."""
        pairs = [(f"--{key.replace('_', '-')}", str(value)) for key, value in self.settings.items()]
        words = [word for pair in pairs for word in pair]
        return [self.method, "--data", data, *words, "--seed", str(self.seed)]


@dataclass(frozen=True)
class ComparisonPlan:
    """The runs of a comparison, with their data and budget."""

    data: str
    unit: str
    """``max_time`` (seconds), ``images`` or ``steps``."""
    amount: float
    runs: tuple[PlannedRun, ...]
    common: Mapping[str, Any]
    """Settings of all runs, including the budget."""
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the comparison's folder, which depends on data, budget and common settings."""
        settings = {k: v for k, v in self.common.items() if k not in STOP_FIELDS}
        digest = hashlib.blake2b(json_text(settings).encode(), digest_size=2).hexdigest()
        amount = f"{self.amount:g}{'s' if self.unit == 'max_time' else '-' + self.unit}"
        stem = re.sub(r"[^\w.-]+", "-", Path(self.data).name or self.data)
        return f"{stem}-{amount}" + (f"-{digest}" if settings else "")


def plan(
    methods: Sequence[str],
    data: str,
    *,
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    vary: Mapping[str, Sequence[Any]],
    architectures: int = 0,
) -> ComparisonPlan:
    """Plan the runs seed by seed, so that an interrupted comparison has runs of all methods.

    Args:
        methods: names of methods.
        data: the data set.
        seeds: the seeds.
        settings: of all runs, including the budget.
        vary: settings with the values that vary.
        architectures: the number of random architectures; 0 for none.

    Raises:
        UserError: with every mistake of every run at once.
    """
    renames = Renames()
    settings, vary = renames.settings(flag_settings(settings)), renames.settings(vary)
    renames.warn(stacklevel=3)
    mistakes = _mistakes(methods, seeds, settings, vary, architectures)
    grid = [dict(zip(vary, values, strict=True)) for values in product(*vary.values())]
    variants = [(method, factors) for method in dict.fromkeys(methods) for factors in grid]
    configs: dict[tuple[str, str], Config] = {}
    surplus = [stop for stop in STOP_FIELDS if settings.get(stop) is not None][1:]  # reported already
    common = {key: value for key, value in settings.items() if key not in surplus}
    for method, factors in variants:
        config = _resolved(method, data, {**common, **factors}, mistakes)
        if config is not None:
            configs[method, json_text(factors)] = config
    if mistakes:
        raise UserError("\n".join(dict.fromkeys(mistakes)))
    indices: list[int | None] = list(range(architectures)) or [None]

    def architecture(index: int | None, method: str, factors: Mapping[str, Any]) -> dict[str, Any]:
        tree = configs[method, json_text(factors)].tree()
        return {} if index is None else random_architecture(index, tree, settings)

    runs = [
        PlannedRun(method, {**settings, **factors, **architecture(index, method, factors)}, seed, factors, index)
        for seed in seeds
        for index in indices
        for method, factors in variants
    ]
    if architectures:  # some architectures cannot be built
        for run in runs:
            _resolved(run.method, data, run.settings, mistakes)
        if mistakes:
            raise UserError("\n".join(dict.fromkeys(mistakes)))
    first = next(iter(configs.values()))
    runs, notes = _with_equal_sample_count(runs, list(configs.values()), settings)
    unit = next(stop for stop in STOP_FIELDS if settings.get(stop) is not None)
    return ComparisonPlan(data, unit, float(getattr(first, unit)), tuple(runs), dict(settings), tuple(notes))


def flag_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by the names of their flags: options of a part by their paths, None left out.

    >>> flag_settings({"optimizer": {"name": "sgd", "momentum": 0.9}, "regularizers": {"r1": {"gamma": 1}}})
    {'optimizer': 'sgd', 'optimizer.momentum': 0.9, 'regularizers': 'r1', 'r1.gamma': 1}
    """
    flags: dict[str, Any] = {}
    for key, value in settings.items():
        match value:
            case None:
                continue
            case Mapping() if key == "regularizers":
                flags[key] = ",".join(value) or "none"
                flags |= {f"{name}.{o}": v for name, options in value.items() for o, v in (options or {}).items()}
            case Mapping():
                flags |= {key if o == "name" else f"{key}.{o}": v for o, v in value.items()}
            case list() | tuple():
                flags[key] = ",".join(map(str, value))
            case _:
                flags[key] = value
    return flags


def read_variation(text: str) -> tuple[str, list[str]]:
    """Parse ``networks.depth=4,8`` into a setting and its values.

    Raises:
        UserError: for any other text.
    """
    key, equals, values = text.partition("=")
    value_list = [value.strip() for value in values.split(",") if value.strip()]
    if not key.strip() or not equals or not value_list:
        raise UserError(f"`vary` must be a setting and its values, such as networks.depth=4,8,12, not {text!r}")
    return key.strip(), value_list


def _mistakes(
    methods: Sequence[str],
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    vary: Mapping[str, Sequence[Any]],
    architectures: int,
) -> list[str]:
    """Mistakes of the comparison itself."""
    mistakes = []
    stops = [stop for stop in STOP_FIELDS if settings.get(stop) is not None]
    if len(stops) != 1:
        named = f", not {' and '.join(stops)}" if stops else ""
        mistakes.append(f"equal budgets need one of `budget`, `images` and `steps`{named}: give the length of the runs")
    if not methods:
        mistakes.append("nothing to compare: give methods, such as gan1 wgan-gp, or run folders")
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        mistakes.append("seeds must be different whole numbers, none below 0: `seeds=3`, or `seeds=[0, 7, 42]`")
    duplicates = {key.replace("-", "_") for key in settings} & {key.replace("-", "_") for key in vary}
    mistakes += [f"{key} is both varied and set: remove one of them" for key in sorted(duplicates)]
    if architectures and (len(set(methods)) != 2 or vary):
        mistakes.append(
            f"`random_architectures` compares two methods and varies nothing else: name two methods, not "
            f"{len(set(methods))}{' with `vary`' if vary else ''}"
        )
    if "seed" in settings or "seed" in vary:
        mistakes.append("runs are repeated with different seeds: give `seeds` instead of a seed")
    return mistakes


def _resolved(method: str, data: str, settings: Mapping[str, Any], mistakes: list[str]) -> Config | None:
    try:
        config = resolve_config(method, data, **settings)
    except UserError as error:
        mistakes += error.text.splitlines()
        return None
    if config.images is not None and config.images < config.batch_size:
        mistakes.append(
            f"a budget of {config.images} images is too small for one evaluation: {method} takes {config.batch_size} "
            "in a batch"
        )
    if not config.evaluate_count:
        mistakes.append("runs are compared by metrics, which `evaluate_count=0` switches off: remove it")
    end, period = config.steps, config.evaluate_every
    if end is not None and (end < 2 or (period or 0) >= end):
        mistakes.append(
            f"a budget of {end} steps is too small for one evaluation during training"
            f"{f', which `evaluate_every` sets to {period}' if period else ''}: raise `steps`"
        )
    return config


def _with_equal_sample_count(
    runs: list[PlannedRun], configs: Sequence[Config], settings: Mapping[str, Any]
) -> tuple[list[PlannedRun], list[str]]:
    """The runs with the smallest sample count among the methods for all of them, and a note on it."""
    counts = {config.evaluate_count for config in configs}
    if len(counts) == 1 or "evaluate_count" in settings:
        return runs, []
    count = min(counts)
    note = f"All runs are measured on {count:,} samples, the default of the method with the slowest sampler."
    return [replace(run, settings={**run.settings, "evaluate_count": count}) for run in runs], [note]
