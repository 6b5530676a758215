"""A finished or unfinished run, read from its folder: sample, evaluate, report."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from twoplayer.config import Config
from twoplayer.errors import UserError
from twoplayer.files import read_json_lines
from twoplayer.folder import RunFolder
from twoplayer.samples import Samples

if TYPE_CHECKING:
    from torch import nn

    from twoplayer.evaluate import Evaluation

__all__ = ["Run"]


class Run:
    """What a run folder holds. Nothing is loaded before it is asked for; nothing loaded runs code.

    Raises `UserError` where the folder is missing, corrupt or from a newer version.
    """

    def __init__(self, path: Path | str | RunFolder, *, device: str = "auto") -> None:
        self.folder = path if isinstance(path, RunFolder) else RunFolder(path).require()
        self.path, self.device = self.folder.path, device

    def __repr__(self) -> str:
        status = self.folder.status()
        what = f"{self.config.method} on {self.data['name']}, {status['state']} at round {status['step']}"
        return f"Run({str(self.path)!r}, {what})"

    def _repr_html_(self) -> str:
        import base64
        import html

        pictures = sorted(self.folder.samples.glob("[0-9]*.png"))
        picture = ""
        if pictures:
            encoded = base64.b64encode(pictures[-1].read_bytes()).decode()
            picture = f'<br><img width="320" src="data:image/png;base64,{encoded}">'
        return f"<code>{html.escape(repr(self))}</code>{picture}"

    @cached_property
    def config(self) -> Config:
        """The settings it was trained with."""
        return self.folder.config()

    @cached_property
    def data(self) -> dict[str, Any]:
        """What it was trained on: name, kind, shape, counts, class names."""
        return self.folder.data()

    @property
    def status(self) -> dict[str, Any]:
        """State, round, images seen, seconds, and the diagnosis if it stopped itself."""
        return self.folder.status()

    @property
    def progress(self) -> list[dict[str, Any]]:
        """The lines of progress: losses, critic outputs, gradient norms, images per second."""
        return read_json_lines(self.folder.progress)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The measurements made in training, each with its figures."""
        return read_json_lines(self.folder.metrics)

    @cached_property
    def placement(self) -> Any:
        from twoplayer.training.placement import place

        settings = self.config
        return place(self.device, settings.precision, settings.memory_format, self.data["kind"])

    @cached_property
    def _state(self) -> dict[str, Any]:
        """The newest checkpoint, read once: what is sampled and what is said of it stay together."""
        from twoplayer.training import checkpoint

        newest = checkpoint.latest(self.folder.checkpoints)
        if newest is None:
            raise UserError(f"{self.path} has no checkpoint yet: train it with the same command")
        return checkpoint.load(newest, self.placement.device)

    @property
    def step(self) -> int:
        """The round of the checkpoint that is sampled."""
        return int(self._state["step"])

    @property
    def images_seen(self) -> int:
        """Real samples that the critic had consumed by then."""
        return int(self._state["read"]) * self.config.batch

    @cached_property
    def generator(self) -> nn.Module:
        """The averaged generator of the newest checkpoint, in eval mode: latents ``(B, latent_dim)`` to samples."""
        from twoplayer.training.build import build

        players = build(self.config, tuple(self.data["shape"]), self.placement)
        sampler = players.algorithm.sampler
        try:
            sampler.load_state_dict(self._state["average"])
        except (RuntimeError, KeyError) as error:
            raise UserError(
                f"the newest checkpoint of {self.path} does not fit its config.yaml: restore either"
            ) from error
        return sampler.eval().requires_grad_(False)

    def sample(self, n: int = 64, *, seed: int = 0, refine: int | None = None) -> Samples:
        """`n` samples; the same seed gives the same ones.

        `refine` is how many of its functional gradient steps a generator that has them applies, all by default.
        """
        if n < 1:
            raise UserError(f"cannot draw {n} samples: ask for at least 1")
        return Samples(self.draw(n, seed, "sample", refine), self._reference())

    def draw(self, n: int, seed: int, purpose: str, refine: int | None = None) -> np.ndarray:
        """`n` samples as the data are stored, from the latents that (seed, purpose) fix."""
        from twoplayer.sampling import Form, draw, latents, refined

        z = latents(n, self.config.latent_dim, self.config.prior, seed, purpose)
        with refined(self.generator, refine) as generator:
            return draw(generator, z, Form.of(self.data), self.placement)

    def evaluate(self, *, n: int | None = None, seed: int | None = None, refine: int | None = None) -> Evaluation:
        """Every metric that applies, on `n` samples, beside the same figures for held-out real data.

        With the run's own seed (None) these are the samples that training measured. `refine` as for `sample`.
        """
        from twoplayer.evaluate import evaluate

        return evaluate(self, n=n, seed=seed, refine=refine)

    def report(self, output: Path | str | None = None) -> Path:
        """Write the run's page, one self-contained file, and return its path."""
        from twoplayer.report import write_report

        return write_report(self.path, output=None if output is None else Path(output))

    def _reference(self) -> np.ndarray | None:
        """Real points for the axes of a picture; images need none."""
        if self.data["kind"] == "images":
            return None
        from twoplayer.opening import reopen

        try:
            return cast(np.ndarray, reopen(self.folder).held_out)
        except UserError:  # the data may be gone; the samples still have a picture
            return None
