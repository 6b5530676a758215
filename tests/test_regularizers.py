"""The contract of the regularizer family, and every regularizer against a closed form, numpy or both."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from _toys import FixedBatch, Stream, TinyCritic, adam, generator
from twoplayer import networks, objectives, regularizers
from twoplayer.algorithms.alternating import Alternating
from twoplayer.core.errors import UserError
from twoplayer.games._factory import ModuleFactory
from twoplayer.games.generation import GenerationGame
from twoplayer.regularizers._base import Constraint, CriticBatch, Penalty, Perturbation, Regularizer
from twoplayer.testing import check_regularizer

WEIGHTS = torch.tensor([3.0, 4.0], dtype=torch.float64)
"""Of length 5."""


class Linear(nn.Module):
    """D(x) = w·x, whose slope is w everywhere."""

    def __init__(self, weights: Tensor = WEIGHTS) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights.clone())

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weights


class Bowl(nn.Module):
    """D(x) = ‖x‖²/2, whose slope at x is x; remembers where it was asked."""

    def forward(self, x: Tensor) -> Tensor:
        self.asked = x.detach()
        return x.square().sum(1) / 2


def scored(critic: nn.Module, real: Tensor | None = None, fake: Tensor | None = None) -> CriticBatch:
    random = torch.Generator().manual_seed(0)
    draw = [torch.randn(64, 2, generator=random, dtype=torch.float64) for _ in range(2)]
    real = (draw[0] + 2 if real is None else real).requires_grad_()
    fake = (draw[1] if fake is None else fake).requires_grad_()
    return CriticBatch(real, fake, critic(real), critic(fake))


def penalty(name: str, critic: nn.Module, at: CriticBatch, **options: float | bool) -> Tensor:
    term: Tensor = regularizers.create(name, **options).penalty(critic, at, torch.Generator().manual_seed(1))
    return term


# ---- the contract


@pytest.mark.parametrize("name", regularizers.names())
def test_every_regularizer_is_of_one_kind_and_cited(name: str) -> None:
    regularizer: Regularizer = regularizers.create(name)
    assert sum(isinstance(regularizer, kind) for kind in (Penalty, Constraint, Perturbation)) == 1
    about = regularizers.describe(name)
    assert about.summary and about.source
    assert importlib.import_module(about.module).__all__ == [type(regularizer).__name__]
    with pytest.raises(UserError, match="has no option 'strenght'"):
        regularizers.create(name, strenght=1)


@pytest.mark.parametrize("name", regularizers.names())
def test_the_contract(name: str) -> None:
    check_regularizer(name)


@pytest.mark.parametrize("name", [n for n in regularizers.names() if isinstance(regularizers.create(n), Penalty)])
def test_penalties_are_positive_beyond_every_limit(name: str) -> None:
    critic = TinyCritic().double()
    with torch.no_grad():
        critic.body[-1].weight.mul_(50)
    assert penalty(name, critic, scored(critic)) > 0


# ---- slopes


def test_gradient_penalty_of_a_linear_critic() -> None:
    critic = Linear()
    at = scored(critic)
    assert penalty("gradient-penalty", critic, at).item() == pytest.approx(10 * (5 - 1) ** 2)
    assert penalty("gradient-penalty", critic, at, weight=2.0, target=7.0).item() == pytest.approx(2 * (5 - 7) ** 2)
    assert penalty("gradient-penalty", critic, at, target=7.0, one_sided=True) == 0
    assert penalty("gradient-penalty", critic, at, one_sided=True).item() == pytest.approx(10 * (5 - 1) ** 2)


def test_gradient_penalty_looks_between_matched_rows_and_for_each_row_elsewhere() -> None:
    critic = Bowl()
    real, fake = torch.zeros(500, 2, dtype=torch.float64), torch.tensor([[1.0, 2.0]]).double().repeat(500, 1)
    term = penalty("gradient-penalty", critic, scored(critic, real, fake), weight=1.0)
    share = (critic.asked / torch.tensor([1.0, 2.0])).numpy()
    assert np.allclose(share[:, 0], share[:, 1])  # on the line
    assert share.min() >= 0 and share.max() <= 1 and len(np.unique(share[:, 0])) == 500
    assert abs(share[:, 0].mean() - 0.5) < 4 / np.sqrt(12 * 500)  # uniform on it
    slope = np.linalg.norm(critic.asked.numpy(), axis=1)
    assert term.item() == pytest.approx(((slope - 1) ** 2).mean())


@pytest.mark.parametrize(("name", "side"), [("r1", "real"), ("r2", "fake")])
def test_zero_centred_penalties(name: str, side: str) -> None:
    critic = Linear()
    assert penalty(name, critic, scored(critic), gamma=3.0).item() == pytest.approx(3 / 2 * 25)
    at = scored(Bowl())
    where = getattr(at, side).detach().numpy()
    assert penalty(name, Bowl(), at, gamma=3.0).item() == pytest.approx(3 / 2 * (where**2).sum(1).mean())


def test_variance_against_numpy() -> None:
    critic = Linear()
    at = scored(critic, fake=torch.zeros(64, 2, dtype=torch.float64))
    excess = max(0.0, at.real_output.detach().numpy().var() - 1)
    assert excess > 5  # a fake side without variance adds nothing
    assert penalty("variance", critic, at, weight=0.5).item() == pytest.approx(0.5 * excess**2)
    assert penalty("variance", critic, at, limit=1e3) == 0


# ---- weights


def test_clip_holds_every_weight_in_its_box() -> None:
    critic, clip = TinyCritic(), regularizers.create("clip", limit=0.02)
    before = [p.detach().clone() for p in critic.parameters()]
    clip.install(critic)
    for parameter, was in zip(critic.parameters(), before, strict=True):
        assert np.array_equal(parameter.detach().numpy(), was.numpy().clip(-0.02, 0.02))
    with torch.no_grad():
        next(critic.parameters()).fill_(-3)
    clip.enforce(critic)
    assert (next(critic.parameters()) == -torch.tensor(0.02)).all()
    with pytest.raises(UserError, match="above 0"):
        regularizers.create("clip", limit=0.0)


LAYERS = {
    "linear": (nn.Linear(7, 5), (4, 7), lambda w: w),
    "convolution": (nn.Conv2d(3, 6, 3), (2, 3, 5, 5), lambda w: w.reshape(6, -1)),
    "transposed": (nn.ConvTranspose2d(3, 6, 3), (2, 3, 5, 5), lambda w: w.transpose(1, 0, 2, 3).reshape(6, -1)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_spectral_norm_against_numpy(kind: str) -> None:
    layer, shape, matrix = LAYERS[kind]
    raw = layer.weight.detach().numpy().copy()
    critic = nn.Sequential(layer)
    regularizers.create("spectral-norm").install(critic)
    x = torch.ones(shape)
    for _ in range(300):
        critic(x)
    largest = np.linalg.svd(matrix(raw), compute_uv=False)[0]
    critic.eval()
    assert np.allclose(layer.weight.detach().numpy(), raw / largest, rtol=1e-3, atol=1e-5)
    with pytest.raises(UserError, match="at least 1 power iteration"):
        regularizers.create("spectral-norm", power_iterations=0)


def test_spectral_norm_resumes_its_vectors_and_rests_in_eval_mode() -> None:
    critic, other = TinyCritic(seed=1), TinyCritic(seed=2)
    for each in (critic, other):
        regularizers.create("spectral-norm").install(each)
    x = torch.randn(4, 2)
    with torch.no_grad():  # so that the vectors have somewhere to go
        critic.body[0].parametrizations.weight.original.normal_()
    saved = {k: v.clone() for k, v in critic.state_dict().items()}
    assert any(k.endswith(".u") for k in saved) and any(k.endswith(".v") for k in saved)
    other.load_state_dict(saved)
    assert torch.equal(other(x), critic(x))  # both have moved on alike
    moved = critic.state_dict()
    assert any(not torch.equal(saved[k], moved[k]) for k in saved)
    still = {k: v.clone() for k, v in moved.items()}
    critic.eval()(x)
    assert all(torch.equal(still[k], v) for k, v in critic.state_dict().items())


def test_spectral_norm_of_a_weight_that_starts_at_zero() -> None:
    """R3GAN's blocks end in zero convolutions, and its last layer is a basis of maps."""
    torch.manual_seed(0)
    architecture = networks.create("r3gan", filters=8, depth=8)
    game = GenerationGame(
        ModuleFactory(
            architecture.generator(3, (1, 8, 8)),
            architecture.critic((1, 8, 8)),
            objectives.create("hinge"),
            [regularizers.create("spectral-norm")],
        )
    )
    players = Alternating(game, adam)
    normalized = [m for m in game.critic.modules() if parametrize.is_parametrized(m, "weight")]
    assert {n.rsplit(".", 1)[0] for n, p in game.critic.named_parameters() if p.dim() > 1} == {
        n + ".parametrizations.weight" for n, m in game.critic.named_modules() if m in normalized
    }
    started_at_zero = [m for m in normalized if not m.weight.any()]
    assert started_at_zero
    for _ in range(10):
        record = players.step(Pictures()).values
        assert all(v.isfinite() for v in record.values())
        assert abs(record["real_score"]) < 100
    for _ in range(200):
        game.critic(torch.zeros(1, 1, 8, 8))
    game.critic.eval()
    for layer in normalized:
        largest = np.linalg.svd(layer.weight.detach().flatten(1).numpy(), compute_uv=False)[0]
        assert largest == pytest.approx(1, rel=0.02), layer


