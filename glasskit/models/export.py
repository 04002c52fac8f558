"""A trained model as an open_clip checkpoint: the folder layout of a hub, with a model card."""

from __future__ import annotations

import copy
import json
from collections import OrderedDict
from functools import reduce
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.model import get_model_preprocess_cfg
from safetensors.torch import save_file
from torch import Tensor, nn

from glasskit.errors import InputError
from glasskit.io.places import atomic_folder, check_folder
from glasskit.models.glass_model import GlassModel
from glasskit.models.heads import ResidualMap, merged_weight
from glasskit.models.lite0 import architecture
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
{plugin}
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

VISION, TEXT, POOLER = "glasskit_lite0_conse", "glasskit-minilm", "glasskit_centred_pooler"
"""What `open_clip_plugin` adds to open_clip, by name: timm model, text tower, pooler. It is not
imported here: only who loads an export is to have open_clip changed."""

IMAGE_ENDS = ("proj", "attnpool.c_proj", "head.proj", "head.mlp.fc2", "trunk.head.fc", "trunk.head")
TEXT_ENDS = ("text_projection", "proj", "proj.2")
"""Where towers of open_clip have their last linear piece: vision transformers, CLIP's ResNets, timm
towers with a head of open_clip or of their own; text towers, those of Hugging Face last."""

PLUGIN = "import glasskit.models.open_clip_plugin  # its head is no layer of open_clip's own\n"


def export_open_clip(run: str | Path, to: str | Path) -> None:
    """Write ``open_clip_config.json``, ``open_clip_model.safetensors`` and a model card.

    ``open_clip.create_model_and_transforms("local-dir:TO")`` loads it, with embeddings equal to
    those of the run. Plain open_clip does so for a run from one of its own models: the head I + W
    is merged into the projection P, which it follows, as (I + W) P. Where a tower ends without one
    (SigLIP's image side), the config written asks for one, which is I + W. The head of
    `lite0-minilm` is no layer of open_clip: `open_clip_plugin` has to be imported first, and
    without it open_clip refuses the checkpoint.

    Args:
        run: directory of a run.
        to: directory to write to.

    Raises:
        InputError: the run is not readable, its architecture cannot hold its head, or the
            directory can't be written; then nothing is.
    """
    run, to = Path(run), check_folder(to)
    config = read_config(run)
    model = load_model(run, device="cpu")
    plain = isinstance(model.image_head, ResidualMap)
    tensors, model_config = merge_heads(model) if plain else built_in(model)
    written = {"model_cfg": model_config, "preprocess_cfg": get_model_preprocess_cfg(model.clip)}
    tensors = {key: tensor.detach().contiguous().clone() for key, tensor in tensors.items()}
    training = {key: value for key, value in config.items() if key not in ("format", "towers")}
    card = CARD.format(
        base=config["base"],
        title=to.resolve().name,
        folder=to.resolve().name,
        plugin="" if plain else PLUGIN,
        training=json.dumps(training, indent=2, default=str),
    )
    with atomic_folder(to) as folder:
        save_file(tensors, folder / "open_clip_model.safetensors", metadata={"format": "pt"})
        (folder / "open_clip_config.json").write_text(json.dumps(written, indent=2) + "\n")
        (folder / "README.md").write_text(card, encoding="utf-8")
        if not plain:
            # open_clip looks for a tokenizer in the folder itself
            model.tokenizer.tokenizer.save_pretrained(folder)


def built_in(model: GlassModel) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of `lite0-minilm` and the config of a model of open_clip with the pieces of
    `open_clip_plugin`, which has them under these names."""
    config: dict[str, Any] = architecture(Path(TEXT)) | {"custom_text": True}
    config["vision_cfg"] |= {"timm_model_name": VISION, "timm_pool": ""}
    config["text_cfg"] |= {"hf_pooler_type": POOLER, "hf_proj_type": "linear"}
    towers, head = model.tower_state(), model.image_head.state_dict()
    tensors = {key.replace("visual.", "visual.trunk.", 1): value for key, value in towers.items()}
    tensors |= {f"visual.trunk.head.{key}": value for key, value in head.items()}
    tensors["text.pooler.mean"] = model.text_head.state_dict()["mean"]
    tensors["text.proj.weight"] = model.text_head.map.weight
    return tensors | {"logit_scale": model.logit_scale}, config


def merge_heads(model: GlassModel) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of the open_clip model with both heads merged into its projections, and its
    config.

    Raises:
        InputError: a side has no linear projection at its end and can be given none.
    """
    clip = copy.deepcopy(model.clip)
    config = open_clip.get_model_config(model.base.partition("/")[0])
    with torch.no_grad():
        image, text = merged_weight(model.image_head.map), merged_weight(model.text_head.map)
        text_side = clip if hasattr(clip, "text_projection") else clip.text
        if config["vision_cfg"].get("timm_proj") == "none":
            config["vision_cfg"]["timm_proj"] = "linear"
            end = nn.Linear(image.shape[1], image.shape[0], bias=False)
            end.weight.copy_(image)
            clip.visual.head = nn.Sequential(OrderedDict(proj=end))
        else:
            _merge(_end(clip.visual, IMAGE_ENDS), image, f"{model.name}: the image tower")
        if config["text_cfg"].get("proj_type") == "none":
            config["text_cfg"] |= {"proj_type": "linear", "proj_bias": False}
            text_side.text_projection = nn.Parameter(text.T.clone())
        else:
            _merge(_end(text_side, TEXT_ENDS), text, f"{model.name}: the text tower")
    return clip.state_dict(), config


def _end(tower: Any, places: tuple[str, ...]) -> Any:
    """The last linear piece of a tower, a (width, L) parameter or a Linear; None without one."""
    for place in places:
        found = reduce(lambda part, name: getattr(part, name, None), place.split("."), tower)
        if isinstance(found, nn.Linear | nn.Parameter):
            return found
    return None


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
