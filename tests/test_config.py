"""One experiment, three spellings; and every mistake in words, all at once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from PIL import Image

from twoplayer import methods
from twoplayer.cli import main
from twoplayer.config.layers import resolve_config
from twoplayer.config.schema import STOP_FIELDS, Config, Optimizer
from twoplayer.core.durations import seconds
from twoplayer.core.errors import UserError

DATA = ["ring", "digits"]
CASES = [(method, data) for method in methods.names() for data in DATA]


def by_flags(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> Config:
    """What ``twoplayer train ARGUMENTS`` would train, through the whole command line."""
    found: list[Config] = []

    class Finished:
        path, status, metrics = Path("run"), {"state": "finished"}, ()
        folder = SimpleNamespace(report=Path("report.html"))

    def train(method: str | None, data: Any, *, run: Any, config: Any, listeners: Any, **settings: Any) -> Finished:
        found.append(resolve_config(method, data, config=config, **settings))
        return Finished()

    monkeypatch.setattr("twoplayer.api.train.train", train)
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
        resolve_config(*arguments, **settings)
    return str(complaint.value).splitlines()


# ---- three spellings


@pytest.mark.parametrize(("method", "data"), CASES)
def test_flags_a_file_and_keywords_spell_the_same_config(
    method: str, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keywords = {"batch_size": 32, "critic_steps": 3, "learning_rate": 1e-3, "budget": "2min", "prior": "normal"}
    config = resolve_config(method, data, **keywords)
    assert (config.batch_size, config.algorithm["critic_steps"], config.max_time) == (32, 3, 120)
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"method": method, "data": data, **keywords}))
    assert resolve_config(config=file) == config
    words = [w for k, v in keywords.items() for w in (f"--{k.replace('_', '-')}", str(v))]
    assert by_flags([method, "--data", data, *words], monkeypatch) == config


@pytest.mark.parametrize(("method", "data"), CASES)
def test_a_resolved_config_spells_itself(
    method: str, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = resolve_config(method, data)
    tree = config.tree()
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(tree))
    assert resolve_config(config=file) == config
    assert (
        resolve_config(**{k: v for k, v in tree.items() if k not in ("method", "data")}, method=method, data=data)
        == config
    )
    assert by_flags(flags(tree), monkeypatch) == config


@pytest.mark.parametrize("method", methods.names())
def test_presets_cite_and_stop(method: str) -> None:
    about = methods.describe(method)
    assert about.summary and about.source and 2014 <= about.year <= 2030
    for data, kind, steps in (("ring", "points", 5000), ("digits", "images", 20_000)):
        own = {k: v for layer in about.layers(kind) for k, v in layer.items() if k in STOP_FIELDS}
        config = resolve_config(method, data)
        assert {k: v for k in STOP_FIELDS if (v := getattr(config, k)) is not None} == (own or {"steps": steps})
    assert resolve_config(data="ring").method == "default"


def test_later_layers_win(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("method: wgan-gp\ndata: {name: ring, modes: 5}\nbatch_size: 48\nlatent_dim: 7\n")
    config = resolve_config(config=file, batch_size=24)
    assert config.method == "wgan-gp" and config.data["modes"] == 5  # the file's
    assert config.batch_size == 24 and config.latent_dim == 7
    assert config.regularizers == {"gradient-penalty": {"weight": 0.1}}  # the preset's, for points
    assert resolve_config("gan1", "ring", config=file).method == "gan1"


SPELLINGS = ({"learning_rate": 1e-3}, {"optimizer.learning_rate": 1e-3}, {"optimizer": {"learning_rate": 1e-3}})


@pytest.mark.parametrize("lower", SPELLINGS, ids=["bare", "path", "part"])
@pytest.mark.parametrize("upper", SPELLINGS, ids=["bare", "path", "part"])
def test_later_layers_win_in_every_spelling(lower: dict[str, Any], upper: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump(lower))
    above = yaml.safe_load(yaml.safe_dump(upper).replace("0.001", "5.0e-4"))
    assert resolve_config("gan1", "ring", config=file).optimizer.learning_rate == 1e-3
    assert resolve_config("gan1", "ring", config=file, **above).optimizer.learning_rate == 5e-4


def test_what_a_lower_layer_says_of_a_part_waits_for_it_and_goes_with_it(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"

    def above(text: str, **settings: Any) -> Config:
        file.write_text(text)
        return resolve_config("gan1", "ring", config=file, **settings)

    assert above("r1.gamma: 3", regularizers="r1").regularizers == {"r1": {"gamma": 3}}  # its part comes later
    assert above("gamma: 3", regularizers={"r1": {"gamma": 2}}).regularizers == {"r1": {"gamma": 2}}
    assert above("gamma: 3", regularizers="r1", **{"r1.gamma": 2}).regularizers == {"r1": {"gamma": 2}}
    assert above("regularizers: r1", **{"r1.gamma": 2}).regularizers == {"r1": {"gamma": 2}}
    assert above("critic.depth: 5", critic={"depth": 2}).critic == {"name": "mlp", "depth": 2}
    assert above("critic.depth: 5", critic="mlp-shortcut").critic == {"name": "mlp-shortcut"}  # another part's option
    assert above("objective: began\ndiversity_ratio: 0.7", objective="hinge").objective == {"name": "hinge"}
    with pytest.raises(UserError, match="add r1 to regularizers"):
        above("r1.gamma: 3")


def test_within_a_layer_the_more_exact_spelling_wins() -> None:
    for order in (1, -1):
        items = [("critic", "mlp-shortcut"), ("networks", "mlp"), ("critic.depth", 1), ("networks.depth", 4)]
        config = resolve_config("gan1", "digits", **dict(items[::order]))
        assert config.generator == {"name": "mlp", "depth": 4}
        assert config.critic == {"name": "mlp-shortcut", "depth": 1}
    assert resolve_config("gan1", "ring", filters=16, critic={"filters": 8}).critic["filters"] == 8


def test_a_file_keeps_the_options_of_the_data_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("data: {name: ring, modes: 5}\ndata.count: 300\n")
    wanted = {"name": "ring", "modes": 5, "count": 300}
    assert resolve_config("gan1", config=file).data == resolve_config("gan1", "ring", config=file).data == wanted
    assert by_flags(["gan1", "--data", "ring", "--config", str(file)], monkeypatch).data == wanted
    assert resolve_config("gan1", "ring", config=file, **{"data.modes": 6}).data == {**wanted, "modes": 6}
    assert resolve_config("gan1", {"name": "ring", "modes": 7}, config=file).data == {**wanted, "modes": 7}
    assert resolve_config("gan1", "grid", config=file).data == {"name": "grid"}


def test_a_method_is_created_as_train_takes_it() -> None:
    made = methods.create("wgan-gp", critic_steps=3)
    assert resolve_config(**made, data="digits") == resolve_config("wgan-gp", "digits", critic_steps=3)
    assert resolve_config(**made, data="ring") == resolve_config("wgan-gp", "ring", critic_steps=3)
    with pytest.raises(UserError, match="did you mean wgan-gp"):
        methods.create("wgan-pg")


# ---- where a setting goes


def test_networks_stand_for_both_players_and_bare_options_for_both_that_have_them() -> None:
    config = resolve_config(
        "gan1", "digits", networks="mlp", filters=16, **{"critic.depth": 2, "generator.activation": "tanh"}
    )
    assert config.generator == {"name": "mlp", "filters": 16, "activation": "tanh"}
    assert config.critic == {"name": "mlp", "filters": 16, "depth": 2}
    both = resolve_config("gan1", "digits", **{"networks.depth": 4})
    assert both.generator["depth"] == both.critic["depth"] == 4


def test_another_name_drops_the_old_ones_options() -> None:
    assert resolve_config("lsgan", "ring", objective="hinge").objective == {"name": "hinge"}
    assert resolve_config("lsgan", "ring", objective={"c": 0.5}).objective["c"] == 0.5
    assert resolve_config("lsgan", "ring", **{"objective.c": "0.5"}).objective == {
        "name": "least-squares", "a": 0.0, "b": 1.0, "c": 0.5,
    }  # fmt: skip


def test_regularizers_are_listed_or_mapped() -> None:
    assert resolve_config("wgan-gp", "ring", regularizers="none").regularizers == {}
    both = resolve_config("wgan-gp", "ring", regularizers="gradient-penalty, r1").regularizers
    assert both == {"gradient-penalty": {"weight": 0.1}, "r1": {}}  # a kept one keeps its options
    mapped = resolve_config("gan1", "ring", regularizers={"r1": {"gamma": "0.5"}, "variance": None}).regularizers
    assert mapped == {"r1": {"gamma": 0.5}, "variance": {}}
    dotted = resolve_config("gan1", "ring", regularizers="gradient-penalty", **{"gradient-penalty.one_sided": "true"})
    assert dotted.regularizers == {"gradient-penalty": {"one_sided": True}}


def test_options_take_text_as_their_annotation_reads_it() -> None:
    ring = resolve_config("gan1", "ring", **{"data.weights": "[1, 2, 3]", "modes": "3"}).data
    assert ring["weights"] == [1.0, 2.0, 3.0] and ring["modes"] == 3
    assert resolve_config("gan1", "ring", **{"critic.depth": "none"}).critic["depth"] is None
    assert resolve_config("gan1", "ring", reuse_samples="no").algorithm["reuse_samples"] is False


def test_numbers_among_words_and_words_among_numbers(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    photos = str(tmp_path)
    assert resolve_config("gan1", photos, channels="3").data["channels"] == 3
    assert resolve_config("gan1", photos, channels="none").data["channels"] is None
    assert mistakes("gan1", photos, channels="2") == ["data.channels: must be 1 or 3, not '2'"]
    # "none" is a normalization, not the absence of a choice.
    assert resolve_config("default", "digits", **{"critic.normalization": "none"}).critic == {
        "name": "dcgan",
        "normalization": "none",
    }
    assert resolve_config("gan1", "digits", **{"critic.normalization": None}).critic == {"name": "dcgan"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("90s", 90),
        ("10min", 600),
        ("10 min", 600),
        ("10 minutes", 600),
        ("2 hours 1 s", 7201),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("45", 45),
    ],
)
def test_times(text: str, wanted: float) -> None:
    assert resolve_config("gan1", "ring", budget=text).max_time == wanted == seconds(text)


@pytest.mark.parametrize("text", ["soon", "10 parsecs", "1..5h", "", "-3s"])
def test_what_is_no_time(text: str) -> None:
    said = f"max_time must be a time such as 90s, 10min or 1.5h, not {text!r}"
    assert mistakes("gan1", "ring", max_time=text) == mistakes("gan1", "ring", budget=text) == [said]


def test_a_budget_of_two_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for words in ("--budget 10 minutes", "--budget=10minutes", "--budget 0.5 h --batch-size 32"):
        assert by_flags(["gan1", "--data", "ring", *words.split()], monkeypatch).max_time in (600, 1800)
    assert by_flags(["--budget", "2", "min", "--data", "ring"], monkeypatch).method == "default"


def test_one_way_to_stop() -> None:
    assert resolve_config("gan1", "ring", images=500).tree()["steps"] is None
    assert mistakes("gan1", "ring", images=500, steps=5) == ["steps and images each say when to stop: give one of them"]


# ---- mistakes


def test_every_mistake_at_once_each_with_the_nearest_name() -> None:
    found = mistakes(
        "gan1", "ring", objective="hnge", critic="mpl", regularizers="r1,gradient-penality", batch_size=1,
        latent_dims=3, prior="gauss", **{"optimizer.learning_rte": 1, "generator.filter": 3, "r1.gama": 1},
    )  # fmt: skip
    text = "\n".join(found)
    for part in (
        "objective: no objective is called 'hnge': did you mean hinge?",
        "critic: no network is called 'mpl': did you mean mlp?",
        "no regularizer is called 'gradient-penality': did you mean gradient-penalty?",
        "batch_size must be greater than or equal to 2, not 1",
        "no setting is called 'latent_dims': did you mean latent_dim?",
        "prior: no prior is called 'gauss': known: normal, uniform",
        "no setting is called 'optimizer.learning_rte': did you mean optimizer.learning_rate?",
        "no setting is called 'generator.filter': did you mean generator.filters?",
        "no setting is called 'r1.gama': did you mean r1.gamma?",
    ):
        assert part in text
    assert len(found) == 9


def test_settings_are_found_by_what_papers_call_them() -> None:
    symbols = (("icfg", "eta", "step_size"), ("xicfg", "T", "functional_steps"), ("unrolled", "k", "unroll_steps"))
    for method, symbol, name in symbols:
        assert mistakes(method, "ring", **{symbol: 3}) == [f"no setting is called '{symbol}': did you mean {name}?"]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"batch_size": "many"}, "batch_size must be a whole number, not 'many'"),
        ({"ema_decay": 1.0}, "ema_decay must be less than 1, not 1.0"),
        ({"learning_rate": "fast"}, "optimizer.learning_rate must be a number, not 'fast'"),
        ({"optimizer": "adan"}, "optimizer.name must be 'adam', 'rmsprop' or 'sgd', not 'adan'"),
        ({"optimizer": {"lr": 1}}, "no setting is called 'optimizer.lr'"),
        ({"generator": {"name": "mlp", "wide": 3}}, "generator has no option 'wide'"),
        ({"generator.filters": "wide"}, "generator.filters: must be a whole number, not 'wide'"),
        ({"data.modes": "x"}, "data.modes: must be a whole number, not 'x'"),
        ({"data": {"name": "ring", "mode": 2}}, "data has no option 'mode': did you mean modes?"),
        ({"regularizers": {"r1": 3}}, "regularizers are a list of names"),
        ({"modes.x": 1}, "no setting is called 'modes.x'"),
        ({"steps": 0}, "steps must be greater than or equal to 1, not 0"),
        ({"images": 0}, "images must be greater than or equal to 1, not 0"),
        ({"optimizer": 5}, "optimizer must be a name, or settings such as {name: ...}, not 5"),
        ({"critic": ["mlp"]}, "critic must be a name, or settings such as {name: ...}, not ['mlp']"),
        ({"networks": 3}, "networks must be a name, or settings"),
        ({"objective": {5: 1}}, "objective must be a name, or settings"),
        ({"regularizers": 5}, "regularizers are a list of names"),
        ({"regularizers": [{"r1": {}}]}, "regularizers are a list of names"),
        ({"regularizers": {"r1": {5: 1}}}, "regularizers are a list of names"),
        ({"learning_rate": float("inf")}, "optimizer.learning_rate must be a finite number, not inf"),
        ({"learning_rate": "1e300"}, "optimizer.learning_rate must be less than or equal to 1000000, not '1e300'"),
        ({"divergence_limit": float("nan")}, "divergence_limit must be a finite number, not nan"),
        ({"data.radius": "inf"}, "data.radius: must be a finite number, not 'inf'"),
        ({"data.modes": 0}, "data.modes: must be greater than or equal to 1, not 0"),
        ({"data.weights": [1, -1]}, "data.weights: must be greater than or equal to 0, not -1"),
        ({"data": {"name": "moons", "deviation": 0}}, "data.deviation: must be greater than 0, not 0"),
        ({"critic_steps": 0}, "algorithm.critic_steps: must be greater than or equal to 1, not 0"),
        ({"generator.depth": 0}, "generator.depth: must be greater than or equal to 1, not 0"),
        ({"critic.activation": "rellu"}, "critic.activation: must be 'relu', 'leaky-relu', 'tanh'"),
        (
            {"objective": {"name": "began", "diversity_ratio": 2}},
            "objective.diversity_ratio: must be less than or equal to 1",
        ),
        ({"regularizers": {"r1": {"gamma": -1}}}, "regularizers.r1.gamma: must be greater than or equal to 0, not -1"),
        ({"regularizers": {"clip": {"limit": 0}}}, "regularizers.clip.limit: must be greater than 0, not 0"),
        ({"regularizers": {"gradient-penalty": {"weight": -1}}}, "regularizers.gradient-penalty.weight: must be"),
        ({"regularizers": {"instance-noise": {"fade_steps": -1}}}, "regularizers.instance-noise.fade_steps: must be"),
        ({"regularizers": {"variance": {"limit": -1}}}, "regularizers.variance.limit: must be"),
        ({"regularizers": {"spectral-norm": {"power_iterations": 0}}}, "regularizers.spectral-norm.power_iterations"),
    ],
)
def test_mistakes_in_words(settings: dict[str, Any], complaint: str) -> None:
    data = settings.pop("data", "ring")
    found = mistakes("gan1", data, **settings)
    assert found[0].startswith(complaint) and len(found) == 1


def test_ambiguous_bare_names_ask_which() -> None:
    found = mistakes("gan1", "ring", regularizers="r1,r2", gamma=2)
    assert found == ["'gamma' could be regularizers.r1.gamma or regularizers.r2.gamma: write which"]
    assert resolve_config("gan1", "ring", regularizers="r1", gamma=2).regularizers == {"r1": {"gamma": 2.0}}


def test_unknown_methods_and_missing_data() -> None:
    assert mistakes("wgan-pg", "ring") == ["no method is called 'wgan-pg': did you mean wgan-gp?"]
    assert mistakes("gan1")[0].startswith("say what to train on, such as --data digits")
    assert mistakes(["wgan"], "ring") == ["method must be a name, such as dcgan, not ['wgan']"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("5: 1", "a setting's name is text, not 5"),
        ("method: [a]", "method must be a name, such as dcgan, not ['a']"),
        ("optimizer:", "optimizer must be a name, or settings such as {name: ...}, not None"),
        ("critic: {name: [mlp]}", "critic: no network is called \"['mlp']\""),
        ("data: {name: ring, 5: 1}", "data must be a name, or settings"),
        ("steps: 0", "steps must be greater than or equal to 1, not 0"),
    ],
)
def test_a_file_of_the_wrong_types_is_told_in_words(line: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(f"{line}\n")
    found = mistakes(None, "ring", config=file)
    assert found[0].startswith(complaint) and len(found) == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("a: [1", r"is not valid YAML \(line"), ("- 1", "must hold settings, a line each"), (None, "cannot read")],
)
def test_bad_files(content: str | None, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UserError, match=complaint):
        resolve_config("gan1", "ring", config=file)


def test_only_what_moves_no_weight_may_change() -> None:
    config = resolve_config("gan1", "ring")
    assert (
        config.differences(resolve_config("gan1", "ring", steps=9, device="cpu", log_every=3, evaluate_count=500)) == []
    )
    changed = resolve_config("gan1", "ring", batch_size=32, critic_steps=2, beta1=0.1)
    assert config.differences(changed) == ["algorithm", "optimizer", "batch_size"]
    assert Optimizer().name == "adam"
