"""Towers whose attention stays within what has merged: any vision transformer of open_clip, and
`hiclip-small`, a dual encoder that is trained from scratch in minutes on a CPU.

Hierarchy-aware attention (see `hierarchy`) is laid over open_clip's own transformer blocks and
their weights. It is an extension beside CLEAR GLASS.

Letters: B rows of a batch, T tokens with class and other marks, D width, H x W patches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

import open_clip
import torch
from open_clip.model import set_model_preprocess_cfg
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transform import PreprocessCfg, image_transform_v2
from open_clip.transformer import ResidualAttentionBlock, Transformer, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from glasskit.errors import InputError
from glasskit.models.glass_model import GlassModel
from glasskit.models.heads import ResidualMap
from glasskit.models.hierarchy import (
    grid_affinity,
    log_constituent_prior,
    log_grid_prior,
    merge,
    neighbour_affinity,
)

HICLIP, PLAIN = "hiclip-small", "hiclip-small-plain"
"""The small dual encoder, and the same without hierarchy-aware attention."""

OVER = "hiclip:"
"""Begins the name of an open_clip model with hierarchy-aware attention laid over its image tower,
such as ``hiclip:ViT-B-32/openai``."""

SMALL: dict[str, Any] = {
    "embed_dim": 128,
    "vision_cfg": {
        "image_size": 112,
        "patch_size": 16,
        "width": 128,
        "head_width": 32,
        "layers": 4,
    },
    "text_cfg": {
        "context_length": 32,
        "width": 128,
        "heads": 4,
        "layers": 4,
        "no_causal_mask": True,
    },
}
"""7 x 7 patches, and text that is read in both directions."""

Edges = tuple[Tensor, ...]
"""Logs of affinities: of a line (B, L-1); of a grid (B, H, W-1) and (B, H-1, W)."""


class Affinity(nn.Module):
    """Queries and keys of one layer, by which neighbours choose each other.

    Args:
        width: D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(..., D) -> queries and keys, (..., D) each."""
        x = self.norm(x)
        return self.query(x), self.key(x)


class Layer(NamedTuple):
    """What one layer gives.

    Attributes:
        x: (B, T, D) its output.
        edges: what has merged up to it.
    """

    x: Tensor
    edges: Edges


class MergingTransformer(nn.Module):
    """A transformer of open_clip whose attention is times a prior C^s of what has merged.

    Class and end tokens, which carry what is pooled, see all and are seen by all. So the prior of
    the last layer changes what the patches give, and not what is pooled.

    Args:
        inner: open_clip's transformer; its blocks and weights are used as they are.
        grid: H, W of an image tower with a class token in front; None for a text tower, whose first
            and last token are marks.
        strength: s of every layer, fixed, for towers that are trained with it from scratch; None to
            learn it for each layer from 0 on, so that trained towers begin as they were.

    Raises:
        InputError: blocks without open_clip's plain attention.
    """

    strength: Tensor

    def __init__(
        self, inner: Transformer, grid: tuple[int, int] | None, strength: float | None
    ) -> None:
        super().__init__()
        if not all(type(block) is ResidualAttentionBlock for block in inner.resblocks):
            raise InputError("hierarchy-aware attention needs the plain blocks of open_clip")
        self.inner = inner
        self.grid = grid
        self.affinities = nn.ModuleList(Affinity(inner.width) for _ in inner.resblocks)
        if strength is None:
            self.strength = nn.Parameter(torch.zeros(len(inner.resblocks)))
        else:
            self.register_buffer("strength", torch.full((len(inner.resblocks),), strength))
        self.grad_checkpointing = False

    def forward(self, x: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        for layer in self.layers(x, attn_mask):
            x = layer.x
        return x

    def layers(self, x: Tensor, attn_mask: Tensor | None = None) -> Iterator[Layer]:
        """Layer by layer, the lowest first."""
        edges: Edges | None = None
        for number in range(len(self.affinities)):
            if self.grad_checkpointing:
                x, edges = checkpoint(self._layer, number, x, edges, attn_mask, use_reentrant=False)
            else:
                x, edges = self._layer(number, x, edges, attn_mask)
            yield Layer(x, edges)

    def forward_intermediates(
        self, x: Tensor, attn_mask: Tensor | None = None, indices: int = 1, **_: Any
    ) -> tuple[Tensor, list[Tensor]]:
        """The output, and that of the last `indices` layers, as open_clip asks for them."""
        every = [layer.x for layer in self.layers(x, attn_mask)]
        return every[-1], every[-indices:]

    def get_cast_dtype(self) -> torch.dtype:
        """The weights' type, as open_clip asks for it."""
        return self.inner.get_cast_dtype()

    def _layer(
        self, number: int, x: Tensor, below: Edges | None, attn_mask: Tensor | None
    ) -> tuple[Tensor, Edges]:
        block: Any = self.inner.resblocks[number]
        queries, keys = self.affinities[number](x)
        if self.grid is None:
            words = _words(x, attn_mask, block.attn.num_heads)
            edges: Edges = (neighbour_affinity(queries, words, keys),)
        else:
            edges = grid_affinity(
                queries[:, 1:].unflatten(1, self.grid), None, keys[:, 1:].unflatten(1, self.grid)
            )
        if below is not None:
            edges = tuple(merge(*pair) for pair in zip(below, edges, strict=True))
        if self.grid is None:
            both = words[:, :, None] & words[:, None, :]
            log_prior = log_constituent_prior(edges[0]).masked_fill(~both, 0)
        else:
            log_prior = functional.pad(log_grid_prior(*edges), (1, 0, 1, 0))  # the class token
        prior = (self.strength[number] * log_prior).exp()
        x = x + block.ls_1(_attend(block.attn, block.ln_1(x), prior, attn_mask))
        return x + block.ls_2(block.mlp(block.ln_2(x))), edges


