"""The contracts of `twoplayer.testing`: each check accepts good members and rejects broken ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from twoplayer import testing
from twoplayer.core.errors import UserError
from twoplayer.data import Dataset, DataSettings, Source
from twoplayer.extractors import Extractor, Features
from twoplayer.methods import names as method_names
from twoplayer.metrics import Estimate, Metric
from twoplayer.metrics.fd import Fd
from twoplayer.networks import Architecture, Critic, Generator
from twoplayer.networks._players import BodyGenerator, ScoreCritic
from twoplayer.objectives import Objective
from twoplayer.objectives._divergence import Divergence
from twoplayer.objectives.hinge import Hinge
from twoplayer.objectives.least_squares import LeastSquares
from twoplayer.objectives.non_saturating import NonSaturating
from twoplayer.regularizers import Constraint, CriticBatch, Penalty, Perturbation
from twoplayer.text_encoders import EncoderState, TextEncoder
from twoplayer.two_sample.statistics import StatisticEvidence, TwoSampleTest
from twoplayer.two_sample.statistics.means import Means

# ---- members of twoplayer pass; those of other families are checked in their own test files


@pytest.mark.parametrize("name", method_names())
def test_methods(name: str) -> None:
    testing.check_method(name)


@pytest.mark.parametrize("name", ["ring", "grid", "spiral", "digits"])
def test_data_sources(name: str) -> None:
    testing.check_data_source(name)


def test_classes_objects_and_names_are_taken() -> None:
    testing.check_objective("hinge")
    testing.check_objective(Hinge)
    testing.check_objective(Hinge())
    testing.check_objective(LeastSquares, a=-1.0, b=1.0, c=0.0)
    testing.check_objective(partial(LeastSquares, a=-1.0), b=1.0, c=0.0)
    with pytest.raises(UserError, match="has no option 'd'"):
        testing.check_objective("least-squares", d=1.0)


CHECKS: list[tuple[Callable[..., None], str]] = [
    (testing.check_objective, "twoplayer.objectives.Objective"),
    (testing.check_network, "twoplayer.networks.Architecture"),
    (testing.check_regularizer, "twoplayer.regularizers.Regularizer"),
    (testing.check_metric, "twoplayer.metrics.Metric"),
    (testing.check_data_source, "twoplayer.data.Source"),
    (testing.check_text_encoder, "twoplayer.text_encoders.TextEncoder"),
    (testing.check_two_sample_test, "twoplayer.two_sample.statistics.TwoSampleTest"),
]


@pytest.mark.parametrize(("check", "root"), CHECKS, ids=[root for _, root in CHECKS])
def test_what_does_not_extend_the_root_is_rejected(check: Callable[..., None], root: str) -> None:
    with pytest.raises(AssertionError, match=f"must extend {root}"):
        check(dict)
    module, _, name = root.rpartition(".")
    assert getattr(__import__(module, fromlist=[name]), name)


# ---- objectives


class VectorLoss(NonSaturating):
    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return nn.functional.softplus(-real) + nn.functional.softplus(fake)


class HalfPrecision(NonSaturating):
    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return super().generator_loss(fake, real).float()


class SameSide(NonSaturating):
    """The generator makes the critic right."""

    def generator_terms(self, fake: Tensor) -> Tensor:
        return nn.functional.softplus(fake)


class Overflowing(NonSaturating):
    def fake_terms(self, fake: Tensor) -> Tensor:
        return (2 * fake).exp().log1p() / 2


class WrongDivergence(NonSaturating):
    @property
    def divergence(self) -> Divergence:
        stated = super().divergence
        assert stated.f is not None
        return Divergence(stated.name, stated.formula, lambda u, f=stated.f: 2 * f(u), stated.unit)  # type: ignore[misc]


class WrongOptimum(NonSaturating):
    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return 0.9 * log_ratio


class WrongGeneratorDivergence(NonSaturating):
    @property
    def generator_divergence(self) -> Divergence:
        return self.divergence


class LostState(NonSaturating):
    def __init__(self) -> None:
        super().__init__()
        self.scale = float(torch.rand(()))

    def generator_terms(self, fake: Tensor) -> Tensor:
        return super().generator_terms(fake) * self.scale


class AutocastLoss(NonSaturating):
    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -(fake @ torch.ones_like(fake)) / len(fake)


@pytest.mark.parametrize(
    ("objective", "sentence"),
    [
        (VectorLoss, r"VectorLoss: critic_loss must be a scalar, not of shape \(12,\)"),
        (HalfPrecision, "generator_loss of outputs of torch.float64 must be torch.float64, not torch.float32"),
        (SameSide, "generator_loss must fall where outputs on fake samples are raised"),
        (Overflowing, "critic_loss must be finite at outputs of .* on fake samples, not inf"),
        (WrongDivergence, "the estimate with optimal_output is .*, but the Jensen-Shannon that divergence states is"),
        (WrongOptimum, "the estimate with optimal_output is .*, but the Jensen-Shannon that divergence states is"),
        (WrongGeneratorDivergence, "but the Jensen-Shannon that generator_divergence states has"),
        (LostState, "loading its state dict must give the same losses"),
        (AutocastLoss, "must be computed in float32 under autocast"),
    ],
)
def test_broken_objectives(objective: type[Objective], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        testing.check_objective(objective)


def test_claims_may_be_left_out() -> None:
    testing.check_objective(WrongDivergence, claims=False)


# ---- networks


class Thin(Architecture):
    """One layer for each player, with one fault."""

    def __init__(self, *, fault: str = "") -> None:
        self.fault = fault

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        if len(shape) == 3 or self.fault == "serves nothing":
            raise UserError("thin serves points")
        made = BodyGenerator(latent_dim, shape, nn.Linear(latent_dim, shape[0]))
        if self.fault == "wrong shape":
            made = BodyGenerator(latent_dim, (shape[0] + 1,), nn.Linear(latent_dim, shape[0] + 1))
        if self.fault == "unused":
            made.body.register_parameter("unused", nn.Parameter(torch.ones(1)))
        if self.fault == "lost state":
            made.body = Shifted(latent_dim, shape[0])
        if self.fault == "undeclared":
            made.latent_dim = 1
        return made

    def critic(self, shape: tuple[int, ...]) -> Critic:
        if len(shape) == 3 or self.fault == "serves nothing":
            raise UserError("thin serves points")
        activation = nn.ReLU() if self.fault != "single" else Single()
        critic = ScoreCritic(shape, nn.Sequential(nn.Linear(shape[0], 8), activation), 8, "none")
        if self.fault == "two outputs":
            critic.score = nn.Linear(8, 1)  # type: ignore[assignment]
            critic.output_from_features = lambda samples, features: critic.score(features)  # type: ignore[method-assign]
        if self.fault == "half":
            critic.output_from_features = lambda samples, features: features.sum(1).bfloat16()  # type: ignore[method-assign]
        if self.fault == "output":
            critic.output = "probability"  # type: ignore[assignment]
        return critic


class Shifted(nn.Linear):
    """A shift that is drawn anew for each module and not in its state dict."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.shift = float(torch.rand(()))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.shift


