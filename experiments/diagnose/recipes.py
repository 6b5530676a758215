"""Runs with a provoked failure, at least three for each failure mode, and normal runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from twoplayer.data import load
from twoplayer.data._base import DataSettings

__all__ = ["RECIPES", "Recipe", "write_data"]


@dataclass(frozen=True)
class Recipe:
    """How to train a run, and the failure mode that its settings provoke."""

    name: str
    failure_mode: str | None
    """None for a normal run."""
    method: str
    data: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def _digits(count: int = 1_200) -> np.ndarray:
    return np.asarray(load("digits", DataSettings()).train[:count])


def _coloured() -> np.ndarray:
    """Digits in red and green, without blue."""
    gray = _digits()
    return np.concatenate([gray, 255 - gray, np.zeros_like(gray)], axis=-1)


def _red() -> np.ndarray:
    gray = _digits()
    return np.concatenate([gray, np.full_like(gray, 128), np.zeros_like(gray)], axis=-1)


def _flat_points() -> np.ndarray:
    """A Gaussian in three dimensions, the second of which is always 7."""
    points = np.random.default_rng(0).normal(size=(4_000, 3))
    points[:, 1] = 7
    return points.astype(np.float32)


def _gaussian(count: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, 2)).astype(np.float32)


def _scattered(count: int, dimensions: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, size=(count, dimensions)).astype(np.float32)


DATA: dict[str, Callable[[], np.ndarray]] = {
    # [0, 1] with a trace of noise below 0, which reads as [-1, 1]
    "digits-unit": lambda: (_digits() / 255 - 0.01).astype(np.float32),
    "digits-bytes": lambda: (_digits() > 127).astype(np.uint8),
    "digits-no-blue": _coloured,
    "digits-red": _red,
    "flat-points": _flat_points,
    "digits-twice": lambda: np.concatenate([_digits(600)] * 2),
    "digits-often": lambda: np.concatenate([_digits(150)] * 8),
    "points-twice": lambda: np.concatenate([_gaussian(2_000)] * 3),
    "gaussian": lambda: _gaussian(5_000),
    "few-points": lambda: _scattered(200, 8, 2),
}


def write_data(folder: Path) -> None:
    """Write the synthetic data sets as .npy files unless they exist."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in DATA.items():
        file = folder / f"{name}.npy"
        if not file.exists():
            np.save(file, make())


SHORT: dict[str, Any] = {"steps": 300}
IMAGES: dict[str, Any] = {"steps": 1_000}
POINTS: dict[str, Any] = {"steps": 2_000}
FEW: dict[str, Any] = {"steps": 2_000, "data.subset": 64}

