"""A folder of images with class subfolders becomes a generator.

Give --folder to use your own. Without it, the script writes scikit-learn's digits into one, to have something to read.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import twoplayer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--folder", type=Path, help="a folder of images, in one subfolder for each class")
parser.add_argument("--resolution", type=int, default=16, help="side of the square images in pixels")
parser.add_argument("--steps", type=int, default=2000, help="steps of training")
options = parser.parse_args()

if options.folder is None:
    options.folder = Path("digit-images")
    digits = load_digits()
    for index, (pixels, label) in enumerate(zip(digits.images[:600], digits.target[:600], strict=True)):
        path = options.folder / f"digit-{label}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 15).astype(np.uint8)).save(path)

# No method is named: the preset "default" is the most stable one for unknown images.
run = twoplayer.train(
    data=options.folder,
    resolution=options.resolution,
    steps=options.steps,
    augment="translation,cutout",  # few images: the critic would memorize them
    run="runs/folder",
)
print(run.data["train"], "training images,", run.data["held_out"], "held out, classes:", run.data["classes"])
run.sample(64).save("folder.png")
