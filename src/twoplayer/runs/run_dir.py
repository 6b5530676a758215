"""The run folder: where everything about one training run lies, and who may write to it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from twoplayer.config.objects import bind_objects
from twoplayer.config.renamed import current_settings
from twoplayer.config.schema import Config
from twoplayer.core.errors import UserError
from twoplayer.core.files import append_json_line, json_text, read_json, read_json_lines, write_atomic, write_json

if TYPE_CHECKING:
    from twoplayer.games._factory import StoredConditions

__all__ = ["FORMAT", "RunFolder"]

FORMAT = 1
"""Version of the run folder and its checkpoints; a newer one is refused."""

END = "..."
"""YAML's mark of a document's end, the last line of config.yaml: what is left of a cut file may still parse."""

RENAMED_STATUS_KEYS = {"kept": "best_checkpoint", "chosen": "chosen_settings"}
"""Keys of ``status.json`` as release 0.1 wrote them, and their names now."""


class RunFolder:
    """Names and formats of the files of a run. Every write is atomic; logs are appended line by line."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.yaml"
        self.objects: dict[str, Any] = {}  # parts of the run that were passed as Python objects, by argument
        self.checkpoints = self.path / "checkpoints"
        self.samples = self.path / "samples"
        self.progress = self.path / "progress.jsonl"
        self.metrics = self.path / "metrics.jsonl"
        self.judgements = self.path / "judgements.jsonl"
        self.statistics = self.path / "statistics.jsonl"
        self.evaluation = self.path / "evaluation"
        self.inputs = self.path / "inputs.safetensors"
        self.report = self.path / "report.html"

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def exists(self) -> bool:
        """Whether a run has begun here."""
        return self.config_file.is_file()

    @property
    def free(self) -> bool:
        """Whether a new run may begin here: nothing lies here, or what a run leaves that was killed at its start."""
        return not self.path.exists() or (self.path.is_dir() and all(map(_begun, self.path.iterdir())))

    def require(self) -> RunFolder:
        """Itself, or `UserError` where there is no run that this version can read."""
        if not self.path.is_dir():
            raise UserError(f"there is no run folder {self.path}: train one with twoplayer train METHOD --data NAME")
        if not self.exists:
            raise UserError(
                f"{self.path} is not a run folder (it has no config.yaml): name one, such as runs/dcgan-digits-1"
            )
        version = self.environment().get("format")
        if not isinstance(version, int):
            raise UserError(f"{self.path} is corrupt: its environment.json names no format; restore it or train anew")
        if version > FORMAT:
            raise UserError(
                f"{self.path} was made by a newer twoplayer (format {version}; this one reads {FORMAT}): update it"
            )
        return self

    def claim(self) -> None:
        """Make the folder for a new run. Raises `UserError` where something else lies."""
        self._refuse_what_is_no_run()
        try:
            self.samples.mkdir(parents=True, exist_ok=True)
            self.checkpoints.mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make the run folder {self.path}: {error.strerror}; give another --run") from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process. Raises `UserError` where another one trains in it, or it is no run."""
        try:
            import fcntl
        except ImportError:  # no such lock on this system
            yield
            return
        if not self.exists:
            self._refuse_what_is_no_run()
        new = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UserError(
                    f"another process is training in {self.path}: wait for it or give another --run"
                ) from None
            try:
                yield
            finally:
                if new and self.free:  # no run began
                    self.discard()

    def discard(self) -> None:
        """Remove the folder if there is nothing in it but the lock."""
        with contextlib.suppress(OSError):
            (self.path / ".lock").unlink()
            self.path.rmdir()

    def config(self) -> Config:
        """The resolved config."""
        try:
            text = self.config_file.read_text(encoding="utf-8")
            if not text.rstrip().endswith(END):
                raise UserError(f"{self.config_file} is corrupt (it was cut off): restore it or train anew")
            tree = yaml.safe_load(text)
            config = Config.model_validate(current_settings(tree) if isinstance(tree, dict) else tree)
            return bind_objects(config, self.objects)
        except ValidationError as error:
            raise UserError(_misfit(self.config_file, error)) from error
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError(
                f"{self.config_file} is corrupt: restore it or train anew ({type(error).__name__})"
            ) from error

    def write_config(self, config: Config) -> None:
        write_atomic(
            self.config_file, yaml.safe_dump(config.tree(), sort_keys=False, allow_unicode=True, explicit_end=True)
        )

    def environment(self) -> dict[str, Any]:
        return self._document("environment.json")

    def data(self) -> dict[str, Any]:
        """What the run was trained on: name, kind, shape, counts, classes, key."""
        return self._document("data.json")

    def store_conditions(self, stored: StoredConditions) -> None:
        """Write what sampling needs of the data."""
        from safetensors.torch import save

        tensors = {name: tensor.contiguous() for name, tensor in stored.tensors.items()}
        write_atomic(self.inputs, save(tensors, {"words": json_text(stored.texts)}))

    def stored_conditions(self) -> StoredConditions | None:
        """What sampling needs of the data, if it needs anything. Raises `UserError` for a damaged file."""
        if not self.inputs.is_file():
            return None
        from safetensors import SafetensorError, safe_open

        from twoplayer.games._factory import StoredConditions

        try:
            with safe_open(self.inputs, "pt") as file:
                words = tuple(json.loads(file.metadata()["words"]))
                return StoredConditions({name: file.get_tensor(name) for name in file.keys()}, words)  # noqa: SIM118
        except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
            raise UserError(f"{self.inputs} is corrupt: restore it or train anew ({type(error).__name__})") from error

    def status(self) -> dict[str, Any]:
        """State ("running", "finished", "interrupted", "diverged", "stopped"), round, images seen, seconds, message."""
        document = self._document("status.json")
        return {RENAMED_STATUS_KEYS.get(key, key): value for key, value in document.items()}

    def write(self, name: str, document: Mapping[str, Any]) -> None:
        """Write ``NAME.json``."""
        write_json(self.path / f"{name}.json", document)

    def log(self, file: Path, record: Mapping[str, Any]) -> None:
        append_json_line(file, record)

    def measured(self) -> set[int]:
        """Rounds whose figures are logged."""
        return {r.get("step", 0) for r in read_json_lines(self.metrics)}

    def rewind(self, step: int) -> None:
        """Forget what was logged and drawn after a round, so that a resumed run writes it once."""
        for file in (self.progress, self.metrics, self.statistics, self.judgements):
            records = [r for r in read_json_lines(file) if r.get("step", 0) <= step]
            if file.exists():
                write_atomic(file, "".join(json_text(r) + "\n" for r in records))
        for picture in self.samples.glob("[0-9]*.png"):
            if int(picture.stem) > step:
                picture.unlink()

    def _refuse_what_is_no_run(self) -> None:
        if not self.free:
            raise UserError(f"{self.path} is not empty and not a run: give another --run folder")

    def _document(self, name: str) -> dict[str, Any]:
        document = read_json(self.path / name)
        if not isinstance(document, dict):
            raise UserError(f"{self.path / name} is corrupt: restore it or train anew")
        return document


def _misfit(file: Path, error: ValidationError) -> str:
    """Why a config is refused: settings that this version does not know, or none that make sense."""
    unknown = [".".join(map(str, e["loc"])) for e in error.errors() if e["type"] == "extra_forbidden"]
    if len(unknown) < error.error_count():
        return f"{file} is corrupt: restore it or train anew ({type(error).__name__})"
    return f"{file} has the unknown setting {', '.join(unknown)}: it may be of a newer twoplayer; update this one"


def _begun(path: Path) -> bool:
    """Whether a run that was killed before its config.yaml was written can have left this."""
    if path.is_dir():
        return path.name in ("samples", "checkpoints") and not any(path.iterdir())
    return (
        path.name in (".lock", "data.json", "environment.json", "status.json", "inputs.safetensors")
        or path.suffix == ".partial"
    )
