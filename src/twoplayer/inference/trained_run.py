"""A trained run, read from its folder: samples, encodings, reconstructions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from twoplayer.config.schema import Config
from twoplayer.core.errors import UserError
from twoplayer.core.files import read_json_lines
from twoplayer.runs.run_dir import RunFolder
from twoplayer.sampling.samples import Samples

if TYPE_CHECKING:
    from torch import Tensor, nn

    from twoplayer.games._inputs import SamplerInputs
    from twoplayer.games._problem import TrainingProblem

__all__ = ["TrainedRun"]


class TrainedRun:
    """The content of a run folder. Everything is loaded when it is first used, and loading executes no stored code.

    Args:
        path: the run folder.
        device: auto, cpu, cuda, cuda:1 or mps.
        objects: the parts that were passed as Python objects when the run was trained, by argument, such as
            ``generator=MyGenerator()``. Their weights are taken from the run's checkpoint.

    Raises:
        UserError: where the folder is missing, corrupt or from a newer version, and for an object of another class than
            the run's.
    """

    def __init__(self, path: Path | str | RunFolder, *, device: str = "auto", **objects: Any) -> None:
        self.folder = path if isinstance(path, RunFolder) else RunFolder(path).require()
        if objects:
            self.folder.objects = objects
            self.folder.config()  # an object of another class than the run's is refused now
        self.path, self.device = self.folder.path, device

    def __repr__(self) -> str:
        status = self.folder.status()
        what = f"{self.config.method} on {self.data['name']}, {status['state']} at round {status['step']}"
        if self.kept is not None:
            what += f", round {self.kept['step']} kept as the best by {self.kept['what']}"
        return f"{type(self).__name__}({str(self.path)!r}, {what})"

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
        """The settings of the training."""
        return self.folder.config()

    @cached_property
    def data(self) -> dict[str, Any]:
        """The description of its data: name, kind, shape, counts, class names."""
        return self.folder.data()

    @property
    def status(self) -> dict[str, Any]:
        """State, step, images seen, seconds, and the diagnosis of a run that stopped itself."""
        return self.folder.status()

    @property
    def progress(self) -> list[dict[str, Any]]:
        """The lines of progress: losses, critic outputs, gradient norms, images per second."""
        return read_json_lines(self.folder.progress)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The measurements during training, each with its metric values (`stored_metric_values` reads them)."""
        return read_json_lines(self.folder.metrics)

    @cached_property
    def placement(self) -> Any:
        from twoplayer.core.device import place

        settings = self.config
        return place(self.device, settings.precision, settings.memory_format, self.data["kind"])

    @cached_property
    def _state(self) -> dict[str, Any]:
        """The checkpoint kept as the best, else the newest, read once: what is sampled and said of it stay together."""
        from twoplayer.runs import checkpoint

        path = checkpoint.latest(self.folder.checkpoints)
        if self.kept is not None and checkpoint.at(self.folder.checkpoints, self.kept["step"]).is_dir():
            path = checkpoint.at(self.folder.checkpoints, self.kept["step"])
        if path is None:
            raise UserError(f"{self.path} has no checkpoint yet: train it with the same command")
        return checkpoint.load(path, self.placement.device)

    @property
    def kept(self) -> dict[str, Any] | None:
        """The checkpoint that ``--early-stopping`` kept as the best: its step, criterion and value; None without
        ``--early-stopping``."""
        kept: dict[str, Any] | None = self.status.get("best_checkpoint")
        return kept

    @property
    def step(self) -> int:
        """The round of the checkpoint that is sampled."""
        return int(self._state["step"])

    @property
    def images_seen(self) -> int:
        """Real samples that the critic had consumed by then."""
        return int(self._state["critic_batches"]) * self.config.batch_size

    @cached_property
    def _built(self) -> tuple[TrainingProblem, nn.Module]:
        """The game, and what its algorithm samples from; without the algorithm, whose optimizers cannot be pickled."""
        from twoplayer.games._factory import DataSpec
        from twoplayer.training.build import build

        built = build(self.config, DataSpec.of(self.data), self.placement)
        return built.problem, built.algorithm.sampler

    @cached_property
    def generator(self) -> nn.Module:
        """The averaged generator of the checkpoint that is sampled, in eval mode: `inputs` to samples."""
        return self._loaded(self._built[1], self._state["ema"])

    @cached_property
    def critic(self) -> nn.Module:
        """The critic of the newest checkpoint, in eval mode."""
        held = {k.removeprefix("critic."): v for k, v in self._state["problem"].items() if k.startswith("critic.")}
        return self._loaded(self._built[0].players["critic"], held)

    @cached_property
    def inputs(self) -> SamplerInputs:
        """Draws the inputs of the generator: latents, conditions, or images."""
        return self._built[0].inputs(self.folder.stored_conditions())

    def _loaded(self, module: nn.Module, held: Mapping[str, Any]) -> nn.Module:
        try:
            module.load_state_dict(held)
        except (RuntimeError, KeyError) as error:
            raise UserError(
                f"the newest checkpoint of {self.path} does not fit its config.yaml: restore either"
            ) from error
        return module.eval().requires_grad_(False)

    def sample(
        self,
        n: int = 64,
        *,
        seed: int = 0,
        refine: int | None = None,
        label: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        text: str | None = None,
    ) -> Samples:
        """Samples of the generator; equal seeds give equal samples.

        Args:
            n: number of samples.
            seed: seed of latents and conditions.
            refine: number of functional gradient steps to apply, for generators that have them; None applies all.
            label: class of the samples of a conditional generator.
            attributes: values of attributes by name, for a conditional generator.
            text: caption of the samples of a text-conditional generator.

        Returns:
            The samples. Conditions that are not set are distributed as in the training data.

        Raises:
            UserError: for conditions that the generator does not have.
        """
        if n < 1:
            raise UserError(f"cannot draw {n} samples: ask for at least 1")
        wishes, more = {"label": label, "text": text}, dict(attributes or {})
        twice = next((name for name in more if wishes.get(name) is not None), None)
        if twice is not None:
            raise UserError(f"{twice} is asked to be {wishes[twice]} and {more[twice]}: ask for one of them")
        asked = {name: str(value) for name, value in {**wishes, **more}.items() if value is not None}
        return Samples(self.draw(n, seed, "sample", refine, asked), self.reference_points())

    def draw(
        self, n: int, seed: int, purpose: str, refine: int | None = None, wishes: Mapping[str, str] | None = None
    ) -> np.ndarray:
        """`n` samples as the data are stored, from the inputs that (seed, purpose) fix, as `wishes` ask."""
        return np.concatenate(list(self.stream(n, seed, purpose, refine, wishes)))

    def stream(
        self, n: int, seed: int, purpose: str, refine: int | None = None, wishes: Mapping[str, str] | None = None
    ) -> Iterator[np.ndarray]:
        """What `draw` gives, piece after piece, so that `n` may be larger than what memory holds."""
        from twoplayer.sampling.generate import SampleFormat, refined, stream

        inputs = self.inputs.with_conditions(wishes or {}).draw(n, seed, purpose)
        with refined(self.generator, refine) as generator:
            yield from stream(generator, inputs, SampleFormat.of(self.data), self.placement)

    @property
    def has_encoder(self) -> bool:
        """Whether the generator has an encoder, so that samples can be encoded and reconstructed."""
        from twoplayer.networks._joint import InvertedGenerator

        return isinstance(self.generator, InvertedGenerator)

    @property
    def has_latents(self) -> bool:
        """Whether the generator maps latents to samples, so that there are paths between samples."""
        return self.inputs.has_latents

    @property
    def translates(self) -> bool:
        """Whether the generator maps images to images."""
        from twoplayer.games._translation import TranslationGame

        return isinstance(self._built[0], TranslationGame)

    @property
    def translates_both_ways(self) -> bool:
        """Whether it translates in both directions."""
        from twoplayer.games.unpaired_translation import TwoWayTranslator

        return isinstance(self.generator, TwoWayTranslator)

    def encode(self, samples: Any, *, by: Literal["encoder", "critic"] = "encoder") -> np.ndarray:
        """Features of samples by the run's encoder or critic.

        Args:
            samples: samples as the data are stored, images uint8 ``(N, H, W[, C])`` or points ``(N, D)``.
            by: ``encoder`` for latents; ``critic`` for the critic's features before its last layer, with the sample's
                own encoding where the critic takes latents, and without conditions where it takes conditions.

        Returns:
            float32 ``(N, F)``.

        Raises:
            UserError: without an encoder, for the critic of a translation, and for samples of another shape.
        """
        from twoplayer.sampling.generate import SampleFormat, encode

        samples = self._as_stored(samples)
        network = self._encoder(", or encode by its critic (--by critic)") if by == "encoder" else self._critic_features
        return encode(network, samples, SampleFormat.of(self.data), self.placement)

    def reconstruct(self, samples: Any) -> Samples:
        """The generator's samples for the encodings of `samples`, which are as for `encode`.

        Raises `UserError` without an encoder, and for samples of another shape.
        """
        import torch

        from twoplayer.sampling.generate import SampleFormat, draw

        self._encoder()
        latents = torch.from_numpy(self.encode(samples))
        return Samples(
            draw(self.generator, latents, SampleFormat.of(self.data), self.placement), self.reference_points()
        )

    def _encoder(self, alternative: str = "") -> Callable[[Tensor], Tensor]:
        """The run's encoder. Raises `UserError` without one, with a hint at the `alternative`."""
        from twoplayer.networks._joint import InvertedGenerator

        generator = self.generator
        if not isinstance(generator, InvertedGenerator):
            raise UserError(f"{self.path} has no encoder: train one with twoplayer train bigan{alternative}")
        return generator.encode

    def _critic_features(self, samples: Tensor) -> Tensor:
        from twoplayer.networks._joint import joined

        if self.translates:
            raise UserError(f"the critic of {self.path} has no features of whole samples: take another run")
        critic: Any = self.critic
        inputs = joined(samples, self._encoder()(samples)) if self.has_encoder else samples
        features: Tensor = critic.features(inputs)
        return features

    def _as_stored(self, samples: Any) -> np.ndarray:
        """The samples as an array in the shape of the run's data; gray images may lack the channel axis."""
        stored: np.ndarray = np.asarray(samples)
        shape = tuple(self.data["shape"])
        if self.data["kind"] == "images" and stored.ndim == 3 and shape[0] == 1:
            stored = stored[..., None]
        expected = (*shape[1:], shape[0]) if self.data["kind"] == "images" else shape
        if stored.shape[1:] != expected or not len(stored):
            raise UserError(
                f"{self.path} takes samples of shape (N, {', '.join(map(str, expected))}), not {stored.shape}"
            )
        if self.data["kind"] == "images" and stored.dtype != np.uint8:
            raise UserError(f"images must be uint8, values 0 to 255, not {stored.dtype}")
        return stored

    def reference_points(self) -> np.ndarray | None:
        """Real points, which set the axes of a scatter plot; None for images and where the data are gone."""
        if self.data["kind"] == "images":
            return None
        from twoplayer.runs.dataset import reopen

        try:
            return cast(np.ndarray, reopen(self.folder).held_out)
        except UserError:  # the data may be gone; samples are plotted without them
            return None
