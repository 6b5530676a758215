"""Several methods under one budget, with several seeds: a table with intervals, and a page."""

import argparse

from twoplayer.comparison import compare

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--methods", nargs="+", default=["gan1", "wgan-gp", "lsgan"])
parser.add_argument("--data", default="ring")
parser.add_argument("--seeds", type=int, default=6, help="six are the fewest that can tell two methods apart")
parser.add_argument("--steps", type=int, default=2000, help="steps of each run")
options = parser.parse_args()

# max_time="2min" or images=200_000 instead of steps makes the budgets equal in seconds or in real samples.
comparison = compare(options.methods, options.data, seeds=options.seeds, steps=options.steps, output="comparison")
print(comparison)
print("page:", comparison.write())
