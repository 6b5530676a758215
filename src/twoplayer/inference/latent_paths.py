"""Paths through the latent space: perceptual path length, largest step, and interpolations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import torch
from torch import Tensor

from twoplayer import priors
from twoplayer.core.pixels import to_pixels
from twoplayer.core.rng import torch_generator
from twoplayer.metrics._base import Estimate

if TYPE_CHECKING:
    from twoplayer.extractors._base import Extractor
    from twoplayer.extractors._float64 import Float64Extractor
    from twoplayer.inference.trained_run import TrainedRun
    from twoplayer.metrics import MetricValue
    from twoplayer.sampling.generate import SampleFormat
    from twoplayer.sampling.samples import Samples

__all__ = ["PathValues", "interpolations", "largest_step", "lerp", "path_length", "path_values", "slerp"]

Path: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From start points ``(N, D)``, end points ``(N, D)`` and positions ``(N,)`` in [0, 1] to latents ``(N, D)``."""
FeatureMap: TypeAlias = Callable[[Tensor], Tensor]
"""From latents ``(N, D)`` to features ``(N, F)`` of the samples that a generator makes of them; both float64."""

CHUNK = 64
"""Latents that pass generator and extractor together."""
LENGTH_PATHS = 2_000
"""Paths over which the path length is averaged."""
PUBLISHED_LENGTH_PATHS = 100_000
"""Those of Karras et al. 2019."""
STEP_PATHS = 64
"""Paths over which the largest step is averaged."""


class PathValues(NamedTuple):
    """Path length and largest step of a run by one extractor; nothing where they cannot be measured."""

    metric_values: tuple[MetricValue, ...] = ()
    notes: tuple[str, ...] = ()


def lerp(first: Tensor, second: Tensor, positions: Tensor) -> Tensor:
    """Points on the straight line, which stays within the support of a uniform prior."""
    return torch.lerp(first, second, positions[:, None])


def slerp(first: Tensor, second: Tensor, positions: Tensor) -> Tensor:
    """Points on the great circle between two directions (Shoemake 1985), with linearly interpolated lengths.

    For a normal prior in two dimensions or more, whose latents have nearly constant length, while points on the
    straight line are shorter. Latents with equal or opposite directions are joined by a straight line.

    Args:
        first: start points ``(N, D)``.
        second: end points ``(N, D)``.
        positions: ``(N,)`` in [0, 1].

    >>> slerp(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([0.5]))
    tensor([[0.7071, 0.7071]])
    """
    t, lengths = positions[:, None], torch.lerp(first.norm(dim=1), second.norm(dim=1), positions)[:, None]
    u, v = torch.nn.functional.normalize(first), torch.nn.functional.normalize(second)
    angle = 2 * torch.atan2((u - v).norm(dim=1), (u + v).norm(dim=1))[:, None]
    flat = angle.sin() < 1e-9
    sine = torch.where(flat, 1.0, angle.sin())
    near, far = (torch.where(flat, share, (share * angle).sin() / sine) for share in (1 - t, t))
    return lengths * (near * u + far * v)


