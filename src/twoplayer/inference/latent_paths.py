"""The latent space: how fast samples change along paths through it, and whether they jump."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from twoplayer.core.pixels import to_pixels
from twoplayer.core.rng import torch_generator
from twoplayer.metrics._base import Estimate

if TYPE_CHECKING:
    from twoplayer.extractors._base import Extractor
    from twoplayer.extractors._exact import Exact
    from twoplayer.inference.trained_run import TrainedRun
    from twoplayer.metrics import MetricValue
    from twoplayer.sampling.generate import SampleFormat
    from twoplayer.sampling.samples import Samples

__all__ = [
    "count_notes",
    "has_latents",
    "interpolations",
    "largest_step",
    "latent_figures",
    "lerp",
    "path_length",
    "slerp",
]

Path: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From first ends ``(N, D)``, second ends ``(N, D)`` and places ``(N,)`` in [0, 1] to latents ``(N, D)``."""
See: TypeAlias = Callable[[Tensor], Tensor]
"""From latents ``(N, D)`` to features of the samples that a generator makes of them, ``(N, F)``; both float64."""

CHUNK = 64
"""Latents that are looked at together."""
LENGTHS = 2_000
PUBLISHED = 100_000
"""Paths over which Karras et al. 2019 measure the length."""
PATHS = 64


def lerp(first: Tensor, second: Tensor, places: Tensor) -> Tensor:
    """The straight line, which stays within the cube of a uniform prior."""
    return torch.lerp(first, second, places[:, None])


def slerp(first: Tensor, second: Tensor, places: Tensor) -> Tensor:
    """The great circle from one direction to the other (Shoemake 1985), the length changing evenly.

    Latents on the way are as long as normal ones are; those on the straight line are too short. For a normal prior in
    two dimensions or more; ends that point the same way, or opposite ways, are joined by a straight line.
    """
    t, lengths = places[:, None], torch.lerp(first.norm(dim=1), second.norm(dim=1), places)[:, None]
    u, v = torch.nn.functional.normalize(first), torch.nn.functional.normalize(second)
    angle = 2 * torch.atan2((u - v).norm(dim=1), (u + v).norm(dim=1))[:, None]
    flat = angle.sin() < 1e-9
    sine = torch.where(flat, 1.0, angle.sin())
    near, far = (torch.where(flat, share, (share * angle).sin() / sine) for share in (1 - t, t))
    return lengths * (near * u + far * v)


