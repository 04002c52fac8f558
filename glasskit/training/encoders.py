"""What is trained: heads on cached features, or towers with their heads.

Both take a stack of image inputs and a stack of text inputs and give rows of length L.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from glasskit.training.batches import Encoded
from glasskit.training.config import TrainConfig
from glasskit.training.lora import LoraEncoder

if TYPE_CHECKING:
    from glasskit.models import GlassModel

NORMS = (nn.modules.batchnorm._BatchNorm,)


class HeadEncoder(nn.Module):
    """Heads on cached tower features, with dropout of features while it trains.

    What the built-in image head does with frozen weights alone (`ConseHead.split`) is the same in
    every step: `inputs` computes it once, and a step is one matrix product a side.

    Args:
        model: whose heads are used.
        dropout: share of features set to zero in training.
    """

    def __init__(self, model: GlassModel, dropout: float = 0.0) -> None:
        super().__init__()
        self.model = model
        self.dropout = dropout
        self.splits = hasattr(model.image_head, "split")

    @torch.no_grad()
    def inputs(self, features: Tensor) -> Tensor:
        """(n, F) image features -> (n, F) or, where the head splits, (n, F + L) both parts."""
        return torch.cat(self.model.image_head.split(features), dim=1) if self.splits else features

    def images(self, inputs: Tensor) -> Tensor:
        """(rows, F) or (rows, F + L) from `inputs` -> (rows, L), normalised."""
        if not self.splits:
            return self.model.embed_image_features(self._drop(inputs))
        head = self.model.image_head
        seen, fixed = inputs.tensor_split([head.map.in_features], dim=1)
        return functional.normalize(fixed + head.map(self._drop(seen)), dim=-1)

    def texts(self, features: Tensor) -> Tensor:
        """(rows, G) -> (rows, L), normalised."""
        return self.model.embed_text_features(self._drop(features))

    def forward(self, images: Tensor, texts: Tensor) -> Encoded:
        """Image and text rows, and the temperature where it is learned."""
        return Encoded(self.images(images), self.texts(texts), None, learned_scale(self.model))

    def _drop(self, features: Tensor) -> Tensor:
        return functional.dropout(features, self.dropout, self.training)


class TowerEncoder(nn.Module):
    """Towers and heads on pixels and tokens.

    Args:
        model: what is used.
        patches: also give patch tokens in the shared space.
    """

    def __init__(self, model: GlassModel, patches: bool = False) -> None:
        super().__init__()
        self.model = model
        self.patches = patches

    def images(self, pixels: Tensor) -> Tensor:
        """(rows, 3, H, W) -> (rows, L), normalised."""
        return self.model.embed_image_features(self.model.image_features(pixels))

    def texts(self, tokens: Tensor) -> Tensor:
        """(rows, T) -> (rows, L), normalised."""
        return self.model.embed_text_features(self.model.text_features(tokens))

    def forward(self, images: Tensor, texts: Tensor) -> Encoded:
        """Image and text rows; patch tokens and the temperature where they are asked for."""
        patches = None
        if self.patches:
            patches = self.model.embed_image_features(self.model.patch_features(images))
        return Encoded(self.images(images), self.texts(texts), patches, learned_scale(self.model))

    def train(self, mode: bool = True) -> TowerEncoder:
        """Training mode, but batch norms keep their statistics: parts of a batch encode alike."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, NORMS):
                module.eval()
        return self


def learned_scale(model: GlassModel) -> Tensor | None:
    """() the log of the inverse temperature where it is trained, else None."""
    if not model.logit_scale.requires_grad:
        return None
    # Computed, not the parameter itself: data parallel training follows outputs to parameters.
    return model.logit_scale * 1.0


def build_encoder(
    model: GlassModel, config: TrainConfig, needs: tuple[str, ...]
) -> HeadEncoder | TowerEncoder | LoraEncoder:
    """The encoder of a mode, with exactly what it trains set to require gradients."""
    heads = [p for p in _parameters(model.image_head, model.text_head) if p.requires_grad]
    visual = list(model.clip.visual.parameters()) if config.mode != "head" else []
    model.requires_grad_(False)
    if config.mode == "head":
        _train(heads)
        _learn_temperature(model, config)
        return HeadEncoder(model, config.feature_dropout)
    image_side = {id(p) for p in (*visual, *model.image_head.parameters())}
    frozen_heads = {id(p) for p in _parameters(model.image_head, model.text_head)}
    frozen_heads -= {id(p) for p in heads}
    chosen = [
        p
        for name, p in model.named_parameters()
        if not name.startswith("clip.logit_")
        and id(p) not in frozen_heads
        and (
            config.mode not in ("image", "text")
            or (id(p) in image_side) == (config.mode == "image")
        )
    ]
    encoder = TowerEncoder(model, "patches" in needs)
    if config.gradient_checkpointing:
        model.clip.set_grad_checkpointing(True)
    if config.mode != "lora":
        _train(chosen)
        _learn_temperature(model, config)
        return encoder
    _train(heads)
    _learn_temperature(model, config)
    trained = {id(p) for p in heads}
    wanted = {id(p) for p in chosen} - trained
    names = [n for n, p in encoder.named_parameters() if id(p) in wanted and p.ndim == 2]
    return LoraEncoder(encoder, names, config.lora_rank)


@contextmanager
def left_as_found(model: GlassModel, config: TrainConfig) -> Iterator[None]:
    """At the end, put back what a run sets on a model besides its weights."""
    wanted = {name: p.requires_grad for name, p in model.named_parameters()}
    training = model.training
    try:
        yield
    finally:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(wanted[name])
            parameter.grad = None
        model.train(training)
        if config.gradient_checkpointing:
            model.clip.set_grad_checkpointing(False)


def _parameters(*modules: nn.Module) -> list[nn.Parameter]:
    return [p for module in modules for p in module.parameters()]


def _train(parameters: list[nn.Parameter]) -> None:
    for parameter in parameters:
        parameter.requires_grad_(True)


def _learn_temperature(model: GlassModel, config: TrainConfig) -> None:
    if config.learn_temperature:
        with torch.no_grad():
            model.logit_scale.fill_(1 / config.temperature).log_()
        model.logit_scale.requires_grad_(True)
