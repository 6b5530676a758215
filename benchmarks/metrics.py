"""Seconds, memory and agreement of the metrics against scipy, torchmetrics and the published packages, in one run.

    python benchmarks/metrics.py [--cases frechet few prdc kid stream vector] [--threads 2] [--repeats 3] [--small]
                                 [--packages FOLDER] [--json FILE] [--table FILE]

The sides of a case compute in turns in one process, A B C A B C, and the median of the pairs counts. Peak memory is
that of fresh processes, beyond what they held when the inputs were there. ``--small`` tries everything at a size where
nothing takes long, and shows no figure worth keeping. Published packages are looked for in a folder of their own:

    pip install --no-deps --target FOLDER torch-fidelity pytorch-fid clean-fid
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _duel import Lap, limit_threads, machine, write
from _rivals import FRECHET, PACKAGES, full_matrix_prdc, subset_kid

__all__ = ["Case", "Side"]

SIZES = {"dimensions": 2048, "samples": 10_000, "few": 1_000, "images": 50_000}
SMALL = {"dimensions": 128, "samples": 600, "few": 50, "images": 2_000}
MEMORY_LIMIT = 1024.0
FORGET = Path("/proc/self/clear_refs")
"""Linux forgets a process's peak of memory when 5 is written there."""
VECTOR = {"precision": 0.4772, "recall": 0.4705, "density": 1.0555, "coverage": 0.9735}
"""Of N(0, I) in 1,000 dimensions against itself, 10,000 samples a side, k = 5."""


@dataclass
class Side:
    """One way to compute, every time it was timed, and what it found."""

    name: str
    compute: Callable[[], Any] = field(repr=False)
    least: float | None = None
    """How many times slower than ours it is to be at least."""
    laps: list[Lap] = field(default_factory=list)
    found: list[float] = field(default_factory=list)
    extra_mebibytes: float | None = None

    @property
    def seconds(self) -> float:
        """Median by the clock on the wall."""
        return statistics.median(lap.wall for lap in self.laps)


@dataclass
class Case:
    """Ours, which comes first, and the others."""

    name: str
    title: str
    sides: list[Side]
    exact: list[float] | None = None
    """What is to be found, where a closed form tells."""
    memory_limit: float | None = None
    """MiB that ours may take at most."""
    note: Callable[[], str] | None = None
    """What else there is to say once it has been computed."""

    @property
    def ours(self) -> Side:
        return self.sides[0]

    def ratio(self, side: Side, clock: str = "wall") -> float:
        """The median pair."""
        pairs = zip(side.laps, self.ours.laps, strict=True)
        return statistics.median(getattr(theirs, clock) / getattr(ours, clock) for theirs, ours in pairs)

    def apart(self, side: Side) -> float:
        """The largest relative difference from the exact values, else from ours."""
        truth = self.exact or self.ours.found
        return max(abs(a - b) / abs(b) for a, b in zip(side.found, truth, strict=True))

    def document(self) -> dict[str, Any]:
        """The case as the JSON file holds it."""
        sides = []
        for side in self.sides:
            laps = {"wall_seconds": [lap.wall for lap in side.laps], "cpu_seconds": [lap.cpu for lap in side.laps]}
            facts = {"name": side.name, "found": side.found, "extra_mebibytes": side.extra_mebibytes, **laps}
            if side.laps:
                facts |= {"ratio": self.ratio(side), "cpu_ratio": self.ratio(side, "cpu"), "apart": self.apart(side)}
            sides.append(facts)
        return {"case": self.name, "title": self.title, "exact": self.exact, "sides": sides}


# ---- what is compared


def frechet(sizes: dict[str, int]) -> Case:
    """Statistics with a known distance: from N(0, S) to N(0, TST), T positive, it is tr (I - T) S (I - T)."""
    import numpy as np

    from twoplayer.metrics._base import Moments
    from twoplayer.metrics._frechet import frechet_distance

    dimensions = sizes["dimensions"]
    random, identity = np.random.default_rng(0), np.eye(dimensions)
    basis = np.linalg.qr(random.normal(size=(dimensions, dimensions)))[0]
    covariance = (basis * np.arange(1, dimensions + 1) ** -1.0) @ basis.T
    lean = random.normal(size=(dimensions, 2 * dimensions)) / np.sqrt(2 * dimensions)
    transport = 0.9 * identity + 0.1 * lean @ lean.T
    moved = transport @ covariance @ transport
    offset = 0.02 * random.normal(size=dimensions)
    change = identity - transport
    exact = float(offset @ offset + np.trace(change @ covariance @ change))
    first, second = (np.zeros(dimensions), covariance), (offset, (moved + moved.T) / 2)
    # New records each time, so that no factor is remembered.
    sides = [Side("twoplayer", lambda: frechet_distance(Moments(*first), Moments(*second)))]
    sides += [Side(r.name, lambda r=r: r.compute(*first, *second), r.least) for r in FRECHET if r.problem is None]
    return Case("frechet", f"Fréchet distance from {dimensions}-dimensional statistics", sides, [exact])


