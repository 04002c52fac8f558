"""Saving, loading and exporting; what is no whole checkpoint is refused in one line."""

from __future__ import annotations

import json
import math
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file

import glasskit
from glasskit.errors import InputError
from glasskit.models import GlassModel
from glasskit.models.export import export_open_clip
from glasskit.models.loading import CONFIG, WEIGHTS, trained_copy
from tests.models.test_lite0 import pictures

TEXTS = ["a dog in the snow", "a quiet harbour"]


def trained(name: str, seed: int = 0) -> GlassModel:
    """A model whose heads are moved, as training would."""
    model = glasskit.load_model(name, device="cpu")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for head in (model.image_head, model.text_head):
            noise = torch.randn(head.map.weight.shape, generator=generator)
            head.map.weight.add_(0.05 * noise)
    return model


def same_vectors(model: GlassModel, images: torch.Tensor, texts: torch.Tensor) -> None:
    """Whether these are the vectors that a model gives three pictures and TEXTS."""
    torch.testing.assert_close(images, model.encode_images(pictures(3)), atol=1e-5, rtol=0)
    torch.testing.assert_close(texts, model.encode_texts(TEXTS), atol=1e-5, rtol=0)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    glasskit.save_model(trained("lite0-minilm"), tmp_path / "run", settings={"epochs": 3})
    return tmp_path / "run"


def test_round_trip_keeps_every_bit(run: Path) -> None:
    again, model = glasskit.load_model(run), trained("lite0-minilm")
    assert torch.equal(again.encode_texts(TEXTS), model.encode_texts(TEXTS))
    assert torch.equal(again.encode_images(pictures(2)), model.encode_images(pictures(2)))
    config = json.loads((run / CONFIG).read_text())
    assert config["base"] == "lite0-minilm"
    assert config["settings"] == {"epochs": 3}


def test_an_open_clip_model_begins_as_itself(tiny_name: str) -> None:
    model = glasskit.load_model(tiny_name, device="cpu")
    tokens = open_clip.get_tokenizer("tiny-test-vit")(TEXTS)
    with torch.inference_mode():
        own = model.clip.encode_text(tokens, normalize=True)
    torch.testing.assert_close(model.encode_texts(TEXTS), own)


def test_towers_that_a_name_does_not_bring_back_are_saved(tiny_name: str, tmp_path: Path) -> None:
    model = glasskit.load_model(tiny_name, device="cpu")
    drawn = model.tower_hash
    with torch.no_grad():
        model.clip.visual.conv1.weight.add_(0.1)
    model.towers_changed()
    glasskit.save_model(model, tmp_path / "tuned")
    again = glasskit.load_model(tmp_path / "tuned", device="cpu")
    assert again.tower_hash == model.tower_hash != drawn
    glasskit.save_model(again, tmp_path / "heads on top")
    assert glasskit.load_model(tmp_path / "heads on top").tower_hash == model.tower_hash
    assert json.loads((tmp_path / "heads on top" / CONFIG).read_text())["base"] == tiny_name


def test_random_towers_are_the_same_at_every_call(tiny_name: str) -> None:
    hashes = set()
    for seed in (1, 2):
        torch.manual_seed(seed)
        hashes.add(glasskit.load_model(tiny_name, device="cpu").tower_hash)
    assert len(hashes) == 1


def test_a_trained_copy_is_what_load_model_gives(run: Path, lite0: GlassModel) -> None:
    before, loaded = lite0.model_hash, glasskit.load_model(run)
    model = trained_copy(lite0, run)
    assert (model.name, model.model_hash) == (loaded.name, loaded.model_hash)
    assert lite0.model_hash == before != model.model_hash


def test_a_copy_of_another_model_is_refused(run: Path, tiny_name: str) -> None:
    model = glasskit.load_model(tiny_name, device="cpu")
    with pytest.raises(InputError, match="a run of lite0-minilm, not of tiny-test-vit/random"):
        trained_copy(model, run)


