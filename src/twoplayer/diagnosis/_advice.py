"""What to try next, spelled as a command that can be pasted: the run's own, with the changed settings."""

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

__all__ = ["GENTLE", "calmer", "command", "critic_steps", "more_critic_steps", "stronger_critic", "with_rules"]

GENTLE = 2e-4
"""A learning rate that most methods of the field begin with."""
HASTY = 1e-3
"""A learning rate above which nothing in the field's papers with Adam or RMSprop lies."""
PLAIN = (0.1, 0.01)
"""The same two for plain gradient descent: above the first hasty, the second gentle."""
CALM = 0.5
"""Adam's first moment in most methods (Radford et al. 2016, section 4)."""
SWITCHES = frozenset({"json"})
"""Flags without a value."""


def command(patient: RunContext, advice: Advice, disease: str) -> str:
    """The command line, or for data in memory the call, that trains anew with the advice taken."""
    folder = _free(patient.folder.path, disease)
    if _in_memory(patient):
        return _call(patient, advice, folder)
    settings = {name: str(value) for name, value in advice.settings.items()}
    words, first = _own_words(patient), ""
    if advice.data is not None:  # options of the data as they were do not fit the repaired ones: the config sorts them
        file = folder.with_name(f"{folder.name}-data.npy")
        first, settings["data"] = f"{_rewriting(patient, advice.data, file)} && ", str(file)
        words = _by_config(patient)
    kept = _without(words, [*settings, *advice.without, "run"])
    flags = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return first + shlex.join([*kept, *flags, "--run", str(folder)])


def calmer(config: Config) -> Advice:
    """What steadies a game, in the order in which it is worth a try."""
    optimizer, objective = config.optimizer, config.objective["name"]
    rate, most, gentle = optimizer.learning_rate, *(PLAIN if optimizer.name == "sgd" else (HASTY, GENTLE))
    if rate > most:
        return Advice(f"a learning rate of {rate:g} is far above what is usual", {"learning-rate": f"{gentle:g}"})
    if optimizer.name == "adam" and optimizer.beta1 > CALM:
        return Advice(f"a momentum of {optimizer.beta1:g} keeps a game swinging", {"beta1": f"{CALM:g}"})
    if not config.regularizers:
        rule, why = ("r1", "a penalty on the critic's slope at the data makes the game settle")
        if objective == "wasserstein":
            rule, why = ("gradient-penalty", "nothing holds the critic's slope")
        return with_rules(config, rule, why=why)
    if objective == "non-saturating":
        rules = with_rules(config, "r1", "r2", why="")
        why = "a relativistic critic under R1 and R2 has no such dead ends (Huang et al. 2024)"
        return Advice(why, {"objective": "relativistic", **rules.settings})
    return Advice("smaller steps", {"learning-rate": f"{rate / 4:g}"})


def stronger_critic(config: Config) -> Advice:
    """What gives the critic more to say."""
    rate, own = config.optimizer.learning_rate, config.optimizer.critic_learning_rate
    if own is not None and own < rate:
        return Advice(
            f"the critic learns {rate / own:.3g} times slower than the generator", {"critic-learning-rate": f"{rate:g}"}
        )
    if "clip" in config.regularizers:
        limit = float(config.regularizers["clip"].get("limit", 0.01))
        if limit < 0.01:
            return Advice(f"weights of at most {limit:g} cannot tell anything apart", {"clip.limit": "0.01"})
    for rule in ("r1", "r2"):
        gamma = float(config.regularizers.get(rule, {}).get("gamma", 0))
        if gamma > 10:
            return Advice(f"{rule} with a gamma of {gamma:g} flattens the critic", {f"{rule}.gamma": "0.1"})
    if (gamma := float(config.regularizers.get("gradient-penalty", {}).get("weight", 0))) > 100:
        return Advice(f"a gradient penalty of weight {gamma:g} drowns the objective", {"gradient-penalty.weight": "10"})
    mine, other = (part.get("filters") for part in (config.critic, config.generator))
    usual = other or (128 if config.critic["name"].startswith("mlp") else 32)
    if mine is not None and mine < usual:
        return Advice(f"the critic has but {mine} filters", {"critic.filters": str(usual)})
    return Advice("more critic steps for each of the generator's", more_critic_steps(config, 5))


