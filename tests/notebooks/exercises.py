"""The exercises of a notebook: heading, the cell that checks, and the folded solution."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from nbformat import NotebookNode

from tests.notebooks.sources import cells

HEADING = re.compile(r"^### \d · (.+) \((●{1,3}○{0,2}), (\d+) minutes\)$", re.MULTILINE)
SOLUTION = re.compile(
    r"<details><summary>Solution</summary>\n\n```python\n(.*?)```.*?</details>", re.DOTALL
)


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Args:
        title: of its heading.
        dots: how difficult it is.
        stub: the code cell, which ends with the checker.
        after: the text below it, with hint and solution.
    """

    title: str
    dots: str
    stub: str
    after: str

    @property
    def check(self) -> str:
        """The last line of the stub: the call of the checker."""
        return ast.unparse(ast.parse(self.stub).body[-1])

    @property
    def solution(self) -> str:
        """The code that is folded."""
        found = SOLUTION.search(self.after)
        assert found, f"{self.title}: no solution"
        return found[1]


def exercises(notebook: NotebookNode) -> list[Exercise]:
    """All exercises of a notebook, in order."""
    found = []
    for before, stub, after in zip(
        notebook.cells, notebook.cells[1:], notebook.cells[2:], strict=False
    ):
        heads = HEADING.findall(before.source) if before.cell_type == "markdown" else []
        if heads and stub.cell_type == "code":
            title, dots, _ = heads[-1]  # the text before may hold the solution of the last one
            found.append(Exercise(title, dots, stub.source, after.source.split("\n### ")[0]))
    return found


def imports(notebook: NotebookNode) -> str:
    """The import statements of all code cells."""
    trees = (ast.parse(cell.source).body for cell in cells(notebook, "code"))
    found = [
        node for tree in trees for node in tree if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    return "\n".join(map(ast.unparse, found))
