"""How a file is put into a cache whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from glasskit.io.places import atomic_write, cache_folder, replace_file

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["cache_folder", "replace_file", "write_tensors"]


def write_tensors(tensors: Mapping[str, Tensor], file: Path) -> None:
    """Write a safetensors file into the cache, whole or not at all.

    Raises:
        InputError: the cache folder cannot be written.
    """
    from safetensors.torch import save_file  # brings torch, which asking for a folder does without

    with atomic_write(file) as scratch:
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, scratch)
