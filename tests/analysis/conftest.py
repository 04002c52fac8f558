"""Every test has an empty cache."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where maps and features are kept."""
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
