"""Names that have changed since earlier versions, and what they are called now.

Settings files, run folders, flags and keyword arguments that were written for an earlier version are read through
these tables, and nowhere else. A name is listed here only as long as nothing else is called by it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from twoplayer.config.parts import PART_FAMILIES
from twoplayer.core.errors import UserError

__all__ = ["ALIASES", "FAMILIES", "FIELDS", "MEMBERS", "OPTIONS", "Renames", "current_settings"]

ALIASES: Mapping[str, str] = {"budget": "max_time"}
"""Second names of fields, which stay: no note is given."""

FIELDS: Mapping[str, str] = {
    "batch": "batch_size",
    "ema": "ema_decay",
    "stop": "early_stopping",
    "stop_patience": "early_stopping_patience",
    "judge_every": "early_stopping_every",
}
"""Fields of the config: the old name and the new one."""

OPTIONS: Mapping[str, Mapping[str, str]] = {
    "optimizers": {"decay_from": "lr_decay_start", "smoothing": "alpha"},
    "algorithms": {
        "levels": "functional_steps",
        "pool": "pool_size",
        "trials": "step_size_trials",
        "fresh": "reset_critic",
        "fresh_optimizer": "reset_optimizer",
        "unroll": "unroll_steps",
        "inner": "inner_optimizer",
        "reuse": "reuse_samples",
    },
    "games": {
        "into_generator": "generator_conditioning",
        "into_critic": "critic_conditioning",
        "checker": "auxiliary_classifier",
        "checker_learns": "auxiliary_classifier_data",
        "checker_weight": "auxiliary_classifier_weight",
        "encoder": "text_encoder",
        "model": "text_encoder_model",
        "text_dim": "text_embedding_dim",
        "embedded": "condition_dim",
        "interpolate": "interpolate_texts",
        "l1": "l1_weight",
        "adversarial": "adversarial_weight",
        "cycle": "cycle_weight",
        "identity": "identity_weight",
        "history": "image_pool_size",
    },
    "objectives": {
        "diversity": "diversity_ratio",
        "rate": "proportional_gain",
        "generator": "generator_loss",
        "against": "relative_to",
    },
    "regularizers": {"deviation": "std", "fade": "fade_steps", "ramp": "ramp_images"},
    "networks": {"kernel": "kernel_size", "embedding": "embedding_dim"},
}
"""Options of the members of a family: the old name and the new one."""

FAMILIES: Mapping[str, str] = {
    "texts": "text-encoders",
    "aims": "evaluation-tasks",
    "twosample": "two-sample-tests",
}
"""Families as ``twoplayer list`` takes them: the old name and the new one."""

MEMBERS: Mapping[str, Mapping[str, str]] = {
    "evaluation-tasks": {
        "nearness": "translation-error",
        "matching": "caption-retrieval",
        "agreement": "conditional-accuracy",
        "probes": "linear-probes",
    },
}
"""Members of a family: the old name and the new one."""


OPTIMIZER_OPTIONS: Mapping[str, frozenset[str]] = {
    "adam": frozenset({"beta1", "beta2"}),
    "rmsprop": frozenset({"alpha", "momentum"}),
    "sgd": frozenset({"momentum"}),
}
"""Options of the optimizers of release 0.1, which wrote all of them for any optimizer."""
OPTIONS_OF_ALL_OPTIMIZERS = frozenset[str]().union(*OPTIMIZER_OPTIONS.values())


class Renames:
    """The old names that were read in one call.

    >>> renames = Renames()
    >>> renames.settings({"batch": 64, "algorithm": {"name": "xicfg", "levels": 15}, "budget": "2min"})
    {'batch_size': 64, 'algorithm': {'name': 'xicfg', 'functional_steps': 15}, 'max_time': '2min'}
    >>> renames.used
    {'batch': 'batch_size', 'levels': 'functional_steps'}
    """

    def __init__(self) -> None:
        self.used: dict[str, str] = {}

    def settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings by the names of today: fields, options of parts, and options by their paths.

        An option by its bare name stays as it is, since what it means depends on the parts chosen: `option`.

        Raises:
            UserError: for one setting that is given by two of its names.
        """
        current: dict[str, Any] = {}
        spellings: dict[str, str] = {}
        for key, value in settings.items():
            name = self._setting(key)
            if name in current:
                raise UserError(f"{spellings[name]} and {key} are two names of one setting: give one of them")
            current[name], spellings[name] = self._options_of(name, value), key
        return current

    def option(self, family: str, name: str) -> str:
        """The option of a family's members that has this name or had it; any other name as it is."""
        return self._current(OPTIONS.get(family, {}), name)

    def family(self, name: str) -> str:
        """The family that has this name or had it; any other name as it is."""
        return self._current(FAMILIES, name)

    def member(self, family: str, name: str) -> str:
        """The member of a family that has this name or had it; any other name as it is."""
        return self._current(MEMBERS.get(family, {}), name)

    def warn(self, stacklevel: int = 2) -> None:
        """Tell the caller of all old names at once, in one `FutureWarning`; without any, nothing."""
        if self.used:
            changes = ", ".join(f"{old} is now called {new}" for old, new in self.used.items())
            warnings.warn(changes, FutureWarning, stacklevel=stacklevel + 1)

    def _current(self, table: Mapping[str, str], name: str) -> str:
        if name not in table:
            return name
        self.used[name] = table[name]
        return table[name]

    def _setting(self, key: str) -> str:
        """The name of a field, or the path of an option, such as ``algorithm.levels`` or ``instance-noise.fade``."""
        path, _, option = key.rpartition(".")
        name = option.replace("-", "_")
        if path:
            return f"{path}.{self.option(_family_at(path), name)}"
        if name in ALIASES:
            return ALIASES[name]
        return self._current(FIELDS, name) if name in FIELDS else key

    def _options_of(self, field: str, value: Any) -> Any:
        """The value of a field, with the options of a part by the names of today."""
        if not isinstance(value, Mapping):
            return value
        field = field.replace("-", "_")
        if field == "regularizers":
            return {name: self._renamed("regularizers", options) for name, options in value.items()}
        return self._renamed(_family_at(field), value)

    def _renamed(self, family: str, options: Any) -> Any:
        if not isinstance(options, Mapping) or family not in OPTIONS:
            return options
        return {self.option(family, name) if isinstance(name, str) else name: v for name, v in options.items()}


def current_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a run folder by the names of today, without a note.

    >>> current_settings({"batch": 64, "regularizers": {"instance-noise": {"fade": 100}}})
    {'batch_size': 64, 'regularizers': {'instance-noise': {'fade_steps': 100}}}
    """
    current = Renames().settings(settings)
    optimizer = current.get("optimizer")
    if isinstance(optimizer, Mapping):  # release 0.1 wrote the options of all optimizers
        foreign = OPTIONS_OF_ALL_OPTIMIZERS - OPTIMIZER_OPTIONS.get(
            str(optimizer.get("name")), OPTIONS_OF_ALL_OPTIMIZERS
        )
        current["optimizer"] = {name: value for name, value in optimizer.items() if name not in foreign}
    if isinstance(current.get("prior"), str):
        current["prior"] = {"name": current["prior"]}
    return current


def _family_at(path: str) -> str:
    """The family of the part at a path."""
    path = path.replace("-", "_")
    if path == "networks":
        return "networks"
    return path if path == "data" else PART_FAMILIES.get(path, "regularizers")
