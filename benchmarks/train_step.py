"""Our images per second to those of a bare PyTorch loop, in one interleaved run.

The bare loop is what a careful person writes by hand for these three methods: the same networks, fused Adam,
precision and memory format, real batches from a uint8 tensor by random indices, one generator pass for both players
in the last critic step, one critic pass over real and fake where no batch statistics forbid it, no critic gradients
in the generator's step; no averaging, no logging, no checks. For sngan it normalizes with torch's own
`spectral_norm`, or with ours under ``--our-norm``.

    python benchmarks/train_step.py [--methods dcgan wgan-gp sngan] [--threads 2] [--repeats 15] [--json FILE]
    python benchmarks/train_step.py --check

``--check`` times nothing: it gives both loops the same weights, batches, latents and lines, plays rounds of both in
float32 and prints how far their weights are apart, so that the ratio is known to compare the same work.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from _duel import Lap, Outcome, add_duel_options, bumps, duel, limit_threads, machine, write

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["BareLoop"]

METHODS = ("dcgan", "wgan-gp", "sngan")
LEAST, TARGET = 0.95, 0.98


class Draws(Protocol):
    """Whatever is random in a step."""

    def advance(self) -> None:
        """Go to the next batch."""

    def real(self) -> Tensor:
        """Real images ``(B, 1, 32, 32)`` in [−1, 1]."""

    def latents(self) -> Tensor:
        """``(B, latent_dim)``."""

    def share(self) -> Tensor:
        """Where between fake (0) and real (1) the slope is measured, ``(B, 1, 1, 1)``."""


class FreshDraws:
    """A uint8 tensor by random indices, and torch's global generator."""

    def __init__(self, config: Any, placement: Any, images: Any) -> None:
        import torch

        self.device, self.format = placement.device, placement.memory_format
        self.batch, self.latent_dim, self.prior = config.batch_size, config.latent_dim, config.prior
        self.images = torch.from_numpy(images).to(self.device)

    def advance(self) -> None:
        """Every draw is a new one."""

    def real(self) -> Tensor:
        import torch

        rows = torch.randint(len(self.images), (self.batch,), device=self.device)
        pixels = self.images[rows].unsqueeze(1).float().div_(127.5).sub_(1)
        return pixels.contiguous(memory_format=self.format)

    def latents(self) -> Tensor:
        import torch

        shape = (self.batch, self.latent_dim)
        if self.prior == "normal":
            return torch.randn(shape, device=self.device)
        return torch.rand(shape, device=self.device) * 2 - 1

    def share(self) -> Tensor:
        import torch

        return torch.rand(self.batch, 1, 1, 1, device=self.device)


class TrainerDraws:
    """What twoplayer's own game draws, for ``--check``."""

    def __init__(self, batches: Any, game: Any) -> None:
        self.batches, self.game = batches, game

    def advance(self) -> None:
        self.batch = next(self.batches)

    def real(self) -> Tensor:
        return self.batch.real  # type: ignore[no-any-return]

    def latents(self) -> Tensor:
        return self.game.latents(self.batch)  # type: ignore[no-any-return]

    def share(self) -> Tensor:
        import torch

        random = self.batch.random("gradient_penalty")
        return torch.rand(self.batch.size, 1, 1, 1, generator=random, device=random.device)


class BareLoop:
    """The methods of `METHODS` by hand, on 32x32 images in memory."""

    def __init__(self, config: Any, placement: Any, draws: Draws, our_norm: bool = False) -> None:
        import torch

        self.device, self.draws = placement.device, draws
        self.bf16 = placement.precision == "bf16"
        self.critic_steps = config.algorithm.get("critic_steps", 1)
        self.weight = config.regularizers.get("gradient-penalty", {}).get("weight", 0.0)
        self.generator, self.critic = _networks(config, our_norm)
        for player in (self.generator, self.critic):
            player.to(self.device, memory_format=placement.memory_format)
        self.mixes_rows = any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in self.critic.modules())
        self.critic_loss, self.generator_loss = _losses(config.objective["name"])
        how = config.optimizer
        adam = {"lr": how.learning_rate, "betas": (how.beta1, how.beta2), "fused": True}
        self.generator_adam = torch.optim.Adam(self.generator.parameters(), **adam)
        self.critic_adam = torch.optim.Adam(self.critic.parameters(), **adam)

    def block(self, rounds: int) -> Lap:
        began = Lap.now()
        for _ in range(rounds):
            self.round()
        if self.device.type == "cuda":
            import torch

            torch.cuda.synchronize()
        return Lap.now() - began

    def round(self) -> None:
        import torch

        for step in range(self.critic_steps):
            self.draws.advance()
            real, z = self.draws.real(), self.draws.latents()
            with self.autocast(), torch.set_grad_enabled(step == self.critic_steps - 1):
                fake = self.generator(z)
            with self.autocast():
                loss = self.loss_of_critic(real, fake.detach())
            self.critic_adam.zero_grad(set_to_none=True)
            loss.backward()
            self.critic_adam.step()
        self.critic.requires_grad_(False)
        with self.autocast():
            loss = self.generator_loss(self.critic(fake))
        self.generator_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.generator_adam.step()
        self.critic.requires_grad_(True)

    def loss_of_critic(self, real: Tensor, fake: Tensor) -> Tensor:
        import torch

        if self.mixes_rows:
            on_real, on_fake = self.critic(real), self.critic(fake)
        else:
            on_real, on_fake = self.critic(torch.cat([real, fake])).chunk(2)
        loss = self.critic_loss(on_real, on_fake)
        if self.weight:
            between = torch.lerp(fake, real, self.draws.share()).requires_grad_()
            (slope,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
            loss = loss + self.weight * (slope.flatten(1).norm(dim=1) - 1).square().mean()
        return loss

    def autocast(self) -> Any:
        import torch

        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)


