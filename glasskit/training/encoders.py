"""What is trained: heads on cached features, or towers with their heads.

Both take a stack of image inputs and a stack of text inputs and give rows of length L.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from glasskit.errors import need
from glasskit.models import GlassModel
from glasskit.training.batches import Encoded
from glasskit.training.config import TrainConfig, filled
from glasskit.training.loaders import Step
from glasskit.training.optim import is_text


class HeadEncoder(nn.Module):
    """Heads on cached tower features; a trainer takes the inputs of its steps from `dropped`.

    What the built-in image head does with frozen weights alone (`ConseHead.split`) is the same in
    every step: `inputs` computes it once, and a step is one matrix product a side.

    Args:
        model: whose heads are used.
        dropout: share of features that `dropped` sets to zero.
        lengths: whether rows keep the length that the head gives them, for an objective that reads
            it; else they are normalised.
    """

    def __init__(self, model: GlassModel, dropout: float = 0.0, lengths: bool = False) -> None:
        super().__init__()
        self.model = model
        self.lengths = lengths
        self.dropout = dropout
        self.splits = hasattr(model.image_head, "split")

    @property
    def head(self) -> Any:
        """The image head, which may split its work (`ConseHead`)."""
        return self.model.image_head

    @torch.no_grad()
    def inputs(self, features: Tensor) -> Tensor:
        """(n, F) image features -> (n, F) or, where the head splits, (n, F + L) both parts."""
        return torch.cat(self.head.split(features), dim=1) if self.splits else features

    def images(self, inputs: Tensor) -> Tensor:
        """(rows, F) or (rows, F + L) from `inputs` -> (rows, L)."""
        if not self.splits:
            return _scaled(self.model.image_head(inputs), self.lengths)
        seen, fixed = inputs.tensor_split([self.head.map.in_features], dim=1)
        return _scaled(fixed + self.head.map(seen), self.lengths)

    def texts(self, features: Tensor) -> Tensor:
        """(rows, G) -> (rows, L)."""
        return _scaled(self.model.text_head(features), self.lengths)

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
        rows, width = step.rows, self.head.map.in_features if self.splits else None
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
    stays off: a batch then has the same gradients at once, in parts (`gradcache`) and over several
    processes.

    Args:
        model: what is used.
        patches: also give patch tokens in the shared space.
        lengths: as of `HeadEncoder`.
    """

    def __init__(self, model: GlassModel, patches: bool = False, lengths: bool = False) -> None:
        super().__init__()
        self.model = model
        self.patches = patches
        self.lengths = lengths

    def images(self, pixels: Tensor) -> Tensor:
        """(rows, 3, H, W) -> (rows, L)."""
        return _scaled(self.model.image_head(self.model.image_features(pixels)), self.lengths)

    def texts(self, tokens: Tensor) -> Tensor:
        """(rows, T) -> (rows, L)."""
        return _scaled(self.model.text_head(self.model.text_features(tokens)), self.lengths)

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


def _scaled(rows: Tensor, lengths: bool) -> Tensor:
    """(rows, L) as they are where lengths are read, else normalised."""
    return rows if lengths else functional.normalize(rows, dim=-1)


def learned_scale(model: GlassModel) -> Tensor | None:
    """() the log of the inverse temperature where it is trained, else None."""
    if not model.logit_scale.requires_grad:
        return None
    # Computed, not the parameter itself: data parallel training follows outputs to parameters.
    return model.logit_scale * 1.0


def build_encoder(
    model: GlassModel, config: TrainConfig, needs: tuple[str, ...], *, lengths: bool = False
) -> HeadEncoder | TowerEncoder:
    """The encoder of a mode, with exactly what it trains set to require gradients.

    `needs` and `lengths` are those of the objective.

    Raises:
        InputError: mode lora without the library that it needs.
    """
    heads = [*model.image_head.parameters(), *model.text_head.parameters()]
    of_heads, frozen = {id(p) for p in heads}, {id(p) for p in heads if not p.requires_grad}
    if config.mode == "lora":
        add_lora(model, filled(config.lora_rank))
    for name, parameter in model.named_parameters():
        side = "text" if is_text(f"model.{name}") else "image"
        on_side = config.mode not in ("image", "text") or config.mode == side
        of_towers = config.mode not in ("head", "lora") and not name.startswith("clip.logit_")
        trained = of_towers or id(parameter) in of_heads or ".lora_" in name
        parameter.requires_grad_(trained and on_side and id(parameter) not in frozen)
    if config.learn_temperature:
        with torch.no_grad():
            model.logit_scale.fill_(1 / filled(config.temperature)).log_()
        model.logit_scale.requires_grad_(True)
    if config.gradient_checkpointing:
        model.clip.set_grad_checkpointing(True)  # activations are computed again in backward
    if config.mode == "head":
        return HeadEncoder(model, filled(config.feature_dropout), lengths)
    return TowerEncoder(model, "patches" in needs, lengths)


@contextmanager
def left_as_found(model: GlassModel, config: TrainConfig) -> Iterator[None]:
    """At the end, put back what a run sets on a model besides its weights and its device."""
    wanted = {name: p.requires_grad for name, p in model.named_parameters()}
    training = model.training
    try:
        yield
    finally:
        if config.mode == "lora":
            remove_lora(model, merge=False)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(wanted[name])
            parameter.grad = None
        model.train(training)
        if config.gradient_checkpointing:
            model.clip.set_grad_checkpointing(False)


def add_lora(model: GlassModel, rank: int) -> None:
    """Give the linear layers of the towers a low-rank change, W + B A (arXiv 2106.09685).

    Of PyTorch's own attention the projection to queries, keys and values is changed; its output
    projection, which it reads without calling it, is not. A is drawn the same in every run, B is
    zero at the start; the changed weights themselves are frozen.

    Raises:
        InputError: peft is not installed.
    """
    peft = need("peft", "lora")
    heads = {id(p) for p in (*model.image_head.parameters(), *model.text_head.parameters())}
    linear, attention = [], []
    for name, module in model.clip.named_modules():
        if isinstance(module, nn.MultiheadAttention):
            attention.append(f"{name}.in_proj_weight")
        elif type(module) is nn.Linear and id(module.weight) not in heads:
            linear.append(name)
    settings = peft.LoraConfig(
        r=rank, lora_alpha=rank, target_modules=linear, target_parameters=attention
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        peft.inject_adapter_in_model(settings, model.clip)


def remove_lora(model: GlassModel, merge: bool) -> None:
    """Take the low-rank changes out of the towers, or make them part of their weights."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, layer in list(model.clip.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            if merge:
                layer.merge()
            parent, _, child = name.rpartition(".")
            setattr(model.clip.get_submodule(parent), child, layer.get_base_layer())


def merged_copy(model: GlassModel) -> GlassModel:
    """The model with its low-rank changes merged; the model itself stays as it is."""
    merged = copy.deepcopy(model)
    remove_lora(merged, merge=True)
    return merged
