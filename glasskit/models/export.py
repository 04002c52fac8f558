"""A trained model as an open_clip checkpoint: the folder layout of a hub, with a model card."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.model import get_model_preprocess_cfg
from safetensors.torch import save_file
from torch import Tensor, nn

from glasskit.errors import InputError
from glasskit.models.glass_model import GlassModel
from glasskit.models.heads import ResidualMap, merged_weight
from glasskit.models.loading import load_model, read_config

CARD = """---
library_name: open_clip
tags: [clip, abstract-concepts, grouped-contrastive-learning]
base_model: {base}
---

# {title}

Trained with [Glass Kit](https://arxiv.org/abs/2509.12771) (the method: CLEAR GLASS) on groups of
pictures that share an abstract concept, from `{base}`.

```python
import open_clip

model, _, preprocess = open_clip.create_model_and_transforms("local-dir:{folder}")
tokenizer = open_clip.get_tokenizer("local-dir:{folder}")
```

From a hub, write `hf-hub:OWNER/NAME` in place of `local-dir:{folder}`. Settings of the training:

```json
{training}
```

## Limits

A concept is what a data set's labels say it is. Measure with your own pictures before you rely on
it, and do not use it to judge people.
"""


def export_open_clip(run: str | Path, to: str | Path) -> None:
    """Write ``open_clip_config.json``, ``open_clip_model.safetensors`` and a model card.

    Plain ``open_clip.create_model_and_transforms("local-dir:TO")`` loads it, with embeddings equal
    to those of the run: the head I + W is merged into the projection P, which it follows, as
    (I + W) P.

    Args:
        run: directory of a run whose base is an open_clip ARCH/TAG.
        to: directory to write to.

    Raises:
        InputError: the run is not readable, or its architecture cannot hold its head.
    """
    run, to = Path(run), Path(to)
    config = read_config(run)
    model = load_model(run, device="cpu")
    if not isinstance(model.image_head, ResidualMap):
        raise InputError(
            f"{run}: its image head (class words, then a linear map) is no open_clip layer; "
            f"load it with glasskit.load_model({str(run)!r}), or train from an open_clip ARCH/TAG"
        )
    clip = merge_heads(model)
    to.mkdir(parents=True, exist_ok=True)
    architecture = config["base"].partition("/")[0]
    written = {
        "model_cfg": open_clip.get_model_config(architecture),
        "preprocess_cfg": get_model_preprocess_cfg(clip),
    }
    (to / "open_clip_config.json").write_text(json.dumps(written, indent=2) + "\n")
    tensors = {key: tensor.contiguous().clone() for key, tensor in clip.state_dict().items()}
    save_file(tensors, to / "open_clip_model.safetensors", metadata={"format": "pt"})
    training = {key: value for key, value in config.items() if key not in ("format", "towers")}
    (to / "README.md").write_text(_card(config["base"], to, training), encoding="utf-8")


def merge_heads(model: GlassModel) -> nn.Module:
    """A copy of the open_clip model with both heads merged into its projections.

    Raises:
        InputError: a side has no linear projection at its end.
    """
    clip = copy.deepcopy(model.clip)
    with torch.no_grad():
        image, text = merged_weight(model.image_head), merged_weight(model.text_head)
        text_side = clip if hasattr(clip, "text_projection") else clip.text
        _merge(_image_projection(clip.visual), image, f"{model.name}: the image tower")
        _merge(_text_projection(text_side), text, f"{model.name}: the text tower")
    return clip


def _image_projection(visual: nn.Module) -> Any:
    """The last linear piece of an image tower: a (width, L) parameter, a Linear, or None."""
    if isinstance(getattr(visual, "proj", None), nn.Parameter):
        return visual.proj  # vision transformers
    if hasattr(visual, "attnpool"):
        return visual.attnpool.c_proj  # CLIP's ResNets
    head = getattr(visual, "head", None)  # timm towers
    return getattr(head, "proj", None) or getattr(getattr(head, "mlp", None), "fc2", None)


def _text_projection(text: nn.Module) -> Any:
    """The last linear piece of a text tower: a (width, L) parameter, a Linear, or None."""
    projection = getattr(text, "text_projection", None)
    if projection is not None:
        return projection
    projection = getattr(text, "proj", None)  # Hugging Face towers
    return projection[-1] if isinstance(projection, nn.Sequential) else projection


def _merge(projection: Any, weight: Tensor, where: str) -> None:
    """Follow a projection by ``weight`` (L, L), in place."""
    if isinstance(projection, nn.Linear):
        projection.weight.copy_(weight @ projection.weight)
        if projection.bias is not None:
            projection.bias.copy_(weight @ projection.bias)
    elif isinstance(projection, nn.Parameter):
        projection.copy_(projection @ weight.T)  # (width, L) is applied as x @ projection
    else:
        raise InputError(f"{where} ends in no linear projection that could take up the head")


def _card(base: str, folder: Path, training: dict[str, Any]) -> str:
    return CARD.format(
        base=base,
        title=folder.name,
        folder=folder.name,
        training=json.dumps(training, indent=2, default=str),
    )
