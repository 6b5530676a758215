"""Train a generator of handwritten digits, look at it, measure it."""

import argparse

import twoplayer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=3000, help="steps of training")
parser.add_argument("--samples", type=int, default=2000, help="samples to measure")
options = parser.parse_args()

# The data come with scikit-learn: 1,797 images of 8x8 pixels, a tenth of which is held out.
run = twoplayer.train(method="dcgan", data="digits", steps=options.steps, run="runs/digits")

# The same call goes on where it was interrupted; now that it is finished, it returns at once.
run = twoplayer.train(method="dcgan", data="digits", steps=options.steps, run="runs/digits")

run.sample(64, seed=1).save("digits.png")

# Every metric with its standard error, beside the same metric of held-out real images.
evaluation = run.evaluate(n=options.samples, extractor="random-conv", metrics="fd,prdc")
print(evaluation)

print("report:", run.report())
