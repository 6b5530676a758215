"""Networks from images to images, and the critic of patches: shapes, the papers' sizes, reception, refusals."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from twoplayer import networks
from twoplayer.core import distributed
from twoplayer.core.errors import UserError
from twoplayer.networks._dropout import Dropout
from twoplayer.networks._translation import Translator
from twoplayer.networks.unet import Skip

TRANSLATORS = ["unet", "resnet-translator"]


def translator(name: str, inputs: tuple[int, ...], channels: int, **options: Any) -> Translator:
    torch.manual_seed(0)
    made: Translator = networks.create(name, **options).translator(inputs, (channels, *inputs[1:]))
    return made


def weights(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("name", TRANSLATORS)
@pytest.mark.parametrize("side", [8, 28, 32, 50])
def test_images_become_images_of_the_same_size(name: str, side: int) -> None:
    network = translator(name, (1, side, side), 3, filters=4)
    images = network(torch.randn(3, 1, side, side))
    assert images.shape == (3, 3, side, side)
    assert images.abs().max() <= 1 and images.std() > 0


@pytest.mark.parametrize("name", TRANSLATORS)
@pytest.mark.parametrize("size", [(33, 47), (5, 9), (96, 40)])
def test_pictures_of_any_size_pass_after_training_on_one(name: str, size: tuple[int, int]) -> None:
    network = translator(name, (3, 32, 32), 3, filters=4).eval()
    assert network(torch.randn(1, 3, *size)).shape == (1, 3, *size)


@pytest.mark.parametrize("name", TRANSLATORS)
def test_a_picture_that_needs_no_padding_is_translated_as_it_is(name: str) -> None:
    network = translator(name, (3, 32, 32), 3, filters=4).eval()
    x = torch.randn(1, 3, 32, 32)
    assert torch.equal(network(x), torch.tanh(network.body(x)))


@pytest.mark.parametrize("name", TRANSLATORS)
def test_gradients_reach_every_parameter(name: str) -> None:
    network = translator(name, (3, 16, 16), 3, filters=4)
    network(torch.randn(4, 3, 16, 16)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("name", TRANSLATORS)
@pytest.mark.parametrize("knobs", [{"normalization": n} for n in ("batch", "layer", "instance", "none")]
                         + [{"activation": a} for a in ("gated", "tanh", "softplus")] + [{"depth": 2}])  # fmt: skip
def test_every_knob(name: str, knobs: dict[str, Any]) -> None:
    network = translator(name, (3, 16, 16), 3, filters=4, **knobs)
    assert network(torch.randn(2, 3, 16, 16)).isfinite().all()
    copied = copy.deepcopy(network).eval()
    network.eval()
    x = torch.randn(2, 3, 16, 16)
    assert torch.equal(network(x), copied(x))


def test_unet_has_the_papers_size_at_256() -> None:
    """54.4 million weights, as the authors' code counts for 3 channels in and out."""
    assert 54.0e6 < weights(translator("unet", (3, 256, 256), 3)) < 54.8e6


def test_resnet_translator_has_the_papers_size() -> None:
    """11.4 million weights with 9 blocks, as the authors' code counts (7.8 with 6)."""
    assert 11.3e6 < weights(translator("resnet-translator", (3, 256, 256), 3)) < 11.5e6
    assert 7.7e6 < weights(translator("resnet-translator", (3, 128, 128), 3)) < 7.9e6


