"""A run under examination: the contents of its folder, and lazily computed measurements on its newest checkpoint."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from twoplayer.config.schema import Config
from twoplayer.core.errors import UserError
from twoplayer.core.files import read_json, read_json_lines
from twoplayer.core.rng import numpy_generator
from twoplayer.data._base import Dataset
from twoplayer.diagnosis import _mode_histogram as histograms
from twoplayer.diagnosis import _probes as probes
from twoplayer.diagnosis._base import Unavailable
from twoplayer.diagnosis._diversity import MIN_STEPS, lost_diversity, was_diverse, width_medians
from twoplayer.diagnosis._time_series import Array, TimeSeries
from twoplayer.games._adversarial import UnconditionalGame
from twoplayer.inference.trained_run import TrainedRun
from twoplayer.runs.run_dir import RunFolder
from twoplayer.training.batches import to_network
from twoplayer.training.sample_statistics import embed, place_and_width

if TYPE_CHECKING:
    from twoplayer.objectives._base import Objective
    from twoplayer.training.trainer import Trainer

__all__ = ["CriticOutputs", "DataLocation", "RunContext"]

PROBE_SAMPLES = {"points": 2_048, "images": 512}
"""Samples of each kind on which the players are measured."""
COMPARED_SAMPLES = {"points": 2_500, "images": 2_000}
"""Samples of each kind where generated samples are compared with data, without the critic."""
LARGE_IMAGE_VALUES = 64 * 64 * 3
"""Values per image from which on a quarter as many samples are used."""


class CriticOutputs(NamedTuple):
    """The critic's outputs, larger for samples that it takes for real: float64 ``(N,)`` each."""

    train: Array
    held_out: Array
    fake: Array


class DataLocation(NamedTuple):
    """Mean ``(K,)`` and width of the training data, in the embedding of the log of samples (`embed`)."""

    mean: Array
    deviation: float
    """Root mean square distance of the embedded samples from their mean."""


