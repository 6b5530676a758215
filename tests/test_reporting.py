"""The report, and two modules that it is built on: files and image grids."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twoplayer.config.schema import Config
from twoplayer.core.errors import UserError
from twoplayer.core.files import append_json_line, json_text, read_json, read_json_lines, sync, write_atomic, write_json
from twoplayer.core.number_format import format_duration, format_number, format_tick
from twoplayer.reporting import write_report
from twoplayer.reporting._axis import horizontal, vertical
from twoplayer.reporting._pictures import selected
from twoplayer.reporting._record import RecordedSamples, read_record
from twoplayer.reporting._series import thin
from twoplayer.runs.run_dir import FORMAT, RunFolder
from twoplayer.sampling.image_grid import image_grid, png_bytes, point_cloud

VOID = {"meta", "img", "input", "wbr", "br", "link"}
HOSTILE = "<script>alert('x')</script>"


class Page(HTMLParser):
    """Elements with their attributes, text, and a proof that every tag is closed in order."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> repeats an attribute"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def read_page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def progress_line(step: int, **changes: float) -> dict[str, Any]:
    return {
        "step": step,
        "images_seen": 64 * step,
        "seconds": step / 10,
        "critic_loss": 1.0 + math.sin(step),
        "generator_loss": 0.7,
        "real_score": 0.5,
        "fake_score": -0.5,
        "critic_gradient_norm": 2.0,
        "generator_gradient_norm": 0.1,
        "images_per_second": 640.0,
        "gradient_penalty": 0.02,
        **changes,
    }


def measurement(step: int, value: float) -> dict[str, Any]:
    figures = [{"name": "fd_classifier_10k", "value": value, "higher_is_better": False, "real": 0.012}]
    notes = ["Classifier test accuracy 92.4 %."]
    return {"step": step, "images_seen": 64 * step, "seconds": 1.0, "metric_values": figures, "notes": notes}


def make_run(folder: Path, kind: str = "images") -> Path:
    """A whole run folder, as training leaves it."""
    rng = np.random.default_rng(0)
    network = {"name": "dcgan", "depth": None}
    RunFolder(folder).write_config(Config(method="dcgan", data={"name": "digits"}, batch_size=64, generator=network))
    environment = {"twoplayer": "9.8.7", "torch": "2.13.0", "command": "twoplayer train dcgan --data digits"}
    write_json(folder / "environment.json", {"format": FORMAT, **environment})
    status = {"state": "finished", "step": 90, "images_seen": 5760, "seconds": 603.0, "message": None}
    write_json(folder / "status.json", status)
    shape, skipped = ([1, 8, 8] if kind == "images" else [2]), [{"path": "broken.png", "reason": "cut off"}]
    data = {
        "name": "digits",
        "kind": kind,
        "shape": shape,
        "train": 1500,
        "held_out": 297,
        "skipped": skipped,
    }
    write_json(folder / "data.json", data)
    for step in range(10, 100, 10):
        append_json_line(folder / "progress.jsonl", progress_line(step))
    for step in (30, 60, 90):
        append_json_line(folder / "metrics.jsonl", measurement(step, 300.0 / step))
    for name in ("000000000", "000000040", "000000090", "real"):
        pixels = rng.integers(0, 256, (9, 8, 8, 1), np.uint8)
        picture = image_grid(pixels, scale=2) if kind == "images" else point_cloud(rng.normal(size=(50, 2)))
        write_atomic(folder / "samples" / f"{name}.png", png_bytes(picture))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "dcgan-digits-1")


@pytest.mark.parametrize("kind", ["images", "points"])
def test_report_shows_everything_the_folder_holds(tmp_path: Path, kind: str) -> None:
    page = read_page(write_report(make_run(tmp_path / "run", kind)))
    text = " ".join(page.text.split())
    assert f"Finished: 90 steps on 5,760 {kind} in 10 min 3 s." in text
    assert "Samples during training" in text and f"2,560 {kind}" in text
    assert "Metrics during training" in text and "3.333" in text and "real data 0.012" in text
    assert "Classifier test accuracy 92.4 %." in text
    for title in ("Losses", "Critic outputs", "Gradient norms", "Speed", "Gradient penalty"):
        assert title in text
    assert "twoplayer train dcgan --data digits" in text and "9.8.7" in text
    assert "broken.png cut off" in text and "1 file could not be read" in text
    assert "none" in text and "batch_size 64" in text
    assert page.count("img") == 4
    assert sum(tag == "svg" and a.get("class") == "chart" for tag, a in page.elements) == 6


