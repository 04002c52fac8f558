"""Random choices that depend on names only: the same on every platform, in any order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """A counter-based generator: each draw is a hash of the picture and of the draw's name.

    u(name) = BLAKE2b(0 / key / name) read as a 53-bit fraction in [0, 1). A draw that is added
    later therefore moves no other draw, and Python's own hash seed plays no part.

    Args:
        key: what is drawn for: concept, split and index of a picture.
    """

    def __init__(self, key: str) -> None:
        self._prefix = f"0/{key}/"

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> float:
        """A number in [low, high)."""
        digest = hashlib.blake2b((self._prefix + name).encode(), digest_size=8).digest()
        fraction = (int.from_bytes(digest, "big") >> 11) / (1 << 53)
        return low + (high - low) * fraction

    def choice(self, name: str, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[int(self.uniform(name) * len(options))]

    def sample(self, name: str, options: Sequence[T], count: int) -> list[T]:
        """``count`` different options in random order."""
        order = sorted(range(len(options)), key=lambda i: (self.uniform(f"{name}/{i}"), i))
        return [options[i] for i in order[:count]]
