"""How long a person waits: for ``twoplayer --help``, and from Enter to the first training step on ``ring``.

The step is there when its line of progress is; from that ``import torch`` alone is taken off. All three are started
afresh in turns, one unmeasured turn first, and the medians are printed.

    python benchmarks/startup.py [--repeats 9] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _duel import machine, write

__all__ = ["first_step", "import_torch", "show_help"]

HELP_LIMIT, STEP_LIMIT = 0.4, 1.5
POLL_SECONDS = 0.002
GIVE_UP_SECONDS = 120.0


def show_help() -> float:
    """Seconds until ``twoplayer --help`` has ended."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "twoplayer", "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def import_torch() -> float:
    """Seconds until a new interpreter has imported torch."""
    return _until_written([sys.executable, "-c", "import torch; open('progress.jsonl', 'w').write('.')"], "")


def first_step() -> float:
    """Seconds until ``twoplayer train gan1 --data ring`` has taken its first step."""
    train = [sys.executable, "-m", "twoplayer", "train", "gan1", "--data", "ring", "--run", "run", "--log-every", "1"]
    return _until_written(train, "run")


def _until_written(command: list[str], folder: str) -> float:
    """Seconds until the command has written progress.jsonl into `folder` of a new one; it is ended then."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, folder, "progress.jsonl")
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=place, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        while not (file.exists() and file.stat().st_size):
            if process.poll() not in (None, 0) or time.perf_counter() - began > GIVE_UP_SECONDS:
                process.kill()
                raise SystemExit(f"{' '.join(command)} wrote no progress: {process.communicate()[1].decode()[-300:]}")
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - began
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return seconds


def _environment() -> dict[str, str]:
    """This process's environment, with relative entries of PYTHONPATH made absolute: commands run elsewhere."""
    paths = [str(Path(p).resolve()) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9, help="turns [9]")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    options = parser.parse_args()
    rows = [(show_help(), import_torch(), first_step()) for _ in range(options.repeats + 1)][1:]
    helped, imported, stepped = (list(column) for column in zip(*rows, strict=True))
    beyond = [step - torch for step, torch in zip(stepped, imported, strict=True)]
    figures = {"help": helped, "import_torch": imported, "first_step": stepped, "first_step_beyond_torch": beyond}
    medians = {name: statistics.median(values) for name, values in figures.items()}
    here = machine()
    print(f"{here['processor']}, {here['cores']} cores, torch {here['torch']}, load {here['load_before']}")
    for name, limit in (("help", HELP_LIMIT), ("import_torch", None), ("first_step", None),
                        ("first_step_beyond_torch", STEP_LIMIT)):  # fmt: skip
        verdict = "" if limit is None else f"  (limit {limit} s: {'met' if medians[name] <= limit else 'MISSED'})"
        print(f"{name.replace('_', ' '):24} {medians[name]:6.2f} s, best {min(figures[name]):.2f} s{verdict}")
    write(options.json, {"benchmark": "startup", **here, "medians": medians, "seconds": figures})


if __name__ == "__main__":
    main()