def test_report_loads_nothing_from_outside(run: Path) -> None:
    source = write_report(run).read_text(encoding="utf-8")
    for _, attributes in Page(source).elements:
        for name in {"src", "href", "xlink:href", "action", "srcset", "data"} & attributes.keys():
            assert (attributes[name] or "").startswith(("data:image/", "#"))
        assert "url(" not in (attributes.get("style") or "")
    assert "http:" not in source and "https:" not in source
    assert "url(" not in source and "@import" not in source
    assert "default-src 'none'" in source


def test_report_escapes_what_it_shows(run: Path) -> None:
    write_json(run / "data.json", {"name": HOSTILE, "skipped": [{"path": HOSTILE, "reason": HOSTILE}]})
    hostile_options = {"name": HOSTILE, HOSTILE: HOSTILE}
    RunFolder(run).write_config(Config(method=HOSTILE, data=hostile_options, regularizers={HOSTILE: hostile_options}))
    write_json(run / "environment.json", {"format": FORMAT, "command": HOSTILE, HOSTILE: HOSTILE})
    write_json(run / "status.json", {"state": "diverged", "message": HOSTILE, "step": 1, "images_seen": 2})
    append_json_line(run / "progress.jsonl", progress_line(100, **{HOSTILE: 1.0}))
    hostile = {"name": HOSTILE, "value": 1.0, "higher_is_better": True, "real": 2.0}
    append_json_line(run / "metrics.jsonl", {**measurement(100, 1.0), "metric_values": [hostile], "notes": [HOSTILE]})
    source = write_report(run).read_text(encoding="utf-8")
    page = Page(source)
    assert page.count("script") == 1 and "<script>alert" not in source.lower()
    assert page.text.count(HOSTILE) >= 10


def bare_run(folder: Path) -> None:
    """What there is when training begins."""
    RunFolder(folder).write_config(Config(method="gan1", data={"name": "ring"}))
    write_json(folder / "environment.json", {"format": FORMAT})
    write_json(folder / "status.json", {"state": "running", "step": 0, "images_seen": 0, "seconds": 0.0})
    write_json(folder / "data.json", {"name": "ring", "kind": "points", "shape": [2]})


def test_bare_run_has_no_empty_sections(tmp_path: Path) -> None:
    bare_run(tmp_path)
    page = read_page(write_report(tmp_path))
    assert "nothing has been trained yet." in page.text
    assert page.text.count("gan1") >= 1 and page.count("svg") == page.count("img") == page.count("script") == 0
    for heading in ("Metrics during training", "Training", "Command", "Files left out"):
        assert heading not in page.text


@pytest.mark.parametrize("missing", ["progress.jsonl", "metrics.jsonl", "samples"])
def test_what_training_has_not_made_yet_is_left_out(run: Path, missing: str) -> None:
    path = run / missing
    for inside in path.glob("*"):
        inside.unlink()
    path.rmdir() if path.is_dir() else path.unlink()
    assert "Settings" in read_page(write_report(run)).text


def test_cut_and_broken_files(run: Path) -> None:
    before = len(read_record(run).progress)
    with (run / "progress.jsonl").open("a") as file:
        file.write('{"step": 100, "images_se')
    (run / "samples" / "000000090.png").write_bytes((run / "samples" / "000000090.png").read_bytes()[:60])
    page = read_page(write_report(run))
    assert len(read_record(run).progress) == before
    assert page.count("img") == 3 and "Generated after 2,560 images" in " ".join(page.text.split())