def few(sizes: dict[str, int]) -> Case:
    """Fewer samples than dimensions, where covariances are singular."""
    import numpy as np

    from twoplayer.metrics._frechet import frechet_distance, moments

    count, dimensions = sizes["few"], sizes["dimensions"]
    a, b = (inception_like(count, dimensions, seed) for seed in (0, 1))

    def by(rival: Any) -> float:
        exact = [x.astype(np.float64) for x in (a, b)]
        statistics_of = [(x.mean(0), np.cov(x, rowvar=False)) for x in exact]
        return float(rival.compute(*statistics_of[0], *statistics_of[1]))

    sides = [Side("twoplayer", lambda: frechet_distance(moments(a), moments(b)))]
    sides += [Side(r.name, lambda r=r: by(r)) for r in FRECHET if r.problem is None]
    return Case("few", f"Fréchet distance of {count:,} samples from {count:,} in {dimensions} dimensions", sides)


def prdc(sizes: dict[str, int]) -> Case:
    """All four at once, in tiles and by full matrices."""
    from twoplayer.metrics._base import FeatureSet, ReferenceFeatures

    count, dimensions = sizes["samples"], sizes["dimensions"]
    real, samples = inception_like(count, dimensions, 0), inception_like(count, dimensions, 1)

    def ours() -> list[float]:
        return [estimate.value for estimate in four(samples, ReferenceFeatures(FeatureSet(real)))]

    title = f"precision, recall, density, coverage at {count:,} x {count:,} x {dimensions}"
    sides = [Side("twoplayer", ours), Side("full matrices", lambda: full_matrix_prdc(real, samples, 5), 3.0)]
    return Case("prdc", title, sides, memory_limit=MEMORY_LIMIT)


def kid(sizes: dict[str, int]) -> Case:
    """Over all pairs in float64 with its error, against the published 100 subsets of 1,000 in float32."""
    from twoplayer.metrics.kid import kid as over_all

    count, dimensions = sizes["samples"], sizes["dimensions"]
    real, samples = inception_like(count, dimensions, 0), inception_like(count, dimensions, 1)
    size = min(1000, count)
    sides = [Side("twoplayer, all pairs", lambda: over_all(samples, real).value)]
    sides += [Side("torchmetrics, 100 subsets", lambda: subset_kid(real, samples, 100, size))]
    return Case("kid", f"KID of {count:,} samples in {dimensions} dimensions", sides)


def stream(sizes: dict[str, int]) -> Case:
    """The class form on images that are made as they are needed."""
    import numpy as np

    from twoplayer import extractors
    from twoplayer.measurement.torchmetrics_adapter import StreamedMetric

    count, extractor = sizes["images"], extractors.create("random-conv")

    def ours() -> float:
        metric = StreamedMetric("fd", extractor=extractor)
        for start in range(0, count, 250):
            random = np.random.default_rng(start)
            images = random.integers(0, 256, (250, 8, 8, 3), dtype=np.uint8).repeat(4, 1).repeat(4, 2)
            metric.update(images, real=start % 500 == 0)
        return float(metric.compute())

    return Case("stream", f"{count:,} images of 32x32 through random-conv into fd, in streaming memory",
                [Side("twoplayer", ours)], memory_limit=MEMORY_LIMIT)  # fmt: skip


def vector(sizes: dict[str, int]) -> Case:
    """The published test vector of precision, recall, density and coverage."""
    import numpy as np

    from twoplayer.metrics._base import FeatureSet, ReferenceFeatures

    count = sizes["samples"]
    real, samples = (np.random.default_rng(seed).normal(size=(count, 1000)).astype(np.float32) for seed in (0, 1))
    found: list[Any] = []

    def ours() -> list[float]:
        found[:] = four(samples, ReferenceFeatures(FeatureSet(real)))
        return [estimate.value for estimate in found]

    def note() -> str:
        # Both draws scatter: a few balls of N(0, I) hold many samples.
        pairs = zip(VECTOR.items(), found, strict=True)
        off = [(name, e, (e.value - known) / (2**0.5 * e.error)) for (name, known), e in pairs]
        told = [f"{name} {e.value:.4f} ± {e.error:.4f} ({by:+.1f} standard errors)" for name, e, by in off]
        return f"Another draw than the published one: {', '.join(told)}."

    title = f"N(0, I) in 1,000 dimensions, {count:,} a side: published {VECTOR}"
    return Case("vector", title, [Side("twoplayer", ours)], list(VECTOR.values()), note=note)


CASES: dict[str, Callable[[dict[str, int]], Case]] = {
    "frechet": frechet, "few": few, "prdc": prdc, "kid": kid, "stream": stream, "vector": vector,
}  # fmt: skip
MEASURED = ("prdc", "stream")
"""Whose memory is measured."""


def four(samples: Any, real: Any) -> list[Any]:
    """Precision, recall, density and coverage as `twoplayer evaluate` computes them."""
    from twoplayer.metrics import create

    return [create(name).measure(samples, real) for name in VECTOR]


