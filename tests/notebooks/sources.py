"""The notebooks as files and as cells; what the builder, the course and the tests read."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"


def sources() -> list[Path]:
    """The text sources, in the order of the course."""
    return sorted(FOLDER.glob("[0-9][0-9]_*.py"))


def read_source(path: Path) -> NotebookNode:
    """The cells of a text source (jupytext py:percent), without outputs."""
    return jupytext.read(path, fmt="py:percent")


def read_built(path: Path) -> NotebookNode:
    """A notebook with its outputs."""
    return nbformat.read(path, as_version=4)


def built_path(source: Path) -> Path:
    """The notebook that is built from a source."""
    return source.with_suffix(".ipynb")


def cells(notebook: NotebookNode, kind: str) -> list[NotebookNode]:
    """The cells of one kind, "code" or "markdown"."""
    return [cell for cell in notebook.cells if cell.cell_type == kind]