@torch.no_grad()
def path_length(
    see: See, first: Tensor, second: Tensor, *, path: Path = slerp, epsilon: float = 1e-4, seed: int = 0
) -> Estimate:
    """Perceptual path length, E ‖F(G(path(a, b; t + ε))) - F(G(path(a, b; t)))‖² / ε² (Karras et al. 2019, eq. 2).

    Over ends ``(N, D)``, float64, and places t from U(0, 1); the distance, of VGG features there, is that of `see`.
    Lower is smoother, in the square of the features' unit: compare what one extractor saw. A generator that makes the
    same sample always has 0. The paper takes 100,000 paths and leaves none out; its code drops both outer percentiles.
    In float32 the difference of features so near each other is lost to rounding: raises `ValueError` where `see` does
    not keep float64.
    """
    places = torch.rand(len(first), generator=torch_generator(seed, "places on paths"), dtype=torch.float64)
    squares = []
    for some in torch.split(torch.arange(len(first)), CHUNK // 2):
        a, b, t = first[some], second[some], places[some]
        seen = see(torch.cat([path(a, b, t), path(a, b, t + epsilon)]))
        if seen.dtype != torch.float64:
            raise ValueError(f"path lengths need features in float64, not {seen.dtype}")
        start, end = seen.chunk(2)
        squares.append((end - start).square().sum(1) / epsilon**2)
    return _mean(torch.cat(squares))


@torch.no_grad()
def largest_step(see: See, first: Tensor, second: Tensor, *, path: Path = slerp, steps: int = 32) -> Estimate:
    """How many times the mean step the largest one is, of `steps` equal ones along each path, on average over paths.

    1 where samples change at one pace, `steps` where they stay as they are but for one jump: jumps are where a path
    crosses from one mode to another. Ends are ``(N, D)``, float64; steps are measured in the features of `see`.
    """
    places = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    ratios = []
    for a, b in zip(first, second, strict=True):
        latents = path(a.expand(steps + 1, -1), b.expand(steps + 1, -1), places)
        seen = torch.cat([see(some) for some in torch.split(latents, CHUNK)])
        lengths = seen.diff(dim=0).norm(dim=1)
        ratios.append(lengths.max() / lengths.mean() if lengths.any() else torch.ones((), dtype=torch.float64))
    return _mean(torch.stack(ratios).cpu())


def latent_figures(
    run: TrainedRun,
    extractor: Extractor,
    *,
    count: int = LENGTHS,
    paths: int = PATHS,
    seed: int | None = None,
    refine: int | None = None,
) -> tuple[MetricValue, ...]:
    """Path length over `count` paths and the largest step on `paths` of them, as the extractor sees the run's samples.

    No figures where the extractor cannot look at float64, or the run's generator starts from no latents. Real data have
    none either, since they have no latents. `seed` is the run's by default; `refine` as for `TrainedRun.sample`.
    """
    from twoplayer.extractors._exact import Exact
    from twoplayer.measurement import count_label
    from twoplayer.metrics import MetricValue

    if not isinstance(extractor, Exact) or not has_latents(run):
        return ()
    see, path = _seeing(run, extractor, refine), _path(run)
    first, second = _ends(run, max(count, paths), run.config.seed if seed is None else seed, "paths")
    length = path_length(see, first[:count], second[:count], path=path)
    step = largest_step(see, first[:paths], second[:paths], path=path)
    label = extractor.label
    return (
        MetricValue(f"path_length_{label}_{count_label(count)}", length.value, False, error=length.error),
        MetricValue(f"largest_step_{label}_{count_label(paths)}", step.value, False, error=step.error),
    )


def count_notes(figures: tuple[MetricValue, ...], count: int = LENGTHS) -> tuple[str, ...]:
    """What so few paths mean for whoever compares the path lengths among these figures with published ones."""
    if count >= PUBLISHED or not any(figure.name.startswith("path_length_") for figure in figures):
        return ()
    return (
        f"Published path lengths take {PUBLISHED:,} paths, these {count:,}: the same mean, with an error "
        f"{(PUBLISHED / count) ** 0.5:.0f} times as large.",
    )


def interpolations(
    run: TrainedRun, rows: int = 8, columns: int | None = None, *, seed: int = 0, refine: int | None = None
) -> Samples:
    """Samples along `rows` paths, `columns` on each (10 images, 200 points), row by row, both ends included.

    Raises `UserError` where the run's generator starts from no latents. `refine` as for `TrainedRun.sample`.
    """
    from twoplayer.core.errors import UserError
    from twoplayer.core.ranges import at_least
    from twoplayer.sampling.generate import SampleFormat, draw, refined
    from twoplayer.sampling.samples import Samples

    columns = (10 if run.data["kind"] == "images" else 200) if columns is None else columns
    at_least(1, rows=rows)
    at_least(2, columns=columns)
    if not has_latents(run):
        raise UserError(f"the generator of {run.path} starts from no latents: there are no paths between its samples")
    first, second = (end.repeat_interleave(columns, 0) for end in _ends(run, rows, seed, "interpolations"))
    places = torch.linspace(0, 1, columns, dtype=torch.float64).repeat(rows)
    inputs = _path(run)(first, second, places).float()
    with refined(run.generator, refine) as generator:
        drawn = draw(generator, inputs, SampleFormat.of(run.data), run.placement)
    return Samples(drawn, run.reference_points(), columns=columns)


def has_latents(run: TrainedRun) -> bool:
    """Whether the run's generator starts from latents, so that there are paths between its samples."""
    inputs = run.inputs.draw(1, 0, "paths")
    return inputs.dim() == 2 and inputs.shape[1] >= run.config.latent_dim


def _ends(run: TrainedRun, count: int, seed: int, purpose: str) -> tuple[Tensor, Tensor]:
    """Both ends of `count` paths, float64; what is asked for beside latents is the same at both."""
    first, second = (run.inputs.draw(count, seed, f"{purpose}, {end}").double() for end in ("first", "second"))
    latent = run.config.latent_dim
    return first, torch.cat([second[:, :latent], first[:, latent:]], 1)


def _path(run: TrainedRun) -> Path:
    """Through latents as the prior wants it; what is asked for beside them stays."""
    latent = run.config.latent_dim
    curve = slerp if run.config.prior == "normal" and latent > 1 else lerp

    def path(first: Tensor, second: Tensor, places: Tensor) -> Tensor:
        return torch.cat([curve(first[:, :latent], second[:, :latent], places), first[:, latent:]], 1)

    return path


def _seeing(run: TrainedRun, extractor: Exact, refine: int | None) -> See:
    """Generator and extractor, one after the other, in float64."""
    from copy import deepcopy

    from twoplayer.sampling.generate import SampleFormat, refined

    # Apple's processors know no float64.
    device = torch.device("cpu") if run.placement.device.type == "mps" else run.placement.device
    with refined(run.generator, refine) as generator:
        twin = deepcopy(generator).to(device).double()
    exact, form = extractor.exact(device), SampleFormat.of(run.data)

    def see(latents: Tensor) -> Tensor:
        return exact(_unrounded(twin(latents.to(device)), form)).cpu()

    return see


def _unrounded(samples: Tensor, form: SampleFormat) -> Tensor:
    """Networks' samples in the data set's units: pixels in [0, 255], not rounded, or points."""
    if form.kind == "images":
        return to_pixels(samples)
    if form.centre is None or form.scale is None:
        return samples
    centre, scale = (torch.as_tensor(x, dtype=samples.dtype, device=samples.device) for x in (form.centre, form.scale))
    return samples * scale + centre


def _mean(values: Tensor) -> Estimate:
    """The mean of independent values with its standard error."""
    error = float(values.std() / len(values) ** 0.5) if len(values) > 1 else None
    return Estimate(float(values.mean()), error)
