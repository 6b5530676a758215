"""What to try next: settings that make a failure mode less likely, and the command that trains with them."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twoplayer import data
from twoplayer.config.schema import Config
from twoplayer.core.registry import family
from twoplayer.diagnosis._base import Advice, Unavailable
from twoplayer.diagnosis._run_context import RunContext
from twoplayer.schedules._base import initial

__all__ = ["GENTLE_LEARNING_RATE", "add_regularizers", "command", "critic_steps", "more_critic_steps", "stabilize",
           "strengthen_critic"]  # fmt: skip

GENTLE_LEARNING_RATE = 2e-4
"""The learning rate that most methods start from."""
MAX_LEARNING_RATE = 1e-3
"""The largest learning rate of published methods with Adam or RMSprop."""
SGD_MAX_LEARNING_RATE, SGD_GENTLE_LEARNING_RATE = 0.1, 0.01
"""The same two for plain gradient descent."""
USUAL_BETA1 = 0.5
"""Adam's first moment in most methods (Radford et al. 2016, section 4)."""
SMALLEST_USUAL_CLIP = 0.01
LARGEST_USUAL_GAMMA = 10.0
LARGEST_USUAL_PENALTY_WEIGHT = 100.0
USUAL_FILTERS = {"mlp": 128, "convolutional": 32}
SWITCHES = frozenset({"json"})
"""Flags without a value."""


def command(context: RunContext, advice: Advice, failure_mode: str) -> str:
    """The command line that trains anew with the advice; for data in memory, the Python call.

    Args:
        context: the run under examination.
        advice: what to change.
        failure_mode: names the new run's folder.
    """
    folder = _new_folder(context.folder.path, failure_mode)
    if _in_memory(context):
        array = "x" if advice.data is None else advice.data
        options = _keywords({**advice.settings, "run": str(folder)})
        return f"twoplayer.train(data={array}, config={str(context.folder.config_file)!r}, {options})"
    settings = {name: str(value) for name, value in advice.settings.items()}
    words, preparation = _own_command(context), ""
    if advice.data is not None:  # the run's options of its data need not fit the repaired data: start from the config
        file = folder.with_name(f"{folder.name}-data.npy")
        preparation, settings["data"] = f"{_repair_command(context, advice.data, file)} && ", str(file)
        words = _config_command(context)
    words = _remove_flags(words, [*settings, *advice.removed_flags, "run"])
    flags = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return preparation + shlex.join([*words, *flags, "--run", str(folder)])


def stabilize(config: Config) -> Advice:
    """The first change of settings worth a try against unstable training."""
    optimizer, objective = config.optimizer, config.objective["name"]
    rate = initial(optimizer.learning_rate)
    max_rate, gentle_rate = MAX_LEARNING_RATE, GENTLE_LEARNING_RATE
    if optimizer.name == "sgd":
        max_rate, gentle_rate = SGD_MAX_LEARNING_RATE, SGD_GENTLE_LEARNING_RATE
    if rate > max_rate:
        return Advice(f"a learning rate of {rate:g} is far above what is usual", {"learning-rate": f"{gentle_rate:g}"})
    beta1 = initial(optimizer.options.get("beta1", USUAL_BETA1)) if optimizer.name == "adam" else 0.0
    if beta1 > USUAL_BETA1:
        return Advice(f"a beta1 of {beta1:g} keeps the game oscillating", {"beta1": f"{USUAL_BETA1:g}"})
    if not config.regularizers:
        if objective == "wasserstein":
            return add_regularizers(config, "gradient-penalty", reason="nothing bounds the critic's gradient")
        return add_regularizers(config, "r1", reason="a penalty on the critic's gradient at the data stabilizes a game")
    if objective == "non-saturating":
        regularized = add_regularizers(config, "r1", "r2", reason="")
        reason = "a relativistic objective with R1 and R2 does not have this failure mode (Huang et al. 2024)"
        return Advice(reason, {"objective": "relativistic", **regularized.settings})
    return Advice("smaller steps", {"learning-rate": f"{rate / 4:g}"})


