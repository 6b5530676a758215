"""The demonstrations that train: small runs find what they should, and a claim made false is found out."""

from __future__ import annotations

import importlib
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from twoplayer import lab
from twoplayer.core.errors import UserError
from twoplayer.lab._lab_game import small_critic
from twoplayer.lab._result import DemonstrationResult, ResultCheck, ResultPicture, ResultTable
from twoplayer.regularizers.spectral_norm import SpectralNorm

SMALL: dict[str, dict[str, Any]] = {
    "vanishing-gradients": {"steps": 60, "critics": 2},
    "clipping-and-penalty": {"steps": 60, "deep_steps": 10},
    "spectral-normalization": {"steps": 40},
    "critic-as-metric": {"steps": 12},
    "oscillation": {"dirac_steps": 60, "steps": 12},
}
PICTURES = {
    "vanishing-gradients": 1,
    "clipping-and-penalty": 3,
    "spectral-normalization": 2,
    "critic-as-metric": 2,
    "oscillation": 4,
}
EACH = pytest.mark.parametrize("name", SMALL)


@cache
def small(name: str) -> DemonstrationResult:
    return lab.perform(name, **SMALL[name])


def check(result: DemonstrationResult, start: str) -> ResultCheck:
    """The one check whose label starts so."""
    (found,) = [c for c in result.checks if c.label.startswith(start)]
    return found


# ---- every one


@EACH
def test_results_are_whole(name: str) -> None:
    result = small(name)
    tables = [p for p in result.parts if isinstance(p, ResultTable)]
    pictures = [p for p in result.parts if isinstance(p, ResultPicture)]
    assert tables and all(t.rows and all(len(row) == len(t.columns) for row in t.rows) for t in tables)
    assert len(pictures) == PICTURES[name]
    assert all(p.caption and p.svg.startswith(b"<?xml") for p in pictures)
    assert result.source and result.statement and result.seconds > 0


@EACH
def test_checks_are_finite_and_told_apart(name: str) -> None:
    checks = small(name).checks
    assert len({c.label for c in checks}) == len(checks) >= 6
    assert all(math.isfinite(c.measured) and math.isfinite(c.expected) for c in checks)


@pytest.mark.parametrize("name", ["oscillation", "spectral-normalization"])
def test_a_seed_decides_everything(name: str) -> None:
    again = lab.perform(name, **SMALL[name])
    assert [c.measured for c in again.checks] == [c.measured for c in small(name).checks]
    assert [p.svg for p in again.parts if isinstance(p, ResultPicture)] == [
        p.svg for p in small(name).parts if isinstance(p, ResultPicture)
    ]
    other = lab.perform(name, seed=1, **SMALL[name])
    assert [c.measured for c in other.checks] != [c.measured for c in again.checks]


