"""What every objective claims, held to closed forms and to `twoplayer.theory` by quadrature in float64."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from twoplayer import objectives, theory
from twoplayer.config.resolve import merge_layers
from twoplayer.core import ranges
from twoplayer.core.errors import UserError
from twoplayer.objectives._base import Objective
from twoplayer.objectives._divergence import Divergence
from twoplayer.objectives._omega import log_omega
from twoplayer.objectives._separable import Separable
from twoplayer.objectives._variational import Variational
from twoplayer.objectives.least_squares import LeastSquares
from twoplayer.testing import check_objective
from twoplayer.testing._quadrature import QuadratureNodes, quadrature
from twoplayer.theory import Density, Gaussian, Mixture

VARIED: list[tuple[str, dict[str, Any]]] = [
    *[("fgan-alpha", {"alpha": a}) for a in (-1.0, 2.0, 3.0)],
    *[("fgan-weighted-js", {"weight": w}) for w in (0.1, 0.9)],
    ("least-squares", {"a": -1.0, "b": 1.0, "c": 0.0}),
    ("least-squares", {"a": 0.5, "b": -1.0, "c": 0.25}),
    ("relativistic", {"relative_to": "average"}),
]
CASES = [(name, dict[str, Any]()) for name in objectives.names()] + VARIED
MADE = [(name, options, objectives.create(name, **options)) for name, options in CASES]
FAMILY = [(n, o, m) for n, o, m in MADE if isinstance(m, Variational)]
SHARP = [(n, o, m) for n, o, m in MADE if m.pointwise]
DESCENDING = [(n, o, m) for n, o, m in SHARP if isinstance(m, Separable)]
DESCENDING += [
    (n, {**o, "generator_loss": "minimax"}, objectives.create(n, **o, generator_loss="minimax")) for n, o, _ in FAMILY
]


def each(cases: list[tuple[str, dict[str, Any], Objective]]) -> pytest.MarkDecorator:
    ids = ["-".join([name, *map(str, options.values())]) for name, options, _ in cases]
    return pytest.mark.parametrize("objective", [objective for _, _, objective in cases], ids=ids)


# ---- the divergences, by other means than the objectives'


def same_pair_both_ways(p: Density, q: Density) -> float:
    """JSD(p⊗q‖q⊗p): of the products themselves, in twice the dimension."""
    return theory.jensen_shannon(product(p, q), product(q, p))


def product(p: Density, q: Density) -> Density:
    """The law of independent (x, y), x from p and y from q: Gaussians and mixtures of Gaussians alone."""
    both = [(v * w, beside(a, b)) for v, a in p.pieces() for w, b in q.pieces()]
    return Mixture(*zip(*both, strict=True)) if len(both) > 1 else both[0][1]


def beside(a: Density, b: Density) -> Gaussian:
    d = a.dimension
    covariance = np.zeros((2 * d, 2 * d))
    covariance[:d, :d], covariance[d:, d:] = a.covariance, b.covariance
    return Gaussian(np.concatenate([a.mean, b.mean]), covariance=covariance)


EXACT: dict[str, Callable[[Density, Density, Any], float]] = {
    "minimax": lambda p, q, _: theory.jensen_shannon(p, q),
    "non-saturating": lambda p, q, _: theory.jensen_shannon(p, q),
    "least-squares": lambda p, q, _: theory.triangular(p, q),
    "hinge": lambda p, q, _: theory.total_variation(p, q),
    "relativistic": lambda p, q, _: same_pair_both_ways(p, q),
    "fgan-total-variation": lambda p, q, _: theory.total_variation(p, q),
    "fgan-kl": lambda p, q, _: theory.kl(p, q),
    "fgan-reverse-kl": lambda p, q, _: theory.reverse_kl(p, q),
    "fgan-pearson": lambda p, q, _: theory.pearson(p, q),
    "fgan-neyman": lambda p, q, _: theory.neyman(p, q),
    "fgan-squared-hellinger": lambda p, q, _: theory.squared_hellinger(p, q),
    "fgan-jeffrey": lambda p, q, _: theory.jeffrey(p, q),
    "fgan-js": lambda p, q, _: 2 * theory.jensen_shannon(p, q),
    "fgan-gan": lambda p, q, _: 2 * theory.jensen_shannon(p, q) - math.log(4),
    "fgan-weighted-js": lambda p, q, o: theory.jensen_shannon(p, q, o.weight),
    "fgan-alpha": lambda p, q, o: theory.alpha_divergence(p, q, o.alpha),
}
ROUND = np.eye(2)
PAIRS: dict[str, tuple[Density, Density]] = {
    "gaussians": (Gaussian(0.0, 1.0), Gaussian(0.8, 1.1)),
    "mixtures": (
        Mixture([0.4, 0.6], [Gaussian(-1.0, 0.7), Gaussian(1.5, 0.9)]),
        Mixture([0.7, 0.3], [Gaussian(-1.0, 0.7), Gaussian(1.2, 0.9)]),
    ),
    "plane": (Gaussian([-1.0, 0.0], covariance=ROUND), Gaussian([1.0, 0.0], covariance=ROUND)),
}


def nodes_for(objective: Objective, pair: str) -> QuadratureNodes:
    return quadrature(*PAIRS[pair], few=not isinstance(objective, Separable))


def at_optimum(objective: Objective, nodes: QuadratureNodes) -> float:
    best = objective.optimal_output(nodes.log_ratio)
    return float(objective.estimate(best, best, nodes.weights))


# ---- the estimate


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(("name", "options", "objective"), SHARP, ids=[f"{n}-{o}" for n, o, _ in SHARP])
def test_the_optimal_critic_reaches_the_divergence(
    name: str, options: dict[str, Any], objective: Objective, pair: str, record_property: Callable[[str, Any], None]
) -> None:
    error = abs(at_optimum(objective, nodes_for(objective, pair)) - EXACT[name](*PAIRS[pair], objective))
    record_property("contract_error", error)
    assert error < 1e-6


@each([case for case in MADE if case[0] != "began"] + DESCENDING)
def test_the_contract(objective: Objective) -> None:
    exchanged = isinstance(objective, LeastSquares) and objective.a > objective.b
    check_objective(objective, directions=not exchanged)


@each([(n, o, m) for n, o, m in SHARP if n != "hinge"])
def test_the_estimate_is_flat_at_the_optimal_output(objective: Objective) -> None:
    nodes = quadrature(*PAIRS["gaussians"], few=True)
    best = objective.optimal_output(nodes.log_ratio).requires_grad_()
    (slope,) = torch.autograd.grad(objective.estimate(best, best, nodes.weights), best)
    assert slope.abs().max() < 1e-10


@each([(n, o, m) for n, o, m in SHARP if isinstance(m, Separable)])
def test_the_optimal_output_is_best_ratio_by_ratio(objective: Separable) -> None:
    ratios = torch.logspace(-3, 3, 61, 10, dtype=torch.float64)

    def loss(output: Tensor) -> Tensor:
        return ratios * objective.real_terms(output) + objective.fake_terms(output)

    best = objective.optimal_output(ratios.log())
    least = loss(best)
    for step in (1e-3, 0.1, 1.0, 5.0):
        for other in (best.clamp(-40, 40) + step, best.clamp(-40, 40) - step):
            assert (loss(other) - least >= -1e-12 * (1 + least.abs())).all()


# ---- the variational family

RATIOS = torch.tensor([0.12, 0.2, 0.7, 1.0, 1.5, 4.0, 8.0], dtype=torch.float64)


def slope_of(f: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    at = at.detach().requires_grad_()
    (slope,) = torch.autograd.grad(f(at).sum(), at)
    return slope


@each(FAMILY)
def test_the_conjugate_is_the_supremum_over_ratios(objective: Variational) -> None:
    outputs = torch.linspace(-1.9, 4, 13, dtype=torch.float64)
    t = objective.activation(outputs)
    u = torch.logspace(-8, 8, 200_001, 10, dtype=torch.float64)
    found = torch.stack([(u * at - objective.f(u)).max() for at in t])
    assert torch.allclose(found, objective.conjugate(t), rtol=1e-6, atol=1e-6)


@each(FAMILY)
def test_the_conjugate_of_the_conjugate_is_f(objective: Variational) -> None:
    t = objective.activation(torch.linspace(-50, 50, 400_001, dtype=torch.float64))
    t = t[
        (t > objective.conjugate_domain[0]) & (t < objective.conjugate_domain[1])
    ]  # rounding puts the last on the end
    conjugate = objective.conjugate(t)
    found = torch.stack([(u * t - conjugate).max() for u in RATIOS])
    assert torch.allclose(found, objective.f(RATIOS), rtol=1e-6, atol=1e-6)


@each(FAMILY)
def test_f_touches_its_conjugate_at_its_slope(objective: Variational) -> None:
    t = slope_of(objective.f, RATIOS)
    assert torch.allclose(RATIOS * t - objective.conjugate(t), objective.f(RATIOS), rtol=1e-9, atol=1e-12)
    assert torch.allclose(objective.activation(objective.optimal_output(RATIOS.log())), t, rtol=1e-9, atol=1e-12)


@each(FAMILY)
def test_the_threshold_is_the_slope_where_no_one_can_tell(objective: Variational) -> None:
    one = torch.ones((), dtype=torch.float64)
    assert objective.threshold == pytest.approx(slope_of(objective.f, one).item(), abs=1e-12)
    assert objective.threshold == pytest.approx(objective.activation(objective.optimal_output(one.log())).item())


@each(FAMILY)
def test_the_composed_conjugate_is_the_conjugate_composed(objective: Variational) -> None:
    v = torch.linspace(-8, 8, 161, dtype=torch.float64)
    composed = objective.conjugate(objective.activation(v))
    assert torch.allclose(objective.conjugate_of_activation(v), composed, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@each(FAMILY)
def test_the_activation_increases_and_stays_in_the_domain(objective: Variational, dtype: torch.dtype) -> None:
    t = objective.activation(torch.linspace(-50, 50, 1001, dtype=dtype))
    low, high = torch.tensor(objective.conjugate_domain, dtype=dtype)
    assert (t.diff() >= 0).all() and t[-1] > t[0] and t.isfinite().all()
    assert low - 1e-7 <= t[0] and t[-1] <= high + 1e-7  # the ends themselves by rounding


@pytest.mark.parametrize("z", [-700.0, -50.0, -1.0, 0.5, 1.0, 1.5, 50.0, 1e6])
def test_wright_omega(z: float) -> None:
    at = torch.tensor(z, dtype=torch.float64)
    y = log_omega(at)
    assert (y + y.exp()).item() == pytest.approx(z, rel=1e-14)
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        assert check(log_omega, (torch.tensor([z / 100], dtype=torch.float64).requires_grad_(),))


# ---- what the generator follows


@each(DESCENDING)
def test_the_generators_loss_is_the_first_variation_of_what_it_follows(objective: Separable) -> None:
    """φ(u) − u φ′(u) = ψ(u) + const."""
    phi = objective.generator_divergence.f
    assert phi is not None
    variation = phi(RATIOS) - RATIOS * slope_of(phi, RATIOS)
    loss = objective.generator_terms(objective.optimal_output(RATIOS.log()))
    apart = variation - loss
    assert torch.allclose(apart, apart[3].expand_as(apart), rtol=0, atol=1e-9 * (1 + float(loss.abs().max())))


def moved(nodes: QuadratureNodes, mean: Tensor, log_deviation: Tensor) -> Tensor:
    """Log-density of N(mean, e^(2 log_deviation)) at the nodes."""
    away = (nodes.points[:, 0] - mean) * (-log_deviation).exp()
    return -0.5 * away.square() - log_deviation - 0.5 * math.log(2 * math.pi)


def model() -> tuple[Tensor, Tensor]:
    """Parameters of the second of the pair "gaussians"."""
    mean, log_deviation = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (0.8, math.log(1.1)))
    return mean, log_deviation


@each(DESCENDING)
def test_the_gradient_of_the_generators_loss(objective: Separable) -> None:
    """In mean and log-deviation of a Gaussian model, the critic held fixed."""
    nodes, theta = quadrature(*PAIRS["gaussians"]), model()
    log_q = moved(nodes, *theta)
    critic = objective.optimal_output(nodes.log_ratio)  # of the model as it stands
    q = nodes.widths * log_q.exp()
    loss = (q * objective.generator_terms(critic)).sum()
    assert objective.generator_divergence.f is not None
    wanted = (q * objective.generator_divergence.f((nodes.log_p - log_q).exp())).sum()
    found, expected = (torch.stack(torch.autograd.grad(x, theta, retain_graph=True)) for x in (loss, wanted))
    assert torch.allclose(found, expected, rtol=1e-7, atol=1e-8)
    assert expected.abs().max() > 1e-3


@each(
    [(n, {"generator_loss": "minimax", **o}, objectives.create(n, **o, generator_loss="minimax")) for n, o, _ in FAMILY]
)
def test_the_minimax_loss_of_the_family_descends_the_divergence_itself(objective: Variational) -> None:
    followed, divergence = objective.generator_divergence, objective.divergence
    assert (followed.name, followed.formula, followed.unit) == (divergence.name, divergence.formula, divergence.unit)
    assert followed.f is not None and torch.equal(followed.f(RATIOS), objective.f(RATIOS))


def test_the_paired_relativistic_generator_follows_what_it_says() -> None:
    """KL(q‖p) − JSD(p⊗q‖q⊗p), its loss being the critic's with the sides exchanged."""
    objective = objectives.create("relativistic")
    nodes, theta = quadrature(*PAIRS["gaussians"], few=True), model()
    log_q, critic = moved(nodes, *theta), nodes.log_ratio
    p, q = nodes.weights[0], nodes.widths * log_q.exp()
    loss = -objective.estimate(critic, critic, (q, p))
    ratio = nodes.log_p - log_q
    ordered = -torch.nn.functional.softplus(ratio - ratio[:, None])  # log of twice the share of p⊗q in the mixture
    wanted = -(q * ratio).sum() - p @ ordered @ q
    found, expected = (torch.stack(torch.autograd.grad(x, theta, retain_graph=True)) for x in (loss, wanted))
    assert torch.allclose(found, expected, rtol=1e-7, atol=1e-8)