def _words(x: Tensor, attn_mask: Tensor | None, heads: int) -> Tensor:
    """(B, T) bool: tokens that are no padding, and neither the first nor the last that is there."""
    there = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
    if attn_mask is not None:  # (B heads, T, T), -inf in the columns of padding
        there = attn_mask[::heads, 0] == 0
    place = torch.arange(x.shape[1], device=x.device)
    return there & (place > 0) & (place < there.sum(1, keepdim=True) - 1)


def _attend(
    attention: nn.MultiheadAttention, x: Tensor, prior: Tensor, attn_mask: Tensor | None
) -> Tensor:
    """softmax(Q K^T / sqrt(d)) * C, without renormalising, with the weights of `attention`.

    Shapes: x (B, T, D), prior (B, T, T), attn_mask (B heads, T, T); value (B, T, D).
    """
    heads = attention.num_heads
    joint = functional.linear(x, attention.in_proj_weight, attention.in_proj_bias)
    query, key, value = (  # (B, heads, T, d)
        part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in joint.chunk(3, -1)
    )
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    if attn_mask is not None:
        scores = scores + attn_mask.unflatten(0, (-1, heads))
    seen = scores.softmax(-1) * prior[:, None].to(scores.dtype)
    return attention.out_proj((seen @ value).transpose(1, 2).flatten(2))


def lay_over(model: GlassModel) -> GlassModel:
    """The model with hierarchy-aware attention over its image tower, which begins as it was.

    The text tower stays: it reads from left to right, and a prior would tell it what comes next.

    Raises:
        InputError: its image tower is no vision transformer of open_clip's own.
    """
    visual = model.clip.visual
    if type(visual) is not VisionTransformer:
        raise InputError(
            f"model {model.name!r}: hierarchy-aware attention needs a vision transformer of "
            "open_clip, such as ViT-B-32"
        )
    torch.default_generator.manual_seed(0)
    visual.transformer = MergingTransformer(visual.transformer, visual.grid_size, None)
    model.base = model.name = OVER + model.name
    model.own_towers = True
    return model


def load_small(name: str) -> GlassModel:
    """`hiclip-small` or its plain form with random weights, the shared ones the same in both."""
    torch.default_generator.manual_seed(0)
    clip = open_clip.CustomTextCLIP(**SMALL)
    clip.text.use_pad_mask = True  # the config of open_clip has no word for it
    if name == HICLIP:
        visual, text = clip.visual, clip.text
        visual.transformer = MergingTransformer(visual.transformer, visual.grid_size, 1.0)
        text.transformer = MergingTransformer(text.transformer, None, 1.0)
    cfg = PreprocessCfg(size=SMALL["vision_cfg"]["image_size"])
    set_model_preprocess_cfg(clip, asdict(cfg))
    model = GlassModel(
        name=name,
        clip=clip,
        preprocess=image_transform_v2(cfg, is_train=False),
        tokenizer=SimpleTokenizer(context_length=SMALL["text_cfg"]["context_length"]),
        image_head=ResidualMap(SMALL["embed_dim"]),
        text_head=ResidualMap(SMALL["embed_dim"]),
        image_width=SMALL["embed_dim"],
    )
    model.own_towers = True
    return model


@torch.inference_mode()
def picture_layers(model: GlassModel, pictures: list[Any]) -> list[Edges]:
    """Of each layer, what has merged in pictures: (n, H, W-1) and (n, H-1, W) logs.

    Raises:
        InputError: the model has no hierarchy-aware attention over pictures.
    """
    visual = model.clip.visual
    if not isinstance(getattr(visual, "transformer", None), MergingTransformer):
        raise InputError(f"model {model.name!r} has no hierarchy-aware attention over pictures")
    x = visual._embeds(model.pixels(pictures))
    return [tuple(edge.cpu() for edge in layer.edges) for layer in visual.transformer.layers(x)]


class TextLayers(NamedTuple):
    """What has merged in a text.

    Attributes:
        words: its tokens as text, w of them.
        log_a: (layers, w-1) log affinity of each token with the next.
    """

    words: list[str]
    log_a: Tensor


@torch.inference_mode()
def text_layers(model: GlassModel, text: str) -> TextLayers:
    """What has merged in a text, layer by layer.

    Raises:
        InputError: the model has no hierarchy-aware attention over texts.
    """
    tower: Any = getattr(model.clip, "text", None)
    if not isinstance(getattr(tower, "transformer", None), MergingTransformer):
        raise InputError(f"model {model.name!r} has no hierarchy-aware attention over texts")
    tokens = model.tokens([text])
    x, attn_mask = tower._embeds(tokens)
    ids = tokens[0][tokens[0] != 0].tolist()[1:-1]  # less padding and the marks of begin and end
    edges = [layer.edges[0][0, 1 : len(ids)] for layer in tower.transformer.layers(x, attn_mask)]
    return TextLayers(
        [model.tokenizer.decode([one]).strip() for one in ids], torch.stack(edges).cpu()
    )
