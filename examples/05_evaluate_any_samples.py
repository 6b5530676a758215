"""Measure samples that come from anywhere: here, two simple generators without any network."""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

import twoplayer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--samples", type=int, default=2000, help="samples of each generator")
parser.add_argument("--components", type=int, default=30, help="components of the mixture")
options = parser.parse_args()

images = load_digits().images  # (1797, 8, 8), 0 to 16
pca = PCA(20, random_state=0).fit(images.reshape(-1, 64))
mixture = GaussianMixture(options.components, covariance_type="full", reg_covar=1e-2, random_state=0)
mixture.fit(pca.transform(images.reshape(-1, 64)))


def as_images(pixels: np.ndarray) -> np.ndarray:
    """Pixels of any range 0 to 16 as uint8 images."""
    return (pixels.reshape(-1, 8, 8) * 15.9).clip(0, 255).astype(np.uint8)


generators = {
    "mixture of Gaussians": as_images(pca.inverse_transform(mixture.sample(options.samples)[0])),
    "each pixel by itself": as_images(
        np.random.default_rng(0).normal(images.mean(0), images.std(0), (options.samples, 8, 8))
    ),
}
for name, samples in generators.items():
    print(f"\n{name}:")
    print(twoplayer.evaluate(samples, "digits", extractor="random-conv", metrics="fd,prdc"))

# Could a statistical test tell these samples from real ones?
print(twoplayer.test_samples(generators["mixture of Gaussians"], "digits", n=500, tests=["energy", "mmd"]))
