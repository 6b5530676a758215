"""A headless Chromium, driven through its own protocol over a pipe: what a page does, says and asks for."""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twoplayer.pages.pdf import browser

__all__ = ["Browser", "Tab", "running"]

SECONDS = 60
KEYS = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35}


class Browser:
    """A running Chromium and the two ends of its pipe."""

    def __init__(self, sending: int, receiving: int) -> None:
        self.sending, self.receiving = sending, receiving
        self.count, self.rest = 0, b""
        self.heard: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Ask for something and wait for the answer."""
        self.count += 1
        message: dict[str, Any] = {"id": self.count, "method": method, "params": parameters}
        os.write(self.sending, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        answer = self.wait(lambda told: told.get("id") == message["id"])
        assert "error" not in answer, f"{method}: {answer.get('error')}"
        found: dict[str, Any] = answer["result"]
        return found

    def wait(self, wanted: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
        """Listen until what is wanted is said; everything else is kept in `heard`."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            while b"\0" in self.rest:
                line, _, self.rest = self.rest.partition(b"\0")
                told: dict[str, Any] = json.loads(line)
                if wanted(told):
                    return told
                self.heard.append(told)
            if select.select([self.receiving], [], [], 0.5)[0]:
                piece = os.read(self.receiving, 1 << 20)
                assert piece, "the browser has gone"
                self.rest += piece
        raise TimeoutError("the browser says nothing")

    def open(self, page: Path, **media: Any) -> Tab:
        """A page in a tab of its own; `media` as for `Tab.look`."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session, page)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.call(f"{domain}.enable")
        tab.look(**media)
        tab.call("Page.navigate", url=page.as_uri())
        self.wait(lambda told: told.get("method") == "Page.loadEventFired" and told.get("sessionId") == session)
        return tab


class Tab:
    """A page as it is shown."""

    def __init__(self, owner: Browser, session: str, page: Path) -> None:
        self.owner, self.session, self.page = owner, session, page

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.owner.call(method, self.session, **parameters)

    def look(self, *, width: int = 1200, height: int = 900, dark: bool = False, paper: bool = False) -> None:
        """Show it in a window of that size, on a dark screen, or on paper."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media="print" if paper else "screen", features=[scheme])
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def ask(self, expression: str) -> Any:
        """The value of an expression of JavaScript."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key])

    def said(self, method: str) -> list[dict[str, Any]]:
        """What the browser told of this page."""
        mine = (told for told in self.owner.heard if told.get("sessionId") == self.session)
        return [told["params"] for told in mine if told.get("method") == method]

    @property
    def complaints(self) -> list[Any]:
        """Errors and warnings of the console, and exceptions."""
        self.ask("0")  # hear everything until now
        logged = [entry["entry"] for entry in self.said("Log.entryAdded")]
        console = [
            call for call in self.said("Runtime.consoleAPICalled") if call["type"] in ("error", "warning", "assert")
        ]
        return [
            *(entry for entry in logged if entry["level"] in ("error", "warning")),
            *console,
            *self.said("Runtime.exceptionThrown"),
        ]

    @property
    def loaded(self) -> list[str]:
        """What the page asked for besides itself and what it holds."""
        self.ask("0")
        asked = [request["request"]["url"] for request in self.said("Network.requestWillBeSent")]
        return [url for url in asked if url != self.page.as_uri() and not url.startswith("data:")]


@contextmanager
def running() -> Iterator[Browser]:
    """The browser that prints, driven; it ends with the block."""
    program = browser()
    assert program is not None
    (reads, sending), (receiving, writes) = os.pipe(), os.pipe()
    theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (reads, writes)]

    def at_three_and_four() -> None:
        os.dup2(theirs[0], 3)
        os.dup2(theirs[1], 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [
            program, "--headless", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={folder}", *(["--no-sandbox"] if os.geteuid() == 0 else []), "about:blank",
        ]  # fmt: skip
        process = subprocess.Popen(
            command, pass_fds=(3, 4), preexec_fn=at_three_and_four,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for end in (reads, writes, *theirs):
            os.close(end)
        try:
            yield Browser(sending, receiving)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(sending)
            os.close(receiving)