@torch.no_grad()
def path_length(
    features: FeatureMap, first: Tensor, second: Tensor, *, path: Path = slerp, epsilon: float = 1e-4, seed: int = 0
) -> Estimate:
    """Perceptual path length, E ‖F(G(path(a, b; t + ε))) - F(G(path(a, b; t)))‖² / ε² (Karras et al. 2019, eq. 2).

    The positions t are from U(0, 1). A smaller value means smoother changes, in squared units of the features: compare
    values of one extractor only. A constant generator has 0. The paper uses VGG features and 100,000 paths; its code
    drops the outer percentiles, which this function does not.

    Args:
        features: the composition of generator and extractor.
        first: start points, float64 ``(N, D)``.
        second: end points, float64 ``(N, D)``.
        path: the interpolation.
        epsilon: ε, the step along the path.
        seed: seed of the positions.

    Raises:
        ValueError: for features that are not float64, since float32 rounds off the difference of neighbouring points.

    >>> ends = torch.zeros(4, 2, dtype=torch.float64), torch.ones(4, 2, dtype=torch.float64)
    >>> round(path_length(lambda latents: 3 * latents, *ends, path=lerp).value, 4)
    18.0
    """
    positions = torch.rand(len(first), generator=torch_generator(seed, "places on paths"), dtype=torch.float64)
    squares = []
    for rows in torch.split(torch.arange(len(first)), CHUNK // 2):
        a, b, t = first[rows], second[rows], positions[rows]
        both = features(torch.cat([path(a, b, t), path(a, b, t + epsilon)]))
        if both.dtype != torch.float64:
            raise ValueError(f"path lengths need features in float64, not {both.dtype}")
        start, end = both.chunk(2)
        squares.append((end - start).square().sum(1) / epsilon**2)
    return _mean(torch.cat(squares))


@torch.no_grad()
def largest_step(
    features: FeatureMap, first: Tensor, second: Tensor, *, path: Path = slerp, steps: int = 32
) -> Estimate:
    """The ratio of the largest to the mean change of features over equal steps along a path, averaged over paths.

    It is 1 where samples change at a constant rate and `steps` where they change in one jump, as at a boundary between
    modes.

    Args:
        features: the composition of generator and extractor.
        first: start points, float64 ``(N, D)``.
        second: end points, float64 ``(N, D)``.
        path: the interpolation.
        steps: number of steps along each path.
    """
    positions = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    ratios = []
    for a, b in zip(first, second, strict=True):
        latents = path(a.expand(steps + 1, -1), b.expand(steps + 1, -1), positions)
        along = torch.cat([features(chunk) for chunk in torch.split(latents, CHUNK)])
        lengths = along.diff(dim=0).norm(dim=1)
        ratios.append(lengths.max() / lengths.mean() if lengths.any() else torch.ones((), dtype=torch.float64))
    return _mean(torch.stack(ratios).cpu())


def path_values(
    run: TrainedRun,
    extractor: Extractor,
    *,
    count: int = LENGTH_PATHS,
    paths: int = STEP_PATHS,
    seed: int | None = None,
    refine: int | None = None,
) -> PathValues:
    """Path length and largest step of a run in the features of an extractor.

    There are no values where the extractor does not compute in float64, and where the generator has no latents; real
    data have no values, because they have no latents.

    Args:
        run: the run.
        extractor: the extractor.
        count: number of paths for the path length.
        paths: number of paths for the largest step.
        seed: seed of the end points; None takes the run's own.
        refine: as for `TrainedRun.sample`.
    """
    from twoplayer.extractors._float64 import Float64Extractor
    from twoplayer.metrics import MetricValue

    if not isinstance(extractor, Float64Extractor) or not run.has_latents:
        return PathValues()
    features, path, label = _feature_map(run, extractor, refine), _path(run), extractor.label
    first, second = _ends(run, max(count, paths), run.config.seed if seed is None else seed, "paths")
    length = path_length(features, first[:count], second[:count], path=path)
    step = largest_step(features, first[:paths], second[:paths], path=path)
    values = (
        MetricValue.of(f"path_length_{label}", count, length, higher_is_better=False, extractor=label),
        MetricValue.of(f"largest_step_{label}", paths, step, higher_is_better=False, extractor=label),
    )
    if count >= PUBLISHED_LENGTH_PATHS:
        return PathValues(values)
    note = (
        f"Published path lengths are averages over {PUBLISHED_LENGTH_PATHS:,} paths, these over {count:,}: the error "
        f"is {(PUBLISHED_LENGTH_PATHS / count) ** 0.5:.0f} times as large."
    )
    return PathValues(values, (note,))


def interpolations(
    run: TrainedRun, rows: int = 8, columns: int | None = None, *, seed: int = 0, refine: int | None = None
) -> Samples:
    """Samples along paths through the latent space, row by row, both ends included.

    Args:
        run: the run.
        rows: number of paths.
        columns: samples along each path; None takes 10 images or 200 points.
        seed: seed of the end points.
        refine: as for `TrainedRun.sample`.

    Raises:
        UserError: where the run's generator has no latents.
    """
    from twoplayer.core.errors import UserError
    from twoplayer.core.ranges import at_least
    from twoplayer.sampling.generate import SampleFormat, draw, refined
    from twoplayer.sampling.samples import Samples

    columns = (10 if run.data["kind"] == "images" else 200) if columns is None else columns
    at_least(1, rows=rows)
    at_least(2, columns=columns)
    if not run.has_latents:
        raise UserError(f"the generator of {run.path} has no latents: there are no paths between its samples")
    first, second = (end.repeat_interleave(columns, 0) for end in _ends(run, rows, seed, "interpolations"))
    positions = torch.linspace(0, 1, columns, dtype=torch.float64).repeat(rows)
    inputs = _path(run)(first, second, positions).float()
    with refined(run.generator, refine) as generator:
        drawn = draw(generator, inputs, SampleFormat.of(run.data), run.placement)
    return Samples(drawn, run.reference_points(), columns=columns)


def _ends(run: TrainedRun, count: int, seed: int, purpose: str) -> tuple[Tensor, Tensor]:
    """Both ends of `count` paths, float64; the conditions beside the latents are equal at both ends."""
    first, second = (run.inputs.draw(count, seed, f"{purpose}, {end}").double() for end in ("first", "second"))
    latent = run.config.latent_dim
    return first, torch.cat([second[:, :latent], first[:, latent:]], 1)


def _path(run: TrainedRun) -> Path:
    """The interpolation that suits the prior, applied to latents; conditions beside them are constant."""
    latent = run.config.latent_dim
    curve = slerp if priors.family.find(run.config.prior["name"]).spherical and latent > 1 else lerp

    def path(first: Tensor, second: Tensor, positions: Tensor) -> Tensor:
        return torch.cat([curve(first[:, :latent], second[:, :latent], positions), first[:, latent:]], 1)

    return path


def _feature_map(run: TrainedRun, extractor: Float64Extractor, refine: int | None) -> FeatureMap:
    """The composition of generator and extractor in float64."""
    from copy import deepcopy

    from twoplayer.sampling.generate import SampleFormat, refined

    # MPS has no float64.
    device = torch.device("cpu") if run.placement.device.type == "mps" else run.placement.device
    with refined(run.generator, refine) as generator:
        twin = deepcopy(generator).to(device).double()
    extract, stored = extractor.in_float64(device), SampleFormat.of(run.data)

    def features(latents: Tensor) -> Tensor:
        return extract(_unrounded(twin(latents.to(device)), stored)).cpu()

    return features


def _unrounded(samples: Tensor, stored: SampleFormat) -> Tensor:
    """Samples of a network in the data set's units: pixels in [0, 255] without rounding, or points."""
    if stored.kind == "images":
        return to_pixels(samples)
    if stored.centre is None or stored.scale is None:
        return samples
    centre, scale = (
        torch.as_tensor(x, dtype=samples.dtype, device=samples.device) for x in (stored.centre, stored.scale)
    )
    return samples * scale + centre


def _mean(values: Tensor) -> Estimate:
    """The mean of independent values with its standard error."""
    error = float(values.std() / len(values) ** 0.5) if len(values) > 1 else None
    return Estimate(float(values.mean()), error)
