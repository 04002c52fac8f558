"""`make notebooks`: run the text sources and write the notebooks with outputs beside them.

python -m tests.notebooks.build [NAME ...], where a NAME is the beginning of a file name such as 03.

A figure gets a picture beside its JSON, drawn by Chromium, so that it also shows where no
JavaScript runs. Whatever differs from run to run (times, ids, widget models) is left out.
"""

from __future__ import annotations

import base64
import io
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from plotly.offline import get_plotlyjs

from tests.browser import FLAGS, get_browser
from tests.notebooks.sources import PLOTLY, WIDGET, built_path, cells, read_source, sources

WIDTH = 960
SCALE = 1.5
TIMEOUT = 600
# No jupytext pairing: JupyterLab would refuse a notebook that is newer than its source.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}


def build(source: Path, browser: str) -> float:
    """Run one source and write its notebook; returns the seconds that the run took.

    Args:
        source: the text of the notebook.
        browser: the path of the one that draws its figures.

    Raises:
        RuntimeError: a cell wrote a warning or an error message.
    """
    notebook = read_source(source)
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{source.stem[:2]}-{number:02d}"
        cell.metadata = nbformat.from_dict({})
    start = time.perf_counter()
    folder = {"metadata": {"path": str(source.parent)}}
    options = {"timeout": TIMEOUT, "record_timing": False, "coalesce_streams": True}
    NotebookClient(notebook, resources=folder, **options).execute()
    seconds = time.perf_counter() - start
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
        page = chromium.new_page()
        page.add_script_tag(content=get_plotlyjs())
        for cell in cells(notebook, "code"):
            made = (clean(output, source, page) for output in cell.outputs)
            cell.outputs = [output for output in made if output is not None]
    notebook.metadata.pop("widgets", None)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    built_path(source).write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    return seconds


def clean(output: NotebookNode, source: Path, page: Page) -> NotebookNode | None:
    """An output as it is stored; None for one that shows nothing without a running kernel."""
    if output.output_type == "stream" and output.name == "stderr":
        raise RuntimeError(f"{source.name}: a cell wrote to stderr: {output.text.strip()[-500:]}")
    data = output.get("data", {})
    if data.pop(WIDGET, None) and "image/png" not in data:
        return None
    output.pop("transient", None)
    if PLOTLY in data:
        picture = draw(data[PLOTLY], page)
        data["image/png"] = base64.b64encode(picture).decode()
        output.metadata = nbformat.from_dict({"image/png": {"width": WIDTH}})
    return output


def draw(spec: NotebookNode, page: Page) -> bytes:
    """A figure's picture as PNG in at most 256 colours."""
    layout = spec["layout"]
    options = {
        "format": "png",
        "width": layout.get("width") or WIDTH,
        "height": layout.get("height") or 450,
        "scale": SCALE,
    }
    figure = {"data": spec["data"], "layout": layout}
    address = page.evaluate(
        "([figure, options]) => Plotly.toImage(figure, options)", [figure, options]
    )
    drawn = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB")
    small = drawn.quantize(256, dither=Image.Dither.NONE)
    file = io.BytesIO()
    small.save(file, "PNG", optimize=True)
    return file.getvalue()


def main(names: list[str]) -> int:
    """Build the notebooks whose names begin so, or all."""
    chosen = [s for s in sources() if not names or s.stem.startswith(tuple(names))]
    if not chosen:
        print(f"no notebook begins with {' or '.join(names)}", file=sys.stderr)
        return 2
    browser = get_browser()
    if browser is None:
        print("figures are drawn by Chromium: install it, or set BROWSER_PATH", file=sys.stderr)
        return 2
    for source in chosen:
        print(f"{source.stem}: {build(source, browser):.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
