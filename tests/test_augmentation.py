"""Differentiable augmentation: every change against numpy, gradients through it, its strength, its flag, its state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from _toys import FixedBatch, Stream, adam, assert_same_state, state
from twoplayer import objectives, regularizers
from twoplayer.algorithms.alternating import Alternating
from twoplayer.config.layers import resolve_config
from twoplayer.core import distributed
from twoplayer.core.errors import UserError
from twoplayer.games._factory import ModuleFactory
from twoplayer.games.generation import GenerationGame
from twoplayer.regularizers._base import AdaptivePerturbation

KINDS = ("colour", "translation", "cutout", "flip")


def images(count: int = 64, side: int = 12, channels: int = 3, dtype: torch.dtype = torch.float64) -> Tensor:
    drawn = torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (drawn * 2 - 1).to(dtype)


def changed(x: Tensor, *policy: str, seed: int = 1, **options: Any) -> Tensor:
    augment = regularizers.create("diff-augment", policy=policy or KINDS, **options)
    result: Tensor = augment.perturb(x, torch.Generator().manual_seed(seed), 0)
    return result


# ---- the changes


def test_colour_is_brightness_saturation_and_contrast() -> None:
    x, y = images().numpy(), changed(images(), "colour").numpy()
    # y = a·x + b·gray + c with one a, b, c for each image: brightness, then saturation, then contrast.
    for before, after in zip(x, y, strict=True):
        gray = np.broadcast_to(before.mean(0), before.shape)
        columns = np.stack([before.ravel(), gray.ravel(), np.ones(before.size)], axis=1)
        (own, shared, _), left, *_ = np.linalg.lstsq(columns, after.ravel(), rcond=None)
        assert left[0] < 1e-20
        contrast = own + shared
        assert 0.5 <= contrast <= 1.5 and 0 <= own / contrast <= 2
        shift = after.mean() - before.mean()
        assert abs(shift) <= 0.5
    shifts = y.mean((1, 2, 3)) - x.mean((1, 2, 3))
    assert shifts.std() == pytest.approx(1 / np.sqrt(12), rel=0.25)


def test_translation_moves_by_up_to_an_eighth_and_fills_with_gray() -> None:
    x, y = images(400, side=16).numpy(), changed(images(400, side=16), "translation").numpy()
    found = []
    for before, after in zip(x, y, strict=True):
        fits = []
        for down in range(-2, 3):
            for right in range(-2, 3):
                wide = np.zeros((3, 20, 20))
                wide[:, 2 + down : 18 + down, 2 + right : 18 + right] = before
                if np.array_equal(wide[:, 2:18, 2:18], after):
                    fits.append((down, right))
        assert len(fits) == 1
        found += fits
    assert set(found) == {(down, right) for down in range(-2, 3) for right in range(-2, 3)}


def test_cutout_is_a_gray_square_of_half_the_side() -> None:
    x, y = images(400), changed(images(400), "cutout")
    hole = (y == 0).all(1)
    assert torch.equal(y, torch.where(hole[:, None], 0, x))
    heights, widths = hole.any(2).sum(1), hole.any(1).sum(1)
    assert torch.equal(hole.sum((1, 2)), heights * widths)  # a rectangle
    assert int(heights.max()) == int(widths.max()) == 6 and int(heights.min()) >= 3  # smaller only at the border
    corners = hole[:, [0, 0, 11, 11], [0, 11, 0, 11]].any(0)
    assert corners.all()


def test_flip_turns_half_of_the_images() -> None:
    x, y = images(400), changed(images(400), "flip")
    turned = (y == x.flip(3)).all((1, 2, 3))
    assert torch.equal(turned, ~(y == x).all((1, 2, 3)))
    assert 160 < int(turned.sum()) < 240


def test_each_change_has_its_probability() -> None:
    x = images(2000, side=8)
    for kind in ("translation", "cutout"):
        moved = (changed(x, kind, probability=0.3) != x).any(1).any(1).any(1).double().mean()
        never = {"translation": 1 / 9, "cutout": 0.0}[kind]  # a shift by nothing
        assert moved.item() == pytest.approx(0.3 * (1 - never), abs=0.04)


# ---- gradients, precision, randomness


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_pass_through(kind: str) -> None:
    x = images(2, side=8, channels=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: changed(x, kind), (x,))
    (gradient,) = torch.autograd.grad(changed(x, kind).square().sum(), x)
    assert gradient.abs().sum((1, 2, 3)).min() > 0


@pytest.mark.parametrize("options", [{"probability": 0.0}, {"target": 0.6}])
def test_nothing_changes_at_strength_0(options: dict[str, float]) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        x = images(dtype=dtype)
        assert torch.equal(changed(x, **options), x)


def test_low_precision_is_kept_and_layout_does_not_matter() -> None:
    x = images(dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        y = changed(x)
    assert y.dtype == torch.bfloat16 and y.isfinite().all()
    exact = changed(x.float())
    assert (y.float() - exact).abs().max() <= 2**-8 * exact.abs().max()
    laid = images(dtype=torch.float32).contiguous(memory_format=torch.channels_last)
    assert torch.allclose(changed(laid), changed(laid.contiguous()), atol=1e-6)


def test_two_processes_change_what_one_would(monkeypatch: pytest.MonkeyPatch) -> None:
    x = images(8)
    whole = changed(x)
    assert not torch.equal(whole, changed(x, seed=2))
    monkeypatch.setattr(distributed, "process_count", lambda: 2)
    halves = []
    for index in range(2):
        monkeypatch.setattr(distributed, "process_index", lambda index=index: index)
        halves.append(changed(x[4 * index : 4 * index + 4]))
    assert torch.equal(torch.cat(halves), whole)


# ---- the strength


def test_strength_follows_the_sign_of_the_critic() -> None:
    augment: AdaptivePerturbation = regularizers.create("diff-augment", target=0.5, ramp_images=640)
    assert augment.adapts and augment.strength == 0
    high, low = torch.ones(16), torch.tensor([1.0] * 11 + [-1.0] * 5)  # r_t of 1 and of 0.375
    seen = []
    for margin in (*[high] * 12, *[low] * 4):
        augment.adapt(margin)
        seen.append(round(augment.strength.item(), 6))
    step = 4 * 16 / 640
    assert seen == pytest.approx([0] * 3 + [step] * 4 + [2 * step] * 4 + [3 * step] * 4 + [2 * step])
    mixed = regularizers.create("diff-augment", target=0.5, ramp_images=640)
    for margin in (high, -high, high, high):  # a mean of 0.5 is neither above nor below
        mixed.adapt(margin)
    assert mixed.strength == 0
    for _ in range(60):
        augment.adapt(high)
    assert augment.strength == 1
    for _ in range(60):
        augment.adapt(-high)
    assert augment.strength == 0
    fixed: AdaptivePerturbation = regularizers.create("diff-augment", probability=0.25)
    fixed.adapt(high)
    assert not fixed.adapts and fixed.strength == 0.25


def test_strength_starts_where_it_is_told_and_is_saved() -> None:
    augment: AdaptivePerturbation = regularizers.create("diff-augment", target=0.6, probability=0.4)
    assert augment.strength.item() == pytest.approx(0.4)
    for _ in range(6):
        augment.adapt(torch.ones(64))
    other: AdaptivePerturbation = regularizers.create("diff-augment", target=0.6)
    other.load_state_dict(augment.state_dict())
    for each in (augment, other):
        each.adapt(torch.ones(64))
        each.adapt(torch.ones(64))
    assert torch.equal(augment.strength, other.strength) and other.strength > 0.4


class Pictures(Stream):
    """Batches of images of 8 by 8 pixels."""

    def __next__(self) -> FixedBatch:
        batch = super().__next__()
        return Picture(batch.number, batch.size)


class Picture(FixedBatch):
    @property
    def real(self) -> Tensor:  # type: ignore[override]
        return torch.rand(self.size, 1, 8, 8, generator=self.random("data")) * 2 - 1


def game(objective: str, **options: Any) -> GenerationGame:
    from twoplayer import networks

    torch.manual_seed(0)
    architecture = networks.create("dcgan", filters=4)
    augment = regularizers.create("diff-augment", **options)
    players = architecture.generator(3, (1, 8, 8)), architecture.critic((1, 8, 8))
    return GenerationGame(ModuleFactory(*players, objectives.create(objective), [augment]))


@pytest.mark.parametrize(("objective", "middle"), [("non-saturating", 0.0), ("least-squares", 0.5)])
def test_a_game_adapts_to_the_output_that_means_as_likely_as_not(
    objective: str, middle: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = game(objective, target=0.6, ramp_images=1000)
    augment = played.perturbations[0]
    assert isinstance(augment, AdaptivePerturbation)
    margins: list[Tensor] = []
    monkeypatch.setattr(augment, "adapt", lambda margin: margins.append(margin))
    record = Alternating(played, adam).step(Pictures()).values
    assert len(margins) == 1 and margins[0].shape == (8, 1)
    assert margins[0].mean().item() == pytest.approx(record["real_score"].item() - middle, abs=1e-5)
    assert record["diff_augment"] == 0
    assert {"adapting.0.strength", "adapting.0.signs", "adapting.0.looks"} <= played.state_dict().keys()


def test_both_players_see_changed_images_and_the_generator_learns() -> None:
    played = game("non-saturating")
    before = {k: v.clone() for k, v in played.state_dict().items()}
    record = Alternating(played, adam).step(Pictures()).values
    assert all(value.isfinite() for value in record.values()) and "diff_augment" not in record
    moved = [k for k, v in played.state_dict().items() if not torch.equal(v, before[k])]
    assert any(k.startswith("generator") for k in moved) and any(k.startswith("critic") for k in moved)

    seen: list[Tensor] = []
    played.critic.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].detach()))
    batch = Picture(1)
    generated = played.generate(batch)
    played.critic_loss(batch, generated)
    played.generator_loss(batch, generated)
    looks = [look for several in seen for look in several.split(batch.size)]
    assert len(looks) == 3  # real, fake, fake again
    for look, plain in zip(looks, (batch.real, generated, generated), strict=True):
        assert not torch.equal(look, plain.detach())
    assert not torch.equal(looks[1], looks[2])  # drawn anew for the generator


@pytest.mark.parametrize("objective", ["wasserstein", "relativistic"])
def test_where_the_sign_says_nothing_strength_cannot_adapt(objective: str) -> None:
    with pytest.raises(UserError, match=f"diff-augment adapts to the sign .* means nothing with {objective}"):
        game(objective, target=0.6)


def test_what_augmentation_cannot_be() -> None:
    for options, sentence in (
        ({"policy": ("color",)}, "policy must be 'colour', 'translation', 'cutout' or 'flip', not"),
        ({"probability": 1.5}, "probability must be less than or equal to 1, not 1.5"),
        ({"target": 1.0}, "target must be less than 1, not 1.0"),
        ({"ramp_images": 0}, "ramp_images must be greater than or equal to 1, not 0"),
    ):
        with pytest.raises(UserError, match=sentence):
            regularizers.create("diff-augment", **options)


# ---- as a flag, and in runs


def test_augment_is_short_for_the_regularizer(tmp_path: Path) -> None:
    def rules(**settings: Any) -> dict[str, Any]:
        return resolve_config("dcgan", "digits", **settings).regularizers

    assert rules(augment="colour, flip") == {"diff-augment": {"policy": ("colour", "flip")}}
    assert rules(augment="adaptive") == {"diff-augment": {"target": 0.6}}
    assert rules(augment=["cutout", "adaptive"], regularizers="r1") == {
        "r1": {}, "diff-augment": {"policy": ("cutout",), "target": 0.6}
    }  # fmt: skip
    assert rules(augment="none", regularizers="diff-augment,r1") == {"r1": {}}
    both = rules(augment="flip", **{"diff-augment.probability": "0.5"})
    assert both == {"diff-augment": {"policy": ("flip",), "probability": 0.5}}
    (tmp_path / "settings.yaml").write_text("augment: [translation]\nregularizers: {r1: {gamma: 3}}\n")
    filed = resolve_config("dcgan", "digits", config=tmp_path / "settings.yaml", augment="adaptive").regularizers
    assert filed == {"r1": {"gamma": 3.0}, "diff-augment": {"policy": ("translation",), "target": 0.6}}
    with pytest.raises(UserError, match=r"regularizers.diff-augment.policy: must be 'colour'.* not 'color'"):
        rules(augment="color")
    with pytest.raises(UserError, match="augment must be kinds of change"):
        rules(augment=5)


def test_a_run_with_adaptive_strength_resumes_in_the_same_bits(tiny: Callable[..., Any], tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (64, 8, 8), np.uint8)
    settings = {"augment": "adaptive", "diff-augment.ramp_images": 400, "diff-augment.target": -0.9}
    settings |= {"evaluate_every": 0}
    tiny("dcgan", pictures, "whole", steps=11, **settings)
    tiny("dcgan", pictures, "parts", steps=5, **settings)
    tiny("dcgan", pictures, "parts", steps=11, **settings)
    whole, parts = state(tmp_path / "whole"), state(tmp_path / "parts")
    assert_same_state(whole, parts)
    assert whole["problem"]["adapting.0.strength"] > 0


def test_points_are_refused_before_anything_is_written(tiny: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="diff-augment changes images, and these samples are points: leave it out"):
        tiny("gan1", "ring", augment="flip")
    assert not (tmp_path / "run" / "config.yaml").exists()
