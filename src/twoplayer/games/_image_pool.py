"""A pool of earlier generated images, which the critic is shown again so that it does not forget them.

Source: Shrivastava et al. 2017, Learning from Simulated and Unsupervised Images through Adversarial Training
(arXiv 1612.07828), section 2.3; as CycleGAN uses it (arXiv 1703.10593, section 4).
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from twoplayer.core import distributed

__all__ = ["ImagePool"]


@final
class ImagePool(nn.Module):
    """Up to `size` images ``(C, H, W)``, the same in all processes, kept with the game's state.

    Until it is full, images are stored and returned. Then each is, with probability ½, exchanged for a stored one.
    """

    kept: Tensor
    count: Tensor

    def __init__(self, size: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("kept", torch.zeros(size, *shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def exchange(self, images: Tensor, random: torch.Generator) -> Tensor:
        """This process's rows ``(B, C, H, W)``, some of them replaced by earlier ones and none with a graph.

        `random` is the same for all processes.
        """
        images = images.detach()
        if not self.size:
            return images
        whole = distributed.gather(images)
        draws = torch.rand(2, len(whole), generator=random, device=random.device).tolist()
        returned = whole.clone(memory_format=torch.preserve_format)
        for row, (keeps, place) in enumerate(zip(*draws, strict=True)):
            if int(self.count) < self.size:
                self.kept[self.count] = whole[row]
                self.count += 1
            elif keeps < 0.5:
                place = int(place * self.size)
                returned[row] = self.kept[place]
                self.kept[place] = whole[row]
        return returned.chunk(distributed.process_count())[distributed.process_index()]
