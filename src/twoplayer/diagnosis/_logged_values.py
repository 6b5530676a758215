"""Names of the values in ``progress.jsonl`` that the failure modes of an adversarial game read."""

from __future__ import annotations

__all__ = ["CRITIC_LOSS", "CURVE_LABELS", "GENERATOR_GRADIENT", "GRADIENT_NORMS", "LOSSES", "SCORES"]

CRITIC_LOSS, GENERATOR_LOSS = LOSSES = ("critic_loss", "generator_loss")
SCORES = ("real_score", "fake_score")
GRADIENT_NORMS = {"critic": "critic_gradient_norm", "generator": "generator_gradient_norm"}
"""By player."""
GENERATOR_GRADIENT = GRADIENT_NORMS["generator"]
CURVE_LABELS = {
    "critic_loss": "critic's loss",
    "generator_loss": "generator's loss",
    "real_score": "D(real)",
    "fake_score": "D(fake)",
    "critic_gradient_norm": "critic's gradient norm",
    "generator_gradient_norm": "generator's gradient norm",
}
