"""A map-style torch dataset of images or points, with labels or without (in Python)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from twoplayer.core.errors import UserError
from twoplayer.data import _pixels
from twoplayer.data._arrays import MAX_BYTES_IN_MEMORY, pixel_conversion
from twoplayer.data._base import DataSettings
from twoplayer.data._identity import digest
from twoplayer.data._images import Images
from twoplayer.data._labels import UNLABELLED, Labels, encode_labels, labels_from_indices
from twoplayer.data._path_source import ScannableSource, slug
from twoplayer.data._points import PointTable
from twoplayer.data._reader import ItemReader
from twoplayer.data._types import Array

__all__ = ["TorchDataset"]

DEFAULT_SIDE = 64
"""Pixels to which Pillow images are reduced where the settings name no resolution, as images in a folder are."""
CHECKED_ITEMS = 16
"""Items that are read twice, to find datasets that yield other values each time."""


class TorchDataset(ScannableSource):
    """The items of `dataset`, each an image or a point, or a pair (image, label) or (point, label).

    An image is a Pillow image of any size; a tensor or numpy array ``(C, H, W)``, ``(H, W, C)`` or ``(H, W)`` with 1 or
    3 channels and the same shape in every item, of type uint8, or float in [0, 1], or in [-1, 1] where any value of the
    data set is negative. A tensor or array ``(D,)`` is a point. A label is a whole number or a class name; the
    ``classes`` of torchvision's datasets (of the dataset, or of the one that a ``Subset`` wraps) name the numbers.

    Pillow images are cropped to centred squares of the settings' resolution; where the settings name none, of the
    images' own size if all have one and it is at most 64 pixels, else of 64. All items are read once to identify the
    data, so the dataset must yield the same values each time: leave random transforms out.

    Args:
        dataset: a `torch.utils.data.Dataset` with ``__len__`` and ``__getitem__``.
        channels: 1 makes gray images, 3 images in colour; None keeps gray only where every image is gray.

    Raises:
        UserError: a dataset without a length or without items, items of several kinds or shapes, items of another
            kind (such as dicts), values out of range, and items that change from one read to the next.
    """

    kind: Literal["images", "points"] | None = None
    own_resolution: ClassVar[bool] = False

    def __init__(self, dataset: Any, *, channels: Literal[1, 3] | None = None) -> None:
        self.dataset, self.channels = dataset, channels
        self.name = slug(type(dataset).__name__, "dataset")
        self.count = self._length()
        self.kind = "points" if self._item(0).sample.ndim == 1 else "images"

    def scan(self, settings: DataSettings) -> Images | PointTable:
        contents = self._read_all()
        labels = self._labels(contents.labels)
        if self.kind == "points":
            return PointTable(self.name, np.stack(contents.samples), labels)
        dtype, low, high = contents.dtype, contents.low, contents.high
        to_uint8 = pixel_conversion(dtype, low, high, self.name)
        in_memory = contents.is_complete
        item: Callable[[int], Array] = contents.samples.__getitem__ if in_memory else lambda i: self._item(i).sample
        channels = self.channels or (3 if contents.has_colour else 1)
        reader = ItemReader(item, contents.sizes, channels, labels, to_uint8=to_uint8)
        side = reader.side()
        if contents.is_pillow:
            side = min(side, DEFAULT_SIDE) if len(contents.sizes) == 1 else DEFAULT_SIDE
        return Images(
            name=self.name,
            identity=digest(contents.digest, labels.names, contents.is_pillow),
            read=lambda: reader,
            default_side=side,
            channels=channels,
            in_memory=in_memory,
        )

    def _length(self) -> int:
        try:
            count = len(self.dataset)
        except (TypeError, NotImplementedError):
            raise UserError(
                f"{self.name} has no length, as iterable-style datasets have none: give a map-style dataset, with "
                "__len__ and __getitem__"
            ) from None
        if count < 1:
            raise UserError(f"{self.name} is empty: give a dataset with items")
        return count

    def _read_all(self) -> _Contents:
        """One pass over all items. Raises `UserError` where they do not go together."""
        contents = _Contents(self.kind == "points")
        first = self._item(0)
        checked = {int(i) for i in np.linspace(0, self.count - 1, min(self.count, CHECKED_ITEMS))}
        hashes: dict[int, str] = {}
        for index in range(self.count):
            item = self._item(index)
            self._check_alike(index, item, first)
            contents.add(item)
            if index in checked:
                hashes[index] = _hash(item.sample)
        if any(_hash(self._item(index).sample) != before for index, before in hashes.items()):
            raise UserError(
                f"{self.name} yields other values each time it is read: leave random transforms out of the dataset"
            )
        return contents

    def _check_alike(self, index: int, item: _Item, first: _Item) -> None:
        where = f"item {index} of {self.name}"
        if item.is_pillow != first.is_pillow or (item.sample.ndim == 1) != (first.sample.ndim == 1):
            raise UserError(f"{where} is {item.kind} and item 0 is {first.kind}: give items of one kind")
        if not item.is_pillow and (item.sample.shape, item.sample.dtype) != (first.sample.shape, first.sample.dtype):
            raise UserError(
                f"{where} is {item.kind} of shape {item.sample.shape} and type {item.sample.dtype}, and item 0 has "
                f"{first.sample.shape} and {first.sample.dtype}: give items of one shape and type, or Pillow images"
            )
        if (item.label is None) != (first.label is None):
            which = "no label where item 0 has one" if item.label is None else "a label where item 0 has none"
            raise UserError(f"{where} has {which}: label all items or none")

    def _labels(self, values: list[Any]) -> Labels:
        if not values:
            return UNLABELLED
        labels = encode_labels(values, len(values), self.name)
        classes = _classes(self.dataset)
        if (
            classes
            and all(isinstance(value, int) for value in values)
            and 0 <= min(values) <= max(values) < len(classes)
        ):
            return labels_from_indices(np.asarray(values), classes)
        return labels

    def _item(self, index: int) -> _Item:
        """An item, checked by itself. Raises `UserError` where it is nothing that can be trained on."""
        where = f"item {index} of {self.name}"
        try:
            value = self.dataset[index]
        except Exception as error:  # user code
            raise UserError(f"{where} cannot be read: {type(error).__name__}: {error}") from error
        label = None
        if isinstance(value, tuple | list):
            if len(value) not in (1, 2):
                raise UserError(
                    f"{where} is a {type(value).__name__} of {len(value)}: give (sample, label) or a sample"
                )
            value, label = value[0], _label(value[1], where) if len(value) == 2 else None
        if isinstance(value, Mapping):
            raise UserError(f"{where} is a dict: give a sample, or a tuple (sample, label)")
        if _is_pillow(value):
            return _Item(_pixels.from_pil(value), label, is_pillow=True)
        if not hasattr(value, "__array__"):
            raise UserError(
                f"{where} is of the type {type(value).__name__}: give a tensor, a numpy array or a Pillow image"
            )
        return _Item(_sample(value, where), label)


class _Item(NamedTuple):
    sample: Array
    """An image ``(H, W)`` or ``(H, W, C)``, or a point ``(D,)``."""
    label: int | str | None
    is_pillow: bool = False

    @property
    def kind(self) -> str:
        if self.is_pillow:
            return "a Pillow image"
        return "a point" if self.sample.ndim == 1 else "an image array"


@dataclass
class _Contents:
    """What one pass over a dataset collects."""

    is_points: bool
    labels: list[Any] = field(default_factory=list)
    samples: list[Array] = field(default_factory=list)
    """All samples, where they are points or fit into memory."""
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    bytes: int = 0
    low: float = np.inf
    high: float = -np.inf
    has_colour: bool = False
    is_pillow: bool = False
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.uint8))
    hasher: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))

    def add(self, item: _Item) -> None:
        sample = item.sample
        self.hasher.update(repr((sample.shape, sample.dtype.str, item.label)).encode())
        self.hasher.update(np.ascontiguousarray(sample).data)
        self.bytes += sample.nbytes
        if item.label is not None:
            self.labels.append(item.label)
        if self.is_points or self.is_complete:
            self.samples.append(sample)
        else:
            self.samples.clear()
        if self.is_points:
            return
        self.sizes[sample.shape[0], sample.shape[1]] += 1
        self.has_colour |= sample.ndim == 3 and sample.shape[2] != 1
        self.is_pillow, self.dtype = item.is_pillow, sample.dtype
        # numpy's minimum and maximum, unlike Python's, keep a NaN once there is one.
        self.low = float(np.minimum(self.low, sample.min()))
        self.high = float(np.maximum(self.high, sample.max()))

    @property
    def is_complete(self) -> bool:
        """Whether `samples` holds all images."""
        return self.bytes <= MAX_BYTES_IN_MEMORY

    @property
    def digest(self) -> str:
        return str(self.hasher.hexdigest())


def _sample(value: Any, where: str) -> Array:
    """A tensor or array as a point ``(D,)`` or an image with its channels last."""
    is_tensor = hasattr(value, "detach")
    if is_tensor:
        value = value.detach().cpu()
        value = value.float() if value.dtype.itemsize == 2 and value.dtype.is_floating_point else value
    sample: Array = np.asarray(value)
    if sample.dtype.kind not in "biuf":
        raise UserError(f"{where} holds values of the type {sample.dtype}: give numbers")
    if sample.ndim not in (1, 2, 3) or 0 in sample.shape:
        raise UserError(
            f"{where} has the shape {sample.shape}: give an image (C, H, W), (H, W, C) or (H, W), or a point (D,)"
        )
    if sample.ndim < 3:
        return sample
    first, last = sample.shape[0] in (1, 3), sample.shape[2] in (1, 3)
    if not first and not last:
        raise UserError(
            f"{where} has the shape {sample.shape}: give an image of 1 or 3 channels, (C, H, W) or (H, W, C)"
        )
    # Where both fit, tensors have their channels first and numpy arrays last.
    return np.moveaxis(sample, 0, -1) if first and (is_tensor or not last) else sample


def _label(value: Any, where: str) -> int | str | None:
    """A label as a plain whole number or string."""
    if value is None or isinstance(value, str):
        return value
    array = np.asarray(value)
    if array.ndim == 0 and (array.dtype.kind in "biu" or (array.dtype.kind == "f" and float(array).is_integer())):
        return int(array)
    described = f"of shape {array.shape}" if array.ndim else f"{value!r:.40}"
    raise UserError(f"the label of {where} is {described}: give one whole number or class name")


def _classes(dataset: Any) -> tuple[str, ...]:
    """The ``classes`` of a dataset, or of the one that it wraps as a ``Subset`` does; none where unknown."""
    while dataset is not None:
        classes = getattr(dataset, "classes", None)
        if isinstance(classes, list | tuple) and all(isinstance(name, str) for name in classes):
            return tuple(classes)
        dataset = getattr(dataset, "dataset", None)
    return ()


def _is_pillow(value: Any) -> bool:
    from PIL import Image

    return isinstance(value, Image.Image)


def _hash(sample: Array) -> str:
    return hashlib.blake2b(np.ascontiguousarray(sample).data, digest_size=16).hexdigest()
