"""The diagnosis: what detectors measure, the failure modes that a run shows, and the monitor's warnings."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from _toys import state, tensors
from twoplayer import diagnosis as family
from twoplayer import methods
from twoplayer.api.run import Run
from twoplayer.cli import main
from twoplayer.cli._settings import read_settings
from twoplayer.config.layers import resolve_config
from twoplayer.config.schema import Config
from twoplayer.core.errors import Diverged, UserError
from twoplayer.diagnosis import _data as data
from twoplayer.diagnosis import _probes as probes
from twoplayer.diagnosis import diagnose, strong_critic
from twoplayer.diagnosis._advice import _remove_flags, more_critic_steps, stabilize, strengthen_critic
from twoplayer.diagnosis._base import Advice, Indicator
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._mode_histogram import FeaturePair, ModeHistogram, classifier_confidence, mode_labels
from twoplayer.diagnosis._run_context import RunContext
from twoplayer.diagnosis._signals import final_growth, final_share, oscillations, roc_auc
from twoplayer.diagnosis._time_series import TimeSeries
from twoplayer.diagnosis.lipschitz_violation import spectral_norms
from twoplayer.diagnosis.memorization import effective_sample_size
from twoplayer.diagnosis.mode_collapse import close_pair_share
from twoplayer.diagnosis.strong_critic import constant_critic_loss
from twoplayer.games._factory import ModuleFactory
from twoplayer.games.generation import GenerationGame
from twoplayer.objectives import create as objective
from twoplayer.regularizers import create as regularizer
from twoplayer.runs.run_dir import RunFolder


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Detectors that measure few samples, with a classifier that is trained for a moment."""
    monkeypatch.setattr(probes, "CLASSIFIER_STEPS", 60)
    monkeypatch.setattr("twoplayer.diagnosis._run_context.PROBE_SAMPLES", {"points": 256, "images": 64})
    monkeypatch.setattr("twoplayer.diagnosis._run_context.COMPARED_SAMPLES", {"points": 300, "images": 150})


@pytest.fixture
def healthy(tiny: Callable[..., Any]) -> Run:
    """A run of 40 steps on the ring, a line of progress each."""
    return tiny(steps=40, log_every=1)


# ---- the family


@pytest.mark.parametrize("name", family.names())
def test_every_failure_mode_has_a_title_and_a_source(name: str) -> None:
    member, detector = family.describe(name), family.create(name)
    assert member.summary and member.source and isinstance(detector, FailureMode)
    assert detector.severity in (1, 2, 3)
    assert set(detector.supersedes) <= set(family.names())


# ---- indicators and signals


@pytest.mark.parametrize(
    ("indicator", "confidence"),
    [
        (Indicator("x", 0.5, 0.5, 1.0, ""), 0.5),
        (Indicator("x", 1.0, 0.5, 1.0, ""), 0.99),
        (Indicator("x", 7.0, 0.5, 1.0, ""), 0.99),
        (Indicator("x", 0.75, 0.5, 1.0, ""), 0.745),
        (Indicator("x", -9.0, 0.5, 1.0, ""), 0.01),
        (Indicator("x", 0.1, 0.2, 0.0, ""), 0.745),
        (Indicator("x", 1e-2, 1e-1, 1e-3, "", logarithmic=True), 0.745),
        (Indicator("x", 0.0, 1e-1, 1e-3, "", logarithmic=True), 0.99),
        (Indicator("x", math.inf, 1.0, 10.0, "", logarithmic=True), 0.99),
        (Indicator("x", math.nan, 0.5, 1.0, ""), 0.01),
    ],
)
def test_confidence_is_one_half_at_the_threshold_and_099_at_certain_values(
    indicator: Indicator, confidence: float
) -> None:
    assert indicator.confidence == pytest.approx(confidence)
    assert indicator.present == (confidence > 0.5)


def test_roc_auc_is_the_area_under_the_roc_curve() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(0)
    high, low = random.integers(2, 9, 60).astype(float), random.integers(0, 7, 41).astype(float)  # with ties
    labels = np.r_[np.ones(60), np.zeros(41)]
    assert roc_auc(high, low) == pytest.approx(roc_auc_score(labels, np.r_[high, low]))
    assert math.isnan(roc_auc(high, high[:0]))


def test_growth_is_over_what_was_usual() -> None:
    steady = np.ones(200)
    assert final_growth(steady) == 1
    assert final_growth(np.r_[steady, np.full(20, 50.0)]) == 50
    assert math.isnan(final_growth(np.ones(5)))
    assert math.isnan(final_growth(np.full(50, np.nan)))


def test_fall_is_from_the_best() -> None:
    assert final_share(np.r_[np.full(50, 2.0), np.full(50, 0.5)]) == 0.25
    assert final_share(np.r_[np.full(50, 0.5), np.full(50, 2.0)]) == 1


