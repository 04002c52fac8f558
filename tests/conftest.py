"""Fixtures that every test shares."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder ``../shared`` beside the checkout; skips where it is missing."""
    if not SHARED.is_dir():
        pytest.skip("the measurement data in ../shared is not here")
    return SHARED
