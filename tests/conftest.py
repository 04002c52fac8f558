"""Fixtures that every test shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import FLAGS, browser_needed, find_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder ``../shared`` beside the checkout; skips where it is missing."""
    if not SHARED.is_dir():
        pytest.skip("the measurement data in ../shared is not here")
    return SHARED


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless browser; skips where there is none, unless one is demanded."""
    from playwright.sync_api import sync_playwright

    path = find_browser()
    if path is None:
        tell = pytest.fail if browser_needed() else pytest.skip
        tell("no browser is here; `python -m tests.browser` gets one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()
