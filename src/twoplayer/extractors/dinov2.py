"""DINOv2, a vision transformer trained without labels, from the package transformers.

Source: Oquab et al., 2024, DINOv2: Learning robust visual features without supervision; as an extractor: Stein et al.,
2023, Exposing flaws of generative model evaluation metrics and their unfair treatment of diffusion models, section 4.
"""

from __future__ import annotations

from typing import ClassVar, final

from torch import Tensor

from twoplayer.core.ranges import Count, at_least
from twoplayer.extractors._base import DEFAULT_CONTEXT, ExtractorContext, ExtractorData
from twoplayer.extractors._transformer import TransformerExtractor

__all__ = ["Dinov2"]


@final
class Dinov2(TransformerExtractor):
    """The class token after the last normalization; 1024 features for the large model of published results.

    Args:
        data: not used.
        context: device and progress callback.
        model: name on the Hugging Face hub, or a folder written by ``save_pretrained``.
        side: side to which images are resized, pixels.

    Raises:
        UserError: where the package transformers or the weights are missing.
    """

    default: ClassVar[str] = "facebook/dinov2-large"
    native: ClassVar[int] = 224
    member: ClassVar[str] = "dinov2"
    model_class: ClassVar[str] = "Dinov2Model"
    mean: ClassVar[tuple[float, float, float]] = (0.485, 0.456, 0.406)
    deviation: ClassVar[tuple[float, float, float]] = (0.229, 0.224, 0.225)

    def __init__(
        self,
        data: ExtractorData | None = None,
        context: ExtractorContext = DEFAULT_CONTEXT,
        *,
        model: str = "facebook/dinov2-large",
        side: Count = native,
    ) -> None:
        at_least(1, side=side)
        super().__init__(context, model, side)
        self.dimension = int(self.network.config.hidden_size)

    def embed(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.network(pixel_values=pixels).pooler_output
        return features