# ---- what divergences are called


def stated() -> dict[str, list[Divergence]]:
    """Every divergence that an objective estimates or follows, by name."""
    found: dict[str, list[Divergence]] = {}
    minimax = [objectives.create(n, **o, generator_loss="minimax") for n, o, _ in FAMILY]
    for objective in [*(made for _, _, made in MADE), *minimax]:
        for divergence in (objective.divergence, objective.generator_divergence):
            found.setdefault(divergence.name, []).append(divergence)
    return found


@pytest.mark.parametrize("name", [n for n in stated() if "weighted" not in n and "to the mixture" not in n])
def test_one_name_is_one_formula_and_one_function(name: str) -> None:
    """Up to a multiple of u − 1, which integrates to nought; names whose weights or labels are options apart."""
    first, *others = stated()[name]
    away = RATIOS[RATIOS != 1]
    for other in others:
        assert other.formula.split(" = ")[0] == first.formula.split(" = ")[0] and other.unit == first.unit
        assert (other.f is None) == (first.f is None)
        if first.f is not None and other.f is not None:
            slopes = (other.f(away) - first.f(away)) / (away - 1)
            assert torch.allclose(slopes, slopes[0].expand_as(slopes), atol=1e-12)


def test_units_are_units() -> None:
    units = {divergence.unit for divergences in stated().values() for divergence in divergences}
    lengths = {"pixel error", "distance between samples, times the critic's slope"}
    assert units == {"nats", "1", "probability"} | lengths


