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
from glasskit.training.feeds import Step
from glasskit.training.lora import LoraEncoder

if TYPE_CHECKING:
    from glasskit.models import GlassModel


class HeadEncoder(nn.Module):
    """Heads on cached tower features; a trainer takes the inputs of its steps from `dropped`.

    What the built-in image head does with frozen weights alone (`ConseHead.split`) is the same in
    every step: `inputs` computes it once, and a step is one matrix product a side.

    Args:
        model: whose heads are used.
        dropout: share of features that `dropped` sets to zero.
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
            return self.model.embed_image_features(inputs)
        head = self.model.image_head
        seen, fixed = inputs.tensor_split([head.map.in_features], dim=1)
        return functional.normalize(fixed + head.map(seen), dim=-1)

    def texts(self, features: Tensor) -> Tensor:
        """(rows, G) -> (rows, L), normalised."""
        return self.model.embed_text_features(features)

    def forward(self, images: Tensor, texts: Tensor) -> Encoded:
        """Image and text rows, and the temperature where it is learned."""
        return Encoded(self.images(images), self.texts(texts), None, learned_scale(self.model))

    def dropped(self, step: Step) -> Step:
        """A step with a share of its features set to zero, the others scaled by 1 / (1 - share).

        What falls depends on the generator's state and a row's place in the batch of all processes
        alone: however many they are, and however a step is cut in parts, the draw is the same.
        """
        if not self.dropout:
            return step
        rows, width = step.rows, self.model.image_head.map.in_features if self.splits else None
        images, texts = step.images.clone(), step.texts
        images[:, :width] *= self._mask(images[:, :width], rows.image_places, rows.whole[0])
        return Step(rows, images, texts * self._mask(texts, rows.text_places, rows.whole[1]))

    def _mask(self, like: Tensor, places: Tensor, whole: int) -> Tensor:
        """(rows, width) 0 or 1 / (1 - share): this process's rows of a draw for the whole batch."""
        keep = 1 - self.dropout
        drawn = like.new_empty(whole, like.shape[1]).bernoulli_(keep).div_(keep)
        return drawn if len(places) == whole else drawn[places.to(like.device)]


class TowerEncoder(nn.Module):
    """Towers and heads on pixels and tokens, always as they encode in use.

    Batch norms keep their statistics, and the towers' own dropout (of `lite0-minilm`'s text tower)
    stays off: a batch then has the same gradients at once, in parts (`backward_in_parts`) and over
    several processes.

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
        """Evaluation mode in every mode, but for layers that recompute themselves in backward."""
        super().train(False)
        for module in self.modules():
            if getattr(module, "gradient_checkpointing", False):  # transformers asks for training
                module.training = mode
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
    """At the end, put back what a run sets on a model besides its weights and its device."""
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
