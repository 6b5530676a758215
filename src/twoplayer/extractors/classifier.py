"""A small convolutional network trained on the data set's own labels, kept in the cache.

Source: Johnson, Zhang, 2018, Composite functional gradient learning of generative adversarial models, section 4
(a classifier of the data at hand in place of Inception).
"""

from __future__ import annotations

import hashlib
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor

from twoplayer.core.cache import CacheEntry, cache_root, keep, recall
from twoplayer.core.errors import UserError
from twoplayer.core.rng import numpy_generator
from twoplayer.extractors._base import DEFAULT_CONTEXT, ExtractorContext, ExtractorData
from twoplayer.extractors._convnet import FEATURES, RECIPE, ConvNet, train
from twoplayer.extractors._identity import of_data, of_weights
from twoplayer.extractors._network import Float64NetworkExtractor

__all__ = ["Classifier"]

MAX_TEST_IMAGES = 10_000
"""Held-out images on which the accuracy is measured."""


@final
class Classifier(Float64NetworkExtractor):
    """The 128 activations before the last layer, and the logits of the data set's classes.

    The network is read from the cache (``classifiers/KEY.safetensors`` and ``KEY.json``, KEY a hash of data and
    recipe), or trained and written there.

    Args:
        data: the real data set, with labels of two classes or more.
        context: device, cache and progress callback.

    Raises:
        UserError: for data without labels of two classes or more.
    """

    network: ConvNet
    has_classes: ClassVar[bool] = True
    label = "classifier"
    dimension = FEATURES

    def __init__(self, data: ExtractorData | None = None, context: ExtractorContext = DEFAULT_CONTEXT) -> None:
        if data is None or data.train_labels is None or len(np.unique(data.train_labels)) < 2:
            name = "" if data is None else f"; {data.name} has none"
            raise UserError(f"the classifier needs images with labels of two classes or more{name}: take random-conv")
        super().__init__(context.device)
        folder, key = cache_root(context.cache) / "classifiers", _key(data)
        entry = recall(folder, key)
        self.network = _trained(data, context) if entry is None else _restored(entry).to(self.device)
        self.accuracy: float | None = self._accuracy(data) if entry is None else entry.facts["accuracy"]
        """Share of held-out images that are classified correctly; None where they have no labels."""
        if entry is None:
            keep(folder, key, _cache_entry(self.network, self.accuracy, data), "the classifier")
        self.identity = of_weights(RECIPE, self.network.state_dict())
        self.note = _accuracy_note(self.accuracy)

    def batch_size(self, shape: tuple[int, ...]) -> int:
        return max(1, min(256, 400_000 // (shape[0] * shape[1])))

    def forward_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network.features(images)
        return features, self.network.head(features)

    def _accuracy(self, data: ExtractorData) -> float | None:
        if data.held_out_labels is None or not len(data.held_out):
            return None
        rows = numpy_generator(0, "held out").permutation(len(data.held_out))[:MAX_TEST_IMAGES]
        logits = self.extract(data.held_out[rows]).logits
        assert logits is not None
        return float((logits.argmax(1) == data.held_out_labels[rows]).mean())


def _trained(data: ExtractorData, context: ExtractorContext) -> ConvNet:
    assert data.train_labels is not None
    network = train(data.train, data.train_labels, _classes(data), device=context.device, progress=context.progress)
    return network.requires_grad_(False)


def _cache_entry(network: ConvNet, accuracy: float | None, data: ExtractorData) -> CacheEntry:
    facts = {
        "recipe": RECIPE,
        "accuracy": accuracy,
        "shape": list(data.train.shape[1:]),
        "classes": _classes(data),
        "train_images": len(data.train),
        "torch": torch.__version__,
    }
    return CacheEntry({name: tensor.cpu().numpy() for name, tensor in network.state_dict().items()}, facts)


def _restored(entry: CacheEntry) -> ConvNet:
    height, width, channels = entry.facts["shape"]
    with torch.random.fork_rng(devices=[]):  # constructing the layers draws random weights
        network = ConvNet(channels, min(height, width), entry.facts["classes"])
    # Copies, because a read-only memory map makes a tensor that must not be written to.
    network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in entry.arrays.items()})
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)


def _classes(data: ExtractorData) -> int:
    assert data.train_labels is not None
    return max(len(data.class_names), int(data.train_labels.max()) + 1)


def _key(data: ExtractorData) -> str:
    described = f"{RECIPE}/{of_data(data)}/{data.train.shape}/{_classes(data)}"
    return hashlib.blake2b(described.encode(), digest_size=8).hexdigest()


def _accuracy_note(accuracy: float | None) -> str:
    if accuracy is None:
        return "The held-out images have no labels, so the classifier's accuracy is unknown."
    return f"The classifier labels {accuracy:.1%} of the held-out images correctly."
