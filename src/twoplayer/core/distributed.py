"""What losses and layers must know of the other processes of a run: averages over all of them, with gradients."""

from __future__ import annotations

import atexit
from functools import cache

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["average_gradients", "close_at_exit", "gather", "largest", "mean", "process_count", "process_index"]


def process_count() -> int:
    """The number of processes that train together; 1 outside a distributed launch."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def process_index() -> int:
    """This process's rank; 0 outside a distributed launch."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


@cache
def close_at_exit() -> None:
    """Have the process group closed before the interpreter ends.

    Threads of a group that is still open can abort a process that has finished its work (exit code -6).
    """
    atexit.register(lambda: dist.destroy_process_group() if dist.is_initialized() else None)


def mean(x: Tensor) -> Tensor:
    """The mean of `x` over processes, elementwise, differentiable to any order; `x` itself in a single process.

    A loss that is not linear in the batch (a variance, a batch statistic, a control signal) must average with
    this before the nonlinearity; then every process holds the whole batch's loss.
    """
    if process_count() == 1:
        return x
    from torch.distributed.nn.functional import all_reduce

    total: Tensor = all_reduce(x.contiguous())  # type: ignore[no-untyped-call]
    return total / process_count()


def average_gradients(gradients: list[Tensor]) -> list[Tensor]:
    """The gradients averaged over processes, in one all-reduce of a flat buffer."""
    if process_count() == 1:
        return gradients
    flat = torch.cat([g.reshape(-1) for g in gradients])
    dist.all_reduce(flat)
    flat /= process_count()
    pieces = torch.split(flat, [g.numel() for g in gradients])
    return [piece.view(g.shape) for piece, g in zip(pieces, gradients, strict=True)]


def largest(x: Tensor) -> Tensor:
    """The largest entry of `x` in any process, without a gradient."""
    top = x.detach().amax()
    if process_count() > 1:
        dist.all_reduce(top, dist.ReduceOp.MAX)
    return top


def gather(rows: Tensor) -> Tensor:
    """Every process's `rows` one after the other; `rows` itself in a single process or where there are none."""
    if process_count() == 1 or not len(rows):
        return rows
    pieces = [torch.empty(rows.shape, dtype=rows.dtype, device=rows.device) for _ in range(process_count())]
    dist.all_gather(pieces, rows.contiguous())
    return torch.cat(pieces)