def test_unets_noise_is_dropout_in_training_alone() -> None:
    network = translator("unet", (3, 16, 16), 3, filters=4)
    x = torch.randn(2, 3, 16, 16)
    assert not torch.equal(network(x), network(x))
    assert any(isinstance(m, Dropout) for m in network.modules())
    network.eval()
    assert torch.equal(network(x), network(x))
    assert not any(isinstance(m, Dropout) for m in translator("unet", (3, 16, 16), 3, dropout=0.0).modules())


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_two_processes_drop_what_one_would(layout: torch.memory_format, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(4, 6, 5, 5).contiguous(memory_format=layout)
    torch.manual_seed(1)
    whole = Dropout(0.5)(x)
    torch.manual_seed(1)
    assert torch.equal(whole, nn.Dropout(0.5)(x))
    monkeypatch.setattr(distributed, "process_count", lambda: 2)
    halves = []
    for index in range(2):
        monkeypatch.setattr(distributed, "process_index", lambda index=index: index)
        torch.manual_seed(1)
        halves.append(Dropout(0.5)(x[2 * index : 2 * index + 2]))
    assert torch.equal(torch.cat(halves), whole)
    assert torch.equal(Dropout(0.5).eval()(x), x)


@pytest.mark.parametrize("side", [16, 24])
def test_what_training_cannot_move_says_nothing_of_larger_pictures(side: int) -> None:
    """At 16 pixels the middle is 1x1, and the rims of the two kernels around it lie on padding alone."""
    network = translator("unet", (3, side, side), 3, filters=4, normalization="none", dropout=0.0)
    network(torch.randn(8, 3, side, side)).square().sum().backward()
    unmoved = 0
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            assert layer.weight.grad is not None
            idle = (layer.weight.grad == 0).flatten(0, 1).all(0)
            assert (layer.weight.detach()[..., idle] == 0).all()
            unmoved += int(idle.sum())
    assert unmoved == (24 if side == 16 else 0)  # two rims of 12


def test_the_middle_of_a_unet_takes_a_large_picture_block_by_block() -> None:
    network = translator("unet", (3, 16, 16), 3, filters=4, normalization="none").eval()
    middle = next(m for m in network.modules() if isinstance(m, Skip) and not any(isinstance(c, Skip) for c in m.body))
    maps = torch.randn(1, middle.body[0].in_channels, 4, 6)
    whole = middle(maps)
    for down in (0, 2):
        for right in (0, 2, 4):
            block = (..., slice(down, down + 2), slice(right, right + 2))
            torch.testing.assert_close(whole[block], middle(maps[block]))


def test_unets_skips_carry_what_the_middle_cannot() -> None:
    """A pixel's detail reaches its place in the output; without the skips it must pass through 1x1."""
    network = translator("unet", (1, 32, 32), 1, filters=8).eval()
    x = torch.zeros(1, 1, 32, 32, requires_grad=True)
    (slope,) = torch.autograd.grad(network(x)[0, 0, 16, 16], x)
    near = slope[0, 0, 14:19, 14:19].abs().mean()
    assert near > 5 * slope[0, 0, :5, :5].abs().mean()


@pytest.mark.parametrize(("side", "depth", "seen"), [(32, None, 16), (64, None, 34), (128, None, 70), (64, 1, 16)])
def test_a_patch_score_sees_its_patch_alone(side: int, depth: int | None, seen: int) -> None:
    torch.manual_seed(0)
    critic = networks.create("patchgan", filters=4, depth=depth, normalization="none").critic((1, side, side)).double()
    x = torch.randn(1, 1, side, side, requires_grad=True, dtype=torch.float64)
    scores = critic(x)
    assert scores.shape[0] == 1 and scores.dtype == torch.float64
    middle = int(scores.shape[1] ** 0.5) // 2
    (slope,) = torch.autograd.grad(scores[0, middle * int(scores.shape[1] ** 0.5) + middle], x)
    rows = slope[0, 0].abs().sum(1).nonzero().flatten()
    assert int(rows[-1] - rows[0]) + 1 == seen


def test_patchgan_has_the_papers_size() -> None:
    """2.77 million weights on 6 channels, as the authors' code counts for pix2pix."""
    assert 2.7e6 < weights(networks.create("patchgan").critic((6, 256, 256))) < 2.8e6


def test_patch_scores_are_wide_under_autocast_and_differentiate_twice() -> None:
    critic = networks.create("patchgan", filters=4).critic((3, 16, 16))
    with torch.autocast("cpu", torch.bfloat16):
        assert critic(torch.randn(2, 3, 16, 16)).dtype == torch.float32
    x = torch.randn(2, 3, 16, 16, requires_grad=True)
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    found: tuple[Tensor | None, ...] = torch.autograd.grad(slope.square().sum(), list(critic.parameters()),
                                                           allow_unused=True)  # fmt: skip
    assert sum(g is not None for g in found) >= 3


@pytest.mark.parametrize("name", TRANSLATORS)
def test_translators_refuse_latents_and_scoring(name: str) -> None:
    recipe = networks.create(name)
    with pytest.raises(UserError, match="turns images into images"):
        recipe.generator(8, (1, 16, 16))
    with pytest.raises(UserError, match="scores none"):
        recipe.critic((1, 16, 16))
    with pytest.raises(UserError, match="only images"):
        recipe.translator((2,), (2,))


def test_patchgan_refuses_to_generate() -> None:
    with pytest.raises(UserError, match="is a critic"):
        networks.create("patchgan").generator(8, (1, 16, 16))
