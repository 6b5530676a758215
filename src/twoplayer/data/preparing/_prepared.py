"""Prepared folders: made completely or not at all, and reused while they are intact."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from twoplayer.core.cache import cache_root
from twoplayer.core.errors import UserError
from twoplayer.core.files import sync, write_json
from twoplayer.data._manifest import NAME, Manifest, content_of, manifest_of
from twoplayer.data.preparing._base import Recipe, RecipeInputs

__all__ = ["PreparedSource", "make"]

STALE_SECONDS = 3600


@dataclass(frozen=True)
class PreparedSource:
    """A folder of public data."""

    folder: Path
    manifest: Manifest
    is_new: bool
    """Whether it was made now; otherwise it existed and was intact."""

    def __str__(self) -> str:
        manifest, state = self.manifest, "made" if self.is_new else "already complete"
        counts = f"{manifest.counts['train']:,} images to train on and {manifest.counts['held_out']:,} held out"
        return f"{manifest.name}, {state} in {self.folder}: {counts}, of {manifest.side} pixels"


def make(
    name: str, recipe: Recipe, folder: Path | None, packages: Sequence[Path], progress: Callable[[str], object]
) -> PreparedSource:
    """Make a folder, as `twoplayer.data.preparing.prepare` documents."""
    target = cache_root() / "data" / recipe.data_name if folder is None else folder
    before = manifest_of(target)
    if before is not None and (before.name, before.options) == (name, recipe.options):
        if content_of(target) == before.content:
            return PreparedSource(target, before, is_new=False)
        progress(f"{target} is damaged: it is made anew")
    elif before is not None:
        raise UserError(f"{target} holds {_words(before)}: give another folder, or remove it")
    elif target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target} exists and holds other files: give another folder with -o")
    with _replacing(target) as partial:
        made = recipe.make(partial, RecipeInputs(packages, progress))
        manifest = Manifest(name, recipe.options, made.side, made.counts, made.sources, content_of(partial))
        write_json(partial / NAME, manifest.document())
    return PreparedSource(target, manifest, is_new=True)


def _words(manifest: Manifest) -> str:
    options = ", ".join(f"{k} {v}" for k, v in manifest.options.items())
    return manifest.name + (f" with {options}" if options else "")


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A new folder that takes the target's place when the block ends without an error, and is removed otherwise."""
    mark = secrets.token_hex(4)
    partial, old = (target.with_name(f".{target.name}.{mark}.{kind}") for kind in ("partial", "old"))
    for left in target.parent.glob(f".{target.name}.*.partial"):  # of a run that was killed
        if time.time() - left.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        if target.exists():
            target.rename(old)
        partial.rename(target)
        sync(target.parent)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise
    finally:
        for left in (partial, old):
            shutil.rmtree(left, ignore_errors=True)
