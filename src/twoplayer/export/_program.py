"""A run's generator as a torch.export program, and the bytes of a file that holds one."""

from __future__ import annotations

import copy
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor, nn

from twoplayer.algorithms._refined_generator import RefinedGenerator
from twoplayer.algorithms._traced import TracedRefinedGenerator
from twoplayer.core.errors import UserError
from twoplayer.core.files import json_text
from twoplayer.data._base import point_type
from twoplayer.networks._precision import ExactLinear
from twoplayer.sampling.generate import SampleFormat, refined

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["ABOUT", "GeneratorProgram", "program", "written"]

ABOUT = "about.json"
"""The file within a torch.export program, and the entry among an ONNX model's properties, that says what it is."""
TRIAL = 5
"""Inputs by which a program is held against the generator that it was made of."""
AGREE = 1e-3
"""How far both may be apart, in units of what networks see: a sample at a kink of a critic may take the other side."""


@dataclass(frozen=True)
class GeneratorProgram:
    """A generator as a program, an input and the samples that it makes of it."""

    exported: ExportedProgram
    inputs: Tensor
    samples: Tensor
    levels: int | None
    """Functional gradient steps in it; None where its generator has none of its own."""


@final
class ShippedGenerator(nn.Module):
    """A generator whose samples are in the user's terms: images in [−1, 1], points in the data's own units."""

    centre: Tensor
    scale: Tensor

    def __init__(self, generator: nn.Module, stored: SampleFormat) -> None:
        super().__init__()
        self.generator, self.images = generator, stored.kind == "images"
        self.moved = stored.centre is not None and stored.scale is not None
        self.dtype = torch.float32
        if stored.centre is not None and stored.scale is not None:
            # In float64, as `to_stored` does it, and kept so where float32 would blur a centre far from 0.
            self.register_buffer("centre", torch.as_tensor(stored.centre, dtype=torch.float64))
            self.register_buffer("scale", torch.as_tensor(stored.scale, dtype=torch.float64))
            self.dtype = getattr(torch, point_type(stored.centre, stored.scale).name)

    def forward(self, inputs: Tensor) -> Tensor:
        samples: Tensor = self.generator(inputs)
        if self.images:
            return samples.clamp(-1, 1)
        if self.moved:
            samples = samples.double() * self.scale + self.centre
        return samples.to(self.dtype)


def program(run: TrainedRun, refine: int | None = None) -> GeneratorProgram:
    """The run's averaged generator as a program for any number of inputs, held against the generator itself.

    Raises `UserError` for a `refine` that it does not have, and where this torch does not make the same samples of it.
    """
    with refined(run.generator, refine) as generator:
        alone = _plain(copy.deepcopy(_sampler(generator)).to("cpu"))
    alone = alone.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    stored, inputs, levels = SampleFormat.of(run.data), run.inputs.draw(TRIAL, 0, "export"), None
    shipped = traced = ShippedGenerator(alone, stored).eval()
    if isinstance(alone, RefinedGenerator):
        levels = int(alone.steps.taken) if alone.refine is None else alone.refine
        plain = TracedRefinedGenerator(alone, levels, tuple(run.data["shape"])) if levels else alone.base
        traced = ShippedGenerator(plain, stored).eval()
    exported = _exported(traced, inputs)
    return GeneratorProgram(exported, inputs, _agreed(exported, shipped, inputs), levels)


def written(program: GeneratorProgram, format: str, about: dict[str, Any]) -> bytes:
    """A file that holds the program and what is to be known about it. Raises `UserError` without ONNX's packages."""
    text = json_text(about, indent=2)
    if format == "onnx":
        from twoplayer.export._onnx import as_onnx

        return as_onnx(program.exported, {ABOUT: text})
    buffer = io.BytesIO()
    torch.export.save(program.exported, buffer, extra_files={ABOUT: text})
    return buffer.getvalue()


def _sampler(generator: Any) -> nn.Module:
    """The generator without what sampling never asks: an encoder, or the translator that goes the other way."""
    if hasattr(generator, "encode"):
        part: nn.Module = generator.generator
    else:
        part = getattr(generator, generator.direction) if hasattr(generator, "direction") else generator
    return part


def _plain(module: nn.Module) -> nn.Module:
    """The module with plain linear layers where some were out of autocast's reach, since nothing casts here."""
    for name, part in module.named_children():
        if isinstance(part, ExactLinear):
            setattr(module, name, part.linear)
        else:
            _plain(part)
    return module


def _exported(module: nn.Module, inputs: Tensor) -> ExportedProgram:
    from torch.export import Dim

    example = inputs.new_zeros(TRIAL, *inputs.shape[1:])
    shapes = {"inputs": {0: Dim("batch", min=1)}}
    with torch.no_grad():
        return torch.export.export(module, (example,), dynamic_shapes=shapes, strict=False)


@torch.no_grad()
def _agreed(exported: ExportedProgram, shipped: ShippedGenerator, inputs: Tensor) -> Tensor:
    """The program's samples, where they are the generator's own, of one input and of several."""
    program, expected = exported.module(), shipped(inputs)
    unit = shipped.scale if shipped.moved else expected.abs().amax().clamp_min(1)
    for some in (1, len(inputs)):
        samples: Tensor = program(inputs[:some])
        apart = float(((samples - expected[:some]).abs() / unit).max())
        if not apart <= AGREE:
            raise UserError(
                f"torch {torch.__version__} makes a program of this generator whose samples are not its own (they "
                f"differ by {apart:.1g} of their size): update torch"
            )
    return samples
