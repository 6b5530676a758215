"""Class forms against the pure functions, in batches, in halves that are merged, and in two processes."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from test_metrics import SQUARE, features, log_probabilities, reference, view
from twoplayer import metrics
from twoplayer.core.errors import UserError
from twoplayer.extractors._base import Extractor, Features
from twoplayer.measurement.torchmetrics_adapter import StreamedMetric
from twoplayer.metrics._base import FeatureSet, ReferenceFeatures
from twoplayer.metrics.fd import fd

STREAMED = [name for name in metrics.names() if metrics.family.find(name).needs in {"features", "classes", "copies"}]
ADDITIVE = {"fd", "inception-score", "diversity-score"}
SHARED = ("fd", "inception-score", "diversity-score", "kid", "precision", "vendi", "classes-covered", "authenticity")
"""Tried in two processes: one for each way of keeping samples, and more."""


def sets(needs: str) -> dict[str, Tensor]:
    """Generated, real and held-out samples as ``update`` takes them."""
    samples, real = view(needs, 240, 1), reference(needs)
    match needs:
        case "classes":
            arrays = {"samples": samples.logs, "real": real.feature_set.logs}
        case "copies":
            arrays = {"samples": samples, "real": real.train, "held_out": real.held_out}
        case _:
            arrays = {"samples": samples, "real": real.features}
    return {side: torch.from_numpy(array) for side, array in arrays.items()}


def feed(metric: StreamedMetric, needs: str, size: int = 1000, half: int | None = None) -> StreamedMetric:
    """Update with all samples in batches of `size`, or with those of one `half`, 0 or 1."""
    for side, rows in sets(needs).items():
        some = rows if half is None else (rows[:70], rows[70:])[half]
        for batch in some.split(size):
            metric.update(batch, real=side == "real", held_out=side == "held_out")
    return metric


def expected(name: str) -> float:
    metric = metrics.create(name)
    return float(metric.measure(view(metric.needs, 240, 1), reference(metric.needs)).value)


@pytest.mark.parametrize("size", [1, 37, 1000])
@pytest.mark.parametrize("name", STREAMED)
def test_batches_of_any_size_give_what_the_function_gives(name: str, size: int) -> None:
    metric = feed(StreamedMetric(name), metrics.create(name).needs, size)
    value = metric.compute()
    assert value.dtype == torch.float64 and value.shape == ()
    assert float(value) == pytest.approx(expected(name), rel=1e-6)
    assert metric.estimate().value == float(value)
    if name in ADDITIVE:
        assert metric.estimate().error is None


@pytest.mark.parametrize("name", STREAMED)
def test_two_halves_merged_are_the_whole(name: str) -> None:
    needs = metrics.create(name).needs
    first, second = (feed(StreamedMetric(name), needs, 20, half) for half in (0, 1))
    first.merge_state(second)
    assert float(first.compute()) == pytest.approx(expected(name), rel=1e-6)


@pytest.mark.parametrize("name", ["fd", "kid", "inception-score"])
def test_reset_forgets_all_or_all_but_the_real_samples(name: str) -> None:
    needs = metrics.create(name).needs
    metric, keeping = feed(StreamedMetric(name), needs), feed(StreamedMetric(name, keep_real=True), needs)
    before = float(metric.compute())
    metric.reset()
    with pytest.raises(UserError, match="not 0"), pytest.warns(UserWarning, match="before the ``update``"):
        metric.compute()
    keeping.reset()
    keeping.update(sets(needs)["samples"])
    assert float(keeping.compute()) == pytest.approx(before, rel=1e-12)
    metric.update(sets(needs)["samples"] * 2)
    feed(metric, needs, half=1)
    metric.reset()
    assert float(feed(metric, needs).compute()) == pytest.approx(before, rel=1e-12)


def test_sums_take_no_memory_for_samples() -> None:
    metric = StreamedMetric("fd")
    for _ in range(20):
        metric.update(torch.randn(50, 6))
    held = sum(piece.numel() for state in metric.metric_state.values() for piece in state)
    assert held == 1 + 6 + 36


@pytest.mark.parametrize("settings", [{}, {"max_samples": 40}])
def test_measuring_each_batch_takes_no_memory_for_samples(settings: dict[str, int]) -> None:
    name = "vendi" if settings else "inception-score"
    metric, rows = StreamedMetric(name, **settings), torch.eye(300)[:, : 300 if settings else 5] - 5
    batches = rows.split(20)
    for batch in batches:
        metric(batch)
    held = sum(len(piece) for state in metric.metric_state.values() for piece in state)
    assert held <= (2 * (2 * 40 + 20) if settings else 3)
    if settings:  # chosen anew in every batch, not the same places of each
        places = (metric._all_rows("samples").argmax(1) % 20).tolist()
        assert len(metric._all_rows("samples")) == 40 and len(set(places)) > 8


def test_sums_in_float64_whatever_the_features_are_held_in() -> None:
    far = features(400, 0) + 3000
    metric = StreamedMetric("fd")
    for batch in np.split(far, 40):
        metric.update(torch.from_numpy(batch))
    metric.update(torch.from_numpy(features(300, 1) + 3000), real=True)
    assert float(metric.compute()) == pytest.approx(fd(far, features(300, 1) + 3000).value, rel=1e-8)


def test_no_more_samples_are_kept_than_asked_and_all_have_the_same_chance() -> None:
    kept = np.zeros(300)
    for trial in range(30):
        metric = StreamedMetric("vendi", max_samples=30)
        for _ in range(trial):  # random numbers follow the count of updates
            metric.update(torch.zeros(0, 300))
        for batch in torch.eye(300).split(17):
            metric.update(batch)
            assert sum(len(piece) for piece in metric.samples_rows) <= 60 + 17
        rows = metric._all_rows("samples")
        assert len(rows) == 30
        kept += rows.sum(0)
    # each is kept a tenth of the times, wherever it stands in the stream
    assert abs(kept[:150].sum() - kept[150:].sum()) < 0.2 * kept.sum()


def test_a_reservoir_gives_about_the_same() -> None:
    whole, some = StreamedMetric("precision"), StreamedMetric("precision", max_samples=150)
    for metric in (whole, some):
        feed(metric, "features", 20)
    assert abs(float(whole.compute()) - float(some.compute())) < 0.2
    assert some.estimate().value == float(some.compute())


class Linear(nn.Module):
    """Pixels to features."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(12, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images.flatten(1).float() / 255)