def strengthen_critic(config: Config) -> Advice:
    """The first change of settings worth a try against a critic that is too weak."""
    rate, critic_rate = initial(config.optimizer.learning_rate), config.optimizer.critic_learning_rate
    if critic_rate is not None and critic_rate < rate:
        return Advice(
            f"the critic's learning rate is {rate / critic_rate:.3g} times smaller than the generator's",
            {"critic-learning-rate": f"{rate:g}"},
        )
    if "clip" in config.regularizers:
        limit = float(config.regularizers["clip"].get("limit", SMALLEST_USUAL_CLIP))
        if limit < SMALLEST_USUAL_CLIP:
            return Advice(
                f"weights of at most {limit:g} make the critic almost constant",
                {"clip.limit": f"{SMALLEST_USUAL_CLIP:g}"},
            )
    for name in ("r1", "r2"):
        gamma = float(config.regularizers.get(name, {}).get("gamma", 0))
        if gamma > LARGEST_USUAL_GAMMA:
            return Advice(f"{name} with a gamma of {gamma:g} flattens the critic", {f"{name}.gamma": "0.1"})
    weight = float(config.regularizers.get("gradient-penalty", {}).get("weight", 0))
    if weight > LARGEST_USUAL_PENALTY_WEIGHT:
        return Advice(
            f"a gradient penalty of weight {weight:g} outweighs the objective", {"gradient-penalty.weight": "10"}
        )
    critic_filters, generator_filters = (part.get("filters") for part in (config.critic, config.generator))
    default = USUAL_FILTERS["mlp" if config.critic["name"].startswith("mlp") else "convolutional"]
    usual = generator_filters or default
    if critic_filters is not None and critic_filters < usual:
        return Advice(f"the critic has only {critic_filters} filters", {"critic.filters": str(usual)})
    return Advice("more critic steps per generator step", more_critic_steps(config, 5))


def critic_steps(config: Config) -> tuple[int, int]:
    """Critic updates per step, and the default of the run's algorithm."""
    option = family("algorithms").options(str(config.algorithm["name"])).get("critic_steps")
    default = 1 if option is None else int(option.default)
    return int(config.algorithm.get("critic_steps", default)), default


def more_critic_steps(config: Config, at_least: int) -> dict[str, str]:
    """The setting for twice as many critic updates as the run has, and `at_least` of them."""
    return {"critic-steps": str(max(at_least, 2 * critic_steps(config)[0]))}


def add_regularizers(config: Config, *names: str, reason: str) -> Advice:
    """The run's settings with these regularizers in addition to its own."""
    settings = {"regularizers": ",".join(dict.fromkeys([*config.regularizers, *names]))}
    if "gradient-penalty" in names and config.critic.get("normalization") in (None, "batch"):
        settings["critic.normalization"] = "layer"  # the penalty needs outputs that depend on one sample alone
    return Advice(reason, settings)


def _own_command(context: RunContext) -> list[str]:
    """The command that trained the run, as words.

    The command with the run's ``config.yaml`` where the run was trained from Python, and where a config file that the
    command names does not exist any more.
    """
    with contextlib.suppress(ValueError):
        words = shlex.split(str(context.environment.get("command", "")))
        config_files = words[words.index("--config") + 1 :][:1] if "--config" in words else []
        if words[:2] == ["twoplayer", "train"] and all(Path(file).is_file() for file in config_files):
            return words
    return _config_command(context)


def _config_command(context: RunContext) -> list[str]:
    return ["twoplayer", "train", "--config", str(context.folder.config_file)]


def _remove_flags(words: Sequence[str], names: Sequence[str]) -> list[str]:
    """The words without the flags of these names and their values; ``filters`` also means ``critic.filters``."""
    result, rest = [], list(words)
    while rest:
        word = rest.pop(0)
        flag, equals, _ = word.lstrip("-").replace("_", "-").partition("=")
        removed = flag in SWITCHES or any(flag == name or flag.endswith(f".{name}") for name in names)
        if not word.startswith("--") or not removed:
            result.append(word)
        elif not equals and flag not in SWITCHES and rest:
            rest.pop(0)
    return result


def _in_memory(context: RunContext) -> bool:
    try:
        return data.is_in_memory(context.config.data["name"])
    except Unavailable:
        return False


def _keywords(settings: Mapping[str, Any]) -> str:
    plain = [f"{k.replace('-', '_')}={str(v)!r}" for k, v in settings.items() if "." not in k]
    dotted = {k: str(v) for k, v in settings.items() if "." in k}
    return ", ".join([*plain, *([f"**{dotted!r}"] if dotted else [])])


def _repair_command(context: RunContext, expression: str, file: Path) -> str:
    """A line of Python that writes the repaired data to a file."""
    lines = (
        "import numpy as np",
        "from twoplayer.runs.run_dir import RunFolder",
        "from twoplayer.runs.dataset import reopen",
        f"d = reopen(RunFolder({str(context.folder.path)!r}))",
        "x = np.concatenate([d.train, d.held_out])",
        f"np.save({str(file)!r}, {expression})",
    )
    return shlex.join(["python", "-c", "; ".join(lines)])


def _new_folder(path: Path, failure_mode: str) -> Path:
    """A run folder beside the run that does not exist yet."""
    stem = f"{path.name}-without-{failure_mode}"
    names = [stem, *(f"{stem}-{n}" for n in range(2, 100))]
    return next((path.with_name(n) for n in names if not path.with_name(n).exists()), path.with_name(stem))
