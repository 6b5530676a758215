"""The inference game: pairs, who pulls which way, and the way back from samples to latents."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from _children import alone_and_killed, random_moments
from _factories import SmallFactory
from _toys import FixedBatch, adam, assert_same_state, state
from twoplayer import networks, objectives
from twoplayer.algorithms.alternating import Alternating
from twoplayer.algorithms.unrolled import Unrolled
from twoplayer.api.run import Run
from twoplayer.api.train import train
from twoplayer.cli import main
from twoplayer.core.errors import UserError
from twoplayer.games._factory import DataSpec
from twoplayer.games.bigan import BiGANGame, BiGANOptions, _symmetry_centre
from twoplayer.inference.encode import Reconstructions, encode_data, reconstruct_data
from twoplayer.networks._base import Encoder, FeatureCritic
from twoplayer.networks._joint import InvertedGenerator, JointCritic, joined

SCORED = [name for name in objectives.names() if objectives.create(name).critic_output == "score"]


class ShapedBatch(FixedBatch):
    """A batch of made-up samples of any shape."""

    def __init__(self, number: int, shape: tuple[int, ...] = (2,), size: int = 8) -> None:
        super().__init__(number, size)
        self.shape = shape

    @property
    def real(self) -> Tensor:  # type: ignore[override]
        self.looks += 1
        return torch.rand(self.size, *self.shape, generator=self.random("data")) * 2 - 1


class ShapedStream:
    def __init__(self) -> None:
        self.number = 0

    def __iter__(self) -> ShapedStream:
        return self

    def __next__(self) -> ShapedBatch:
        self.number += 1
        return ShapedBatch(self.number)


def game(shape: tuple[int, ...] = (2,), *, kit: dict[str, Any] | None = None, **options: Any) -> BiGANGame:
    network = "mlp" if len(shape) == 1 else "dcgan"
    factory = SmallFactory(DataSpec(shape), **{"network": network, **(kit or {})})
    return BiGANGame(factory, BiGANOptions(**{"join_width": 16, **options}))


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in module.state_dict().items()}


# ---- the players


@pytest.mark.parametrize("shape", [(2,), (1, 8, 8)])
@pytest.mark.parametrize("join", ["late", "early"])
def test_each_step_moves_its_own_player_and_every_weight_of_it(shape: tuple[int, ...], join: str) -> None:
    kit = {"network": "mlp"} if join == "early" else {}
    played = game(shape, kit=kit, join=join)
    algorithm, batch = Alternating(played, adam), ShapedBatch(1, shape)
    generated = played.generate(batch)
    assert generated.fake.shape == (8, *shape) and generated.encoded.shape == (8, 3)
    before = weights(played)
    algorithm.optimizer_step("critic", played.critic_loss(batch, generated))
    between = weights(played)
    assert all(torch.equal(before[k], between[k]) for k in before if k.startswith("generator."))
    parts = algorithm.optimizer_step("generator", played.generator_loss(batch, generated))
    after = weights(played)
    critic = {f"critic.{n}" for n, _ in played.critic.named_parameters()}
    mine = {f"generator.{n}" for n, _ in played.generator.named_parameters()}
    assert [k for k in critic if torch.equal(before[k], between[k]) and not k.endswith("bias")] == []
    assert [k for k in mine if torch.equal(before[k], after[k]) and not k.endswith("bias")] == []
    assert any(".encoder." in k for k in mine) and any(".generator." in k for k in mine)
    assert {"generator_loss", "encoder_loss"} <= parts.keys()


def test_the_critics_loss_has_no_way_into_generator_or_encoder() -> None:
    for rules in ((), ("gradient-penalty", "r2")):
        played, batch = game(kit={"rules": rules, "objective": "hinge"}), ShapedBatch(1)
        loss = played.critic_loss(batch, played.generate(batch)).total
        found = torch.autograd.grad(loss, list(played.generator.parameters()), allow_unused=True)
        assert all(g is None for g in found)


@pytest.mark.parametrize("objective", [name for name in SCORED if name != "least-squares"])  # that pulls to labels
def test_every_objective_moves_the_encoder_towards_pairs_that_pass_for_the_generators(objective: str) -> None:
    """Down the game's loss the critic's scores of real pairs fall, and those of generated ones rise."""
    rules = ("clip",) if objectives.create(objective).needs_lipschitz else ()
    played, batch = game(kit={"objective": objective, "rules": rules}), ShapedBatch(1)
    generated = played.generate(batch)
    loss = played.generator_loss(batch, generated).total
    on_real, on_fake = torch.autograd.grad(
        loss, [generated.encoded, generated.fake], retain_graph=True, allow_unused=False
    )
    real = played.critic(joined(generated.real, generated.encoded))
    fake = played.critic(joined(generated.fake, generated.latents))
    by_encoding = torch.autograd.grad(real.sum(), generated.encoded, retain_graph=True)[0]
    by_sample = torch.autograd.grad(fake.sum(), generated.fake)[0]
    assert ((on_real * by_encoding).sum(1) > 0).all()  # down the loss is down the score
    assert ((on_fake * by_sample).sum(1) < 0).all()


def test_mirrored_scores_are_the_inverse_objective_of_the_paper() -> None:
    played, batch = game(), ShapedBatch(1)
    generated = played.generate(batch)
    parts = played.generator_loss(batch, generated).parts
    real = played.critic(joined(generated.real, generated.encoded))
    fake = played.critic(joined(generated.fake, generated.latents))
    # Donahue et al. 2017, section 3.4: the labels change places
    assert torch.allclose(parts["generator_loss"], -torch.sigmoid(fake).log().mean(), rtol=1e-5)
    assert torch.allclose(parts["encoder_loss"], -torch.sigmoid(-real).log().mean(), rtol=1e-5)


def test_which_objectives_are_symmetric_and_about_what() -> None:
    centres = {name: _symmetry_centre(objectives.create(name)) for name in SCORED}
    assert {centres[n] for n in ("minimax", "non-saturating", "hinge", "wasserstein")} == {0.0}
    assert centres["least-squares"] == 0.5
    assert _symmetry_centre(objectives.create("least-squares", a=-1.0, b=3.0)) == 1.0
    assert [n for n in ("fgan-kl", "fgan-reverse-kl", "fgan-pearson") if centres[n] is not None] == []


def test_perturbations_touch_samples_and_never_latents() -> None:
    played, batch = game(kit={"rules": ("instance-noise",)}), ShapedBatch(1)
    seen: list[Tensor] = []
    played.critic.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach()))
    generated = played.generate(batch)
    played.critic_loss(batch, generated)
    both = seen[0]
    assert torch.equal(both[:8, 2:], generated.encoded.detach()) and torch.equal(both[8:, 2:], generated.latents)
    assert not torch.allclose(both[:8, :2], batch.real) and not torch.allclose(both[8:, :2], generated.fake)


def test_a_uniform_prior_bounds_encodings_and_a_normal_one_does_not() -> None:
    far = torch.full((4, 2), 500.0)
    bounded = game(kit={"prior": "uniform"}).generator
    assert bounded.encode(far).abs().max() <= 1 < game().generator.encode(far).abs().max()


def test_the_relativistic_and_the_unrolled_game_are_played_too() -> None:
    algorithm = Unrolled(game(kit={"objective": "relativistic"}), adam, unroll_steps=2)
    for _ in range(2):
        record = algorithm.step(ShapedStream())
    assert all(value.isfinite() for value in record.values.values()) and "generator_loss" in record.values


# ---- networks


@pytest.mark.parametrize("name", ["dcgan", "resnet", "r3gan", "mlp", "mlp-shortcut", "autoencoder"])
def test_every_architecture_encodes(name: str) -> None:
    torch.manual_seed(0)
    recipe, x = networks.create(name, filters=8), torch.rand(4, 1, 12, 12) * 2 - 1
    encoder, critic = recipe.encoder(5, (1, 12, 12)), recipe.critic((1, 12, 12))
    assert isinstance(encoder, Encoder) and encoder(x).shape == (4, 5) and encoder(x).dtype == torch.float32
    assert isinstance(critic, FeatureCritic) and critic.features(x).shape == (4, critic.width)
    critic.eval()
    assert torch.equal(critic.output_from_features(x, critic.features(x)), critic(x))
    assert torch.equal(critic.trunk(x).flatten(1), critic.features(x))


def test_a_critic_of_patches_has_no_features_of_whole_samples() -> None:
    with pytest.raises(UserError, match="patchgan scores patches and has no features of whole images"):
        networks.create("patchgan").encoder(5, (1, 16, 16))
    with pytest.raises(UserError, match="a critic of pairs needs features of whole samples"):
        JointCritic(networks.create("patchgan").critic((1, 16, 16)), (1, 16, 16), 3, 8)


def test_a_joint_critic_sees_both_parts() -> None:
    torch.manual_seed(0)
    critic = JointCritic(networks.create("dcgan", filters=4, normalization="none").critic((1, 8, 8)), (1, 8, 8), 3, 8)
    x, z = torch.rand(4, 1, 8, 8), torch.randn(4, 3)
    score = critic(joined(x, z))
    assert score.shape == (4,) and critic.features(joined(x, z)).shape == (4, 8)
    assert not torch.allclose(score, critic(joined(x, z.roll(1, 0))))
    assert not torch.allclose(score, critic(joined(x.roll(1, 0), z)))
    assert torch.equal(score, critic(joined(x.to(memory_format=torch.channels_last), z)))


def test_objectives_of_reconstruction_errors_have_no_place() -> None:
    with pytest.raises(UserError, match=r"began needs a critic that reconstructs samples.*take another objective"):
        game(kit={"objective": "began"})


# ---- it learns


def test_the_encoder_inverts_the_generator(cheap: None, tmp_path: Path) -> None:
    """On points of one tight and one wide direction: reconstructions are far nearer than other samples are."""
    draw = np.random.default_rng(0)
    points = (draw.normal(size=(2000, 2)) * [3.0, 0.5] + [5.0, -2.0]).astype(np.float32)
    run = train(
        "bigan", points, run=tmp_path / "run", steps=400, filters=32, latent_dim=2, batch_size=64, ema_decay=0.99,
        join_width=32, learning_rate=1e-3, tensorboard=False, evaluate_every=0,
    )  # fmt: skip
    back = run.reconstruct(points[:500]).array
    scale = points.std(0)
    own = np.abs((back - points[:500]) / scale).mean()
    others = np.abs((back[::-1] - points[:500]) / scale).mean()
    assert own < 0.5 * others


# ---- runs

SMALL = {"batch_size": 8, "filters": 4, "steps": 3, "tensorboard": False, "evaluate_every": 0, "evaluate_count": 100}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from _toys import unmeasured

    with pytest.MonkeyPatch.context() as patch:
        unmeasured(patch.setattr)
        folder = tmp_path_factory.mktemp("bigan") / "run"
        return train("bigan", "digits", run=folder, latent_dim=6, join_width=16, **{**SMALL, "learning_rate": 0.02})


@pytest.mark.parametrize("method", ["bigan", "gan1"])
def test_images_seen_are_what_the_critic_learned_from(method: str, tiny: Callable[..., Run], tmp_path: Path) -> None:
    """A generator that looks at real samples of its own, as an encoder does, spends none of a budget of images."""
    own = {"join_width": 8} if method == "bigan" else {"objective": "relativistic"}
    settings = {"reuse_samples": False, "critic_steps": 2, "images": 96, "steps": None, "checkpoint_every": 1, **own}
    run = tiny(method, "ring", **settings)
    found = state(run.path)
    assert (found["step"], found["critic_batches"], found["batches_read"]) == (3, 6, 9)
    assert run.images_seen == run.status["images_seen"] == 96
    shutil.rmtree(run.path / "checkpoints" / "000000003")
    again = tiny(method, "ring", **settings)
    assert_same_state(state(again.path), found)
    assert again.images_seen == 96


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven pictures in two classes, one of them broken, larger than the run's."""
    folder, draw = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for index in range(11):
        path = folder / ("ab"[index % 2]) / f"{index:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (20, 16, 3), dtype=np.uint8)).save(path)
    (folder / "a" / "04.png").write_bytes(b"no picture")
    return folder


