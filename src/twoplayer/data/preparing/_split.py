"""Which prepared samples are held out: a function of each sample alone."""

from __future__ import annotations

import hashlib

__all__ = ["is_held_out"]

HELD_OUT_SHARE = 0.1


def is_held_out(identity: str) -> bool:
    """Whether the sample with this identity belongs to the held-out tenth.

    >>> [digit for digit in "0123456789" if is_held_out(digit)]
    ['6']
    """
    drawn = hashlib.blake2b(f"held out/{identity}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn, "big") < HELD_OUT_SHARE * 2**64