# ---- relations


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0, 3.0])
def test_the_value_of_the_game_is_twice_jsd_less_log_4(shift: float) -> None:
    """Goodfellow et al. 2014, theorem 1."""
    p, q = Gaussian(0.0, 1.0), Gaussian(shift, 1.0 + shift / 10)
    points, widths = theory.grid(p, q)
    log_p, log_q = torch.as_tensor(p.log_density(points)), torch.as_tensor(q.log_density(points))
    weights = (torch.as_tensor(widths) * log_p.exp(), torch.as_tensor(widths) * log_q.exp())
    best = (log_p - log_q).sigmoid()
    value = float((weights[0] * best.log()).sum() + (weights[1] * (1 - best).log()).sum())
    assert value == pytest.approx(2 * theory.jensen_shannon(p, q) - math.log(4), abs=1e-9)
    output = objectives.create("minimax").optimal_output(log_p - log_q)
    assert float(objectives.create("minimax").estimate(output, output, weights)) == pytest.approx(
        (value + math.log(4)) / 2, abs=1e-9
    )
    assert value >= -math.log(4) - 1e-12 and (shift > 0) == (value > -math.log(4) + 1e-6)


def test_maximum_likelihood_is_minimal_kl() -> None:
    """KL(p‖q) + E_p log q = −H(p), whatever the model q."""
    data, objective = PAIRS["mixtures"][0], objectives.create("fgan-kl")
    found = []
    for mean, deviation in [(0.5, 1.5), (0.0, 2.0), (1.0, 1.2), (-1.0, 1.0)]:
        q = Gaussian(mean, deviation)
        points, widths = theory.grid(data, q)
        log_p, log_q = torch.as_tensor(data.log_density(points)), torch.as_tensor(q.log_density(points))
        weights = (torch.as_tensor(widths) * log_p.exp(), torch.as_tensor(widths) * log_q.exp())
        best = objective.optimal_output(log_p - log_q)
        likelihood = float((weights[0] * log_q).sum())
        found.append((float(objective.estimate(best, best, weights)), likelihood))
    for divergence, likelihood in found:
        assert divergence + likelihood == pytest.approx(-theory.entropy(data), abs=1e-8)
    assert min(found)[1] == max(likelihood for _, likelihood in found)


