"""twoplayer: trains, measures, compares and explains generative adversarial networks.

>>> import twoplayer
>>> run = twoplayer.train(method="dcgan", data="digits", steps=2000)  # doctest: +SKIP
>>> run.sample(64).save("digits.png")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = [
    "GAN",
    "Diverged",
    "Interrupted",
    "Run",
    "Samples",
    "UserError",
    "__version__",
    "evaluate",
    "test_samples",
    "train",
]

__version__ = "0.1.0"

_HOMES = {
    "GAN": "estimator",
    "Diverged": "errors",
    "Interrupted": "errors",
    "Run": "run",
    "Samples": "samples",
    "UserError": "errors",
    "evaluate": "evaluation",
    "test_samples": "sameness",
    "train": "experiment",
}

if TYPE_CHECKING:
    from twoplayer.errors import Diverged, Interrupted, UserError
    from twoplayer.estimator import GAN
    from twoplayer.evaluation import evaluate
    from twoplayer.experiment import train
    from twoplayer.run import Run
    from twoplayer.sameness import test_samples
    from twoplayer.samples import Samples


def __getattr__(name: str) -> Any:
    # torch takes seconds to import: nothing is until it is asked for
    if name not in _HOMES:
        raise AttributeError(f"module 'twoplayer' has no attribute {name!r}")
    return getattr(import_module(f"twoplayer.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
