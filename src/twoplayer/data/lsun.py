"""LSUN scenes, 64 pixels: one scene, or two as two classes.

lsun-bedroom: LSUN bedrooms, 64 pixels; the hub has a sample of them.

lsun-living-room: LSUN living rooms, 64 pixels, which must be on this machine.

lsun-bedroom+living-room: LSUN bedrooms and living rooms as two classes, 64 pixels.

lsun-tower+bridge: LSUN towers and bridges as two classes, 64 pixels, which must be on this machine.

Source: Yu, Seff, Zhang, Song, Funkhouser and Xiao, 2015, "LSUN: Construction of a large-scale image dataset
using deep learning with humans in the loop".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twoplayer.data._base import DataSettings
from twoplayer.data._hub_location import HubLocation, find_local, locate_images
from twoplayer.data._identity import digest
from twoplayer.data._images import Images
from twoplayer.data._labels import Labels
from twoplayer.data._path_source import ScannableSource
from twoplayer.data._reader import ChainReader

__all__ = ["Lsun"]

VARIANTS: dict[str, dict[str, Any]] = {
    "lsun-bedroom": {"scenes": ("bedroom",)},
    "lsun-living-room": {"scenes": ("living-room",)},
    "lsun-bedroom+living-room": {"scenes": ("bedroom", "living-room")},
    "lsun-tower+bridge": {"scenes": ("tower", "bridge")},
}
HUBS = {"bedroom": HubLocation("pcuenq/lsun-bedrooms")}
SIDE = 64


class Lsun(ScannableSource):
    """Images of one scene, or of two scenes whose names are the labels, cropped to centred squares of 64 pixels.

    Each scene is looked for as ``data/lsun-SCENE`` below the working folder, in $TWOPLAYER_DATA and in the cache. The
    Hugging Face hub has a sample of the bedrooms only; other scenes must be on this machine.

    Args:
        scenes: names of one or two scenes.
    """

    def __init__(self, *, scenes: tuple[str, ...]) -> None:
        self.scenes = tuple(scenes)

    def scan(self, settings: DataSettings) -> Images:
        name = "lsun-" + "+".join(self.scenes)
        if len(self.scenes) == 1:
            return _scene(self.scenes[0], settings)
        together = find_local(name, settings, SIDE)
        return together or _join(name, self.scenes, [_scene(scene, settings) for scene in self.scenes])


def _scene(scene: str, settings: DataSettings) -> Images:
    return locate_images(f"lsun-{scene}", settings, side=SIDE, hub=HUBS.get(scene))


def _join(name: str, scenes: tuple[str, ...], parts: list[Images]) -> Images:
    def read() -> ChainReader:
        readers = [part.read() for part in parts]
        classes = np.repeat(np.arange(len(readers)), [reader.count for reader in readers])
        return ChainReader(readers, Labels(classes, scenes))

    identity = digest([part.identity for part in parts])
    return Images(name=name, identity=identity, read=read, default_side=SIDE)
