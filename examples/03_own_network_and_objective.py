"""Your own networks and your own loss, as Python objects: nothing is registered, nothing is forked."""

import argparse

from torch import Tensor, nn

import twoplayer
from twoplayer.objectives.least_squares import LeastSquares

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=3000, help="steps of training")
options = parser.parse_args()


class CarefulLeastSquares(LeastSquares):
    """Least squares whose critic weighs generated samples half as much."""

    def fake_terms(self, fake: Tensor) -> Tensor:
        return 0.5 * super().fake_terms(fake)


# Any module will do: the generator maps latents (B, 2) to points (B, 2), the critic points to scores.
generator = nn.Sequential(nn.Linear(2, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))
critic = nn.Sequential(nn.Linear(2, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1))

# The run folder records where the classes come from; to go on with the run, pass the objects again.
run = twoplayer.train(
    data="ring",
    generator=generator,
    critic=critic,
    objective=CarefulLeastSquares(),
    regularizers=["r1"],
    latent_dim=2,
    steps=options.steps,
    run="runs/own",
)
run.sample(2000).save("own.png")
