"""xICFG: samples of the generator's network alone, and after 5 and all of its functional gradient steps."""

import argparse

import twoplayer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=300, help="stages: each moves a pool of samples and fits the network")
parser.add_argument("--filters", type=int, default=32, help="width of both networks")
parser.add_argument("--samples", type=int, default=1000, help="samples to measure")
options = parser.parse_args()

run = twoplayer.train(
    method="xicfg", data="digits", steps=options.steps, run="runs/functional", **{"networks.filters": options.filters}
)
for refine in (0, 5, 15):
    run.sample(32, refine=refine).save(f"after-{refine}-steps.png")
    evaluation = run.evaluate(n=options.samples, refine=refine, extractor="random-conv", metrics="fd")
    print(f"after {refine} functional steps: Fréchet distance {evaluation['fd_random_conv']:.3f}")
