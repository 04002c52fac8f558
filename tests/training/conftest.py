"""Toy runs keep their features in a cache of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def feature_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Set before the first process is started, which inherits it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLASSKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
