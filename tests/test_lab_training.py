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
from twoplayer.errors import UserError
from twoplayer.lab._findings import Check, Findings, Picture, Table
from twoplayer.regularizers.spectral_norm import SpectralNorm

SMALL: dict[str, dict[str, Any]] = {
    "vanishing-gradients": {"steps": 60, "critics": 2},
    "clipping-and-penalty": {"steps": 60, "deep_steps": 10},
    "spectral-normalization": {"steps": 40},
    "critic-as-metric": {"rounds": 12},
    "oscillation": {"turns": 60, "rounds": 24},
}
PICTURES = {
    "vanishing-gradients": 1,
    "clipping-and-penalty": 3,
    "spectral-normalization": 2,
    "critic-as-metric": 2,
    "oscillation": 3,
}
EACH = pytest.mark.parametrize("name", SMALL)


@cache
def small(name: str) -> Findings:
    return lab.perform(name, **SMALL[name])


def check(findings: Findings, start: str) -> Check:
    """The one check whose label starts so."""
    (found,) = [c for c in findings.checks if c.label.startswith(start)]
    return found


# ---- every one


@EACH
def test_findings_are_whole(name: str) -> None:
    findings = small(name)
    tables = [p for p in findings.parts if isinstance(p, Table)]
    pictures = [p for p in findings.parts if isinstance(p, Picture)]
    assert tables and all(t.rows and all(len(row) == len(t.columns) for row in t.rows) for t in tables)
    assert len(pictures) == PICTURES[name]
    assert all(p.caption and p.svg.startswith(b"<?xml") for p in pictures)
    assert findings.source and findings.statement and findings.seconds > 0


@EACH
def test_checks_are_finite_and_told_apart(name: str) -> None:
    checks = small(name).checks
    assert len({c.label for c in checks}) == len(checks) >= 6
    assert all(math.isfinite(c.measured) and math.isfinite(c.expected) for c in checks)


@pytest.mark.parametrize("name", ["oscillation", "spectral-normalization"])
def test_a_seed_decides_everything(name: str) -> None:
    again = lab.perform(name, **SMALL[name])
    assert [c.measured for c in again.checks] == [c.measured for c in small(name).checks]
    assert [p.svg for p in again.parts if isinstance(p, Picture)] == [
        p.svg for p in small(name).parts if isinstance(p, Picture)
    ]
    other = lab.perform(name, seed=1, **SMALL[name])
    assert [c.measured for c in other.checks] != [c.measured for c in again.checks]


@EACH
def test_options_are_checked_by_name(name: str) -> None:
    with pytest.raises(UserError, match="has no option 'stepz'"):
        lab.perform(name, stepz=1)


# ---- vanishing gradients


def test_theorem_2_4_holds_at_every_step_of_a_small_run() -> None:
    findings = small("vanishing-gradients")
    assert check(findings, "saturating gradient over the bound").held
    assert check(findings, "gradient of −log D").held
    assert check(findings, "distance between the supports").held


def test_gradients_do_not_vanish_where_data_and_model_are_the_same() -> None:
    findings = lab.perform("vanishing-gradients", distance=0.0, **SMALL["vanishing-gradients"])
    assert not check(findings, "distance between the supports").held
    assert not check(findings, "orders of magnitude").held
    assert not findings.held


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


def test_clipping_to_a_thousandth_must_vanish_and_does() -> None:
    assert check(small("clipping-and-penalty"), "clip 0.001").held
    assert check(small("clipping-and-penalty"), "8 Gaussians: share found by").measured > 0


def test_without_the_penalty_nothing_shapes_the_free_critic() -> None:
    findings = lab.perform("clipping-and-penalty", weight=0.0, steps=150, deep_steps=40)
    assert not check(findings, "penalty: orders").held or not check(findings, "modes standing out, penalized").held
    assert not findings.held


# ---- spectral normalization


def test_power_iteration_follows_its_closed_form() -> None:
    findings = small("spectral-normalization")
    for start in ("σ̂ against", "σ̂ above", "rate of σ̂", "rate of the direction", "slope over product"):
        assert check(findings, start).held, start


def test_one_iteration_a_step_loses_weights_that_leap() -> None:
    findings = lab.perform("spectral-normalization", rate=0.3, **SMALL["spectral-normalization"])
    assert not check(findings, "spectral-norm: product of norms at any time").held
    assert not findings.held


def test_without_normalization_the_bound_is_not_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SpectralNorm, "install", lambda self, critic: None)
    module = importlib.import_module("twoplayer.lab.spectral_normalization")
    monkeypatch.setattr(module.SpectralNormalization, "_matrices", lambda self, findings, runs: None)
    monkeypatch.setattr(module, "_power", lambda gap, random: None)
    findings = lab.perform("spectral-normalization", **SMALL["spectral-normalization"])
    assert not check(findings, "spectral-norm: product of norms at the end").held
    assert not check(findings, "normalized afterwards").held


# ---- the critic as a metric


def test_a_training_too_short_to_learn_shows_no_better_samples() -> None:
    findings = lab.perform("critic-as-metric", rounds=1)
    assert not check(findings, "Wasserstein run: share of the distance lost").held
    assert not findings.held


def test_the_jensen_shannon_estimate_never_passes_log_2() -> None:
    assert check(small("critic-as-metric"), "greatest JSD estimate").held
    assert check(small("critic-as-metric"), "least JSD estimate").held


# ---- oscillation


def test_orbits_follow_the_eigenvalues() -> None:
    findings = small("oscillation")
    for start in ("factor per round", "rotation", "simultaneous", "taking turns: factor", "taking turns under R1"):
        assert check(findings, start).held, start


def test_without_r1_nothing_draws_the_players_in() -> None:
    findings = lab.perform("oscillation", gamma=0.0, **SMALL["oscillation"])
    assert not check(findings, "taking turns under R1").held
    assert check(findings, "factor per round").held  # the theory of the unregularized game holds all the same
    assert not findings.held


def test_the_rounds_matrix_is_the_librarys_round() -> None:
    """The matrix against a finite difference of one played round, at a rate and penalty of its own."""
    from twoplayer.lab.oscillation import Oscillation

    shown = Oscillation(turns=1, rate=0.4, gamma=0.7)
    matrix = shown._matrix(False, 0.7)
    orbit = shown._orbit("gan0", importlib.import_module("twoplayer.objectives.minimax").Minimax(), *_in_turn(0.7))
    np.testing.assert_allclose(orbit.path[1], matrix @ orbit.path[0], atol=1e-7)


def _in_turn(gamma: float) -> tuple[Any, Any]:
    from twoplayer.algorithms.alternating import Alternating
    from twoplayer.regularizers.r1 import R1

    return Alternating, (R1(gamma=gamma),)
