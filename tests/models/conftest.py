"""The built-in model once for all tests, and an open_clip model small enough to save and export."""

from __future__ import annotations

import pytest

import glasskit
from glasskit.models import GlassModel
from tests.training.toys import register_tiny


@pytest.fixture(scope="session")
def lite0() -> GlassModel:
    return glasskit.load_model("lite0-minilm")


@pytest.fixture(scope="session")
def tiny_name() -> str:
    """The name of a small vision transformer that open_clip knows, with random weights."""
    register_tiny("tiny-test-vit")
    return "tiny-test-vit/random"
