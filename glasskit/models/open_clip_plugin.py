"""What open_clip lacks to load an exported `lite0-minilm`: import this module, then load as usual.

    import glasskit.models.open_clip_plugin
    model, _, preprocess = open_clip.create_model_and_transforms("local-dir:DIR")

No layer that open_clip or timm can be told to build computes softmax(K f + k) V + W f / |f|
(`heads.ConseHead`): a softmax over learned rows is found in their attentions only, over the places
of one picture. So the image tower with its head is one timm model here, and the text side's pooling
one pooler of open_clip. Without the import, open_clip stops with ``Unknown model
(glasskit_lite0_conse)``.

The import changes open_clip and timm for this process, and nothing else in Glass Kit does: it
registers the model and the pooler, and open_clip's ``AutoConfig`` learns one more name.
"""

from __future__ import annotations

from typing import Any

import open_clip.hf_model
import timm
import torch
from open_clip.hf_model import MeanPooler, register_pooler
from timm.models import register_model
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, BertConfig

from glasskit.models.export import TEXT
from glasskit.models.heads import ConseHead

FEATURES, CLASSES, LENGTH, TEXT_WIDTH = 1280, 1000, 384, 384

__all__ = ["glasskit_lite0_conse"]


class Lite0Conse(nn.Module):
    """EfficientNet-Lite0 with the head of `lite0-minilm`: (n, 3, 224, 224) -> (n, L)."""

    trunk: Any

    def __init__(self) -> None:
        super().__init__()
        self.trunk = timm.create_model("tf_efficientnet_lite0", num_classes=0)
        self.head = ConseHead(nn.Linear(FEATURES, CLASSES), torch.zeros(CLASSES, LENGTH))
        self.num_features = LENGTH

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Recompute the tower in backward."""
        self.trunk.set_grad_checkpointing(enable)

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, 224, 224) -> (n, L), not normalised."""
        return self.head(self.trunk(pixels))


@register_model
def glasskit_lite0_conse(**_: Any) -> Lite0Conse:
    """The model as timm asks for it; weights come from the checkpoint."""
    return Lite0Conse()


@register_pooler
class GlasskitCentredPooler(MeanPooler):
    """Mean over tokens, normalised, less the mean m of everyday captions."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(TEXT_WIDTH))

    def forward(self, output: Any, mask: Tensor) -> Tensor:
        """(n, T, G) hidden states and (n, T) mask -> (n, G)."""
        return functional.normalize(super().forward(output, mask), dim=-1) - self.mean


class _KnownConfig(AutoConfig):
    """transformers' AutoConfig, which also knows the one text tower by name, without a hub."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, **kwargs: Any) -> Any:
        if pretrained_model_name_or_path != TEXT:
            return AutoConfig.from_pretrained(pretrained_model_name_or_path, **kwargs)
        return BertConfig(
            hidden_size=TEXT_WIDTH,
            num_hidden_layers=6,
            num_attention_heads=12,
            intermediate_size=1536,
        )


# open_clip has a registry for poolers and none for text towers.
open_clip.hf_model.AutoConfig = _KnownConfig
