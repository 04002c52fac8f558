"""The built-in model, trained whole: what is kept encodes as what was validated."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from glasskit.models import GlassModel, load_model
from glasskit.training import read_log, train
from glasskit.training.encoders import HeadEncoder
from tests.training.toys import toy_config, toy_dataset

pytestmark = pytest.mark.slow


@torch.no_grad()
def encode(model: GlassModel, picture: Image.Image) -> torch.Tensor:
    """(1, L) by PyTorch: the fast runtime would be built anew for each set of weights."""
    return model.embed_image_features(model.image_features(model.pixels([picture])))


def test_the_built_in_model_trains_whole_with_patch_tokens(tmp_path):
    dataset = toy_dataset(concepts=3, train=2, val=1)
    model = load_model("lite0-minilm", device="cpu")
    before = encode(model, dataset.image(0))
    config = toy_config(
        tmp_path,
        mode="full",
        objective="c2lip",
        epochs=1,
        groups_per_batch=2,
        group_size=2,
        accumulate=2,
        lr=1e-4,
    )
    train(config, dataset=dataset, model=model)
    assert {"npc", "xac"} & {
        part for line in read_log(tmp_path / "log.jsonl") for part in line.get("parts", {})
    }
    kept = load_model(tmp_path, device="cpu")
    # The one epoch is the best one, so that the model in memory is the one that was kept.
    after = encode(kept, dataset.image(0))
    torch.testing.assert_close(after, encode(model, dataset.image(0)))
    assert not torch.allclose(after, before)


def test_the_head_encoder_is_the_model_itself():
    """Training sees the very vectors that the trained model gives later."""
    model = load_model("lite0-minilm", device="cpu")
    with torch.no_grad():
        model.image_head.map.weight.normal_()
        model.text_head.map.weight.normal_()
        features, texts = 3 * torch.rand(7, model.image_width), torch.randn(7, model.text_width)
        encoder = HeadEncoder(model, dropout=0.3).eval()
        images = encoder.images(encoder.inputs(features))
        torch.testing.assert_close(images, model.embed_image_features(features))
        torch.testing.assert_close(encoder.texts(texts), model.embed_text_features(texts))
