"""The family of regularizers: one file each, discovered by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twoplayer.core.registry import Family, lazy_attributes

if TYPE_CHECKING:
    from twoplayer.regularizers._base import Constraint as Constraint
    from twoplayer.regularizers._base import CriticBatch as CriticBatch
    from twoplayer.regularizers._base import Penalty as Penalty
    from twoplayer.regularizers._base import Perturbation as Perturbation
    from twoplayer.regularizers._base import Regularizer as Regularizer
    from twoplayer.regularizers._base import input_gradient as input_gradient

__all__ = [
    "Constraint",
    "CriticBatch",
    "Penalty",
    "Perturbation",
    "Regularizer",
    "create",
    "describe",
    "family",
    "input_gradient",
    "names",
]

family = Family(__name__, root="twoplayer.regularizers._base:Regularizer")
names, create, describe = family.names, family.create, family.describe
__getattr__ = lazy_attributes(
    __name__,
    {
        "Constraint": "_base",
        "CriticBatch": "_base",
        "Penalty": "_base",
        "Perturbation": "_base",
        "Regularizer": "_base",
        "input_gradient": "_base",
    },
)
