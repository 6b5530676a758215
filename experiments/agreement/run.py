"""Every metric against an implementation that shares no line with ours: the largest relative difference.

    python experiments/agreement/run.py

Samples are handwritten digits with noise, held against others, as their 64 pixels; probabilities are those of a
logistic regression on them; and Gaussians of 300 dimensions with 200 samples, whose covariances are singular. Where a
library has the metric, it is asked; elsewhere the definition is written out in numpy and float64, all pairs at once.
Writes results/agreement.md and .json beside this script.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import linalg, stats
from scipy.spatial.distance import cdist, pdist
from scipy.special import log_softmax, rel_entr

import twoplayer
from twoplayer.metrics.authenticity import authenticity
from twoplayer.metrics.classes_covered import classes_covered
from twoplayer.metrics.cmmd import cmmd
from twoplayer.metrics.coverage import coverage
from twoplayer.metrics.density import density
from twoplayer.metrics.diversity_score import diversity_score
from twoplayer.metrics.fd import fd
from twoplayer.metrics.inception_score import inception_score
from twoplayer.metrics.kid import kid
from twoplayer.metrics.kid_rbf import kid_rbf
from twoplayer.metrics.memorization_test import memorization_test
from twoplayer.metrics.precision import precision
from twoplayer.metrics.recall import recall
from twoplayer.metrics.sliced_wasserstein import directions, sliced_wasserstein
from twoplayer.metrics.stacked_kl import stacked_kl
from twoplayer.metrics.stacked_modes import stacked_modes
from twoplayer.metrics.support_size import support_size
from twoplayer.metrics.vendi import vendi
from twoplayer.metrics.wasserstein import wasserstein

HERE = Path(__file__).parent
Array = Any
NEIGHBOURS = 5


@dataclass(frozen=True)
class Sets:
    """Samples, other real ones, and held-out ones; with the log-probabilities of classes, if there are any."""

    name: str
    samples: Array
    real: Array
    held_out: Array
    logs: Array | None = None
    real_probabilities: Array | None = None


@dataclass(frozen=True)
class Check:
    """A metric, and what it should be."""

    metric: str
    against: str
    ours: Callable[[Sets], float]
    theirs: Callable[[Sets], float]
    classes: bool = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=HERE / "results")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # what libraries say of small sets
    sets = [digits(), gaussians()]
    rows = []
    for check in CHECKS:
        for some in sets:
            if check.classes and some.logs is None:
                continue
            ours, theirs = float(check.ours(some)), float(check.theirs(some))
            apart = abs(ours - theirs) / max(abs(theirs), 1e-12)
            rows.append({"metric": check.metric, "against": check.against, "on": some.name, "ours": ours,
                         "theirs": theirs, "apart": apart})  # fmt: skip
    options.output.mkdir(parents=True, exist_ok=True)
    text = "\n".join(table(rows)) + "\n"
    (options.output / "agreement.md").write_text(text, encoding="utf-8")
    (options.output / "agreement.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(text)


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "# Metrics against other implementations"
    yield ""
    yield f"    {' '.join(['python', 'experiments/agreement/run.py', *sys.argv[1:]])}"
    yield ""
    yield f"twoplayer {twoplayer.__version__}, numpy {np.__version__}. `apart` is the largest relative difference."
    yield ""
    yield "| metric | against | value on digits | apart |"
    yield "| --- | --- | ---: | ---: |"
    for key in dict.fromkeys((row["metric"], row["against"]) for row in rows):
        these = [row for row in rows if (row["metric"], row["against"]) == key]
        yield f"| {key[0]} | {key[1]} | {these[0]['ours']:.6g} | {max(row['apart'] for row in these):.1e} |"


# ---- what is measured


def digits() -> Sets:
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    pixels, labels = load_digits(return_X_y=True)
    random = np.random.default_rng(0)
    order = random.permutation(len(pixels))
    pixels, labels = pixels[order], labels[order]
    real, held_out = pixels[:700], pixels[700:1200]
    samples = pixels[1200:] + random.normal(scale=1.5, size=pixels[1200:].shape)
    classifier = LogisticRegression(max_iter=2000).fit(real / 16, labels[:700])
    logs = log_softmax(classifier.decision_function(samples / 16), axis=1)
    probabilities = classifier.predict_proba(real / 16).mean(0)
    exact = [x.astype(np.float32) for x in (samples, real, held_out)]
    return Sets("digits", *exact, logs, probabilities)


def gaussians() -> Sets:
    random = np.random.default_rng(1)
    scale = np.geomspace(0.1, 3, 300)
    parts = [(random.normal(size=(count, 300)) * scale).astype(np.float32) for count in (200, 260, 220)]
    return Sets("gaussians", parts[0] + np.float32(0.1), *parts[1:])


# ---- what it should be


def double(*sets: Array) -> list[Array]:
    return [np.asarray(each, np.float64) for each in sets]


def by_sqrtm(s: Sets) -> float:
    a, b = double(s.samples, s.real)
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    offset = a.mean(0) - b.mean(0)
    return float(offset @ offset + np.trace(first + second - 2 * np.real(linalg.sqrtm(first @ second))))


def by_torchmetrics_fid(s: Sets) -> float:
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Same(torch.nn.Module):
        num_features = s.real.shape[1]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    metric = FrechetInceptionDistance(feature=Same(), normalize=True, input_img_size=(3, 1, 1)).set_dtype(torch.float64)
    metric.update(torch.from_numpy(s.real).double(), real=True)
    metric.update(torch.from_numpy(s.samples).double(), real=False)
    return float(metric.compute())


def by_torchmetrics_kid(s: Sets) -> float:
    import torch
    from torchmetrics.image.kid import poly_mmd

    size = min(len(s.samples), len(s.real))  # it takes equal counts alone
    return float(poly_mmd(*(torch.from_numpy(x[:size]).double() for x in (s.real, s.samples))))


def even_kid(s: Sets) -> float:
    size = min(len(s.samples), len(s.real))
    return kid(s.samples[:size], s.real[:size]).value


def unbiased(kernel: Callable[[Array, Array], Array]) -> Callable[[Sets], float]:
    def mmd(s: Sets) -> float:
        a, b = double(s.samples, s.real)
        n, m = len(a), len(b)
        within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (kernel(a, a), kernel(b, b))]
        return float(sum(within) - 2 * kernel(a, b).sum() / (n * m))

    return mmd


def polynomial(a: Array, b: Array) -> Array:
    return (a @ b.T / a.shape[1] + 1) ** 3


def by_rbf(s: Sets) -> float:
    width = float(np.median(pdist(s.real.astype(np.float64))))
    return unbiased(lambda a, b: np.exp(-(cdist(a, b) ** 2) / (2 * width**2)))(s)


def rbf(s: Sets) -> float:
    return kid_rbf(s.samples, s.real, width=float(np.median(pdist(s.real.astype(np.float64))))).value


def by_cmmd(s: Sets) -> float:
    a, b = double(s.samples, s.real)

    def mean(x: Array, y: Array) -> float:
        return float(np.exp(-(cdist(x, y) ** 2) / 200).mean())

    return 1000 * (mean(a, a) + mean(b, b) - 2 * mean(a, b))


def radii(rows: Array) -> Array:
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute").fit(rows).kneighbors()[0][:, -1]


def inside(s: Sets) -> tuple[Array, Array]:
    """Which samples ``(columns)`` lie in which real samples' balls ``(rows)``, and the other way round."""
    a, b = double(s.samples, s.real)
    distances = cdist(b, a)
    return distances <= radii(b)[:, None], distances <= radii(a)


