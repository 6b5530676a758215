"""A run under examination: what its folder tells, and what is measured on its newest checkpoint, each thing once."""

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
from twoplayer.diagnosis import _mode_histogram as shares
from twoplayer.diagnosis import _probes as measured
from twoplayer.diagnosis._base import Unavailable
from twoplayer.diagnosis._diversity import YOUNG, lost, spread, widths
from twoplayer.diagnosis._mode_histogram import ModeHistogram
from twoplayer.diagnosis._time_series import Array, TimeSeries
from twoplayer.games._base import SampleGame
from twoplayer.inference.trained_run import TrainedRun
from twoplayer.runs.run_dir import RunFolder
from twoplayer.training.batches import to_network
from twoplayer.training.sample_statistics import embed, place_and_width

if TYPE_CHECKING:
    from twoplayer.objectives._base import Objective
    from twoplayer.training.trainer import Trainer

__all__ = ["CriticOutputs", "DataLocation", "RunContext"]

COUNT = {"points": 2_048, "images": 512}
"""Samples of each kind on which the players are looked at."""
MANY = {"points": 2_500, "images": 2_000}
"""Samples of each kind where samples are held against data, without the critic."""
LARGE = 64 * 64 * 3
"""Values in an image from which on a quarter as many are looked at."""


class CriticOutputs(NamedTuple):
    """What the critic says, larger meaning more real: float64 arrays."""

    train: Array
    held_out: Array
    fake: Array


class DataLocation(NamedTuple):
    """Where the training data are and how wide, embedded as the log of the samples is (`embed`)."""

    mean: Array
    deviation: float


