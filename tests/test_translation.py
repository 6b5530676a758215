"""Translation games: what each loss reaches, what the history remembers, what a run keeps and shows."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from _toys import adam
from twoplayer import networks, objectives, regularizers
from twoplayer.algorithms.alternating import Alternating
from twoplayer.config.layers import resolve_config
from twoplayer.core.device import place
from twoplayer.core.errors import UserError
from twoplayer.core.rng import torch_generator
from twoplayer.data._base import Dataset
from twoplayer.games._factory import DataSpec, ModuleFactory
from twoplayer.games._image_pool import ImagePool
from twoplayer.games._jitter import jittered
from twoplayer.games._problem import Batch
from twoplayer.games._translation import ImageInputs, stored_images
from twoplayer.games.paired_translation import PairedTranslationGame, PairedTranslationOptions
from twoplayer.games.unpaired_translation import UnpairedTranslationGame, UnpairedTranslationOptions
from twoplayer.sampling.generate import SampleFormat, draw
from twoplayer.training.batches import Batches

SIDE = 8
A, B = (1, SIDE, SIDE), (3, SIDE, SIDE)


class Pairs(Batch):
    """Batch number `number`: grey noise, and the same in colour upside down."""

    def __init__(self, number: int, size: int = 4, partner_channels: int = 3) -> None:
        self.number, self.size, self.step = number, size, 0
        self.partner_channels = partner_channels

    @property
    def real(self) -> Tensor:  # type: ignore[override]
        return torch.rand(self.size, *A, generator=self.random("data")) * 2 - 1

    @property
    def partner(self) -> Tensor:  # type: ignore[override]
        return self.real.flip(2).expand(-1, self.partner_channels, -1, -1)

    @property
    def labels(self) -> Tensor:  # type: ignore[override]
        raise TypeError("no labels")

    def random(self, purpose: str) -> torch.Generator:
        return torch_generator(0, purpose, self.number)


def critic(channels: int) -> Any:
    return networks.create("patchgan", filters=4, normalization="none").critic((channels, SIDE, SIDE))


def translator(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Any:
    return networks.create("resnet-translator", filters=4, depth=1).translator(inputs, outputs)


def paired(objective: str = "non-saturating", *rules: str, **options: Any) -> PairedTranslationGame:
    torch.manual_seed(0)
    given, wanted = (A, B) if options.get("direction") != "BtoA" else (B, A)
    made = [regularizers.create(r) for r in rules]
    factory = ModuleFactory(
        translator(given, wanted), critic(4), objectives.create(objective), made, data_spec=DataSpec(A, B)
    )
    return PairedTranslationGame(factory, PairedTranslationOptions(**options))


def unpaired(partner: tuple[int, ...] = B, objective: str = "least-squares", *rules: str, **options: Any) -> Any:
    torch.manual_seed(0)
    made = [regularizers.create(r) for r in rules]
    translators, critics = [translator(A, partner), translator(partner, A)], [critic(1), critic(partner[0])]
    factory = ModuleFactory(translators, critics, objectives.create(objective), made, data_spec=DataSpec(A, partner))
    return UnpairedTranslationGame(factory, UnpairedTranslationOptions(**options))


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}


def weights(module: torch.nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in module.state_dict().items()}


def dataset(**changes: Any) -> Dataset:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (12, SIDE, SIDE, 1), np.uint8)
    whole: dict[str, Any] = {
        "name": "pairs", "kind": "images", "train": images[:8], "held_out": images[8:], "paired": True, "key": "k",
        "partner_train": 255 - images[:8].repeat(3, -1), "partner_held_out": 255 - images[8:].repeat(3, -1),
    }  # fmt: skip
    return Dataset(**{**whole, **changes})


# ---- the games


@pytest.mark.parametrize("objective", ["non-saturating", "least-squares", "hinge", "relativistic"])
@pytest.mark.parametrize("make", [paired, lambda objective: unpaired(B, objective)])
def test_each_step_moves_its_own_player_alone(make: Any, objective: str) -> None:
    game = make(objective)
    algorithm, batch = Alternating(game, adam), Pairs(1)
    start = weights(game)
    generated = game.generate(batch)
    algorithm.optimizer_step("critic", game.critic_loss(batch, generated))
    between = weights(game)
    assert moved(start, between) <= {"critic", "histories"} and "critic" in moved(start, between)
    algorithm.optimizer_step("generator", game.generator_loss(batch, generated))
    assert moved(between, weights(game)) == (
        {"translator"} if isinstance(game, PairedTranslationGame) else {"generator"}
    )


@pytest.mark.parametrize("rules", [("gradient-penalty",), ("r1",), ("spectral-norm",), ("instance-noise",), ("clip",)])
def test_rules_hold_critics_of_patches_too(rules: tuple[str, ...]) -> None:
    for game in (paired("hinge", *rules), unpaired(B, "hinge", *rules)):
        batch = Pairs(1)
        loss = game.critic_loss(batch, game.generate(batch))
        reached = torch.autograd.grad(loss.total, list(game.critic.parameters()), allow_unused=True)
        assert sum(g is not None and bool(g.isfinite().all()) for g in reached) >= len(reached) - 2
        game.after_critic_step()


@pytest.mark.parametrize("history", [0, 3])
def test_the_critics_loss_has_no_way_into_the_translators(history: int) -> None:
    for game in (
        paired("hinge", "gradient-penalty"),
        unpaired(B, "hinge", "gradient-penalty", image_pool_size=history),
    ):
        batch = Pairs(1)
        loss = game.critic_loss(batch, game.generate(batch)).total
        found = torch.autograd.grad(loss, list(game.players["generator"].parameters()), allow_unused=True)
        assert all(gradient is None for gradient in found)


def test_slopes_are_those_of_a_pictures_score_which_is_the_mean_of_its_patches() -> None:
    game, batch = paired("hinge", "r1"), Pairs(1)
    both = torch.cat([batch.real, batch.partner], 1).requires_grad_()
    scores = game.critic.critic(both)
    assert scores.shape[1] > 1
    (slope,) = torch.autograd.grad(scores.mean(1).sum(), both)
    found = game.critic_loss(batch, game.generate(batch)).parts["r1"]
    torch.testing.assert_close(found, 5 * slope.square().sum((1, 2, 3)).mean())


def test_the_paired_critic_sees_what_was_given() -> None:
    """The same translation of another image is another matter."""
    game = paired()
    seen: list[Tensor] = []
    game.critic.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    batch = Pairs(1)
    game.critic_loss(batch, game.generate(batch))
    both = torch.cat(seen)
    assert torch.equal(both[:4, :1], batch.real) and torch.equal(both[4:, :1], batch.real)
    assert torch.equal(both[:4, 1:], batch.partner)


def test_without_the_critic_it_is_a_regression() -> None:
    game, batch = paired(adversarial_weight=0.0, l1_weight=1.0), Pairs(1)
    generated = game.generate(batch)
    loss = game.generator_loss(batch, generated)
    torch.testing.assert_close(loss.total, (generated - batch.partner).abs().mean())
    assert loss.parts["l1"] == loss.total


def test_the_other_direction_swaps_the_sides() -> None:
    game, batch = paired(direction="BtoA"), Pairs(1)
    assert game.generate(batch).shape == (4, *A)
    assert PairedTranslationGame.target(dataset(), PairedTranslationOptions(direction="BtoA")).train.shape[-1] == 1
    assert PairedTranslationGame.target(dataset(), PairedTranslationOptions()).train.shape[-1] == 3


def test_there_and_back_again_is_what_the_cycle_measures() -> None:
    game, batch = unpaired(A, cycle_weight=3.0, identity_weight=0.0), Pairs(1, partner_channels=1)
    game.generator.AtoB = game.generator.BtoA = torch.nn.Identity()
    loss = game.generator_loss(batch, game.generate(batch))
    assert float(loss.parts["cycle"]) == 0
    game.generator.BtoA = Shift()
    loss = game.generator_loss(batch, game.generate(batch))
    torch.testing.assert_close(float(loss.parts["cycle"]), 0.5)


class Shift(torch.nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images + 0.5


def test_the_identity_loss_needs_sides_of_as_many_channels() -> None:
    batch = Pairs(1, partner_channels=1)
    alike = unpaired(A)
    assert "identity" in alike.generator_loss(batch, alike.generate(batch)).parts
    other = unpaired(B)
    assert "identity" not in other.generator_loss(Pairs(1), other.generate(Pairs(1))).parts


def test_a_look_ahead_leaves_no_trace() -> None:
    game, batch = unpaired(), Pairs(1)
    generated, before = game.generate(batch), weights(game)
    game.critic_loss(batch, generated, ahead=True)
    assert moved(before, weights(game)) == set()
    game.critic_loss(batch, generated)
    assert moved(before, weights(game)) == {"histories"}


def test_training_on_pairs_brings_translations_nearer() -> None:
    game = paired()
    algorithm, batch = Alternating(game, adam), Pairs(1)

    def distance() -> float:
        return float((game.sampler(batch.real) - batch.partner).detach().abs().mean())

    before = distance()
    for _ in range(30):
        algorithm.step(iter(lambda: batch, None))  # type: ignore[arg-type]
    assert distance() < before - 0.1


def test_both_directions_of_a_two_way_sampler() -> None:
    game = unpaired()
    assert game.sampler(torch.zeros(2, *A)).shape == (2, *B)
    game.sampler.direction = "BtoA"
    assert game.sampler(torch.zeros(2, *B)).shape == (2, *A)
    assert copy.deepcopy(game.sampler)(torch.zeros(2, *B)).shape == (2, *A)


@pytest.mark.parametrize("options", [{"l1_weight": -1.0}, {"adversarial_weight": -0.1}, {"l1_weight": float("nan")}])
def test_weights_below_zero(options: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(options))):
        paired(**options)


@pytest.mark.parametrize("make", [paired, unpaired])
def test_augmentation_adapts_by_images_and_to_every_critic(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A critic of patches gives several outputs an image: a ramp counts images, and r_t is a mean over both critics."""
    torch.manual_seed(0)
    augment = regularizers.create("diff-augment", target=0.5, ramp_images=1_000)
    monkeypatch.setattr(regularizers, "create", lambda name: augment)
    game = make(B, "hinge", "diff-augment") if make is unpaired else make("hinge", "diff-augment")
    critics = [game.critic.a, game.critic.b] if make is unpaired else [game.critic]
    batch, real = Pairs(1), []
    for critic in critics:
        critic.register_forward_hook(lambda module, given, out: real.append(out.detach()))
    game.critic_loss(batch, game.generate(batch))
    margins: list[Tensor] = []
    monkeypatch.setattr(augment, "adapt", margins.append)
    game.end_step()
    assert len(margins[0]) == batch.size and margins[0].numel() > batch.size
    wanted = torch.cat([scores[: len(scores) // 2] for scores in real])  # both sides in one pass, real ones first
    assert torch.equal(margins[0].flatten(), wanted)


def test_the_weights_of_the_cycle_are_the_papers() -> None:
    """Its generators' loss is Σ (D(x) − 1)² + 10 · cycle + 5 · identity (section 4); least-squares halves the first."""
    settings = resolve_config("cyclegan", "pairs:somewhere").game
    game, batch = unpaired(A, cycle_weight=settings["cycle_weight"]), Pairs(1, partner_channels=1)
    generated = game.generate(batch)
    loss = game.generator_loss(batch, generated)
    fooled = sum((critic(fake) - 1).square().mean() for critic, fake in
                 ((game.critic.a, generated.a), (game.critic.b, generated.b)))  # fmt: skip
    cycle, identity = 2 * loss.parts["cycle"], 2 * loss.parts["identity"]
    torch.testing.assert_close(2 * loss.total, fooled + 10 * cycle + 5 * identity)


def test_large_pictures_pass_the_sampler_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twoplayer.sampling.generate.PIXELS", 5 * SIDE * SIDE)
    sizes: list[int] = []

    def generator(images: Tensor) -> Tensor:
        sizes.append(len(images))
        return images

    pictures = torch.rand(12, *A) * 2 - 1
    made = draw(generator, pictures, SampleFormat("images"), place("cpu", "fp32", "contiguous", "images"))  # type: ignore[arg-type]
    assert sizes == [5, 5, 2] and made.shape == (12, SIDE, SIDE, 1)


# ---- the history


def images(count: int, first: int = 0) -> Tensor:
    return torch.arange(first, first + count).float().view(-1, 1, 1, 1).expand(-1, *A).clone()


def test_a_history_fills_and_then_exchanges_half() -> None:
    history = ImagePool(50, A)
    random = torch.Generator().manual_seed(0)
    assert torch.equal(history.exchange(images(50), random), images(50))
    fresh = images(400, first=50)
    given = history.exchange(fresh, random)
    old = (given != fresh).flatten(1).any(1)
    assert 160 < int(old.sum()) < 240
    assert (given[old][:, 0, 0, 0] < fresh[old][:, 0, 0, 0]).all()


def test_a_history_is_part_of_the_state_and_may_be_empty() -> None:
    one, other = ImagePool(4, A), ImagePool(4, A)
    one.exchange(images(4), torch.Generator().manual_seed(0))
    other.load_state_dict(one.state_dict())
    draws = [h.exchange(images(9, 4), torch.Generator().manual_seed(1)) for h in (one, other)]
    assert torch.equal(*draws)
    assert torch.equal(ImagePool(0, A).exchange(images(3), torch.Generator()), images(3))


# ---- jitter


def slopes(mirror: bool, jitter: float = 0.25) -> Tensor:
    """What pictures that brighten from left to right become: their slope in each column but the outermost."""
    picture = torch.linspace(-0.7, 0.7, SIDE).expand(64, 1, SIDE, SIDE)
    one, other = jittered((picture, picture), jitter, mirror, torch.Generator().manual_seed(0))
    assert torch.equal(one, other) and one.shape == picture.shape
    found: Tensor = one[:, 0].diff(dim=2)[:, :, 1:-1].flatten(1)
    return found


def test_jitter_enlarges_and_crops_at_random() -> None:
    inside = slopes(mirror=False)
    torch.testing.assert_close(inside, torch.full_like(inside, 1.4 / (SIDE - 1) / 1.25))
    mirrored = slopes(mirror=True, jitter=0.0)[:, 0]
    torch.testing.assert_close(mirrored.abs(), torch.full_like(mirrored, 1.4 / (SIDE - 1)))
    assert 20 < int((mirrored < 0).sum()) < 44
    spots = torch.zeros(400, 1, SIDE, SIDE)
    spots[:, :, 3:5, 3:5] = 1
    where = jittered((spots,), 0.5, False, torch.Generator().manual_seed(0))[0].flatten(1).argmax(1)
    assert len(where.unique()) >= 9  # places of the brightest pixel, up to 5 down by 5 across


def test_both_players_see_a_pair_jittered_alike() -> None:
    batch = Pairs(1)
    plain, game = paired(), paired(jitter=0.3, mirror=True)
    seen: list[Tensor] = []
    game.critic.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    given: list[Tensor] = []
    game.translator.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].detach()))
    generated = game.generate(batch)
    game.critic_loss(batch, generated)
    loss = game.generator_loss(batch, generated)
    for look in (seen[0][:4], seen[0][4:], seen[1]):  # real, fake, fake again
        assert torch.equal(look[:, :1], given[0])
    assert not torch.equal(given[0], batch.real)
    wanted = seen[0][:4, 1:]
    torch.testing.assert_close(loss.parts["l1"], (generated - wanted).abs().mean().detach())
    again = game.generate(Pairs(2))
    assert not torch.equal(given[1], given[0]) and again.shape == generated.shape
    assert torch.equal(plain.sampler(batch.real), game.sampler(batch.real))  # nothing is jittered to be translated


