"""How others compute the metrics: scipy, torchmetrics and the published packages that import, each in its own way."""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

__all__ = ["FRECHET", "PACKAGES", "Rival", "full_matrix_prdc", "subset_kid"]


@dataclass
class Rival:
    """A package's Fréchet distance of (mean, covariance, mean, covariance)."""

    name: str
    module: str
    how: Callable[[Any], Callable[..., float]] = field(repr=False)
    """From the module to the function."""
    least: float | None = None
    """How many times slower than ours it is to be at least."""
    apart: bool = False
    """Whether it lies in the folder of packages that were installed for this benchmark, without what they need."""

    @cached_property
    def problem(self) -> str | None:
        """Why it cannot take part."""
        try:
            self._imported()
        except (ImportError, RuntimeError, AttributeError) as error:
            return str(error).splitlines()[0]
        return None

    def compute(self, *statistics: Any) -> float:
        """The distance, whatever the package warns of; NaN where it gives up."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return float(self.how(self._imported())(*statistics))
            except ValueError as error:  # imaginary parts
                print(f"{self.name}: {error}", file=sys.stderr)
                return float("nan")

    def _imported(self) -> Any:
        with _apart() if self.apart else contextlib.nullcontext():
            return importlib.import_module(self.module)


PACKAGES: list[str] = []
"""The folder of packages that are compared with and lie nowhere else."""
FOR_PICTURES = ("torchvision", "requests", "tqdm")
"""What those import, but not for what is compared here: where one is missing an empty module takes its place."""


@contextlib.contextmanager
def _apart() -> Iterator[None]:
    """While others import: their folder in the path, and stand-ins for what they miss."""
    finder = _StandIns(name for name in FOR_PICTURES if importlib.util.find_spec(name) is None)
    sys.path += PACKAGES
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        sys.path[:] = [folder for folder in sys.path if folder not in PACKAGES]
        for name in [name for name in sys.modules if finder.replaces(name)]:
            del sys.modules[name]


class _StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds modules that are not there, and all that is in them."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = set(names)

    def replaces(self, name: str) -> bool:
        return name.split(".")[0] in self.names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if self.replaces(name) else None

    def create_module(self, spec: Any) -> types.ModuleType:
        return _Empty(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """There is nothing to execute."""


class _Empty(types.ModuleType):
    """A module that has every name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Endless


class _EveryName(type):
    """Of classes that have every name."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls


class _Endless(metaclass=_EveryName):
    """Stands for any class, and for any in it."""


def _by_sqrtm(linalg: Any) -> Callable[..., float]:
    import numpy as np

    def distance(mean: Any, covariance: Any, other_mean: Any, other: Any) -> float:
        offset = mean - other_mean
        root = linalg.sqrtm(covariance @ other).real
        return float(offset @ offset + np.trace(covariance) + np.trace(other) - 2 * np.trace(root))

    return distance


def _torchmetrics(module: Any) -> Callable[..., float]:
    import torch

    return lambda *statistics: float(module._compute_fid(*map(torch.from_numpy, statistics)))


def _torch_fidelity(module: Any) -> Callable[..., float]:
    def distance(mean: Any, covariance: Any, other_mean: Any, other: Any) -> float:
        first, second = {"mu": mean, "sigma": covariance}, {"mu": other_mean, "sigma": other}
        return float(module.fid_statistics_to_metric(first, second, verbose=False)["frechet_inception_distance"])

    return distance


FRECHET = [
    Rival("scipy.linalg.sqrtm", "scipy.linalg", _by_sqrtm, 10.0),
    Rival("torchmetrics", "torchmetrics.image.fid", _torchmetrics, 2.0),
    Rival("torch-fidelity", "torch_fidelity.metric_fid", _torch_fidelity, apart=True),
    Rival("pytorch-fid", "pytorch_fid.fid_score", lambda module: module.calculate_frechet_distance, apart=True),
    Rival("clean-fid", "cleanfid.fid", lambda module: module.frechet_distance, apart=True),
]


def full_matrix_prdc(real: Any, samples: Any, k: int) -> list[float]:
    """Precision, recall, density and coverage as the authors' package `prdc` computes them: three full matrices."""
    import numpy as np
    from sklearn.metrics import pairwise_distances

    def radii(features: Any) -> Any:
        distances = pairwise_distances(features, features, metric="euclidean", n_jobs=8)
        nearest = np.argpartition(distances, k + 1, axis=-1)[..., : k + 1]
        return np.take_along_axis(distances, nearest, axis=-1).max(axis=-1)

    real_radii, own_radii = radii(real), radii(samples)
    distances = pairwise_distances(real, samples, metric="euclidean", n_jobs=8)
    in_real = distances < real_radii[:, None]
    precision = in_real.any(axis=0).mean()
    recall = (distances < own_radii[None]).any(axis=1).mean()
    density = in_real.sum(axis=0).mean() / k
    coverage = (distances.min(axis=1) < real_radii).mean()
    return [float(precision), float(recall), float(density), float(coverage)]


def subset_kid(real: Any, samples: Any, subsets: int, size: int) -> float:
    """KID as torchmetrics computes it, from features."""
    import torch
    from torchmetrics.image.kid import KernelInceptionDistance

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric = KernelInceptionDistance(feature=torch.nn.Identity(), subsets=subsets, subset_size=size)
    metric.update(torch.from_numpy(samples), real=False)
    metric.update(torch.from_numpy(real), real=True)
    return float(metric.compute()[0])