def dirac(penalty: float, steps: int = 4_000, rate: float = 0.1) -> np.ndarray:
    """The Dirac-GAN of Mescheder et al. 2018, section 2, by alternating gradient steps: where its one sample is.

    Data are at 0, the generator's sample at θ, the critic is D(x) = ψx, the loss f(ψθ) with f(t) = −log(1 + e^−t).
    """

    def f_prime(t: float) -> float:
        return 1 / (1 + math.exp(t))

    theta, psi, places = 1.0, 1.0, []
    for _ in range(steps):
        psi += rate * (theta * f_prime(theta * psi) - penalty * psi)
        theta -= rate * psi * f_prime(theta * psi)
        places.append(theta)
    return np.array(places)[steps // 2 :: 10, None]


def test_the_dirac_gan_oscillates_and_a_penalty_calms_it() -> None:
    wild, calm = oscillations(dirac(0.0), 0.0, 1.0), oscillations(dirac(0.3), 0.0, 1.0)
    assert wild is not None and calm is not None
    assert wild.amplitude > 0.9 and wild.crossings > 20
    assert calm.amplitude < 0.05


def test_what_sampling_alone_shows_is_no_swing() -> None:
    random = np.random.default_rng(0)
    batches = random.normal(size=(300, 64, 4)).mean(1)
    noise = math.sqrt(4 / 64)
    assert oscillations(batches, noise, 2.0).amplitude < 0.05  # type: ignore[union-attr]
    drifting = batches + np.linspace(0, 4, 300)[:, None]
    assert oscillations(drifting, noise, 2.0).crossings < 5  # type: ignore[union-attr]
    assert oscillations(batches[:5], noise, 2.0) is None


def test_a_course_forgets_what_was_repeated_and_bridges_what_is_missing() -> None:
    course = TimeSeries(
        [{"step": 1, "a": 1}, {"step": 2, "a": 9}, {"step": 2, "a": 2.0}, {"step": 3, "a": None}, {"b": 1}]
    )
    assert course.steps.tolist() == [1, 2, 3]
    assert np.array_equal(course["a"], [1, 2, np.nan], equal_nan=True)
    assert "a" in course and "c" not in course
    assert course.late("a").tolist() == [1, 2]


# ---- what is measured on players


def test_singular_values_of_normalized_layers_are_one_until_something_goes_wrong() -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 1))
    regularizer("spectral-norm").install(critic)
    assert [layer.value for layer in spectral_norms(critic)] == pytest.approx([1, 1], abs=1e-2)
    with torch.no_grad():  # a weight that moved faster than the power iteration can follow
        critic[3].parametrizations.weight.original.copy_(torch.linspace(0, 3, 216).sin()[None])
    assert spectral_norms(critic.eval())[1].value > 1.2


def test_only_batch_statistics_let_samples_talk_to_each_other() -> None:
    torch.manual_seed(0)
    samples = torch.randn(16, 3)
    alone = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    mixed = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    assert probes.batch_crosstalk(alone, samples) == 0
    assert probes.batch_crosstalk(mixed.train(), samples) > 0.05


def test_dead_and_saturated_units_are_counted() -> None:
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 5), nn.Tanh())
    with torch.no_grad():
        network[0].bias[:2] = -1e3
        network[2].bias[:1] = 1e3
        network[2].bias[1:2] = -1e3
    found = {layer.name: layer.value for layer in probes.inactive_units(network, torch.rand(64, 4))}
    assert found["1"] >= 0.25 and found["3"] == pytest.approx(0.4)


def test_a_layers_gain_is_what_it_stretches_differences_by() -> None:
    triple = nn.Linear(4, 4, bias=False)
    triple.weight = nn.Parameter(3 * torch.eye(4))
    critic = nn.Sequential(triple, nn.Identity(), nn.Linear(4, 1, bias=False))
    ((name, value), *_) = probes.layer_gains(critic, torch.randn(50, 4), torch.randn(50, 4))
    assert (name, value) == ("0", pytest.approx(3, rel=1e-5))


def test_slopes_of_a_linear_critic_are_its_weights_norm() -> None:
    critic = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))
    slopes = probes.critic_gradient_norms(critic, torch.randn(21, 3), torch.randn(30, 3), 10)
    norm = float(critic[0].weight.detach().norm())
    for side in slopes:
        assert side == pytest.approx(norm, rel=1e-5)


def test_the_pull_of_a_linear_critic_is_its_slope() -> None:
    critic = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))
    pull = probes.loss_gradient_norm(critic, objective("wasserstein"), torch.randn(20, 3), None, 8)
    assert pull == pytest.approx(float(critic[0].weight.detach().norm()), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "loss"),
    [("non-saturating", 2 * math.log(2)), ("hinge", 2.0), ("least-squares", 0.25), ("wasserstein", 0.0)],
)
def test_the_loss_of_a_constant_critic(name: str, loss: float) -> None:
    assert constant_critic_loss(objective(name)) == pytest.approx(loss, abs=1e-4)


