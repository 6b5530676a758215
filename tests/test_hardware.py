"""What the machine says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from twoplayer.core import hardware

CPUINFO = "processor\t: 0\nmodel name\t: Some Processor @ 2 GHz\nflags\t\t: fpu avx512f{more}\nbugs\t\t: none\n"


@pytest.mark.parametrize(
    ("more", "fast"), [("", False), (" avx512_bf16", True), (" amx_bf16 amx_tile", True), (" avx512_bf16x", False)]
)
def test_bfloat16_is_fast_where_the_processor_has_it(
    more: str, fast: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(CPUINFO.format(more=more))
    monkeypatch.setattr(hardware, "INFO", info)
    assert hardware.computes_bf16(torch.device("cpu")) is fast
    assert not hardware.computes_bf16(torch.device("meta"))
    assert hardware.processor() == "Some Processor @ 2 GHz"


def test_a_machine_that_does_not_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "INFO", tmp_path / "missing")
    assert hardware.computes_bf16(torch.device("cpu")) is False
    assert hardware.processor()