def test_values_that_are_not_finite_are_gaps(run: Path) -> None:
    lines = [progress_line(s, critic_loss=math.nan if 40 <= s <= 60 else 1.0 + s) for s in range(10, 100, 10)]
    lines.append(progress_line(100, critic_loss=math.inf))
    write_atomic(run / "progress.jsonl", "\n".join(map(json.dumps, lines)) + "\n")
    source = write_report(run).read_text(encoding="utf-8")
    losses = source[source.index("<h3>Losses") : source.index("Critic outputs")]
    assert losses.count('<polyline class="curve first"') == 2
    assert "Gaps are values that are not finite." in losses
    assert not re.search(r'="[^"]*\b(nan|inf)\b', source)


def test_pictures_between_lines_of_the_log_say_what_was_seen_too(run: Path) -> None:
    for step in (4, 45):
        write_atomic(run / "samples" / f"{step:09d}.png", (run / "samples" / "000000040.png").read_bytes())
    assert [(s.step, s.images_seen) for s in read_record(run).samples] == [
        (0, 0), (4, 256), (40, 2560), (45, 2880), (90, 5760)
    ]  # fmt: skip


def test_a_resumed_run_shows_each_step_once(run: Path) -> None:
    append_json_line(run / "progress.jsonl", progress_line(60, generator_loss=9.0))
    steps = [record["step"] for record in read_record(run).progress]
    assert steps == [10, 20, 30, 40, 50, 60]
    assert read_record(run).progress[-1]["generator_loss"] == 9.0


def test_figures_measured_again_replace_the_first(run: Path) -> None:
    append_json_line(run / "metrics.jsonl", measurement(30, 7.0))
    assert [v.value for v in read_record(run).metric_values] == [7.0, 5.0, 300 / 90]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("running", "so far"),
        ("interrupted", "resumes"),
        ("diverged", "stopped itself"),
        ("unknown", "1 step on 64"),
    ],
)
def test_status_in_words(run: Path, state: str, words: str) -> None:
    status = {
        "state": state,
        "step": 1,
        "images_seen": 64,
        "seconds": 3.21,
        "message": "The critic ran away.",
    }
    write_json(run / "status.json", status)
    text = read_page(write_report(run)).text
    assert words in text and "The critic ran away." in text
    assert ("Why it stopped" in text) == (state == "diverged")


def test_mistakes_are_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run folder"):
        write_report(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"no config\.yaml"):
        write_report(tmp_path)
    bare_run(tmp_path)
    for name, text, complaint in (
        ("config.yaml", "a: [", r"config\.yaml is corrupt"),
        ("config.yaml", "method: gan1\ndata: {name: ring}\n", r"config\.yaml is corrupt \(it was cut off\)"),
        ("environment.json", "{}", r"environment\.json names no format"),
        ("environment.json", json_text({"format": FORMAT + 1}), "newer twoplayer"),
        ("status.json", "[1, 2]", r"status\.json is corrupt"),
        ("data.json", None, r"data\.json is missing"),
    ):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).unlink() if text is None else write_atomic(tmp_path / name, text)
        with pytest.raises(UserError, match=complaint):
            write_report(tmp_path)
        write_atomic(tmp_path / name, whole)
    assert not (tmp_path / "report.html").exists()


