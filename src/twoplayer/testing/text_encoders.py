"""The contract of text encoders: what is fitted encodes sentences one by one, and is restored as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from twoplayer.testing._member import Member
from twoplayer.testing._samples import captioned_images

__all__ = ["check_text_encoder"]

IMAGES = 120
SENTENCES = ["A red area on the left.", "right", "left side: blue" * 9]


def check_text_encoder(encoder: Any, **options: Any) -> None:
    """Check the contract of a text encoder.

    Fitted to captions of made-up images, it encodes sentences as float32 rows whose coordinates have a mean square of
    about 1, each the same in any company; its state restores it; the seed alone decides what it learns.

    Args:
        encoder: a registered name, a class, or an object that is not fitted.
        options: keyword arguments of the constructor.

    Raises:
        AssertionError: where the contract is broken; the message says what was expected.
    """
    member = Member.of("text-encoders", encoder, options=options)
    images, captions = captioned_images(IMAGES)

    def fitted(seed: int = 0) -> Any:
        made = member.make()
        made.fit(captions, images, seed)
        return made

    with member.raises_nothing("fit"), member.keeps_global_random_state("fit"):
        made = fitted()
    rows = made.encode(SENTENCES)
    expected = (len(SENTENCES), made.dimension)
    member.require(
        rows.dtype == np.float32 and rows.shape == expected,
        f"encode must give float32 {expected}, not {rows.dtype} {rows.shape}",
    )
    squares = np.square(rows).mean(1)
    member.require(np.allclose(squares, 1, rtol=1e-3), f"vectors must have length √dimension, not {squares} of it")
    alone = made.encode(SENTENCES[:1])[0]
    member.require(np.allclose(alone, rows[0], rtol=1e-4, atol=1e-5), "a sentence must be encoded alike in any company")
    member.require(not np.allclose(rows[0], rows[1]), "different sentences must be encoded differently")
    member.require(made.encode([]).shape == (0, made.dimension), "no sentences must give (0, dimension)")
    member.require(np.array_equal(rows, fitted().encode(SENTENCES)), "the same seed must give the same encoder")
    member.require(not made.can_encode("") and not made.can_encode("  "), "can_encode must be false for no words")
    member.require(made.can_encode(SENTENCES[0]), "can_encode must be true for a caption that it was fitted to")
    member.require(
        made.unknown_words(SENTENCES[0]) == (), "unknown_words must be empty for a caption that it was fitted to"
    )
    state, again = made.state(), member.make()
    member.require(
        all(isinstance(t, torch.Tensor) for t in state.tensors.values()), "state must hold tensors in tensors"
    )
    with member.raises_nothing("restore"):
        again.restore(state)
    member.require(again.dimension == made.dimension, "restore must set dimension")
    member.require(np.array_equal(again.encode(SENTENCES), rows), "a restored encoder must encode as before")
