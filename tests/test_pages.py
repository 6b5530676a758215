"""Pages in a browser: nothing complains, nothing is loaded, sliders slide, and every reader can read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from test_reporting import make_run
from test_reporting_diagnosis import diagnose
from twoplayer.comparison import compare_runs
from twoplayer.config.schema import Config
from twoplayer.core.files import write_atomic, write_json
from twoplayer.pages.pdf import browser
from twoplayer.reporting import write_report
from twoplayer.runs.run_dir import RunFolder

pytestmark = pytest.mark.skipif(browser() is None, reason="no browser here")

PAGES = ("run", "points", "comparison")
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"dark": True},
    "phone": {"width": 360, "height": 740},
    "paper": {"width": 760, "paper": True},
}
CONTRAST = """(() => {
  const parse = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = element => {
    for (; element; element = element.parentElement) {
      const colour = parse(getComputedStyle(element).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  let worst = [99, ""];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement, style = getComputedStyle(element);
    if (!texts.currentNode.textContent.trim() || !element.getClientRects().length) continue;
    const ink = light(parse(element.closest("svg") ? style.fill : style.color)), paper = light(ground(element));
    const ratio = (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05);
    if (ratio < worst[0]) worst = [ratio, element.outerHTML.slice(0, 200)];
  }
  return worst;
})()"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from _browser import running

    with running() as found:
        yield found


def evaluated(run: Path) -> Path:
    """What evaluating leaves, pictures included."""
    figures = [{"name": "fd_pixels_100", "value": 3.2, "error": 0.1, "higher_is_better": False, "real": 0.5}]
    document = {
        "metric_values": figures,
        "samples": 100,
        "images_seen": 5760,
        "notes": ["Small."],
        "distance_unit": 1.0,
    }
    write_json(run / "evaluation" / "evaluation.json", document)
    for name in ("neighbours", "neighbours_held_out", "interpolations"):
        write_atomic(run / "evaluation" / f"{name}.png", (run / "samples" / "real.png").read_bytes())
    return run


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    run = diagnose(evaluated(make_run(folder / "dcgan-digits-1")))
    other = make_run(folder / "lsgan-digits-with-a-rather-long-name-1")
    RunFolder(other).write_config(Config(method="lsgan", data={"name": "digits"}, batch_size=64))
    return {
        "run": write_report(run),
        "points": write_report(diagnose(make_run(folder / "points", "points"))),
        "comparison": compare_runs([run, other]).write(folder / "comparison"),
    }


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_quiet_whole_and_can_be_read(name: str, look: str, pages: dict[str, Path], chromium: Any) -> None:
    tab = chromium.open(pages[name], **LOOKS[look])
    assert tab.complaints == [] and tab.loaded == []
    shown = "[...document.images].filter(i => i.getClientRects().length)"
    assert tab.ask(f"{shown}.length") >= 3
    assert tab.ask(f"Promise.all({shown}.map(i => i.decode())).then(() => true)")
    assert tab.ask("document.documentElement.scrollWidth - innerWidth") <= 0  # nothing sticks out sideways
    ratio, where = tab.ask(CONTRAST)
    assert ratio >= 4.5, where
    ground = tab.ask("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (max(ground[:3]) < 60) == (look == "dark")
    assert tab.complaints == []


def test_the_slider_of_a_run_moves_through_training(pages: dict[str, Path], chromium: Any) -> None:
    tab = chromium.open(pages["run"])
    seen = "[document.getElementById('newest').src, document.getElementById('when').textContent]"
    last = tab.ask(seen)
    assert tab.ask("document.getElementById('time').getClientRects().length") == 1
    tab.ask("document.getElementById('time').focus()")
    tab.press("ArrowLeft")
    before = tab.ask(seen)
    tab.press("Home")
    first = tab.ask(seen)
    assert len({last[0], before[0], first[0]}) == 3
    assert [last[1], before[1], first[1]] == ["5,760 images", "2,560 images", "0 images"]
    assert tab.ask("document.getElementById('time').getAttribute('aria-valuetext')") == "0 images"
    tab.ask("document.querySelectorAll('#strip figure')[1].click()")
    assert tab.ask(seen) == before
    tab.press("End")
    assert tab.ask(seen) == last and tab.complaints == []


def test_the_slider_of_a_comparison_moves_all_rows(pages: dict[str, Path], chromium: Any) -> None:
    tab = chromium.open(pages["comparison"])
    seen = """[...document.querySelectorAll('.over-time figure')].map(f =>
      [...f.querySelectorAll('img')].filter(i => i.getClientRects().length).map(i => i.src + i.dataset.when).join())"""
    told = "[...document.querySelectorAll('.over-time .when')].map(e => e.textContent)"
    last = tab.ask(seen)
    assert len(last) == 2 and all("5,760" in src[-12:] for src in last)
    tab.ask("document.querySelector('.over-time input').focus()")
    tab.press("Home")
    assert all(a != b for a, b in zip(last, tab.ask(seen), strict=True)) and tab.ask(told) == ["0 images"] * 2
    assert tab.ask("document.querySelector('.over-time output').textContent") == "0 %"
    tab.press("End")
    assert tab.ask(seen) == last and tab.ask(told) == ["5,760 images"] * 2 and tab.complaints == []


def test_on_paper_there_is_no_slider_and_the_end_is_shown(pages: dict[str, Path], chromium: Any) -> None:
    for name in ("run", "comparison"):
        tab = chromium.open(pages[name])
        tab.ask("document.querySelector('input[type=range]').focus()")
        tab.press("Home")
        tab.ask("dispatchEvent(new Event('beforeprint'))")
        tab.look(paper=True)
        assert tab.ask("document.querySelector('input[type=range]').getClientRects().length") == 0
        text = "document.querySelector('#when, .when').textContent"
        assert tab.ask(text) == "5,760 images" and tab.complaints == []


def test_curves_are_told_apart_without_colour(pages: dict[str, Path], chromium: Any) -> None:
    tab = chromium.open(pages["run"])
    dashes = tab.ask(
        """[...document.querySelectorAll('svg.chart')].map(chart => [...new Set([...chart.querySelectorAll('.curve')]
          .map(c => c.getAttribute('class')))].map(role => getComputedStyle(chart.querySelector(
          '.' + role.split(' ').join('.'))).strokeDasharray))"""
    )
    assert any(len(chart) == 2 for chart in dashes)
    assert all(len(set(chart)) == len(chart) for chart in dashes)


@pytest.mark.parametrize("name", ["run", "comparison"])
def test_without_scripts_all_is_there(name: str, pages: dict[str, Path], chromium: Any, tmp_path: Path) -> None:
    """What a mail client or a strict reader shows."""
    source = pages[name].read_text(encoding="utf-8")
    bare = tmp_path / "bare.html"
    bare.write_text(source.replace("script-src 'unsafe-inline'", "script-src 'none'"), encoding="utf-8")
    tab = chromium.open(bare)
    assert tab.ask("document.querySelector('input[type=range]').getClientRects().length") == 0
    assert tab.ask("document.querySelector('#when, .when').textContent") == "5,760 images"
    assert tab.ask("[...document.images].filter(i => i.getClientRects().length).length") >= 3
