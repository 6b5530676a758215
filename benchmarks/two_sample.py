"""Seconds for each two-sample test at 2,000 samples a side and 500 permutations: at most 5 s.

    python benchmarks/two_sample.py [--threads 2] [--json FILE]

The tests are timed in turns, one unmeasured turn first; medians are printed, with the peak of the process's memory.
Points in the plane stand for raw coordinates, 512 dimensions for the features of random-conv, the default for images.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from _duel import limit_threads, machine, write

LIMIT = 5.0
PER_SIDE, PERMUTATIONS = 2_000, 500
DIMENSIONS = (2, 64, 512)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, help="threads of numpy and torch [default: their own choice]")
    parser.add_argument("--repeats", type=int, default=3, help="turns [3]")
    parser.add_argument("--tests", nargs="+", help="[default: all]")
    parser.add_argument("--dimensions", nargs="+", type=int, default=list(DIMENSIONS), help="[2 64 512]")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    options = parser.parse_args()
    limit_threads(options.threads)
    here = machine()
    print(f"{here['processor']}, {here['cores']} cores, {here['threads']} threads, load {here['load_before']}")
    seconds = {d: time_all(d, options.tests, options.repeats) for d in options.dimensions}
    for dimensions, times in seconds.items():
        for test, laps in times.items():
            median = statistics.median(laps)
            verdict = f"{LIMIT:g} s: {'met' if median <= LIMIT else 'MISSED'}"
            print(f"{test:20} {dimensions:4} dimensions  {median:6.2f} s, best {min(laps):.2f} s  ({verdict})")
    memory = peak_mebibytes()
    print(f"peak memory {memory:,.0f} MiB")
    figures = {"per_side": PER_SIDE, "permutations": PERMUTATIONS, "peak_mebibytes": memory, "seconds": seconds}
    write(options.json, {"benchmark": "two_sample", **here, **figures})


def time_all(dimensions: int, tests: list[str] | None, repeats: int) -> dict[str, list[float]]:
    """Seconds of every test that takes so many dimensions, for each turn."""
    import numpy as np

    from twoplayer.two_sample import statistics

    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, PER_SIDE, dimensions)).astype(np.float32)
    made = [statistics.create(name) for name in tests or statistics.names()]
    made = [test for test in made if test.objection(dimensions, PER_SIDE) is None]
    times: dict[str, list[float]] = {test.name: [] for test in made}
    for turn in range(repeats + 1):
        for test in made:
            began = time.perf_counter()
            test.compare(a, b, permutations=PERMUTATIONS)
            if turn:
                times[test.name].append(time.perf_counter() - began)
    return times


def peak_mebibytes() -> float:
    """The most memory that this process has held."""
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


if __name__ == "__main__":
    main()
