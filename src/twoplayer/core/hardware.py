"""What this machine is and can do."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

__all__ = ["computes_bf16", "processor"]

INFO = Path("/proc/cpuinfo")
"""Where Linux describes its processors; torch names their bfloat16 instructions only in its latest versions."""


def computes_bf16(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16, so that computing in it is faster than in float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or not INFO.is_file():
        return False
    flags = INFO.read_text().split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def processor() -> str:
    """The processor's name, as a person knows it."""
    if INFO.is_file():
        for line in INFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