class Means(Extractor):
    """The mean of each channel."""

    kind = "images"
    has_classes = True
    label, dimension, identity = "means", 3, "means"

    def batch_size(self, shape: tuple[int, ...]) -> int:
        return 16

    def extract_batch(self, batch: Any) -> Features:
        means = batch.mean((1, 2)).astype(np.float32)
        return Features(means, means)


def test_images_through_a_module() -> None:
    images = torch.randint(0, 256, (90, 3, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    module = Linear()
    metric = StreamedMetric("fd", extractor=module)
    metric.update(images[:40])
    metric.update(images[40:], real=True)
    seen = module(images).detach().numpy()
    assert float(metric.compute()) == pytest.approx(fd(seen[:40], seen[40:]).value, rel=1e-6)
    assert all(not p.requires_grad or p.grad is None for p in module.parameters())
    assert module in set(metric.modules())


def test_a_module_in_training_sees_samples_one_by_one() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.BatchNorm1d(5), nn.Dropout(0.5))
    module[3].eval()
    images, before = torch.randn(90, 3, 2, 2), module[2].running_mean.clone()
    whole, pieces = StreamedMetric("vendi", extractor=module), StreamedMetric("vendi", extractor=module)
    whole.update(images)
    for batch in images.split(7):
        pieces.update(batch)
    assert float(pieces.compute()) == pytest.approx(float(whole.compute()), rel=1e-5)
    assert torch.equal(module[2].running_mean, before)
    assert [m.training for m in (module, module[2], module[3])] == [True, True, False]


def test_images_through_an_extractor_of_the_family() -> None:
    images = torch.randint(0, 256, (90, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    metric, score = StreamedMetric("kid", extractor=Means()), StreamedMetric("inception-score", extractor=Means())
    metric.update(images[:40])
    metric.update(images[40:].permute(0, 2, 3, 1).numpy(), real=True)
    means = images.float().mean((2, 3)).numpy()
    assert float(metric.compute()) == pytest.approx(
        metrics.create("kid").measure(means[:40], ReferenceFeatures(FeatureSet(means[40:]))).value, rel=1e-5
    )
    score.update(images)
    assert 1 <= float(score.compute()) <= 3


def test_logits_serve_as_well_as_their_logarithms() -> None:
    logs = torch.from_numpy(log_probabilities(50, 4, 0))
    values = []
    for given in (logs, logs + 3.0, (logs + 3.0).float()):
        metric = StreamedMetric("inception-score")
        metric.update(given)
        values.append(float(metric.compute()))
    assert values[1] == pytest.approx(values[0], rel=1e-12)
    assert values[2] == pytest.approx(values[0], rel=1e-5)


def test_a_fixed_reference_takes_the_place_of_real_samples() -> None:
    real = ReferenceFeatures(FeatureSet(features(300, 8), log_probabilities(300, 5, 8)))
    for name in ("fd", "kid", "diversity-score"):
        metric, needs = StreamedMetric(name, reference=real), metrics.create(name).needs
        metric.update(sets(needs)["samples"])
        assert float(metric.compute()) == pytest.approx(expected(name), rel=1e-6)
        with pytest.raises(UserError, match="no real samples"):
            metric.update(sets(needs)["samples"], real=True)
    modes = StreamedMetric("modes-covered", reference=SQUARE)
    modes.update(torch.from_numpy(view("density", 100, 0)))
    assert float(modes.compute()) == 4
    with pytest.raises(UserError, match="modes_covered needs the Modes of a density: give it as reference"):
        StreamedMetric("modes-covered")
    logits = torch.eye(1000)[:70]
    alone, divergence = StreamedMetric("stacked-modes"), StreamedMetric("stacked-kl", reference=np.full(1000, 1e-3))
    for metric in (alone, divergence):
        metric.update(logits)
    assert float(alone.compute()) == 70
    assert float(divergence.compute()) == pytest.approx(np.log(1000 / 70))


def test_options_and_metrics_that_are_made_already() -> None:
    assert not StreamedMetric("kid").higher_is_better
    assert StreamedMetric("density").higher_is_better is None
    split = StreamedMetric(metrics.create("inception-score", splits=4))
    assert split.sums is None
    feed(split, "classes")
    assert float(split.compute()) < expected("inception-score")


def test_mistakes() -> None:
    with pytest.raises(UserError, match="no metric is called 'fod'"):
        StreamedMetric("fod")
    metric = StreamedMetric("precision")
    metric.update(torch.randn(20, 3))
    with pytest.raises(UserError, match="update it with real=True"):
        metric.compute()
    with pytest.raises(UserError, match="are no batch"):
        metric.update(torch.randn(20))
    with pytest.raises(UserError, match="no held_out samples"):
        metric.update(torch.randn(20, 3), held_out=True)
    broken = StreamedMetric("fd")
    broken.update(torch.tensor([[1.0, 2.0], [float("nan"), 1.0]]))
    broken.update(torch.randn(20, 2), real=True)
    with pytest.raises(UserError, match="not finite"):
        broken.compute()


def test_states_move_copy_and_pickle() -> None:
    metric = feed(StreamedMetric("fd"), "features", 50)
    value = float(metric.compute())
    for other in (metric.to("cpu").half(), metric.clone(), pickle.loads(pickle.dumps(metric))):
        assert float(other.compute()) == value
        assert other.samples_scatter[0].dtype == torch.float64


@pytest.mark.parametrize("name", ["fd", "precision"])
def test_where_float64_is_unknown_states_lie_beside_it(name: str) -> None:
    metric = StreamedMetric(name)
    metric._device = torch.device("mps")  # nothing may be put there: this machine has none
    feed(metric, "features", 50)
    assert float(metric.compute()) == pytest.approx(expected(name), rel=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", STREAMED)
def test_on_a_gpu(name: str) -> None:
    metric, needs = StreamedMetric(name).to("cuda"), metrics.create(name).needs
    for side, rows in sets(needs).items():
        metric.update(rows.to("cuda"), real=side == "real", held_out=side == "held_out")
    assert metric.compute().device.type == "cuda"
    assert float(metric.compute()) == pytest.approx(expected(name), rel=1e-6)


def test_forward_measures_the_batch_and_remembers_it() -> None:
    logs = torch.from_numpy(log_probabilities(60, 5, 0))
    metric = StreamedMetric("inception-score")
    first = metric(logs[:30])
    metric(logs[30:])
    alone = StreamedMetric("inception-score")
    alone.update(logs[:30])
    assert float(first) == float(alone.compute())
    alone.update(logs[30:])
    assert float(metric.compute()) == pytest.approx(float(alone.compute()), rel=1e-12)


PROCESS = """
import sys, torch, torch.distributed as dist
from test_streaming import SHARED, feed, sets
from twoplayer import metrics
from twoplayer.measurement.torchmetrics_adapter import StreamedMetric

rank = int(sys.argv[1])
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)
for name in SHARED:
    metric = feed(StreamedMetric(name), metrics.create(name).needs, 30, rank)
    print(name, float(metric.compute()).hex())
for name in ("fd", "kid"):  # one process without any sample of one kind
    metric, given = StreamedMetric(name), sets("features")
    metric.update(given["samples" if rank else "real"], real=not rank)
    print("apart", float(metric.compute()).hex())
kept = StreamedMetric("precision", max_samples=50)
feed(kept, "features", 30, rank)
print("kept", float(kept.compute()).hex())
dist.destroy_process_group()
"""


def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    script = tmp_path / "process.py"
    script.write_text(PROCESS)
    command = [sys.executable, "-W", "ignore", str(script)]
    children = [
        subprocess.Popen([*command, str(rank), str(tmp_path / "meeting")], stdout=subprocess.PIPE, text=True,
                         env={**os.environ, "OMP_NUM_THREADS": "1"})
        for rank in (0, 1)
    ]  # fmt: skip
    first, second = (child.communicate(timeout=120)[0].split("\n") for child in children)
    assert [child.returncode for child in children] == [0, 0]
    assert first == second
    found = [line.split() for line in first if line]
    assert [name for name, _ in found] == [*SHARED, "apart", "apart", "kept"]
    for name, value in found[: len(SHARED)]:
        assert float.fromhex(value) == pytest.approx(expected(name), rel=1e-6)
    assert [float.fromhex(value) for _, value in found[-3:-1]] == pytest.approx(
        [expected("fd"), expected("kid")], rel=1e-6
    )
