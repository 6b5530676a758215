"""Whether two sets of samples come from the same distribution: several tests and what they say together."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from twoplayer import data, extractors
from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count, OpenShare, within
from twoplayer.two_sample import statistics
from twoplayer.two_sample.sample_sets import Array, SampleSet, gather, is_run
from twoplayer.two_sample.statistics._base import TwoSampleTest, TwoSampleTestResult, at_most, check_level
from twoplayer.two_sample.statistics._holm import holm

if TYPE_CHECKING:
    from twoplayer.extractors._base import Extractor

__all__ = ["SampleSetSummary", "TwoSampleResult", "test_samples"]

MOST = 5_000
"""Samples of each set beyond which a part of them is compared."""
EXTRACTOR = "random-conv"
"""What looks at images where nothing else is named: it needs neither labels nor a download."""
TRAINED = ("classifier", "stacked-classifier")
"""Extractors that know one set better than the other."""
UNEVEN = 10.0
"""Ratio of the coordinates' standard deviations beyond which distances are those of the widest ones."""


@dataclass(frozen=True)
class SampleSetSummary:
    """One of the two sets."""

    name: str
    count: int
    of: int
    """How many there are in all; of more than `count` a random part was taken."""
    notes: tuple[str, ...]

    def __str__(self) -> str:
        part = f"{self.count:,} of the {self.of:,} samples" if self.of > self.count else f"{self.count:,} samples"
        return ", ".join([f"{part} of {self.name}", *self.notes])


@dataclass(frozen=True)
class TwoSampleResult:
    """What the tests found of the sets A and B."""

    a: SampleSetSummary
    b: SampleSetSummary
    features: str
    """What the samples were compared by."""
    level: float
    permutations: int
    seed: int
    outcomes: tuple[TwoSampleTestResult, ...]
    corrected: tuple[float, ...]
    """The outcomes' p-values after Holm's correction for their number."""
    notes: tuple[str, ...]

    def __getitem__(self, test: str) -> TwoSampleTestResult:
        """The outcome of the test of that name."""
        for outcome in self.outcomes:
            if outcome.test == test:
                return outcome
        raise KeyError(f"{test}: there are {', '.join(o.test for o in self.outcomes)}")

    @property
    def found(self) -> tuple[str, ...]:
        """The tests that find a difference, all of them right together but with probability `level`."""
        pairs = zip(self.outcomes, self.corrected, strict=True)
        return tuple(outcome.test for outcome, p in pairs if at_most(p, self.level))

    @property
    def reject(self) -> bool:
        """Whether any test finds a difference after the correction."""
        return bool(self.found)

    @property
    def verdict(self) -> str:
        """The finding in words."""
        tests = len(self.outcomes)
        corrected = f" after Holm's correction for {tests} tests" if tests > 1 else ""
        if not self.reject:
            return (
                f"No difference found at level {self.level:g}{corrected}. That is no proof that the distributions are "
                "equal: it means that so many samples, seen by these tests, show none."
            )
        who = f"{self.found[0]} tells" if len(self.found) == 1 else f"{len(self.found)} tell"
        if 1 < len(self.found) == tests:
            who = "all tell"
        return (
            f"A and B differ: at level {self.level:g}{corrected}, {who} them apart. Sets from one distribution would "
            f"be told apart with probability {self.level:g} at most."
        )

    def document(self) -> dict[str, Any]:
        """The comparison as plain values, as ``--json`` prints it."""
        return {**asdict(self), "found": self.found, "reject": self.reject, "verdict": self.verdict}

    def __str__(self) -> str:
        width = max(len(outcome.test) for outcome in self.outcomes)
        head = f"  {'test':<{width}}  {'statistic':>10}  {'p-value':>8}  {'corrected':>9}"
        lines = [
            f"  {o.test:<{width}}  {o.statistic:>10.4g}  {o.p_value:>8.3g}  {p:>9.3g}"
            + ("  differ" if at_most(p, self.level) else "")
            for o, p in zip(self.outcomes, self.corrected, strict=True)
        ]
        about = f"compared by {self.features}; {self.permutations:,} permutations, seed {self.seed}"
        notes = [f"note: {note}" for note in self.notes]
        return "\n".join([f"A: {self.a}", f"B: {self.b}", about, *notes, head, *lines, self.verdict])


