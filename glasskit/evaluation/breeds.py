"""BREEDS (arXiv 2008.04859): ImageNet's classes under superclasses, for zero-shot recognition.

How to run it: get ``class_hierarchy.txt``, ``node_names.txt`` and ``dataset_class_info.json`` of
https://github.com/MadryLab/BREEDS-Benchmarks (folder ``imagenet_class_hierarchy/modified``) and
your own ImageNet tree with folders named by WordNet id (``val/n01440764/*.JPEG``), then
``evaluate_breeds(model, info, "val", "living17")``. All subclasses of a superclass are used, as no
subclass was trained on; the benchmark's source and target halves matter only to those who train.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glasskit.errors import InputError
from glasskit.evaluation.intervals import DRAWS
from glasskit.evaluation.pictures import Progress
from glasskit.evaluation.zero_shot import FolderTree, classify_tree, read_folder_tree
from glasskit.json_files import parse_json

if TYPE_CHECKING:
    from glasskit.models import GlassModel

ROOT = "n00001740"


@dataclass(frozen=True, slots=True)
class Task:
    """Superclasses at a depth below the root, under one ancestor, with at least so many leaves."""

    level: int
    ancestor: str
    subclasses: int


TASKS = {
    "entity13": Task(3, ROOT, 20),
    "entity30": Task(4, ROOT, 8),
    "living17": Task(5, "n00004258", 4),
    "nonliving26": Task(5, "n00021939", 4),
}
"""Depths, ancestors and numbers of subclasses of the four published tasks."""


@dataclass(frozen=True)
class Hierarchy:
    """Nodes that lead to ImageNet classes.

    Args:
        children: node to its children. names: node to its name. leaves: the ImageNet classes.
    """

    children: dict[str, tuple[str, ...]]
    names: dict[str, str]
    leaves: frozenset[str]

    def below(self, node: str) -> set[str]:
        """The node and all that can be reached from it."""
        seen = {node}
        todo = [node]
        while todo:
            for child in self.children.get(todo.pop(), ()):
                if child not in seen:
                    seen.add(child)
                    todo.append(child)
        return seen

    def leaves_of(self, node: str) -> list[str]:
        """ImageNet classes below a node, sorted."""
        return sorted(self.below(node) & self.leaves)

    def depths(self, root: str = ROOT) -> dict[str, int]:
        """Length of the longest path from the root to every node below it."""
        order = _topological(self.children, root)
        depth = {root: 0}
        for node in order:
            for child in self.children.get(node, ()):
                depth[child] = max(depth.get(child, 0), depth[node] + 1)
        return depth

    def superclasses(self, task: Task) -> dict[str, list[str]]:
        """Superclass node to its ImageNet classes, for one task.

        Raises:
            InputError: the task's ancestor or depth is not in this hierarchy.
        """
        depth = self.depths()
        if task.ancestor not in depth:
            raise InputError(f"BREEDS: the hierarchy has no node {task.ancestor}")
        inside = self.below(task.ancestor)
        nodes = sorted(node for node in inside if depth[node] == task.level)
        found = {node: self.leaves_of(node) for node in nodes}
        kept = {node: leaves for node, leaves in found.items() if len(leaves) >= task.subclasses}
        if len(kept) < 2:
            raise InputError(
                f"BREEDS: {len(kept)} superclasses at level {task.level}; 2 are needed"
            )
        return kept


def read_breeds(folder: str | Path) -> Hierarchy:
    """The hierarchy in the layout of BREEDS: three files, see the top of this module.

    Raises:
        InputError: a file is missing or not in that layout.
    """
    folder = Path(folder)
    lines = {}
    for name in ("class_hierarchy.txt", "node_names.txt", "dataset_class_info.json"):
        path = folder / name
        if not path.is_file():
            raise InputError(f"{path}: missing; BREEDS needs three files, see glasskit breeds")
        lines[name] = path.read_text(encoding="utf-8")
    edges = _fields(folder, "class_hierarchy.txt", lines, None)
    names = _fields(folder, "node_names.txt", lines, "\t")
    classes = parse_json(lines["dataset_class_info.json"], str(folder / "dataset_class_info.json"))
    try:
        leaves = {str(row[1]): str(row[2]) for row in classes}
    except (LookupError, TypeError) as error:
        raise InputError(
            f"{folder / 'dataset_class_info.json'}: expected a list of [number, id, name]"
        ) from error
    parents: dict[str, set[str]] = {}
    for parent, child in edges:
        parents.setdefault(child, set()).add(parent)
    # Only what leads to an ImageNet class counts for depths, as in the benchmark.
    useful, todo = set(leaves), list(leaves)
    while todo:
        for parent in parents.get(todo.pop(), ()):
            if parent not in useful:
                useful.add(parent)
                todo.append(parent)
    children: dict[str, list[str]] = {}
    for parent, child in edges:
        if parent in useful and child in useful:
            children.setdefault(parent, []).append(child)
    return Hierarchy(
        {parent: tuple(sorted(set(nodes))) for parent, nodes in children.items()},
        leaves | dict(names),
        frozenset(leaves),
    )


def breeds_tree(hierarchy: Hierarchy, task: Task, images: str | Path) -> FolderTree:
    """The pictures of a task's subclasses, labelled by superclass.

    Raises:
        InputError: the tree of pictures lacks a subclass.
    """
    groups = hierarchy.superclasses(task)
    labels = tuple(hierarchy.names.get(node, node).split(",")[0] for node in groups)
    tree = read_folder_tree(images)
    folder = np.array([key.split("/")[0] for key in tree.keys])
    keys: list[str] = []
    target: list[int] = []
    for i, leaves in enumerate(groups.values()):
        for leaf in leaves:
            rows = np.flatnonzero(folder == leaf)
            if not len(rows):
                raise InputError(f"{images}: no pictures of {leaf} ({hierarchy.names.get(leaf)})")
            keys += [tree.keys[row] for row in rows]
            target += [i] * len(rows)
    return FolderTree(tree.root, labels, tuple(keys), np.array(target))


def evaluate_breeds(
    model: GlassModel,
    info: str | Path,
    images: str | Path,
    task: str = "living17",
    *,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Zero-shot recognition of superclasses: see ``Recognition.summary``.

    Raises:
        InputError: an unknown task, or files that are missing or not in the layout.
    """
    if task not in TASKS:
        raise InputError(f"BREEDS task {task!r}: choose one of {', '.join(TASKS)}")
    tree = breeds_tree(read_breeds(info), TASKS[task], images)
    return classify_tree(model, tree, progress).summary(draws=draws, seed=seed)


def _fields(
    folder: Path, name: str, lines: dict[str, str], separator: str | None
) -> list[tuple[str, str]]:
    rows = []
    for number, line in enumerate(lines[name].splitlines(), start=1):
        fields = line.strip().split(separator)
        if not line.strip():
            continue
        if len(fields) < 2:
            raise InputError(f"{folder / name}: line {number} needs two fields")
        rows.append((fields[0], fields[1]))
    return rows


def _topological(children: dict[str, tuple[str, ...]], root: str) -> Iterable[str]:
    """Nodes below the root, each after all of its parents; raises InputError on a cycle."""
    done: list[str] = []
    state: dict[str, bool] = {}  # False while its children are looked at, True when done
    stack = [(root, iter(children.get(root, ())))]
    state[root] = False
    while stack:
        node, rest = stack[-1]
        child = next(rest, None)
        if child is None:
            state[node] = True
            done.append(node)
            stack.pop()
        elif child not in state:
            state[child] = False
            stack.append((child, iter(children.get(child, ()))))
        elif not state[child]:
            raise InputError(f"BREEDS: the hierarchy has a cycle at {child}")
    return reversed(done)
