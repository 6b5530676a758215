"""Stopping: the rule on courses whose end is known, criteria that leave the run alone, and the best checkpoint kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from _children import alone_and_killed, random_moments
from _toys import assert_same_state, state, tensors
from twoplayer.api.run import Run
from twoplayer.core.errors import UserError
from twoplayer.core.files import read_json_lines
from twoplayer.runs import checkpoint
from twoplayer.runs.run_dir import RunFolder
from twoplayer.training import stopping
from twoplayer.training.stopping._held_out import HeldOutBatches, mean_and_error
from twoplayer.training.stopping._patience import Judgement, PatienceRule, best, counted, noise
from twoplayer.training.stopping._stopping import AUTO
from twoplayer.training.stopping.duality_gap import DualityGap, perturb

Tiny = Callable[..., Any]


def course(values: Sequence[float], every: int = 10, error: float | None = None) -> list[Judgement]:
    return [Judgement(i * every, i * every * 8, float(i), value, error) for i, value in enumerate(values)]


def stops_at(values: Sequence[float], rule: PatienceRule | None = None, error: float | None = None) -> int | None:
    """The number of judgements after which the rule ends the run."""
    whole, rule = course(values, error=error), rule or PatienceRule()
    return next((n for n in range(1, len(whole) + 1) if rule.over(whole[:n])), None)


# ---- the rule


def test_a_run_that_stands_still_ends_when_patience_is_over() -> None:
    falling = [10.0 - i for i in range(9)]  # rounds 0 to 80
    assert stops_at([*falling, *[2.0] * 20], PatienceRule(least=4)) == 13  # at round 120, half as much again as 80
    assert stops_at([*falling, *[2.0] * 20]) == 15  # six judgements after it
    assert stops_at([*falling, *[2.0] * 20], PatienceRule(patience=1.0)) == 17
    assert stops_at([5.0] * 20) is None  # it has not begun to learn
    assert stops_at([9.0, *[5.0] * 20]) is None  # no more than better than untrained networks
    assert stops_at([9.0, *[5.0] * 20, 4.0, *[4.0] * 20]) is not None
    assert PatienceRule().last_gain(course([*falling, 2.0])).step == 80  # type: ignore[union-attr]


def test_a_steady_descent_never_ends() -> None:
    assert stops_at([100 * 0.9**i for i in range(40)]) is None
    assert stops_at([100 - i for i in range(40)]) is None


def test_small_gains_add_up() -> None:
    """Each step is within the noise, four of them are not."""
    random_ = np.random.default_rng(0)
    values = [20 - 0.25 * i + random_.normal(scale=0.3) for i in range(60)]
    assert stops_at(values, error=0.3) is None
    assert stops_at([*values, *(values[-1] + random_.normal(scale=0.3) for _ in range(60))], error=0.3) is not None


def test_gains_within_the_noise_are_none() -> None:
    """Lower by less than √2 standard errors: the run ends, though every judgement is the lowest yet."""
    values = [9.0, 3.0, *(1.0 - 0.001 * i for i in range(30))]
    assert stops_at(values) is None  # taken at their word
    assert stops_at(values, error=0.5) is not None


@pytest.mark.parametrize("deviation", [0.1, 3.0])
def test_noise_is_told_from_scatter(deviation: float) -> None:
    scatter = np.random.default_rng(1).normal(scale=deviation, size=400)
    trend = np.linspace(50 * deviation, 0, 400)
    assert noise(course(list(trend + scatter))) == pytest.approx(deviation, rel=0.25)
    assert noise(course([1.0, 1.0], error=0.2)) == 0.2 and noise(course([1.0])) == 0
    assert noise(course(list(trend), error=deviation)) == pytest.approx(deviation)


def test_what_is_no_number_is_no_gain() -> None:
    assert best(course([float("nan"), 3.0, float("inf"), 2.0, 2.0])) == course([0, 3, 0, 2.0])[3]
    assert best(course([1.0, 3.0])) == course([1.0, 3.0])[1]  # round 0 is nothing to keep
    assert best(course([float("nan")])) is None and not PatienceRule().over(course([float("nan")] * 20))
    assert stops_at([3.0, 2.5, 2.0, *[float("nan")] * 10]) == 9
    assert stops_at([float("nan"), *[5.0] * 20]) is None  # its first number is no gain over anything
    assert stops_at([float("nan"), 5.0, *[3.0] * 20]) is not None


def test_what_counts() -> None:
    """Where the judge learns too, only what follows its peak."""
    whole = course([0.0, 1.0, 4.0, 3.0, float("nan"), 2.0])
    assert counted(whole) == whole and counted(whole, from_peak=True) == whole[2:]
    assert counted(course([1.0]), from_peak=True) == [] and best(counted(whole, from_peak=True)) == whole[5]


def test_the_mean_and_its_error() -> None:
    mean, error = mean_and_error([1.0, 2.0, 3.0, 4.0])
    assert mean == 2.5 and error == pytest.approx(np.std([1, 2, 3, 4], ddof=1) / 2)
    assert mean_and_error([2.0]) == (2.0, None) and np.isnan(mean_and_error([1.0, float("inf")])[0])


# ---- in training


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[float]], None]:
    """The yardstick gives these values, one for each judgement, and the last one for ever."""

    def script(values: Sequence[float]) -> None:
        import twoplayer.measurement
        from twoplayer.measurement import Measurement
        from twoplayer.metrics import MetricValue

        left = list(values)

        def measure(samples: Any, data: Any, *, quick: bool = False, **_: Any) -> Measurement:
            if quick:
                return Measurement((MetricValue("toy_100", 1.0, True),), (), 100)
            value = left.pop(0) if len(left) > 1 else left[0]
            return Measurement((MetricValue("fd_toy_100", value, False, error=0.01),), (), 100)

        monkeypatch.setattr(twoplayer.measurement, "measure", measure)

    return script


FALL_AND_RISE = [9.0, 7.0, 5.0, 3.0, 4.0, 4.5, 5.0, 5.5, 6.0, 7.0, 8.0, 9.0]


def test_a_run_ends_by_itself_and_keeps_the_best(
    tiny: Tiny, scripted: Callable[[Sequence[float]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(FALL_AND_RISE)
    settings = {"early_stopping": "plateau", "early_stopping_every": 2, "keep_checkpoints": 1, "checkpoint_every": 1}
    run = tiny(steps=100, **settings)
    # the best at round 6, and six judgements after it
    assert run.status["state"] == "finished" and run.status["step"] == 18
    assert run.status["best_checkpoint"] | {"seconds": 0, "images_seen": 0} == {
        "step": 6, "images_seen": 0, "seconds": 0, "criterion": "plateau", "what": "fd_toy_100", "value": 3.0,
    }  # fmt: skip
    assert "fd_toy_100 has not fallen below its 3 of step 6" in run.status["message"]
    assert "step 6 is kept" in run.status["message"]
    assert [p.name for p in sorted(run.folder.checkpoints.iterdir())] == ["000000006", "000000018"]
    assert [line["step"] for line in read_json_lines(run.folder.judgements)] == list(range(0, 19, 2))

    # what is sampled and reported is what is kept
    opened = Run(run.path)
    assert opened.step == 6 and "round 6 kept as the best by fd_toy_100" in repr(opened)
    kept = checkpoint.load(checkpoint.at(run.folder.checkpoints, 6))["ema"]
    assert all(torch.equal(opened.generator.state_dict()[name], tensor) for name, tensor in kept.items())
    assert run.metrics[-1]["step"] == 6

    # it stays where it ended, unless it is told to go on
    measured = run.metrics
    assert tiny(steps=100, **settings).status["step"] == 18 and run.metrics == measured
    on = tiny(steps=20, **{**settings, "early_stopping": "none"})
    assert on.status["step"] == 20 and "best_checkpoint" not in on.status and Run(run.path).step == 20


def test_a_run_that_goes_on_gaining_uses_its_budget(tiny: Tiny, scripted: Callable[[Sequence[float]], None]) -> None:
    scripted([100 * 0.8**i for i in range(40)])
    run = tiny(steps=30, early_stopping="auto", early_stopping_every=2)
    assert run.status["step"] == 30 and run.status["message"] is None
    assert run.status["best_checkpoint"]["step"] == 30 and run.step == 30
    assert AUTO in stopping.names() and run.status["best_checkpoint"]["criterion"] == AUTO


def test_without_a_period_a_run_is_judged_thirty_times(tiny: Tiny, scripted: Callable[[Sequence[float]], None]) -> None:
    scripted([100 * 0.8**i for i in range(40)])
    run = tiny(steps=60, early_stopping="plateau")
    steps = [line["step"] for line in read_json_lines(run.folder.judgements)]
    assert len(steps) == 31 and steps[-1] == 60 and max(np.diff(steps)) <= 3


def test_plateau_needs_a_figure(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    import twoplayer.measurement

    nothing = twoplayer.measurement.Measurement((), (), 100)
    monkeypatch.setattr(twoplayer.measurement, "measure", lambda *_, **__: nothing)
    with pytest.raises(UserError, match="plateau follows a metric, and none can be measured on ring"):
        tiny(early_stopping="plateau")


# ---- criteria


@pytest.mark.parametrize("criterion", stopping.names())
@pytest.mark.parametrize("method", ["gan1", "wgan-gp", "sngan"])
def test_judging_leaves_no_trace(method: str, criterion: str, tiny: Tiny) -> None:
    settings = {"steps": 6, "ema_decay": 0.9}
    plain = tiny(method, folder="plain", **settings)
    judged = tiny(
        method,
        folder="judged",
        early_stopping=criterion,
        early_stopping_every=1,
        early_stopping_patience=50.0,
        **settings,
    )
    assert judged.status["step"] == 6 and len(read_json_lines(judged.folder.judgements)) == 7
    assert_same_state(state(judged.path), state(plain.path))


@pytest.fixture
def trainer(tiny: Tiny) -> Callable[..., Any]:
    """A run's trainer as it was left."""

    def make(method: str = "gan1", **settings: Any) -> Any:
        from twoplayer.core.device import place
        from twoplayer.runs.dataset import reopen
        from twoplayer.training.assemble import restored

        run = tiny(method, **{"batch_size": 8, **settings})
        return restored(run.folder, reopen(run.folder), place("cpu", "fp32", "contiguous", "points"))

    return make