def test_samples(
    a: Any,
    b: Any,
    *,
    tests: Sequence[str | TwoSampleTest] | None = None,
    level: float = 0.05,
    permutations: int = 500,
    seed: int = 0,
    n: int = MOST,
    extractor: str | None = None,
    resolution: int | None = None,
    device: str = "auto",
    say: Callable[[str], None] | None = None,
) -> TwoSampleResult:
    """Test whether `a` and `b` come from the same distribution.

    `a` and `b` are folders, zips, .npy, .npz or .csv files, names of data sets, arrays (images ``(N, H, W[, C])`` or
    points ``(N, D)``), `Samples`, and runs or their folders, which draw as many samples as the other side has. The same
    name twice compares two halves of it. At most `n` samples of each are taken, at random.

    Images are compared by the features of an `extractor` (`random-conv`), brought to `resolution` pixels first if that
    is given; points by their coordinates as they are, or, with the extractor ``points``, in units of their standard
    deviations. An extractor that is trained on one of the sets would tell its training samples from all others:
    ``classifier`` is refused.

    `tests` are names of the family ``twosample`` or tests made by its `create`; None takes all that apply. Each has
    probability `level` of finding a difference between sets from one distribution, by `permutations` permutations;
    Holm's correction holds all together to that.

    Raises `UserError` for sets that cannot be compared, too few samples, a level outside (0, 1) and too few
    permutations for the level.

    >>> import numpy as np
    >>> ones = np.random.default_rng(0).normal(size=(2, 100, 3))
    >>> found = test_samples(ones[0], ones[1] + 1, tests=["energy"])
    >>> found.reject, found["energy"].p_value <= 0.05
    (True, True)
    """
    within(OpenShare, level=level)
    within(Count, permutations=permutations)
    chosen = _made(tests)
    first, second = _both(a, b, n, seed, resolution, device)
    _comparable(first, second)
    seen = _features(first, second, extractor, device, say)
    left_out = {} if tests is not None else _objections(chosen, seen.dimensions, min(len(first), len(second)))
    notes = [*seen.notes, *(f"{test.name} is left out: it {why}" for test, why in left_out.items())]
    chosen = [test for test in chosen if test not in left_out]
    if not chosen:
        raise UserError(f"A has {len(first)} samples and B {len(second)}: give at least 2 of each")
    check_level(level, permutations, (len(first), len(second)), len(chosen))
    outcomes = []
    for number, test in enumerate(chosen, 1):
        if say:
            say(f"{test.name} ({number} of {len(chosen)})")
        outcomes.append(test.compare(seen.a, seen.b, level=level, permutations=permutations, seed=seed))
    corrected = holm([outcome.p_value for outcome in outcomes])
    return TwoSampleResult(
        _side(first), _side(second), seen.words, level, permutations, seed, tuple(outcomes), corrected, tuple(notes)
    )


# Pytest would take it for a test wherever it is imported.
test_samples.__test__ = False  # type: ignore[attr-defined]


def _side(gathered: SampleSet) -> SampleSetSummary:
    return SampleSetSummary(gathered.name, len(gathered), gathered.of, gathered.notes)


def _objections(tests: Sequence[TwoSampleTest], dimensions: int, fewest: int) -> dict[TwoSampleTest, str]:
    """Why some tests do not apply to so many samples of so many dimensions."""
    whys = {test: test.objection(dimensions, fewest) for test in tests}
    return {test: why for test, why in whys.items() if why}


def _made(tests: Sequence[str | TwoSampleTest] | None) -> list[TwoSampleTest]:
    if tests is None:
        return [statistics.create(name) for name in statistics.family.importable_names()]
    named = [tests] if isinstance(tests, str) else tests
    made = [statistics.create(test) if isinstance(test, str) else test for test in dict.fromkeys(named)]
    if not made:
        raise UserError(f"no tests are named: take some of {', '.join(statistics.names())}, or leave them out for all")
    return made


# ---- the two sets