def test_a_classifier_separates_different_distributions_only() -> None:
    torch.manual_seed(0)
    same = [torch.randn(400, 5) for _ in range(4)]
    assert abs(probes.classifier_auc(*same) - 0.5) < 0.08
    assert probes.classifier_auc(same[0], same[1] + 2, same[2], same[3] + 2) > 0.9


def test_crowding_is_one_in_a_hundred_for_the_data_themselves() -> None:
    random = np.random.default_rng(0)
    assert close_pair_share(random.normal(size=(800, 6)), random.normal(size=(800, 6))) == pytest.approx(
        0.01, abs=0.005
    )
    assert close_pair_share(random.normal(size=(800, 6)) * 1e-3, random.normal(size=(800, 6))) == 1


def test_samples_that_share_a_neighbour_count_once() -> None:
    owners = np.repeat([3, 7], 50)
    assert effective_sample_size(owners, owners, np.ones(100)) == pytest.approx(2)
    assert effective_sample_size(np.arange(100), np.arange(100), np.ones(100)) == pytest.approx(100)


# ---- the data


def test_constant_channels_and_copies_are_counted() -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 3)).astype(np.uint8)
    images[..., 1] = 9
    assert data.constant_channels(images) == [1]
    assert data.duplicate_share(images) == 0
    assert data.duplicate_share(np.concatenate([images, images[:25]])) == pytest.approx(1 / 3)
    assert data.duplicate_share(images[:10], images[5:]) == 0.5
    assert data.duplicate_share(images[:0], images) == 0


BAD_DATA: dict[str, tuple[Callable[[np.ndarray], Any], str]] = {
    "[0, 1] taken for [-1, 1]": (lambda x: (x / 255 - 0.01).astype(np.float32), "data-range"),
    "[0, 1] as bytes": (lambda x: (x > 20).astype(np.uint8), "data-range"),
    "no blue": (lambda x: np.concatenate([x, x[::-1], 0 * x], -1), "constant-channels"),
    "twice": (lambda x: np.concatenate([x, x]), "duplicated-data"),
}
GOOD_IMAGES = {"networks": "mlp", "steps": 4}


@pytest.fixture
def images() -> np.ndarray:
    """Dark images of 8 pixels with a bright spot each."""
    random = np.random.default_rng(0)
    images = random.integers(0, 40, (150, 8, 8, 1))
    images[np.arange(150), random.integers(0, 8, 150), random.integers(0, 8, 150)] = 255
    return images.astype(np.uint8)


@pytest.mark.parametrize("what", BAD_DATA)
def test_bad_data_are_told_before_training_and_found_after_it(
    what: str, images: np.ndarray, tiny: Callable[..., Any], notes: Any
) -> None:
    spoil, failure_mode = BAD_DATA[what]
    spoilt = spoil(images)
    run = tiny(data=spoilt, listeners=[notes], **GOOD_IMAGES)
    assert [text.partition(":")[0] for text in notes.said] == [failure_mode]
    found = run.diagnose(data=spoilt, only=["data-range", "constant-channels", "duplicated-data"])
    assert [f.failure_mode for f in found.findings] == [failure_mode]
    finding = found[failure_mode]
    assert 0.5 < finding.confidence <= 0.99 and finding.picture is not None and finding.picture.is_file()
    assert finding.command.startswith("twoplayer.train(data=") and finding.indicators
    assert failure_mode in found and len(found.warnings) == 1


def test_good_data_are_not_accused(images: np.ndarray, tiny: Callable[..., Any], notes: Any) -> None:
    run = tiny(data=images, listeners=[notes], **GOOD_IMAGES)
    assert notes.said == []
    found = run.diagnose(data=images, only=["data-range", "constant-channels", "duplicated-data"])
    assert (found.findings, found.unchecked) == ((), {})


def test_repaired_data_are_no_longer_accused(images: np.ndarray, tiny: Callable[..., Any], tmp_path: Path) -> None:
    """The expression in the advice, as it would be pasted."""
    for spoil, failure_mode in BAD_DATA.values():
        x = spoil(images)
        run = tiny(data=x, folder=f"{failure_mode}-{x.dtype}-{len(x)}", **GOOD_IMAGES)
        context = RunContext(run.folder, data=x)
        (case, *_) = sorted(family.create(failure_mode).cases(context), key=lambda c: -c.confidence)
        repaired = eval(case.advice.data, {"x": context.dataset.train, "np": np})  # what a person would paste
        mended = tiny(data=repaired, folder=f"mended-{failure_mode}-{x.dtype}-{len(x)}", **GOOD_IMAGES)
        assert failure_mode not in mended.diagnose(data=repaired, only=[failure_mode])


# ---- whole runs


