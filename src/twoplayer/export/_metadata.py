"""The metadata of an exported generator: the meaning of its input and output, and how to open the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoplayer.core.pixels import HALF_RANGE
from twoplayer.core.registry import member_name
from twoplayer.core.version import __version__
from twoplayer.data._attributes import Attribute, attribute_slices
from twoplayer.games._conditioned_inputs import ConditionedInputs
from twoplayer.games._inputs import LatentInputs, SamplerInputs
from twoplayer.games._sentence_inputs import SentenceInputs
from twoplayer.games._translation import ImageInputs

if TYPE_CHECKING:
    from twoplayer.export._program import GeneratorProgram
    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["how_to_open", "metadata"]

MAX_CAPTIONS = 16
"""Captions whose vectors a file holds."""
MAX_LISTED_VALUES = 12
"""Values of an attribute that its description lists."""
COLOURS = {1: "gray images", 3: "RGB images"}
"""By the number of channels."""
TO_PIXELS = f"((samples + 1) * {HALF_RANGE}).round().clamp(0, 255).to(torch.uint8), from 0 to 255"
FROM_PIXELS = f"pixels / {HALF_RANGE} - 1, for pixels from 0 to 255"


def metadata(run: TrainedRun, program: GeneratorProgram) -> dict[str, Any]:
    """What a user of the file needs to know, as values that JSON has."""
    import torch

    document: dict[str, Any] = {
        "description": "the EMA generator of a generative adversarial network",
        "method": run.config.method,
        "data": run.data["name"],
        "step": run.step,
        "images_seen": run.images_seen,
        "made_by": f"twoplayer {__version__}, torch {torch.__version__}",
        "input": {"name": "inputs", **_tensor(program.inputs), **_input(run)},
        "output": {"name": "samples", **_tensor(program.samples), **_output(run)},
    }
    if program.functional_steps is not None:
        document["functional_steps"] = program.functional_steps
    return document


def how_to_open(path: Path, format: str, document: dict[str, Any]) -> str:
    """Lines of Python that draw samples with the file, and the meaning of its input."""
    shape = ", ".join(map(str, document["input"]["shape"]))
    if format == "onnx":
        lines = [
            f'session = onnxruntime.InferenceSession("{path}")',
            f'(samples,) = session.run(None, {{"inputs": inputs}})  # float32 ({shape})',
        ]
    else:
        lines = [
            f'program = torch.export.load("{path}").module()',
            f"samples = program(inputs)  # float32 ({shape})",
        ]
    parts = [f"{part['name']}: {part['meaning']}" for part in document["input"]["parts"]]
    return "\n".join([f"  {line}" for line in lines] + [f"  # {part}" for part in parts])


def _tensor(example: Any) -> dict[str, Any]:
    return {"shape": ["N", *example.shape[1:]], "type": str(example.dtype).removeprefix("torch.")}


def _input(run: TrainedRun) -> dict[str, Any]:
    """The parts of a row of the input in order, each with its columns; images are one part."""
    inputs: SamplerInputs = run.inputs
    match inputs:
        case ImageInputs():
            colour = COLOURS.get(int(inputs.source.shape[-1]), "images")
            meaning = f"{colour} to translate, channels first, values from -1 to 1"
            return {"parts": [{"name": "images", "meaning": meaning, "from_pixels": FROM_PIXELS}]}
        case ConditionedInputs():
            slices = attribute_slices(inputs.attributes)
            attributes = [_attribute(attribute, inputs.dimension + columns.start) for attribute, columns in slices]
            return {"parts": [_latents(inputs), *attributes]}
        case SentenceInputs():
            return {"parts": [_latents(inputs), _text(inputs)]}
        case LatentInputs():
            return {"parts": [_latents(inputs)]}
        case _:
            meaning = f"as the game {run.config.game['name']} draws them"
            return {"parts": [{"name": "inputs", "meaning": meaning}]}


def _latents(inputs: LatentInputs | ConditionedInputs | SentenceInputs) -> dict[str, Any]:
    prior = inputs.prior
    meaning = f"independent draws from {prior.notation}, such as {prior.draw_in_torch.format(dim=inputs.dimension)}"
    columns = [0, inputs.dimension]
    return {"name": "latents", "columns": columns, "prior": member_name(prior), "meaning": meaning}


def _attribute(attribute: Attribute, first_column: int) -> dict[str, Any]:
    part = {"name": attribute.name, "columns": [first_column, first_column + attribute.width]}
    if attribute.range is None:
        values = list(attribute.values)
        listed = ", ".join(values[:MAX_LISTED_VALUES]) + (", …" if len(values) > MAX_LISTED_VALUES else "")
        return {**part, "values": values, "meaning": f"1 in the column of its value, 0 in the others: {listed}"}
    low, high = attribute.range
    return {**part, "range": [low, high], "meaning": f"a number from {low:g} to {high:g}, scaled to -1 to 1"}


def _text(inputs: SentenceInputs) -> dict[str, Any]:
    vectors, captions = inputs.stored.tensors["vectors"], inputs.stored.texts[:MAX_CAPTIONS]
    return {
        "name": "text",
        "columns": [inputs.dimension, inputs.dimension + int(vectors.shape[1])],
        "meaning": "a text's vector by the run's text encoder; the file holds those of some captions",
        "captions": [
            {"text": text, "vector": vector.tolist()} for text, vector in zip(captions, vectors, strict=False)
        ],
    }


def _output(run: TrainedRun) -> dict[str, Any]:
    if run.data["kind"] == "points":
        return {"meaning": "points in the data's own units"}
    colour = COLOURS.get(int(run.data["shape"][0]), "images")
    return {"meaning": f"{colour}, channels first, values from -1 to 1", "range": [-1, 1], "to_pixels": TO_PIXELS}