class Pictures(Stream):
    """Batches of images of 8 by 8 pixels."""

    def __next__(self) -> FixedBatch:
        batch = super().__next__()
        return Picture(batch.number, batch.size)


class Picture(FixedBatch):
    @property
    def real(self) -> Tensor:  # type: ignore[override]
        return torch.randn(self.size, 1, 8, 8, generator=self.random("data")).tanh()


# ---- noise


def test_instance_noise_fades_in_a_straight_line() -> None:
    noise = regularizers.create("instance-noise", std=0.4, fade_steps=100)
    assert [noise.at(r) for r in (0, 25, 50, 100, 500)] == pytest.approx([0.4, 0.3, 0.2, 0, 0])
    assert regularizers.create("instance-noise", std=0.4, fade_steps=0).at(10**9) == 0.4
    x = torch.zeros(20_000, 2)
    drawn = noise.perturb(x, torch.Generator().manual_seed(0), 50)
    assert drawn.std().item() == pytest.approx(0.2, rel=0.02) and abs(drawn.mean().item()) < 0.005
    assert torch.equal(drawn, noise.perturb(x, torch.Generator().manual_seed(0), 50))
    assert noise.perturb(x, torch.Generator(), 100) is x
    with pytest.raises(UserError, match="at least 0"):
        regularizers.create("instance-noise", std=-1.0)


