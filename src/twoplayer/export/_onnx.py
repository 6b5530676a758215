"""A torch.export program as ONNX, where its packages are installed."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch

from twoplayer.core.errors import UserError

if TYPE_CHECKING:
    from torch.export import ExportedProgram

__all__ = ["as_onnx"]

PACKAGES = ("onnx", "onnxscript")


def as_onnx(exported: ExportedProgram, properties: dict[str, str]) -> bytes:
    """A file with the program, its weights and those properties. Raises `UserError` where that cannot be made."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"ONNX needs the package {missing[0]}: pip install {' '.join(PACKAGES)}, or export to .pt2")
    import onnx  # type: ignore[import-not-found, unused-ignore]

    options: dict[str, Any] = {"dynamo": True, "external_data": False, "verbose": False}
    try:
        with _quietly():
            made = torch.onnx.export(exported, (), input_names=["inputs"], output_names=["samples"], **options)
    except torch.onnx.OnnxExporterError as error:
        raise UserError(
            f"torch {torch.__version__} with onnxscript {version('onnxscript')} cannot write this generator as ONNX: "
            "update them, or export to .pt2"
        ) from error
    assert made is not None
    model = made.model_proto
    onnx.helper.set_model_props(model, properties)
    content: bytes = model.SerializeToString()
    return content


@contextmanager
def _quietly() -> Iterator[None]:
    """Without torch's remarks about its own code and about packages that nobody needs here."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