def by_inception(s: Sets) -> float:
    import torch
    from torchmetrics.image.inception import InceptionScore

    metric = InceptionScore(feature=torch.nn.Identity(), splits=1)
    metric.update(torch.from_numpy(s.logs))
    return float(metric.compute()[0])


def by_vendi(s: Sets) -> float:
    (a,) = double(s.samples)
    unit = a / np.linalg.norm(a, axis=1, keepdims=True)
    values = linalg.eigvalsh(unit @ unit.T / len(a))
    values = values[values > 1e-14]
    return float(np.exp(-(values * np.log(values)).sum()))


def by_pot(s: Sets) -> float:
    import ot

    a, b = double(s.samples, s.real)
    return float(ot.emd2([], [], ot.dist(a, b, metric="euclidean"), numItermax=10_000_000))


def by_sliced_pot(s: Sets) -> float:
    import ot

    a, b = double(s.samples, s.real)
    return float(ot.sliced_wasserstein_distance(a, b, projections=directions(a.shape[1], 200).T, p=1))


def to_train(s: Sets, whose: Array) -> Array:
    return cdist(*double(whose, s.real)).min(1)


def by_mann_whitney(s: Sets) -> float:
    ours, theirs = to_train(s, s.samples), to_train(s, s.held_out)
    p = stats.mannwhitneyu(ours, theirs, alternative="greater", method="asymptotic", use_continuity=False).pvalue
    return float(stats.norm.isf(p))