def inception_like(count: int, dimensions: int, seed: int) -> Any:
    """Features that are not negative and lie near a surface of 64 dimensions, float32."""
    import numpy as np

    surface = np.random.default_rng(99).normal(size=(64, dimensions)).astype(np.float32) / 8
    random, features = np.random.default_rng(seed), np.empty((count, dimensions), np.float32)
    for start in range(0, count, 1000):
        some = slice(start, min(count, start + 1000))
        hidden = random.normal(size=(some.stop - start, 64), scale=1 - 0.1 * seed).astype(np.float32)
        noise = 0.3 * random.normal(size=(some.stop - start, dimensions)).astype(np.float32)
        features[some] = np.maximum(hidden @ surface + noise, 0)
    return features


# ---- how it is compared


def time_in_turns(case: Case, repeats: int) -> None:
    """Let every side compute `repeats` times, one after the other."""
    for _ in range(repeats):
        for side in case.sides:
            began = Lap.now()
            found = side.compute()
            side.laps.append(Lap.now() - began)
            side.found = [float(x) for x in found] if isinstance(found, list | tuple) else [float(found)]


def measure_memory(case: Case, options: argparse.Namespace) -> None:
    """The memory of each side, in a process of its own."""
    for place, side in enumerate(case.sides):
        command = [sys.executable, __file__, "--cases", case.name, "--alone", str(place)]
        command += ["--small"] * options.small + (["--threads", str(options.threads)] if options.threads else [])
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        side.extra_mebibytes = json.loads(answer.splitlines()[-1])


def extra_mebibytes(compute: Callable[[], Any]) -> float:
    """The most memory that `compute` holds beyond what the process held before. Linux only."""
    FORGET.write_text("5")
    before = _status("VmRSS")
    compute()
    return _status("VmHWM") - before


def _status(key: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def table(cases: list[Case], here: dict[str, Any]) -> Iterator[str]:
    """The results as Markdown."""
    yield "# Metrics: seconds, memory, agreement"
    yield ""
    yield (
        f"{here['processor']}, {here['threads']} of {here['cores']} cores, torch {here['torch']}, "
        f"numpy {here['numpy']}, load {here['load_before']} before, {here['when']}. Ratios are medians of neighbours "
        "in one run. `apart`: the largest relative difference from the closed form where there is one, else from the "
        "first row."
    )
    for case in cases:
        yield ""
        yield f"## {case.title}"
        yield ""
        yield "| | seconds | times ours | by processor time | least | apart | extra memory |"
        yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
        for side in case.sides:
            memory = "" if side.extra_mebibytes is None else f"{side.extra_mebibytes:,.0f} MiB"
            least = "" if side.least is None else f"{side.least:g} {_verdict(case.ratio(side) >= side.least)}"
            if side is case.ours and case.memory_limit is not None and side.extra_mebibytes is not None:
                memory += f" of {case.memory_limit:,.0f}: {_verdict(side.extra_mebibytes <= case.memory_limit)}"
            times = f"{side.seconds:.2f} | {case.ratio(side):.2f} | {case.ratio(side, 'cpu'):.2f}"
            yield f"| {side.name} | {times} | {least} | {case.apart(side):.1e} | {memory} |"
        if case.note is not None:
            yield ""
            yield case.note()
    left_out = [f"{rival.name} ({rival.problem})" for rival in FRECHET if rival.problem is not None]
    if left_out:
        yield ""
        yield f"Left out because they do not import here: {', '.join(left_out)}."


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def main() -> None:
    options = _options()
    limit_threads(options.threads)
    PACKAGES.extend([str(options.packages)] if options.packages else [])
    sizes = SMALL if options.small else SIZES
    if options.alone is not None:
        case = CASES[options.cases[0]](sizes)
        print(json.dumps(extra_mebibytes(case.sides[options.alone].compute)))
        return
    import numpy as np

    here = {**machine(), "numpy": np.__version__, "sizes": sizes}
    cases = []
    for name in options.cases:
        case = CASES[name](sizes)
        began = time.perf_counter()
        time_in_turns(case, 1 if len(case.sides) == 1 else options.repeats)
        if name in MEASURED and FORGET.exists():
            measure_memory(case, options)
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        for side in case.sides:
            side.compute = _done  # lets go of the inputs
        cases.append(case)
    text = "\n".join(table(cases, here)) + "\n"
    print(text)
    if options.table is not None:
        options.table.write_text(text, encoding="utf-8")
    write(options.json, {"benchmark": "metrics", **here, "cases": [case.document() for case in cases]})


def _done() -> None:
    raise RuntimeError("this side has been timed")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES), help="[all]")
    parser.add_argument("--threads", type=int, help="threads of numpy and torch [default: their own choice]")
    parser.add_argument("--repeats", type=int, default=3, help="turns [3]")
    parser.add_argument("--small", action="store_true", help="try everything at a small size")
    parser.add_argument("--packages", type=Path, help="where torch-fidelity, pytorch-fid and clean-fid are")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--table", type=Path, help="write the table to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
