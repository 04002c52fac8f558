"""`make course`: the notebooks as web pages with an index, in the folder site/.

A figure is its still picture; where JavaScript runs, Plotly takes its place. Nothing is fetched
from outside the folder.
"""

from __future__ import annotations

import base64
import copy
import json
import re
import sys
from html import escape
from pathlib import Path

from nbconvert import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook
from plotly.offline import get_plotlyjs
from pygments.formatters import HtmlFormatter

from glasskit.plots.loss_stepper import stepper_html
from tests.notebooks.sources import FOLDER, PLOTLY, built_path, cells, read_built, sources

SITE = FOLDER.parent / "site"
HERE = Path(__file__).parent
GLOSSARY = FOLDER / "glossary.md"
STEPPED = "03_grouped_losses"
"""The notebook on losses, which the stepper goes with."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="stylesheet" href="course.css"></head>
<body class="{kind}"><nav>{nav}</nav>
<main>{body}</main>
<nav>{nav}</nav>{script}</body></html>
"""


def main() -> int:
    """Write every page."""
    books = [(path, read_built(built_path(path))) for path in sources()]
    SITE.mkdir(exist_ok=True)
    style = (HERE / "course.css").read_text(encoding="utf-8")
    code = HtmlFormatter(style="default").get_style_defs(".highlight pre")
    (SITE / "course.css").write_text(f"{style}\n{code}\n", encoding="utf-8")
    (SITE / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
    (SITE / "course.js").write_text((HERE / "course.js").read_text(encoding="utf-8"), "utf-8")
    names = [path.stem for path, _ in books]
    for place, (path, book) in enumerate(books):
        page = PAGE.format(
            title=escape(f"{title_of(book)} - Glass Kit"),
            kind="notebook",
            nav=navigation(names, place),
            body=body_of(book),
            script='<script src="plotly.min.js" defer></script>'
            '<script src="course.js" defer></script>',
        )
        (SITE / f"{path.stem}.html").write_text(page, encoding="utf-8")
    nav = f'<a href="{STEPPED}.html">Notebook 3</a><a href="index.html">All notebooks</a>'
    stepper = {"title": "The loss stepper - Glass Kit", "kind": "stepper-page", "nav": nav}
    page = PAGE.format(**stepper, body=stepper_html(), script="")
    (SITE / "stepper.html").write_text(page, encoding="utf-8")
    (SITE / "index.html").write_text(index(books), encoding="utf-8")
    (SITE / "glossary.html").write_text(glossary(), encoding="utf-8")
    pages = f"{len(books)} notebooks, the loss stepper, a glossary and an index"
    print(f"{pages}: {SITE.name}/index.html")
    return 0


def body_of(book: NotebookNode) -> str:
    """The cells of a notebook as HTML."""
    book = copy.deepcopy(book)
    for number, output in enumerate(o for cell in cells(book, "code") for o in cell.outputs):
        data = output.get("data", {})
        if "image/png" in data:
            name = f"figure-{number}"
            output.data = {"text/html": figure(data, name) if PLOTLY in data else still(data)}
            output.metadata = {}
    exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True)
    exporter.exclude_output_prompt = True
    html, _ = exporter.from_notebook_node(book)
    return re.sub(r'href="(\d\d_\w+\.ipynb|glossary\.md)', as_page, html)


def as_page(link: re.Match[str]) -> str:
    """A link to a notebook or the glossary, as one to its page."""
    return f'href="{Path(link[1]).stem}.html'


def glossary() -> str:
    """The page of terms and of how a notebook works."""
    text = GLOSSARY.read_text(encoding="utf-8")
    book = new_notebook(cells=[new_markdown_cell(text)])
    nav = '<span></span><a href="index.html">All notebooks</a><span></span>'
    title = escape(f"{title_of(book)} - Glass Kit")
    return PAGE.format(title=title, kind="notebook", nav=nav, body=body_of(book), script="")


def figure(data: NotebookNode, name: str) -> str:
    """A still picture with the figure's JSON behind it, for course.js to bring to life."""
    spec = json.dumps(data[PLOTLY]).replace("<", "\\u003c")
    script = f'<script type="application/json">{spec}</script>'
    return f'<figure id="{name}">{picture(data)}{script}</figure>'


def still(data: NotebookNode) -> str:
    """The picture of what lives only where a kernel runs."""
    return f"<figure>{picture(data)}</figure>"


def picture(data: NotebookNode) -> str:
    """An output's picture, with its text for those who do not see it."""
    alt = escape(data.get("text/plain", "A figure."))
    return f'<img alt="{alt}" src="data:image/png;base64,{data["image/png"]}">'


def navigation(names: list[str], place: int) -> str:
    """Links to the page before, the index and the page after."""
    before = f'<a href="{names[place - 1]}.html">Back</a>' if place else "<span></span>"
    last = place == len(names) - 1
    after = "<span></span>" if last else f'<a href="{names[place + 1]}.html">Next</a>'
    return f'{before}<a href="index.html">All notebooks</a>{after}'


def index(books: list[tuple[Path, NotebookNode]]) -> str:
    """The index page: a card for each notebook with its first figure."""
    cards = []
    for path, book in books:
        first = book.cells[0].source
        see = first.split("**What you will see.**")[1].split("\n\n")[0]
        time = re.search(r"\*\*Running time\.\*\* ([^.]*)\.", first)
        picture = base64.b64decode(first_picture(book))
        (SITE / f"{path.stem}.png").write_bytes(picture)
        see = re.sub(r"\*(.+?)\*", r"<em>\1</em>", escape(" ".join(see.split())))
        see = re.sub(r"`(.+?)`", r"<code>\1</code>", see)
        cards.append(
            f'<a class="card" href="{path.stem}.html"><img alt="" src="{path.stem}.png">'
            f"<h2>{escape(title_of(book))}</h2><p>{see}</p>"
            f"<small>{escape(' '.join(time[1].split())) if time else ''}</small></a>"
        )
    body = (
        "<h1>Glass Kit: the course</h1><p>How a vision-language model learns abstract concepts, "
        f"in {len(books)} notebooks. Terms, and how a notebook works: "
        '<a href="glossary.html">glossary</a>. A page to play with: '
        '<a href="stepper.html">the loss stepper</a>, every objective on a circle, step by step.'
        f'</p><div class="cards">{"".join(cards)}</div>'
    )
    return PAGE.format(title="Glass Kit: the course", kind="index", nav="", body=body, script="")


def title_of(book: NotebookNode) -> str:
    """The first heading."""
    return book.cells[0].source.splitlines()[0].lstrip("# ")


def first_picture(book: NotebookNode) -> str:
    """Base64 of the first figure of a notebook."""
    data = (o.get("data", {}) for cell in cells(book, "code") for o in cell.outputs)
    return next(one["image/png"] for one in data if "image/png" in one)


if __name__ == "__main__":
    sys.exit(main())
