"""The two sides of an unpaired translation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from twoplayer.data._base import Dataset, DataSettings
from twoplayer.data._identity import digest
from twoplayer.data._images import Images

__all__ = ["Unpaired"]


@dataclass(frozen=True)
class Unpaired:
    """Two sets of images of any numbers, `samples` and `partners`, whose rows do not correspond."""

    name: str
    samples: Images
    partners: Images

    def open(self, settings: DataSettings) -> Dataset:
        """Both sides in colour where either is. Raises `UserError` as `Images.open` does, for either."""
        sides = [side.open(settings) for side in (self.samples, self.partners)]
        channels = max(side.shape[0] for side in sides)
        samples, partners = (
            opened if opened.shape[0] == channels else replace(side, channels=channels).open(settings)
            for side, opened in zip((self.samples, self.partners), sides, strict=True)
        )
        return replace(
            samples,
            name=self.name,
            partner_train=partners.train,
            partner_held_out=partners.held_out,
            key=digest(samples.key, partners.key),
            skipped=(*samples.skipped, *partners.skipped),
        )
