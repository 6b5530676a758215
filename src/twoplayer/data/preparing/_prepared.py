"""A folder that is made whole or not at all, and recognized when it is asked for again."""

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
    fresh: bool
    """Whether it was made now; else it was there and whole."""

    def __str__(self) -> str:
        about, there = self.manifest, "made" if self.fresh else "there and whole"
        counts = f"{about.counts['train']:,} pictures to train on and {about.counts['held_out']:,} held out"
        return f"{about.name}, {there} in {self.folder}: {counts}, of {about.side} pixels"


def make(
    name: str, recipe: Recipe, folder: Path | None, given: Sequence[Path], say: Callable[[str], object]
) -> PreparedSource:
    """What ``twoplayer.data.preparing.prepare`` documents."""
    target = cache_root() / "data" / recipe.data_name if folder is None else folder
    before = manifest_of(target)
    if before is not None and (before.name, before.options) == (name, recipe.options):
        if content_of(target) == before.content:
            return PreparedSource(target, before, fresh=False)
        say(f"{target} is damaged: it is made anew")
    elif before is not None:
        raise UserError(f"{target} holds {_words(before)}: give another folder, or remove it")
    elif target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target} is there and holds something else: give another folder with -o")
    with _replacing(target) as partial:
        made = recipe.make(partial, RecipeInputs(given, say))
        manifest = Manifest(name, recipe.options, made.side, made.counts, made.sources, content_of(partial))
        write_json(partial / NAME, manifest.document())
    return PreparedSource(target, manifest, fresh=True)


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
