"""One experiment, three spellings; and every mistake in words, all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from twoplayer import experiment, methods
from twoplayer.cli import main
from twoplayer.config import Config, Optimizer, seconds
from twoplayer.errors import UserError
from twoplayer.experiment import settle

DATA = ["ring", "digits"]
CASES = [(method, data) for method in methods.names() for data in DATA]


def by_flags(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> Config:
    """What ``twoplayer train ARGUMENTS`` would train, through the whole command line."""
    found: list[Config] = []

    class Finished:
        path, status, metrics = Path("run"), {"state": "finished"}, ()

        def report(self) -> Path:
            return Path("report.html")

    def train(method: str | None, data: Any, *, run: Any, config: Any, listeners: Any, **settings: Any) -> Finished:
        found.append(settle(method, data, config=config, **settings))
        return Finished()

    monkeypatch.setattr(experiment, "train", train)
    assert main.run(["train", *arguments, "--json"]) == 0
    return found[0]


def flags(tree: dict[str, Any]) -> list[str]:
    """Every setting of a resolved config as a flag."""
    words: list[str] = [tree["method"]]
    for field, value in tree.items():
        match field, value:
            case ("method", _) | (_, None):
                continue
            case "regularizers", _:
                words += ["--regularizers", ",".join(value) or "none"]
                options = {f"{name}.{k}": v for name, part in value.items() for k, v in part.items()}
                words += [w for k, v in options.items() for w in (f"--{k}", str(v))]
            case _, dict():
                words += [f"--{field}", value["name"]]
                options = {k: v for k, v in value.items() if k != "name" and v is not None}
                words += [w for k, v in options.items() for w in (f"--{field}.{k}", str(v))]
            case _:
                words += [f"--{field.replace('_', '-')}", str(value)]
    return words


def mistakes(*arguments: Any, **settings: Any) -> list[str]:
    with pytest.raises(UserError) as complaint:
        settle(*arguments, **settings)
    return str(complaint.value).splitlines()


# ---- three spellings


@pytest.mark.parametrize(("method", "data"), CASES)
def test_flags_a_file_and_keywords_spell_the_same_config(
    method: str, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keywords = {"batch": 32, "critic_steps": 3, "learning_rate": 1e-3, "budget": "2min", "prior": "normal"}
    config = settle(method, data, **keywords)
    assert (config.batch, config.algorithm["critic_steps"], config.budget) == (32, 3, 120)
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"method": method, "data": data, **keywords}))
    assert settle(config=file) == config
    words = [w for k, v in keywords.items() for w in (f"--{k.replace('_', '-')}", str(v))]
    assert by_flags([method, "--data", data, *words], monkeypatch) == config


@pytest.mark.parametrize(("method", "data"), CASES)
def test_a_resolved_config_spells_itself(
    method: str, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settle(method, data)
    tree = config.tree()
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(tree))
    assert settle(config=file) == config
    assert settle(**{k: v for k, v in tree.items() if k not in ("method", "data")}, method=method, data=data) == config
    assert by_flags(flags(tree), monkeypatch) == config


@pytest.mark.parametrize("method", methods.names())
def test_presets_cite_and_stop(method: str) -> None:
    about = methods.describe(method)
    assert about.summary and about.source and 2014 <= about.year <= 2030
    for data, steps in (("ring", 5000), ("digits", 20_000)):
        assert settle(method, data).steps == steps
    assert settle(data="ring").method == "default"


def test_later_layers_win(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("method: wgan-gp\ndata: {name: ring, modes: 5}\nbatch: 48\nlatent_dim: 7\n")
    config = settle(config=file, batch=24)
    assert config.method == "wgan-gp" and config.data["modes"] == 5  # the file's
    assert config.batch == 24 and config.latent_dim == 7
    assert config.regularizers == {"gradient-penalty": {"weight": 0.1}}  # the preset's, for points
    assert settle("gan1", "ring", config=file).method == "gan1"


# ---- where a setting goes


def test_networks_stand_for_both_players_and_bare_options_for_both_that_have_them() -> None:
    config = settle("gan1", "digits", networks="mlp", filters=16, **{"critic.depth": 2, "generator.activation": "tanh"})
    assert config.generator == {"name": "mlp", "filters": 16, "activation": "tanh"}
    assert config.critic == {"name": "mlp", "filters": 16, "depth": 2}
    both = settle("gan1", "digits", **{"networks.depth": 4})
    assert both.generator["depth"] == both.critic["depth"] == 4


def test_another_name_drops_the_old_ones_options() -> None:
    assert settle("lsgan", "ring", objective="hinge").objective == {"name": "hinge"}
    assert settle("lsgan", "ring", objective={"c": 0.5}).objective["c"] == 0.5
    assert settle("lsgan", "ring", **{"objective.c": "0.5"}).objective == {
        "name": "least-squares", "a": 0.0, "b": 1.0, "c": 0.5,
    }  # fmt: skip


def test_regularizers_are_listed_or_mapped() -> None:
    assert settle("wgan-gp", "ring", regularizers="none").regularizers == {}
    both = settle("wgan-gp", "ring", regularizers="gradient-penalty, r1").regularizers
    assert both == {"gradient-penalty": {"weight": 0.1}, "r1": {}}  # a kept one keeps its options
    mapped = settle("gan1", "ring", regularizers={"r1": {"gamma": "0.5"}, "variance": None}).regularizers
    assert mapped == {"r1": {"gamma": 0.5}, "variance": {}}
    dotted = settle("gan1", "ring", regularizers="gradient-penalty", **{"gradient-penalty.one_sided": "true"})
    assert dotted.regularizers == {"gradient-penalty": {"one_sided": True}}


def test_options_take_text_as_their_annotation_reads_it() -> None:
    ring = settle("gan1", "ring", **{"data.weights": "[1, 2, 3]", "modes": "3"}).data
    assert ring["weights"] == [1.0, 2.0, 3.0] and ring["modes"] == 3
    assert settle("gan1", "ring", **{"critic.depth": "none"}).critic["depth"] is None
    assert settle("gan1", "ring", reuse="no").algorithm["reuse"] is False


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("90s", 90), ("10min", 600), ("10 min", 600), ("1.5h", 5400), ("1h30m", 5400), ("2d", 172_800), ("45", 45)],
)
def test_times(text: str, wanted: float) -> None:
    assert settle("gan1", "ring", budget=text).budget == wanted == seconds(text)


@pytest.mark.parametrize("text", ["soon", "10 parsecs", "1..5h", "", "-3s"])
def test_what_is_no_time(text: str) -> None:
    assert mistakes("gan1", "ring", budget=text) == [f"budget write a time such as 90s, 10min or 1.5h, not {text!r}"]


def test_one_way_to_stop() -> None:
    assert settle("gan1", "ring", images=500).tree()["steps"] is None
    assert mistakes("gan1", "ring", images=500, steps=5) == ["steps and images each say when to stop: give one of them"]


# ---- mistakes


def test_every_mistake_at_once_each_with_the_nearest_name() -> None:
    found = mistakes(
        "gan1", "ring", objective="hnge", critic="mpl", regularizers="r1,gradient-penality", batch=1,
        latent_dims=3, prior="gauss", **{"optimizer.learning_rte": 1, "generator.filter": 3, "r1.gama": 1},
    )  # fmt: skip
    text = "\n".join(found)
    for part in (
        "objective: no objective is called 'hnge': did you mean hinge?",
        "critic: no network is called 'mpl': did you mean mlp?",
        "no regularizer is called 'gradient-penality': did you mean gradient-penalty?",
        "batch must be greater than or equal to 2, not 1",
        "no setting is called 'latent_dims': did you mean latent_dim?",
        "prior must be 'normal' or 'uniform', not 'gauss'",
        "no setting is called 'optimizer.learning_rte': did you mean optimizer.learning_rate?",
        "no setting is called 'generator.filter': did you mean generator.filters?",
        "no setting is called 'r1.gama': did you mean r1.gamma?",
    ):
        assert part in text
    assert len(found) == 9


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"batch": "many"}, "batch must be a whole number, not 'many'"),
        ({"ema": 1.0}, "ema must be less than 1, not 1.0"),
        ({"learning_rate": "fast"}, "optimizer.learning_rate must be a number, not 'fast'"),
        ({"optimizer": "adan"}, "optimizer.name must be 'adam', 'rmsprop' or 'sgd', not 'adan'"),
        ({"optimizer": {"lr": 1}}, "no setting is called 'optimizer.lr'"),
        ({"generator": {"name": "mlp", "wide": 3}}, "generator has no option 'wide'"),
        ({"generator.filters": "wide"}, "generator.filters: must be a whole number, not 'wide'"),
        ({"data.modes": "x"}, "data.modes: must be a whole number, not 'x'"),
        ({"data": {"name": "ring", "mode": 2}}, "data has no option 'mode': did you mean modes?"),
        ({"regularizers": {"r1": 3}}, "regularizers are a list of names"),
        ({"modes.x": 1}, "no setting is called 'modes.x'"),
    ],
)
def test_mistakes_in_words(settings: dict[str, Any], complaint: str) -> None:
    data = settings.pop("data", "ring")
    found = mistakes("gan1", data, **settings)
    assert found[0].startswith(complaint) and len(found) == 1


def test_ambiguous_bare_names_ask_which() -> None:
    found = mistakes("gan1", "ring", regularizers="r1,r2", gamma=2)
    assert found == ["'gamma' could be regularizers.r1.gamma or regularizers.r2.gamma: write which"]
    assert settle("gan1", "ring", regularizers="r1", gamma=2).regularizers == {"r1": {"gamma": 2.0}}


def test_unknown_methods_and_missing_data() -> None:
    assert mistakes("wgan-pg", "ring") == ["no method is called 'wgan-pg': did you mean wgan-gp?"]
    assert mistakes("gan1")[0].startswith("say what to train on, such as --data digits")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("a: [1", r"is not valid YAML \(line"), ("- 1", "must hold settings, a line each"), (None, "cannot read")],
)
def test_bad_files(content: str | None, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UserError, match=complaint):
        settle("gan1", "ring", config=file)


def test_only_what_moves_no_weight_may_change() -> None:
    config = settle("gan1", "ring")
    assert config.differences(settle("gan1", "ring", steps=9, device="cpu", log_every=3, evaluate_count=500)) == []
    changed = settle("gan1", "ring", batch=32, critic_steps=2, beta1=0.1)
    assert config.differences(changed) == ["algorithm", "optimizer", "batch"]
    assert Optimizer().name == "adam"
