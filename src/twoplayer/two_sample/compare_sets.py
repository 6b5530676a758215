"""Two-sample tests of two sets of samples, with a joint verdict."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from twoplayer import data, extractors
from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count, OpenShare, within
from twoplayer.inference.open_samples import is_run, open_all_samples
from twoplayer.inference.sample_source import SampleSource
from twoplayer.two_sample import statistics
from twoplayer.two_sample.statistics._base import TwoSampleTest, TwoSampleTestResult, at_most, check_level
from twoplayer.two_sample.statistics._holm import holm
from twoplayer.two_sample.statistics._permute import Array

if TYPE_CHECKING:
    from twoplayer.extractors._base import Extractor

__all__ = ["SampleSetSummary", "TwoSampleResult", "test_samples"]

MAX_SAMPLES = 5_000
"""Samples of each set; of larger sets a random part is compared."""
DEFAULT_EXTRACTOR = "random-conv"
"""For images: it needs neither labels nor a download."""
TRAINED_EXTRACTORS = ("classifier", "stacked-classifier")
"""Extractors that are trained on one of the sets, and therefore invalid here."""
MAX_SCALE_RATIO = 10.0
"""Ratio of the coordinates' standard deviations above which a note is added."""


@dataclass(frozen=True)
class SampleSetSummary:
    """Name and counts of one of the two sets."""

    name: str
    count: int
    total: int
    """Number of samples of the source, of which `count` random ones are compared."""
    notes: tuple[str, ...]

    def __str__(self) -> str:
        part = f"{self.count:,} of the {self.total:,} samples" if self.total > self.count else f"{self.count:,} samples"
        return ", ".join([f"{part} of {self.name}", *self.notes])


@dataclass(frozen=True)
class TwoSampleResult:
    """The results of the tests of the sets A and B."""

    a: SampleSetSummary
    b: SampleSetSummary
    features: str
    """The features by which samples are compared, in words."""
    level: float
    permutations: int
    seed: int
    results: tuple[TwoSampleTestResult, ...]
    corrected: tuple[float, ...]
    """The p-values of the results after Holm's correction for their number."""
    notes: tuple[str, ...]

    def __getitem__(self, test: str) -> TwoSampleTestResult:
        """The result of the test of that name."""
        for result in self.results:
            if result.test == test:
                return result
        raise KeyError(f"{test}: there are {', '.join(result.test for result in self.results)}")

    @property
    def rejecting(self) -> tuple[str, ...]:
        """The tests that reject equality after the correction; the level bounds the probability of any error."""
        pairs = zip(self.results, self.corrected, strict=True)
        return tuple(result.test for result, p in pairs if at_most(p, self.level))

    @property
    def reject(self) -> bool:
        """Whether any test rejects equality after the correction."""
        return bool(self.rejecting)

    @property
    def verdict(self) -> str:
        """The conclusion in words."""
        tests = len(self.results)
        corrected = f" after Holm's correction for {tests} tests" if tests > 1 else ""
        if not self.reject:
            return (
                f"No difference found at level {self.level:g}{corrected}. That is no proof that the distributions are "
                "equal: these tests detect none with so many samples."
            )
        count = len(self.rejecting)
        subject = f"{self.rejecting[0]} rejects" if count == 1 else f"{count} tests reject"
        if 1 < count == tests:
            subject = "all tests reject"
        return (
            f"A and B differ: at level {self.level:g}{corrected}, {subject} equality. For sets from one distribution "
            f"this happens with probability {self.level:g} at most."
        )

    def document(self) -> dict[str, Any]:
        """The comparison as plain values, as ``--json`` prints it."""
        return {**asdict(self), "rejecting": self.rejecting, "reject": self.reject, "verdict": self.verdict}

    def __str__(self) -> str:
        width = max(len(result.test) for result in self.results)
        head = f"  {'test':<{width}}  {'statistic':>10}  {'p-value':>8}  {'corrected':>9}"
        lines = [
            f"  {r.test:<{width}}  {r.statistic:>10.4g}  {r.p_value:>8.3g}  {p:>9.3g}"
            + ("  differ" if at_most(p, self.level) else "")
            for r, p in zip(self.results, self.corrected, strict=True)
        ]
        settings = f"compared by {self.features}; {self.permutations:,} permutations, seed {self.seed}"
        notes = [f"note: {note}" for note in self.notes]
        return "\n".join([f"A: {self.a}", f"B: {self.b}", settings, *notes, head, *lines, self.verdict])


