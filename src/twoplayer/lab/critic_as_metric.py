"""The critic as a metric: its Wasserstein estimate follows sample quality, its Jensen-Shannon estimate stays near log 2

Source: Arjovsky et al. 2017, "Wasserstein GAN", section 4.2, figures 3 and 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from torch import nn

from twoplayer import theory
from twoplayer.algorithms.alternating import Alternating
from twoplayer.core.ranges import Count
from twoplayer.core.rng import numpy_generator
from twoplayer.lab._base import Demonstration
from twoplayer.lab._lab_game import LabGame, critic_outputs, fit_critic, small_critic, to_tensor
from twoplayer.lab._result import DemonstrationResult
from twoplayer.networks.mlp import MLP
from twoplayer.objectives.non_saturating import NonSaturating
from twoplayer.objectives.wasserstein import Wasserstein
from twoplayer.pages.plot_style import new_figure
from twoplayer.regularizers.gradient_penalty import GradientPenalty

__all__ = ["CriticAsMetric"]

READINGS = 12
HELD_OUT = 500
"""Number of images that no critic is trained on, for the measurement of quality."""
CRITIC_STEPS = 200
"""Steps of another critic at each reading at the original GAN, on from the reading before: enough to converge."""
MIN_SHARE_OF_LOG_2 = 0.9
"""Share of log 2 that a JSD estimate must reach; between sets of different points JSD is log 2."""
WARM_UP_STEPS = 100
"""Steps of the Wasserstein critic before its generator moves: only a trained critic gives an estimate."""


class CriticAsMetric(Demonstration):
    """The estimates of a Wasserstein and of a GAN critic over two trainings on scikit-learn's 8x8 digits.

    Args:
        steps: Steps of each training, at least 1. Default 420.
    """

    statement: ClassVar[str] = (
        "While a generator learns, the Wasserstein critic's estimate sup E f(x) − E f(g(z)) over 1-Lipschitz f loses a "
        "large share of itself as the samples get better. The Jensen-Shannon estimate log 2 − ½·(critic's loss) of a "
        "well trained critic may fall in the same order, but only by a few percent: it stays near log 2."
    )

    def __init__(self, *, steps: Count = 420) -> None:
        self.steps = steps

    def run(self, result: DemonstrationResult) -> None:
        data, held_out = _digits(result.seed)
        records = {
            "Wasserstein": self._wasserstein(data, held_out, result.seed),
            "Jensen-Shannon": self._jensen_shannon(data, held_out, result.seed),
        }
        floor = theory.wasserstein(theory.Empirical(held_out), theory.Empirical(data.samples[:HELD_OUT]))
        result.add_text(
            "Two generators learn scikit-learn's 8x8 digits: one against a Wasserstein critic under gradient penalty, "
            "with five critic steps a step, one in the original GAN, at every reading judged by a critic trained for "
            f"{CRITIC_STEPS} more steps. Estimates are the critics' own, on {HELD_OUT} of the images that they learned "
            f"from and as many samples. Quality is the exact Wasserstein distance between {HELD_OUT} samples and as "
            f"many held-out images; as many other real images are {floor:.2f} away."
        )
        result.add_figure("Estimate and sample quality over a training", _curves(records), caption=_CURVES)
        lost = ", ".join(f"the {name} estimate {_lost(readings)[0]:.1%}" for name, readings in records.items())
        result.add_figure("Samples over a training", _strips(records), caption=f"{_STRIPS}{lost}.")
        result.add_table(
            "Estimates and distances",
            ("step", "Wasserstein", "on new images", "distance", "JSD, nats", "on new images", "distance"),
            [(w.steps, *w.figures, *j.figures) for w, j in zip(*records.values(), strict=True)],
            note="On new images a critic that knows its few images by heart finds less than there is.",
        )
        self._checks(result, *records.values())

    def _checks(
        self, result: DemonstrationResult, wasserstein: list[_EstimateReading], jensen_shannon: list[_EstimateReading]
    ) -> None:
        result.add_table(
            "From the first reading to the last",
            ("estimate", "rank correlation with distance", "share of the estimate lost", "share of the distance lost"),
            [
                (name, _correlation(readings), *_lost(readings))
                for name, readings in (("Wasserstein", wasserstein), ("Jensen-Shannon", jensen_shannon))
            ],
            note="A rank correlation does not ask by how much: both estimates may order the samples, even where one of "
            "them hardly changes.",
        )
        (follows, better), (stays, as_well) = _lost(wasserstein), _lost(jensen_shannon)
        result.check_at_least("Wasserstein run: share of the distance lost", better, 0.25)
        result.check_at_least("Jensen-Shannon run: share of the distance lost", as_well, 0.25)
        result.check_at_least("Wasserstein estimate: rank correlation with distance", _correlation(wasserstein), 0.8)
        result.check_at_least("Wasserstein estimate: share lost, against half the distance's", follows, better / 2)
        result.check_at_most(
            "Jensen-Shannon estimate: share lost, against a quarter of the distance's", stays, as_well / 4
        )
        result.check_at_most(
            "Jensen-Shannon estimate: share lost, against a quarter of Wasserstein's", stays, follows / 4
        )
        least = min(reading.estimate for reading in jensen_shannon)
        result.check_at_least("least JSD estimate over log 2", least / math.log(2), MIN_SHARE_OF_LOG_2)

    def _wasserstein(self, data: theory.Empirical, held_out: Any, seed: int) -> list[_EstimateReading]:
        penalty = GradientPenalty()
        lab_game = LabGame(
            data,
            Wasserstein(),
            regularizers=(penalty,),
            algorithm=partial(Alternating, critic_steps=5),
            **_players(seed),
        )
        critic, start = lab_game.game.critic, theory.Empirical(lab_game.sample(2000))
        fit_critic(
            critic, Wasserstein(), data, start, steps=WARM_UP_STEPS, regularizers=(penalty,), batch_size=64, seed=seed
        )
        return self._record(lab_game, data, held_out, lambda: critic)

    def _jensen_shannon(self, data: theory.Empirical, held_out: Any, seed: int) -> list[_EstimateReading]:
        lab_game = LabGame(data, NonSaturating(), **_players(seed))
        critic = small_critic(data.dimension, seed=seed, filters=128, depth=2)

        def trained() -> nn.Module:
            fake = theory.Empirical(lab_game.sample(4096)[HELD_OUT:])
            fit_critic(
                critic, NonSaturating(), data, fake, steps=CRITIC_STEPS, batch_size=128, learning_rate=2e-3, seed=seed
            )
            return critic

        return self._record(lab_game, data, held_out, trained)

    def _record(
        self, lab_game: LabGame, data: theory.Empirical, held_out: Any, measuring_critic: Callable[[], nn.Module]
    ) -> list[_EstimateReading]:
        readings, learned = [], data.samples[:HELD_OUT]
        times = np.geomspace(min(5, self.steps), self.steps, READINGS).round().astype(int)
        for steps in sorted({0, *times.tolist()}):
            lab_game.train(steps - lab_game.steps)
            samples, critic = lab_game.sample(HELD_OUT), measuring_critic()
            training, unseen, fake = (
                to_tensor(critic_outputs(critic, x)).double() for x in (learned, held_out, samples)
            )
            estimate, new = (float(lab_game.game.objective.estimate(real, fake)) for real in (training, unseen))
            distance = theory.wasserstein(theory.Empirical(held_out), theory.Empirical(samples))
            readings.append(_EstimateReading(steps, estimate, new, distance, samples[:8]))
        return readings


_CURVES = (
    "Above, the estimates; below, the exact distance between samples and held-out images, over steps (logarithmic "
    "from 5 on). All axes start at 0, so that the share lost can be read off as a height; the dashed line is log 2."
)
_STRIPS = (
    "Eight samples at five times, by rows from the start: what the eye sees change, and the estimates should. From the "
    "first row to the last this much is lost: "
)


@dataclass(frozen=True)
class _EstimateReading:
    """One time of a training: the critic's estimate, on images it learned from and on new ones, and the distance."""

    steps: int
    estimate: float
    on_new: float
    distance: float
    samples: Any

    @property
    def figures(self) -> tuple[float, float, float]:
        return self.estimate, self.on_new, self.distance


