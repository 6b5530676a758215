"""Where and in what precision a run computes: the best the device offers, unless the user says otherwise."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from twoplayer.core import distributed
from twoplayer.core.errors import UserError
from twoplayer.core.hardware import computes_bf16

__all__ = ["DeviceConfig", "place"]


@dataclass(frozen=True)
class DeviceConfig:
    """The device, the precision under autocast, and the memory format of images."""

    accelerator: Accelerator
    precision: Literal["fp32", "bf16"]
    memory_format: torch.memory_format

    @property
    def device(self) -> torch.device:
        device: torch.device = self.accelerator.device
        return device

    def module(self, module: nn.Module) -> nn.Module:
        """The module on the device, four-dimensional weights in the memory format."""
        return module.to(self.device).to(memory_format=self.memory_format)  # type: ignore[call-overload, no-any-return]

    def samples(self, samples: Tensor) -> Tensor:
        """Samples on the device in the memory format."""
        samples = samples.to(self.device, non_blocking=True)
        return samples.contiguous(memory_format=self.memory_format) if samples.dim() == 4 else samples

    def __str__(self) -> str:
        layout = "channels-last" if self.memory_format is torch.channels_last else "contiguous"
        return f"{self.device}, {self.precision}, {layout}"


def place(device: str, precision: str, memory_format: str, kind: Literal["images", "points"]) -> DeviceConfig:
    """Settle what is ``auto``: images in bf16 and channels-last where the device computes that fast."""
    where = _device(device)
    bf16 = computes_bf16(where)
    if precision == "auto":
        precision = "bf16" if bf16 and kind == "images" else "fp32"
    if memory_format == "auto":
        memory_format = "channels-last" if kind == "images" else "contiguous"
    layout = torch.channels_last if memory_format == "channels-last" else torch.contiguous_format
    accelerator = _accelerator(where, "bf16" if precision == "bf16" else "no")
    return DeviceConfig(accelerator, "bf16" if precision == "bf16" else "fp32", layout)


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"no device is called {name!r}: write auto, cpu, cuda, cuda:1 or mps") from None
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device.type, False):
        raise UserError(f"this machine or this build of torch has no {device.type} device: set `device='cpu'`")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"there is no {name}: this machine has {torch.cuda.device_count()} CUDA device(s)")
    return device


def _accelerator(device: torch.device, precision: str) -> Accelerator:
    # Accelerate keeps one state per process; a second run in this process may want another precision or device.
    alone = int(os.environ.get("WORLD_SIZE", "1")) == 1
    AcceleratorState._reset_state(reset_partial_state=alone)
    if alone:
        if device.index is not None:
            torch.cuda.set_device(device)
            os.environ["ACCELERATE_TORCH_DEVICE"] = str(device)
        else:
            os.environ.pop("ACCELERATE_TORCH_DEVICE", None)
    else:
        distributed.close_at_exit()
    return Accelerator(cpu=device.type == "cpu", mixed_precision=precision)