ELSEWHERE = """
import os, sys
import open_clip
import torch
from PIL import Image

os.chdir(sys.argv[1])

def embed(hub):
    name = f"local-dir:{hub}"
    clip, _, preprocess = open_clip.create_model_and_transforms(name)
    clip.eval()
    pixels = torch.stack([preprocess(Image.open(f"{i}.png")) for i in range(3)])
    with torch.inference_mode():
        images = clip.encode_image(pixels, normalize=True)
        tokens = open_clip.get_tokenizer(name)(sys.argv[2:])
        torch.save([images, clip.encode_text(tokens, normalize=True)], f"{hub}.pt")

embed("tiny")
try:
    embed("lite0")
except RuntimeError as error:
    print(error)
assert "glasskit" not in sys.modules
import glasskit.models.open_clip_plugin
embed("lite0")
"""
PLUGIN = "import glasskit.models.open_clip_plugin"


@pytest.mark.slow
def test_exports_load_in_plain_open_clip_the_built_in_one_with_its_plugin(
    run: Path, tiny_name: str, tmp_path: Path
) -> None:
    tiny = trained(tiny_name)
    glasskit.save_model(tiny, tmp_path / "run of tiny", towers=True)
    export_open_clip(tmp_path / "run of tiny", tmp_path / "tiny")
    export_open_clip(run, tmp_path / "first")
    (tmp_path / "first").rename(tmp_path / "lite0")  # it works wherever it is
    for i, picture in enumerate(pictures(3)):
        picture.save(tmp_path / f"{i}.png")
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(tmp_path), *TEXTS],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Unknown model (glasskit_lite0_conse)" in done.stdout
    for name, model in (("tiny", tiny), ("lite0", trained("lite0-minilm"))):
        same_vectors(model, *torch.load(tmp_path / f"{name}.pt", weights_only=True))
        text = (tmp_path / name / "README.md").read_text()
        assert "create_model_and_transforms" in text
        assert (PLUGIN in text) == (name == "lite0")


def change_weights(run: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    tensors = load_file(run / WEIGHTS)
    change(tensors)
    save_file(tensors, run / WEIGHTS)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut": (
        lambda run: (run / WEIGHTS).write_bytes((run / WEIGHTS).read_bytes()[:200]),
        "not a whole safetensors file",
    ),
    "a pickle": (
        lambda run: (run / WEIGHTS).write_bytes(pickle.dumps({"weights": [1, 2, 3]})),
        "pickles are never loaded",
    ),
    "a tensor less": (
        lambda run: change_weights(run, lambda tensors: tensors.pop("logit_scale")),
        "it lacks the tensor 'logit_scale'; it is of another architecture",
    ),
    "another shape": (
        lambda run: change_weights(
            run, lambda tensors: tensors.update(logit_scale=torch.zeros(2, 2))
        ),
        r"tensor 'logit_scale' has shape \(2, 2\), not \(\)",
    ),
    "no number": (
        lambda run: change_weights(
            run, lambda tensors: tensors["text_head.map.weight"][0].fill_(math.inf)
        ),
        "'text_head.map.weight' holds NaN or infinity",
    ),
    "no weights": (lambda run: (run / WEIGHTS).unlink(), "the weights are missing"),
    "no run": (lambda run: (run / CONFIG).unlink(), "not a trained run"),
    "foreign": (
        lambda run: (run / CONFIG).write_text('{"hidden_size": 3}'),
        "not the config of a Glass Kit model",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_run_is_refused_in_one_line(name: str, tiny_name: str, tmp_path: Path) -> None:
    glasskit.save_model(trained(tiny_name), tmp_path)
    damage, says = DAMAGE[name]
    damage(tmp_path)
    with pytest.raises(InputError, match=says) as caught:
        glasskit.load_model(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [("no-such-model", "ARCH/TAG"), ("ViT-B-32/nonsense", "no weights 'nonsense'")],
)
def test_an_unknown_name_says_what_can_be_given(name: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        glasskit.load_model(name)
