"""Randomness derived from (seed, purpose, progress), so that nothing depends on what was drawn before.

A resumed run draws what the uninterrupted one would have drawn, and a run on several processes draws what
one process would have: every process draws the whole batch's numbers and takes its own rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from twoplayer.core import distributed

__all__ = ["derive", "normal_rows", "numpy_generator", "torch_generator", "uniform_rows"]


def derive(seed: int, purpose: str, progress: int = 0) -> int:
    """A 63-bit seed that is a function of its three arguments alone.

    Torch's generator on the CPU uses the low 32 bits: among a million batches about a hundred pairs share their
    latents, which no training notices, and no batch shares them with its neighbours by design.

    >>> derive(0, "latents", 5) == derive(0, "latents", 5) != derive(0, "latents", 6)
    True
    """
    digest = hashlib.blake2b(f"{seed}/{purpose}/{progress}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def torch_generator(seed: int, purpose: str, progress: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh `torch.Generator` on `device` for (seed, purpose, progress)."""
    return torch.Generator(device=device).manual_seed(derive(seed, purpose, progress))


def numpy_generator(seed: int, purpose: str, progress: int = 0) -> np.random.Generator:
    """A fresh `numpy.random.Generator` for (seed, purpose, progress)."""
    return np.random.default_rng(derive(seed, purpose, progress))


def normal_rows(shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    """This process's `shape` rows of a standard normal draw for the whole batch, on the generator's device."""
    return _rows(torch.randn, shape, random)


def uniform_rows(shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    """This process's `shape` rows of a draw from U[0, 1) for the whole batch, on the generator's device."""
    return _rows(torch.rand, shape, random)


def _rows(draw: Callable[..., Tensor], shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    count, index = distributed.process_count(), distributed.process_index()
    whole = draw((shape[0] * count, *shape[1:]), generator=random, device=random.device)
    return whole if count == 1 else whole[index * shape[0] : (index + 1) * shape[0]]
