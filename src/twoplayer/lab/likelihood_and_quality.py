"""Likelihood and quality: high likelihood without quality, and quality without likelihood

Source: Theis et al. 2016, "A note on the evaluation of generative models", section 3.2; the share 0.01 is theirs.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from twoplayer import theory
from twoplayer.core.ranges import Count, Share
from twoplayer.core.rng import derive, numpy_generator
from twoplayer.lab._base import Demonstration
from twoplayer.lab._result import DemonstrationResult
from twoplayer.pages.plot_style import new_figure

__all__ = ["LikelihoodAndQuality"]

SAMPLES = 4000
WIDTH = 0.02
"""Standard deviation of the kernel around each memorized image, in units of the grey range."""
NOISE = 0.35


class LikelihoodAndQuality(Demonstration):
    """Log-likelihood and sample quality of three models of handwritten digits whose densities are known.

    The data are a mixture of Gaussians fitted to the digits, so that likelihoods are exact.

    Args:
        share: Weight of the data's density in model A, 0 < share <= 1; the rest is noise. Default 0.01, the paper's.
        memorized: Number of training images that model B repeats, at least 1. Default 200.
        components: Number of Gaussians of the data's mixture, at least 1. Default 20.
    """

    statement: ClassVar[str] = (
        "A model that generates noise 99 times in 100, q = 0.01·p + 0.99·noise, loses at most log 100 = 4.605 nats of "
        "likelihood, whatever the dimension; a model that only repeats its training images generates perfect ones and "
        "has almost no likelihood on new data. Likelihood and quality do not imply each other."
    )

    def __init__(self, *, share: Share = 0.01, memorized: Count = 200, components: Count = 20) -> None:
        self.share, self.memorized, self.components = share, memorized, components

    def run(self, result: DemonstrationResult) -> None:
        random = numpy_generator(result.seed, "likelihood")
        data = _digits(self.components, derive(result.seed, "mixture"))
        train, test = data.sample(self.memorized, random), data.sample(SAMPLES, random)
        dimension = train.shape[1]
        noise = theory.Gaussian(np.full(dimension, 0.3), NOISE)
        models = {
            "the data's own density": data,
            f"A: {self.share:g} data, {1 - self.share:g} noise": theory.Mixture(
                [self.share, 1 - self.share], [data, noise]
            ),
            "B: memorized": theory.Mixture(
                np.full(len(train), 1 / len(train)), [theory.Gaussian(image, WIDTH) for image in train]
            ),
        }
        threshold = np.quantile(data.log_density(test), 0.01)
        rows, samples = [], {}
        for name, model in models.items():
            samples[name] = model.sample(SAMPLES, random)
            typical = float((data.log_density(samples[name]) >= threshold).mean())
            rows.append((name, float(model.log_density(test).mean()), typical))
        result.add_text(
            f"The data are a mixture of {self.components} Gaussians fitted to scikit-learn's 8x8 digits, {dimension} "
            "dimensions. A sample counts as good when the data's density there is at least the 1% quantile of that of "
            "real samples."
        )
        result.add_table(
            "Likelihood and quality",
            ("model", "log-likelihood per new image, nats", "share of good samples"),
            rows,
            note=f"On {SAMPLES:,} new images and {SAMPLES:,} samples of each model.",
        )
        result.add_figure("Samples of the models", _strips(samples), caption=_CAPTION)
        data_row, mixture_row, memorized_row = rows
        result.check_at_most(
            "likelihood that A loses, in nats", data_row[1] - mixture_row[1], -math.log(self.share), within=1e-9
        )
        result.check_equal(
            "A's share of good samples", mixture_row[2], self.share * data_row[2], within=4 * _error(self.share)
        )
        result.check_at_least("B's share of good samples", memorized_row[2], 0.9 * data_row[2])
        result.check_at_least("likelihood that B loses, in nats", data_row[1] - memorized_row[1], 100.0)
        result.check_at_least("A's likelihood over B's, in nats", mixture_row[1] - memorized_row[1], 100.0)


_CAPTION = (
    "Three rows of samples: the data's own density draws digits; model A, whose likelihood is almost as high, draws "
    "noise; model B, whose likelihood is lowest by far, draws digits."
)


def _digits(components: int, seed: int) -> Any:
    from sklearn.datasets import load_digits
    from sklearn.mixture import GaussianMixture

    images = load_digits().data / 16.0
    fitted = GaussianMixture(components, reg_covar=2e-3, random_state=seed % 2**32, max_iter=30, tol=1e-2).fit(images)
    parts = [theory.Gaussian(m, covariance=c) for m, c in zip(fitted.means_, fitted.covariances_, strict=True)]
    return theory.Mixture(fitted.weights_ / fitted.weights_.sum(), parts)


def _error(share: float) -> float:
    """The standard error of a share counted on `SAMPLES` samples."""
    return math.sqrt(share * (1 - share) / SAMPLES)


def _strips(samples_by_model: dict[str, Any]) -> Any:
    figure, axes = new_figure(len(samples_by_model), 1, height=1.05)
    for panel, (name, samples) in zip(axes, samples_by_model.items(), strict=True):
        strip = samples[:14].reshape(14, 8, 8).clip(0, 1)
        panel.imshow(
            np.concatenate(np.pad(strip, ((0, 0), (0, 0), (0, 1)), constant_values=0.5), axis=1), cmap="gray_r"
        )
        panel.set_title(name, fontsize=9.5)
        panel.set_axis_off()
    return figure
