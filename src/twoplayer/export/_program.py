"""A run's generator as a torch.export program, and the content of a file with it."""

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
from twoplayer.games.unpaired_translation import TwoWayTranslator
from twoplayer.networks._joint import InvertedGenerator
from twoplayer.networks._precision import ExactLinear
from twoplayer.sampling.generate import SampleFormat, refined

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["METADATA_NAME", "GeneratorProgram", "file_content", "generator_program"]

METADATA_NAME = "metadata.json"
"""The name of the metadata: a file within a torch.export program, a property of an ONNX model."""
CHECKED_INPUTS = 5
"""Inputs on which a program is compared with its generator."""
TOLERANCE = 1e-3
"""Largest difference, in units of the networks: a functional gradient step is discontinuous at kinks of a critic."""


@dataclass(frozen=True)
class GeneratorProgram:
    """A generator as a program, with an example of its input and output."""

    exported: ExportedProgram
    inputs: Tensor
    samples: Tensor
    functional_steps: int | None
    """Functional gradient steps in it; None for a generator without any."""


@final
class ShippedGenerator(nn.Module):
    """A generator whose images are clamped to [−1, 1] and whose points are in the data's own units."""

    centre: Tensor
    scale: Tensor

    def __init__(self, generator: nn.Module, stored: SampleFormat) -> None:
        super().__init__()
        self.generator, self.images = generator, stored.kind == "images"
        self.standardized = stored.centre is not None and stored.scale is not None
        self.dtype = torch.float32
        if stored.centre is not None and stored.scale is not None:
            # In float64, as in `to_stored`; the result stays in float64 if float32 cannot represent it.
            self.register_buffer("centre", torch.as_tensor(stored.centre, dtype=torch.float64))
            self.register_buffer("scale", torch.as_tensor(stored.scale, dtype=torch.float64))
            self.dtype = getattr(torch, point_type(stored.centre, stored.scale).name)

    def forward(self, inputs: Tensor) -> Tensor:
        samples: Tensor = self.generator(inputs)
        if self.images:
            return samples.clamp(-1, 1)
        if self.standardized:
            samples = samples.double() * self.scale + self.centre
        return samples.to(self.dtype)


def generator_program(run: TrainedRun, refine: int | None = None) -> GeneratorProgram:
    """The run's EMA generator as a program for any number of inputs, checked against the generator itself.

    Args:
        run: the run.
        refine: functional gradient steps in the program; by default all.

    Raises:
        UserError: for more functional gradient steps than the generator has, and if the program's samples differ from
            the generator's.
    """
    with refined(run.generator, refine) as generator:
        sampler = _with_plain_linear_layers(copy.deepcopy(_sampling_part(generator)).to("cpu"))
    sampler = sampler.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    stored, inputs, functional_steps = SampleFormat.of(run.data), run.inputs.draw(CHECKED_INPUTS, 0, "export"), None
    shipped = traced = ShippedGenerator(sampler, stored).eval()
    if isinstance(sampler, RefinedGenerator):
        functional_steps = int(sampler.steps.taken) if sampler.refine is None else sampler.refine
        plain = (
            TracedRefinedGenerator(sampler, functional_steps, tuple(run.data["shape"]))
            if functional_steps
            else sampler.base
        )
        traced = ShippedGenerator(plain, stored).eval()
    exported = _exported(traced, inputs)
    return GeneratorProgram(exported, inputs, _checked_samples(exported, shipped, inputs), functional_steps)


def file_content(program: GeneratorProgram, format: str, metadata: dict[str, Any]) -> bytes:
    """The content of a file with the program and its metadata.

    Args:
        program: the program.
        format: ``"pt2"`` or ``"onnx"``.
        metadata: as values that JSON has.

    Raises:
        UserError: if the packages for ONNX are missing.
    """
    text = json_text(metadata, indent=2)
    if format == "onnx":
        from twoplayer.export._onnx import as_onnx

        return as_onnx(program.exported, {METADATA_NAME: text})
    buffer = io.BytesIO()
    torch.export.save(program.exported, buffer, extra_files={METADATA_NAME: text})
    return buffer.getvalue()


def _sampling_part(generator: nn.Module) -> nn.Module:
    """The generator without parts that sampling does not use: an encoder, or the translator of the other direction."""
    if isinstance(generator, InvertedGenerator):
        return generator.generator
    if isinstance(generator, TwoWayTranslator):
        return generator.AtoB if generator.direction == "AtoB" else generator.BtoA
    return generator


def _with_plain_linear_layers(module: nn.Module) -> nn.Module:
    """The module with plain linear layers instead of `ExactLinear`, which matters only under autocast."""
    for name, part in module.named_children():
        if isinstance(part, ExactLinear):
            setattr(module, name, part.linear)
        else:
            _with_plain_linear_layers(part)
    return module


def _exported(module: nn.Module, inputs: Tensor) -> ExportedProgram:
    from torch.export import Dim

    example = inputs.new_zeros(CHECKED_INPUTS, *inputs.shape[1:])
    shapes = {"inputs": {0: Dim("batch", min=1)}}
    with torch.no_grad():
        return torch.export.export(module, (example,), dynamic_shapes=shapes, strict=False)


@torch.no_grad()
def _checked_samples(exported: ExportedProgram, shipped: ShippedGenerator, inputs: Tensor) -> Tensor:
    """The program's samples, after a comparison with the generator's for one input and for several."""
    program, expected = exported.module(), shipped(inputs)
    unit = shipped.scale if shipped.standardized else expected.abs().amax().clamp_min(1)
    for count in (1, len(inputs)):
        samples: Tensor = program(inputs[:count])
        difference = float(((samples - expected[:count]).abs() / unit).max())
        if not difference <= TOLERANCE:
            raise UserError(
                f"torch {torch.__version__} exports this generator as a program with other samples (they differ by "
                f"{difference:.1g} of their size): update torch"
            )
    return samples
