"""CLIP's image encoder, trained on images with captions, from the package transformers.

Source: Radford et al., 2021, Learning transferable visual models from natural language supervision; as an extractor:
Jayasumana, Ramalingam, Veit, Glasner, Chakrabarti, Kumar, 2024, Rethinking FID: Towards a better evaluation metric for
image generation, section 4.
"""

from __future__ import annotations

from typing import ClassVar, final

from torch import Tensor

from twoplayer.core.ranges import Count, at_least
from twoplayer.extractors._base import DEFAULT_CONTEXT, ExtractorContext, ExtractorData
from twoplayer.extractors._transformer import TransformerExtractor

__all__ = ["ClipExtractor"]


@final
class ClipExtractor(TransformerExtractor):
    """The projected image embedding, scaled to length 1 as in CMMD; 768 features for the large model.

    Args:
        data: not used.
        context: device and progress callback.
        model: name on the Hugging Face hub, or a folder written by ``save_pretrained``.
        side: side to which images are resized, pixels.

    Raises:
        UserError: where the package transformers or the weights are missing.
    """

    default: ClassVar[str] = "openai/clip-vit-large-patch14-336"
    native: ClassVar[int] = 336
    member: ClassVar[str] = "clip"
    model_class: ClassVar[str] = "CLIPVisionModelWithProjection"
    mean: ClassVar[tuple[float, float, float]] = (0.48145466, 0.4578275, 0.40821073)
    deviation: ClassVar[tuple[float, float, float]] = (0.26862954, 0.26130258, 0.27577711)

    def __init__(
        self,
        data: ExtractorData | None = None,
        context: ExtractorContext = DEFAULT_CONTEXT,
        *,
        model: str = "openai/clip-vit-large-patch14-336",
        side: Count = native,
    ) -> None:
        at_least(1, side=side)
        super().__init__(context, model, side)
        self.dimension = int(self.network.config.projection_dim)

    def embed(self, pixels: Tensor) -> Tensor:
        embedded: Tensor = self.network(pixel_values=pixels).image_embeds
        unit: Tensor = embedded / embedded.norm(dim=1, keepdim=True)
        return unit
