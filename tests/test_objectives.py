"""The contract of the objective family, parametrised over its registry, and every loss in closed form."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import lambertw
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from twoplayer import objectives
from twoplayer.core.errors import UserError
from twoplayer.objectives._base import AdaptiveObjective, Objective
from twoplayer.testing import check_objective

CASES: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in objectives.names()]
CASES += [("relativistic", {"relative_to": "average"}), ("least-squares", {"a": -1.0, "b": 1.0, "c": 0.0})]
CASES += [("fgan-alpha", {"alpha": 3.0}), ("fgan-weighted-js", {"weight": 0.9})]
CASES += [("fgan-kl", {"generator_loss": "minimax"})]
IDS = ["-".join([name, *map(str, options.values())]) for name, options in CASES]
EACH = pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
RANDOM = np.random.default_rng(0)
REAL, FAKE = RANDOM.normal(1, 2, 50), RANDOM.normal(-1, 2, 50)


def outputs(low: float, high: float, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.linspace(low, high, 12, dtype=dtype).requires_grad_()


def losses(objective: Objective, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    return objective.critic_loss(real, fake), objective.generator_loss(
        fake, real if objective.uses_real_outputs else None
    )


def ready(name: str, **options: Any) -> Objective:
    """The objective in a state in which both sides count."""
    objective: Objective = objectives.create(name, **options)
    for buffer in objective.buffers():
        buffer.fill_(0.5)
    return objective


# ---- the contract


@EACH
def test_the_contract(name: str, options: dict[str, Any]) -> None:
    check_objective(ready(name, **options))


@EACH
def test_state_and_words(name: str, options: dict[str, Any]) -> None:
    objective = ready(name, **options)
    assert repr(objective).startswith(type(objective).__name__)
    fresh = objectives.create(name, **options)
    fresh.load_state_dict(objective.state_dict())
    real, fake = outputs(-1, 1).detach().float(), outputs(-2, 1).detach().float()
    assert losses(fresh, real, fake) == losses(objective, real, fake)
    about = objectives.describe(name)
    assert about.summary and about.source
    public = importlib.import_module(about.module).__all__
    assert public == [type(objective).__name__]


def test_unknown_names_and_options_are_the_users_mistake() -> None:
    with pytest.raises(UserError, match="did you mean hinge"):
        objectives.create("hing")
    with pytest.raises(UserError, match="least-squares has no option 'd'"):
        objectives.create("least-squares", d=1)


# ---- closed forms


def ones_and_zeros(real: Tensor, fake: Tensor) -> Tensor:
    """Binary cross-entropy of a critic that shall call real 1 and fake 0."""
    return cross_entropy(real, torch.ones_like(real)) + cross_entropy(fake, torch.zeros_like(fake))


def log_sigmoid(x: np.ndarray) -> np.ndarray:
    return -np.logaddexp(0, -x)


def lambert(t: np.ndarray) -> np.ndarray:
    """W(e^(1 − t))."""
    return lambertw(np.exp(1 - t)).real


def variational(
    name: str, g: Callable[[np.ndarray], np.ndarray], conjugate: Callable[[np.ndarray], np.ndarray], **options: Any
) -> list[tuple[str, dict[str, Any], float, float]]:
    """Both generator losses of an f-GAN with the activation g and the conjugate f*, as the paper's table has them."""
    dual = conjugate(g(FAKE)).mean()
    critic = dual - g(REAL).mean()
    return [(name, options, critic, -g(FAKE).mean()), (name, {**options, "generator_loss": "minimax"}, critic, -dual)]


def weighted(pi: float) -> list[tuple[str, dict[str, Any], float, float]]:
    return variational(
        "fgan-weighted-js",
        lambda v: -pi * np.log(pi) + log_sigmoid(v),
        lambda t: (1 - pi) * np.log((1 - pi) / (1 - pi * np.exp(t / pi))),
        weight=pi,
    )


def of_order(alpha: float, g: Callable[[np.ndarray], np.ndarray]) -> list[tuple[str, dict[str, Any], float, float]]:
    power = alpha / (alpha - 1)
    return variational("fgan-alpha", g, lambda t: ((t * (alpha - 1) + 1) ** power - 1) / alpha, alpha=alpha)