def test_jitter_is_a_setting_of_the_paired_game() -> None:
    game = resolve_config("pix2pix", "pairs:somewhere", jitter=0.117, mirror="yes").game
    assert game == {"name": "paired-translation", "jitter": 0.117, "mirror": True}
    with pytest.raises(UserError, match=r"jitter must be greater than or equal to 0, not -0\.1"):
        paired(jitter=-0.1)


# ---- colours of pictures that lie on each other


def test_each_picture_of_a_pair_is_changed_by_its_own_colours() -> None:
    """The critic's input has both: as if each had been changed alone, by the same numbers."""
    game, batch = paired("non-saturating", "diff-augment"), Pairs(1)
    augment = regularizers.create("diff-augment")
    seen: list[Tensor] = []
    game.critic.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    generated = game.generate(batch)
    game.critic_loss(batch, generated)
    game.generator_loss(batch, generated)
    looks = {"real": (seen[0][:4], batch.partner), "fake": (seen[0][4:], generated), "fake again": (seen[1], generated)}
    for side, (look, other) in looks.items():
        for part, picture in ((look[:, :1], batch.real), (look[:, 1:], other)):
            alone = augment.perturb(picture.detach(), batch.random(f"diff_augment {side}"), 0)
            torch.testing.assert_close(part, alone)


