"""Trees of labels side by side, as HTML that needs no script and takes the colours of its page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from glasskit.analysis.concept_tree import ConceptTree
from glasskit.plots.templates import templates

TWIG = 6
"""Labels of a branch that is one line; larger ones fold open and shut."""

OPENED = 1 / 6
"""A branch with more than this share of the labels is open at first."""


def trees_html(
    trees: Mapping[str, ConceptTree], titles: Mapping[str, str] | None = None, *, pick: bool = False
) -> str:
    """Trees side by side, on a narrow page one below the other.

    A notebook shows it by ``IPython.display.HTML``. Of branches of up to six labels the labels are
    one line, in the order in which they are joined.

    Args:
        trees: by a short name of each, such as before and after.
        titles: what stands above a tree, by its name; the name itself if None.
        pick: names are buttons, for a page that answers them: ``data-node`` has the node,
            ``data-tree`` around it the name of the tree, ``data-leaf`` the number of a label.
    """
    drawn = [(name, (titles or {}).get(name, name), tree) for name, tree in trees.items()]
    page = templates(Path(__file__).parent).get_template("trees.html.jinja")
    return page.render(trees=drawn, pick=pick, twig=TWIG, opened=OPENED)