class Notes:
    """A listener that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def on_note(self, text: str) -> None:
        self.said.append(text)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


@pytest.fixture
def notes() -> Notes:
    return Notes()


def test_a_run_is_looked_at_for_everything(healthy: Run) -> None:
    before = tensors(state(healthy.path))
    found = diagnose(healthy.path)
    looked_for = (
        {f.failure_mode for f in found.findings} | {c.failure_mode for c in found.ruled_out} | set(found.unchecked)
    )
    # what is found may stand for what need not be told
    assert looked_for >= set(family.names()) - {"partial-collapse", "strong-critic", "weak-critic"}
    assert not found.unchecked
    after = tensors(state(healthy.path))
    assert before.keys() == after.keys() and all(torch.equal(before[k], after[k]) for k in before)
    written = json.loads((healthy.path / "diagnosis" / "diagnosis.json").read_text())
    assert [f["failure_mode"] for f in written["findings"]] == [f.failure_mode for f in found.findings]
    severities = [f.severity for f in found.findings]
    assert severities == sorted(severities, reverse=True)
    again = diagnose(healthy)
    assert str(again) == str(found)


def test_the_command_can_be_pasted(tiny: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = tiny(data="ring", steps=6, **{"data.radius": 255.0})
    (finding,) = diagnose(run, only=["data-range"]).findings
    python, train = shlex.split(finding.command.partition(" && ")[0]), finding.command.partition(" && ")[2]
    assert python[:2] == ["python", "-c"]
    exec(python[2], {})
    _, _, *words = shlex.split(train)
    options = dict(zip(words[::2], words[1::2], strict=True))
    settled = resolve_config(config=options["--config"], data=options["--data"])
    assert settled.data["name"].endswith(".npy") and settled.optimizer == run.config.optimizer
    assert Path(options["--run"]).name == "run-without-data-range"


@pytest.mark.filterwarnings("ignore:gradient-penalty sets the critic's slope")
def test_advice_replaces_what_the_run_was_given(tiny: Callable[..., Any]) -> None:
    run = tiny("wgan-gp", "ring", steps=4, **{"critic.normalization": "batch", "gradient-penalty.weight": 5.0})
    environment = run.folder.environment()
    command = "twoplayer train wgan-gp --data ring --critic.normalization batch --learning-rate=3 --json --run there"
    run.folder.write("environment", {**environment, "command": command})
    (finding,) = diagnose(run, only=["penalty-against-batch-norm"]).findings
    words = shlex.split(finding.command)
    assert words[:2] == ["twoplayer", "train"] and "--json" not in words and "there" not in words
    method, settings = read_settings(words[2:], {})
    assert settings["critic.normalization"] == "layer" and words.count("--critic.normalization") == 1
    assert Path(settings.pop("run")).name == "run-without-penalty-against-batch-norm"
    assert resolve_config(method, settings.pop("data"), **settings).critic["normalization"] == "layer"

    # of a run that was trained in Python and has been moved since, the config that it has now
    run.folder.write("environment", {**environment, "command": "twoplayer train --config elsewhere/config.yaml"})
    (finding,) = diagnose(run, only=["penalty-against-batch-norm"]).findings
    assert str(run.folder.config_file) in shlex.split(finding.command) and "elsewhere" not in finding.command


def test_flags_are_left_out_with_their_values() -> None:
    words = shlex.split("twoplayer train --optimizer.learning-rate 1 --learning_rate=2 --critic.filters 3 --json -x")
    assert _remove_flags(words, ["learning-rate"]) == ["twoplayer", "train", "--critic.filters", "3", "-x"]
    assert _remove_flags(words, ["generator.filters"])[-3:] == ["--critic.filters", "3", "-x"]


ADVISED = {
    "gan0": {}, "gan1": {"learning_rate": 0.05}, "wgan": {}, "wgan-gp": {"gradient-penalty.weight": 1_000.0},
    "default": {"r1.gamma": 100.0}, "sngan": {"critic_learning_rate": 1e-6},
}  # fmt: skip


@pytest.mark.parametrize("method", ADVISED)
def test_every_advice_is_a_setting_that_training_accepts(method: str, tiny: Callable[..., Any]) -> None:
    """Of all cases of all failure modes, whether the run shows them or not."""
    run = tiny(method, "ring", steps=4, **ADVISED[method])
    context = RunContext(run.folder)
    advised = 0
    for name in family.names():
        for case in family.create(name).cases(context) if name not in ("oscillation",) else ():
            settings = {k: v for k, v in case.advice.settings.items() if k != "images"}
            config = resolve_config(config=run.folder.config_file, data="ring", **settings)
            assert not settings or config.differences(run.config), (name, settings)
            advised += bool(settings)
    assert advised > 5


@pytest.mark.parametrize(
    ("method", "settings", "steps"),
    [
        ("gan1", {}, 5), ("gan1", {"critic_steps": 5}, 10), ("gan1", {"critic_steps": 2}, 5), ("wgan-gp", {}, 10),
        ("cfg", {"algorithm": "cfg"}, 400), ("icfg", {}, 10),
    ],
)  # fmt: skip
def test_more_critic_steps_are_more_than_there_are(method: str, settings: dict[str, Any], steps: int) -> None:
    """Also where the config leaves them to the algorithm."""
    assert more_critic_steps(resolve_config(method, "ring", **settings), 5) == {"critic-steps": str(steps)}


@pytest.mark.parametrize("method", sorted(methods.names()))
@pytest.mark.parametrize(
    "make", [stabilize, strengthen_critic, strong_critic._advice], ids=["calm", "stronger", "weaker"]
)
def test_no_advice_is_what_the_run_does_already(method: str, make: Callable[[Config], Advice], tmp_path: Path) -> None:
    """Taken again and again, as a user would who finds the same failure mode again."""
    config = resolve_config(method, "digits")
    for i in range(4):
        folder = RunFolder(tmp_path / str(i))
        folder.write_config(config)
        advice = make(config)
        changed = resolve_config(config=folder.config_file, data="digits", **advice.settings)
        assert changed.differences(config), advice
        config = changed


def test_a_critic_as_wide_as_usual_is_not_advised_to_be_so() -> None:
    config = resolve_config("gan1", "ring", **{"critic.filters": 128})
    assert "critic.filters" not in strengthen_critic(config).settings
    assert strengthen_critic(resolve_config("gan1", "ring", **{"critic.filters": 4})).settings == {
        "critic.filters": "128"
    }


def test_plain_gradient_descent_is_not_advised_an_adaptive_methods_rate() -> None:
    assert (
        "learning-rate" not in stabilize(resolve_config("gan1", "ring", optimizer="sgd", learning_rate=0.02)).settings
    )
    assert stabilize(resolve_config("gan1", "ring", optimizer="sgd", learning_rate=5.0)).settings == {
        "learning-rate": "0.01"
    }
    assert stabilize(resolve_config("gan1", "ring", learning_rate=0.02)).settings == {"learning-rate": "0.0002"}
    assert stabilize(resolve_config("gan1", "ring", beta1=0.9)).settings == {"beta1": "0.5"}


def test_one_advice_is_told_once(tiny: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with a large learning rate, for which every finding advises a smaller one."""
    monkeypatch.setattr("twoplayer.diagnosis._diagnosis.png", lambda figure: b"")
    monkeypatch.setattr("twoplayer.diagnosis.oscillation.AMPLITUDE_THRESHOLD", -1.0)
    monkeypatch.setattr("twoplayer.diagnosis.oscillation.MIN_CROSSINGS", 0)
    monkeypatch.setattr("twoplayer.diagnosis.dead_units.INACTIVE_THRESHOLD", -1.0)
    run = tiny(steps=40, log_every=1, learning_rate=0.05, **{"networks.activation": "relu"})
    found = run.diagnose(only=["oscillation", "dead-units"])
    first, second = found.findings
    assert (first.same_advice_as, second.same_advice_as) == (None, first.failure_mode)
    assert first.command == second.command and "--learning-rate 0.0002" in first.command
    text = str(found)
    assert text.count("--learning-rate 0.0002") == 1 and f"try next the command of {first.failure_mode}" in text
    assert [f["same_advice_as"] for f in found.document()["findings"]] == [None, first.failure_mode]


