"""Your own training loop, our objective and metrics: nothing but PyTorch modules and functions."""

import argparse

import torch
from torch import nn

from twoplayer import objectives
from twoplayer.measurement.torchmetrics_adapter import StreamedMetric

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=3000, help="steps of training")
options = parser.parse_args()

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
critic = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
objective = objectives.create("non-saturating")
generator_optimizer = torch.optim.Adam(generator.parameters(), 1e-3, betas=(0.5, 0.999))
critic_optimizer = torch.optim.Adam(critic.parameters(), 1e-3, betas=(0.5, 0.999))


def real_batch(count: int) -> torch.Tensor:
    """Points around a circle."""
    angles = torch.rand(count) * 2 * torch.pi
    return torch.stack([angles.cos(), angles.sin()], 1) + 0.05 * torch.randn(count, 2)


for step in range(1, options.steps + 1):
    real, fake = real_batch(128), generator(torch.randn(128, 2))
    critic_loss = objective.critic_loss(critic(real).squeeze(1), critic(fake.detach()).squeeze(1))
    critic_optimizer.zero_grad()
    critic_loss.backward()
    critic_optimizer.step()

    generator_loss = objective.generator_loss(critic(fake).squeeze(1))
    generator_optimizer.zero_grad()
    generator_loss.backward()
    generator_optimizer.step()

    if step % max(1, options.steps // 5) == 0:
        distance = StreamedMetric("fd")  # a torchmetrics.Metric
        distance.update(real_batch(2000), real=True)
        with torch.no_grad():
            distance.update(generator(torch.randn(2000, 2)))
        print(f"step {step}: Fréchet distance {float(distance.compute()):.4f}")

# Export: one file that PyTorch alone can open.
batch = torch.export.Dim("batch", min=1)
program = torch.export.export(generator, (torch.randn(2, 2),), dynamic_shapes=({0: batch},))
torch.export.save(program, "generator.pt2")