class RunContext:
    """A run under examination. Every quantity is computed once, when it is first read.

    A property raises `Unavailable` with the reason if the run folder lacks what it needs.

    Args:
        folder: the run folder, damaged or unfinished though it may be.
        data: what the run was trained on where that was in memory only: an array, or (array, labels).
        device: where to compute: ``"auto"``, ``"cpu"``, ``"cuda"``.
        progress: is called with a line of text before a measurement that takes long.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        data: Any = None,
        device: str = "auto",
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.folder, self.device, self.progress = folder, device, progress or (lambda text: None)
        self._data = data

    # ------------------------------------------------------------------ the run folder

    @cached_property
    def config(self) -> Config:
        with _unavailable_on_user_error():
            return self.folder.config()

    @cached_property
    def status(self) -> dict[str, Any]:
        """Empty where it cannot be read."""
        return _document(self.folder, "status.json")

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Empty where it cannot be read."""
        return _document(self.folder, "environment.json")

    @cached_property
    def training_log(self) -> TimeSeries:
        """The logged losses, critic outputs and gradient norms."""
        with _unavailable_on_user_error():
            log = TimeSeries(read_json_lines(self.folder.progress))
        if not len(log):
            raise Unavailable("no step is logged yet")
        return log

    @property
    def training_log_if_any(self) -> TimeSeries:
        """`training_log`; without any line where it is unavailable."""
        try:
            return self.training_log
        except Unavailable:
            return TimeSeries([])

    @cached_property
    def sample_log(self) -> TimeSeries:
        """The logged mean and width of the samples of a step."""
        with _unavailable_on_user_error():
            log = TimeSeries(read_json_lines(self.folder.statistics))
        if not len(log):
            raise Unavailable("the run has no log of its samples")
        return log

    @property
    def sample_log_if_any(self) -> TimeSeries:
        """`sample_log`; without any line where it is unavailable."""
        try:
            return self.sample_log
        except Unavailable:
            return TimeSeries([])

    def require_past_beginning(self) -> None:
        """Check that similar samples mean a collapse and not a generator that has hardly been trained.

        Raises:
            Unavailable: if the samples were never diverse and the run has fewer than `MIN_STEPS` steps.
        """
        log = self.sample_log_if_any
        if not len(log) or (steps := int(log.steps[-1])) >= MIN_STEPS:
            return
        widths = width_medians(log["deviation"], self.data_location.deviation)
        if not was_diverse(widths) and not lost_diversity(widths):
            raise Unavailable(
                f"its samples were never diverse, and {steps:,} steps are too few to tell a collapse from a beginning"
            )

    # ------------------------------------------------------------------ the data

    @cached_property
    def training_data(self) -> Dataset:
        """The data set that the run was trained on."""
        from twoplayer.runs.dataset import open_data, reopen

        with _unavailable_on_user_error():
            if self._data is None:
                return reopen(self.folder)
            dataset = open_data(self._data, self.config)
            if dataset.key != self.folder.data()["key"]:
                raise Unavailable("the data are not those that the run was trained on")
            return dataset

    @cached_property
    def dataset(self) -> Dataset:
        """The data set whose distribution the samples shall have: `training_data`, or a translation's target side."""
        from twoplayer.training.build import target

        return target(self.config, self.training_data)

    @property
    def kind(self) -> str:
        """``"images"`` or ``"points"``."""
        return self.dataset.kind

    @cached_property
    def stored_train(self) -> Array:
        """Training samples in their stored form, in random order."""
        return _random_rows(self.dataset.train, COMPARED_SAMPLES[self.kind], "train")

    @cached_property
    def stored_held_out(self) -> Array:
        """Held-out samples in their stored form, in random order; at least two."""
        if len(self.dataset.held_out) < 2:
            raise Unavailable("no samples were held out of training")
        return _random_rows(self.dataset.held_out, COMPARED_SAMPLES[self.kind], "held out")

    @cached_property
    def train(self) -> Tensor:
        """Training samples as the networks receive them."""
        return self.to_network(self.stored_train[: self._probe_count])

    @cached_property
    def held_out(self) -> Tensor:
        """Held-out samples as the networks receive them."""
        return self.to_network(self.stored_held_out[: self._probe_count])

    @cached_property
    def data_location(self) -> DataLocation:
        mean, deviation = place_and_width(embed(self.to_network(self.stored_train)))
        return DataLocation(np.asarray(mean.cpu().double()), float(deviation))

    def to_network(self, stored: Array) -> Tensor:
        """Stored samples as the networks receive them, on the run's device."""
        return to_network(torch.from_numpy(np.array(stored)), self.dataset).to(self.run.placement.device)

    # ------------------------------------------------------------------ the players

    @cached_property
    def run(self) -> TrainedRun:
        with _unavailable_on_user_error():
            return TrainedRun(self.folder, device=self.device)

    @cached_property
    def trainer(self) -> Trainer:
        """The run's players at the newest checkpoint, in full precision."""
        trainer = self.restored()
        trainer.problem.autocast = contextlib.nullcontext  # type: ignore[method-assign]
        for player in trainer.problem.players.values():
            probes.in_training_mode(player)
        return trainer

    def restored(self) -> Trainer:
        """A new trainer at the newest checkpoint."""
        from twoplayer.training.assemble import restored

        if not any(self.folder.checkpoints.glob("[0-9]*")):
            raise Unavailable("there is no checkpoint yet")
        with _unavailable_on_user_error(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # they were issued when the run was trained
            return restored(self.folder, self.training_data, self.run.placement)

    @property
    def game(self) -> UnconditionalGame:
        """The game, if its critic judges single samples."""
        game = self.trainer.problem
        if not isinstance(game, UnconditionalGame):
            raise Unavailable("this game's critic judges more than samples")
        return game

    @property
    def objective(self) -> Objective:
        return self.game.objective  # type: ignore[no-any-return, return-value]

    @property
    def critic(self) -> nn.Module:
        return self.game.critic

    @cached_property
    def fakes(self) -> Tensor:
        """Samples as the critic receives them in training: of the current generator, without EMA."""
        fakes = probes.draw_fakes(self.game, self.trainer.algorithm.sampler, self.trainer.batches, self._probe_count)
        if not bool(torch.isfinite(fakes).all()):
            raise Unavailable("the generator's samples are not finite")
        return fakes

    @cached_property
    def samples(self) -> Array:
        """Samples of the EMA generator in the stored form of the data."""
        dataset = self.dataset
        with _unavailable_on_user_error():
            count = _reduced_count(COMPARED_SAMPLES[dataset.kind], dataset)
            samples = self.run.draw(count, self.config.seed, "diagnosis")
        broken = ~np.isfinite(samples.reshape(len(samples), -1)).all(1)
        if broken.any():
            raise Unavailable(f"{int(broken.sum())} of {len(samples)} samples are not finite")
        return samples

    @cached_property
    def network_samples(self) -> Tensor:
        """`samples` in the form in which the networks receive data."""
        return self.to_network(self.samples)

    @cached_property
    def critic_outputs(self) -> CriticOutputs:
        """Outputs for batches of the run's size, each of one kind of sample, as in training."""
        sides = (self.train, self.held_out if len(self.dataset.held_out) > 1 else self.train[:0], self.fakes)
        sign = -1.0 if self.objective.critic_output == "energy" else 1.0
        return CriticOutputs(*(sign * probes.critic_outputs(self.critic, x, self.config.batch_size) for x in sides))

    @cached_property
    def data_width(self) -> float:
        """Root mean square distance of the training samples from their mean, as the networks receive them."""
        flat = self.train.flatten(1)
        return float((flat - flat.mean(0)).square().sum(1).mean().sqrt())

    @cached_property
    def loss_sensitivity(self) -> float:
        """First-order change of the generator's loss if its samples moved by the data's width."""
        real = self.train if self.objective.uses_real_outputs else None
        norm = probes.loss_gradient_norm(self.critic, self.objective, self.fakes, real, self.config.batch_size)
        return self.data_width * norm

    @cached_property
    def gradient_norms(self) -> probes.GradientNorms:
        """Norms of the critic's input gradient at real samples, at fakes and on the lines between them."""
        return probes.critic_gradient_norms(self.critic, self.train, self.fakes, self.config.batch_size)

    @cached_property
    def classifier_auc(self) -> float:
        """Area under the ROC curve of a small network trained for a second to separate fakes from data.

        It is tested on fakes and data that it was not trained on; 0.5 if it cannot separate them.
        """
        half = len(self.fakes) // 2
        test_real = self.held_out if len(self.dataset.held_out) > 1 else self.train[half:]
        return probes.classifier_auc(self.train[:half], self.fakes[:half], test_real, self.fakes[half:])

    @cached_property
    def latents(self) -> Tensor:
        """Latents of the next batches, as the generator receives them for `fakes`."""
        batches = self.trainer.batches
        pieces = [self.game.latents(next(batches)) for _ in range(-(-self._probe_count // self.config.batch_size))]
        return torch.cat(pieces)[: self._probe_count]

    @cached_property
    def mode_coverage(self) -> histograms.ModeCoverage | None:
        """Which modes of a known density the samples cover; None for other data."""
        return histograms.mode_coverage(self.dataset, self.samples)

    @cached_property
    def features(self) -> histograms.FeaturePair:
        """Features of samples and training data."""
        with _unavailable_on_user_error():
            return histograms.features(
                self.dataset,
                self.samples,
                self.stored_train,
                to_network=self.to_network,
                device=self.run.placement.device,
                progress=self.progress,
            )

    @property
    def _probe_count(self) -> int:
        return _reduced_count(PROBE_SAMPLES[self.kind], self.dataset)


def _reduced_count(count: int, dataset: Dataset) -> int:
    return count // 4 if int(np.prod(dataset.shape)) >= LARGE_IMAGE_VALUES else count


def _random_rows(rows: Array, max_count: int, purpose: str) -> Array:
    indices = numpy_generator(0, f"diagnosis of {purpose}").permutation(len(rows))[:max_count]
    return np.asarray(rows[np.sort(indices)])[numpy_generator(0, "order").permutation(len(indices))]


def _document(folder: RunFolder, name: str) -> dict[str, Any]:
    try:
        document = read_json(folder.path / name)
    except UserError:
        return {}
    return document if isinstance(document, dict) else {}


@contextlib.contextmanager
def _unavailable_on_user_error() -> Iterator[None]:
    """Raise `Unavailable` with the message of a `UserError` about a damaged or missing file."""
    try:
        yield
    except UserError as error:
        raise Unavailable(str(error)) from error
