"""The browser of the tests: find one, or get one.

python -m tests.browser gets a browser where none is found. The order: BROWSER_PATH, Chromium or
Chrome on the PATH, Playwright's headless build in the user's cache; then Playwright's download into
that cache; then, as root on Debian, the distribution's package. Without any, the tests that need
one are skipped; with GLASSKIT_NEEDS_BROWSER=1 that is an error.

python -m tests.browser --summary says at the end of a run whether they were skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
NEEDED = "GLASSKIT_NEEDS_BROWSER"

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
"""A browser that draws without a graphics card and asks its maker for nothing."""

DOWNLOAD_SECONDS = 600


def find_browser() -> str | None:
    """The path of a browser that starts, or None."""
    return next(filter(_starts, _candidates()), None)


def browser_needed() -> bool:
    """Whether a missing browser is an error, as it is in CI."""
    return os.environ.get(NEEDED, "") not in ("", "0")


def _candidates() -> Iterator[str]:
    if chosen := os.environ.get("BROWSER_PATH"):
        yield chosen
    yield from filter(None, map(shutil.which, NAMES))
    if MAC.is_file():
        yield str(MAC)
    for name in ("headless_shell", "chrome-headless-shell"):
        found = _playwright_cache().glob(f"chromium_headless_shell-*/*/{name}")
        yield from (str(path) for path in sorted(found, reverse=True))


def _playwright_cache() -> Path:
    usual = "Library/Caches" if sys.platform == "darwin" else ".cache"
    chosen = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    return Path(chosen or Path.home() / usual / "ms-playwright")


def _starts(path: str) -> bool:
    """Whether it draws an empty page: a build may lack a library of the system."""
    command = [path, "--headless", *FLAGS, "--dump-dom", "about:blank"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and b"<html" in done.stdout


def get_browser() -> str | None:
    """Find a browser, else download or install one; None where that can't be done."""
    if found := find_browser():
        return found
    print("no browser found: getting Playwright's headless Chromium ...", flush=True)
    _run([sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"])
    if found := find_browser():
        return found
    if sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing the distribution's Chromium ...", flush=True)
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        _run(["apt-get", "update", "-qq"])
        _run(["apt-get", "install", "-y", "-qq", "chromium"])
    return find_browser()


def _run(command: Sequence[str]) -> None:
    """Run a command for its effect; where it fails it says why, and one goes on without."""
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(command, timeout=DOWNLOAD_SECONDS, check=False)


def main(arguments: list[str]) -> int:
    """Get a browser, or say that tests were not run without; returns the exit code."""
    if arguments == ["--summary"]:
        if find_browser() is None:
            print("\nNOT RUN: the tests that need a browser (pytest -m browser): none is here.")
            print("All other tests passed. Install Chromium or Chrome, then: make test")
        return 0
    if get_browser() is not None:
        return 0
    print("No browser could be had: the tests that drive one will not be run.", file=sys.stderr)
    return 2 if browser_needed() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
