"""Parts of a run that are passed as Python objects: trained, recorded, resumed, refused where they do not fit."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

import twoplayer
from _toys import assert_same_state, state
from test_plugins import install, python
from twoplayer.algorithms.alternating import Alternating
from twoplayer.core.errors import UserError
from twoplayer.games.generation import GenerationGame
from twoplayer.networks.mlp import MLP
from twoplayer.objectives.hinge import Hinge
from twoplayer.regularizers import CriticBatch, Penalty

LATENT = 5
NAME = "object:test_own_parts:"


class MyGenerator(nn.Module):
    """Latents (B, 5) to points (B, 2)."""

    latent_dim = LATENT

    def __init__(self, width: int = 8, outputs: int = 2) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(LATENT, width), nn.ReLU(), nn.Linear(width, outputs))

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(latents)


class MyCritic(nn.Module):
    """Points (B, 2) to outputs (B, 1)."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, outputs))

    def forward(self, samples: Tensor) -> Tensor:
        return self.layers(samples)


class ImageGenerator(nn.Module):
    def forward(self, latents: Tensor) -> Tensor:
        return 5 * latents[:, :1, None, None].expand(-1, 1, 8, 8) + self.bias

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.ones(()))


class MyObjective(Hinge):
    """Hinge with another margin on real samples."""

    def __init__(self, *, margin: float = 1.0) -> None:
        super().__init__()
        self.margin = margin

    def real_terms(self, real: Tensor) -> Tensor:
        return (self.margin - real).relu()


class MyPenalty(Penalty):
    def __init__(self, *, weight: float = 0.1) -> None:
        self.weight = weight

    def penalty(self, critic: nn.Module, scored: CriticBatch, random: torch.Generator) -> Tensor:
        return self.weight * scored.real_output.square().mean()


class OtherPenalty(MyPenalty):
    pass


class MyAlgorithm(Alternating):  # type: ignore[misc]
    """It does what its root does."""


class MyGame(GenerationGame):
    pass


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


# ---- trained and recorded


def test_every_part_may_be_an_object(tiny: Callable[..., Any]) -> None:
    run = tiny(
        generator=MyGenerator(), critic=MyCritic(), objective=MyObjective(margin=2.0), game=MyGame,
        regularizers=[MyPenalty(), OtherPenalty, "r1"], algorithm=MyAlgorithm, filters=None,
    )  # fmt: skip
    config = yaml.safe_load((run.path / "config.yaml").read_text())
    assert config["generator"] == {"name": NAME + "MyGenerator"}
    assert config["critic"] == {"name": NAME + "MyCritic"}
    assert config["objective"] == {"name": NAME + "MyObjective"}
    assert config["game"] == {"name": NAME + "MyGame"} and config["algorithm"]["name"] == NAME + "MyAlgorithm"
    assert list(config["regularizers"]) == [NAME + "MyPenalty", NAME + "OtherPenalty", "r1"]
    assert config["latent_dim"] == LATENT
    objects = json.loads((run.path / "environment.json").read_text())["objects"]
    assert objects["generator"] == {"class": "test_own_parts:MyGenerator", "file": __file__}
    assert [each["class"] for each in objects["regularizers"]] == [
        "test_own_parts:MyPenalty", "test_own_parts:OtherPenalty",
    ]  # fmt: skip
    assert len(run.sample(3)) == 3
    assert run.status["state"] == "finished" and run.status["step"] == 4


def test_the_weights_of_a_module_are_the_initial_weights_and_it_is_not_changed(tiny: Callable[..., Any]) -> None:
    generator = MyGenerator()
    before = copy.deepcopy(generator)
    run = tiny(generator=generator, filters=None, steps=1, learning_rate=1e-9, ema_decay=0.0, seed=3)
    assert same(generator, before)
    trained = list(run.generator.state_dict().values())
    for one, other in zip(trained, before.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-7)


def test_classes_take_options(tiny: Callable[..., Any]) -> None:
    run = tiny(generator=MyGenerator, objective=MyObjective, margin=3.0, latent_dim=LATENT,
               **{"generator.width": 4, "filters": None})  # fmt: skip
    config = yaml.safe_load((run.path / "config.yaml").read_text())
    assert config["generator"] == {"name": NAME + "MyGenerator", "width": 4}
    assert config["objective"] == {"name": NAME + "MyObjective", "margin": 3.0}
    assert run.generator.module.layers[0].out_features == 4


def test_an_architecture_may_be_an_object(tiny: Callable[..., Any]) -> None:
    run = tiny(networks=MLP(filters=4, depth=1), filters=None)
    assert run.config.generator["name"] == run.config.critic["name"] == "object:twoplayer.networks.mlp:MLP"


# ---- resumed


def test_a_run_resumes_to_the_same_bits_with_the_objects(tiny: Callable[..., Any]) -> None:
    torch.manual_seed(0)
    generator, objects = (
        MyGenerator(),
        {"critic": MyCritic(), "objective": MyObjective(), "regularizers": [MyPenalty()]},
    )
    whole = tiny(generator=generator, **objects, folder="whole", filters=None, steps=4)
    tiny(generator=generator, **objects, folder="parts", filters=None, steps=2)
    parts = tiny(generator=MyGenerator(), **objects, folder="parts", filters=None, steps=4)
    assert_same_state(state(whole.path), state(parts.path))