class Single(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.detach().relu()


def test_thin_passes_without_a_fault() -> None:
    testing.check_network(Thin)
    testing.check_network(Thin())


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("serves nothing", "makes neither generator nor critic nor translator of any of the shapes"),
        ("wrong shape", r"Thin: samples of \(2,\) must be \(8, 2\), not \(8, 3\)"),
        ("unused", "a gradient must reach every parameter, but there is none of the generator's body.unused"),
        ("lost state", "loading its state dict must restore the generator"),
        ("undeclared", "a generator must declare latent_dim and shape"),
        ("two outputs", r"outputs must be \(8,\), one for each sample, or \(8, patches\), not \(8, 1\)"),
        ("half", "a critic must return float32 under autocast, not torch.bfloat16"),
        ("single", "a gradient"),
        ("output", "a critic must declare its output as one of"),
    ],
)
def test_broken_networks(fault: str, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        testing.check_network(Thin, fault=fault)


# ---- regularizers


class Slope(Penalty):
    def __init__(self, *, fault: str = "") -> None:
        self.fault = fault

    def penalty(self, critic: nn.Module, scored: CriticBatch, random: torch.Generator) -> Tensor:
        term = scored.real_output.square().mean()
        match self.fault:
            case "vector":
                return scored.real_output
            case "detached":
                return term.detach()
            case "global":
                return term + torch.rand(())
            case "infinite":
                return term / 0
            case "last layer":
                return sum(p.square().sum() for p in list(critic.parameters())[-2:])  # type: ignore[return-value]
        return term


class Box(Constraint):
    def __init__(self, *, fault: str = "") -> None:
        self.fault = fault

    def install(self, critic: nn.Module) -> None:
        pass

    def enforce(self, critic: nn.Module) -> None:
        with torch.no_grad():
            for parameter in critic.parameters():
                parameter.mul_(float("nan") if self.fault == "nan" else 0.9)
                if not self.fault:
                    parameter.clamp_(-0.1, 0.1)


class Noise(Perturbation):
    def __init__(self, *, fault: str = "") -> None:
        self.fault = fault

    def perturb(self, samples: Tensor, random: torch.Generator, rounds: int, parts: Any = None) -> Tensor:
        match self.fault:
            case "global":
                return samples + torch.randn_like(samples)
            case "shape":
                return samples[:-1]
            case "dtype":
                return samples.float()
            case "rounded":
                return samples.detach().round()
        return samples + torch.randn(samples.shape, generator=random, dtype=samples.dtype)


def test_good_regularizers() -> None:
    for regularizer in (Slope, Noise):
        testing.check_regularizer(regularizer)


@pytest.mark.parametrize(
    ("regularizer", "fault", "sentence"),
    [
        (Slope, "vector", r"penalty must be a scalar, not of shape \(64,\)"),
        (Slope, "detached", "penalty must be differentiable in the critic's parameters"),
        (Slope, "global", "penalty must not draw from the global random generators"),
        (Slope, "infinite", "penalty must be finite"),
        (Slope, "last layer", "the gradient of penalty must reach every layer of the critic, but misses"),
        (Box, "nan", "enforce must change nothing|the critic must still work"),
        (Box, "shrinking", "enforce must change nothing where it was called before"),
        (Noise, "global", "perturb must not draw from the global random generators"),
        (Noise, "shape", "perturb must keep shape and dtype"),
        (Noise, "dtype", "perturb must keep shape and dtype"),
        (Noise, "rounded", "perturb must be differentiable in the samples"),
    ],
)
def test_broken_regularizers(regularizer: type[Any], fault: str, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        testing.check_regularizer(regularizer, fault=fault)


def test_a_regularizer_of_two_kinds() -> None:
    class Both(Noise, Slope):
        pass

    with pytest.raises(AssertionError, match="exactly one of Penalty, Constraint and Perturbation"):
        testing.check_regularizer(Both)


# ---- metrics


class First(Metric[Any, Any]):
    """The value of the first sample: its order matters."""

    name: ClassVar[str] = "first"
    higher_is_better: ClassVar[bool | None] = None
    needs = "features"

    def measure(self, samples: Any, reference: Any) -> Estimate:
        return Estimate(float(samples[0, 0]))


class Count(First):
    calls = 0

    def measure(self, samples: Any, reference: Any) -> Estimate:
        self.calls += 1
        return Estimate(float(self.calls))


class Scalar(First):
    def measure(self, samples: Any, reference: Any) -> Any:
        return np.float32(samples.mean())


class Infinite(First):
    def measure(self, samples: Any, reference: Any) -> Estimate:
        return Estimate(float("inf"))


class Undeclared(First):
    name = "not a name"


class Unneeding(First):
    needs = "pixels"  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        (First, "the order of samples must not matter"),
        (Count, "the order of samples must not matter"),
        (Scalar, "measure must return an Estimate, not float32"),
        (Infinite, "the value must be a finite float, not inf"),
        (Undeclared, "name must be a name such as fd, not 'not a name'"),
        (Unneeding, "needs must be one of density"),
    ],
)
def test_broken_metrics(metric: type[Metric[Any, Any]], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        testing.check_metric(metric)


def test_a_metric_that_remembers_other_samples() -> None:
    class Remembering(Fd):
        def measure(self, samples: Any, reference: Any) -> Estimate:
            reference.__dict__.setdefault("first", samples)
            return super().measure(reference.__dict__["first"], reference)

    with pytest.raises(AssertionError, match="must not depend on what was measured before"):
        testing.check_metric(Remembering)


# ---- extractors


class Means3(Extractor):
    """Means over rows, with one fault."""

    kind = "images"
    label, dimension, identity = "means", None, "means"

    def __init__(self, data: Any, context: Any, *, fault: str = "") -> None:
        self.fault = fault
        if fault == "global":
            torch.rand(())
        if fault == "identity":
            self.identity = str(id(self))

    def batch_size(self, shape: tuple[int, ...]) -> int:
        return 5

    def extract_batch(self, batch: Any) -> Features:
        rows = batch.mean((2, 3)).astype(np.float64 if self.fault == "float64" else np.float32)
        if self.fault == "batch":
            rows = rows - rows.mean(0)
        return Features(rows, rows if self.fault == "logits" else None)


def test_a_good_extractor() -> None:
    testing.check_extractor(Means3)
    for name in ("pixels", "random-conv", "points"):
        testing.check_extractor(name)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("float64", r"features must be float32 \(40, F\), not float64"),
        ("batch", "features must depend on neither batch nor order"),
        ("logits", "there must be logits where has_classes is true, and only there"),
        ("identity", "identity must be the same hash"),
        ("global", "making one must not draw from the global random generators"),
    ],
)
def test_broken_extractors(fault: str, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        testing.check_extractor(Means3, fault=fault)


# ---- text encoders


class Hashed(TextEncoder):
    """Random vectors by a sentence's letters, with one fault."""

    def __init__(self, *, fault: str = "") -> None:
        self.fault = fault

    def fit(self, captions: Any, images: Any, seed: int = 0) -> None:
        self.dimension, self.seed = 16, seed
        if self.fault == "global":
            np.random.rand()
        if self.fault == "unseeded":
            self.seed = int(np.random.default_rng().integers(1 << 30))

    def encode(self, sentences: Any) -> Any:
        rows = [np.random.default_rng([self.seed, *s.encode()]).normal(size=16) for s in sentences]
        if not rows:
            return np.zeros((0, 16), np.float32)
        stacked = np.stack(rows)
        scale = 1.0 if self.fault == "length" else np.sqrt(np.square(stacked).mean(1, keepdims=True))
        return (stacked / scale).astype(np.float64 if self.fault == "float64" else np.float32)

    def can_encode(self, sentence: str) -> bool:
        return bool(sentence.strip()) or self.fault == "can_encode"

    def unknown_words(self, sentence: str) -> tuple[str, ...]:
        return ()

    def state(self) -> EncoderState:
        return EncoderState(metadata={"seed": self.seed})

    def restore(self, state: EncoderState) -> None:
        self.dimension, self.seed = 16, 5 if self.fault == "restore" else state.metadata["seed"]


def test_a_good_text_encoder() -> None:
    testing.check_text_encoder(Hashed)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("global", "fit must not draw from the global random generators"),
        ("unseeded", "the same seed must give the same encoder"),
        ("length", "vectors must have length √dimension"),
        ("float64", r"encode must give float32 \(3, 16\), not float64"),
        ("can_encode", "can_encode must be false for no words"),
        ("restore", "a restored encoder must encode as before"),
    ],
)
def test_broken_text_encoders(fault: str, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        testing.check_text_encoder(Hashed, fault=fault)


# ---- two-sample tests


class Peeking(TwoSampleTest):
    """The nearest neighbour of each sample, itself included, remembers its true label: permuted labels cannot win."""

    name = "peeking"

    def evidence(self, pooled: Any) -> StatisticEvidence:
        return StatisticEvidence((pooled.labels == pooled.in_a[:, None]).mean(0))


class Blind(TwoSampleTest):
    name = "blind"

    def evidence(self, pooled: Any) -> StatisticEvidence:
        return StatisticEvidence(np.zeros(pooled.labels.shape[1]))


class Moody(Means):
    name = "moody"

    def evidence(self, pooled: Any) -> StatisticEvidence:
        evidence = super().evidence(pooled)
        return StatisticEvidence(evidence.statistics * (1 + np.random.default_rng().random()))


@pytest.mark.parametrize(
    ("test", "sentence"),
    [
        (Peeking, "of 60 pairs of sets of one distribution are told apart|samples that are all equal must not"),
        (Blind, "a clear difference must have the p-value 1/100"),
        (Moody, "the same seed must give the same outcome"),
    ],
)
def test_broken_two_sample_tests(test: type[TwoSampleTest], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        testing.check_two_sample_test(test)


# ---- data sources


class Blob(Source):
    kind = "points"

    def __init__(self, *, fault: str = "") -> None:
        self.fault = fault

    def open(self, settings: DataSettings) -> Any:
        points = np.random.default_rng(None if self.fault == "unseeded" else 0).normal(size=(100, 2))
        points = points.astype(np.float32)
        match self.fault:
            case "array":
                return points
            case "nan":
                points[3] = np.nan
            case "images":
                return Dataset("blob", "images", points, points, key="blob")
            case "labels":
                return Dataset("blob", "points", points, points, np.full(100, 3), None, ("a", "b"), key="blob")
        return Dataset("blob", "points", points[10:], points[:10], key="" if self.fault == "key" else "blob")


def test_a_good_data_source() -> None:
    testing.check_data_source(Blob)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("array", "open must return a Dataset, not ndarray"),
        ("nan", "held_out must hold finite points"),
        ("images", "train must hold images uint8"),
        ("labels", r"train_labels must be whole numbers in \[0, 2\)"),
        ("unseeded", "opening it again must give the same samples"),
        ("key", "opening it again must give the same key, not empty"),
    ],
)
def test_broken_data_sources(fault: str, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        testing.check_data_source(Blob, fault=fault)


# ---- methods


def test_methods_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("like: wgan-gp\nsummary: Mine\nobjective: hinge\n")
    testing.check_method(path)
    testing.check_method({"summary": "Mine", "source": "me", "year": 2026, "objective": "hinge"})


@pytest.mark.parametrize(
    ("preset", "sentence"),
    [
        ({"source": "me", "year": 2026}, "must state its summary, str, not None"),
        ({"summary": "Mine", "source": "me", "year": 2026, "objektive": "hinge"}, "did you mean objective"),
        ({"summary": "Mine", "source": "me", "year": 2026, "points": {"objective": "hing"}}, "for points are mistaken"),
        ("no-such-method", "is neither a method's name nor a readable YAML file"),
    ],
)
def test_broken_methods(preset: Any, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        testing.check_method(preset)