def _both(a: Any, b: Any, n: int, seed: int, resolution: int | None, device: str) -> tuple[SampleSet, SampleSet]:
    def get(what: Any, count: int, purpose: str) -> SampleSet:
        return gather(what, n=count, seed=seed, purpose=purpose, resolution=resolution, device=device)

    if _same(a, b):
        return get(a, 2 * n, "both sets").halves(seed)
    if is_run(a) and not is_run(b):  # who draws, draws as many as the other has
        second = get(b, n, "set b")
        return get(a, len(second), "set a"), second
    first = get(a, n, "set a")
    return first, get(b, len(first) if is_run(b) else n, "set b")


def _same(a: Any, b: Any) -> bool:
    """Whether both name the same data or run: then they would be equal, not alike."""
    if isinstance(a, str | os.PathLike) and isinstance(b, str | os.PathLike):
        return data.spell(a) == data.spell(b)
    return a is b


def _comparable(a: SampleSet, b: SampleSet) -> None:
    """Raise `UserError` unless samples of A have the shape of those of B."""
    one, other = a.samples.shape[1:], b.samples.shape[1:]
    if a.kind != b.kind:
        raise UserError(f"A holds {a.kind} and B {b.kind}: compare sets of one kind")
    if a.kind == "points" and one != other:
        raise UserError(
            f"the points of A have {one[0]} coordinates and those of B {other[0]}: compare sets of one kind"
        )
    if one[2:] != other[2:]:
        gray, colour = ("A", "B") if one[2] == 1 else ("B", "A")
        raise UserError(f"the images of {gray} are gray and those of {colour} have colours: convert either")
    if one != other:
        raise UserError(
            f"the images of A have {one[1]}x{one[0]} pixels and those of B {other[1]}x{other[0]}: bring both to "
            f"one size with resolution {min(*one[:2], *other[:2])}"
        )


# ---- what they are compared by


@dataclass(frozen=True, eq=False)
class _Features:
    """What the sets are compared by, float ``(n, D)`` and ``(m, D)``."""

    a: Array
    b: Array
    words: str
    notes: tuple[str, ...] = ()

    @property
    def dimensions(self) -> int:
        return int(self.a.shape[1])


def _features(
    a: SampleSet, b: SampleSet, name: str | None, device: str, say: Callable[[str], None] | None
) -> _Features:
    if name is None and a.kind == "points":
        return _Features(a.samples, b.samples, _count(a.samples.shape[1], "coordinate"), _uneven(a.samples, b.samples))
    name = name or EXTRACTOR
    extractor = _extractor(name, a, b, device, say)
    x, y = (extractor.extract(side.samples).features for side in (a, b))
    return _Features(x, y, f"{_count(x.shape[1], 'feature')} of {name}")


def _extractor(name: str, a: SampleSet, b: SampleSet, device: str, say: Callable[[str], None] | None) -> Extractor:
    """It sees both sets together and no labels, so that nothing in its features depends on who belongs to which."""
    from twoplayer.core.device import place
    from twoplayer.data._base import Dataset
    from twoplayer.extractors._base import ExtractorContext

    if name in TRAINED:
        raise UserError(
            f"{name} is trained on one of the sets, whose samples it then tells from others: take {EXTRACTOR}"
        )
    if (kind := extractors.family.find(name).kind) != a.kind:
        raise UserError(f"the extractor {name} looks at {kind}, not at {a.kind}: choose another")
    together = a.samples if a.kind == "images" else np.concatenate([a.samples, b.samples])
    both = Dataset("both sets", a.kind, together, together[:0])
    where = ExtractorContext(place(device, "fp32", "contiguous", a.kind).device, say=say)
    made: Extractor = extractors.create(name, both, where)
    return made


def _uneven(a: Array, b: Array) -> tuple[str, ...]:
    """A note where distances between points hardly depend on some of their coordinates."""
    spread = np.concatenate([a, b]).std(0, dtype=np.float64)
    spread = spread[spread > 0]
    if not len(spread) or spread.max() <= UNEVEN * spread.min():
        return ()
    return (
        f"the widest coordinate spreads {spread.max() / spread.min():.0f} times as far as the narrowest and rules the "
        "distances: the extractor points divides each by its standard deviation",
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")
