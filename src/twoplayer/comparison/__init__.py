"""Comparison of methods under equal budgets, or of finished runs: a table, plots and a page."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twoplayer.comparison.comparison import Comparison as Comparison
    from twoplayer.comparison.comparison import compare as compare
    from twoplayer.comparison.comparison import compare_runs as compare_runs

__all__ = ["Comparison", "compare", "compare_runs"]


def __getattr__(name: str) -> Any:
    # lazily, since the modules of the settings import torch
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("twoplayer.comparison.comparison"), name)