def test_samples(
    a: Any,
    b: Any,
    *,
    tests: Sequence[str | TwoSampleTest] | None = None,
    level: float = 0.05,
    permutations: int = 500,
    seed: int = 0,
    n: int = MAX_SAMPLES,
    extractor: str | None = None,
    resolution: int | None = None,
    device: str = "auto",
    progress: Callable[[str], None] | None = None,
) -> TwoSampleResult:
    """Test whether two sets of samples have the same distribution.

    Args:
        a: a folder, zip, .npy, .npz or .csv file, the name of a data set, an array (images ``(N, H, W[, C])`` or points
            ``(N, D)``), `Samples`, or a run or its folder, which draws as many samples as the other set has.
        b: the same; equal names for both compare two halves of one set.
        tests: names of ``twoplayer list two-sample-tests`` or tests; None takes all that apply.
        level: probability in (0, 1) that any test rejects equality of sets from one distribution, after Holm's
            correction for the number of tests.
        permutations: number of random permutations for each p-value.
        seed: seed of the permutations, of random parts and of the samples of runs.
        n: largest number of samples of each set; of larger sets a random part is compared.
        extractor: extractor whose features are compared; by default random-conv for images and the coordinates for
            points. ``points`` divides coordinates by their standard deviation. Extractors that are trained on one of
            the sets, such as ``classifier``, are not valid here.
        resolution: side to which images are brought, pixels.
        device: auto, cpu, cuda, cuda:1 or mps.
        progress: callback of progress lines.

    Returns:
        The results of all tests with their corrected p-values and the verdict.

    Raises:
        UserError: for sets that cannot be compared, too few samples, a level outside (0, 1), and too few permutations
            for the level.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(2, 100, 3))
    >>> result = test_samples(x[0], x[1] + 1, tests=["energy"])
    >>> result.reject, result["energy"].p_value <= 0.05
    (True, True)
    """
    within(OpenShare, level=level)
    within(Count, permutations=permutations)
    applied = _created(tests)
    first, second = _open_both(a, b, n, seed, resolution, device)
    _check_comparable(first, second)
    features = _features(first, second, extractor, device, progress)
    counts = len(features.a), len(features.b)
    inapplicable = {} if tests is not None else _inapplicable(applied, features.dimensions, min(counts))
    notes = [*features.notes, *(f"{test.name} is left out: it {reason}" for test, reason in inapplicable.items())]
    applied = [test for test in applied if test not in inapplicable]
    if not applied:
        raise UserError(f"A has {counts[0]} samples and B {counts[1]}: give at least 2 of each")
    check_level(level, permutations, counts, len(applied))
    results = []
    for number, test in enumerate(applied, 1):
        if progress:
            progress(f"{test.name} ({number} of {len(applied)})")
        results.append(test.compare(features.a, features.b, level=level, permutations=permutations, seed=seed))
    corrected = holm([result.p_value for result in results])
    summaries = _summary(first), _summary(second)
    return TwoSampleResult(
        *summaries, features.description, level, permutations, seed, tuple(results), corrected, tuple(notes)
    )


# Pytest would collect it as a test wherever it is imported.
test_samples.__test__ = False  # type: ignore[attr-defined]


def _summary(source: SampleSource) -> SampleSetSummary:
    assert source.count is not None
    return SampleSetSummary(source.name, source.count, source.total or source.count, tuple(source.notes))


def _inapplicable(tests: Sequence[TwoSampleTest], dimensions: int, smaller_count: int) -> dict[TwoSampleTest, str]:
    """The tests that do not apply to such sets, with reasons."""
    reasons = {test: test.objection(dimensions, smaller_count) for test in tests}
    return {test: reason for test, reason in reasons.items() if reason}


def _created(tests: Sequence[str | TwoSampleTest] | None) -> list[TwoSampleTest]:
    if tests is None:
        return [statistics.create(name) for name in statistics.family.importable_names()]
    named = [tests] if isinstance(tests, str) else tests
    created = [statistics.create(test) if isinstance(test, str) else test for test in dict.fromkeys(named)]
    if not created:
        raise UserError(f"no tests are named: take some of {', '.join(statistics.names())}, or leave them out for all")
    return created


# ---- the two sets