CLOSED: list[tuple[str, dict[str, Any], float, float]] = [
    (
        "minimax",
        {},
        float(ones_and_zeros(torch.tensor(REAL), torch.tensor(FAKE))),
        -float(cross_entropy(torch.tensor(FAKE), torch.zeros(50, dtype=torch.float64))),
    ),
    (
        "non-saturating",
        {},
        float(ones_and_zeros(torch.tensor(REAL), torch.tensor(FAKE))),
        float(cross_entropy(torch.tensor(FAKE), torch.ones(50, dtype=torch.float64))),
    ),
    ("least-squares", {}, ((REAL - 1) ** 2).mean() / 2 + (FAKE**2).mean() / 2, ((FAKE - 1) ** 2).mean() / 2),
    (
        "least-squares",
        {"a": -1.0, "b": 1.0, "c": 0.0},
        ((REAL - 1) ** 2).mean() / 2 + ((FAKE + 1) ** 2).mean() / 2,
        (FAKE**2).mean() / 2,
    ),
    ("wasserstein", {}, FAKE.mean() - REAL.mean(), -FAKE.mean()),
    ("hinge", {}, np.maximum(0, 1 - REAL).mean() + np.maximum(0, 1 + FAKE).mean(), -FAKE.mean()),
    ("relativistic", {}, -log_sigmoid(REAL - FAKE).mean(), -log_sigmoid(FAKE - REAL).mean()),
    (
        "relativistic",
        {"relative_to": "average"},
        -log_sigmoid(REAL - FAKE.mean()).mean() - log_sigmoid(REAL.mean() - FAKE).mean(),
        -log_sigmoid(FAKE - REAL.mean()).mean() - log_sigmoid(FAKE.mean() - REAL).mean(),
    ),
    ("began", {}, REAL.mean() - 0.5 * FAKE.mean(), FAKE.mean()),
    *variational("fgan-total-variation", lambda v: np.tanh(v) / 2, lambda t: t),
    *variational("fgan-kl", lambda v: v, lambda t: np.exp(t - 1)),
    *variational("fgan-reverse-kl", lambda v: -np.exp(-v), lambda t: -1 - np.log(-t)),
    *variational("fgan-pearson", lambda v: v, lambda t: t**2 / 4 + t),
    *variational("fgan-neyman", lambda v: 1 - np.exp(-v), lambda t: 2 - 2 * np.sqrt(1 - t)),
    *variational("fgan-squared-hellinger", lambda v: 1 - np.exp(-v), lambda t: t / (1 - t)),
    *variational("fgan-jeffrey", lambda v: v, lambda t: lambert(t) + 1 / lambert(t) + t - 2),
    *variational("fgan-js", lambda v: np.log(2) + log_sigmoid(v), lambda t: -np.log(2 - np.exp(t))),
    *variational("fgan-gan", log_sigmoid, lambda t: -np.log(1 - np.exp(t))),
    *weighted(0.5),
    *weighted(0.2),
    *of_order(0.5, lambda v: 2 + log_sigmoid(v)),
    *of_order(-1.5, lambda v: 0.4 + log_sigmoid(v)),
    *of_order(2.5, lambda v: np.logaddexp(0, v) - 1 / 1.5),
]


@pytest.mark.parametrize(
    ("name", "options", "critic", "generator"), CLOSED, ids=["-".join([c[0], *map(str, c[1].values())]) for c in CLOSED]
)
def test_closed_form(name: str, options: dict[str, Any], critic: float, generator: float) -> None:
    found = losses(ready(name, **options).double(), torch.tensor(REAL), torch.tensor(FAKE))
    assert [loss.item() for loss in found] == pytest.approx([critic, generator], rel=1e-12)


def test_every_objective_has_a_closed_form() -> None:
    assert {name for name, *_ in CLOSED} == set(objectives.names())


def test_minimax_is_minus_log_4_where_the_critic_cannot_tell() -> None:
    nothing = torch.zeros(8, dtype=torch.float64)
    value = -objectives.create("minimax").critic_loss(nothing, nothing)
    assert value.item() == pytest.approx(-np.log(4), rel=1e-12)


def test_the_non_saturating_gradient_lives_where_the_minimax_one_dies() -> None:
    def pull(name: str) -> float:
        fake = torch.full((1,), -20.0, requires_grad=True)
        (gradient,) = torch.autograd.grad(objectives.create(name).generator_loss(fake), fake)
        return abs(gradient.item())

    assert pull("minimax") < 1e-8
    assert pull("non-saturating") == pytest.approx(1, abs=1e-6)


def test_relativistic_needs_both_sides() -> None:
    with pytest.raises(TypeError, match="outputs on real samples"):
        objectives.create("relativistic").generator_loss(torch.zeros(3))


def test_began_moves_its_balance_by_hand() -> None:
    began = objectives.create("began", diversity_ratio=0.4, proportional_gain=0.1)
    assert isinstance(began, AdaptiveObjective) and began.balance == 0
    began.adapt(torch.tensor([3.0, 5.0]), torch.tensor([1.0, 0.0]))
    assert began.balance.item() == pytest.approx(0.1 * (0.4 * 4.0 - 0.5))
    began.adapt(torch.tensor([0.0]), torch.tensor([100.0]))
    assert began.balance == 0  # held in [0, 1]
    began.adapt(torch.tensor([1000.0]), torch.tensor([0.0]))
    assert began.balance == 1
    assert "balance" in began.state_dict()


@pytest.mark.parametrize("shape", [(4, 1), (2, 2, 1), ()])
def test_outputs_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    for name in objectives.names():
        with pytest.raises(UserError, match="one dimension"):
            objectives.create(name).critic_loss(torch.zeros(shape), torch.zeros(shape))


def test_an_unknown_generator_loss_is_refused() -> None:
    with pytest.raises(UserError, match="generator"):
        objectives.create("fgan-js", generator="x")
