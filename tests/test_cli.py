"""The command line: exit codes, one sentence for every mistake, and JSON that is nothing but JSON."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from twoplayer.cli import main
from twoplayer.runs import checkpoint

FAST = "--filters 4 --batch-size 8 --steps 4 --checkpoint-every 2 --evaluate-every 0 --tensorboard false"
RING = f"train gan1 --data ring --data.count 100 {FAST}"


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def sentences(self) -> list[str]:
        """What was said on standard error, a line each."""
        return [line.removeprefix("twoplayer: ") for line in self.err.splitlines()]


@pytest.fixture
def cli(
    tmp_path: Path, cheap: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Run a command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("warnings.showwarning", None)  # put back what the command line sets

    def call(command: str, *more: str) -> Outcome:
        capfd.readouterr()
        code = main.run([*command.split(), *more])
        return Outcome(code, *capfd.readouterr())

    return call


@pytest.fixture
def run(cli: Callable[..., Outcome], tmp_path: Path) -> Path:
    """A finished run of four rounds on the ring."""
    assert cli(f"{RING} --run trained").code == 0
    return tmp_path / "trained"


def contents(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def refused(outcome: Outcome, *parts: str) -> None:
    """One sentence on standard error that holds all the parts, exit code 2, nothing else."""
    assert outcome.code == 2 and outcome.out == ""
    assert len(outcome.sentences) == 1 and "Traceback" not in outcome.err
    for part in parts:
        assert part in outcome.err


# ---- what works


def test_help_names_every_verb(cli: Callable[..., Outcome]) -> None:
    shown = cli("--help")
    assert shown.code == 0
    verbs = [line.split()[0] for line in shown.out.split("Verbs:")[1].splitlines() if line[2:3].strip()]
    assert verbs[:6] == ["train", "sample", "evaluate", "diagnose", "compare", "report"] and verbs[-2:] == [
        "lab",
        "list",
    ]
    for verb in verbs:
        assert cli(f"{verb} --help").code == 0
    assert cli("--version").out.startswith("twoplayer")


def test_the_verbs_in_order(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    trained = cli(RING)
    assert trained.code == 0 and trained.out == "report: runs/gan1-ring-1/report.html\n"
    assert "gan1 on ring" in trained.err and "100%" in trained.err
    assert cli(RING).code == 0  # the same command: the same run
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["gan1-ring-1"]
    assert cli(f"{RING} --seed 1").out == "report: runs/gan1-ring-2/report.html\n"
    assert cli("sample runs/gan1-ring-1 --n 9 -o nine.npy").out == "nine.npy\n"
    assert np.load("nine.npy").shape == (9, 2)
    assert "toy_50" in cli("evaluate runs/gan1-ring-1 --n 50").out
    assert cli("report runs/gan1-ring-1 -o page.html").out == "page.html\n"
    assert Path("page.html").read_text().lower().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("verb", "keys"),
    [
        (f"{RING} --run trained", {"run", "state", "step", "images_seen", "report", "metrics"}),
        ("sample trained --n 5 -o x.png", {"run", "output", "samples", "seed", "shape"}),
        ("evaluate trained --n 50", {"run", "step", "images_seen", "samples", "reference", "metric_values", "notes"}),
        ("report trained", {"run", "report"}),
        ("list", {"methods", "data", "objectives", "metrics", "networks"}),
        ("list regularizers r1", {"name", "summary", "source", "options"}),
        ("list methods wgan", {"name", "summary", "source", "settings"}),
    ],
)
def test_json_is_one_document_and_nothing_else(
    verb: str, keys: set[str], cli: Callable[..., Outcome], run: Path
) -> None:
    printed = cli(f"{verb} --json")
    assert (printed.code, printed.err) == (0, "")
    document = json.loads(printed.out)
    assert keys <= document.keys()


def test_lists_hold_every_member_with_its_words(cli: Callable[..., Outcome]) -> None:
    for label, members in json.loads(cli("list --json").out).items():
        assert members
        plain = cli(f"list {label}").out
        for member in members:
            assert member["summary"] and member["name"] in plain and member["summary"] in plain
            assert cli(f"list {label} {member['name']}").code == 0


# ---- mistakes before anything begins


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        ("trian", ["no verb is called 'trian': did you mean train?"]),
        ("train dcgna --data digits", ["no method is called 'dcgna': did you mean dcgan?"]),
        ("train gan1 --data rnig", ["'rnig': did you mean ring?"]),
        ("train gan1", ["say what to train on, such as --data digits"]),
        ("train gan1 --data ring --critic-stpes 5", ["'critic-stpes': did you mean critic_steps?"]),
        ("train gan1 --data ring --batch-size", ["--batch-size"]),
        ("train gan1 --data ring --depth", ["--depth needs a value"]),
        ("train gan1 --data ring extra", ["'extra' is no flag"]),
        ("train gan1 --data ./missing", ["no file or folder ./missing"]),
        ("train gan1 --data empty", ["empty"]),
        ("train gan1 --data ring --config none.yaml", ["cannot read the config file none.yaml"]),
        ("train gan1 --data ring --device cuda:77", ["cuda"]),
        ("train gan1 --data ring --device tpu", ["no device is called 'tpu'"]),
        ("train began --data ring --critic mlp", ["began needs a critic", "take the critic autoencoder"]),
        ("train dcgan --data ring --networks dcgan", ["dcgan"]),
        (f"{RING} --batch-size 200", ["200"]),
        (f"{RING} --learning-rate fast", ["optimizer.learning_rate must be a number, not 'fast'"]),
        ("sample nowhere", ["no run folder nowhere"]),
        ("sample empty", ["empty is not a run folder"]),
        ("evaluate nowhere", ["no run folder nowhere"]),
        ("report nowhere", ["nowhere"]),
        ("list methds", ["did you mean methods?"]),
        ("list objectives hinj", ["did you mean hinge?"]),
        ("sample", ["RUN"]),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(
    command: str, parts: list[str], cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    refused(cli(command), *parts)
    assert contents(tmp_path) == {} and {p.name for p in tmp_path.iterdir()} <= {"empty", "runs"}
    assert not list(tmp_path.glob("runs/*"))


def test_several_mistakes_are_told_at_once(cli: Callable[..., Outcome]) -> None:
    found = cli("train gan1 --data ring --objective hnge --batch-size many --regularizers r3 --latent-dims 4")
    assert found.code == 2 and len(found.sentences) == 4
    for part in ("did you mean hinge?", "batch_size must be a whole number", "'r3'", "did you mean latent_dim?"):
        assert part in found.err


def test_images_that_cannot_be_read(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(20):
        Image.new("RGB", (9, 9), (number, 0, 0)).save(photos / f"{number}.png")
    few = f"train gan1 --data photos --resolution 8 {FAST}"
    refused(cli(f"{few} --batch-size 64"), "64")
    for name in ("bad.png", "worse.png"):
        (photos / name).write_bytes(b"no picture")
    refused(cli(few), "2", "bad.png")
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


# ---- run folders in disorder


def corrupt(run: Path, what: str) -> None:
    match what:
        case "config cut":
            text = (run / "config.yaml").read_text()
            (run / "config.yaml").write_text(text[: text.index("optimizer:")])  # still YAML
        case "config of another kind":
            (run / "config.yaml").write_text("colour: blue\n")
        case "config of another version":
            config = (run / "config.yaml").read_text()
            (run / "config.yaml").write_text(f"colour: blue\n{config.replace('beta1:', 'beta0:')}")
        case "environment missing":
            (run / "environment.json").unlink()
        case "environment cut":
            (run / "environment.json").write_text('{"format"')
        case "newer format":
            environment = json.loads((run / "environment.json").read_text())
            (run / "environment.json").write_text(json.dumps({**environment, "format": 99}))
        case "no checkpoint":
            for path in (run / "checkpoints").iterdir():
                path.rename(run / f"moved-{path.name}")
        case "checkpoint cut":
            weights = checkpoint.latest(run / "checkpoints") / checkpoint.WEIGHTS
            weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
        case "data cut":
            (run / "data.json").write_text("{")
        case "other networks":
            config = (run / "config.yaml").read_text()
            (run / "config.yaml").write_text(config.replace("filters: 4", "filters: 6"))


DISORDER = {
    "config cut": "config.yaml is corrupt",
    "config of another kind": "config.yaml is corrupt",
    "config of another version": "has the unknown setting optimizer.beta0, colour: it may be of a newer twoplayer",
    "environment missing": "environment.json is missing",
    "environment cut": "environment.json is not valid JSON",
    "newer format": "newer twoplayer (format 99; this one reads 1)",
    "no checkpoint": "no checkpoint yet",
    "checkpoint cut": "is damaged",
    "data cut": "data.json is not valid JSON",
    "other networks": "does not fit",
}


@pytest.mark.parametrize("what", DISORDER)
@pytest.mark.parametrize("verb", ["sample trained -o x.npy", "evaluate trained --n 50", "report trained", "resume"])
def test_a_damaged_run_is_told_and_left_alone(
    verb: str, what: str, cli: Callable[..., Outcome], run: Path, tmp_path: Path
) -> None:
    corrupt(run, what)
    before = contents(run)
    if verb == "report trained" and what in ("no checkpoint", "checkpoint cut", "other networks"):
        assert cli(verb).code == 0  # a report reads no weights
        return
    if verb == "resume" and what == "no checkpoint":
        assert cli(f"{RING} --run trained").code == 0  # it begins again
        return
    outcome = cli(f"{RING} --steps 6 --run trained" if verb == "resume" else verb)
    expected = "other settings" if (verb, what) == ("resume", "other networks") else DISORDER[what]
    refused(outcome, expected)
    assert contents(run) == before
    assert not (tmp_path / "x.npy").exists()


def test_a_run_with_other_settings_is_not_overwritten(cli: Callable[..., Outcome], run: Path) -> None:
    before = contents(run)
    refused(
        cli(f"{RING} --run trained --learning-rate 0.1 --seed 3"), "other settings", "optimizer", "seed: 0 there, 3 now"
    )
    refused(cli("train wgan --data ring --run trained"), "other settings", "method: gan1 there, wgan now")
    assert contents(run) == before


def test_a_folder_that_is_something_else_is_not_overwritten(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("1")
    refused(cli(f"{RING} --run thesis"), "thesis is not empty and not a run")
    (tmp_path / "file").write_text("2")
    refused(cli(f"{RING} --run file"), "file")
    assert contents(tmp_path) == {"thesis/chapter.txt": b"1", "file": b"2"}


def test_samples_of_the_wrong_form(cli: Callable[..., Outcome], run: Path, tmp_path: Path) -> None:
    refused(cli("sample trained -o x.gif"), "cannot write points to x.gif")
    refused(cli("sample trained --n 0"), "cannot draw 0 samples")
    refused(cli("evaluate trained --n 1"), "at least 2")
    assert not list(tmp_path.glob("x*")) and not list(tmp_path.glob("*.png"))


def test_two_trainings_do_not_share_a_run(cli: Callable[..., Outcome], run: Path) -> None:
    from twoplayer.runs.run_dir import RunFolder

    with RunFolder(run).locked():
        refused(cli(f"{RING} --run trained --steps 9"), "another process is training")


# ---- what happens on the way


def test_a_full_disk(cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        if len(list((tmp_path / "run" / "checkpoints").glob("0*"))) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*_)

    real = checkpoint.save_file
    monkeypatch.setattr(checkpoint, "save_file", full)
    stopped = cli(f"{RING} --run run --json")
    document = json.loads(stopped.out)
    assert document["exit_code"] == 2 and "No space left" in document["errors"][0]
    refused(
        Outcome(2, "", stopped.err),
        "checkpoint at round 4 could not be written",
        "No space left",
        "run the same command again",
    )
    monkeypatch.setattr(checkpoint, "save_file", real)
    assert cli(f"{RING} --run run").code == 0


def steps(run: Path) -> Iterator[int]:
    return (int(p.name) for p in sorted((run / "checkpoints").iterdir()))


@pytest.mark.parametrize(
    ("how", "diagnosis"),
    [
        ("--optimizer sgd --learning-rate 1e6 --networks.activation relu", "no longer a finite number"),
        ("--optimizer sgd --objective wasserstein --divergence-limit 0.5", "the critic ran away"),
    ],
)
@pytest.mark.filterwarnings("ignore:nothing holds the critic's slope")
def test_divergence_stops_with_a_diagnosis(
    how: str, diagnosis: str, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    command = f"{RING} --run run --checkpoint-every 1 --steps 50 {how}"
    stopped = cli(command)
    assert stopped.code == 3
    said = stopped.sentences[-1]
    assert said.startswith("training stopped itself: at round") and diagnosis in said
    assert "the last good checkpoint is round" in said and "--learning-rate" in said
    assert "Traceback" not in stopped.err
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert status["state"] == "diverged" and status["step"] == max(steps(tmp_path / "run")) < 50
    good = checkpoint.load(checkpoint.latest(tmp_path / "run" / "checkpoints"))
    assert all(t.isfinite().all() for t in good["ema"].values())
    again = cli(command)
    assert again.code == 3 and "diverged before" in again.err


def test_ctrl_c_before_the_first_round(cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("twoplayer.data.load", interrupted)
    stopped = cli(RING)
    assert (stopped.code, stopped.sentences[-1]) == (130, "interrupted")


@pytest.mark.parametrize("kind", ["torch", "python", "text"])
def test_memory_that_runs_out_is_told(
    kind: str, cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torch

    errors = {
        "torch": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        "python": MemoryError(),
        "text": RuntimeError("MPS backend out of memory"),
    }

    def full(*_: Any, **__: Any) -> None:
        raise errors[kind]

    monkeypatch.setattr("twoplayer.algorithms.alternating.Alternating.step", full)
    assert cli(f"{RING} --run run").sentences[-1] == (
        "the device is out of memory: lower --batch-size, --filters or --resolution"
    )
    assert cli(f"{RING} --run run").code == 2
    monkeypatch.setattr("twoplayer.algorithms.alternating.Alternating.step", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # a mistake of ours is shown as one
        cli(f"{RING} --run other")


def test_a_cache_that_cannot_be_written_is_a_note(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import warnings

    from twoplayer.core import cache

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def root(*_: Any, **__: Any) -> None:
        cache.keep(tmp_path / "judge", "key", cache.CacheEntry({}, {}), "the classifier")

    monkeypatch.setattr(cache, "write_atomic", full)
    monkeypatch.setattr(main.root, "main", root)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        said = cli("list").sentences
    assert len(said) == 1 and "cannot keep the classifier (No space left on device): set TWOPLAYER_CACHE" in said[0]


def test_a_member_says_what_its_options_do(cli: Callable[..., Outcome]) -> None:
    told = cli("list algorithms xicfg").out
    assert "`functional_steps` (T) functional" in told
    assert told.index("`functional_steps` (T)") < told.index("functional_steps: int >= 1")
    assert "`auxiliary_classifier`" in json.loads(cli("list games conditional --json").out)["about"]


def test_options_are_listed_with_their_ranges(cli: Callable[..., Outcome]) -> None:
    def types(member: str) -> dict[str, str]:
        options = json.loads(cli(f"list {member} --json").out)["options"]
        return {name: option["type"] for name, option in options.items()}

    assert types("objectives began") == {"diversity_ratio": "float > 0 and <= 1", "proportional_gain": "float >= 0"}
    assert types("objectives relativistic") == {"relative_to": "pair or average"}
    assert types("data folder") == {
        "channels": "1 or 3 or none", "table": "str or none", "captions": "list of str or none",
        "attributes": "list of str or none", "subset": "int >= 1 or none",
    }  # fmt: skip
    ring = types("data ring")
    assert (ring["modes"], ring["radius"], ring["weights"]) == ("int >= 1", "float > 0", "list of float >= 0 or none")
    dcgan = types("networks dcgan")
    assert dcgan["normalization"] == "batch or layer or instance or none" and dcgan["depth"] == "int >= 1 or none"


def test_warnings_are_notes(cli: Callable[..., Outcome], recwarn: pytest.WarningsRecorder) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        noted = cli(f"{RING} --run noted --critic.normalization batch --regularizers gradient-penalty")
    assert noted.code == 0
    assert any(s.startswith("note: gradient-penalty sets the critic's slope") for s in noted.sentences)


def test_points_are_not_called_images(cli: Callable[..., Outcome]) -> None:
    lines = cli(f"{RING} --run points").sentences
    assert any("points  " in line for line in lines) and not any("images  " in line for line in lines)


def test_what_is_known_of_the_judge_is_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    from twoplayer.cli._console import Console
    from twoplayer.metrics import MetricValue

    with Console() as console:
        console.on_note("training the classifier: 2%")
        console.on_note("training the classifier: 4%")  # a moment later
        for step, note in ((1, "a fair judge"), (2, "a fair judge"), (3, "a stern judge")):
            console.on_figures(step, [MetricValue("toy", 0.5, True)], note)
    assert capfd.readouterr().err.splitlines() == [
        "training the classifier: 2%",
        "step 1: toy 0.5",
        "a fair judge",
        "step 2: toy 0.5",
        "step 3: toy 0.5",
        "a stern judge",
    ]
    Console(quiet=True).on_note("nothing")
    assert capfd.readouterr() == ("", "")


def test_without_figures_the_reason_is_said(cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    from twoplayer.measurement import NOTE_NO_LABELS, _measure

    monkeypatch.setattr("twoplayer.measurement.measure", _measure.measure)
    np.save("plain.npy", np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8))
    trained = cli(f"train dcgan --data plain.npy --evaluate-count 100 {FAST}")
    assert trained.code == 0 and trained.sentences.count(NOTE_NO_LABELS) == 1


# ---- nothing that lies there is lost unasked


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("sample trained --n 5", "samples.png"),
        ("sample trained --n 5 -o x.npy", "x.npy"),
        ("encode trained ring --by critic", "features.npz"),
        ("report trained -o page.html", "page.html"),
    ],
)
def test_a_file_is_replaced_only_where_that_is_asked_for(
    command: str, name: str, cli: Callable[..., Outcome], run: Path, tmp_path: Path
) -> None:
    (tmp_path / name).write_text("mine")
    refused(cli(command), f"{name} is there already: give another name, or --overwrite")
    assert (tmp_path / name).read_text() == "mine"
    assert cli(f"{command} --overwrite").code == 0 and (tmp_path / name).read_bytes() != b"mine"


def test_a_folder_of_samples_holds_one_set_and_nothing_else(tmp_path: Path) -> None:
    from twoplayer.core.errors import UserError
    from twoplayer.sampling.samples import Samples

    def names() -> list[str]:
        return sorted(path.name for path in folder.iterdir())

    folder, images = tmp_path / "out", np.zeros((12, 4, 4, 1), np.uint8)
    Samples(images).save(folder)
    with pytest.raises(UserError, match="out holds 12 samples already: give another folder, or --overwrite"):
        Samples(images[:5]).save(folder)
    assert len(names()) == 12
    Samples(images[:5]).save(folder, overwrite=True)
    assert names() == [f"{number:06d}.png" for number in range(5)]
    (folder / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(UserError, match=r"out holds holiday\.jpg, and a folder of samples holds nothing else"):
        Samples(images).save(folder, overwrite=True)
    assert len(names()) == 6


def test_a_report_is_renewed_by_what_finds_out_more(cli: Callable[..., Outcome], run: Path) -> None:
    def report() -> str:
        return (run / "report.html").read_text(encoding="utf-8").replace("<wbr>", "")

    assert "toy_50" not in report()
    evaluated = cli("evaluate trained --n 50")
    assert evaluated.sentences[-1] == "report: trained/report.html" and "toy_50" in report()
    before = report()
    assert cli("diagnose trained --only data-range").code == 0 and report() == before  # nothing is kept of a part
    printed = cli("diagnose trained --json")
    assert (printed.code, printed.err) == (0, "") and json.loads(printed.out) and report() != before


# ---- what is said


def test_help_tells_ranges_and_what_presets_put_in_place_of_defaults(cli: Callable[..., Outcome]) -> None:
    from collections import Counter

    from twoplayer import methods
    from twoplayer.config.layers import resolve_config

    shown = " ".join(cli("train --help").out.split())
    batches = [
        Counter(resolve_config(name, data).batch_size for name in methods.names()).most_common(1)[0][0]
        for data in ("digits", "ring")
    ]
    assert batches[0] != batches[1]
    said = f"[N >= 2, default: the method's, mostly {batches[0]} for images, {batches[1]} for points]"
    assert said in shown
    assert "at least 100; 0: nothing is measured [N >= 0, default: the method's, mostly 10000]" in shown
    assert "seed of everything random [N >= 0, default: 0]" in shown
    assert "[X > 0 and <= 1e6" not in shown  # an option of the optimizer is no field


def test_the_start_says_what_images_were_made_of(cli: Callable[..., Outcome]) -> None:
    np.save("plain.npy", np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8))
    grown = cli(f"train dcgan --data plain.npy --resolution 16 {FAST}")
    assert grown.code == 0
    assert "36 images of 16x16 pixels (scaled up from 8x8, which adds no detail), 4 held out" in grown.sentences[0]
    assert "36 images of 8x8 pixels, 4 held out" in cli(f"train dcgan --data plain.npy {FAST}").sentences[0]
    assert (
        "networks: mlp; for images dcgan takes dcgan"
        in cli(f"train dcgan --data ring --data.count 100 {FAST.replace('--filters 4 ', '')}").sentences
    )


def test_a_run_may_go_without_measurements(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr("twoplayer.measurement.measure", never)
    assert cli(f"{RING} --run plain --evaluate-count 0").code == 0
    assert not (tmp_path / "plain" / "metrics.jsonl").exists()
    refused(cli(f"{RING} --evaluate-count 50"), "evaluate_count must be at least 100, or 0 for no measurements, not")
    refused(cli("compare gan1 --data ring --steps 9 --evaluate-count 0"), "--evaluate-count 0 switches off: remove it")


def test_advice_names_what_helps(cli: Callable[..., Outcome], run: Path) -> None:
    from twoplayer import methods

    asked = cli("sample trained --text sunglasses")
    refused(asked, "cannot be asked for a text", "twoplayer train gan-cls")
    assert "gan-cls" in methods.names()
    refused(cli("encode trained ring"), "train one with twoplayer train bigan, or encode by its critic (--by critic)")
    refused(cli("reconstruct trained ring"), "train one with twoplayer train bigan")
    assert "--by" not in cli("reconstruct trained ring").err


def test_numbers_are_not_guessed_by_their_digits() -> None:
    from twoplayer.core.errors import UserError, did_you_mean
    from twoplayer.data._attributes import Attribute

    with pytest.raises(UserError, match=r"label is never '12': known: 0 to 9$"):
        Attribute("label", tuple(map(str, range(10)))).encode("12")
    assert did_you_mean("12", ["1", "2", "8"]) == "known: 1, 2, 8"
    assert did_you_mean("sneeker", ["Sneaker", "Bag", "12"]) == "did you mean Sneaker?"
    assert did_you_mean("snail", ["0", "1", "2"]) == "known: 0 to 2"


def test_twins_are_listed_apart(cli: Callable[..., Outcome]) -> None:
    summaries = {member["name"]: member["summary"] for member in json.loads(cli("list data --json").out)["data"]}
    assert summaries["emoji"] != summaries["emoji-pairs"]


def test_the_fewest_permutations_are_as_the_help_says(cli: Callable[..., Outcome]) -> None:
    from twoplayer.two_sample.statistics._base import check_level

    assert "19 for one test at level 0.05" in " ".join(cli("test-samples --help").out.split())
    check_level(0.05, 19, (100, 100))
    with pytest.raises(ValueError, match="take at least 19"):
        check_level(0.05, 18, (100, 100))
