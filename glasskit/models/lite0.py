"""`lite0-minilm`: a real dual encoder that runs offline on a laptop's CPU.

Image tower EfficientNet-Lite0 (timm ``tf_efficientnet_lite0``, ImageNet), text tower
all-MiniLM-L6-v2, joined as an open_clip CustomTextCLIP: F = 1280, G = L = 384.
"""

from __future__ import annotations

from pathlib import Path

import open_clip
import torch
from open_clip.tokenizer import HFTokenizer
from safetensors.torch import load_file
from torch import nn

from glasskit.models.bridge import bridge
from glasskit.models.glass_model import GlassModel
from glasskit.models.heads import CentredTextMap, ConseHead
from glasskit.models.weights import IMAGE_TOWER, TEXT_TOWER

NAME = "lite0-minilm"
CONTEXT_LENGTH = 64
"""Longest text in tokens; what is beyond it is cut off."""


def architecture(text_tower: Path) -> dict[str, object]:
    """The open_clip model config, with the text tower's config and tokenizer at a local path."""
    return {
        "embed_dim": 384,
        "vision_cfg": {
            "timm_model_name": "tf_efficientnet_lite0",
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "none",
            "image_size": 224,
        },
        "text_cfg": {
            "hf_model_name": str(text_tower),
            "hf_tokenizer_name": str(text_tower),
            "hf_model_pretrained": False,
            "hf_pooler_type": "mean_pooler",
            "hf_proj_type": None,
            "context_length": CONTEXT_LENGTH,
        },
    }


def load_lite0_minilm() -> GlassModel:
    """The built-in model before any training.

    Raises:
        InputError: a package of weights is missing or its file is not the published one.
    """
    image_weights, text_weights = IMAGE_TOWER.locate(), TEXT_TOWER.locate()
    clip, tokenizer = _empty_clip(text_weights.parent)
    classifier = _fill_image_tower(clip.visual.trunk, image_weights)
    _fill_text_tower(clip.text.transformer, text_weights)
    clip.eval().requires_grad_(False)
    class_vectors, caption_mean = bridge(clip.text, tokenizer)
    clip.text.proj = CentredTextMap(caption_mean)
    clip.visual.head = ConseHead(classifier, class_vectors)
    return GlassModel(
        name=NAME,
        clip=clip,
        preprocess=open_clip.image_transform(
            clip.visual.image_size,
            is_train=False,
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
            interpolation="bicubic",
        ),
        tokenizer=tokenizer,
        image_head=clip.visual.head,
        text_head=clip.text.proj,
        image_width=clip.visual.trunk.num_features,
    )


def _empty_clip(text_tower: Path) -> tuple[nn.Module, HFTokenizer]:
    """The architecture without weights, and its tokenizer."""
    clip = open_clip.CustomTextCLIP(**architecture(text_tower))
    return clip, HFTokenizer(str(text_tower), context_length=CONTEXT_LENGTH)


def _fill_image_tower(trunk: nn.Module, weights: Path) -> nn.Linear:
    """Load the ImageNet weights; return the classifier, which the trunk itself no longer has.

    The file's tensors have other names than timm's but the same order and shapes.
    """
    tensors = list(torch.load(weights, map_location="cpu", weights_only=True).values())
    own = trunk.state_dict()
    trunk.load_state_dict(dict(zip(own, tensors[: len(own)], strict=True)))
    weight, bias = tensors[len(own) :]
    classifier = nn.Linear(weight.shape[1], weight.shape[0])
    classifier.load_state_dict({"weight": weight, "bias": bias})
    return classifier


def _fill_text_tower(transformer: nn.Module, weights: Path) -> None:
    """Load MiniLM; its pooler, which mean pooling does not use, and its position ids stay out."""
    tensors = load_file(weights)
    own = transformer.state_dict()
    transformer.load_state_dict({key: tensors[key] for key in own if key in tensors}, strict=True)
