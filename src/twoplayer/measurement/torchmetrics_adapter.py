"""Every metric as a `torchmetrics.Metric`, for anybody's training loop, on any device and any number of processes.

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

SIDES = {"features": ("samples", "real"), "classes": ("samples", "real"), "copies": ("samples", "real", "held_out")}
"""The sets of samples that a metric of each need looks at; any other is held against a `reference`."""
LABELS = ("classes", "stacked")
"""Needs that are met by logits."""
REFERENCES = {"density": "the Modes of a density", "stacked": "the probabilities of the 1,000 modes"}
"""What metrics of the other needs are held against."""


@final
class StreamedMetric(torchmetrics.Metric):
    """A metric of the metric family with ``update``, ``compute`` and ``reset``.

    Metrics that follow from sums (fd, inception-score, diversity-score) keep only those, in float64 and about the mean;
    all others keep the features, or those of `keep` uniformly random samples of either set. What several processes hold
    is merged, so ``compute`` gives all of them what one would have found in all samples.

    Args:
        metric: a name of ``twoplayer list metrics``, or a metric with options: ``metrics.create("kid", subsets=100)``.
        extractor: what makes features ``(N, F)``, or logits ``(N, K)`` where the metric needs classes, of a batch: a
            module, which looks in its evaluation mode whatever mode it is in, any function, or an extractor of the
            extractor family, for images uint8 ``(N, C, H, W)`` or points. None where ``update`` is given features,
            logits or log-probabilities themselves.
        keep: at most so many feature vectors of either set; None keeps all. No matter to metrics of sums.
        reference: what the metric is held against, instead of real samples: `ReferenceFeatures`, `ReferenceParts`, the
            `Modes` of a density, or the probabilities ``(1000,)`` of stacked digits' modes.
        keep_real: real samples outlast ``reset``, for data that stay the same.
        **settings: of `torchmetrics.Metric`, such as ``sync_on_compute``.

    Raises `UserError` for an unknown metric, and in ``compute`` for samples that are missing, too few or not finite.
    """

    is_differentiable = False
    full_state_update = False

    def __init__(
        self,
        metric: str | Metric[Any, Any],
        *,
        extractor: Extractor | nn.Module | Callable[[Any], Any] | None = None,
        keep: int | None = None,
        reference: Any = None,
        keep_real: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(**{"dist_sync_fn": _gather, **settings})
        self.metric: Any = metrics.create(metric) if isinstance(metric, str) else metric
        self.extractor, self.keep, self.reference, self.keep_real = extractor, keep, reference, keep_real
        self.sums: type[Sums] | None = self.metric.sums if isinstance(self.metric, Additive) else None
        needs = self.metric.needs
        if reference is None and needs not in SIDES and not self.metric.alone:
            raise UserError(f"{self.metric.figure} is held against {REFERENCES[needs]}: give it as reference")
        self.sides = SIDES.get(needs, ("samples",)) if reference is None else ("samples",)
        self._batches = 0
        for side in self.sides:
            for part in self._parts:
                self.add_state(f"{side}_{part}", [], dist_reduce_fx="cat")

    @property
    def higher_is_better(self) -> bool | None:  # type: ignore[override]
        """None where the real data's own figure is the best one."""
        better: bool | None = self.metric.higher_is_better
        return better

    def update(self, samples: Any, real: bool = False, held_out: bool = False) -> None:
        """Add a batch ``(N, ...)`` of generated samples, of `real` ones, or of real ones that were `held_out`."""
        side = "held_out" if held_out else "real" if real else "samples"
        if side not in self.sides:
            raise UserError(f"{self.metric.figure} takes {' and '.join(self.sides)} here, and no {side} samples")
        rows = self._rows(samples)
        self._batches += 1
        if len(rows) and self.sums is None:
            self._append(side, rows)
        elif len(rows) and self.sums is not None:
            self._put(side, reduce(add, [*self._summands(side), self.sums.of(rows.double())]))

    def forward(self, *samples: Any, **kinds: Any) -> Any:
        """Update, and measure this batch alone."""
        if self.keep_real:  # torchmetrics would add what is kept to itself
            raise UserError("under keep_real call update and compute, not the metric itself")
        found = super().forward(*samples, **kinds)
        for side in self.sides:  # torchmetrics lays the batch's states beside those before
            self._merge(side)
        return found

    def compute(self) -> Tensor:
        """The metric of all samples since the last ``reset``, float64, of shape ``()``.

        A bare number, as torchmetrics wants it: `estimate` gives its standard error with it, which fd, inception-score
        and diversity-score do not tell here, since of their sums the scatter of samples cannot be told.
        """
        return torch.tensor(self._estimate().value, dtype=torch.float64, device=self._place)

    def estimate(self) -> Estimate:
        """What `compute` gives, with its standard error; None for the error of metrics of sums."""
        with self.sync_context(dist_sync_fn=self.dist_sync_fn, should_sync=self.sync_on_compute):
            return self._estimate()

    def reset(self) -> None:
        """Forget all samples, but for real ones under `keep_real`."""
        names = [f"{side}_{part}" for side in self.sides if side != "samples" for part in self._parts]
        kept = {name: list(getattr(self, name)) for name in names} if self.keep_real else {}
        super().reset()  # empties the very lists
        for name, state in kept.items():
            setattr(self, name, state)

    # ---- states

    @property
    def _place(self) -> torch.device:
        """Where states lie: with the metric, but for Apple's processors, which know no float64."""
        return torch.device("cpu") if self.device.type == "mps" else self.device

    @property
    def _parts(self) -> tuple[str, ...]:
        if self.sums is not None:
            return tuple(field.name for field in fields(self.sums))  # type: ignore[arg-type]
        return ("rows",) if self.keep is None else ("rows", "ranks")

    def _pieces(self, side: str, part: str) -> list[Tensor]:
        """What a state holds, whether or not it has been gathered from all processes."""
        state = getattr(self, f"{side}_{part}")
        return [piece for piece in ([state] if isinstance(state, Tensor) else state) if len(piece)]

    def _set(self, side: str, **states: list[Tensor]) -> None:
        for part, state in states.items():
            setattr(self, f"{side}_{part}", state)

    # ---- batches

    def _rows(self, samples: Any) -> Tensor:
        """Features ``(N, F)``, or log-probabilities ``(N, K)`` where the metric needs classes."""
        labels, seen = self.metric.needs in LABELS, self._seen(samples)
        if not isinstance(seen, Tensor | np.ndarray):
            seen = seen.logits if labels else seen.features
        rows = torch.as_tensor(seen, device=self._place).detach()
        if rows.ndim < 2:
            raise UserError(f"samples of shape {tuple(rows.shape)} are no batch: give features of shape (N, F)")
        rows = rows.flatten(1)
        if labels or rows.dtype not in (torch.float32, torch.float64):
            rows = rows.double()
        return log_softmax(rows, 1) if labels else rows

    def _seen(self, samples: Any) -> Any:
        if isinstance(self.extractor, nn.Module):
            with _evaluating(self.extractor):
                return self.extractor(samples)
        if not isinstance(self.extractor, Extractor):
            return samples if self.extractor is None else self.extractor(samples)
        if isinstance(samples, Tensor):
            samples = samples.permute(0, 2, 3, 1) if samples.ndim == 4 else samples
            samples = np.ascontiguousarray(samples.detach().cpu().numpy())
        return self.extractor.extract(samples)

    def _append(self, side: str, rows: Tensor) -> None:
        self._set(side, rows=[*self._pieces(side, "rows"), rows])
        if self.keep is None:
            return
        # Those with the smallest random numbers are kept, in whichever process they are. Batches are counted for the
        # metric's whole life: torchmetrics counts its updates anew in every `forward`.
        purpose = f"{side} kept by process {distributed.process_index()}"
        ranks = torch.rand(len(rows), generator=torch_generator(0, purpose, self._batches), dtype=torch.float64)
        self._set(side, ranks=[*self._pieces(side, "ranks"), ranks.to(self._place)])
        self._thin(side, self.keep)

    def _merge(self, side: str) -> None:
        """What is held for one side, as one summary or as no more samples than are to be kept."""
        if self.keep is not None and self.sums is None:
            self._thin(side, self.keep)
        elif len(summands := self._summands(side)) > 1:
            self._put(side, reduce(add, summands))

    def _thin(self, side: str, keep: int) -> None:
        if sum(map(len, self._pieces(side, "ranks"))) >= 2 * keep:
            kept, ranks = self._kept(side, keep)
            self._set(side, rows=[kept], ranks=[ranks])

    def _kept(self, side: str, keep: int) -> tuple[Tensor, Tensor]:
        rows, ranks = (torch.cat(self._pieces(side, part)) for part in ("rows", "ranks"))
        chosen = ranks.topk(min(keep, len(ranks)), largest=False).indices
        return rows[chosen], ranks[chosen]

    def _put(self, side: str, total: Sums) -> None:
        values = {part: torch.as_tensor(getattr(total, part), dtype=torch.float64) for part in self._parts}
        self._set(side, **{part: [value.to(self._place)[None]] for part, value in values.items()})

    def _summands(self, side: str) -> list[Any]:
        """What this process has summed, or what all have, one after the other."""
        pieces = [self._pieces(side, part) for part in self._parts]
        if self.sums is None or not pieces[0]:
            return []
        return [self.sums(*values) for values in zip(*map(torch.cat, pieces), strict=True)]

    # ---- the end

    def _estimate(self) -> Estimate:
        if self.sums is not None:
            samples, *others = (self._summed(side) for side in self.sides)
            self._check(0 if samples is None else int(samples.count), all(other is not None for other in others))
            return Estimate(self.metric.of_sums(samples, others[0] if others else self.reference))
        rows, *real = (self._all_rows(side) for side in self.sides)
        self._check(len(rows), all(map(len, real)))
        found: Estimate = self.metric.measure(self._view(rows), self._whole(real))
        return found

    def _view(self, rows: Array) -> Any:
        match self.metric.needs:
            case "classes":
                return FeatureSet(np.empty((len(rows), 0)), rows)
            case "stacked":
                return rows.argmax(1)
        return rows

    def _whole(self, real: list[Array]) -> Any:
        """The reference of that many sets of real samples."""
        if len(real) == 2:
            return ReferenceParts(*real)
        if not real:
            return self.reference
        return ReferenceFeatures(self._view(real[0]) if self.metric.needs == "classes" else FeatureSet(real[0]))

    def _check(self, count: int, complete: bool) -> None:
        if count < self.metric.least:
            raise UserError(f"{self.metric.figure} needs at least {self.metric.least} samples, and was given {count}")
        if not complete and not self.metric.alone:
            missing = " and ".join(f"{side}=True" for side in self.sides[1:])
            raise UserError(f"{self.metric.figure} needs real samples too: update it with {missing}")

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
        rows = torch.cat(pieces) if self.keep is None else self._kept(side, self.keep)[0]
        return np.asarray(rows.cpu().numpy())


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """In evaluation mode what a network sees of a sample depends on no other one, and it learns nothing of them."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _gather(state: Tensor, group: Any = None) -> list[Tensor]:
    """Every process's tensor, but for those of processes that have seen no sample.

    There a state is an empty float32 vector, whatever it is elsewhere, and torchmetrics' own gathering of tensors with
    unequal numbers of dimensions does not end well.
    """
    known: list[Any] = [None] * torch.distributed.get_world_size(group)
    torch.distributed.all_gather_object(known, (tuple(state.shape), state.dtype), group)
    full = [(shape, dtype) for shape, dtype in known if shape[0]]
    if not full:
        return [state]
    if not len(state):
        shape, dtype = full[0]
        state = torch.zeros((0, *shape[1:]), dtype=dtype, device=state.device)
    return [piece for piece in gather_all_tensors(state, group) if len(piece)]
