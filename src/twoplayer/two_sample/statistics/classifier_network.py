"""Classifier two-sample test with small neural networks and the area under the ROC curve.

Source: Lopez-Paz and Oquab, 2017, "Revisiting classifier two-sample tests", section 3; Lueckmann, Boelts, Greenberg,
Goncalves and Macke, 2021, "Benchmarking simulation-based inference" (two hidden layers, standardized inputs); Pandeva,
Bakker, Naesseth and Forré, 2022, "E-valuating classifier two-sample tests" (training on earlier blocks, testing on the
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
"""Samples of each set in a training step."""
EPOCHS = 15
MIN_STEPS, MAX_STEPS = 20, 300
LEARNING_RATE = 1e-2
WEIGHT_DECAY = 0.03
MIN_WIDTH, MAX_WIDTH = 32, 128
MAX_DEVIATIONS = 8.0
"""Standardized coordinates are clipped to this range, which limits the influence of outliers."""


@final
class ClassifierNetwork(TwoSampleTest):
    """Area under the ROC curve of networks on samples that they were not trained on: ½ is chance, 1 is separation.

    Cross-validation does not give a valid p-value: the labels of each fold train the classifiers of the other folds, so
    that accuracies are dependent, and retraining for each permutation is too costly. Therefore both sets are divided
    into six blocks, and a network trained on the first k blocks is tested on the next one: five sixths of the samples
    are tested, where a split into halves would test one half.

    The statistic of a block is Wilcoxon's rank sum of the network's outputs. Under the hypothesis its distribution does
    not depend on the network or on earlier blocks. So the statistics of the blocks are independent, as are those for
    labels permuted within blocks, and the p-value is exact.

    Args:
        width: units of the two hidden layers; None takes 10 per coordinate, from 32 to 128.
        steps: training steps with AdamW; None takes 15 epochs, from 20 to 300 steps.
    """

    name: ClassVar[str] = "classifier-network"
    min_samples: ClassVar[int] = 12

    def __init__(self, *, width: Count | None = None, steps: Count | None = None) -> None:
        self.width = None if width is None else within(Count, width=width)
        self.steps = None if steps is None else within(Count, steps=steps)

    def evidence(self, pooled: Pooled) -> StatisticEvidence:
        import torch

        inputs = np.hstack([columns.astype(np.float32) for columns in standardized(pooled.samples)])
        if not inputs.shape[1]:
            return StatisticEvidence(np.full(pooled.permutations + 1, 0.5))
        inputs = inputs.clip(-MAX_DEVIATIONS, MAX_DEVIATIONS)
        # Samples are in random order: the first n·k/6 train network k, the next n/6 are its test block.
        sets = [torch.from_numpy(inputs[of]) for of in (pooled.in_a, ~pooled.in_a)]
        layers = self._trained(sets, torch_generator(pooled.seed, "networks"))
        wins, pairs, accuracies = np.zeros(pooled.permutations + 1), 0, []
        for k in range(1, BLOCKS):
            block = [part[_end(part, k) : _end(part, k + 1)] for part in sets]
            outputs = _outputs([(w[k - 1 : k], b[k - 1 : k]) for w, b in layers], torch.cat(block)[None])[0].numpy()
            in_a = np.arange(len(outputs)) < len(block[0])
            random = numpy_generator(pooled.seed, "labels of a block", k)
            wins += _wins(outputs, labellings(in_a, pooled.permutations, random), random)
            pairs += len(block[0]) * len(block[1])
            accuracies += [(outputs[in_a] > 0).mean(), (outputs[~in_a] <= 0).mean()]
        return StatisticEvidence(wins / pairs, details={"accuracy": float(np.mean(accuracies))})

    def _trained(self, sets: Sequence[Tensor], random: torch.Generator) -> Layers:
        """Five networks, one for each number of training blocks, trained together on balanced batches."""
        import torch
        from torch.nn.functional import softplus

        count, dimensions = sum(map(len, sets)), sets[0].shape[1]
        width = self.width or min(max(10 * dimensions, MIN_WIDTH), MAX_WIDTH)
        steps = self.steps or min(max(EPOCHS * count // (2 * BATCH), MIN_STEPS), MAX_STEPS)
        layers = _layers([dimensions, width, width, 1], random)
        optimizer = torch.optim.AdamW([p for layer in layers for p in layer], LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps + 1)
        ends = [torch.tensor([_end(part, k) for k in range(1, BLOCKS)]) for part in sets]
        for _ in range(steps):
            rows = [(torch.rand(BLOCKS - 1, BATCH, generator=random) * end[:, None]).long() for end in ends]
            batch = torch.cat([part[row] for part, row in zip(sets, rows, strict=True)], 1)
            with torch.enable_grad():
                outputs = _outputs(layers, batch)
                # The critic's loss of the original GAN; networks share no weights, so that the losses can be added.
                loss = softplus(-outputs[:, :BATCH]).mean(1).sum() + softplus(outputs[:, BATCH:]).mean(1).sum()
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rate.step()
        return [(weight.detach(), bias.detach()) for weight, bias in layers]


def _end(samples: Tensor, k: int) -> int:
    """The end of block k of six blocks of about equal size."""
    return len(samples) * k // BLOCKS


def _layers(sizes: Sequence[int], random: torch.Generator) -> Layers:
    """Weights ``(5, in, out)`` and biases ``(5, 1, out)`` of the five networks, with torch's default initialization."""
    import torch

    def uniform(*shape: int, inputs: int) -> Tensor:
        drawn: Tensor = (torch.rand(BLOCKS - 1, *shape, generator=random) * 2 - 1) / inputs**0.5
        return drawn.requires_grad_()

    return [(uniform(i, o, inputs=i), uniform(1, o, inputs=i)) for i, o in itertools.pairwise(sizes)]


def _outputs(layers: Layers, inputs: Tensor) -> Tensor:
    """Outputs ``(5, B)`` of the networks for inputs ``(5, B, D)``; positive for the first set."""
    for weight, bias in layers[:-1]:
        inputs = (inputs @ weight + bias).relu()
    weight, bias = layers[-1]
    return (inputs @ weight + bias).squeeze(2)


def _wins(outputs: Array, labels: Array, random: np.random.Generator) -> Array:
    """For each labelling the pairs whose sample of the first set has the larger output; ties are broken at random."""
    ranks = np.empty(len(outputs))
    ranks[np.lexsort((random.random(len(outputs)), outputs))] = np.arange(1, len(outputs) + 1)
    count = int(labels[:, 0].sum())
    return np.asarray(ranks @ labels - count * (count + 1) / 2)