RECIPES = (
    # ---- normal
    Recipe("ring-default", None, "default", "ring", POINTS),
    Recipe("ring-gan1", None, "gan1", "ring", POINTS),
    Recipe("ring-lsgan", None, "lsgan", "ring", POINTS),
    Recipe("ring-wgan-gp", None, "wgan-gp", "ring", {"steps": 1_000}),
    Recipe("ring-sngan", None, "sngan", "ring", {"steps": 1_000}),
    Recipe("grid-sngan", None, "sngan", "grid", {"steps": 2_000}),
    Recipe("grid-gan0", None, "gan0", "grid", POINTS),
    Recipe("digits-default", None, "default", "digits", IMAGES),
    Recipe("digits-gan1", None, "gan1", "digits", IMAGES),
    Recipe("digits-lsgan", None, "lsgan", "digits", IMAGES),
    Recipe("digits-wgan-gp", None, "wgan-gp", "digits", {"steps": 500}),
    Recipe("digits-sngan", None, "sngan", "digits", {"steps": 500}),
    Recipe("fashion-default", None, "default", "fashion-mnist", {"steps": 400, "data.subset": 5_000}),
    Recipe("fashion-gan1", None, "gan1", "fashion-mnist", {"steps": 400, "data.subset": 5_000}),
    # ---- the critic is too strong, or too weak
    Recipe("minimax-15-steps-digits", "strong-critic", "gan0", "digits", {"steps": 300, "critic_steps": 15}),
    Recipe("15-steps-digits", "strong-critic", "gan1", "digits", {"steps": 300, "critic_steps": 15}),
    Recipe("slow-generator-ring", "strong-critic", "gan0", "ring",
           {"steps": 400, "critic_steps": 15, "learning_rate": 1e-6, "critic_learning_rate": 1e-3}),
    Recipe("slow-critic-ring", "weak-critic", "gan1", "ring", {**POINTS, "critic_learning_rate": 1e-6}),
    Recipe("slow-critic-digits", "weak-critic", "gan1", "digits", {**IMAGES, "critic_learning_rate": 1e-6}),
    Recipe("flat-critic-ring", "weak-critic", "default", "ring", {**POINTS, "r1.gamma": 1_000.0}),
    # ---- gradients explode
    Recipe("fast-wgan-digits", "divergence", "wgan", "digits",
           {**IMAGES, "regularizers": "none", "learning_rate": 2.5e-3, "networks.normalization": "none"}),
    Recipe("fast-wgan-ring", "divergence", "wgan", "ring",
           {**POINTS, "regularizers": "none", "learning_rate": 2.5e-3}),
    Recipe("fast-lsgan-digits", "divergence", "lsgan", "digits",
           {**IMAGES, "learning_rate": 0.1, "networks.normalization": "none"}),
    # ---- collapse
    Recipe("fast-generator-ring", "mode-collapse", "gan1", "ring",
           {"steps": 1_000, "learning_rate": 5e-3, "critic_learning_rate": 2e-5}),
    Recipe("momentum-digits", "mode-collapse", "gan1", "digits",
           {**IMAGES, "learning_rate": 2e-3, "beta1": 0.9, "networks": "mlp"}),
    Recipe("plain-digits", "mode-collapse", "gan1", "digits",
           {**IMAGES, "learning_rate": 2e-3, "networks.normalization": "none"}),
    Recipe("fast-ring", "partial-collapse", "gan1", "ring", {**POINTS, "learning_rate": 0.01}),
    Recipe("fast-grid", "partial-collapse", "gan1", "grid", {**POINTS, "learning_rate": 0.01}),
    Recipe("narrow-digits", "partial-collapse", "gan1", "digits", {**IMAGES, "latent_dim": 1, "beta1": 0.9}),
    # ---- oscillation
    Recipe("sgd-gaussian", "oscillation", "wgan", "gaussian.npy",
           {**POINTS, "regularizers": "none", "optimizer": "sgd", "learning_rate": 0.06, "critic_steps": 1,
            "networks.depth": 1}),
    Recipe("momentum-gaussian", "oscillation", "gan1", "gaussian.npy", {**POINTS, "learning_rate": 2e-3, "beta1": 0.9}),
    Recipe("wild-digits", "oscillation", "gan1", "digits",
           {"steps": 2_000, "learning_rate": 2e-3, "beta1": 0.95, "batch_size": 16}),
    # ---- the critic's slope
    Recipe("free-wgan-ring", "lipschitz-violation", "wgan", "ring",
           {**POINTS, "regularizers": "none", "divergence_limit": 1e9}),
    Recipe("weak-penalty-ring", "lipschitz-violation", "wgan-gp", "ring",
           {"steps": 1_500, "gradient-penalty.weight": 1e-6}),
    Recipe("tiny-clip-digits", "lipschitz-violation", "wgan", "digits",
           {"steps": 300, "clip.limit": 1e-5, "critic.normalization": "none"}),
    Recipe("wide-clip-ring", "lipschitz-violation", "wgan", "ring",
           {"steps": 1_500, "clip.limit": 1.0, "divergence_limit": 1e9}),
    Recipe("penalty-batch-digits", "penalty-against-batch-norm", "wgan-gp", "digits",
           {"steps": 300, "critic.normalization": "batch"}),
    Recipe("penalty-batch-ring", "penalty-against-batch-norm", "wgan-gp", "ring",
           {"steps": 500, "critic.normalization": "batch"}),
    Recipe("penalty-batch-fashion", "penalty-against-batch-norm", "wgan-gp", "fashion-mnist",
           {"steps": 60, "critic.normalization": "batch", "data.subset": 5_000}),
    # ---- few data
    Recipe("64-digits", "memorization", "gan1", "digits", FEW),
    Recipe("64-digits-lsgan", "memorization", "lsgan", "digits", FEW),
    Recipe("32-digits", "memorization", "default", "digits", {**FEW, "data.subset": 32, "batch_size": 32}),
    Recipe("100-digits", "overfit-critic", "gan1", "digits", {**FEW, "steps": 1_500, "data.subset": 100}),
    Recipe("100-digits-lsgan", "overfit-critic", "lsgan", "digits", {**FEW, "steps": 1_500, "data.subset": 100}),
    Recipe("few-points", "overfit-critic", "gan1", "few-points.npy", {**POINTS, "held_out": 0.5, "batch_size": 64}),
    # ---- units
    Recipe("dead-ring", "dead-units", "gan1", "ring",
           {**POINTS, "learning_rate": 0.05, "networks.activation": "relu"}),
    Recipe("dead-digits", "dead-units", "gan1", "digits",
           {**IMAGES, "learning_rate": 0.05, "networks": "mlp", "networks.activation": "relu"}),
    Recipe("saturated-ring", "dead-units", "gan1", "ring",
           {**POINTS, "learning_rate": 0.2, "networks.activation": "tanh"}),
    # ---- the data
    Recipe("ring-255", "data-range", "gan1", "ring", {**SHORT, "data.radius": 255.0, "data.deviation": 2.5}),
    Recipe("digits-unit", "data-range", "gan1", "digits-unit.npy", SHORT),
    Recipe("digits-bytes", "data-range", "gan1", "digits-bytes.npy", SHORT),
    Recipe("digits-no-blue", "constant-channels", "gan1", "digits-no-blue.npy", SHORT),
    Recipe("digits-red", "constant-channels", "gan1", "digits-red.npy", SHORT),
    Recipe("flat-points", "constant-channels", "gan1", "flat-points.npy", SHORT),
    Recipe("digits-twice", "duplicated-data", "gan1", "digits-twice.npy", SHORT),
    Recipe("digits-often", "duplicated-data", "gan1", "digits-often.npy", SHORT),
    Recipe("points-twice", "duplicated-data", "gan1", "points-twice.npy", SHORT),
)  # fmt: skip
