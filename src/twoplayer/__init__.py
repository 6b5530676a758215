"""twoplayer: trains, measures, compares and explains generative adversarial networks.

>>> import twoplayer
>>> run = twoplayer.train(method="dcgan", data="digits", steps=2000)  # doctest: +SKIP
>>> run.sample(64).save("digits.png")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from twoplayer.core.version import __version__

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

_HOMES = {
    "GAN": "api.estimator",
    "Diverged": "core.errors",
    "Interrupted": "core.errors",
    "Run": "api.run",
    "Samples": "sampling.samples",
    "UserError": "core.errors",
    "evaluate": "evaluation.evaluate",
    "test_samples": "two_sample.compare_sets",
    "train": "api.train",
}

if TYPE_CHECKING:
    from twoplayer.api.estimator import GAN
    from twoplayer.api.run import Run
    from twoplayer.api.train import train
    from twoplayer.core.errors import Diverged, Interrupted, UserError
    from twoplayer.evaluation.evaluate import evaluate
    from twoplayer.sampling.samples import Samples
    from twoplayer.two_sample.compare_sets import test_samples


def __getattr__(name: str) -> Any:
    # torch takes seconds to import: nothing is until it is asked for
    if name not in _HOMES:
        raise AttributeError(f"module 'twoplayer' has no attribute {name!r}")
    return getattr(import_module(f"twoplayer.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
