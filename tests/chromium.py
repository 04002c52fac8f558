"""Headless Chromium for tests and for the notebooks' figures, which talks to this machine only."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # What it still asks for by itself goes to a port where nobody listens.
    "--proxy-server=127.0.0.1:9",
)


def find() -> str | None:
    """Where Chromium is: ``BROWSER_PATH``, or on the path."""
    return os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, NAMES)), None)


def launch(playwright: Playwright) -> Browser:
    """A headless browser.

    Raises:
        FileNotFoundError: there is no Chromium; the line says how to get it.
    """
    path = find()
    if path is None:
        raise FileNotFoundError(
            "Chromium was not found. Install it (sudo apt-get install chromium) or say where it "
            "is: BROWSER_PATH=..."
        )
    return playwright.chromium.launch(executable_path=path, args=list(FLAGS))
