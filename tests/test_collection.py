"""`pytest` alone, without a list of folders, collects every test; a browser is found or told of."""

from __future__ import annotations

import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests import browser

ROOT = Path(__file__).resolve().parent


def test_no_folder_of_tests_has_a_name_that_pytest_skips(pytestconfig: pytest.Config) -> None:
    skipped = pytestconfig.getini("norecursedirs")
    assert "build" in skipped, "pytest's own list, which once hid tests/build"
    for file in ROOT.rglob("test_*.py"):
        for part in file.relative_to(ROOT).parts[:-1]:
            assert not any(fnmatch(part, pattern) for pattern in skipped), file


def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing but what the test puts there, and an empty home."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(browser, "MAC", tmp_path / "none")
    for name in ("BROWSER_PATH", "PLAYWRIGHT_BROWSERS_PATH", browser.NEEDED):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="stand-ins are shell scripts")
@pytest.mark.parametrize(("needed", "code"), [("", 0), ("0", 0), ("1", 2)])
def test_without_a_browser_the_rest_runs_unless_it_is_demanded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    needed: str,
    code: int,
) -> None:
    bare(tmp_path, monkeypatch)
    monkeypatch.setenv(browser.NEEDED, needed)
    asked: list[str] = []
    monkeypatch.setattr(browser, "_run", lambda command, env=None: asked.append(" ".join(command)))
    assert browser.main([]) == code
    assert "playwright install --only-shell chromium" in asked[0]
    assert "will not be run" in capsys.readouterr().err