def test_output_elsewhere(run: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "out" / "page.html"
    assert write_report(run, output=elsewhere) == elsewhere
    assert elsewhere.exists() and not (run / "report.html").exists()


def test_long_series_are_short_and_keep_their_range() -> None:
    y: list[float | None] = [math.sin(i / 50) for i in range(10_000)]
    y[1234] = 50.0
    y[4000:5000] = [None] * 1000
    series = thin(range(10_000), y, parts=100)
    assert len(series.x) == 100 and series.x[-1] == 9999
    assert max(v for v in series.high if v == v) == 50.0
    assert max(v for v in series.middle if v == v) < 1.01  # a single peak is in the band, not in the line
    assert sum(math.isnan(v) for v in series.middle) == 10


def test_axes() -> None:
    assert horizontal([0, 460_000]).ticks == [0, 100_000, 200_000, 300_000, 400_000]
    level = vertical([1.0, 2.0, 3.0], may_be_logarithmic=False)
    assert level.low < 1 and level.high > 3 and level.at(level.low) == 0 and level.at(level.high) == 1
    assert level.full_range is None and all(level.low <= t <= level.high for t in level.ticks)
    spiky = vertical([*np.linspace(0, 1, 500), 1e6], may_be_logarithmic=False)
    assert spiky.high < 3 and spiky.full_range == (0.0, 1e6)
    decades = vertical([0.012, 300.0], may_be_logarithmic=True)
    assert decades.logarithmic and decades.low == pytest.approx(0.01) and decades.high == pytest.approx(1000)
    assert decades.at(1.0) == pytest.approx(2 / 5)
    constant = vertical([5.0], may_be_logarithmic=True)
    assert constant.low < 5 < constant.high
    assert vertical([0.5, 0.6], may_be_logarithmic=False, always=[8.0]).high > 8


@pytest.mark.parametrize("values", [[0.0], [-1e300, 1e300], [1e-300, 1.0], [-3.0], [1e9, 1e9 + 1]])
def test_axes_bear_any_finite_values(values: list[float]) -> None:
    for may_be_logarithmic in (False, True):
        axis = vertical(values, may_be_logarithmic=may_be_logarithmic)
        assert axis.low < axis.high and 1 <= len(axis.ticks) < 20
        assert all(0 <= axis.at(v) <= 1 for v in values)


def test_selected_pictures_are_denser_early() -> None:
    samples = [RecordedSamples(Path(f"{i}.png"), i, None) for i in range(1000)]
    steps = [sample.step for sample in selected(samples)]
    assert steps[0] == 0 and steps[-1] == 999 and len(steps) == 16
    gaps = np.diff(steps)
    assert (np.diff(gaps) > 0).all()
    assert selected(samples[:3]) == samples[:3]


def test_heavy_pictures_travel_lighter(run: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 80, 80, 3), np.uint8)
    png = png_bytes(image_grid(noise))
    write_atomic(run / "samples" / "000000095.png", png)
    source = write_report(run).read_text(encoding="utf-8")
    assert "data:image/webp" in source and len(source) < len(png)


def test_words() -> None:
    assert [format_duration(s) for s in (3.21, 59.9, 60, 603, 3600, 7500)] == [
        "3.21 s",
        "59.9 s",
        "1 min",
        "10 min 3 s",
        "1 h",
        "2 h 5 min",
    ]
    assert [format_tick(v) for v in (0.5, 200_000, 1_500_000, 1e-4)] == ["0.5", "200k", "1.5M", "1e\u22124"]
    assert [format_number(v) for v in (1.2345678, None, math.nan, -2.0)] == ["1.235", "\u2013", "\u2013", "\u22122"]


# files


