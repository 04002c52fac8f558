"""The notebook checker bites: a changed number turns a copy of a notebook red."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tests.notebooks.sources import FOLDER, cells, read_built

ROOT = FOLDER.parent
NOTEBOOK = FOLDER / "03_grouped_losses.ipynb"


def flags() -> list[str]:
    """The options that `make test` gives the checker."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    line = next(line for line in recipe.splitlines() if "--nbval" in line)
    return re.findall(r"--nbval\S*", line)


def beginning() -> tuple[NotebookNode, NotebookNode]:
    """The notebook up to its first compared cell, and that cell."""
    notebook = read_built(NOTEBOOK)
    checked = next(c for c in cells(notebook, "code") if "NBVAL_CHECK_OUTPUT" in c.source)
    del notebook.cells[notebook.cells.index(checked) + 1 :]
    return notebook, checked


def check(notebook: NotebookNode, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the checker on a copy as `make test` runs it."""
    copy = folder / "copy.ipynb"
    nbformat.write(notebook, copy)
    command = [sys.executable, "-m", "pytest", *flags(), "-p", "no:cacheprovider", str(copy)]
    # A test process may itself be spoken to through its standard input: a kernel must not read it.
    quiet = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    return subprocess.run(command, cwd=ROOT, check=False, **quiet)


@pytest.mark.slow
def test_a_changed_number_turns_the_copy_red(tmp_path: Path) -> None:
    notebook, checked = beginning()
    printed = checked.outputs[0]
    digit = re.search(r"\d", printed.text)
    assert digit is not None
    other = str((int(digit.group()) + 1) % 10)
    printed.text = printed.text[: digit.start()] + other + printed.text[digit.end() :]
    changed = check(notebook, tmp_path)
    assert changed.returncode == 1, changed.stdout
    assert "1 failed" in changed.stdout, "and no other cell"