def _networks(config: Any, our_norm: bool) -> tuple[nn.Module, nn.Module]:
    import torch
    from torch.nn.utils.parametrizations import spectral_norm

    from twoplayer import networks, regularizers

    torch.manual_seed(0)
    shape = (1, 32, 32)
    generator = networks.create(**config.generator).generator(config.latent_dim, shape)
    critic = networks.create(**config.critic).critic(shape)
    if "spectral-norm" in config.regularizers:
        if our_norm:
            regularizers.create("spectral-norm").install(critic)
        else:
            for layer in list(critic.modules()):
                if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
                    spectral_norm(layer)
    return generator, critic


def _losses(objective: str) -> tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]:
    from torch.nn.functional import relu, softplus

    match objective:
        case "non-saturating":
            return lambda real, fake: softplus(-real).mean() + softplus(fake).mean(), lambda fake: softplus(
                -fake
            ).mean()
        case "wasserstein":
            return lambda real, fake: fake.mean() - real.mean(), lambda fake: -fake.mean()
        case "hinge":
            return lambda real, fake: relu(1 - real).mean() + relu(1 + fake).mean(), lambda fake: -fake.mean()
    raise SystemExit(f"the bare loop has no {objective} objective: take one of the methods {', '.join(METHODS)}")


def check(method: str, rounds: int = 3) -> float:
    """The largest distance between a weight of ours and the bare loop's after so many rounds, in learning rates."""
    import torch

    from twoplayer.config.layers import resolve_config
    from twoplayer.core.device import place
    from twoplayer.data._base import Dataset
    from twoplayer.games._factory import DataSpec
    from twoplayer.training.batches import Batches
    from twoplayer.training.build import build

    images = bumps(512)
    config = resolve_config(method, images, batch_size=16, precision="fp32", filters=16)
    placement = place(config.device, config.precision, config.memory_format, "images")
    dataset = Dataset("bumps", "images", images[..., None], images[:0, ..., None])
    players = build(config, DataSpec(dataset.shape), placement)
    feed = [Batches(dataset, config.batch_size, config.seed, placement) for _ in range(2)]
    bare = BareLoop(config, placement, TrainerDraws(feed[1], players.game), our_norm=True)
    pairs = [(players.game.generator, bare.generator), (players.game.critic, bare.critic)]
    for ours, theirs in pairs:
        theirs.load_state_dict(ours.state_dict())
    for _ in range(rounds):
        players.algorithm.step(feed[0])
        bare.round()
    weights = [(a, b) for ours, theirs in pairs for a, b in zip(ours.parameters(), theirs.parameters(), strict=True)]
    apart = torch.stack([(a - b).abs().max() for a, b in weights]).max()
    return float(apart.detach()) / config.optimizer.learning_rate


def main() -> None:
    options = _options()
    limit_threads(options.threads)
    if options.check:
        for method in options.methods:
            print(f"{method:9} weights at most {check(method):.3g} learning rates apart after 3 rounds", flush=True)
        return
    here = machine()
    print(f"{here['processor']}, {here['threads']} of {here['cores']} cores, torch {here['torch']}, "
          f"load {here['load_before']}")  # fmt: skip
    print(f"{'method':9} {'ours/s':>8} {'bare/s':>8}  ratio (quartiles)       cpu  upkeep  blocks, setting")
    outcomes = []
    for method in options.methods:
        outcome = duel(
            method,
            lambda config, placement: BareLoop(
                config, placement, FreshDraws(config, placement, bumps()), options.our_norm
            ),
            repeats=options.repeats,
            rounds=options.rounds,
            seconds=options.seconds,
            settings={k: v for k, v in (("batch_size", options.batch_size), ("precision", options.precision)) if v},
        )
        print(_row(outcome), flush=True)
        outcomes.append(outcome.document())
    write(options.json, {"benchmark": "train_step", "our_norm": options.our_norm, **here, "outcomes": outcomes})


def _row(outcome: Outcome) -> str:
    verdict = "target met" if outcome.ratio >= TARGET else "met" if outcome.ratio >= LEAST else "MISSED"
    low, high = outcome.quartiles
    return (
        f"{outcome.method:9} {outcome.rate(outcome.ours):8.1f} {outcome.rate(outcome.rival):8.1f}  "
        f"{outcome.ratio:.3f} ({low:.3f} to {high:.3f})  {outcome.cpu_ratio:.3f}  {outcome.upkeep:6.2%}  "
        f"{len(outcome.ours)} of {outcome.rounds} rounds, batch {outcome.batch}, {outcome.setting}: {verdict}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS, help="which to time")
    add_duel_options(parser)
    parser.add_argument("--batch-size", type=int, help="samples in a batch [default: the method's]")
    parser.add_argument("--precision", choices=("fp32", "bf16"), help="[default: the device's best]")
    parser.add_argument("--our-norm", action="store_true", help="the bare sngan with our spectral norm, not torch's")
    parser.add_argument("--check", action="store_true", help="compare weights instead of times")
    return parser.parse_args()


if __name__ == "__main__":
    main()
