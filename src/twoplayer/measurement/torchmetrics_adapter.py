"""Every metric as a `torchmetrics.Metric`, for training loops of other projects, devices and process counts.

>>> import torch
>>> distance = StreamedMetric("fd")
>>> for _ in range(4):
...     distance.update(torch.randn(50, 8), real=True)
...     distance.update(torch.randn(50, 8))
>>> bool(distance.compute() > 0)
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import reduce
from operator import add
from typing import Any, final

import numpy as np
import torch
import torchmetrics
from torch import Tensor, nn
from torch.nn.functional import log_softmax
from torchmetrics.utilities.distributed import gather_all_tensors

from twoplayer import metrics
from twoplayer.core import distributed
from twoplayer.core.errors import UserError
from twoplayer.core.rng import torch_generator
from twoplayer.extractors._base import Extractor
from twoplayer.metrics._additive import Additive
from twoplayer.metrics._base import Array, Estimate, FeatureSet, Metric, ReferenceFeatures, ReferenceParts
from twoplayer.metrics._sums import Sums

__all__ = ["StreamedMetric"]

SAMPLE_SETS = {
    "features": ("samples", "real"),
    "classes": ("samples", "real"),
    "copies": ("samples", "real", "held_out"),
}
"""Sets of samples that metrics take by their needs; metrics with other needs take a `reference`."""
CLASS_NEEDS = ("classes", "stacked")
"""Needs of metrics that take logits."""
REFERENCES = {"density": "the Modes of a density", "stacked": "the probabilities of the 1,000 modes"}
"""References of metrics with other needs."""


@final
class StreamedMetric(torchmetrics.Metric):
    """A metric of the metric family with ``update``, ``compute`` and ``reset``.

    Metrics that are functions of sums (fd, inception-score, diversity-score) store only the sums, in float64 and about
    the mean; all others store the features, or those of `max_samples` uniformly random samples of either set. States of
    several processes are merged, so that ``compute`` returns in all of them the value for all samples.

    Args:
        metric: a name of ``twoplayer list metrics``, or a metric with options: ``metrics.create("kid", subsets=100)``.
        extractor: maps a batch to features ``(N, F)``, or to logits ``(N, K)`` where the metric needs classes: a
            module, which is applied in evaluation mode, any function, or an extractor of the extractor family, for
            images uint8 ``(N, C, H, W)`` or points. None where ``update`` gets features, logits or log-probabilities.
        max_samples: largest number of stored feature vectors of either set; None stores all. Not used by metrics that
            store sums.
        reference: the reference of the metric in place of real samples: `ReferenceFeatures`, `ReferenceParts`, the
            `Modes` of a density, or the probabilities ``(1000,)`` of the modes of stacked digits.
        keep_real: whether real samples remain after ``reset``, for data that stay the same.
        **settings: settings of `torchmetrics.Metric`, such as ``sync_on_compute``.

    Raises:
        UserError: for an unknown metric, and in ``compute`` for samples that are missing, too few or not finite.
    """

    is_differentiable = False
    full_state_update = False

    def __init__(
        self,
        metric: str | Metric[Any, Any],
        *,
        extractor: Extractor | nn.Module | Callable[[Any], Any] | None = None,
        max_samples: int | None = None,
        reference: Any = None,
        keep_real: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(**{"dist_sync_fn": _gather, **settings})
        self.metric: Any = metrics.create(metric) if isinstance(metric, str) else metric
        self.extractor, self.max_samples = extractor, max_samples
        self.reference, self.keep_real = reference, keep_real
        self.sums: type[Sums] | None = self.metric.sums if isinstance(self.metric, Additive) else None
        needs = self.metric.needs
        if reference is None and needs not in SAMPLE_SETS and not self.metric.ignores_reference:
            raise UserError(f"{self.metric.name} needs {REFERENCES[needs]}: give it as reference")
        self.sides = SAMPLE_SETS.get(needs, ("samples",)) if reference is None else ("samples",)
        self._batches = 0
        for side in self.sides:
            for part in self._parts:
                self.add_state(f"{side}_{part}", [], dist_reduce_fx="cat")

    @property
    def higher_is_better(self) -> bool | None:  # type: ignore[override]
        """None where the value of real data is the best one."""
        better: bool | None = self.metric.higher_is_better
        return better

    def update(self, samples: Any, real: bool = False, held_out: bool = False) -> None:
        """Add a batch ``(N, ...)`` of generated samples, of `real` ones, or of real ones that were `held_out`."""
        side = "held_out" if held_out else "real" if real else "samples"
        if side not in self.sides:
            raise UserError(f"{self.metric.name} takes {' and '.join(self.sides)} here, and no {side} samples")
        rows = self._rows(samples)
        self._batches += 1
        if len(rows) and self.sums is None:
            self._append(side, rows)
        elif len(rows) and self.sums is not None:
            self._put(side, reduce(add, [*self._summands(side), self.sums.of(rows.double())]))

    def forward(self, *samples: Any, **kinds: Any) -> Any:
        """Update with a batch, and return the value for this batch alone."""
        if self.keep_real:  # torchmetrics would add the real samples to themselves
            raise UserError("under keep_real call update and compute, not the metric itself")
        batch_value = super().forward(*samples, **kinds)
        for side in self.sides:  # torchmetrics appends the states of the batch to the earlier ones
            self._merge(side)
        return batch_value

    def compute(self) -> Tensor:
        """The metric of all samples since the last ``reset``, float64, of shape ``()``.

        A plain number, as torchmetrics requires: `estimate` returns its standard error too, except for fd,
        inception-score and diversity-score, whose sums do not determine it.
        """
        return torch.tensor(self._estimate().value, dtype=torch.float64, device=self._place)

    def estimate(self) -> Estimate:
        """The value of `compute` with its standard error, which is None for metrics that store sums."""
        with self.sync_context(dist_sync_fn=self.dist_sync_fn, should_sync=self.sync_on_compute):
            return self._estimate()

    def reset(self) -> None:
        """Remove all samples, except real ones with `keep_real`."""
        names = [f"{side}_{part}" for side in self.sides if side != "samples" for part in self._parts]
        real_states = {name: list(getattr(self, name)) for name in names} if self.keep_real else {}
        super().reset()  # empties the lists themselves
        for name, state in real_states.items():
            setattr(self, name, state)

    # ---- states

    @property
    def _place(self) -> torch.device:
        """Device of the states: that of the metric, or the CPU for MPS, which has no float64."""
        return torch.device("cpu") if self.device.type == "mps" else self.device

    @property
    def _parts(self) -> tuple[str, ...]:
        if self.sums is not None:
            return tuple(field.name for field in fields(self.sums))  # type: ignore[arg-type]
        return ("rows",) if self.max_samples is None else ("rows", "ranks")

    def _pieces(self, side: str, part: str) -> list[Tensor]:
        """The non-empty tensors of a state, before or after gathering from all processes."""
        state = getattr(self, f"{side}_{part}")
        return [piece for piece in ([state] if isinstance(state, Tensor) else state) if len(piece)]

    def _set(self, side: str, **states: list[Tensor]) -> None:
        for part, state in states.items():
            setattr(self, f"{side}_{part}", state)

    # ---- batches

    def _rows(self, samples: Any) -> Tensor:
        """Features ``(N, F)``, or log-probabilities ``(N, K)`` where the metric needs classes."""
        labels, extracted = self.metric.needs in CLASS_NEEDS, self._extracted(samples)
        if not isinstance(extracted, Tensor | np.ndarray):
            extracted = extracted.logits if labels else extracted.features
        rows = torch.as_tensor(extracted, device=self._place).detach()
        if rows.ndim < 2:
            raise UserError(f"samples of shape {tuple(rows.shape)} are no batch: give features of shape (N, F)")
        rows = rows.flatten(1)
        if labels or rows.dtype not in (torch.float32, torch.float64):
            rows = rows.double()
        return log_softmax(rows, 1) if labels else rows

    def _extracted(self, samples: Any) -> Any:
        if isinstance(self.extractor, nn.Module):
            with _evaluation_mode(self.extractor):
                return self.extractor(samples)
        if not isinstance(self.extractor, Extractor):
            return samples if self.extractor is None else self.extractor(samples)
        if isinstance(samples, Tensor):
            samples = samples.permute(0, 2, 3, 1) if samples.ndim == 4 else samples
            samples = np.ascontiguousarray(samples.detach().cpu().numpy())
        return self.extractor.extract(samples)

    def _append(self, side: str, rows: Tensor) -> None:
        self._set(side, rows=[*self._pieces(side, "rows"), rows])
        if self.max_samples is None:
            return
        # The samples with the smallest random numbers of all processes are stored. Batches are counted here because
        # torchmetrics restarts its count of updates in every `forward`.
        purpose = f"{side} kept by process {distributed.process_index()}"
        ranks = torch.rand(len(rows), generator=torch_generator(0, purpose, self._batches), dtype=torch.float64)
        self._set(side, ranks=[*self._pieces(side, "ranks"), ranks.to(self._place)])
        self._thin(side, self.max_samples)

    def _merge(self, side: str) -> None:
        """Reduce the state of one set to one sum or to `max_samples` samples."""
        if self.max_samples is not None and self.sums is None:
            self._thin(side, self.max_samples)
        elif len(summands := self._summands(side)) > 1:
            self._put(side, reduce(add, summands))

    def _thin(self, side: str, keep: int) -> None:
        if sum(map(len, self._pieces(side, "ranks"))) >= 2 * keep:
            rows, ranks = self._lowest_ranks(side, keep)
            self._set(side, rows=[rows], ranks=[ranks])

    def _lowest_ranks(self, side: str, keep: int) -> tuple[Tensor, Tensor]:
        rows, ranks = (torch.cat(self._pieces(side, part)) for part in ("rows", "ranks"))
        chosen = ranks.topk(min(keep, len(ranks)), largest=False).indices
        return rows[chosen], ranks[chosen]

    def _put(self, side: str, total: Sums) -> None:
        values = {part: torch.as_tensor(getattr(total, part), dtype=torch.float64) for part in self._parts}
        self._set(side, **{part: [value.to(self._place)[None]] for part, value in values.items()})

    def _summands(self, side: str) -> list[Any]:
        """The sums of this process, or, after gathering, of all processes."""
        pieces = [self._pieces(side, part) for part in self._parts]
        if self.sums is None or not pieces[0]:
            return []
        return [self.sums(*values) for values in zip(*map(torch.cat, pieces), strict=True)]

    # ---- the end

    def _estimate(self) -> Estimate:
        if self.sums is not None:
            samples, *real_sums = (self._summed(side) for side in self.sides)
            self._check(0 if samples is None else int(samples.count), all(sums is not None for sums in real_sums))
            return Estimate(self.metric.of_sums(samples, real_sums[0] if real_sums else self.reference))
        rows, *real = (self._all_rows(side) for side in self.sides)
        self._check(len(rows), all(map(len, real)))
        estimate: Estimate = self.metric.measure(self._view(rows), self._reference_of(real))
        return estimate

    def _view(self, rows: Array) -> Any:
        match self.metric.needs:
            case "classes":
                return FeatureSet(np.empty((len(rows), 0)), rows)
            case "stacked":
                return rows.argmax(1)
        return rows

    def _reference_of(self, real: list[Array]) -> Any:
        """The reference from none, one or two sets of real samples."""
        if len(real) == 2:
            return ReferenceParts(*real)
        if not real:
            return self.reference
        return ReferenceFeatures(self._view(real[0]) if self.metric.needs == "classes" else FeatureSet(real[0]))

    def _check(self, count: int, complete: bool) -> None:
        if count < self.metric.min_samples:
            raise UserError(f"{self.metric.name} needs at least {self.metric.min_samples} samples, not {count}")
        if not complete and not self.metric.ignores_reference:
            missing = " and ".join(f"{side}=True" for side in self.sides[1:])
            raise UserError(f"{self.metric.name} needs real samples too: update it with {missing}")

    def _summed(self, side: str) -> Any:
        """The sums as numpy arrays, or None where there are no samples."""
        parts = self._summands(side)
        if self.sums is None or not parts:
            return None
        total = reduce(add, parts)
        values = [getattr(total, part).cpu().numpy() for part in self._parts]
        if not all(np.isfinite(value).all() for value in values):
            raise UserError(f"some {side} samples have features that are not finite: look for NaN in them")
        return self.sums(*values)

    def _all_rows(self, side: str) -> Array:
        pieces = self._pieces(side, "rows")
        if not pieces:
            return np.empty((0, 1))
        rows = torch.cat(pieces) if self.max_samples is None else self._lowest_ranks(side, self.max_samples)[0]
        return np.asarray(rows.cpu().numpy())


@contextmanager
def _evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Switch a network to evaluation mode, in which its outputs do not depend on other samples of the batch."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _gather(state: Tensor, group: Any = None) -> list[Tensor]:
    """The tensors of all processes that have samples.

    In other processes the state is an empty float32 vector, and torchmetrics cannot gather tensors with unequal numbers
    of dimensions.
    """
    shapes: list[Any] = [None] * torch.distributed.get_world_size(group)
    torch.distributed.all_gather_object(shapes, (tuple(state.shape), state.dtype), group)
    full = [(shape, dtype) for shape, dtype in shapes if shape[0]]
    if not full:
        return [state]
    if not len(state):
        shape, dtype = full[0]
        state = torch.zeros((0, *shape[1:]), dtype=dtype, device=state.device)
    return [piece for piece in gather_all_tensors(state, group) if len(piece)]
