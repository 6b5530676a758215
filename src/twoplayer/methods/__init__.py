"""The methods: named presets with their papers' settings, one YAML file each."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.core.plugins import Plugin, module_folder, plugins

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
    plugin: Plugin | None = None
    """The entry point of an installed package that registers it; None for methods of twoplayer itself."""

    def layers(self, kind: str) -> list[dict[str, Any]]:
        """Its settings for ``images`` or ``points``: the common ones, then that kind's own."""
        common = {k: v for k, v in self.settings.items() if k not in KINDS}
        return [common, self.settings.get(kind, {})]


def names() -> list[str]:
    """Every method's name, those of installed packages among them. Reads no preset."""
    return sorted(_files())


@cache
def _files() -> dict[str, tuple[Path, Plugin | None]]:
    """Each method's file, and the entry point that registers it.

    An entry point's value is ``package:file.yaml``, a file beside the package's modules, or ``package`` alone for
    ``NAME.yaml`` there. One without such a file is left out with a warning.
    """
    files: dict[str, tuple[Path, Plugin | None]] = {path.stem: (path, None) for path in FOLDER.glob("*.yaml")}
    for plugin in plugins("methods", files, "the family methods"):
        folder = module_folder(plugin.module)
        path = (folder or Path()) / (plugin.attribute or f"{plugin.name}.yaml")
        if (mistake := _mistake_in(folder, plugin.module, path)) is None:
            files[plugin.name] = path, plugin
        else:
            warnings.warn(f"the method {plugin.name!r} of {plugin.origin} is left out, since {mistake}", stacklevel=2)
    return files


def _mistake_in(folder: Path | None, package: str, path: Path) -> str | None:
    """What is wrong with the preset of an installed package; None where it can be used."""
    if folder is None:
        return f"there is no package {package}"
    if not path.is_file():
        return f"there is no file {path}"
    import yaml

    try:
        preset = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return f"{path} is not valid YAML"
    fields = {"summary": str, "source": str, "year": int}
    if not isinstance(preset, dict) or not all(isinstance(preset.get(k, kind()), kind) for k, kind in fields.items()):
        return f"{path} must hold settings with a summary and a source, which are text, and a year"
    return None


@cache
def describe(name: str) -> Method:
    """The method of that name. Raises `UserError` for an unknown one."""
    if name not in names():
        raise UserError(f"no method is called {name!r}: {did_you_mean(name, names())}")
    import yaml

    path, plugin = _files()[name]
    preset = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "like" in preset:  # another method's source, year and settings, but for what this one says itself
        model = describe(preset.pop("like"))
        preset = {"source": model.source, "year": model.year, **model.settings, **preset}
    return Method(name, preset.pop("summary", ""), preset.pop("source", ""), preset.pop("year", 0), preset, plugin)


def create(name: str, **settings: Any) -> dict[str, Any]:
    """The method with `settings` laid over its own, as ``twoplayer.train(**create(name), data=...)`` takes them.

    Raises `UserError` for an unknown name.
    """
    return {"method": describe(name).name, **settings}
