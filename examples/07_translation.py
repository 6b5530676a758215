"""Images to images from pairs: pix2pix learns to fill in digits of which only the outline is given."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import twoplayer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--pairs", type=int, default=500, help="training pairs")
parser.add_argument("--steps", type=int, default=1000, help="steps of training")
options = parser.parse_args()

# Two folders, A and B, whose images have the same names. A is the outline of B.
for index, pixels in enumerate(load_digits().images[: options.pairs]):
    drawn = Image.fromarray((pixels * 15).astype(np.uint8)).resize((16, 16), Image.Resampling.BICUBIC)
    outline = np.abs(np.gradient(np.asarray(drawn, dtype=float))).sum(0)
    for side, image in (("A", Image.fromarray(outline.clip(0, 255).astype(np.uint8))), ("B", drawn)):
        path = Path("outlines", side, f"{index}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)

run = twoplayer.train(method="pix2pix", data="outlines", resolution=16, steps=options.steps, run="runs/translation")

# Held-out outlines, their translations, and how far these are from the true digits.
print(run.evaluate(metrics="translation-error"))
run.sample(16).save("translated.png")
