"""How a file is put into a cache whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from glasskit.errors import InputError
from glasskit.places import cache_folder

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["cache_folder", "replace_file", "write_tensors"]


def replace_file(scratch: Path, file: Path) -> None:
    """Flush a finished scratch file to the disk and give it its name in one step.

    A reader, another process or a machine that loses power sees the old file or the new one; the
    folder is flushed too, or the new name could be lost with the power.
    """
    with scratch.open("rb+") as handle:
        os.fsync(handle.fileno())
    scratch.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_tensors(tensors: Mapping[str, Tensor], file: Path) -> None:
    """Write a safetensors file into the cache, whole or not at all.

    Raises:
        InputError: the cache folder cannot be written.
    """
    from safetensors.torch import save_file  # brings torch, which asking for a folder does without

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch = file.with_name(f"{file.stem}.{os.getpid()}.tmp")
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, scratch)
        replace_file(scratch, file)
    except OSError as error:
        raise InputError(
            f"{file.parent}: nothing can be kept there ({error.strerror}); "
            "set GLASSKIT_CACHE to a folder that can be written"
        ) from error
