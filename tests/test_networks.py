"""The contract of the network family, parametrised over its registry, and each paper's own promises."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import typing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn import functional as F

from twoplayer import networks
from twoplayer.core.errors import UserError
from twoplayer.networks._activations import ACTIVATIONS, activation, expansion, gain
from twoplayer.networks._base import Critic, Generator
from twoplayer.networks._normalization import NORMALIZATIONS, BatchNorm, normalization
from twoplayer.networks._resampling import ConvPool, UpsampleConv
from twoplayer.networks._shapes import level_sizes, spread_evenly
from twoplayer.testing import check_network

TRANSLATING = ["unet", "resnet-translator", "patchgan"]
"""Not two players for latents and samples: see test_translation_networks.py."""
NAMES = [name for name in networks.names() if name not in TRANSLATING]
IMAGES_ONLY = ["dcgan", "resnet", "r3gan"]
POINTS = [name for name in NAMES if name not in IMAGES_ONLY]
SHAPES: list[tuple[int, ...]] = [(1, 8, 8), (1, 28, 28), (3, 30, 30), (3, 32, 32), (1, 36, 36), (1, 50, 50)]
LATENT = 6
CASES = [(name, (1, 12, 12)) for name in NAMES] + [(name, (2,)) for name in POINTS]


def players(name: str, shape: tuple[int, ...], filters: int = 4, **options: Any) -> tuple[Generator, Critic]:
    torch.manual_seed(0)
    architecture = networks.create(name, filters=filters, **options)
    return architecture.generator(LATENT, shape), architecture.critic(shape)


def play(generator: Generator, critic: Critic, batch: int = 4) -> Tensor:
    scores: Tensor = critic(generator(torch.randn(batch, LATENT)))
    return scores


def unfreeze_zeros(player: nn.Module) -> None:
    """Fixup starts every branch with a last layer of zero: what is behind has no gradient until it moves."""
    with torch.no_grad():
        for parameter in player.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)


def penalty_gradients(critic: Critic, samples: Tensor) -> list[Tensor | None]:
    samples = samples.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(samples).sum(), samples, create_graph=True)
    loss = (slope.float().flatten(1).norm(dim=1) - 1).square().mean()
    return list(torch.autograd.grad(loss, list(critic.parameters()), allow_unused=True))


# The contract.


def test_the_family_is_listed_without_torch() -> None:
    code = "import sys, twoplayer.networks as n; n.describe('dcgan'); assert 'torch' not in sys.modules"
    source = str(Path(networks.__file__).parents[2])
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": source})


@pytest.mark.parametrize("name", NAMES)
def test_every_member_describes_itself(name: str) -> None:
    description = networks.describe(name)
    assert description.summary and description.source
    assert set(networks.family.options(name)) >= {"activation", "normalization", "filters", "depth"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [*SHAPES, (3, 64, 64)])
def test_images_of_any_size(name: str, shape: tuple[int, ...]) -> None:
    generator, critic = players(name, shape)
    samples = generator(torch.randn(3, LATENT))
    assert samples.shape == (3, *shape) and samples.abs().max() <= 1
    assert (generator.latent_dim, generator.shape, critic.shape) == (LATENT, shape, shape)
    features, scores = critic.features(samples), critic(samples)
    assert features.ndim == 2 and len(features) == 3
    assert scores.shape == (3,) and scores.dtype == torch.float32


@pytest.mark.parametrize("name", NAMES)
def test_the_largest_images(name: str) -> None:
    shape = (1, 256, 256)
    generator, critic = players(name, shape)
    with torch.no_grad():
        assert generator(torch.randn(2, LATENT)).shape == (2, *shape)
        assert critic(torch.zeros(2, *shape)).shape == (2,)


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("dimension", [1, 2, 17])
def test_points(name: str, dimension: int) -> None:
    generator, critic = players(name, (dimension,))
    with torch.no_grad():
        generator(torch.randn(4, LATENT))
        points = 100 * generator(100 * torch.randn(64, LATENT))
    assert points.shape == (64, dimension) and points.abs().max() > 1
    assert critic(points).shape == (64,)


@pytest.mark.parametrize("name", networks.names())
def test_the_contract(name: str) -> None:
    check_network(name, filters=8)


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_players_are_deterministic_copyable_and_printable(name: str, shape: tuple[int, ...]) -> None:
    generator, critic = players(name, shape)
    torch.manual_seed(3)
    first = play(copy.deepcopy(generator), copy.deepcopy(critic))
    torch.manual_seed(3)
    assert torch.equal(first, play(generator, critic))
    assert "Linear" in repr(generator) and "Linear" in repr(critic)
    assert repr(networks.create(name, filters=4)) == repr(pickle.loads(pickle.dumps(networks.create(name, filters=4))))


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16 autocast"])
@pytest.mark.parametrize(("name", "shape"), CASES)
def test_penalties_differentiate_twice(name: str, shape: tuple[int, ...], precision: str) -> None:
    _, critic = players(name, shape)
    unfreeze_zeros(critic)
    samples = torch.randn(4, *shape)
    if precision == "float64":
        critic, samples = critic.double(), samples.double()
    with torch.autocast("cpu", torch.bfloat16, enabled="autocast" in precision):
        assert critic(samples).dtype == (torch.float64 if precision == "float64" else torch.float32)
        gradients = [g for g in penalty_gradients(critic, samples) if g is not None]
    assert gradients and all(g.isfinite().all() for g in gradients)
    assert any(g.any() for g in gradients)


@pytest.mark.parametrize("act", sorted(ACTIVATIONS))
@pytest.mark.parametrize(("name", "shape"), CASES)
def test_every_activation(name: str, shape: tuple[int, ...], act: str) -> None:
    generator, critic = players(name, shape, activation=act)
    other, _ = players(name, shape, activation="tanh" if act != "tanh" else "relu")
    unfreeze_zeros(generator)
    unfreeze_zeros(other)
    scores = play(generator, critic)
    assert scores.shape == (4,) and scores.isfinite().all()
    latents = torch.randn(4, LATENT)
    assert not torch.equal(generator(latents), other(latents))


@pytest.mark.parametrize("norm", NORMALIZATIONS)
@pytest.mark.parametrize(("name", "shape"), CASES)
def test_every_normalization(name: str, shape: tuple[int, ...], norm: str) -> None:
    generator, critic = players(name, shape, normalization=norm)
    assert critic.normalization == norm
    kinds = {"batch": BatchNorm, "layer": nn.GroupNorm, "instance": (nn.InstanceNorm2d, nn.GroupNorm)}
    every = (BatchNorm, nn.GroupNorm, nn.InstanceNorm2d)
    for player in (generator, critic):
        used = [m for m in player.modules() if isinstance(m, every)]
        assert bool(used) == (norm != "none") or (name == "dcgan" and player is critic)
        assert all(isinstance(m, kinds[norm]) for m in used)
    unfreeze_zeros(critic)
    assert play(generator, critic).isfinite().all()
    with torch.autocast("cpu", torch.bfloat16):
        gradients = penalty_gradients(critic, torch.randn(4, *shape))
    assert all(g.isfinite().all() for g in gradients if g is not None)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 8, 12, 20])
@pytest.mark.parametrize(("name", "shape"), CASES)
def test_any_depth(name: str, shape: tuple[int, ...], depth: int) -> None:
    generator, critic = players(name, shape, depth=depth)
    assert play(generator, critic).isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_filters_set_the_width(name: str) -> None:
    counts = [
        [sum(p.numel() for p in player.parameters()) for player in players(name, (1, 16, 16), filters)]
        for filters in (8, 16)
    ]
    assert counts[1][0] > 1.5 * counts[0][0] and counts[1][1] > 1.5 * counts[0][1]


# The user's mistakes.


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"activation": "rleu"}, "did you mean relu?"),
        ({"normalization": "bach"}, "did you mean batch?"),
        ({"filters": 0}, "filters must be a whole number"),
        ({"depth": -1}, "depth must be a whole number"),
        ({"fliters": 8}, "did you mean filters?"),
    ],
)
def test_unknown_knobs(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words.replace("?", r"\?")):
        networks.create(name, **options)


@pytest.mark.parametrize("name", NAMES)
def test_annotations_say_which_words_there_are(name: str) -> None:
    options = networks.family.options(name)
    for option, known in (("activation", ACTIVATIONS), ("normalization", NORMALIZATIONS)):
        words, none = typing.get_args(options[option].annotation)
        assert set(typing.get_args(words)) == set(known) and none is type(None)


@pytest.mark.parametrize("name", IMAGES_ONLY)
@pytest.mark.parametrize("shape", [(2,), (1, 4, 4), (1, 300, 300), (1, 28, 32)])
def test_shapes_that_only_mlp_serves(name: str, shape: tuple[int, ...]) -> None:
    architecture = networks.create(name)
    with pytest.raises(UserError, match=f"{name} serves .*use mlp"):
        architecture.generator(8, shape)
    with pytest.raises(UserError, match=f"{name} serves .*use mlp"):
        architecture.critic(shape)
    critic = networks.create("mlp", filters=2).critic(shape)
    assert critic(torch.zeros(2, *shape)).shape == (2,)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(), (3, 4), (0,), (1, 0, 0)])
def test_shapes_that_nobody_serves(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError):
        networks.create(name).critic(shape)
    with pytest.raises(UserError):
        networks.create(name).generator(4, shape)


# Parts, against something independent.


def test_halvings_end_between_four_and_seven() -> None:
    for resolution in range(8, 257):
        sizes = level_sizes(resolution)
        assert 4 <= sizes[-1] <= 7 and all(b == a // 2 for a, b in pairwise(sizes))
    assert all(sum(spread_evenly(n, k)) == n for n in range(12) for k in range(1, 5))


def test_activations_are_the_formulas() -> None:
    x = torch.linspace(-4, 4, 33)[:, None]
    torch.testing.assert_close(activation("softplus")(x), torch.log1p(torch.exp(2 * x + 2)) / 2 - 1)
    torch.testing.assert_close(activation("leaky-relu")(x), torch.where(x > 0, x, 0.2 * x))
    torch.testing.assert_close(activation("gated")(torch.cat([x, -x], 1)), x / (1 + torch.exp(x)))


@pytest.mark.parametrize("act", sorted(ACTIVATIONS))
def test_gains_keep_the_second_moment(act: str) -> None:
    draws = torch.randn(400_000, expansion(act), generator=torch.Generator().manual_seed(0))
    assert (gain(act) * activation(act)(draws)).square().mean().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("side", [7, 8])
def test_resampling_in_one_step_is_exact(side: int) -> None:
    x = torch.randn(2, 3, side, side, dtype=torch.float64)
    pool, grow = ConvPool(3, 5).double(), UpsampleConv(3, 5, side, 2 * side).double()
    torch.testing.assert_close(pool(x), F.avg_pool2d(pool.conv(x), 2))
    torch.testing.assert_close(grow(x), grow.conv(x.repeat_interleave(2, 2).repeat_interleave(2, 3)))


@pytest.mark.parametrize("size", [(6, 5), (6, 5, 4, 4)])
def test_layer_normalization_is_over_the_whole_sample(size: tuple[int, ...]) -> None:
    x = 3 + torch.randn(size)
    torch.testing.assert_close(normalization("layer", 5, len(size) == 4)(x), F.layer_norm(x, size[1:]))


def test_instance_normalization_is_over_positions() -> None:
    x = 3 + torch.randn(6, 5, 4, 4)
    expected = (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(normalization("instance", 5, maps=True)(x), expected)


@pytest.mark.parametrize("size", [(6, 5), (6, 5, 4, 4)])
def test_batch_norm_is_torchs_in_one_process(size: tuple[int, ...]) -> None:
    ours, theirs = BatchNorm(5), nn.BatchNorm1d(5) if len(size) == 2 else nn.BatchNorm2d(5)
    for _ in range(3):
        x = torch.randn(size)
        assert torch.equal(ours(x), theirs(x))
    assert all(torch.equal(a, b) for a, b in zip(ours.buffers(), theirs.buffers(), strict=True))
    assert torch.equal(ours.eval()(x), theirs.eval()(x))


# Batch normalization over processes.


def batch_norm_results(x: Tensor) -> dict[str, Tensor]:
    """Output, gradients with a gradient penalty, and running statistics for a batch or a share of it."""
    torch.manual_seed(0)
    model = nn.Sequential(BatchNorm(3), nn.Softplus(), nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(8, 1))
    with torch.no_grad():
        model[0].weight.uniform_(0.5, 2)
    x = x.clone().requires_grad_()
    out = model(x).tanh()
    (slope,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    loss = out.square().mean() + slope.square().sum((1, 2, 3)).mean()
    input_gradient, *gradients = torch.autograd.grad(loss, [x, *model.parameters()])
    results = {"out": out, "slope": slope, "input": input_gradient}
    results |= {f"weight {i}": g for i, g in enumerate(gradients)}
    results |= dict(model.named_buffers())
    return {label: value.detach().clone() for label, value in results.items()}


def one_of_two(rank: int, folder: str, batch: Tensor) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.save(batch_norm_results(batch.chunk(2)[rank]), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_normalize_the_whole_batch(tmp_path: Path) -> None:
    torch.manual_seed(1)
    # Halves with different means and scales: statistics of one's own half would be far off.
    batch = torch.cat([2 + torch.randn(4, 3, 4, 4), 3 * torch.randn(4, 3, 4, 4) - 1])
    whole = batch_norm_results(batch)
    mp.spawn(one_of_two, args=(str(tmp_path), batch), nprocs=2)
    shares = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for label, expected in whole.items():
        values = [share[label] for share in shares]
        if label in ("out", "slope"):
            got = torch.cat(values)
        elif label == "input":
            got = torch.cat(values) / 2  # each process's loss is a mean over its own half
        elif label.startswith("weight"):
            got = (values[0] + values[1]) / 2
        else:
            assert torch.equal(*values)
            got = values[0]
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5, msg=lambda m, at=label: f"{at}: {m}")


# What the papers promise.


@pytest.mark.parametrize("resolution", [8, 28, 36, 64])
@pytest.mark.parametrize("depth", [None, 9])
def test_dcgan_follows_the_five_guidelines(resolution: int, depth: int | None) -> None:
    generator, critic = players("dcgan", (3, resolution, resolution), depth=depth)
    up = [m for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    down = [m for m in critic.modules() if isinstance(m, nn.Conv2d) and m.stride == (2, 2)]
    assert len(up) == len(down) == {8: 1, 28: 3, 36: 3, 64: 4}[resolution]
    assert not any("Pool" in type(m).__name__ for m in [*generator.modules(), *critic.modules()])
    # Batch normalization after every layer but the generator's last and the critic's first.
    for player, free in ((generator, -1), (critic, 0)):
        steps = [m for m in player.body if isinstance(m, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, BatchNorm))]
        layers = [m for m in steps if not isinstance(m, BatchNorm)]
        bare = [
            m
            for m, after in zip(steps, [*steps[1:], None], strict=True)
            if not isinstance(m, BatchNorm) and not isinstance(after, BatchNorm)
        ]
        assert bare == [layers[free]]
    # Linear layers only where latents enter and where the score leaves.
    assert [m for m in generator.modules() if isinstance(m, nn.Linear)] == [generator.body[0]]
    assert [m for m in critic.modules() if isinstance(m, nn.Linear)] == [critic.score.linear]
    kinds = {type(m) for m in generator.body} & {type(f()) for f in ACTIVATIONS.values()}
    assert kinds == {nn.ReLU}
    slopes = {m.negative_slope for m in critic.body if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.2} and not any(isinstance(m, nn.ReLU) for m in critic.modules())


def test_dcgan_starts_from_the_papers_weights_and_widths() -> None:
    generator, critic = players("dcgan", (3, 64, 64), filters=64)
    widths = [m.out_channels for m in critic.modules() if isinstance(m, nn.Conv2d)]
    assert widths == [64, 128, 256, 512]
    assert [m.in_channels for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)] == widths[::-1]
    drawn = [m.weight for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert torch.cat([w.flatten() for w in drawn]).std().item() == pytest.approx(0.02, rel=0.01)


@pytest.mark.parametrize("resolution", [8, 13, 28, 32, 36])
def test_dcgan_extended_as_for_functional_gradients(resolution: int) -> None:
    plain = players("dcgan", (3, resolution, resolution))
    extended = players("dcgan", (3, resolution, resolution), kernel_size=5, pointwise=True)
    for player, beside in zip(extended, plain, strict=True):
        strided = [m for m in player.modules() if getattr(m, "stride", None) == (2, 2)]
        assert {m.kernel_size for m in strided} == {(5, 5)}
        mixing = [m for m in player.modules() if getattr(m, "kernel_size", None) == (1, 1)]
        assert len(mixing) == len(strided) - 1
        assert sum(isinstance(m, BatchNorm) for m in player.modules()) == len(mixing) + sum(
            isinstance(m, BatchNorm) for m in beside.modules()
        )


def test_dcgan_has_no_other_kernel() -> None:
    with pytest.raises(UserError, match="kernel_size must be 4 or 5, not 3"):
        networks.create("dcgan", kernel_size=3)


@pytest.mark.parametrize("resolution", [28, 32, 64])
def test_resnet_by_default_has_the_papers_blocks(resolution: int) -> None:
    generator, critic = players("resnet", (3, resolution, resolution))
    ups = [m for m in generator.modules() if isinstance(m, UpsampleConv)]
    downs = [m for m in critic.modules() if isinstance(m, ConvPool)]
    blocks = [m for m in critic.modules() if type(m).__name__ == "ResidualBlock"]
    expected = {28: (2, 2, 4), 32: (3, 2, 4), 64: (4, 4, 5)}
    assert (len(ups), len(downs), len(blocks)) == expected[resolution]


@pytest.mark.parametrize("depth", [5, 9, 21, 101])
def test_resnet_depth_counts_layers_with_weights(depth: int) -> None:
    for player in players("resnet", (1, 16, 16), depth=depth):
        convolutions = [m for m in player.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
        score = 1 if isinstance(player, Critic) else 0
        assert len(convolutions) + score == depth


@pytest.mark.parametrize("norm", ["none", None])
def test_resnet_of_101_layers_starts_as_a_shallow_one(norm: str | None) -> None:
    deviations: dict[str, list[float]] = {"generator": [], "critic": []}
    for depth in (4, 9, 21, 101):
        generator, critic = players("resnet", (1, 16, 16), filters=16, depth=depth, normalization=norm)
        samples = generator(torch.randn(8, LATENT))
        images = torch.randn(8, 1, 16, 16) * torch.linspace(0.2, 1, 8).view(-1, 1, 1, 1)
        deviations["generator"].append(torch.atanh(samples).std().item())
        # The expected score of a random last layer: one draw of it may be near zero by chance.
        last = critic.score.linear.weight
        deviations["critic"].append((critic.features(images).std(0).norm() * last.std()).item())
    (critic(generator(torch.randn(8, LATENT))) * torch.randn(8)).sum().backward()
    for parameter in [*generator.parameters(), *critic.parameters()]:
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.any()
    for seen in deviations.values():
        assert max(seen) < 10 * min(seen), deviations


def test_resnet_of_101_layers_trains() -> None:
    generator, critic = players("resnet", (1, 8, 8), filters=8, depth=101)
    samples = torch.cat([torch.randn(16, 1, 8, 8), 0.3 * torch.randn(16, 1, 8, 8)])
    signs = torch.cat([torch.ones(16), -torch.ones(16)])
    latents, target = torch.randn(16, LATENT), torch.linspace(-0.9, 0.9, 64).view(1, 8, 8)
    tasks = [
        (critic, lambda: F.softplus(-signs * critic(samples)).mean()),
        (generator, lambda: (generator(latents) - target).square().mean()),
    ]
    for player, task in tasks:
        optimizer = torch.optim.Adam(player.parameters(), 1e-3)
        losses = []
        for _ in range(12):
            loss = task()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.7 * losses[0], losses


def test_autoencoder_scores_are_reconstruction_errors() -> None:
    for shape in [(2,), (3, 16, 16)]:
        generator, critic = players("autoencoder", shape, embedding_dim=LATENT)
        assert critic.output == "energy"
        samples = torch.randn(5, *shape)
        assert critic.features(samples).shape == (5, LATENT)
        rebuilt = critic.decoder(critic.features(samples))
        torch.testing.assert_close(critic(samples), F.l1_loss(rebuilt, samples, reduction="none").flatten(1).mean(1))
        assert [p.shape for p in critic.decoder.parameters()] == [p.shape for p in generator.parameters()]
    assert all(players(name, (1, 8, 8))[1].output == "score" for name in NAMES if name != "autoencoder")


def test_r3gan_blocks_start_as_the_identity_in_groups_of_sixteen() -> None:
    for player in players("r3gan", (3, 32, 32), filters=32):
        blocks = [m for m in player.modules() if type(m).__name__ == "ResidualBlock"]
        assert len(blocks) == 8  # two per level: 4, 8, 16, 32
        for block in blocks:
            x = torch.randn(2, 32, 4, 4)
            assert torch.equal(block(x), x)
            (grouped,) = [m for m in block.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
            assert grouped.in_channels == 64 and grouped.in_channels // grouped.groups == 16
        assert not any("Norm" in type(m).__name__ for m in player.modules())


def test_mlp_shortcut_goes_around_every_hidden_layer() -> None:
    _, critic = players("mlp-shortcut", (3,), filters=7, depth=3)
    layers = [m for m in critic.body if hasattr(m, "shortcut")]
    assert len(layers) == 3
    with torch.no_grad():
        for parameter in [p for layer in layers for p in layer.branch.parameters()]:
            parameter.zero_()
    x = torch.randn(4, 3)
    assert torch.equal(critic.features(x), layers[0].shortcut(x))


@pytest.mark.parametrize("name", POINTS)
def test_points_keep_their_digits_under_autocast(name: str) -> None:
    """bfloat16 cannot tell 2 from 2.005; a ring's modes are that narrow."""
    generator, critic = players(name, (2,), depth=1)
    near = torch.tensor([[2.0, 0.0], [2.005, 0.0]])
    with torch.autocast("cpu", torch.bfloat16):
        samples, scores = generator(torch.randn(512, LATENT)), critic(near)
    assert samples.dtype == torch.float32 and len(samples.bfloat16().float().unique()) < len(samples.unique())
    assert scores[0] != scores[1]