def test_encodings_are_the_averaged_encoders(digits: Run) -> None:
    from sklearn.datasets import load_digits

    images = (load_digits().images[:9, :, :, None] * 15).astype(np.uint8)
    found = digits.encode(images)
    assert found.shape == (9, 6) and found.dtype == np.float32 and np.abs(found).max() <= 1
    assert isinstance(digits.generator, InvertedGenerator)
    shown = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    assert np.allclose(found, digits.generator.encode(shown).numpy(), atol=0.02)  # bf16 where the processor has it
    held = state(digits.path)["ema"]
    assert torch.equal(digits.generator.encoder.head.linear.weight, held["encoder.head.linear.weight"])
    features = digits.encode(images, by="critic")
    assert features.shape == (9, 16) and np.isfinite(features).all()
    assert np.array_equal(digits.encode(images[..., 0]), found)
    back = digits.reconstruct(images).array
    assert back.shape == images.shape and back.dtype == np.uint8


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros((3, 9, 9, 1), np.uint8), r"takes samples of shape \(N, 8, 8, 1\), not \(3, 9, 9, 1\)"),
        (np.zeros((0, 8, 8, 1), np.uint8), r"takes samples of shape"),
        (np.zeros((3, 8, 8, 1), np.float32), "images must be uint8, values 0 to 255, not float32"),
    ],
)
def test_samples_that_do_not_fit(samples: np.ndarray, words: str, digits: Run) -> None:
    with pytest.raises(UserError, match=words):
        digits.encode(samples)


