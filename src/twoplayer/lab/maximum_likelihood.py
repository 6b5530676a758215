"""Maximum likelihood is minimal KL(data‖model), and minimal KL(model‖data) is something else

Source: Kullback and Leibler 1951, "On Information and Sufficiency"; Goodfellow 2016, "NIPS 2016 Tutorial: Generative
Adversarial Networks", section 2.1 and figure 14.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from twoplayer import theory
from twoplayer.core.ranges import Count
from twoplayer.core.rng import numpy_generator
from twoplayer.lab._base import Demonstration
from twoplayer.lab._result import DemonstrationResult
from twoplayer.pages.plot_style import new_figure

__all__ = ["MaximumLikelihood"]

DATA = theory.Mixture([0.4, 0.6], [theory.Gaussian(-1.0, 0.5), theory.Gaussian(2.0, 1.0)])
PLACES = np.linspace(-2.0, 4.0, 121)
WIDTH = 1.2


class MaximumLikelihood(Demonstration):
    """One bell N(θ, 1.2²) for data with two: the expected likelihood, both KL divergences, and `samples` samples."""

    statement: ClassVar[str] = (
        "−E_data log q_θ(x) = H(data) + KL(data‖q_θ): the entropy does not depend on θ, so the θ of greatest "
        "likelihood is the θ of least KL(data‖model), and on samples the average log-likelihood estimates it."
    )

    def __init__(self, *, samples: Count = 20000) -> None:
        self.samples = samples

    def run(self, result: DemonstrationResult) -> None:
        models = [theory.Gaussian(place, WIDTH) for place in PLACES]
        loss = np.array([theory.cross_entropy(DATA, q) for q in models])
        forward = np.array([theory.kl(DATA, q) for q in models])
        backward = np.array([theory.kl(q, DATA) for q in models])
        points = DATA.sample(self.samples, numpy_generator(result.seed, "likelihood"))
        measured = np.array([-q.log_density(points).mean() for q in models])
        entropy = theory.entropy(DATA)
        best = {
            "greatest expected likelihood": float(PLACES[loss.argmin()]),
            "least KL(data‖model)": float(PLACES[forward.argmin()]),
            "greatest likelihood of the samples": float(PLACES[measured.argmin()]),
            "least KL(model‖data)": float(PLACES[backward.argmin()]),
        }
        result.add_figure("Likelihood and the two divergences", _curves(loss, forward, backward), caption=_CAPTION)
        result.add_table(
            "The best θ", ("by", "θ"), list(best.items()), note=f"On a grid of step {PLACES[1] - PLACES[0]:.2f}."
        )
        mean, step = float(np.ravel(DATA.mean)[0]), float(PLACES[1] - PLACES[0])
        error = float(np.std([-theory.Gaussian(mean, WIDTH).log_density(points)])) / np.sqrt(self.samples)
        result.check_equal(
            "greatest | −E log q − H − KL |", float(np.abs(loss - entropy - forward).max()), 0, within=1e-8
        )
        result.check_equal(
            "θ of greatest likelihood, against least KL",
            best["greatest expected likelihood"],
            best["least KL(data‖model)"],
            within=0,
        )
        result.check_equal(
            "θ of greatest likelihood, against the data's mean",
            best["greatest expected likelihood"],
            mean,
            within=step / 2,
        )
        nearest = int(np.abs(PLACES - mean).argmin())
        result.check_equal(
            "likelihood of samples against the expected one", measured[nearest], loss[nearest], within=4 * error
        )
        result.check_at_least("how far KL(model‖data) takes θ elsewhere", best["least KL(model‖data)"] - mean, 0.5)


_CAPTION = (
    "The negative expected log-likelihood is KL(data‖model) lifted by the data's entropy: both are least at the same "
    "θ, the data's mean, between the two bells. KL(model‖data) is least further on, towards the larger bell: it seeks "
    "a mode."
)


def _curves(loss: Any, forward: Any, backward: Any) -> Any:
    figure, (left, right) = new_figure(1, 2, height=3.2, width_ratios=(1, 1.35))
    x = np.linspace(-4, 6, 400)
    left.fill_between(x, DATA.density(x[:, None]), alpha=0.3, color="#0072b2", label="data")
    for values, name in ((forward, "by KL(data‖model)"), (backward, "by KL(model‖data)")):
        q = theory.Gaussian(float(PLACES[values.argmin()]), WIDTH)
        left.plot(x, q.density(x[:, None]), label=name)
    left.set(xlabel="x", ylabel="density", ylim=(0, 0.52))
    left.legend(fontsize=8, loc="upper left")
    for values, name in ((loss, "−E log q"), (forward, "KL(data‖model)"), (backward, "KL(model‖data)")):
        (line,) = right.plot(PLACES, values, label=name)
        right.plot(PLACES[values.argmin()], values.min(), "o", color=line.get_color())
    right.set(xlabel="θ", ylabel="nats", ylim=(0, 7))
    right.legend(fontsize=8)
    return figure
