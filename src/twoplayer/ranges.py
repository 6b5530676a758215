"""Ranges of options, written as annotations: whoever reads a constructor's signature can check a value by it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

__all__ = ["Count", "NonNegative", "NonNegativeCount", "Positive", "Share"]

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]
NonNegativeCount = Annotated[int, Field(ge=0)]