def _open_both(
    a: Any, b: Any, n: int, seed: int, resolution: int | None, device: str
) -> tuple[SampleSource, SampleSource]:
    """Both sets in memory; a run draws as many samples as the other set has."""

    def load(source: Any, count: int, purpose: str) -> SampleSource:
        opened = open_all_samples(source, n=count, seed=seed, purpose=purpose, resolution=resolution, device=device)
        return opened.loaded()

    def count(source: SampleSource) -> int:
        assert source.count is not None
        return source.count

    if _same(a, b):
        return load(a, 2 * n, "both sets").halves(seed)
    if is_run(a) and not is_run(b):
        second = load(b, n, "set b")
        return load(a, count(second), "set a"), second
    first = load(a, n, "set a")
    return first, load(b, count(first) if is_run(b) else n, "set b")


def _same(a: Any, b: Any) -> bool:
    """Whether both name the same data or run."""
    if isinstance(a, str | os.PathLike) and isinstance(b, str | os.PathLike):
        return data.spell(a) == data.spell(b)
    return a is b


def _check_comparable(a: SampleSource, b: SampleSource) -> None:
    """Raise `UserError` unless samples of A have the shape of those of B."""
    shape_a, shape_b = (tuple(int(side or 0) for side in source.shape) for source in (a, b))
    if a.kind != b.kind:
        raise UserError(f"A holds {a.kind} and B {b.kind}: compare sets of one kind")
    if a.kind == "points" and shape_a != shape_b:
        raise UserError(
            f"the points of A have {shape_a[0]} coordinates and those of B {shape_b[0]}: compare sets of one kind"
        )
    if shape_a[2:] != shape_b[2:]:
        gray, colour = ("A", "B") if shape_a[2] == 1 else ("B", "A")
        raise UserError(f"the images of {gray} are gray and those of {colour} have colours: convert either")
    if shape_a != shape_b:
        raise UserError(
            f"the images of A have {shape_a[1]}x{shape_a[0]} pixels and those of B {shape_b[1]}x{shape_b[0]}: bring "
            f"both to one size with resolution {min(*shape_a[:2], *shape_b[:2])}"
        )


# ---- features


@dataclass(frozen=True, eq=False)
class _Features:
    """Features of both sets, float ``(n, D)`` and ``(m, D)``."""

    a: Array
    b: Array
    description: str
    notes: tuple[str, ...] = ()

    @property
    def dimensions(self) -> int:
        return int(self.a.shape[1])


def _features(
    a: SampleSource, b: SampleSource, name: str | None, device: str, progress: Callable[[str], None] | None
) -> _Features:
    samples = a.array(), b.array()
    if name is None and a.kind == "points":
        return _Features(*samples, _count(samples[0].shape[1], "coordinate"), _scale_note(*samples))
    name = name or DEFAULT_EXTRACTOR
    extractor = _extractor(name, a.kind, samples, device, progress)
    x, y = (extractor.extract(each).features for each in samples)
    return _Features(x, y, f"{_count(x.shape[1], 'feature')} of {name}")


def _extractor(
    name: str,
    kind: Literal["images", "points"],
    samples: tuple[Array, Array],
    device: str,
    progress: Callable[[str], None] | None,
) -> Extractor:
    """An extractor for the pooled samples without labels: its features do not depend on the labels of the test."""
    from twoplayer.core.device import place
    from twoplayer.data._base import Dataset
    from twoplayer.extractors._base import ExtractorContext

    if name in TRAINED_EXTRACTORS:
        raise UserError(
            f"{name} is trained on one of the sets, so that the tests would not be valid: take {DEFAULT_EXTRACTOR}"
        )
    if (own_kind := extractors.family.find(name).kind) != kind:
        raise UserError(f"the extractor {name} takes {own_kind}, not {kind}: choose another")
    pooled = samples[0] if kind == "images" else np.concatenate(samples)
    context = ExtractorContext(place(device, "fp32", "contiguous", kind).device, progress=progress)
    created: Extractor = extractors.create(name, Dataset("both sets", kind, pooled, pooled[:0]), context)
    return created


def _scale_note(a: Array, b: Array) -> tuple[str, ...]:
    """A note where distances between points hardly depend on some of their coordinates."""
    spread = np.concatenate([a, b]).std(0, dtype=np.float64)
    spread = spread[spread > 0]
    if not len(spread) or spread.max() <= MAX_SCALE_RATIO * spread.min():
        return ()
    return (
        f"the standard deviation of the widest coordinate is {spread.max() / spread.min():.0f} times that of the "
        "narrowest, so that it dominates the distances: the extractor points standardizes the coordinates",
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("s" if number != 1 else "")
