"""What a file says of the generator in it: what goes in, what comes out, how to open it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoplayer.core.version import __version__
from twoplayer.data._attributes import Attribute, attribute_slices
from twoplayer.games._conditioned_inputs import ConditionedInputs
from twoplayer.games._inputs import LatentInputs, SamplerInputs
from twoplayer.games._sentence_inputs import SentenceInputs
from twoplayer.games._translation import ImageInputs

if TYPE_CHECKING:
    from twoplayer.export._program import GeneratorProgram
    from twoplayer.inference.trained_run import TrainedRun

__all__ = ["about", "how_to_open"]

PRIORS = {
    "normal": ("normal", "independent draws from N(0, 1), such as torch.randn(N, {})"),
    "uniform": ("uniform", "independent draws from U(-1, 1), such as 2 * torch.rand(N, {}) - 1"),
}
MOST_TEXTS = 16
"""Captions whose vectors a file holds."""
COLOURS = {1: "gray images", 3: "RGB images"}
TO_PIXELS = "((samples + 1) * 127.5).round().clamp(0, 255).to(torch.uint8), from 0 to 255"
FROM_PIXELS = "pixels / 127.5 - 1, for pixels from 0 to 255"


def about(run: TrainedRun, program: GeneratorProgram) -> dict[str, Any]:
    """Everything that somebody needs to know who has the file and nothing else, as JSON holds it."""
    import torch

    document: dict[str, Any] = {
        "what": "the averaged generator of a generative adversarial network",
        "method": run.config.method,
        "data": run.data["name"],
        "round": run.step,
        "images_seen": run.images_seen,
        "made_by": f"twoplayer {__version__}, torch {torch.__version__}",
        "input": {"name": "inputs", **_tensor(program.inputs), **_input(run)},
        "output": {"name": "samples", **_tensor(program.samples), **_output(run)},
    }
    if program.levels is not None:
        document["functional_steps"] = program.levels
    return document


def how_to_open(path: Path, format: str, about: dict[str, Any]) -> str:
    """Lines of Python that make samples with the file, and what to put in."""
    shape = ", ".join(map(str, about["input"]["shape"]))
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
    parts = [f"{part['what']}: {part['meaning']}" for part in about["input"]["parts"]]
    return "\n".join([f"  {line}" for line in lines] + [f"  # {part}" for part in parts])


def _tensor(example: Any) -> dict[str, Any]:
    return {"shape": ["N", *example.shape[1:]], "type": str(example.dtype).removeprefix("torch.")}


def _input(run: TrainedRun) -> dict[str, Any]:
    """The parts of an input's row, in order, each with its columns; images are one part."""
    inputs: SamplerInputs = run.inputs
    match inputs:
        case ImageInputs():
            colour = COLOURS.get(int(inputs.source.shape[-1]), "images")
            meaning = f"{colour} to translate, channels first, values from -1 to 1"
            return {"parts": [{"what": "images", "meaning": meaning, "from_pixels": FROM_PIXELS}]}
        case ConditionedInputs():
            return {"parts": [_latents(inputs), *_traits(inputs)]}
        case SentenceInputs():
            return {"parts": [_latents(inputs), _text(inputs)]}
        case LatentInputs():
            return {"parts": [_latents(inputs)]}
        case _:
            return {"parts": [{"what": "inputs", "meaning": f"as the game {run.config.game['name']} draws them"}]}


def _latents(inputs: LatentInputs | ConditionedInputs | SentenceInputs) -> dict[str, Any]:
    prior, meaning = PRIORS[inputs.prior]
    columns = [0, inputs.dimension]
    return {"what": "latents", "columns": columns, "prior": prior, "meaning": meaning.format(inputs.dimension)}


def _traits(inputs: ConditionedInputs) -> list[dict[str, Any]]:
    return [_trait(trait, inputs.dimension + place.start) for trait, place in attribute_slices(inputs.traits)]


def _trait(trait: Attribute, first: int) -> dict[str, Any]:
    part = {"what": trait.name, "columns": [first, first + trait.width]}
    if trait.range is None:
        values = list(trait.values)
        return {**part, "values": values, "meaning": f"1 in the column of its value, 0 in the others: {_few(values)}"}
    low, high = trait.range
    return {**part, "range": [low, high], "meaning": f"a number from {low:g} to {high:g}, brought to -1 to 1"}


def _text(inputs: SentenceInputs) -> dict[str, Any]:
    vectors, words = inputs.kept.tensors["vectors"], inputs.kept.words[:MOST_TEXTS]
    return {
        "what": "text",
        "columns": [inputs.dimension, inputs.dimension + int(vectors.shape[1])],
        "meaning": "a text's vector, as the run's own encoder makes it; the file holds those of some captions",
        "captions": [{"text": text, "vector": vector.tolist()} for text, vector in zip(words, vectors, strict=False)],
    }


def _output(run: TrainedRun) -> dict[str, Any]:
    if run.data["kind"] == "points":
        return {"meaning": "points in the data's own units"}
    colour = COLOURS.get(int(run.data["shape"][0]), "images")
    return {"meaning": f"{colour}, channels first, values from -1 to 1", "range": [-1, 1], "to_pixels": TO_PIXELS}


def _few(values: list[str]) -> str:
    return ", ".join(values[:12]) + (", …" if len(values) > 12 else "")