# ---- what a run keeps


def test_pictures_are_held_out_ones_each_once() -> None:
    kept = stored_images(dataset(), "AtoB")
    pictures = ImageInputs(kept, "AtoB")
    drawn = pictures.draw(100, 0, "evaluation")
    assert drawn.shape == (4, *A) and drawn.abs().max() <= 1
    assert torch.equal(drawn, pictures.draw(100, 0, "evaluation"))
    stored = np.sort(dataset().held_out.reshape(4, -1), 0)
    found = np.sort(((drawn + 1) * 127.5).round().to(torch.uint8).numpy().reshape(4, -1), 0)
    np.testing.assert_array_equal(stored, found)


def test_one_held_out_picture_is_too_few_to_be_kept_alone() -> None:
    whole = dataset()
    few = dataset(held_out=whole.held_out[:1], partner_held_out=whole.partner_held_out[:1])
    assert len(stored_images(few, "AtoB").tensors["source"]) == len(few.train)


def test_the_grid_shows_given_translated_and_true_beside_each_other() -> None:
    grid = ImageInputs(stored_images(dataset(), "AtoB"), "AtoB").grid(64, 0)
    assert grid.columns == 12 and grid.captions[:3] == ("input", "translated", "true")
    shown = grid.arrange(np.full((4, SIDE, SIDE, 3), 7, np.uint8))
    assert shown.shape == (12, SIDE, SIDE, 3)
    np.testing.assert_array_equal(shown[0, ..., :1], dataset().held_out[0])
    assert (shown[1] == 7).all()
    np.testing.assert_array_equal(shown[2], 255 - dataset().held_out[0].repeat(3, -1))
    alone = ImageInputs(stored_images(dataset(paired=False), "BtoA"), "BtoA").grid(64, 0)
    assert alone.captions[:2] == ("input", "translated") and alone.inputs.shape == (4, *B)