@EACH
def test_options_are_checked_by_name(name: str) -> None:
    with pytest.raises(UserError, match="has no option 'stepz'"):
        lab.perform(name, stepz=1)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("vanishing-gradients", {"critics": 1}, "critics must be at least 2"),
        ("vanishing-gradients", {"distance": -1.0}, "distance must be greater than or equal to 0"),
        ("clipping-and-penalty", {"weight": -1.0}, "weight must be greater than or equal to 0"),
        ("spectral-normalization", {"rate": 2.0}, "rate must be less than or equal to 1"),
        ("critic-as-metric", {"steps": 0}, "steps must be greater than or equal to 1"),
        ("oscillation", {"rate": -1.0}, "rate must be greater than 0"),
        ("oscillation", {"rate": 0.5, "gamma": 2.0}, "rate·gamma must be below 1"),
    ],
)
def test_options_out_of_range_are_a_users_mistake(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        lab.perform(name, **options)


# ---- vanishing gradients


def test_the_bound_of_theorem_2_4_is_m_times_the_critics_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both factors anew, by one gradient per latent and output; and the saturating gradient stays below it."""
    module = importlib.import_module("twoplayer.lab.vanishing_gradients")
    monkeypatch.setattr(module, "LATENT_COUNT", 6)
    scene = module._Scene(2.0, 1.0, 3)
    squares, errors = [], []
    critic = small_critic(2, seed=1)
    for latent in scene.latents:
        point = scene.generator(latent[None])[0]
        rows = [torch.autograd.grad(x, list(scene.generator.parameters()), retain_graph=True) for x in point]
        jacobian = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])
        squares.append(float(torch.linalg.svdvals(jacobian)[0]) ** 2)
        there = point.detach().requires_grad_()
        output = torch.sigmoid(critic(there[None])[0] - 4)
        errors.append(float(output.detach()) + float(torch.autograd.grad(output, there)[0].norm()))
    assert scene.steepness == pytest.approx(math.sqrt(np.mean(squares)), rel=1e-5)
    confident = _Confident(critic)
    assert scene.bound(confident) == pytest.approx(scene.steepness * max(errors) / (1 - max(errors)), rel=1e-4)
    assert 0 < float(scene.measure(confident).minimax.norm()) <= scene.bound(confident)


class _Confident(torch.nn.Module):
    """Four nats surer than its critic that all samples are generated."""

    def __init__(self, critic: torch.nn.Module) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        return self.critic(points) - 4  # type: ignore[no-any-return]


def test_a_few_steps_tell_the_losses_apart() -> None:
    result = small("vanishing-gradients")
    for start in ("distance between", "orders of magnitude that the gradient of −log D", "with noise: cosine"):
        assert check(result, start).held, start


def test_gradients_do_not_vanish_where_data_and_model_are_the_same() -> None:
    result = lab.perform("vanishing-gradients", distance=0.0, **SMALL["vanishing-gradients"])
    assert not check(result, "distance between the supports").held
    assert not check(result, "orders of magnitude that the saturating").held
    assert not check(result, "orders of magnitude that the gradient of −log D").held
    assert not result.held


def test_the_optimal_critic_under_noise_is_the_log_ratio_of_the_blurred_curves() -> None:
    module = importlib.import_module("twoplayer.lab.vanishing_gradients")
    scene = module._Scene(2.0, 0.7, 3)
    points = torch.randn(5, 2)
    fine = scene.model.at(np.linspace(-1, 1, 20001)[:, None]).double()

    def log_density(curve: torch.Tensor) -> torch.Tensor:
        return torch.logsumexp(-torch.cdist(points.double(), curve).square() / (2 * 0.7**2), dim=1)

    exact = log_density(fine + scene.data.shift) - log_density(fine)
    torch.testing.assert_close(scene.optimal(points).double(), exact, atol=1e-3, rtol=1e-3)


# ---- clipping and penalty


def test_gradients_through_clipped_layers_keep_below_the_theorems_bound() -> None:
    """Ten layers of 128 inputs above the first, one output, two inputs: c·128 per layer, c·√(2·128) for the rest."""
    tables = [p for p in small("clipping-and-penalty").parts if isinstance(p, ResultTable)]
    rows = {str(row[0]): row[-2:] for row in tables[-1].rows}
    for c in (0.1, 0.01, 0.001):
        orders, most = (float(x) for x in rows[f"clip {c:g}"] if x is not None)
        assert most == pytest.approx(math.log10((128 * c) ** 11 * c * math.sqrt(256)))
        assert orders <= most
    assert check(small("clipping-and-penalty"), "clip 0.01: orders").held


def test_the_steepest_slope_is_found_between_the_points_of_the_lattice() -> None:
    module = importlib.import_module("twoplayer.lab.clipping_and_penalty")
    ridge = 1.2345  # of slope 2 along x, with no lattice point on it
    found = module._steepest(lambda points: 2 * torch.tanh(30 * (points[:, 0] - ridge)) / 30, 5.0)
    assert found == pytest.approx(2, abs=1e-4)
    coarse = module._lattice(121, 5.0)[:, 0].sub(ridge).abs().min()
    assert float(2 / torch.cosh(30 * coarse) ** 2) < 1.9


def test_a_critic_told_apart_by_its_slope_finds_the_whole_distance() -> None:
    """The relief of minus the distance to the nearest mode, which is the best critic, is 1 by definition."""
    module = importlib.import_module("twoplayer.lab.clipping_and_penalty")
    modes = torch.as_tensor(module.TOYS["8 Gaussians"].density().modes, dtype=torch.float32)

    class Best(torch.nn.Module):
        def forward(self, points: torch.Tensor) -> torch.Tensor:
            return -3 * torch.cdist(points, modes).amin(1)

    fitted = module._Fitted(Best(), None, np.zeros(1), 3.0, 1.0)
    assert module._relief(fitted) == pytest.approx(1, abs=1e-5)


def test_without_the_penalty_nothing_shapes_the_free_critic() -> None:
    result = lab.perform("clipping-and-penalty", weight=0.0, steps=150, deep_steps=40)
    assert not check(result, "penalty: orders").held
    assert not check(result, "modes standing out, penalized").held


# ---- spectral normalization


def test_power_iteration_follows_its_closed_form() -> None:
    result = small("spectral-normalization")
    for start in ("σ̂ against", "σ̂ above", "rate of σ̂", "rate of the direction", "slope over product"):
        assert check(result, start).held, start


def test_one_iteration_a_step_loses_weights_that_leap() -> None:
    result = lab.perform("spectral-normalization", rate=0.3, **SMALL["spectral-normalization"])
    assert not check(result, "spectral-norm: product of norms at any time").held
    assert not result.held


def test_without_normalization_the_bound_is_not_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SpectralNorm, "install", lambda self, critic: None)
    module = importlib.import_module("twoplayer.lab.spectral_normalization")
    monkeypatch.setattr(module.SpectralNormalization, "_matrices", lambda self, result, runs: None)
    monkeypatch.setattr(module, "_power", lambda gap, random: None)
    result = lab.perform("spectral-normalization", **SMALL["spectral-normalization"])
    assert not check(result, "spectral-norm: product of norms at the end").held
    assert not check(result, "normalized afterwards").held


def test_any_seed_will_do() -> None:
    result = lab.perform("spectral-normalization", seed=10**20, steps=2)
    assert check(result, "rate of σ̂").held


# ---- the critic as a metric


def test_a_training_too_short_to_learn_shows_no_better_samples() -> None:
    result = lab.perform("critic-as-metric", steps=1)
    assert not check(result, "Wasserstein run: share of the distance lost").held
    assert not result.held


@pytest.mark.parametrize(("last", "held"), [(0.65, True), (0.3, False)])
def test_an_estimate_that_follows_is_told_from_one_that_only_orders(last: float, held: bool) -> None:
    """Both series fall with the distance, rank by rank; only in the first case does the second hardly change."""
    module = importlib.import_module("twoplayer.lab.critic_as_metric")
    result = DemonstrationResult(lab.describe("critic-as-metric"), "", 0)
    distances = np.linspace(9, 4, 5)

    def looks(estimates: Any) -> list[Any]:
        return [
            module._EstimateReading(k, e, e, d, None) for k, (e, d) in enumerate(zip(estimates, distances, strict=True))
        ]

    module.CriticAsMetric()._checks(result, looks(np.linspace(9, 2, 5)), looks(np.linspace(0.69, last, 5)))
    assert [row[1] for row in result.parts[0].rows] == pytest.approx([1, 1])  # type: ignore[union-attr]
    assert result.held is held
    assert check(result, "Jensen-Shannon estimate: share lost, against a quarter of Wasserstein's").held is held


def test_a_well_trained_critic_is_sure_at_the_start() -> None:
    assert check(small("critic-as-metric"), "least JSD estimate").held


# ---- oscillation


def test_orbits_follow_the_eigenvalues() -> None:
    result = small("oscillation")
    for start in ("factor per step", "rotation", "simultaneous", "taking turns: factor", "taking turns under R1"):
        assert check(result, start).held, start


def test_without_r1_nothing_draws_the_players_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("twoplayer.lab.oscillation").GameOscillation, "_ring", lambda *_: None)
    result = lab.perform("oscillation", gamma=0.0, **SMALL["oscillation"])
    assert not check(result, "taking turns under R1").held
    assert check(result, "factor per step").held  # the theory of the unregularized game holds all the same
    assert not result.held


def test_the_matrix_is_one_step_of_the_library() -> None:
    """The matrix against a finite difference of one step, at a rate and penalty of its own."""
    from twoplayer.lab.oscillation import GameOscillation

    shown = GameOscillation(dirac_steps=1, rate=0.4, gamma=0.7)
    matrix = shown._matrix(False, 0.7)
    orbit = shown._orbit("gan0", importlib.import_module("twoplayer.objectives.minimax").Minimax(), *_in_turn(0.7))
    np.testing.assert_allclose(orbit.path[1], matrix @ orbit.path[0], atol=1e-7)


def _in_turn(gamma: float) -> tuple[Any, Any]:
    from twoplayer.algorithms.alternating import Alternating
    from twoplayer.regularizers.r1 import R1

    return Alternating, (R1(gamma=gamma),)


def test_where_no_critic_lags_nothing_moves_more(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("twoplayer.lab.oscillation")
    monkeypatch.setattr(module, "CRITIC_RATES", dict.fromkeys(module.CRITIC_RATES, module.GENERATOR_RATE))
    monkeypatch.setattr(module.GameOscillation, "_dirac", lambda self, result: None)
    result = lab.perform("oscillation", steps=12)
    for method in ("gan0", "gan1", "wgan-gp, 5 steps"):
        alike = check(result, f"{method}: change per reading, lagging critic")
        assert alike.measured == 0 and not alike.held
