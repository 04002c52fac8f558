"""The tree of the ideas on the Groups page: two models, and the pictures of a branch."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import gradio as gr
import numpy as np

from glasskit.analysis.concept_tree import ConceptTree, concept_tree
from glasskit.analysis.geometry import centroid
from glasskit.analysis.probe import Probe
from glasskit.errors import InputError
from glasskit.evaluation.intervals import paired_difference
from glasskit.evaluation.score import Score
from glasskit.evaluation.taxonomy import TreeAgreement, taxonomy_agreement
from glasskit.models.vectors import nearest
from glasskit.plots.map_data import SIDES
from glasskit.plots.trees import trees_html
from glasskit_app.answers import answer
from glasskit_app.model_choice import pair_of
from glasskit_app.scripts import refusals_told
from glasskit_app.state import AppState, DatasetMaps

PICTURES = 24
"""Pictures of a branch that are shown."""

MEASURES = {
    "LCA depth": "lca_depth",
    "precision": "precision",
    "recall": "recall",
}
"""What the table calls the measures of a TreeAgreement."""

INTRO = """
Each model's vectors of the names, joined two by two: the nearest first, then the nearest branches.
A branch has the word of a general vocabulary that its names are nearest to; a question mark stands
where that fits badly. Click a branch or a name to see its pictures, and how many of the same names
each branch of the other tree holds.
"""

HOW = """
Distance is 1 minus the cosine of two vectors relative to the mean name, of two branches the mean
over all pairs (average linkage). The table holds the trees against the taxonomy that came with the
data, which no model has read. LCA depth: how deep the lowest common ancestor lies of a name and
those that it is joined with first, as a share of the levels above the name. Hierarchical precision
and recall: each name of the taxonomy is read at the branch that it overlaps most; precision is the
share of a name's ancestors by the tree that are right, recall the share of the true ones that are
found. In brackets 95% intervals over families of names with the same ancestors. Chance: the same
tree with its names in random order. A question mark: the names of the branch are less than one
standard deviation nearer to the word than all names are.
"""

PICK = """
element.addEventListener('click', (event) => {
  const named = event.target.closest('[data-node]');
  if (!named) return;
  const leaf = named.closest('[data-leaf]'), box = leaf ?? named.closest('details, .gk-twig');
  const held = leaf ? [leaf] : [...box.querySelectorAll('[data-leaf]')];
  const numbers = new Set(held.map((one) => one.dataset.leaf));
  for (const one of element.querySelectorAll('[data-leaf]'))
    one.classList.toggle('gk-lit', numbers.has(one.dataset.leaf));
  const tree = named.closest('[data-tree]'), side = tree.dataset.tree;
  for (const branch of element.querySelectorAll('details')) {
    const shared = tree.contains(branch) ? 0 : branch.querySelectorAll('.gk-lit').length;
    const summary = branch.querySelector('summary');
    if (shared) summary.dataset.held = `${shared} of ${held.length}`;
    else delete summary.dataset.held;
  }
  trigger('pick', { side, node: Number(named.dataset.node) });
});
"""


def build(state: AppState, data: gr.Dropdown, left: gr.Dropdown, right: gr.Radio) -> gr.Accordion:
    """Draw the fold inside the current Blocks, of the data set and the models chosen there."""
    plain: dict[str, Any] = {"padding": False, "apply_default_css": False}
    with gr.Accordion("The ideas as a tree", open=False, elem_id="groups-tree") as fold:
        gr.Markdown(INTRO)
        pictures = gr.HTML(elem_id="tree-pictures", **plain)
        trees = gr.HTML(js_on_load=PICK, elem_id="tree-both", **plain)
        numbers = gr.Dataframe(headers=[""], interactive=False, buttons=[], elem_id="tree-numbers")
        with gr.Accordion("How is this computed?", open=False):
            gr.Markdown(HOW)

    def opened(dataset: str, *models: str | None) -> tuple[str, str, Any]:
        with refusals_told():
            maps = state.maps(dataset, pair_of(*models))
            both = {side: tree_of(getattr(maps.comparison, side)) for side in SIDES}
            titles = {side: maps.heading(side) for side in SIDES}
            table = _table(maps)
            return (
                answer("branch", maps=maps, name="", rows=[]),
                trees_html(both, titles, pick=True),
                gr.Dataframe(table, visible=table is not None),
            )

    def picked(dataset: str, left: str | None, right: str | None, event: gr.EventData) -> str:
        with refusals_told():
            maps = state.maps(dataset, pair_of(left, right))
            return branch_page(maps, event._data.get("side"), event._data.get("node"))

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    asked = [data, left, right]
    changes = [fold.expand, data.input, left.input, right.input]
    gr.on(changes, opened, asked, [pictures, trees, numbers], **quiet)
    trees.pick(picked, asked, pictures, trigger_mode="always_last", **quiet)
    return fold


@lru_cache(16)
def tree_of(probe: Probe) -> ConceptTree:
    """The tree of a probe's labels."""
    return concept_tree(probe)


def branch_page(maps: DatasetMaps, side: object, node: object) -> str:
    """The pictures of a branch, those nearest to the mean of its names first, as HTML.

    They carry a label of the branch; where nobody labelled pictures, any may come.

    Raises:
        InputError: no such side or node.
    """
    if side not in SIDES:
        raise InputError(f"side {side!r:.60}: choose before or after")
    tree, seen = tree_of(getattr(maps.comparison, side)), maps.projection(side).embedding
    if type(node) is not int or not 0 <= node < tree.root:
        raise InputError(f"branch {node!r:.60} is not in the tree")
    held = tree.members[node]
    rows = np.arange(len(maps.dataset))
    if maps.dataset.labelled:
        rows = np.flatnonzero(maps.dataset.carried(1)[:, held].any(axis=1))
    middle = centroid(seen.concept[held])
    near = nearest(middle, seen.picture[rows], PICTURES).index[0] if len(rows) else []
    return answer(
        "branch",
        maps=maps,
        name=tree.name(node),
        side=maps.sides[side],
        labels=[tree.labels[leaf] for leaf in tree.leaves(node)],
        of=len(rows),
        rows=rows[near].tolist(),
    )


@lru_cache(16)
def _agreement(probe: Probe) -> TreeAgreement | None:
    """With the taxonomy; None where there is no taxonomy."""
    try:
        return taxonomy_agreement(tree_of(probe).branches, probe.dataset.concepts)
    except InputError:
        return None


def _table(maps: DatasetMaps) -> dict[str, Any] | None:
    """The measures of both trees."""
    first, second = (_agreement(getattr(maps.comparison, side)) for side in SIDES)
    if first is None or second is None:
        return None
    rows = []
    for text, name in MEASURES.items():
        one, other = getattr(first, name), getattr(second, name)
        change = paired_difference(other.values, one.values, clusters=one.clusters)
        ends = "" if change.low is None else f" [{change.low:+.2f}, {change.high:+.2f}]"
        chance = f"{one.chance:.2f}, {other.chance:.2f}"
        rows.append([text, _told(one), _told(other), chance, f"{change.difference:+.2f}{ends}"])
    headings = [maps.heading(side) for side in SIDES]
    return {"headers": ["against the taxonomy", *headings, "chance", "difference"], "data": rows}


def _told(score: Score) -> str:
    told = score.as_dict()
    low, high = told["ci95"] or (told["value"],) * 2
    return f"{told['value']:.2f} [{low:.2f}, {high:.2f}]"