def critic_steps(config: Config) -> tuple[int, int]:
    """How often the critic moves in a round, and how often it does by its algorithm's default."""
    option = family("algorithms").options(str(config.algorithm["name"])).get("critic_steps")
    usual = 1 if option is None else int(option.default)
    return int(config.algorithm.get("critic_steps", usual)), usual


def more_critic_steps(config: Config, least: int) -> dict[str, str]:
    """Twice as many critic steps as the run has, and `least` of them."""
    return {"critic-steps": str(max(least, 2 * critic_steps(config)[0]))}


def with_rules(config: Config, *rules: str, why: str) -> Advice:
    """The same game with these regularizers beside its own."""
    settings = {"regularizers": ",".join(dict.fromkeys([*config.regularizers, *rules]))}
    if "gradient-penalty" in rules and config.critic.get("normalization") in (None, "batch"):
        settings["critic.normalization"] = "layer"  # batch statistics would fight the penalty
    return Advice(why, settings)


def _own_words(patient: RunContext) -> list[str]:
    """The command that trained the run, as words; the one that its config stands for where Python trained it, and
    where a config that the command names is not there any more."""
    with contextlib.suppress(ValueError):
        words = shlex.split(str(patient.environment.get("command", "")))
        named = words[words.index("--config") + 1 :][:1] if "--config" in words else []
        if words[:2] == ["twoplayer", "train"] and all(Path(name).is_file() for name in named):
            return words
    return _by_config(patient)


def _by_config(patient: RunContext) -> list[str]:
    return ["twoplayer", "train", "--config", str(patient.folder.config_file)]


def _without(words: Sequence[str], names: Sequence[str]) -> list[str]:
    """The words but for the flags of these names and their values: a bare name means its flag by any path too."""
    kept, left = [], list(words)
    while left:
        word = left.pop(0)
        name, equals, _ = word.lstrip("-").replace("_", "-").partition("=")
        if not word.startswith("--") or not (any(_same(name, n) for n in names) or name in SWITCHES):
            kept.append(word)
        elif not equals and name not in SWITCHES and left:
            left.pop(0)
    return kept


def _same(flag: str, name: str) -> bool:
    return flag == name or flag.endswith(f".{name}")


def _in_memory(patient: RunContext) -> bool:
    try:
        return data.is_in_memory(patient.config.data["name"])
    except Unavailable:
        return False


def _call(patient: RunContext, advice: Advice, folder: Path) -> str:
    """The same in Python; what was in memory is called ``x``."""
    array = "x" if advice.data is None else advice.data
    options = _keywords({**advice.settings, "run": str(folder)})
    return f"twoplayer.train(data={array}, config={str(patient.folder.config_file)!r}, {options})"


def _keywords(settings: Mapping[str, Any]) -> str:
    plain = [f"{k.replace('-', '_')}={str(v)!r}" for k, v in settings.items() if "." not in k]
    dotted = {k: str(v) for k, v in settings.items() if "." in k}
    return ", ".join([*plain, *([f"**{dotted!r}"] if dotted else [])])


def _rewriting(patient: RunContext, expression: str, file: Path) -> str:
    """A line of Python that writes the repaired data to a file."""
    lines = (
        "import numpy as np",
        "from twoplayer.runs.run_dir import RunFolder",
        "from twoplayer.runs.dataset import reopen",
        f"d = reopen(RunFolder({str(patient.folder.path)!r}))",
        "x = np.concatenate([d.train, d.held_out])",
        f"np.save({str(file)!r}, {expression})",
    )
    return shlex.join(["python", "-c", "; ".join(lines)])


def _free(path: Path, disease: str) -> Path:
    """A run folder beside the run that is not there yet."""
    stem = f"{path.name}-without-{disease}"
    names = [stem, *(f"{stem}-{n}" for n in range(2, 100))]
    return next((path.with_name(n) for n in names if not path.with_name(n).exists()), path.with_name(stem))
