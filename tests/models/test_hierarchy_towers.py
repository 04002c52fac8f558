"""Hierarchy-aware towers: open_clip's own blocks where the prior is 1, and what it closes off."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

import glasskit
from glasskit.errors import InputError
from glasskit.models import GlassModel, load_model, save_model
from glasskit.models.hierarchy_towers import _attend, picture_layers, text_layers

CAPTION = "a red dog sleeps on the grass"


@pytest.fixture(scope="module")
def small() -> GlassModel:
    return load_model("hiclip-small")


def pictures(count: int = 2) -> torch.Tensor:
    return torch.randn(count, 3, 112, 112, generator=torch.Generator().manual_seed(0))


def test_with_a_prior_of_one_it_is_the_plain_model(small: GlassModel) -> None:
    plain, open_to_all = load_model("hiclip-small-plain"), load_model("hiclip-small")
    for tower in (open_to_all.clip.visual, open_to_all.clip.text):
        tower.transformer.strength.zero_()
    texts = [CAPTION, "two cups"]
    torch.testing.assert_close(open_to_all.encode_texts(texts), plain.encode_texts(texts))
    x = pictures()
    torch.testing.assert_close(open_to_all.image_features(x), plain.image_features(x))
    assert not torch.allclose(small.image_features(x), plain.image_features(x), atol=1e-3)


def test_what_is_padded_or_beside_in_the_batch_does_not_count(small: GlassModel) -> None:
    alone = small.encode_texts([CAPTION])
    beside = small.encode_texts(["cups", CAPTION, f"{CAPTION} and {CAPTION}"])
    torch.testing.assert_close(beside[1:2], alone)
    x = pictures(3)
    torch.testing.assert_close(small.image_features(x)[1:2], small.image_features(x[1:2]))


def test_attention_is_that_of_torch_times_the_prior(small: GlassModel) -> None:
    attention = small.clip.text.transformer.inner.resblocks[0].attn
    x, mask = small.clip.text._embeds(small.tokens([CAPTION, "two cups"]))
    prior = torch.rand(2, x.shape[1], x.shape[1], generator=torch.Generator().manual_seed(0))
    _, weights = attention(x, x, x, attn_mask=mask, average_attn_weights=False)
    value = x @ attention.in_proj_weight[-128:].T + attention.in_proj_bias[-128:]
    value = value.unflatten(-1, (4, 32)).transpose(1, 2)  # (B, heads, T, d)
    rows = ((weights * prior[:, None]) @ value).transpose(1, 2).flatten(2)
    torch.testing.assert_close(_attend(attention, x, prior, mask), attention.out_proj(rows))


def test_layers_merge_more_and_more_and_are_those_that_are_seen(small: GlassModel) -> None:
    words, log_a = text_layers(small, CAPTION)
    assert words == CAPTION.split()
    assert log_a.shape == (4, 6)
    assert (log_a.diff(dim=0) >= 0).all()
    layers = picture_layers(small, [Image.new("RGB", (50, 40), "red")])
    assert [tuple(edge.shape) for edge in layers[-1]] == [(1, 7, 6), (1, 6, 7)]
    for model in (load_model("hiclip-small-plain"), load_model("lite0-minilm")):
        with pytest.raises(InputError, match="has no hierarchy-aware attention over pictures"):
            picture_layers(model, [])
        with pytest.raises(InputError, match="has no hierarchy-aware attention over texts"):
            text_layers(model, CAPTION)


def test_laid_over_any_vision_transformer_it_begins_as_it_was(tiny_name: str, tmp_path) -> None:
    own, over = load_model(tiny_name), load_model(f"hiclip:{tiny_name}")
    x = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(over.image_features(x), own.image_features(x))
    torch.testing.assert_close(over.patch_features(x), own.patch_features(x))
    over.image_features(x).square().sum().backward()
    strength = over.clip.visual.transformer.strength
    assert strength.grad[0] != 0
    assert strength.grad[1] == 0  # the class token, which is pooled, sees all in the last layer
    with torch.no_grad():
        strength.fill_(0.5)
    assert not torch.allclose(over.image_features(x), own.image_features(x), atol=1e-4)
    over.clip.visual.set_grad_checkpointing(True)
    recomputed = over.image_features(x)
    over.clip.visual.set_grad_checkpointing(False)
    torch.testing.assert_close(recomputed, over.image_features(x))
    save_model(over, tmp_path)
    again = load_model(tmp_path)
    assert again.base == f"hiclip:{tiny_name}"
    torch.testing.assert_close(again.image_features(x), over.image_features(x))


def test_it_needs_a_vision_transformer_of_open_clip() -> None:
    with pytest.raises(InputError, match="needs a vision transformer of open_clip"):
        glasskit.load_model("hiclip:lite0-minilm")
    with pytest.raises(InputError, match="no model 'nothing'"):
        glasskit.load_model("hiclip:nothing")
