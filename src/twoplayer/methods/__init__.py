"""The methods: named presets with their papers' settings, one YAML file each."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from twoplayer.core.errors import UserError, did_you_mean

__all__ = ["Method", "create", "describe", "names"]

FOLDER = Path(__file__).parent
KINDS = ("images", "points")


@dataclass(frozen=True)
class Method:
    """A preset: what it is, where it comes from, and its settings for each kind of data."""

    name: str
    summary: str
    source: str
    year: int
    settings: dict[str, Any] = field(default_factory=dict)

    def layers(self, kind: str) -> list[dict[str, Any]]:
        """Its settings for ``images`` or ``points``: the common ones, then that kind's own."""
        common = {k: v for k, v in self.settings.items() if k not in KINDS}
        return [common, self.settings.get(kind, {})]


def names() -> list[str]:
    """Every method's name. Reads no file."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def describe(name: str) -> Method:
    """The method of that name. Raises `UserError` for an unknown one."""
    import yaml

    if name not in names():
        raise UserError(f"no method is called {name!r}: {did_you_mean(name, names())}")
    preset = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    if "like" in preset:  # another method's source, year and settings, but for what this one says itself
        model = describe(preset.pop("like"))
        preset = {"source": model.source, "year": model.year, **model.settings, **preset}
    return Method(name, preset.pop("summary"), preset.pop("source"), preset.pop("year"), preset)


def create(name: str, **settings: Any) -> dict[str, Any]:
    """The method with `settings` laid over its own, as ``twoplayer.train(**create(name), data=...)`` takes them.

    Raises `UserError` for an unknown name.
    """
    return {"method": describe(name).name, **settings}