def test_write_atomic_replaces_and_leaves_no_parts(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    write_atomic(path, "one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two" and list(path.parent.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.txt"
    write_atomic(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_sync_tells_of_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "file.txt"
    path.write_text("kept")
    sync(path)
    assert path.read_text() == "kept"
    monkeypatch.setattr("os.fsync", full)
    sync(tmp_path)  # not every file system can
    with pytest.raises(OSError, match="No space"):
        sync(path)


def test_json_is_strict_and_takes_arrays_and_paths(tmp_path: Path) -> None:
    value = {
        "a": math.nan,
        "b": [math.inf, 1.5],
        "c": np.float32(2),
        "d": np.arange(2),
        "e": Path("x/y"),
        3: (),
    }
    write_json(tmp_path / "x.json", value)
    plain = {"a": None, "b": [None, 1.5], "c": 2.0, "d": [0, 1], "e": str(Path("x/y")), "3": []}
    assert read_json(tmp_path / "x.json") == plain
    with pytest.raises(TypeError, match="no JSON form"):
        json_text(object())


def test_every_cut_of_the_last_line_is_survived(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    whole = b'{"a": 1}\n{"a": 2, "b": "\xc3\xa9"}\n'
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        expected = [1, 2][: (size >= 8) + (size >= len(whole) - 1)]
        assert [record["a"] for record in read_json_lines(path)] == expected
        append_json_line(path, {"a": 3})
        assert [record["a"] for record in read_json_lines(path)][-1] == 3
    path.write_text('{"a": 1}\nrubbish\n{"a": 2}\n')
    with pytest.raises(UserError, match="record 2"):
        read_json_lines(path)
    assert read_json_lines(tmp_path / "absent.jsonl") == []


def test_long_cut_line_is_dropped_whole(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"a": 1}\n{"b": "' + b"x" * 200_000)
    append_json_line(path, {"a": 2})
    assert path.read_text() == '{"a": 1}\n{"a": 2}\n'


def test_read_json_tells_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing"):
        read_json(tmp_path / "x.json")
    (tmp_path / "x.json").write_text('{"a": ')
    with pytest.raises(UserError, match="not valid JSON"):
        read_json(tmp_path / "x.json")


# pictures


def test_image_grid_holds_every_pixel() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 3), np.uint8)
    grid = np.asarray(image_grid(images, columns=2, scale=2))
    assert grid.shape == (3 * 8 - 2, 2 * 10 - 2, 3)
    for i, image in enumerate(images):
        top, left = i // 2 * 8, i % 2 * 10
        cell = grid[top : top + 6, left : left + 8]
        assert (cell[::2, ::2] == image).all() and (cell[1::2, 1::2] == image).all()


@pytest.mark.parametrize(("n", "side"), [(64, 8), (64, 28), (16, 64), (1, 8), (100, 32)])
def test_image_grid_is_about_640_pixels_wide(n: int, side: int) -> None:
    grid = image_grid(np.zeros((n, side, side, 1), np.uint8))
    assert grid.mode == "L" and 480 <= grid.width <= 800


def test_image_grid_refuses_what_is_no_image() -> None:
    with pytest.raises(UserError, match="uint8"):
        image_grid(np.zeros((4, 8, 8, 1)))
    with pytest.raises(UserError, match="shape"):
        image_grid(np.zeros((4, 1, 8, 8), np.uint8))


def inked(picture: Any) -> np.ndarray[Any, Any]:
    """Row and column of the middle of what is drawn in colour: the frame and the real points are grey."""
    pixels = np.asarray(picture).astype(int)
    return np.argwhere(np.ptp(pixels, axis=2) > 20).mean(axis=0)


def test_point_cloud_puts_points_where_they_are() -> None:
    for x, y in [(0.0, 0.0), (0.5, -0.25), (-0.75, 0.8)]:
        picture = point_cloud([[x, y]], limits=(-1, 1, -1, 1))
        assert picture.size == (600, 600)
        assert inked(picture) == pytest.approx([300 * (1 - y), 300 * (1 + x)], abs=1.0)


def test_point_cloud_axes_come_from_the_reference() -> None:
    corners = np.array([[-1.0, -1.0], [1.0, 1.0]])
    alone = np.asarray(point_cloud(np.empty((0, 2)), reference=corners))
    far = np.asarray(point_cloud([[50.0, 50.0], [math.nan, 0.0]], reference=corners))
    assert (alone == far).all() and (alone[1:-1, 1:-1] < 250).any()


def test_point_cloud_in_other_dimensions() -> None:
    rng = np.random.default_rng(0)
    assert point_cloud(rng.normal(size=(500, 1)), reference=rng.normal(size=(500, 1))).size == (600, 300)
    # the variance lies on the third and first axes, so a shift along the third moves the cloud sideways
    real = rng.normal(size=(5000, 4)) * [2.0, 0.1, 5.0, 0.1]
    middle, shifted = ([[0.0, 0.0, shift, 0.0]] for shift in (0.0, 8.0))
    drawn = [inked(point_cloud(p, reference=real)) for p in (middle, shifted)]
    assert abs(drawn[1][1] - drawn[0][1]) > 50 > abs(drawn[1][0] - drawn[0][0])
    with pytest.raises(UserError, match=r"\(N, 2\)"):
        point_cloud(np.zeros((3, 2)), reference=np.zeros((3, 3)))


def test_modes_are_marked_around_their_centre() -> None:
    picture = point_cloud(np.empty((0, 2)), modes=[[0.0, 0.0]], limits=(-1, 1, -1, 1))
    assert inked(picture) == pytest.approx([300, 300], abs=1.0)
    assert np.asarray(picture)[300, 300].tolist() == [255, 255, 255]  # the centre itself stays in view
