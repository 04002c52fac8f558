"""Fixtures that every test shares."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
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


@pytest.fixture
def glass(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in this process; gives its exit code, stdout and stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        from glasskit.cli import main

        monkeypatch.setattr(sys, "argv", ["glasskit", *map(str, words)])
        with pytest.raises(SystemExit) as done:
            main()
        said = capsys.readouterr()
        return int(done.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def refused(glass: Callable[..., tuple[int, str, str]]) -> Callable[..., str]:
    """Runs a command that ends with exit code 2; gives the one line that it says."""

    def line(*words: object) -> str:
        code, _, said = glass(*words)
        assert code == 2, said
        assert said.startswith("glasskit: ")
        assert said.count("\n") == 1, said
        return said

    return line


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
