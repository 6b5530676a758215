"""Exact divergences, what an objective claims, and a demonstration with a computed verdict."""

import argparse

import torch

from twoplayer import lab, objectives, theory

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--demonstration", default="parallel-segments", help="twoplayer lab lists them")
options = parser.parse_args()

p = theory.Gaussian(0, 1)
q = theory.Mixture([0.3, 0.7], [theory.Gaussian(-1, 0.5), theory.Gaussian(1, 1)])
print(f"KL {theory.kl(p, q):.4f}  JSD {theory.jensen_shannon(p, q):.4f}  W1 {theory.wasserstein(p, q):.4f}")

# Every f-GAN objective claims that its best critic estimates its divergence. Compute that estimate by quadrature.
grid = theory.grid(p, q)
log_ratio = torch.as_tensor(p.log_density(grid.points) - q.log_density(grid.points))
weights = tuple(torch.as_tensor(density.density(grid.points) * grid.weights) for density in (p, q))
for name in ("fgan-kl", "fgan-reverse-kl", "fgan-js", "fgan-pearson"):
    objective = objectives.create(name)
    best = objective.optimal_output(log_ratio)
    print(f"{name}: {objective.divergence.name} = {float(objective.estimate(best, best, weights)):.4f}")

result = lab.perform(options.demonstration)
print(f"{options.demonstration}: {'every check held' if result.held else 'a check failed'}")