def test_the_gan_of_the_family_is_the_original_game() -> None:
    outputs = torch.linspace(-5, 5, 11), torch.linspace(-4, 6, 11)
    ours = {kind: objectives.create("fgan-gan", generator_loss=kind) for kind in ("alternative", "minimax")}
    for kind, name in (("alternative", "non-saturating"), ("minimax", "minimax")):
        other = objectives.create(name)
        assert torch.equal(ours[kind].critic_loss(*outputs), other.critic_loss(*outputs))
        assert torch.equal(ours[kind].generator_loss(outputs[1]), other.generator_loss(outputs[1]))


# ---- objectives that no density ratio answers


def test_which_optima_are_functions_of_the_ratio() -> None:
    without = {(name, *options.values()) for name, options, objective in MADE if not objective.pointwise}
    assert without == {("wasserstein",), ("began",), ("relativistic", "average")}
    assert {name for name, _, _ in SHARP} == set(EXACT)


@pytest.mark.parametrize(
    ("name", "options", "advice"),
    [
        ("wasserstein", {}, "Kantorovich potential"),
        ("began", {}, "no density ratio determines"),
        ("relativistic", {"relative_to": "average"}, "set relative_to to pair"),
    ],
)
def test_asking_for_them_is_answered_in_a_sentence(name: str, options: dict[str, Any], advice: str) -> None:
    with pytest.raises(UserError, match=advice):
        objectives.create(name, **options).optimal_output(torch.zeros(3))


