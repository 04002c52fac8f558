"""Every test of the builder has a cache of its own and reaches 127.0.0.1 without a proxy."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("GLASSKIT_CACHE", str(folder))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for name in ("GLASSKIT_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return folder