def _players(seed: int) -> dict[str, Any]:
    network = MLP(filters=128, depth=2)
    return {
        "generator": network,
        "critic": network,
        "latent_dim": 16,
        "batch_size": 64,
        "learning_rate": 2e-4,
        "critic_learning_rate": 1e-3,
        "seed": seed,
    }


def _digits(seed: int) -> tuple[theory.Empirical, Any]:
    """Training images as a distribution, and held-out ones ``(500, 64)``, in [−1, 1]."""
    from sklearn.datasets import load_digits

    images = load_digits().data / 8 - 1
    images = images[numpy_generator(seed, "split").permutation(len(images))]
    return theory.Empirical(images[HELD_OUT:]), images[:HELD_OUT]


def _correlation(readings: list[_EstimateReading]) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr([k.estimate for k in readings], [k.distance for k in readings]).statistic)


def _lost(readings: list[_EstimateReading]) -> tuple[float, float]:
    """The relative decreases of the estimate and of the distance from the first reading to the last."""
    first, last = readings[0], readings[-1]
    return 1 - last.estimate / first.estimate, 1 - last.distance / first.distance


def _curves(records: dict[str, list[_EstimateReading]]) -> Any:
    figure, axes = new_figure(2, 2, height=2.1, sharex="col")
    for column, (name, readings) in enumerate(records.items()):
        above, below = axes[column], axes[2 + column]
        steps = [reading.steps for reading in readings]
        above.plot(steps, [reading.estimate for reading in readings], marker="o", markersize=3.5)
        above.set(title=name, ylim=(0, None))
        below.plot(steps, [reading.distance for reading in readings], color="#00805c", marker="s", markersize=3.5)
        below.set(xlabel="steps", ylim=(0, None))
        below.set_xscale("symlog", linthresh=5)
        below.set_xlim(0, 1.1 * steps[-1])
        ticks = [0, *[t for t in (5, 20, 100, 500) if t <= steps[-1]]]
        below.set_xticks(ticks, [str(t) for t in ticks])
        below.minorticks_off()
    axes[1].axhline(math.log(2), color="#4a4843", linestyle="--", linewidth=1)
    axes[1].set_ylim(0, 1)
    axes[0].set_ylabel("critic's estimate")
    axes[2].set_ylabel("exact distance")
    return figure


def _strips(records: dict[str, list[_EstimateReading]]) -> Any:
    figure, axes = new_figure(1, 2, height=2.4)
    for panel, (name, readings) in zip(axes, records.items(), strict=True):
        selected = [readings[k] for k in np.linspace(0, len(readings) - 1, 5).round().astype(int)]
        rows = [np.concatenate([np.pad(i.reshape(8, 8), 1) for i in reading.samples], axis=1) for reading in selected]
        panel.imshow(np.concatenate(rows).clip(-1, 1), cmap="gray_r", vmin=-1, vmax=1)
        panel.set(title=name, xticks=[], yticks=[10 * k + 5 for k in range(len(rows))])
        panel.set_yticklabels([f"step {reading.steps}" for reading in selected], fontsize=8)
        panel.grid(False)
    return figure