def test_a_folder_is_encoded_in_its_own_order(digits: Run, pictures: Path, tmp_path: Path) -> None:
    encoded = encode_data(digits, pictures)
    assert encoded.skipped == 1 and encoded.features.shape == (10, 6)
    assert [Path(name).name for name in encoded.names] == [
        "00.png", "02.png", "06.png", "08.png", "10.png", "01.png", "03.png", "05.png", "07.png", "09.png"
    ]  # fmt: skip
    assert encoded.labels.tolist() == [0] * 5 + [1] * 5 and encoded.class_names == ("a", "b")
    stored = np.load(encoded.save(tmp_path / "features.npz"))
    assert set(stored.files) == {"features", "labels", "class_names", "names"}
    assert np.array_equal(stored["features"], encoded.features)
    assert np.loadtxt(encoded.save(tmp_path / "f.csv"), delimiter=",").shape == (10, 6)
    with pytest.raises(UserError, match=r"cannot write features to .*: give a name that ends in \.npz"):
        encoded.save(tmp_path / "features.png")


def test_the_command_line_encodes_and_reconstructs(
    digits: Run, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "features.npy"
    assert main.run(["encode", str(digits.path), str(pictures), "-o", str(target)]) == 0
    assert "10 rows of 6 numbers, 1 unreadable left out" in capsys.readouterr().out
    assert np.array_equal(np.load(target), encode_data(digits, pictures).features)
    assert main.run(["encode", str(digits.path), "digits", "--by", "critic", "-o", str(target), "--json"]) == 2
    assert "is there already" in capsys.readouterr().err
    again = ["--by", "critic", "-o", str(target), "--json", "--overwrite"]
    assert main.run(["encode", str(digits.path), "digits", *again]) == 0
    assert '"shape": [' in capsys.readouterr().out and np.load(target).shape == (1797, 16)
    sheet = tmp_path / "pictures.png"
    assert main.run(["reconstruct", str(digits.path), str(pictures), "--n", "5", "-o", str(sheet)]) == 0
    with Image.open(sheet) as picture:
        assert "5 samples," in capsys.readouterr().out and picture.size[0] > 100
    assert main.run(["reconstruct", str(digits.path), "ring", "-o", str(sheet), "--overwrite"]) == 2
    assert "ring holds points, and this run takes images: give images" in capsys.readouterr().err


def test_reconstructions_stand_below_their_samples(tmp_path: Path) -> None:
    tall = np.arange(3, dtype=np.uint8)[:, None, None, None] * 100 + np.zeros((3, 4, 4, 1), np.uint8)
    pairs = Reconstructions(tall, tall + 5)
    assert pairs.error == 5 and "mean absolute error 5 gray values" in str(pairs)
    with Image.open(pairs.save(tmp_path / "p.png")) as picture:
        sheet = np.asarray(picture)
    cell = sheet.shape[1] // 3
    assert [int(sheet[4, 4 + column * cell]) for column in range(3)] == [0, 100, 200]
    assert [int(sheet[cell + 4, 4 + column * cell]) for column in range(3)] == [5, 105, 205]
    assert len(list(pairs.save(tmp_path / "alone").iterdir())) == 3


def test_points_are_reconstructed_in_their_own_units(tiny: Callable[..., Any], tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal([300.0, -0.01], [50.0, 0.001], (100, 2))
    run = tiny("bigan", points, batch_size=8, steps=2)
    np.save(tmp_path / "points.npy", points)
    pairs = reconstruct_data(run, tmp_path / "points.npy", 20)
    assert np.allclose(pairs.samples, points[:20]) and pairs.reconstructions.shape == (20, 2)
    assert encode_data(run, points).features.shape == (100, run.config.latent_dim)
    np.save(tmp_path / "solid.npy", np.zeros((10, 3)))
    with pytest.raises(UserError, match="has points of 3 coordinates, and this run takes 2"):
        encode_data(run, tmp_path / "solid.npy")


def test_a_plain_run_has_no_encoder_and_its_critic_has_features(tiny: Callable[..., Any]) -> None:
    run = tiny("gan1", "ring")
    points = run.sample(5).array
    with pytest.raises(UserError, match=r"has no encoder: train one with twoplayer train bigan"):
        run.encode(points)
    found = run.encode(points, by="critic")
    assert found.shape == (5, 8)
    held = {k.removeprefix("critic."): v for k, v in state(run.path)["problem"].items() if k.startswith("critic.")}
    assert all(torch.equal(v, held[k]) for k, v in run.critic.state_dict().items())
    conditional = tiny(
        "acgan", (np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 3), "other", batch_size=8
    )
    assert conditional.encode(conditional.sample(5).array, by="critic").shape == (5, 8)


COMMON = (
    "--run run --batch-size 8 --filters 4 --tensorboard false --log-every 1 --checkpoint-every 2 --evaluate-every 3"
)
COMMANDS = {
    "bigan digits": "train bigan --data digits --steps 4 --latent-dim 6 --join-width 16",
    "bigan ring early": "train bigan --data ring --data.count 200 --steps 4 --join early --reuse-samples false",
}


@pytest.mark.parametrize("case", COMMANDS)
def test_kills_leave_no_trace(case: str, tmp_path: Path) -> None:
    words = [*COMMANDS[case].split(), *COMMON.split()]
    alone, killed, _ = alone_and_killed(words, tmp_path, random_moments(case, 3))
    assert_same_state(state(killed / "run"), state(alone / "run"))
