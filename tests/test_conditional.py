"""Conditional games: what each player is told, what a checker answers, what a run can be asked for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from _children import alone_and_killed, random_moments
from _factories import SmallFactory
from _toys import FixedBatch, adam, assert_same_state, state
from twoplayer import networks, priors
from twoplayer.algorithms.alternating import Alternating
from twoplayer.algorithms.unrolled import Unrolled
from twoplayer.api.run import Run
from twoplayer.api.train import train
from twoplayer.cli import main
from twoplayer.core.errors import UserError
from twoplayer.data._attributes import Attribute, encode_attributes
from twoplayer.data._base import Dataset
from twoplayer.evaluation.conditional_accuracy import _quantile_edges, conditional_accuracies, metric_values
from twoplayer.games._attribute_codes import AttributeCodes, attributes_of, classification_loss, match_conditions
from twoplayer.games._bound_critic import BoundCritic
from twoplayer.games._conditioned_inputs import ConditionedInputs
from twoplayer.games._factory import DataSpec
from twoplayer.games.conditional import ConditionalGame, ConditionalOptions
from twoplayer.networks._conditioning import (
    ConcatenatedCritic,
    ModulatedGenerator,
    ModulatedNorm,
    ProjectedCritic,
    embedding,
)

HAIR, AGE = Attribute("hair", ("blond", "red", "black")), Attribute("age", range=(0.0, 80.0))
KIND = Attribute("label", ("cat", "dog"))
TRAITS = (KIND, HAIR, AGE)
WIDTH = 6
SHAPES = {"points": (2,), "images": (1, 8, 8)}
WAYS = [
    {"generator_conditioning": "concatenation", "critic_conditioning": "concatenation"},
    {"generator_conditioning": "concatenation", "critic_conditioning": "projection"},
    {"generator_conditioning": "normalization", "critic_conditioning": "projection"},
    {"critic_conditioning": "none", "auxiliary_classifier": "shared", "auxiliary_classifier_data": "both"},
    {"critic_conditioning": "none", "auxiliary_classifier": "own"},
    {"critic_conditioning": "projection", "auxiliary_classifier": "shared"},
    {"critic_conditioning": "concatenation", "auxiliary_classifier": "own"},
]


def facts(shape: tuple[int, ...] = (2,), traits: tuple[Attribute, ...] = TRAITS) -> DataSpec:
    documents = [{"name": t.name, "values": list(t.values), "range": t.range and list(t.range)} for t in traits]
    return DataSpec(shape, conditioning={"attributes": documents})


def codes(count: int, seed: int = 0) -> np.ndarray:
    """Rows of made-up traits ``(count, 6)``."""
    draw = np.random.default_rng(seed)
    rows = [
        encode_attributes(TRAITS, {"label": str(draw.choice(KIND.values)), "hair": str(draw.choice(HAIR.values)),
                        "age": float(draw.uniform(0, 80))})
        for _ in range(count)
    ]  # fmt: skip
    return np.stack(rows)


class ToldBatch(FixedBatch):
    """A batch of made-up samples of any shape with made-up conditions."""

    def __init__(self, number: int, shape: tuple[int, ...] = (2,), size: int = 8) -> None:
        super().__init__(number, size)
        self.shape = shape
        self.conditions = torch.from_numpy(codes(size, number))

    @property
    def real(self) -> Tensor:  # type: ignore[override]
        self.looks += 1
        return torch.rand(self.size, *self.shape, generator=self.random("data")) * 2 - 1


class ToldStream:
    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.number = shape, 0

    def __iter__(self) -> ToldStream:
        return self

    def __next__(self) -> ToldBatch:
        self.number += 1
        return ToldBatch(self.number, self.shape)


def game(kind: str = "points", *, kit: dict[str, Any] | None = None, **options: Any) -> ConditionalGame:
    network = {"points": "mlp", "images": "dcgan"}[kind]
    settings = {"network": network, "normalization": "batch" if kind == "points" else None, **(kit or {})}
    return ConditionalGame(SmallFactory(facts(SHAPES[kind]), **settings), ConditionalOptions(**options))


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in module.state_dict().items()}


# ---- the players


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("way", WAYS, ids=lambda w: "-".join(w.values()))
def test_each_step_moves_its_own_player_and_every_weight_of_it(kind: str, way: dict[str, str]) -> None:
    played = game(kind, **way)
    algorithm, batch = Alternating(played, adam), ToldBatch(1, SHAPES[kind])
    generated = played.generate(batch)
    assert generated.shape == (8, *SHAPES[kind])
    before = weights(played)
    parts = algorithm.optimizer_step("critic", played.critic_loss(batch, generated))
    between = weights(played)
    assert all(torch.equal(before[k], between[k]) for k in before if k.startswith("generator."))
    algorithm.optimizer_step("generator", played.generator_loss(batch, generated))
    after = weights(played)
    names = {f"critic.{n}" for n, _ in played.critic.named_parameters()}
    assert all(torch.equal(between[k], after[k]) for k in names)
    assert [k for k in names if torch.equal(before[k], between[k]) and not k.endswith("bias")] == []
    mine = {f"generator.{n}" for n, _ in played.generator.named_parameters()}
    assert [k for k in mine if torch.equal(before[k], after[k]) and not k.endswith("bias")] == []
    assert set(parts) >= {"critic_loss", "real_score", "fake_score"}
    assert ("classifier_real" in parts) == ("auxiliary_classifier" in way)
    assert ("classifier_fake" in parts) == ("auxiliary_classifier_data" in way)


@pytest.mark.parametrize("way", WAYS[:3], ids=lambda w: "-".join(w.values()))
@pytest.mark.parametrize("kind", SHAPES)
def test_players_listen_to_what_they_are_told(kind: str, way: dict[str, str]) -> None:
    played = game(kind, **way)
    if way["generator_conditioning"] == "normalization":  # every condition starts alike
        for part in played.generator.modules():
            if isinstance(part, ModulatedNorm):
                nn.init.normal_(part.gain.weight)
    batch, other = ToldBatch(1, SHAPES[kind]), ToldBatch(1, SHAPES[kind])
    other.conditions = batch.conditions.roll(1, 0)
    played.eval()
    with torch.no_grad():
        one, two = played.generate(batch), played.generate(other)
        assert not torch.allclose(one, two)
        told, untold = (played.critic(batch.real, given) for given in (batch.conditions, other.conditions))
        assert not torch.allclose(told, untold)


def test_a_critic_that_is_not_told_does_not_listen() -> None:
    played, batch = game(critic_conditioning="none", auxiliary_classifier="shared").eval(), ToldBatch(1)
    assert torch.equal(
        played.critic(batch.real, batch.conditions), played.critic(batch.real, batch.conditions.roll(1, 0))
    )


def test_projection_is_the_papers_formula() -> None:
    torch.manual_seed(0)
    base = networks.create("mlp", filters=5).critic((2,))
    critic, x, given = ProjectedCritic(base, (2,), 3), torch.randn(4, 2), torch.eye(3)[[0, 2, 1, 0]]
    phi, inner = base.features(x), critic.project.linear.weight.T  # (3, F): one row for each class
    expected = base.score(phi).squeeze(1) + (inner[[0, 2, 1, 0]] * phi).sum(1)
    assert torch.allclose(critic(x, given), expected)
    assert torch.equal(critic.score_and_features(x, given).features, phi)


def test_modulated_normalization_is_a_gain_and_a_bias_for_each_class() -> None:
    torch.manual_seed(0)
    base = networks.create("dcgan", filters=4).generator(3, (1, 8, 8))
    plain, latents = copy.deepcopy(base), torch.randn(6, 3)
    told = ModulatedGenerator(base, 3, 2)
    given = torch.eye(2)[[0, 1, 0, 1, 1, 0]]
    inputs = torch.cat([latents, given], 1)
    assert torch.allclose(told(inputs), plain(latents), atol=1e-6)  # all classes start alike
    norms = [m for m in told.modules() if isinstance(m, ModulatedNorm)]
    assert len(norms) == sum(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in plain.modules()) > 0
    x = torch.randn(6, norms[0].norm.num_features, 2, 2)
    for linear in (norms[0].gain, norms[0].bias):
        nn.init.normal_(linear.weight)
    told.current.conditions = given
    expected = norms[0].norm(x) * (1 + norms[0].gain.weight.T[given.argmax(1)])[:, :, None, None]
    expected = expected + norms[0].bias.weight.T[given.argmax(1)][:, :, None, None]
    assert torch.allclose(norms[0](x), expected, atol=1e-6)
    told(inputs)
    assert told.current.conditions is None and copy.deepcopy(told)(inputs).shape == (6, 1, 8, 8)
    with pytest.raises(UserError, match=r"normalizes nothing.*set generator.normalization to batch"):
        ModulatedGenerator(networks.create("mlp").generator(3, (2,)), 3, 2)


def test_concatenation_adds_maps_to_images_and_features_to_points() -> None:
    torch.manual_seed(0)
    for shape, name in (((1, 8, 8), "dcgan"), ((2,), "mlp")):
        seen: list[Tensor] = []
        base = networks.create(name, filters=4).critic((shape[0] + 3, *shape[1:]))
        base.body.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
        embed = embedding(2, 3, 1)
        x, given = torch.randn(5, *shape), torch.eye(2)[[0, 1, 1, 0, 1]]
        ConcatenatedCritic(base, shape, embed)(x, given)
        assert torch.equal(seen[0][:, : shape[0]], x)
        maps = seen[0][:, shape[0] :].flatten(2) if len(shape) == 3 else seen[0][:, 2:, None]
        assert torch.equal(maps, embed(given)[:, :, None].expand_as(maps))


def test_bound_critics_repeat_their_conditions_and_keep_features() -> None:
    played, batch = game(critic_conditioning="projection").eval(), ToldBatch(1)
    told = BoundCritic(played.critic.told, batch.conditions)
    both = told(torch.cat([batch.real, batch.real]))
    assert torch.allclose(both[:8], both[8:]) and torch.allclose(both[:8], played.critic(batch.real, batch.conditions))
    assert [f.shape[0] for f in told.features] == [16]


@pytest.mark.parametrize("way", WAYS[:4], ids=lambda w: "-".join(w.values()))
@pytest.mark.parametrize("rules", [("gradient-penalty",), ("r1", "r2"), ("spectral-norm",), ("instance-noise",)])
def test_rules_hold_with_conditions_beside(rules: tuple[str, ...], way: dict[str, str]) -> None:
    played = game(kit={"rules": rules, "objective": "hinge", "normalization": "layer"}, **way)
    batch = ToldBatch(1)
    loss = played.critic_loss(batch, played.generate(batch))
    assert loss.total.isfinite()
    assert {"gradient-penalty", "r1"}.isdisjoint(rules) or rules[0].replace("-", "_") in loss.parts
    found = torch.autograd.grad(loss.total, list(played.critic.parameters()), allow_unused=True)
    assert all(g is None or g.isfinite().all() for g in found)
    assert not any(
        g is not None for g in torch.autograd.grad(
            played.critic_loss(batch, played.generate(batch)).total, list(played.generator.parameters()),
            allow_unused=True,
        )
    )  # fmt: skip


def test_the_relativistic_and_the_unrolled_game_are_played_too() -> None:
    played = game(
        kit={"objective": "relativistic"},
        critic_conditioning="projection",
        auxiliary_classifier="shared",
        auxiliary_classifier_data="both",
    )
    algorithm = Unrolled(played, adam, unroll_steps=2)
    for _ in range(2):
        record = algorithm.step(ToldStream((2,)))
    assert all(value.isfinite() for value in record.values.values())
    assert {"classifier_real", "classifier_fake", "classifier_generated"} <= record.values.keys()


# ---- the checker


def test_disagreement_is_cross_entropy_and_squared_error() -> None:
    answers, given = torch.randn(5, WIDTH), torch.from_numpy(codes(5))
    kind = nn.functional.cross_entropy(answers[:, :2], given[:, :2].argmax(1))
    hair = nn.functional.cross_entropy(answers[:, 2:5], given[:, 2:5].argmax(1))
    age = nn.functional.mse_loss(answers[:, 5], given[:, 5])
    assert torch.allclose(classification_loss(answers, given, TRAITS), kind + hair + age)


def test_an_own_checker_never_sees_generated_samples_while_it_learns() -> None:
    played, batch = game(critic_conditioning="none", auxiliary_classifier="own"), ToldBatch(1)
    seen: list[Tensor] = []
    played.critic.checker.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    generated = played.generate(batch)
    played.critic_loss(batch, generated)
    assert len(seen) == 1 and torch.equal(seen[0], ToldBatch(1).real)
    played.generator_loss(batch, generated)
    assert torch.equal(seen[1], generated)


def test_the_generator_pleases_the_checker_by_its_weight() -> None:
    batch = ToldBatch(1)
    losses = []
    for weight in (1.0, 3.0):
        played = game(critic_conditioning="none", auxiliary_classifier="own", auxiliary_classifier_weight=weight)
        losses.append(played.generator_loss(batch, played.generate(batch)))
    assert torch.allclose(losses[1].total - losses[0].total, 2 * losses[0].parts["classifier_generated"])


# ---- what the data say


def dataset(count: int = 40, kind: str = "images", **changes: Any) -> Dataset:
    draw = np.random.default_rng(3)
    shape = (8, 8, 1) if kind == "images" else (2,)
    sizes = {"train": count, "held_out": 20}
    arrays = {
        part: draw.integers(0, 256, (n, *shape), dtype=np.uint8) if kind == "images"
        else draw.normal(size=(n, 2)).astype(np.float32)
        for part, n in sizes.items()
    }  # fmt: skip
    told = {part: codes(n, seed=n) for part, n in sizes.items()}
    values = {
        "train_labels": told["train"][:, :2].argmax(1),
        "held_out_labels": told["held_out"][:, :2].argmax(1),
        "class_names": KIND.values,
        "train_attributes": told["train"][:, 2:],
        "held_out_attributes": told["held_out"][:, 2:],
        "attributes": (HAIR, AGE),
        "key": "made up",
    }
    return Dataset("toys", kind, **arrays, **{**values, **changes})  # type: ignore[arg-type]


def test_the_class_comes_first_and_names_choose() -> None:
    made = dataset()
    assert attributes_of(made, None) == TRAITS
    assert attributes_of(made, ["age", "label"]) == attributes_of(made, ["age", "label", "age"]) == (AGE, KIND)
    rows = np.array([3, 17, 5])
    expected = codes(40, seed=40)[rows]
    assert np.array_equal(AttributeCodes.of_training(TRAITS, made)(rows), expected)
    chosen = np.concatenate([expected[:, 5:], expected[:, :2]], 1)
    assert np.array_equal(AttributeCodes.of_training((AGE, KIND), made)(rows), chosen)
    assert attributes_of(dataset(attributes=()), None) == (KIND,)
    assert attributes_of(dataset(train_labels=None), None) == (HAIR, AGE)


def test_data_without_anything_to_tell_are_refused() -> None:
    with pytest.raises(UserError, match=r"toys has neither labels nor attributes to condition on: give images in one"):
        ConditionalGame.study(dataset(attributes=(), train_labels=None), 0, ConditionalOptions())
    with pytest.raises(UserError, match=r"toys has no attribute called 'heir': did you mean hair\?"):
        ConditionalGame.study(dataset(), 0, ConditionalOptions(conditions=["heir"]))


def test_what_a_run_keeps() -> None:
    made = dataset()
    knowledge = ConditionalGame.study(made, 0, ConditionalOptions())
    kept = knowledge.stored.tensors["given"]
    every = {tuple(row) for row in codes(40, seed=40).round(4).tolist()}
    assert kept.shape == (40, WIDTH) and {tuple(row) for row in np.asarray(kept).round(4).tolist()} == every
    assert [d["name"] for d in knowledge.summary["attributes"]] == ["label", "hair", "age"]
    assert np.array_equal(knowledge.conditions(np.arange(4), np.random.default_rng(0)), codes(40, seed=40)[:4])


# ---- what it can be asked for


def inputs(rows: np.ndarray | None = None, *, image: bool = True) -> ConditionedInputs:
    return ConditionedInputs(3, priors.create("normal"), TRAITS, codes(200) if rows is None else rows, image=image)


def test_inputs_are_latents_beside_conditions_of_the_data() -> None:
    drawn = inputs().draw(500, 0, "sample")
    assert drawn.shape == (500, 3 + WIDTH) and drawn.dtype == torch.float32
    known = {tuple(row) for row in codes(200).tolist()}
    assert {tuple(row) for row in drawn[:, 3:].tolist()} <= known
    assert torch.equal(drawn, inputs().draw(500, 0, "sample"))
    assert not torch.equal(drawn, inputs().draw(500, 1, "sample"))
    assert 0.8 < drawn[:, :3].std() < 1.2


def test_wishes_are_met_and_the_rest_is_as_in_rows_that_meet_them() -> None:
    rows = codes(200)
    asked = inputs().with_conditions({"hair": "RED", "label": "Dog"}).draw_conditions(300, 0, "sample")
    assert (asked[:, 2:5].argmax(1) == 1).all() and (asked[:, :2].argmax(1) == 1).all()
    alike = rows[(rows[:, 3] == 1) & (rows[:, 1] == 1)]
    assert {tuple(r) for r in asked.tolist()} <= {tuple(r) for r in alike.tolist()}
    old = inputs().with_conditions({"age": "60"}).draw_conditions(50, 0, "sample")
    assert np.allclose(old[:, 5], 0.5)
    near = rows[np.abs(rows[:, 5] - 0.5) <= 0.2]
    assert {tuple(r) for r in old[:, :5].tolist()} <= {tuple(r) for r in near[:, :5].tolist()}


def test_a_wish_that_no_row_meets_takes_the_rest_from_all() -> None:
    rows = codes(200)
    rows = rows[rows[:, 3] == 0]  # nobody has red hair
    asked = (
        ConditionedInputs(3, priors.create("normal"), TRAITS, rows, image=True)
        .with_conditions({"hair": "red"})
        .draw_conditions(300, 0, "sample")
    )
    assert (asked[:, 2:5] == [0, 1, 0]).all() and len({tuple(r) for r in asked[:, 5:].tolist()}) > 50


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"hair": "rad"}, r"hair is never 'rad': did you mean red\?"),
        ({"heir": "red"}, r"takes no condition heir: did you mean hair\?"),
        ({"text": "a cat"}, r"takes no condition text: known: label, hair, age"),
        ({"age": "old"}, "age is a number from 0 to 80, not 'old'"),
        ({"age": "81"}, "age must lie from 0 to 80, as in the training data, not 81"),
        ({"hair": "red", "Hair": "blond"}, "hair is asked to be red and blond: ask for one of them"),
    ],
)
def test_wishes_that_make_no_sense(wishes: dict[str, str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        inputs().with_conditions(wishes)


def test_spelling_follows_the_data() -> None:
    assert match_conditions(TRAITS, {"Label": "DOG", "age": "3"}) == {"label": "dog", "age": "3"}


def test_a_grid_has_one_class_in_each_column_and_one_latent_in_each_row() -> None:
    grid = inputs().grid(64, 0)
    assert grid.columns == 2 and grid.captions == ("cat", "dog") and len(grid.inputs) == 16
    table = grid.inputs.view(8, 2, 3 + WIDTH)
    assert (table[:, 0, 3] == 1).all() and (table[:, 1, 4] == 1).all()
    assert torch.equal(table[:, 0, :3], table[:, 1, :3])
    ages = ConditionedInputs(3, priors.create("normal"), (AGE,), codes(20)[:, 5:], image=True).grid(64, 0)
    assert ages.columns == 9 and ages.captions[0] == "age 0" and ages.captions[-1] == "age 80"
    assert torch.allclose(ages.inputs.view(-1, 9, 4)[0, :, 3], torch.linspace(-1, 1, 9), atol=1e-6)
    assert inputs(image=False).grid(30, 0).columns is None


def test_real_samples_stand_in_the_grids_order() -> None:
    made = dataset()
    shown = inputs().real(made, 64)
    labels = {made.held_out[i].tobytes(): made.held_out_labels[i] for i in range(20)}
    assert [labels[image.tobytes()] for image in shown] == [0, 1] * 8
    cats = inputs().real(dataset(held_out_labels=np.zeros(20, np.int64)), 64)
    assert (cats[1::2] == 255).all() and not (cats[::2] == 255).all((1, 2, 3)).any()  # no dog is held out
    ages = ConditionedInputs(3, priors.create("normal"), (AGE,), codes(20)[:, 5:], image=True).real(made, 64)
    assert len(ages) == 63 and {image.tobytes() for image in ages} <= labels.keys()


# ---- what does not go together


def test_settings_without_meaning() -> None:
    with pytest.raises(UserError, match="no player would use the conditions"):
        game(critic_conditioning="none")
    with pytest.raises(
        UserError, match="a shared auxiliary classifier would read the conditions off the critic's own input"
    ):
        game(auxiliary_classifier="shared")
    with pytest.raises(UserError, match=r"a conditional game needs a critic that scores.*such as dcgan"):
        game(kit={"network": "autoencoder"})
    with pytest.raises(UserError, match=r"began needs a critic that reconstructs samples.*take another objective"):
        game(kit={"objective": "began"})


# ---- runs

LABELLED = (np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32), np.arange(60) % 3)
SMALL = {"batch_size": 8, "filters": 4, "steps": 3, "tensorboard": False, "evaluate_every": 0, "evaluate_count": 100}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from _toys import unmeasured

    with pytest.MonkeyPatch.context() as patch:
        unmeasured(patch.setattr)
        folder = tmp_path_factory.mktemp("cgan") / "run"
        return train("cgan", "digits", run=folder, **{**SMALL, "learning_rate": 0.02})


def test_a_run_can_be_asked_for_a_class(digits: Run) -> None:
    assert digits.data["columns"] == [str(i) for i in range(10)]
    assert digits.data["conditioning"]["attributes"][0]["name"] == "label"
    asked = digits.sample(6, label="7").array
    assert asked.shape == (6, 8, 8, 1) and np.array_equal(asked, Run(digits.path).sample(6, label="7").array)
    assert not np.array_equal(asked, digits.sample(6, label="3").array)
    assert np.array_equal(asked, digits.sample(6, attributes={"label": 7}).array)
    with pytest.raises(UserError, match="label is never 'seven'"):
        digits.sample(6, label="seven")
    with pytest.raises(UserError, match="cannot be asked for a hair: known: label"):
        digits.sample(6, attributes={"hair": "red"})
    with pytest.raises(UserError, match="label is asked to be 7 and 3: ask for one of them"):
        digits.sample(6, label="7", attributes={"label": 3})


def test_the_command_line_asks_too(digits: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = str(tmp_path / "sevens.npy")
    assert main.run(["sample", str(digits.path), "--n", "5", "--label", "7", "-o", target]) == 0
    assert np.array_equal(np.load(target), digits.sample(5, label="7").array)
    assert (
        main.run(["sample", str(digits.path), "--n", "5", "--attributes", "label=7", "-o", target, "--overwrite"]) == 0
    )
    capsys.readouterr()
    for words, told in (
        ("label", "attributes are names with values"),
        ("label=77", "label is never '77'"),
        ("label=7,8", "label is never '7,8'"),
        ("label=7,label=8", "label is asked to be 7 and 8: ask for one of them"),
    ):
        assert main.run(["sample", str(digits.path), "--attributes", words]) == 2
        assert told in capsys.readouterr().err


def test_a_plain_run_cannot_be_asked(tiny: Callable[..., Any]) -> None:
    with pytest.raises(UserError, match=r"cannot be asked for a label: train one that can, such as .* cgan"):
        tiny("gan1", "ring").sample(4, label="x")


def test_a_run_without_its_kept_inputs_says_so(digits: Run, tmp_path: Path) -> None:
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(digits.path, broken)
    (broken / "inputs.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"inputs.safetensors is corrupt"):
        Run(broken).sample(2)
    (broken / "inputs.safetensors").unlink()
    with pytest.raises(UserError, match=r"has lost its inputs.safetensors"):
        Run(broken).sample(2)


def test_data_without_labels_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ring has neither labels nor attributes"):
        train("cgan", "ring", run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("method", ["cgan", "cgan-projection", "acgan"])
def test_points_with_labels_are_served_by_every_method(method: str, tiny: Callable[..., Any]) -> None:
    run = tiny(method, LABELLED, batch_size=8)
    assert run.sample(5, label="2").array.shape == (5, 2)
    assert {"critic_loss", "generator_loss"} <= run.progress[-1].keys()


def test_functional_gradients_refuse_a_checker(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ignore this game's auxiliary classifier: set auxiliary_classifier to none"):
        train("acgan", "digits", algorithm="icfg", run=tmp_path / "run", **SMALL)


COMMON = (
    "--run run --batch-size 8 --filters 4 --tensorboard false --log-every 1 --checkpoint-every 2 --evaluate-every 3"
)
COMMANDS = {
    "cgan": "train cgan --data digits --steps 5",
    "cgan-projection": "train cgan-projection --data digits --steps 3 --critic-steps 2",
    "acgan": "train acgan --data digits --steps 4 --reuse-samples false",
}


@pytest.mark.parametrize("case", COMMANDS)
def test_kills_leave_no_trace(case: str, tmp_path: Path) -> None:
    words = [*COMMANDS[case].split(), *COMMON.split()]
    alone, killed, _ = alone_and_killed(words, tmp_path, random_moments(case, 3))
    assert_same_state(state(killed / "run"), state(alone / "run"))
    assert np.array_equal(Run(killed / "run").sample(4, label="3"), Run(alone / "run").sample(4, label="3"))


# ---- agreement


def test_agreement_of_points_that_are_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cheap: None
) -> None:
    """Three far classes; a generator that returns its class's centre is always right, one class late always wrong."""
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 3, 3000)
    points = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])[labels] + draw.normal(size=(3000, 2))
    table = tmp_path / "points.csv"
    table.write_text("x,y,label\n" + "".join(f"{x},{y},c{c}\n" for (x, y), c in zip(points, labels, strict=True)))
    run = train("cgan", str(table), run=tmp_path / "run", **{"data.label": "label"}, **{**SMALL, "filters": 8})

    class Perfect(nn.Module):
        late = 0

        def forward(self, inputs: Tensor) -> Tensor:
            own = inputs[:, -3:].argmax(1).add(self.late).remainder(3)
            centre, scale = (torch.tensor(run.data[k]) for k in ("centre", "scale"))
            kind = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], dtype=torch.float64)[own]
            return ((kind - centre) / scale + inputs[:, :2] / scale).float()

    module = Perfect()
    monkeypatch.setitem(run.__dict__, "generator", module)
    (right,) = conditional_accuracies(run, n=900)
    assert right.attribute == "label" and right.generated.accuracy > 0.99 and right.real.accuracy > 0.99
    assert right.chance < 0.4 and set(right.generated.by_value) == {"c0", "c1", "c2"}
    assert right.generated.intra_fd < 0.1 and right.real.intra_fd < 1
    module.late = 1
    (wrong,) = conditional_accuracies(run, n=900)
    assert wrong.generated.accuracy < 0.01 and wrong.generated.intra_fd > 50 * right.generated.intra_fd
    names = [f.name for f in metric_values(conditional_accuracies(run, n=900))]
    assert names == ["label_accuracy_900", "label_intra_fd_900"]
    assert {*names} <= {f.name for f in run.evaluate(n=900).metric_values}


def test_numbers_fall_into_fifths() -> None:
    numbers = np.random.default_rng(0).normal(size=10_000)
    counts = np.bincount(np.searchsorted(_quantile_edges(numbers), numbers))
    assert len(counts) == 5 and counts.min() > 1_900
    for often, rare in ((1.0, -1.0), (-1.0, 1.0)):  # where most are the largest, or the smallest
        mostly = np.r_[np.full(900, often), np.linspace(-0.9, 0.9, 99), rare]
        assert np.bincount(np.searchsorted(_quantile_edges(mostly), mostly)).tolist() in ([100, 900], [900, 100])


def test_a_plain_run_has_nothing_to_agree_with(tiny: Callable[..., Any]) -> None:
    with pytest.raises(UserError, match="cannot be asked for labels or attributes"):
        conditional_accuracies(tiny("gan1", "ring"))
