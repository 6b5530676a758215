"""The parts of a config: which of its fields name a member of a family, and which family that is."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["PART_FAMILIES"]

PART_FAMILIES: Mapping[str, str] = {
    "game": "games",
    "objective": "objectives",
    "generator": "networks",
    "critic": "networks",
    "algorithm": "algorithms",
    "optimizer": "optimizers",
    "prior": "priors",
}
"""Fields that hold one part, and the families of those parts."""
