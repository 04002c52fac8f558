"""Zero-shot recognition: a folder a class, and the superclasses of BREEDS."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glasskit.data.images import scan_folder
from glasskit.errors import InputError
from glasskit.evaluation.concepts import recognise_labels
from glasskit.evaluation.score import Score, See
from glasskit.io.json_files import read_json
from glasskit.io.text_files import lines_of, read_text
from glasskit.models.prompts import concept_vectors

if TYPE_CHECKING:
    from glasskit.models.glass_model import GlassModel


def folders(model: GlassModel, data: Path, images: Path, see: See) -> dict[str, Score]:
    """Recognition of the classes of a folder, named by it or by its names.json."""
    classes = read_classes(data)
    names = {folder: folder.replace("_", " ") for folder in classes}
    if (data / "names.json").is_file():
        given = read_json(data / "names.json")
        if not isinstance(given, dict) or not all(isinstance(given.get(f), str) for f in classes):
            raise InputError(f"{data / 'names.json'}: must be an object with a name a folder")
        names = given
    groups: dict[str, list[str]] = {}
    for folder, keys in classes.items():
        groups.setdefault(names[folder], []).extend(keys)
    return _classify(model, groups, see)


def read_classes(root: Path) -> dict[str, list[str]]:
    """Pictures of each folder inside a folder, by their names in ``root``."""
    classes: dict[str, list[str]] = {}
    for name in scan_folder(root).pictures:
        folder, inside, _ = name.partition("/")
        if inside:
            classes.setdefault(folder, []).append(name)
    if len(classes) < 2:
        raise InputError(f"{root}: needs two or more folders, each with the pictures of a class")
    return classes


def _classify(model: GlassModel, groups: dict[str, list[str]], see: See) -> dict[str, Score]:
    """Zero-shot recognition of the labels, with the prompts of the kit."""
    labels = tuple(groups)
    seen = see([key for keys in groups.values() for key in keys])
    target = np.repeat(np.arange(len(labels)), [len(keys) for keys in groups.values()])
    words = concept_vectors(model, list(labels)).detach().cpu().numpy()
    found = recognise_labels(seen.vectors, words, labels, target)
    c, constant = len(labels), float(np.bincount(target).max() / len(target))
    out = {
        "top1": Score(found.correct, seen.picture, 1 / c, constant),
        "macro_top1": Score(found.correct, seen.picture, 1 / c, 1 / c, groups=target),
    }
    top5 = found.within(5)
    return out if top5 is None else out | {"top5": Score(top5, seen.picture, 5 / c)}


ROOT = "n00001740"


class Task(NamedTuple):
    """Superclasses at a depth below the root, under one ancestor, with at least so many classes."""

    depth: int
    ancestor: str
    classes: int


TASKS = {
    "entity13": Task(3, ROOT, 20),
    "entity30": Task(4, ROOT, 8),
    "living17": Task(5, "n00004258", 4),
    "nonliving26": Task(5, "n00021939", 4),
}
"""The four published tasks of BREEDS."""


def breeds(task: Task, model: GlassModel, data: Path, images: Path, see: See) -> dict[str, Score]:
    """Recognition of the superclasses of a task, by all pictures of their classes."""
    classes = read_classes(images)
    groups = read_superclasses(data, task)
    for name, members in groups.items():
        missing = [member for member in members if member not in classes]
        if missing:
            raise InputError(f"{images}: no pictures of {missing[0]}, a class of {name!r}")
    keys = {name: [key for m in members for key in classes[m]] for name, members in groups.items()}
    return _classify(model, keys, see)


def read_superclasses(folder: Path, task: Task) -> dict[str, list[str]]:
    """Name of each superclass of a task to its ImageNet classes, from the files of BREEDS.

    The depth of a node is the longest path from the root to it.
    """
    parents: dict[str, set[str]] = {}
    for parent, child in _pairs(folder / "class_hierarchy.txt", None):
        parents.setdefault(child, set()).add(parent)
    names = dict(_pairs(folder / "node_names.txt", "\t"))
    info = folder / "dataset_class_info.json"
    try:
        classes = sorted(str(wordnet_id) for _, wordnet_id, *_ in read_json(info))
    except (TypeError, ValueError) as error:
        raise InputError(f"{info}: expected a list of [number, id, name]") from error
    above: dict[str, set[str]] = {}  # every node on the way to a node, itself among them
    depth: dict[str, int] = {ROOT: 0}
    try:
        for node in TopologicalSorter(parents).static_order():  # each after all of its parents
            over = parents.get(node, set())
            above[node] = {node}.union(*(above[parent] for parent in over))
            reached = [depth[parent] for parent in over if parent in depth]
            if reached:
                depth[node] = 1 + max(reached)
    except CycleError as error:
        raise InputError(f"{folder}: the hierarchy has a cycle at {error.args[1][0]}") from error
    groups: dict[str, list[str]] = {}
    for member in classes:
        for node in above.get(member, ()):
            if depth.get(node) == task.depth and task.ancestor in above[node]:
                groups.setdefault(node, []).append(member)
    kept = {
        names.get(node, node).split(",")[0]: groups[node]
        for node in sorted(groups)
        if len(groups[node]) >= task.classes
    }
    if len(kept) < 2:
        raise InputError(f"{folder}: {len(kept)} superclasses of this task are in it, 2 are needed")
    return kept


def _pairs(path: Path, separator: str | None) -> list[tuple[str, str]]:
    """The two first fields of every line of a file that is not empty."""
    rows = []
    for number, line in enumerate(lines_of(read_text(path)), start=1):
        fields = line.strip().split(separator)
        if line.strip() and len(fields) < 2:
            raise InputError(f"{path}: line {number} needs two fields")
        if line.strip():
            rows.append((fields[0], fields[1]))
    return rows
