"""Every notebook teaches in the same shape: what, for whom, how long, exercises, where to go on."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from nbformat import NotebookNode

from tests.notebooks.exercises import exercises
from tests.notebooks.sources import cells, read_source, sources

CELL_LINES = 25
FUNCTION_LINES = 15
CHECKS = 3
GUESSES = 3
SEED = re.compile(r"^SEED = \d+$", re.MULTILINE)


@pytest.fixture(params=sources(), ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> NotebookNode:
    path: Path = request.param
    return read_source(path)


def prose(notebook: NotebookNode) -> str:
    """All text cells."""
    return "\n\n".join(cell.source for cell in cells(notebook, "markdown"))


def test_one_seed_cell(notebook: NotebookNode) -> None:
    seeded = [cell for cell in cells(notebook, "code") if SEED.search(cell.source)]
    assert len(seeded) == 1
    assert notebook.cells.index(seeded[0]) <= 3


def test_cells_and_functions_are_short(notebook: NotebookNode) -> None:
    for cell in cells(notebook, "code"):
        lines = cell.source.splitlines()
        assert len(lines) <= CELL_LINES, f"{len(lines)} lines: {lines[0]}"
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                size = node.end_lineno - node.lineno + 1
                assert size <= FUNCTION_LINES, f"{node.name} has {size} lines: move it to glasskit"


def test_printed_numbers_are_compared(notebook: NotebookNode) -> None:
    code = [cell.source for cell in cells(notebook, "code")]
    checked = [text for text in code if "# NBVAL_CHECK_OUTPUT" in text]
    assert len(checked) >= CHECKS
    assert all("print(" in text for text in checked)
    assert not any("show(" in text for text in checked), "figures are asserted on, not compared"
    assert any("assert " in text for text in code)


def test_begins_with_the_cell_that_installs_the_kit() -> None:
    first = {cells(read_source(path), "code")[0].source for path in sources()}
    assert len(first) == 1, "the same cell in every notebook"
    assert "pip" in first.pop()


def guesses(code: str) -> list[tuple[str, ast.Call]]:
    """The name and the call of each guess that a cell asks for."""
    return [
        (node.targets[0].id, node.value)
        for node in ast.parse(code).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "predict"
    ]


def test_the_reader_guesses_before_the_answer(notebook: NotebookNode) -> None:
    code = [cell.source for cell in cells(notebook, "code")]
    asked = [(place, *one) for place, text in enumerate(code) for one in guesses(text)]
    assert len(asked) >= GUESSES
    for place, name, call in asked:
        assert ast.unparse(call.args[1]) == "None", f"{name}: the guess is the reader's"
        assert "example" in {one.arg for one in call.keywords}
        later = [text for text in code[place + 1 :] if f"{name}.reveal(" in text]
        assert len(later) == 1, f"{name} is answered once, in a later cell"


def test_exercises_have_dots_minutes_and_a_checker(notebook: NotebookNode) -> None:
    found = exercises(notebook)
    assert len(found) >= 2
    text = prose(notebook).split("## Exercises")[1]
    assert len(re.findall(r"^### ", text, re.MULTILINE)) == len(found)
    for one in found:
        assert one.check.startswith("check."), one.title
        assert "<summary>Hint</summary>" in one.after, one.title
        assert one.solution


def test_a_small_study_ends_on_a_board(notebook: NotebookNode) -> None:
    assert "## A small study (20 minutes)" in prose(notebook)
    code = [cell.source for cell in cells(notebook, "code")]
    study = next(text for text in code if "Board(" in text and "import" not in text)
    assert "board.kit(" in study
    assert "board.add(" in study
    assert study.endswith("\nboard")
    assert not re.search(r"board\.kit\([^\n]*\d\.\d", study), "rows are computed, not typed"