class RunContext:
    """What is asked for is measured once and kept; what cannot be had raises `Unavailable` with the reason."""

    def __init__(
        self, folder: RunFolder, *, data: Any = None, device: str = "auto", say: Callable[[str], None] | None = None
    ) -> None:
        self.folder, self.device, self.say = folder, device, say or (lambda text: None)
        self._given = data

    # ------------------------------------------------------------------ what the folder tells

    @cached_property
    def config(self) -> Config:
        with _reasons():
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
    def progress(self) -> TimeSeries:
        with _reasons():
            course = TimeSeries(read_json_lines(self.folder.progress))
        if not len(course):
            raise Unavailable("no round is logged yet")
        return course

    @property
    def course(self) -> TimeSeries:
        """`progress`, or no line at all."""
        try:
            return self.progress
        except Unavailable:
            return TimeSeries([])

    @cached_property
    def statistics(self) -> TimeSeries:
        """Where the samples of the logged rounds were, and how wide."""
        with _reasons():
            course = TimeSeries(read_json_lines(self.folder.statistics))
        if not len(course):
            raise Unavailable("nothing is logged of the samples")
        return course

    @property
    def logged(self) -> TimeSeries:
        """`statistics`, or no line at all."""
        try:
            return self.statistics
        except Unavailable:
            return TimeSeries([])

    def require_past_its_beginning(self) -> None:
        """Raises `Unavailable` where samples may be alike since the generator has hardly learnt anything yet."""
        if not len(self.logged) or (rounds := int(self.logged.steps[-1])) >= YOUNG:
            return
        over = widths(self.logged["deviation"], self.place.deviation)
        if not spread(over) and not lost(over):
            raise Unavailable(
                f"its samples never were diverse, and {rounds:,} rounds are too few to tell a collapse from a beginning"
            )

    # ------------------------------------------------------------------ the data

    @cached_property
    def opened(self) -> Dataset:
        """What it was trained on."""
        from twoplayer.runs.dataset import open_data, reopen

        with _reasons():
            if self._given is None:
                return reopen(self.folder)
            dataset = open_data(self._given, self.config)
            if dataset.key != self.folder.data()["key"]:
                raise Unavailable("the data given are not those that it was trained on")
            return dataset

    @cached_property
    def dataset(self) -> Dataset:
        """What its samples are to be like: what it was trained on, or of a translation the other side."""
        from twoplayer.training.build import target

        return target(self.config, self.opened)

    @property
    def kind(self) -> str:
        return self.dataset.kind

    @cached_property
    def stored(self) -> Array:
        """Some training samples as they are stored, in random order."""
        return _some(self.dataset.train, MANY[self.kind], "train")

    @cached_property
    def stored_held_out(self) -> Array:
        """Some held-out samples as they are stored, in random order; at least two."""
        if len(self.dataset.held_out) < 2:
            raise Unavailable("nothing was held out of training")
        return _some(self.dataset.held_out, MANY[self.kind], "held out")

    @cached_property
    def train(self) -> Tensor:
        """Some training samples as the networks see them."""
        return self.seen(self.stored[: self._count])

    @cached_property
    def held_out(self) -> Tensor:
        """Some held-out samples as the networks see them."""
        return self.seen(self.stored_held_out[: self._count])

    @cached_property
    def place(self) -> DataLocation:
        mean, deviation = place_and_width(embed(self.seen(self.stored)))
        return DataLocation(np.asarray(mean.cpu().double()), float(deviation))

    def seen(self, stored: Array) -> Tensor:
        """Stored samples as the networks see them, on the run's device."""
        return to_network(torch.from_numpy(np.array(stored)), self.dataset).to(self.run.placement.device)

    # ------------------------------------------------------------------ the players

    @cached_property
    def run(self) -> TrainedRun:
        with _reasons():
            return TrainedRun(self.folder, device=self.device)

    @cached_property
    def trainer(self) -> Trainer:
        """The run's players as the newest checkpoint has them, in full precision."""
        trainer = self.restored()
        trainer.game.autocast = contextlib.nullcontext  # type: ignore[method-assign]
        for player in trainer.game.players.values():
            measured.as_played(player)
        return trainer

    def restored(self) -> Trainer:
        """A trainer of its own at the newest checkpoint."""
        from twoplayer.training.assemble import restored

        if not any(self.folder.checkpoints.glob("[0-9]*")):
            raise Unavailable("there is no checkpoint yet")
        with _reasons(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # they were told when it was trained
            return restored(self.folder, self.opened, self.run.placement)

    @property
    def game(self) -> SampleGame:
        game = self.trainer.game
        if not isinstance(game, SampleGame):
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
        """Samples of the generator as the critic meets them in training, before any average."""
        found = measured.generated(self.game, self.trainer.algorithm.sampler, self.trainer.batches, self._count)
        if not bool(torch.isfinite(found).all()):
            raise Unavailable("the generator's samples are not finite")
        return found

    @cached_property
    def samples(self) -> Array:
        """Samples of what is shipped, the averaged generator, as the data are stored."""
        dataset = self.dataset
        with _reasons():
            samples = self.run.draw(_count(MANY[dataset.kind], dataset), self.config.seed, "diagnosis")
        broken = ~np.isfinite(samples.reshape(len(samples), -1)).all(1)
        if broken.any():
            raise Unavailable(f"{int(broken.sum())} of {len(samples)} samples are not finite")
        return samples

    @cached_property
    def shown(self) -> Tensor:
        """`samples` as the networks would see them."""
        return self.seen(self.samples)

    @cached_property
    def scores(self) -> CriticOutputs:
        """In batches of the run's size, each of one kind of sample, as the critic saw them in training."""
        sides = (self.train, self.held_out if len(self.dataset.held_out) > 1 else self.train[:0], self.fakes)
        sign = -1.0 if self.objective.critic_output == "energy" else 1.0
        return CriticOutputs(*(sign * measured.outputs(self.critic, x, self.config.batch) for x in sides))

    @cached_property
    def width(self) -> float:
        """Root mean square distance of the training samples from their mean, as networks see them."""
        flat = self.train.flatten(1)
        return float((flat - flat.mean(0)).square().sum(1).mean().sqrt())

    @cached_property
    def reach(self) -> float:
        """By how much the generator's loss would change if its samples moved by the data's width."""
        real = self.train if self.objective.uses_real_outputs else None
        return self.width * measured.pull(self.critic, self.objective, self.fakes, real, self.config.batch)

    @cached_property
    def slopes(self) -> measured.GradientNorms:
        """The critic's slope on real samples, on generated ones, and on the lines between."""
        return measured.slopes(self.critic, self.train, self.fakes, self.config.batch)

    @cached_property
    def tellable(self) -> float:
        """How well a small fresh network, trained for a second, tells samples from data: an area under the ROC curve.

        0.5: not at all; tested on samples and data that it was not trained on.
        """
        half = len(self.fakes) // 2
        unseen = self.held_out if len(self.dataset.held_out) > 1 else self.train[half:]
        return measured.tellable(self.train[:half], self.fakes[:half], unseen, self.fakes[half:])

    @cached_property
    def latents(self) -> Tensor:
        """What the generator of the fakes is given."""
        batches = self.trainer.batches
        pieces = [self.game.latents(next(batches)) for _ in range(-(-self._count // self.config.batch))]
        return torch.cat(pieces)[: self._count]

    @cached_property
    def modes(self) -> shares.ModeCoverage | None:
        return shares.modes(self.dataset, self.samples)

    @cached_property
    def features(self) -> shares.FeaturePair:
        with _reasons():
            return shares.features(
                self.dataset,
                self.samples,
                self.stored,
                to_network=self.seen,
                device=self.run.placement.device,
                say=self.say,
            )

    @property
    def class_shares(self) -> ModeHistogram | None:
        return self.features.classes

    @property
    def _count(self) -> int:
        return _count(COUNT[self.kind], self.dataset)


def _count(most: int, dataset: Dataset) -> int:
    return most // 4 if int(np.prod(dataset.shape)) >= LARGE else most


def _some(rows: Array, most: int, purpose: str) -> Array:
    chosen = numpy_generator(0, f"diagnosis of {purpose}").permutation(len(rows))[:most]
    return np.asarray(rows[np.sort(chosen)])[numpy_generator(0, "order").permutation(len(chosen))]


def _document(folder: RunFolder, name: str) -> dict[str, Any]:
    try:
        document = read_json(folder.path / name)
    except UserError:
        return {}
    return document if isinstance(document, dict) else {}


@contextlib.contextmanager
def _reasons() -> Iterator[None]:
    """What a user would be told of a damaged or missing file is why something is unavailable."""
    try:
        yield
    except UserError as error:
        raise Unavailable(str(error)) from error
