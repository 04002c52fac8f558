"""`pytest` alone, without a list of folders, collects every test."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent


def test_no_folder_of_tests_has_a_name_that_pytest_skips(pytestconfig: pytest.Config) -> None:
    skipped = pytestconfig.getini("norecursedirs")
    assert "build" in skipped, "pytest's own list, which once hid tests/build"
    for file in ROOT.rglob("test_*.py"):
        for part in file.relative_to(ROOT).parts[:-1]:
            assert not any(fnmatch(part, pattern) for pattern in skipped), file