def test_a_run_is_opened_with_its_objects(tiny: Callable[..., Any]) -> None:
    run = tiny(generator=MyGenerator(), critic=MyCritic(), regularizers=MyPenalty(), filters=None)
    again = twoplayer.Run(run.path, generator=MyGenerator(), critic=MyCritic(), regularizers=[MyPenalty()])
    assert (again.draw(5, 0, "x") == run.draw(5, 0, "x")).all()
    assert again.evaluate(n=100).metric_values


def test_without_its_objects_a_run_says_which_to_pass(tiny: Callable[..., Any]) -> None:
    run = tiny(generator=MyGenerator(), regularizers=[MyPenalty()], filters=None)
    opened = twoplayer.Run(run.path)
    assert "ring" in repr(opened) and opened.progress
    with pytest.raises(UserError, match=r"regularizers of this run is an object of the class test_own_parts:MyPenalty"):
        opened.sample(3)
    with pytest.raises(UserError, match=r"twoplayer.Run\(path, generator=MyGenerator\(\)\)"):
        twoplayer.Run(run.path, regularizers=[MyPenalty()]).sample(3)
    assert "MyGenerator" in run.report().read_text()
    done = subprocess.run(
        [sys.executable, "-m", "twoplayer", "sample", str(run.path), "--n", "3", "-o", str(run.path / "x.npy")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "pass it again" in done.stderr and "Traceback" not in done.stderr


def test_an_object_of_another_class_is_refused(tiny: Callable[..., Any]) -> None:
    run = tiny(generator=MyGenerator(), filters=None)
    with pytest.raises(
        UserError, match="this run's generator is object:test_own_parts:MyGenerator, not object:test_own"
    ):
        twoplayer.Run(run.path, generator=MyCritic())
    with pytest.raises(UserError, match="this run's critic is mlp, not object:test_own_parts:MyCritic"):
        twoplayer.Run(run.path, critic=MyCritic())
    with pytest.raises(UserError, match="this run's regularizers is none"):
        twoplayer.Run(run.path, regularizers=[MyPenalty()])
    with pytest.raises(UserError, match="no part is called 'genrator': did you mean generator"):
        twoplayer.Run(run.path, genrator=MyGenerator())
    with pytest.raises(UserError, match="was trained with other settings"):
        tiny(generator="mlp", filters=None)


INSTALLED = """import sys, warnings
import twoplayer
from torch import nn

settings = dict(run="run", steps=2, batch_size=16, evaluate_every=0, evaluate_count=100, tensorboard=False)
match sys.argv[1]:
    case "train":
        from lopsided.objective import Lopsided
        twoplayer.train("gan1", "ring", objective=Lopsided(tilt=3.0), **settings)
    case "open":
        print(len(twoplayer.Run("run").sample(5)))
"""


def test_the_class_of_an_installed_package_is_made_anew(tmp_path: Path) -> None:
    install(tmp_path / "site", {})
    (tmp_path / "script.py").write_text(INSTALLED)
    assert "lopsided" in python(tmp_path, "script.py", "train").stdout
    refused = python(tmp_path, "script.py", "open")
    assert "objective of this run is an object of the class lopsided.objective:Lopsided" in refused.stderr
    (about,) = (tmp_path / "site").glob("*.dist-info")
    (about / "top_level.txt").write_text("lopsided\n")  # now a package that is installed has the class
    opened = python(tmp_path, "script.py", "open")
    assert opened.returncode == 0, opened.stderr
    assert "lopsided.objective:Lopsided was an object when this run began: it is made anew" in opened.stderr
    assert opened.stdout.split()[-1] == "5"


# ---- refused


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"generator": MyGenerator(outputs=3)}, r"must map latents \(2, 5\) to samples \(2, 2\), but returns \(2, 3\)"),
        ({"generator": nn.Linear(7, 2)}, r"the generator Linear fails on inputs \(2, 2\)"),
        (
            {"generator": MyGenerator(), "latent_dim": 9},
            "latent_dim is 9, but the generator that was passed declares 5",
        ),
        ({"critic": MyCritic(outputs=2)}, r"must map samples \(2, 2\) to outputs \(2,\) or \(2, 1\), but returns"),
        ({"generator": Hinge()}, r"must map latents|fails on inputs"),
        (
            {"generator": object()},
            "generator must be a name, an object or a class of twoplayer.networks.Architecture, or",
        ),
        ({"generator": dict}, "not the class dict"),
        ({"objective": MyCritic()}, "objective must be a name, an object or a class of twoplayer.objectives.Objective"),
        ({"algorithm": object()}, "algorithm must be a name, or a class that extends twoplayer.algorithms.Algorithm"),
        ({"game": MyObjective}, "game must be a name, or a class that extends twoplayer.games."),
        ({"regularizers": [Hinge()]}, "regularizers must be names, or objects or classes of twoplayer.regularizers"),
        ({"regularizers": [MyPenalty(), MyPenalty()]}, "hold object:test_own_parts:MyPenalty twice"),
        ({"objective": MyObjective(), "objective.margin": 2.0}, "margin"),
        (
            {"networks": MyGenerator()},
            "networks must be a name, an object or a class of twoplayer.networks.Architecture",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(
    tiny: Callable[..., Any], tmp_path: Path, settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        tiny(filters=None, **settings)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_images_outside_their_range_are_pointed_out(tiny: Callable[..., Any]) -> None:
    images = torch.randint(0, 256, (40, 8, 8), dtype=torch.uint8).numpy()
    with pytest.warns(UserWarning, match=r"ImageGenerator returns values outside \[-1, 1\]"):
        tiny(data=images, generator=ImageGenerator(), critic="mlp", filters=None)
