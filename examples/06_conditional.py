"""A conditional generator: ask for a class, and check how often it comes."""

import argparse

import twoplayer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--method", default="cgan", choices=["cgan", "cgan-projection", "acgan"])
parser.add_argument("--steps", type=int, default=3000, help="steps of training")
parser.add_argument("--samples", type=int, default=1000, help="samples to measure")
options = parser.parse_args()

run = twoplayer.train(method=options.method, data="digits", steps=options.steps, run="runs/conditional")
for digit in ("3", "7"):
    run.sample(16, label=digit).save(f"digit-{digit}.png")

# An independent classifier predicts the label of each sample: how often is it the one that was asked for?
print(run.evaluate(n=options.samples, metrics="conditional-accuracy"))
