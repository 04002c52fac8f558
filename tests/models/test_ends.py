"""Exports of towers that end in different ways; checkpoints and runs that are not sound."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch

import glasskit
from glasskit.errors import InputError
from glasskit.models.export import export_open_clip
from tests.models.test_lite0 import pictures
from tests.models.test_loading import TEXTS, same_vectors, trained

TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1}


def timm(name: str, **vision: Any) -> dict[str, Any]:
    vision |= {"timm_model_name": name, "image_size": 160}
    return {"embed_dim": 64, "custom_text": True, "vision_cfg": vision, "text_cfg": TEXT}


ENDS = {
    "end-eva": timm("test_vit", timm_pool="token", timm_proj=None),
    "end-mobileclip": timm("test_convnext", timm_pool="avg", timm_proj=None),
    "end-mlp": timm("test_convnext", timm_pool="avg", timm_proj="mlp"),
    "end-none": timm("test_vit", timm_pool="token", timm_proj="none")
    | {"text_cfg": TEXT | {"proj_bias": True}},
    "end-nowhere": timm("test_vit", timm_pool="token", timm_proj="none")
    | {"text_cfg": TEXT | {"proj_type": "none"}},
}
"""By where the last linear layer is: in timm's own head, in an MLP behind it, nowhere."""


def exported_equals(name: str, folder: Path) -> None:
    model = trained(name)
    glasskit.save_model(model, folder / "run")
    export_open_clip(folder / "run", folder / "hub")
    clip, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder / 'hub'}")
    clip.eval()
    with torch.inference_mode():
        pixels = torch.stack([preprocess(picture) for picture in pictures(3)])
        images = clip.encode_image(pixels, normalize=True)
        tokens = open_clip.get_tokenizer(f"local-dir:{folder / 'hub'}")(TEXTS)
        texts = clip.encode_text(tokens, normalize=True)
    same_vectors(model, images, texts)


@pytest.mark.parametrize("name", ENDS)
def test_an_export_of_every_end_has_equal_embeddings(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.json"
    file.write_text(json.dumps(ENDS[name]))
    open_clip.add_model_config(file)
    exported_equals(f"{name}/random", tmp_path)


class Runs:
    """Code that a pickle would run."""

    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        return exec, ("raise SystemExit('code of a checkpoint was run')",)


def other(file: Path) -> None:
    torch.save({"visual.conv1.weight": torch.zeros(3, 3), "x": torch.zeros(2)}, file)


def another_shape(file: Path) -> None:
    clip = open_clip.create_model("tiny-test-vit")
    torch.save(clip.state_dict() | {"visual.proj": torch.zeros(2, 3)}, file)


def cut(file: Path) -> None:
    torch.save(open_clip.create_model("tiny-test-vit").state_dict(), file)
    file.write_bytes(file.read_bytes()[:-2000])


def not_a_number(file: Path) -> None:
    state = open_clip.create_model("tiny-test-vit").state_dict()
    state["visual.proj"][0, 0] = float("nan")
    torch.save(state, file)


BAD = {
    "cut": (cut, "empty, cut off"),
    "code": (lambda file: file.write_bytes(pickle.dumps(Runs())), "never run"),
    "no tensors": (lambda file: torch.save({}, file), "is no checkpoint of tiny-test-vit"),
    "another model": (other, "lacks the tensor 'positional_embedding'"),
    "another shape": (another_shape, r"tensor 'visual.proj' has shape \(2, 3\), not \(32, 16\)"),
    "not a number": (not_a_number, "tensor 'visual.proj' holds NaN"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_checkpoint(name: str, tiny_name, tmp_path: Path) -> None:
    write, says = BAD[name]
    file = tmp_path / "file.pt"
    write(file)
    with pytest.raises(InputError, match=says) as caught:
        glasskit.load_model(f"tiny-test-vit/{file}")
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("side", ["image_head", "text_head"])
def test_a_vector_that_is_no_number_is_refused_by_its_models_name(side: str, tiny_name) -> None:
    model = glasskit.load_model(tiny_name)
    getattr(model, side).map.weight.data.fill_(float("nan"))
    with pytest.raises(InputError, match=f"model '{tiny_name}': its vectors hold NaN"):
        model.encode_images(pictures(1)) if side == "image_head" else model.encode_texts(["a"])