def test_instance_noise_lets_the_generator_learn() -> None:
    samples = torch.zeros(4, 2, requires_grad=True)
    noisy = regularizers.create("instance-noise").perturb(samples, torch.Generator(), 0)
    (gradient,) = torch.autograd.grad(noisy.sum(), samples)
    assert (gradient == 1).all()


# ---- together


@pytest.mark.parametrize("without", ["clip", "spectral-norm"])  # both rule the weights; the game allows one
def test_all_at_once_in_one_round(without: str) -> None:
    names = [n for n in regularizers.names() if n not in (without, "diff-augment")]  # which takes images
    critic = TinyCritic()
    game = GenerationGame(
        ModuleFactory(generator(), critic, objectives.create("hinge"), [regularizers.create(n) for n in names])
    )
    before = {k: v.clone() for k, v in game.state_dict().items()}
    record = Alternating(game, adam).step(Stream()).values
    kinds = {n: regularizers.create(n) for n in names}
    assert {n.replace("-", "_") for n, r in kinds.items() if isinstance(r, Penalty)} <= record.keys()
    assert all(v.isfinite() for v in record.values())
    after = game.state_dict()
    moved = [k for k in after if not torch.equal(before[k], after[k])]
    assert any(k.startswith("critic") for k in moved) and any(k.startswith("generator") for k in moved)
    if "clip" in names:
        assert all(p.abs().max() <= 0.01 for p in critic.parameters())
    else:
        assert parametrize.is_parametrized(critic.body[0], "weight")
