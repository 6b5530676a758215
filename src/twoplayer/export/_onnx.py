"""Conversion of a torch.export program to ONNX, if its packages are installed."""

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
    """The content of an ONNX file with the program, its weights and properties.

    Raises:
        UserError: if a package is missing or the program cannot be converted.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"ONNX needs the package {missing[0]}: pip install {' '.join(PACKAGES)}, or export to .pt2")
    import onnx  # type: ignore[import-not-found, unused-ignore]

    options: dict[str, Any] = {"dynamo": True, "external_data": False, "verbose": False}
    try:
        with _without_warnings():
            converted = torch.onnx.export(exported, (), input_names=["inputs"], output_names=["samples"], **options)
    except torch.onnx.OnnxExporterError as error:
        raise UserError(
            f"torch {torch.__version__} with onnxscript {version('onnxscript')} cannot write this generator as ONNX: "
            "update them, or export to .pt2"
        ) from error
    assert converted is not None
    model = converted.model_proto
    onnx.helper.set_model_props(model, properties)
    content: bytes = model.SerializeToString()
    return content


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Suppress torch's warnings about its own code and about optional packages."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
