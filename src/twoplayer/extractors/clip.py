"""CLIP's image encoder, which learned from captions, through transformers.

Source: Radford et al., 2021, Learning transferable visual models from natural language supervision; as an extractor:
Jayasumana, Ramalingam, Veit, Glasner, Chakrabarti, Kumar, 2024, Rethinking FID: Towards a better evaluation metric for
image generation, section 4.
"""

from __future__ import annotations

from typing import ClassVar, final

from torch import Tensor

from twoplayer.core.ranges import Count, at_least
from twoplayer.extractors._base import HERE, ExtractorContext, ExtractorData
from twoplayer.extractors._transformer import TransformerExtractor

__all__ = ["ClipExtractor"]


@final
class ClipExtractor(TransformerExtractor):
    """The projected image embedding, scaled to length 1 as CMMD has it; 768 features of the large model."""

    default: ClassVar[str] = "openai/clip-vit-large-patch14-336"
    native: ClassVar[int] = 336
    member: ClassVar[str] = "clip"
    model_class: ClassVar[str] = "CLIPVisionModelWithProjection"
    mean: ClassVar[tuple[float, float, float]] = (0.48145466, 0.4578275, 0.40821073)
    deviation: ClassVar[tuple[float, float, float]] = (0.26862954, 0.26130258, 0.27577711)

    def __init__(
        self,
        data: ExtractorData | None = None,
        where: ExtractorContext = HERE,
        *,
        model: str = "openai/clip-vit-large-patch14-336",
        side: Count = native,
    ) -> None:
        at_least(1, side=side)
        super().__init__(where, model, side)
        self.size = int(self.network.config.projection_dim)

    def embed(self, pixels: Tensor) -> Tensor:
        embedded: Tensor = self.network(pixel_values=pixels).image_embeds
        unit: Tensor = embedded / embedded.norm(dim=1, keepdim=True)
        return unit