def test_adversaries_and_tests_share_no_data(trainer: Callable[..., Any]) -> None:
    gap = DualityGap(trainer())
    train = {tuple(row) for row in gap.run.dataset.train}
    parts = [{tuple(row) for row in half.share.train} for half in (gap.adversaries, gap.testing)]
    assert [len(part) for part in parts] == [len(gap.run.dataset.held_out) // 2] * 2
    assert not (parts[0] & parts[1]) and not (train & (parts[0] | parts[1]))


def test_the_gap_is_zero_against_nobody_and_grows_with_better_adversaries(trainer: Callable[..., Any]) -> None:
    fresh = trainer("gan1", steps=1)
    assert DualityGap(fresh, steps=0, perturbation=0.0).judge(1) == (0.0, 0.0)
    few, many = (DualityGap(fresh, steps=steps, perturbation=0.0).judge(1)[0] for steps in (2, 60))
    assert 0 <= few < many


def test_the_gap_falls_while_a_game_is_learned(trainer: Callable[..., Any]) -> None:
    """A generator that has learned nothing can be told from the data, and can do much better."""
    settings = {"learning_rate": 2e-3, "filters": 32, "batch_size": 64, "data.count": 2000, "ema_decay": 0.0}
    gaps = [DualityGap(trainer("gan1", steps=s, **settings), steps=40).judge(s)[0] for s in (1, 600)]
    assert gaps[1] < 0.8 * gaps[0]


def test_perturbing_adds_noise_in_proportion() -> None:
    layer = torch.nn.Linear(200, 200)
    before = layer.weight.detach().clone()
    perturb(layer, 0.5, torch.Generator().manual_seed(0))
    moved = (layer.weight.detach() - before).std() / before.std()
    assert float(moved) == pytest.approx(0.5, rel=0.02)


def test_the_critics_estimate_is_its_own_loss_turned_round(trainer: Callable[..., Any]) -> None:
    """For a Wasserstein critic: the mean output on held-out data less that on the averaged generator's samples."""
    subject = trainer("wgan", steps=5)
    found, error = stopping.create("critic", subject).judge(5)
    held_out = HeldOutBatches(subject.config, subject.dataset, subject.device_config, "estimate")
    differences = []
    with torch.no_grad():
        for batch in held_out.batches(5):
            fake = subject.ema.module(subject.problem.latents(batch))
            differences.append(float(subject.problem.critic(batch.real).mean() - subject.problem.critic(fake).mean()))
    assert found == pytest.approx(np.mean(differences), abs=1e-5)
    assert error == pytest.approx(np.std(differences, ddof=1) / np.sqrt(len(differences)), abs=1e-5)


def test_judgements_are_of_the_same_samples(trainer: Callable[..., Any]) -> None:
    """So that their differences are the players'."""
    subject = trainer()
    for kind in (stopping.family.find("critic"), DualityGap):
        criterion = kind(subject)
        assert criterion.judge(4) == criterion.judge(4) == kind(subject).judge(4)


def test_what_a_criterion_cannot_judge(tiny: Tiny) -> None:
    with pytest.raises(
        UserError, match="duality-gap moves the weights of a generator against a critic, which icfg does not"
    ):
        tiny("icfg", early_stopping="duality-gap", **{"algorithm.pool_size": 16, "algorithm.functional_steps": 2})
    with pytest.raises(UserError, match=r"0 of them are too few: set held_out to 0\.1, or early_stopping to plateau"):
        tiny("gan1", np.zeros((40, 2)) + np.arange(40)[:, None], early_stopping="critic", held_out=0.0)
    with pytest.raises(UserError, match="early_stopping must be one of none, auto, critic, duality-gap, plateau"):
        tiny("gan1", early_stopping="sometime")


def test_functional_gradients_are_judged_by_what_they_ship(tiny: Tiny) -> None:
    run = tiny(
        "icfg",
        early_stopping="critic",
        early_stopping_every=1,
        steps=2,
        **{"algorithm.pool_size": 16, "algorithm.functional_steps": 2},
    )
    lines = read_json_lines(run.folder.judgements)
    assert [line["step"] for line in lines] == [0, 1, 2]
    assert lines[0]["value"] != lines[-1]["value"]


# ---- resuming


COMMAND = (
    "train gan1 --data ring --data.count 300 --run run --batch-size 8 --filters 4 --tensorboard false "
    "--checkpoint-every 3 --evaluate-every 0 --steps 60 --early-stopping duality-gap --early-stopping-every 4 "
    "--early-stopping-patience 0.5"
)


def told(folder: Path) -> list[dict[str, Any]]:
    """The judgements without what depends on the clock."""
    lines = read_json_lines(folder / "run" / "judgements.jsonl")
    return [{k: v for k, v in line.items() if k not in ("seconds", "took")} for line in lines]


def best_tensors(run: Path, step: int) -> Any:
    return tensors(checkpoint.load(checkpoint.at(run / "checkpoints", step)))


def test_killed_and_resumed_it_ends_where_it_would_have(tmp_path: Path) -> None:
    alone, killed, _ = alone_and_killed(COMMAND.split(), tmp_path, random_moments(0, 3))
    assert told(killed) == told(alone)
    assert_same_state(state(killed / "run"), state(alone / "run"))
    one, other = (RunFolder(folder / "run").status() for folder in (killed, alone))
    assert one["best_checkpoint"]["step"] == other["best_checkpoint"]["step"] and one["step"] == other["step"]
    mine, others = (best_tensors(folder / "run", one["best_checkpoint"]["step"]) for folder in (killed, alone))
    assert all(torch.equal(mine[name], others[name]) for name in others)
