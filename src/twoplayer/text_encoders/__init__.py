"""The family of text encoders, which turn sentences into vectors: one file each, discovered by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twoplayer.core.registry import Family, lazy_attributes

if TYPE_CHECKING:
    from twoplayer.text_encoders._base import EncoderState as EncoderState
    from twoplayer.text_encoders._base import TextEncoder as TextEncoder

__all__ = ["EncoderState", "TextEncoder", "create", "describe", "family", "names"]

family = Family(__name__, root="twoplayer.text_encoders._base:TextEncoder")
names, create, describe = family.names, family.create, family.describe
__getattr__ = lazy_attributes(__name__, {"EncoderState": "_base", "TextEncoder": "_base"})