@pytest.mark.parametrize("pair", ["gaussians", "mixtures"])
def test_a_kantorovich_potential_reaches_the_wasserstein_distance(
    pair: str, record_property: Callable[[str, Any], None]
) -> None:
    objective, (p, q) = objectives.create("wasserstein"), PAIRS[pair]
    nodes = quadrature(*PAIRS[pair])
    potential = torch.as_tensor(theory.kantorovich_potential(p, q)(nodes.points.numpy())).reshape(-1)
    exact = theory.wasserstein(p, q)
    error = abs(float(objective.estimate(potential, potential, nodes.weights)) - exact)
    record_property("contract_error", error)
    assert error < 1e-6
    assert objective.needs_lipschitz and float(objective.estimate(3 * potential, 3 * potential, nodes.weights)) > exact
    for frequency in (0.1, 0.5, 2.0):
        for phase in np.linspace(0, 2 * np.pi, 12):
            other = torch.sin(frequency * nodes.points[:, 0] + phase) / frequency  # 1-Lipschitz
            assert objective.estimate(other, other, nodes.weights) <= exact + 1e-9


@pytest.mark.parametrize(("low", "high", "ordered"), [((0, 1), (2, 3), True), ((0, 3), (1, 2), False)])
def test_began_bounds_the_distance_of_errors_from_below(
    low: tuple[float, float], high: tuple[float, float], ordered: bool
) -> None:
    real, fake = np.linspace(*low, 101), np.linspace(*high, 101) ** 1.1
    exact = theory.wasserstein(theory.Empirical(real[:, None]), theory.Empirical(fake[:, None]))
    for sides in ((real, fake), (fake, real)):
        found = float(objectives.create("began").estimate(*map(torch.as_tensor, sides)))
        assert found == pytest.approx(exact, abs=1e-9) if ordered else 0 <= found < exact - 0.1


