"""Classifier two-sample test: can a small network tell which set a sample is of that it has not seen?

Source: Lopez-Paz and Oquab, 2017, "Revisiting classifier two-sample tests", section 3; Lueckmann, Boelts, Greenberg,
Goncalves and Macke, 2021, "Benchmarking simulation-based inference" (two hidden layers, standardized inputs); Pandeva,
Bakker, Naesseth and Forré, 2022, "E-valuating classifier two-sample tests" (training on the past, testing on what comes
next).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, TypeAlias, final

import numpy as np

from twoplayer.core.ranges import Count, within
from twoplayer.core.rng import numpy_generator, torch_generator
from twoplayer.two_sample.statistics._base import StatisticEvidence, TwoSampleTest
from twoplayer.two_sample.statistics._columns import standardized
from twoplayer.two_sample.statistics._permute import Array, Pooled, labellings

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["ClassifierNetwork"]

Layers: TypeAlias = "list[tuple[Tensor, Tensor]]"

BLOCKS = 6
BATCH = 64
"""Samples of each set in a step."""
EPOCHS = 15
STEPS = (20, 300)
LEARNING_RATE = 1e-2
WEIGHT_DECAY = 0.03
WIDTHS = (32, 128)
FAR = 8.0
"""Deviations beyond which a coordinate is cut off: one outlier must not decide what is learned."""


@final
class ClassifierNetwork(TwoSampleTest):
    """Area under the curve of networks on samples that they were not trained on: ½ is chance, 1 tells all.

    The usual five-fold cross-validation gives no valid p-value: each fold's labels train the other folds' classifiers,
    so that their accuracies depend on each other, and training anew for each permutation is out of reach. So the sets
    are divided into six blocks, and the network that has seen the first k blocks is tested on the next one: all but the
    first block are tested on, five sixths of the samples, where a single split into halves would test on one half.

    In each block only the ranks of the network's outputs count (Wilcoxon's statistic). Under the null hypothesis their
    sum has the same law whatever the network is and whatever happened in the blocks before. The blocks' statistics are
    therefore independent of each other, as are those of labels permuted within blocks, and the p-value is exact.

    `width` None takes 10 units a coordinate, from 32 to 128; `steps` of AdamW None 15 epochs,
    from 20 to 300.
    """

    name: ClassVar[str] = "classifier-network"
    least: ClassVar[int] = 12

    def __init__(self, *, width: Count | None = None, steps: Count | None = None) -> None:
        self.width = None if width is None else within(Count, width=width)
        self.steps = None if steps is None else within(Count, steps=steps)

    def weigh(self, pooled: Pooled) -> StatisticEvidence:
        import torch

        inputs = np.hstack([columns.astype(np.float32) for columns in standardized(pooled.samples)])
        if not inputs.shape[1]:
            return StatisticEvidence(np.full(pooled.permutations + 1, 0.5))
        inputs = inputs.clip(-FAR, FAR)
        # Both in random order: the first k of n·k/6 samples are the past of network k, the next ones its block.
        sets = [torch.from_numpy(inputs[of]) for of in (pooled.in_a, ~pooled.in_a)]
        layers = self._trained(sets, torch_generator(pooled.seed, "networks"))
        won, pairs, right = np.zeros(pooled.permutations + 1), 0, []
        for k in range(1, BLOCKS):
            block = [part[_end(part, k) : _end(part, k + 1)] for part in sets]
            outputs = _outputs([(w[k - 1 : k], b[k - 1 : k]) for w, b in layers], torch.cat(block)[None])[0].numpy()
            in_a = np.arange(len(outputs)) < len(block[0])
            random = numpy_generator(pooled.seed, "labels of a block", k)
            won += _won(outputs, labellings(in_a, pooled.permutations, random), random)
            pairs += len(block[0]) * len(block[1])
            right += [(outputs[in_a] > 0).mean(), (outputs[~in_a] <= 0).mean()]
        return StatisticEvidence(won / pairs, details={"accuracy": float(np.mean(right))})

    def _trained(self, sets: Sequence[Tensor], random: torch.Generator) -> Layers:
        """One network for each past, all trained at once on batches of as many samples of either set."""
        import torch
        from torch.nn.functional import softplus

        count, dimensions = sum(map(len, sets)), sets[0].shape[1]
        width = self.width or min(max(10 * dimensions, WIDTHS[0]), WIDTHS[1])
        steps = self.steps or min(max(EPOCHS * count // (2 * BATCH), STEPS[0]), STEPS[1])
        layers = _layers([dimensions, width, width, 1], random)
        optimizer = torch.optim.AdamW([p for layer in layers for p in layer], LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps + 1)
        ends = [torch.tensor([_end(part, k) for k in range(1, BLOCKS)]) for part in sets]
        for _ in range(steps):
            rows = [(torch.rand(BLOCKS - 1, BATCH, generator=random) * end[:, None]).long() for end in ends]
            batch = torch.cat([part[row] for part, row in zip(sets, rows, strict=True)], 1)
            with torch.enable_grad():
                outputs = _outputs(layers, batch)
                # The critic's loss of the original GAN; networks do not share weights, so that their sum is right.
                loss = softplus(-outputs[:, :BATCH]).mean(1).sum() + softplus(outputs[:, BATCH:]).mean(1).sum()
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rate.step()
        return [(weight.detach(), bias.detach()) for weight, bias in layers]


def _end(samples: Tensor, k: int) -> int:
    """Where block k ends, of six as equal as whole numbers allow."""
    return len(samples) * k // BLOCKS


def _layers(sizes: Sequence[int], random: torch.Generator) -> Layers:
    """Weights ``(5, in, out)`` and biases ``(5, 1, out)`` of the five networks, drawn as torch draws its own."""
    import torch

    def uniform(*shape: int, inputs: int) -> Tensor:
        drawn: Tensor = (torch.rand(BLOCKS - 1, *shape, generator=random) * 2 - 1) / inputs**0.5
        return drawn.requires_grad_()

    return [(uniform(i, o, inputs=i), uniform(1, o, inputs=i)) for i, o in itertools.pairwise(sizes)]


def _outputs(layers: Layers, inputs: Tensor) -> Tensor:
    """What the networks say of inputs ``(5, B, D)``: positive for the first set, ``(5, B)``."""
    for weight, bias in layers[:-1]:
        inputs = (inputs @ weight + bias).relu()
    weight, bias = layers[-1]
    return (inputs @ weight + bias).squeeze(2)


def _won(outputs: Array, labels: Array, random: np.random.Generator) -> Array:
    """Pairs in which the sample of the first set has the larger output, for each labelling; equal ones by chance."""
    ranks = np.empty(len(outputs))
    ranks[np.lexsort((random.random(len(outputs)), outputs))] = np.arange(1, len(outputs) + 1)
    count = int(labels[:, 0].sum())
    return np.asarray(ranks @ labels - count * (count + 1) / 2)
