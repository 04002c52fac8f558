"""Low-rank changes of frozen towers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from glasskit.training.batches import Encoded

if TYPE_CHECKING:
    from glasskit.training.encoders import TowerEncoder


class LoraEncoder(nn.Module):
    """Towers with a low-rank change of every weight matrix: W + B A (Hu et al., arXiv 2106.09685).

    B is zero at the start. Weights are frozen; what is trained is A (rank, in) and B (out, rank)
    of each matrix, and the heads. Checkpoints and the optimizer's state are small; a step is not,
    for it computes W + B A of every matrix and its gradient.

    Args:
        encoder: what is changed.
        names: names of its weight matrices.
        rank: of the change.
    """

    def __init__(self, encoder: TowerEncoder, names: list[str], rank: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.names = names
        self.down, self.up = nn.ParameterList(), nn.ParameterList()
        generator = torch.Generator().manual_seed(0)
        for name in names:
            out, width = encoder.get_parameter(name).shape
            start = torch.randn(rank, width, generator=generator) / width**0.5
            self.down.append(start)
            self.up.append(torch.zeros(out, rank))

    def changed(self) -> dict[str, Tensor]:
        """W + B A by name."""
        parts = zip(self.names, self.up, self.down, strict=True)
        return {name: self.encoder.get_parameter(name) + up @ down for name, up, down in parts}

    def forward(self, images: Tensor, texts: Tensor) -> Encoded:
        """As `TowerEncoder`, with the changed weights."""
        return torch.func.functional_call(self.encoder, self.changed(), (images, texts))

    @contextmanager
    def merged(self) -> Iterator[None]:
        """While open, the model itself has the changed weights, as a saved model should."""
        with torch.no_grad():
            before = {name: self.encoder.get_parameter(name).clone() for name in self.names}
            for name, weight in self.changed().items():
                self.encoder.get_parameter(name).copy_(weight)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, weight in before.items():
                    self.encoder.get_parameter(name).copy_(weight)
