"""The built-in model once for all tests, and an open_clip model small enough to save and export."""

from __future__ import annotations

import json
from pathlib import Path

import open_clip
import pytest

import glasskit
from glasskit.models import GlassModel

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


@pytest.fixture(scope="session")
def lite0() -> GlassModel:
    return glasskit.load_model("lite0-minilm")


@pytest.fixture(scope="session")
def tiny_name(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a small vision transformer that open_clip knows, with random weights."""
    file = Path(tmp_path_factory.mktemp("config")) / "tiny-test-vit.json"
    file.write_text(json.dumps(TINY))
    open_clip.add_model_config(file)
    return "tiny-test-vit/random"
