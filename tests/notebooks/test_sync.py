"""Each notebook is what its text source says, run from top to bottom, nothing private in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.notebooks.sources import (
    FOLDER,
    PLOTLY,
    WIDGET,
    built_path,
    cells,
    read_built,
    read_source,
    sources,
)

ABSOLUTE = re.compile(r"(?<![\w.:/<])/(home|root|tmp|work|Users|var|opt|usr)/|[A-Z]:\\\\")
each = pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)


def test_every_source_has_its_notebook_and_the_reverse() -> None:
    assert sources()
    built = {path.stem for path in FOLDER.glob("*.ipynb")}
    assert built == {path.stem for path in FOLDER.glob("*.py")}


@each
def test_cells_are_those_of_the_source(source: Path) -> None:
    wanted = [(c.cell_type, c.source) for c in read_source(source).cells]
    found = [(c.cell_type, c.source) for c in read_built(built_path(source)).cells]
    assert found == wanted, f"{source.name} and its notebook differ; say: make notebooks"


@each
def test_outputs_are_of_one_clean_run(source: Path) -> None:
    code = cells(read_built(built_path(source)), "code")
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for output in (output for cell in code for output in cell.outputs):
        assert output.output_type != "error"
        assert output.get("name") != "stderr", output.get("text")
        data = output.get("data", {})
        assert WIDGET not in data
        assert (PLOTLY in data) <= ("image/png" in data), "a figure without its still picture"


@each
def test_no_absolute_path(source: Path) -> None:
    assert not ABSOLUTE.search(source.read_text(encoding="utf-8"))
    for cell in cells(read_built(built_path(source)), "code"):
        for output in cell.outputs:
            texts = [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
            assert not any(ABSOLUTE.search(text) for text in texts), texts
