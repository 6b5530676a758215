"""Our images per second to those of published GAN packages that still import, in one interleaved run.

DCGAN on 32x32 grey images, batch 64, 64 base filters (64, 128, 256 channels), Adam, one critic step: our defaults, and
ours held to float32 and the contiguous layout, each against the package as its documentation uses it.

torchgan 0.1.0 (2021) is the only one left. It imports torchvision, which it needs for pictures at the end of an epoch
and for its inception score alone; where torchvision is not installed, an empty stand-in takes its place for this
process. Its epoch ends (a pickled checkpoint, a grid) are not timed, nor are ours.

    pip install --no-deps torchgan
    python benchmarks/peers.py [--threads 2] [--repeats 15] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import itertools
import os
import sys
import tempfile
import types
from collections.abc import Iterator
from typing import Any

from _duel import Lap, Outcome, add_duel_options, bumps, duel, limit_threads, machine, write

__all__ = ["TorchGAN"]

BATCH = 64
FILTERS = 64
SETTINGS = {
    "as it comes": {"filters": FILTERS},
    "float32, contiguous": {"filters": FILTERS, "precision": "fp32", "memory_format": "contiguous"},
}


class TorchGAN:
    """torchgan's Trainer with its DCGAN networks and losses, as its tutorials set it up."""

    def __init__(self, config: Any, placement: Any) -> None:
        _stand_in_for_torchvision()
        os.environ.update(CONSOLE_LOGGING="0", TENSORBOARD_LOGGING="0", VISDOM_LOGGING="0")
        import torch
        from torch.utils.data import DataLoader, TensorDataset
        from torchgan.losses import MinimaxDiscriminatorLoss, MinimaxGeneratorLoss
        from torchgan.models import DCGANDiscriminator, DCGANGenerator
        from torchgan.trainer import Trainer

        how = config.optimizer
        adam = {"name": torch.optim.Adam, "args": {"lr": how.learning_rate, "betas": (how.beta1, how.beta2)}}
        common = {"step_channels": FILTERS}
        players = {
            "generator": {
                "name": DCGANGenerator,
                "args": {**common, "encoding_dims": config.latent_dim, "out_size": 32, "out_channels": 1},
                "optimizer": adam,
            },
            "discriminator": {
                "name": DCGANDiscriminator,
                "args": {**common, "in_size": 32, "in_channels": 1},
                "optimizer": adam,
            },
        }
        self.folder = tempfile.TemporaryDirectory()
        self.trainer = Trainer(
            players,
            [MinimaxGeneratorLoss(nonsaturating=True), MinimaxDiscriminatorLoss()],
            device=placement.device,
            epochs=1,
            checkpoints=f"{self.folder.name}/gan",
            recon=self.folder.name,
        )
        pixels = torch.from_numpy(bumps()).unsqueeze(1).float().div_(127.5).sub_(1)
        loader = DataLoader(
            TensorDataset(pixels, torch.zeros(len(pixels))), config.batch_size, shuffle=True, drop_last=True
        )
        self.loader = _Counted(loader)

    def block(self, rounds: int) -> Lap:
        self.loader.count = rounds
        with contextlib.redirect_stdout(io.StringIO()):
            self.trainer(self.loader)
        return self.loader.lap


class _Counted:
    """A data loader that ends after `count` batches, goes on from there next time, and times what its user does."""

    def __init__(self, loader: Any) -> None:
        self.batch_size, self.count, self.lap = loader.batch_size, 0, Lap(0.0, 0.0)
        self.batches = itertools.chain.from_iterable(itertools.repeat(loader))

    def __iter__(self) -> Iterator[Any]:
        began = Lap.now()
        yield from itertools.islice(self.batches, self.count)
        self.lap = Lap.now() - began


def _stand_in_for_torchvision() -> None:
    if "torchvision" not in sys.modules and importlib.util.find_spec("torchvision") is None:
        vision, utils = types.ModuleType("torchvision"), types.ModuleType("torchvision.utils")
        utils.save_image = utils.make_grid = lambda *_, **__: None  # type: ignore[attr-defined]
        vision.utils = utils  # type: ignore[attr-defined]
        sys.modules.update({"torchvision": vision, "torchvision.utils": utils})


def main() -> None:
    options = _options()
    limit_threads(options.threads)
    if importlib.util.find_spec("torchgan") is None:
        print("torchgan is not installed, nothing to compare with: pip install --no-deps torchgan")
        return
    here = machine()
    print(f"{here['processor']}, {here['threads']} of {here['cores']} cores, torch {here['torch']}, "
          f"load {here['load_before']}")  # fmt: skip
    print(f"{'dcgan, batch 64':20} {'ours/s':>8} {'torchgan/s':>10}  ratio (quartiles)         cpu")
    outcomes = []
    for name, settings in SETTINGS.items():
        outcome = duel(
            "dcgan",
            TorchGAN,
            repeats=options.repeats,
            rounds=options.rounds,
            seconds=options.seconds,
            settings={"batch_size": BATCH, **settings},
        )
        print(_row(name, outcome), flush=True)
        outcomes.append({"peer": "torchgan 0.1.0", "ours": name, **outcome.document()})
    write(options.json, {"benchmark": "peers", **here, "outcomes": outcomes})


def _row(name: str, outcome: Outcome) -> str:
    low, high = outcome.quartiles
    return (
        f"{name:20} {outcome.rate(outcome.ours):8.1f} {outcome.rate(outcome.rival):10.1f}  "
        f"{outcome.ratio:.2f} ({low:.2f} to {high:.2f})  {outcome.cpu_ratio:9.2f}  "
        f"{len(outcome.ours)} of {outcome.rounds} rounds, {outcome.setting}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_duel_options(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
