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
from twoplayer.extractors._base import HERE, ExtractorContext, ExtractorData
from twoplayer.extractors._convnet import FEATURES, RECIPE, ConvNet, train
from twoplayer.extractors._exact_network import ExactNetwork
from twoplayer.extractors._identity import of_data, of_weights

__all__ = ["Classifier"]

TEST_LIMIT = 10_000
"""Held-out images beyond this many say no more of the accuracy."""


@final
class Classifier(ExactNetwork):
    """The activations before the last layer, 128 of them, and the logits of the data set's classes.

    It lies in the cache as ``classifiers/KEY.safetensors`` and ``KEY.json``, KEY a hash of data and recipe, and is
    trained where it does not. Raises `UserError` for data without labels of two classes or more.
    """

    network: ConvNet
    classes: ClassVar[bool] = True
    label = "classifier"
    size = FEATURES

    def __init__(self, data: ExtractorData | None = None, where: ExtractorContext = HERE) -> None:
        if data is None or data.train_labels is None or len(np.unique(data.train_labels)) < 2:
            name = "" if data is None else f", which {data.name} has not"
            raise UserError(f"the classifier needs images with labels of two classes or more{name}: take random-conv")
        super().__init__(where.device)
        folder, key = cache_root(where.cache) / "classifiers", _key(data)
        kept = recall(folder, key)
        self.network = _trained(data, where) if kept is None else _restored(kept).to(self.device)
        self.accuracy: float | None = self._accuracy(data) if kept is None else kept.facts["accuracy"]
        """Share of held-out images labelled correctly; None where none has a label."""
        if kept is None:
            keep(folder, key, _to_keep(self.network, self.accuracy, data), "the classifier")
        self.identity = of_weights(RECIPE, self.network.state_dict())
        self.note = _words(self.accuracy)

    def batch(self, shape: tuple[int, ...]) -> int:
        return max(1, min(256, 400_000 // (shape[0] * shape[1])))

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network.features(images)
        return features, self.network.head(features)

    def _accuracy(self, data: ExtractorData) -> float | None:
        if data.held_out_labels is None or not len(data.held_out):
            return None
        rows = numpy_generator(0, "held out").permutation(len(data.held_out))[:TEST_LIMIT]
        logits = self.extract(data.held_out[rows]).logits
        assert logits is not None
        return float((logits.argmax(1) == data.held_out_labels[rows]).mean())


def _trained(data: ExtractorData, where: ExtractorContext) -> ConvNet:
    assert data.train_labels is not None
    network = train(data.train, data.train_labels, _classes(data), device=where.device, say=where.say)
    return network.requires_grad_(False)


def _to_keep(network: ConvNet, accuracy: float | None, data: ExtractorData) -> CacheEntry:
    facts = {
        "recipe": RECIPE,
        "accuracy": accuracy,
        "shape": list(data.train.shape[1:]),
        "classes": _classes(data),
        "train_images": len(data.train),
        "torch": torch.__version__,
    }
    return CacheEntry({name: tensor.cpu().numpy() for name, tensor in network.state_dict().items()}, facts)


def _restored(kept: CacheEntry) -> ConvNet:
    height, width, channels = kept.facts["shape"]
    with torch.random.fork_rng(devices=[]):  # layers draw weights of their own before they get these
        network = ConvNet(channels, min(height, width), kept.facts["classes"])
    # Copies, because a read-only memory map makes a tensor that must not be written to.
    network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in kept.arrays.items()})
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)


def _classes(data: ExtractorData) -> int:
    assert data.train_labels is not None
    return max(len(data.class_names), int(data.train_labels.max()) + 1)


def _key(data: ExtractorData) -> str:
    described = f"{RECIPE}/{of_data(data)}/{data.train.shape}/{_classes(data)}"
    return hashlib.blake2b(described.encode(), digest_size=8).hexdigest()


def _words(accuracy: float | None) -> str:
    if accuracy is None:
        return "No held-out image has a label, so the classifier's accuracy is unknown."
    return f"The classifier labels {accuracy:.1%} of the held-out images correctly."