def by_authenticity(s: Sets) -> float:
    a, b = double(s.samples, s.real)
    within = cdist(b, b)
    np.fill_diagonal(within, np.inf)
    distances = cdist(a, b)
    return float((distances.min(1) > within.min(1)[distances.argmin(1)]).mean())


def many(s: Sets) -> Array:
    """Samples of which some nearly repeat each other."""
    return np.concatenate([s.samples, s.samples[:9] + np.float32(1e-3), s.samples[:3] - np.float32(1e-3)])


def by_support(s: Sets) -> float:
    pairs = pdist(many(s).astype(np.float64))
    return float(len(pairs) / (pairs <= pdist(s.held_out.astype(np.float64)).min()).sum())


def triples(s: Sets) -> Array:
    assert s.logs is not None
    found = s.logs.argmax(1)[: len(s.logs) // 3 * 3].reshape(-1, 3)
    return found @ np.array([100, 10, 1])


def thousand() -> Array:
    share = np.arange(1, 11) / 55
    return np.einsum("a,b,c->abc", share, share, share).ravel()


def by_stacked_kl(s: Sets) -> float:
    modes, counts = np.unique(triples(s), return_counts=True)
    shares = counts / counts.sum()
    return float((shares * np.log(shares / thousand()[modes])).sum())


def by_classes(s: Sets) -> float:
    found = np.bincount(s.logs.argmax(1), minlength=10)
    return float(((found >= 0.1 * len(s.logs) * s.real_probabilities) & (found > 0)).sum())


CHECKS = (
    Check("fd", "scipy.linalg.sqrtm", lambda s: fd(s.samples, s.real).value, by_sqrtm),
    Check("fd", "torchmetrics", lambda s: fd(s.samples, s.real).value, by_torchmetrics_fid),
    Check("kid", "torchmetrics (poly_mmd)", even_kid, by_torchmetrics_kid),
    Check("kid", "sums over all pairs", lambda s: kid(s.samples, s.real).value, unbiased(polynomial)),
    Check("kid-rbf", "sums over all pairs", rbf, by_rbf),
    Check("cmmd", "sums over all pairs", lambda s: cmmd(s.samples, s.real).value, by_cmmd),
    Check("precision", "scikit-learn's neighbours", lambda s: precision(s.samples, s.real).value,
          lambda s: inside(s)[0].any(0).mean()),
    Check("recall", "scikit-learn's neighbours", lambda s: recall(s.samples, s.real).value,
          lambda s: inside(s)[1].any(1).mean()),
    Check("density", "scikit-learn's neighbours", lambda s: density(s.samples, s.real).value,
          lambda s: inside(s)[0].sum(0).mean() / NEIGHBOURS),
    Check("coverage", "scikit-learn's neighbours", lambda s: coverage(s.samples, s.real).value,
          lambda s: inside(s)[0].any(1).mean()),
    Check("inception-score", "torchmetrics", lambda s: inception_score(s.logs).value, by_inception, classes=True),
    Check("diversity-score", "scipy's rel_entr", lambda s: diversity_score(s.logs, s.real_probabilities).value,
          lambda s: np.exp(-rel_entr(np.exp(s.logs).mean(0), s.real_probabilities).sum()), classes=True),
    Check("classes-covered", "counts", lambda s: classes_covered(s.logs, s.real_probabilities).value, by_classes,
          classes=True),
    Check("vendi", "eigenvalues of the N x N kernel", lambda s: vendi(s.samples).value, by_vendi),
    Check("wasserstein", "POT", lambda s: wasserstein(s.samples, s.real).value, by_pot),
    Check("sliced-wasserstein", "POT", lambda s: sliced_wasserstein(s.samples, s.real, lines=200).value, by_sliced_pot),
    Check("memorization-test", "scipy.stats.mannwhitneyu",
          lambda s: memorization_test(s.samples, s.real, s.held_out, cells=1).value, by_mann_whitney),
    Check("authenticity", "all distances", lambda s: authenticity(s.samples, s.real).value, by_authenticity),
    Check("support-size", "all distances", lambda s: support_size(many(s), s.held_out).value, by_support),
    Check("stacked-modes", "counts", lambda s: stacked_modes(triples(s)).value, lambda s: len(set(triples(s))),
          classes=True),
    Check("stacked-kl", "its definition", lambda s: stacked_kl(triples(s), thousand()).value, by_stacked_kl,
          classes=True),
)  # fmt: skip

if __name__ == "__main__":
    main()