@pytest.mark.parametrize("make", [paired, unpaired])
def test_real_pictures_are_of_the_side_that_is_aimed_at(make: Any) -> None:
    whole = dataset()
    for direction, side in (("AtoB", whole.partner_held_out), ("BtoA", whole.held_out)):
        game = make(direction=direction)
        np.testing.assert_array_equal(game.inputs(stored_images(whole, direction)).real(whole, 3), side[:3])


def test_games_say_what_data_they_need() -> None:
    one_sided = dataset(partner_train=None, partner_held_out=None, paired=False)
    for game in (PairedTranslationGame, UnpairedTranslationGame):
        with pytest.raises(UserError, match="has one side"):
            game.study(one_sided, 0, game.Options())
    with pytest.raises(UserError, match=r"not paired \(12 and 9 images\)"):
        PairedTranslationGame.study(
            dataset(paired=False, partner_train=dataset().partner_train[:5]), 0, PairedTranslationOptions()
        )
    UnpairedTranslationGame.study(dataset(paired=False), 0, UnpairedTranslationOptions())


def test_the_pairing_is_hidden_from_the_unpaired_game_alone() -> None:
    """Of paired data both sides come in orders of their own, each image once an epoch; held-out ones stay paired."""
    numbers = np.broadcast_to(np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1), (8, SIDE, SIDE, 1))
    made = dataset(train=np.array(numbers), partner_train=np.array(numbers))
    where = place("cpu", "fp32", "contiguous", "images")

    def drawn(game: Any) -> np.ndarray:
        batches = Batches(made, 4, 0, where, game.study(made, 0, game.Options()))
        sides = [(batch.real, batch.partner) for batch in (next(batches) for _ in range(20))]
        values = [[((side[:, 0, 0, 0] + 1) * 127.5).round().numpy() for side in both] for both in sides]
        return np.array(values).transpose(1, 0, 2).reshape(2, 10, 8)  # side, epoch, sample

    real, partner = drawn(PairedTranslationGame)
    np.testing.assert_array_equal(real, partner)
    own, other = drawn(UnpairedTranslationGame)
    np.testing.assert_array_equal(own, real)
    assert (np.sort(other, 1) == np.arange(8)).all()
    assert 2 <= (own == other).sum() <= 20  # by chance 10 of 80 meet their partner
    kept = UnpairedTranslationGame.study(made, 0, UnpairedTranslationOptions()).stored
    np.testing.assert_array_equal(kept.tensors["partner"], made.partner_held_out)


def test_a_run_that_lost_its_pictures_says_so() -> None:
    with pytest.raises(UserError, match="lost the images"):
        ImageInputs(None, "AtoB")
    with pytest.raises(UserError, match="cannot be asked for a label"):
        ImageInputs(stored_images(dataset(), "AtoB"), "AtoB").with_conditions({"label": "cat"})