def best_against_average(p: Tensor, q: Tensor) -> tuple[Tensor, float]:
    """The optimal outputs on atoms of probabilities `p` and `q`, and the estimate there, by Newton-like descent."""
    objective = objectives.create("relativistic", relative_to="average")
    outputs = (p.log() - q.log()).detach().requires_grad_()
    descent = torch.optim.LBFGS([outputs], max_iter=500, tolerance_grad=1e-13, tolerance_change=0, history_size=20,
                                line_search_fn="strong_wolfe")  # fmt: skip

    def closure() -> Tensor:
        descent.zero_grad()
        loss: Tensor = -objective.estimate(outputs, outputs, (p, q))
        loss.backward()
        return loss

    descent.step(closure)
    return outputs.detach(), -closure().item()


def test_the_relativistic_average_is_a_divergence_and_its_generator_follows_what_it_says() -> None:
    objective = objectives.create("relativistic", relative_to="average")
    p = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    for seed in range(20):  # where the sides are one no critic gains, and a constant loses nothing
        outputs = torch.randn(4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        assert objective.estimate(outputs, outputs, (p, p)) < 0
        assert -10 < objective.estimate(outputs * 9, outputs * 9, (p, p.flip(0))) < math.log(2)
    assert objective.estimate(p * 0, p * 0, (p, p)).item() == pytest.approx(0, abs=1e-15)
    apart = torch.tensor([0.0, 40.0], dtype=torch.float64)
    assert objective.estimate(apart[1:], apart[:1]).item() == pytest.approx(math.log(2), abs=1e-12)

    logits = torch.tensor([0.4, 0.1, -0.3, 0.2], dtype=torch.float64, requires_grad=True)
    q = logits.softmax(0)
    best, most = best_against_average(p, q.detach())
    assert 0.01 < most < math.log(2)
    loss = -2 * objective.estimate(best, best, (q, p))  # the critic's loss with the sides exchanged
    (found,) = torch.autograd.grad(loss, logits, retain_graph=True)
    (means,) = torch.autograd.grad(2 * (p @ best - q @ best), logits)

    def exact(step: Tensor) -> float:
        return best_against_average(p, (logits.detach() + step).softmax(0))[1]

    steps = 1e-4 * torch.eye(4, dtype=torch.float64)
    slopes = torch.tensor([(exact(s) - exact(-s)) / 2e-4 for s in steps])
    assert torch.allclose(found, means - 2 * slopes, atol=1e-6)


# ---- large outputs


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@each([*MADE, *DESCENDING, *[("fgan-alpha", {"alpha": a}, objectives.create("fgan-alpha", alpha=a))
                             for a in (-20.0, 0.01, 0.9, 0.999, 1.001, 1.1, 20.0)]])  # fmt: skip
def test_losses_and_gradients_stay_finite_at_large_outputs(objective: Objective, dtype: torch.dtype) -> None:
    for real, fake in ((50.0, -50.0), (-50.0, 50.0), (50.0, 50.0), (-50.0, -50.0), (0.0, 0.0)):
        on_real, on_fake = (torch.full((4,), x, dtype=dtype, requires_grad=True) for x in (real, fake))
        critic = objective.critic_loss(on_real, on_fake)
        generator = objective.generator_loss(on_fake, on_real if objective.uses_real_outputs else None)
        for value in (critic, generator, objective.estimate(on_real, on_fake)):
            assert value.dtype == torch.promote_types(dtype, torch.float32) and value.isfinite()
            slopes = torch.autograd.grad(value, (on_real, on_fake), allow_unused=True)
            assert all(slope.isfinite().all() for slope in slopes if slope is not None)


@each(FAMILY)
def test_stable_expressions_are_right_where_the_plain_ones_are_not(objective: Variational) -> None:
    """The slope of f*(g(v)) is f*′(g) g′, and f*′ at the optimum of a ratio is that ratio."""
    log_ratio = torch.tensor([-20.0, -5.0, 5.0, 12.0], dtype=torch.float64)
    best = objective.optimal_output(log_ratio)
    if best.isinf().all():
        assert torch.equal(best.sign(), log_ratio.sign())
        return
    composed, plain = slope_of(objective.conjugate_of_activation, best), slope_of(objective.activation, best)
    assert torch.allclose(composed, log_ratio.exp() * plain, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("alpha", "departs", "overflows"),
    [(-20.0, False, False), (0.01, False, False), (0.588, False, False), (0.589, True, False), (0.633, True, False),
     (0.634, True, True), (0.99, True, True), (1.01, False, False), (1.06, False, False), (20.0, False, False)],
)  # fmt: skip
def test_where_the_alpha_divergences_bound_leaves_float32(alpha: float, departs: bool, overflows: bool) -> None:
    objective = objectives.create("fgan-alpha", alpha=alpha)
    v = torch.linspace(-50, 50, 2001)
    exact, found = objective.conjugate_of_activation(v.double()), objective.conjugate_of_activation(v)
    error = (found - exact).abs() / (1 + exact.abs())
    assert (float(error.max()) > 1e-3) == departs and (float(error.max()) < 1e-4) != departs
    assert (float(exact.max()) > torch.finfo(torch.float32).max) == overflows
    assert found.isfinite().all()


# ---- mistakes


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("fgan-alpha", {"alpha": 0}, r"alpha must be a number other than 0 \(take fgan-reverse-kl\) and 1"),
        ("fgan-alpha", {"alpha": 1.0}, r"and 1 \(take fgan-kl\), not 1.0$"),
        ("fgan-alpha", {"alpha": math.inf}, "alpha must be a finite number, not inf"),
        ("fgan-weighted-js", {"weight": 0.0}, "weight must be greater than 0, not 0.0"),
        ("fgan-weighted-js", {"weight": 1.0}, "weight must be less than 1, not 1.0"),
        ("fgan-weighted-js", {"weight": math.nan}, "weight must be a finite number, not nan"),
    ],
)
def test_options_out_of_range_are_told_in_a_sentence(name: str, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as said:
        objectives.create(name, **options)
    assert "\n" not in str(said.value)
    with pytest.raises(UserError) as told:
        merge_layers([{"data": {"name": "ring"}, "objective": {"name": name, **options}}], "points", {})
    assert str(told.value) == f"objective.{str(said.value).replace(' ', ': ', 1)}"


def test_ranges_know_no_objective() -> None:
    said = inspect.getsource(ranges)
    assert not [name for name in objectives.names() if name in said]


def test_least_squares_needs_two_labels() -> None:
    with pytest.raises(UserError, match="a and b are both 1"):
        objectives.create("least-squares", a=1.0)