def test_the_steps_of_a_diverged_run_are_repeated_and_the_layer_named(tiny: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(Diverged):
        tiny("gan1", "ring", steps=200, optimizer="sgd", learning_rate=1e6, checkpoint_every=1)
    found = diagnose(tmp_path / "run", only=["divergence"])
    (finding,) = found.findings
    assert finding.confidence == 0.99 and finding.severity == 3
    assert "critic: " in finding.verdict or "generator: " in finding.verdict
    assert "step" in finding.verdict and finding.picture is not None


def test_a_gradient_that_is_not_finite_is_caught_where_it_appears(tiny: Callable[..., Any]) -> None:
    """A weight that overflows in the forward pass of one layer is blamed on that layer, not on the loss."""
    from twoplayer.diagnosis._replay import replay

    run = tiny(steps=4)
    run.folder.write("status", {**run.status, "state": "diverged", "message": "at step 6 critic loss was no number; x"})
    context = RunContext(run.folder)
    restored = context.restored

    def poisoned() -> Any:
        trainer = restored()
        with torch.no_grad():
            layers = [m for m in trainer.problem.players["critic"].modules() if isinstance(m, nn.Linear)]
            layers[1].weight[0, 0] = 3e38
            layers[1].bias[0] = 3e38
            layers[1].weight[0] *= 10
        return trainer

    context.restored = poisoned  # type: ignore[method-assign]
    result = replay(context)
    assert result.broken_layer is not None and result.broken_layer.startswith("critic: body.")
    assert result.broken_tensor == "its output"
    assert (result.first_step, result.failed_step, result.broken_step) == (5, 6, 5)


@pytest.fixture
def stuck(tiny: Callable[..., Any]) -> Callable[[np.ndarray], RunContext]:
    """A run on the ring, diverse once by its log, whose samples are those given."""
    run = tiny(steps=4, ema_decay=0.0)

    def make(samples: np.ndarray) -> RunContext:
        context = RunContext(run.folder)
        context.__dict__["samples"] = samples.astype(np.float32)
        context.__dict__["sample_log"] = TimeSeries([{"step": 600, "count": 16, "mean": [0, 0], "deviation": 0.9}])
        return context

    return make


def test_a_collapsed_run_is_told_of_its_collapse_alone(stuck: Callable[[np.ndarray], RunContext]) -> None:
    context = stuck(np.full((500, 2), 0.5))
    cases = family.create("mode-collapse").cases(context)
    assert all(case.confidence > 0.9 for case in cases)
    verdicts = [case.verdict for case in family.create("partial-collapse").cases(context)]
    assert any("7 of 8 modes get less than a fifth" in verdict for verdict in verdicts)
    assert sum("0 of 8 modes are covered" in verdict for verdict in verdicts) == 2


def ring(modes: int, radius: float = 1.0, each: int = 50) -> np.ndarray:
    """Samples at the first modes of the ring, on a circle of that radius."""
    angles = np.repeat(2 * np.pi * np.arange(modes) / 8, each)
    noise = np.random.default_rng(0).normal(size=(len(angles), 2))
    return radius * np.stack([np.cos(angles), np.sin(angles)], 1) + 0.01 * noise


SQUEEZED = ring(8, 0.9)
"""Every mode is there, and no sample is near enough to cover one."""


@pytest.mark.parametrize(
    ("samples", "covered", "missing"),
    [
        (ring(8), 8, 0),
        (ring(7), 7, 1),
        (SQUEEZED, 0, 0),
        (np.concatenate([ring(7), ring(8)[-1:]]), 8, 1),
        (np.concatenate([SQUEEZED, ring(6)]), 6, 0),
    ],
)
def test_modes_are_counted_as_evaluate_counts_them(
    samples: np.ndarray, covered: int, missing: int, stuck: Callable[[np.ndarray], RunContext]
) -> None:
    from twoplayer.measurement.plan import modes_of
    from twoplayer.metrics import create

    context = stuck(samples)
    seen, known = np.asarray(context.samples, float), modes_of(context.dataset)
    starved, most = family.create("partial-collapse").cases(context)[:2]
    now = create("modes-covered").measure(seen, known).value
    assert most.indicators[0].value == starved.supplementary[0].value == covered == now
    assert most.supplementary[0].value == create("high-quality-share").measure(seen, known).value
    for case in (starved, most):
        assert f"{covered} of 8 modes are covered, as twoplayer evaluate counts" in case.verdict
    assert f"{missing} of 8 modes get less than a fifth" in starved.verdict
    assert starved.indicators[0].present == (missing > 0)
    assert most.indicators[0].present == (covered < 4)


def test_of_a_mode_to_which_nothing_is_due_nothing_is_asked(tiny: Callable[..., Any]) -> None:
    run = tiny(steps=4, **{"data.weights": [1, 1, 1, 1, 1, 1, 1, 1e-4]})
    context = RunContext(run.folder)
    context.__dict__["samples"] = ring(7).astype(np.float32)
    context.__dict__["sample_log"] = TimeSeries([{"step": 600, "count": 16, "mean": [0, 0], "deviation": 0.9}])
    starved, most = family.create("partial-collapse").cases(context)[:2]
    assert most.indicators[0].value == 7 and not starved.indicators[0].present and not most.indicators[0].present


def test_classes_are_judged_where_a_classifier_recognizes_the_samples(
    stuck: Callable[[np.ndarray], RunContext],
) -> None:
    """A generator of blobs, whose classes are guesses, leaves out no class that it could have made."""

    def found(logits: np.ndarray) -> list[str]:
        context = stuck(ring(8))
        context.__dict__["mode_coverage"] = None
        random = np.random.default_rng(0)
        rows = ModeHistogram("class", ["bag", "shoe"], np.array([1.0, 0.0]), np.array([0.5, 0.5]))
        seen = FeaturePair(
            random.normal(size=(300, 4)), random.normal(size=(300, 4)), rows, classifier_confidence(logits)
        )
        context.__dict__["features"] = seen
        return [c.verdict for c in family.create("partial-collapse").cases(context) if c.confidence > 0.5]

    sure, unsure = np.tile([4.0, 0.0], (300, 1)), np.tile([0.4, 0.0], (300, 1))
    assert classifier_confidence(sure) == pytest.approx(1 / (1 + math.exp(-4))) and classifier_confidence(unsure) < 0.65
    assert found(sure) == ["1 of 2 classes get less than a fifth of their expected samples: shoe."]
    assert found(unsure) == []


@pytest.mark.parametrize(
    ("centres", "words"),
    [
        ([[6.12e-17, 1], [-0.70710678, 0.70710678]], ["(0, 1)", "(-0.71, 0.71)"]),
        ([[-1.2e-14, -255], [180.312, 3.4]], ["(0, -255)", "(180, 3)"]),
        ([[0.00123456, 0], [-1e-20, 0.0005]], ["(0.00123, 0)", "(0, 0.0005)"]),
        ([[0, 0]], ["(0, 0)"]),
    ],
)
def test_modes_are_named_by_what_a_person_reads(centres: list[list[float]], words: list[str]) -> None:
    assert mode_labels(np.array(centres)) == words


# ---- damaged, unfinished, foreign


DAMAGE: dict[str, Callable[[RunFolder], object]] = {
    "no checkpoint": lambda f: [p.rename(f.path / p.name) for p in f.checkpoints.iterdir()],
    "a cut checkpoint": lambda f: [p.write_bytes(p.read_bytes()[:100]) for p in f.checkpoints.rglob("*.safetensors")],
    "a cut config": lambda f: f.config_file.write_text(f.config_file.read_text()[:200]),
    "no log": lambda f: f.progress.unlink(),
    "a broken log": lambda f: f.progress.write_text("nonsense\n" * 3),
    "no statistics": lambda f: f.statistics.unlink(),
    "a broken status": lambda f: (f.path / "status.json").write_text("{"),
    "no environment": lambda f: (f.path / "environment.json").unlink(),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_of_a_damaged_run_what_can_be_said_is_said(what: str, healthy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twoplayer.diagnosis._diagnosis.png", lambda figure: b"")
    DAMAGE[what](healthy.folder)
    found = diagnose(healthy.path)
    checked = {f.failure_mode for f in found.findings} | {c.failure_mode for c in found.ruled_out}
    assert checked or what in ("a cut config",)
    assert bool(found.unchecked) == (what != "no environment")
    assert all(reason and "\n" not in reason for reason in found.unchecked.values())
    assert str(found).startswith(str(healthy.path))


def test_an_array_in_memory_is_asked_for(tiny: Callable[..., Any]) -> None:
    points = np.random.default_rng(0).normal(size=(200, 2))
    run = tiny(data=points)
    assert "array" in run.diagnose(only=["memorization"]).unchecked["memorization"]
    assert not run.diagnose(only=["data-range"], data=points).unchecked
    with pytest.raises(UserError, match="not those that the run was trained on"):
        run.diagnose(data=points + 1)


def test_mistakes_are_one_sentence(healthy: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no failure mode is called 'colapse': did you mean"):
        diagnose(healthy, only=["colapse"])
    with pytest.raises(UserError, match="no run folder"):
        diagnose(tmp_path / "nowhere")
    with pytest.raises(UserError, match="not a run folder"):
        diagnose(tmp_path)
    environment = healthy.folder.environment()
    healthy.folder.write("environment", {**environment, "format": 99})
    with pytest.raises(UserError, match="newer twoplayer"):
        diagnose(healthy.path)


def test_the_verb(healthy: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert main.run(["diagnose", str(healthy.path), "--only", "data-range,duplicated-data"]) == 0
    told = capfd.readouterr().out
    assert "no failure mode found" in told and "checked and not present: data-range, duplicated-data" in told
    assert main.run(["diagnose", str(healthy.path), "--only", "data-range", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["findings"] == [] and document["ruled_out"][0]["failure_mode"] == "data-range"
    assert main.run(["diagnose"]) == 0
    assert all(name in capfd.readouterr().out for name in ["memorization"])
    assert main.run(["diagnose", str(healthy.path), "--only", "nothing"]) == 2
    assert "no failure mode is called 'nothing'" in capfd.readouterr().err
    assert main.run(["diagnose", "--only", "memorization"]) == 2


# ---- the monitor


def test_what_is_logged_of_samples_moves_no_weight(tiny: Callable[..., Any]) -> None:
    often, seldom = tiny(folder="often", log_every=1, steps=6), tiny(folder="seldom", log_every=100, steps=6)
    one, other = tensors(state(often.path)), tensors(state(seldom.path))
    assert all(torch.equal(one[k], other[k]) for k in one)
    lines = [json.loads(line) for line in often.folder.statistics.read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert all(line["count"] == 16 and len(line["mean"]) == 2 and line["deviation"] > 0 for line in lines)
    assert not seldom.folder.statistics.exists()


def test_a_glance_keeps_what_was_made_last() -> None:
    from twoplayer.training.sample_statistics import SampleStatistics, embed

    network = nn.Linear(3, 2)
    glance = SampleStatistics(network)
    assert glance.line() == {}
    with glance:
        network(torch.randn(5, 3))
        seen = network(torch.randn(7, 3)).detach().numpy()
    network(torch.randn(9, 3))
    line = glance.line()
    assert line["count"] == 7 and line["mean"] == pytest.approx(seen.mean(0), rel=1e-3)
    assert line["deviation"] == pytest.approx(math.sqrt(((seen - seen.mean(0)) ** 2).sum(1).mean()), rel=1e-3)
    images = torch.arange(2 * 3 * 8 * 8.0).view(2, 3, 8, 8)
    assert embed(images).shape == (2, 16) and float(embed(images)[0, 0]) == float(images[0, :, :2, :2].mean())


def failing(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings of a run that looks collapsed to its monitor from the start."""
    monkeypatch.setattr("twoplayer.diagnosis.mode_collapse.WIDTH_THRESHOLD", 1e6)
    monkeypatch.setattr("twoplayer.diagnosis._diversity.DIVERSE_WIDTH", 0.0)
    monkeypatch.setattr("twoplayer.diagnosis._monitor.WINDOW_LINES", 3)
    monkeypatch.setattr("twoplayer.diagnosis._monitor.CHECK_EVERY_LINES", 1)
    return {"steps": 40, "log_every": 1, "checkpoint_every": 5}


def test_a_failing_run_is_told_once_and_goes_on(
    tiny: Callable[..., Any], notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = failing(monkeypatch)
    run = tiny(listeners=[notes], **settings)
    assert [text for text in notes.said if text.startswith("mode-collapse: ")] == notes.said[:1]
    assert len(notes.said) == 1 and run.status["state"] == "finished"
    tiny(listeners=[notes], **{**settings, "steps": 50})
    assert len(notes.said) == 1  # in a resumed run too
    warnings = diagnose(run, only=["data-range"]).warnings
    assert len(warnings) == 1 and "almost identical" in warnings[0]


def test_a_failing_run_is_stopped_where_that_is_wanted(
    tiny: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = failing(monkeypatch)
    with pytest.raises(Diverged, match="last good checkpoint is step 5"):
        tiny(**settings, on_failure="stop")
    folder = RunFolder(tmp_path / "run")
    status = folder.status()
    assert status["state"] == "stopped" and status["step"] == 5 and "diagnose" in status["message"]
    with pytest.raises(Diverged, match="was stopped before"):
        tiny(**settings, on_failure="stop")
    assert tiny(**settings).status["state"] == "finished"


def test_the_verb_that_trains_exits_with_3(
    tmp_path: Path, cheap: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch)
    monkeypatch.chdir(tmp_path)
    words = (
        "train gan1 --data ring --data.count 200 --filters 4 --batch-size 8 --steps 30 --log-every 1 --evaluate-every 0"
    )
    assert main.run([*words.split(), "--tensorboard", "false", "--on-failure", "stop"]) == 3
    assert "training stopped itself: at step" in capfd.readouterr().err


def test_a_healthy_training_hears_nothing(tiny: Callable[..., Any], notes: Notes) -> None:
    tiny(listeners=[notes], steps=60, log_every=1, filters=32)
    assert notes.said == []


def test_a_monitor_sees_gradients_explode_vanish_and_samples_swing(healthy: Run) -> None:
    from twoplayer.diagnosis._monitor import Monitor
    from twoplayer.runs.dataset import reopen

    def issued(values: Callable[[int], dict[str, float]], place: Callable[[int], list[float]]) -> set[str]:
        said: list[str] = []
        folder = RunFolder(healthy.path.with_name("elsewhere"))
        monitor = Monitor(folder, healthy.config, reopen(healthy.folder), said.append)
        for step in range(400):
            samples = {"count": 64, "mean": place(step), "deviation": 1.0}
            monitor.check(SimpleNamespace(step=10 * step, fraction=step / 400, values=values(step), samples=samples))
        (folder.path / "diagnosis" / "warnings.jsonl").unlink(missing_ok=True)
        return {text.partition(":")[0] for text in said}

    def steady(step: int) -> dict[str, float]:
        return {"critic_gradient_norm": 1.0 + 0.1 * math.sin(step), "generator_gradient_norm": 0.5}

    def still(step: int) -> list[float]:
        return [0.01 * math.sin(step), 0.0]

    assert issued(steady, still) == set()
    assert issued(lambda s: {**steady(s), "critic_gradient_norm": 1.05 ** max(0, s - 200)}, still) == {"divergence"}
    assert issued(lambda s: {**steady(s), "generator_gradient_norm": 0.9 ** max(0, s - 200)}, still) == {
        "strong-critic"
    }
    assert issued(steady, lambda s: [math.sin(s / 10), math.cos(s / 10)]) == {"oscillation"}


def test_batch_normalization_of_restored_players_runs_as_in_training() -> None:
    game = GenerationGame(
        ModuleFactory(nn.Identity(), nn.Sequential(nn.BatchNorm1d(2), nn.Dropout()), objective("hinge"))
    )
    part = probes.in_training_mode(game.critic)
    assert part[0].training and not part[1].training


def test_games_whose_critic_judges_more_are_looked_at_as_far_as_it_goes(tiny: Callable[..., Any]) -> None:
    found = tiny("cgan", "digits", networks="mlp", steps=4, **{"data.count": None}).diagnose()
    checked = {f.failure_mode for f in found.findings} | {c.failure_mode for c in found.ruled_out}
    assert checked >= {"divergence", "duplicated-data", "memorization"}
    assert "4 steps are too few" in found.unchecked["mode-collapse"]
    assert found.unchecked["overfit-critic"] == "this game's critic judges more than samples"
