"""Zero-shot classification from a folder tree, as of ImageNet: one folder of pictures a class.

How to run it: ``classify_folder(model, "imagenet/val", names="names.json")``, with a tree
``root/<class>/<picture>`` and, where folders are called n01440764, a JSON object of folder to name.
Class vectors are the kit's prompt ensemble (``glasskit.models.prompts``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glasskit.data.images import EXTENSIONS
from glasskit.errors import InputError
from glasskit.evaluation.concepts import Recognition, recognise
from glasskit.evaluation.intervals import DRAWS
from glasskit.evaluation.pictures import Progress, embed_pictures
from glasskit.json_files import read_json

if TYPE_CHECKING:
    from glasskit.models import GlassModel


@dataclass(frozen=True)
class FolderTree:
    """Pictures by class.

    Args:
        root: the tree. labels: class names. keys: pictures, relative to root. target: (n,) classes.
    """

    root: Path
    labels: tuple[str, ...]
    keys: tuple[str, ...]
    target: np.ndarray


def read_folder_tree(
    root: str | Path, names: Mapping[str, str] | str | Path | None = None
) -> FolderTree:
    """Pictures of ``root/<class>/**`` with the class of each.

    Args:
        names: folder to class name, or a JSON file of that; without it a folder's own name, with
            underscores as spaces. Folders with the same name become one class.

    Raises:
        InputError: no such tree, fewer than two classes, a folder without a name in ``names``.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give a tree with one folder of pictures a class")
    mapping = _names(names)
    keys: list[str] = []
    of: list[str] = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if mapping is not None and folder.name not in mapping:
            raise InputError(f"{folder}: the class names say nothing about {folder.name!r}")
        name = folder.name.replace("_", " ") if mapping is None else mapping[folder.name]
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in EXTENSIONS)
        keys += [path.relative_to(root).as_posix() for path in found]
        of += [name] * len(found)
    labels = tuple(dict.fromkeys(of))
    if len(labels) < 2:
        raise InputError(
            f"{root}: found {len(labels)} classes with pictures; at least 2 are needed"
        )
    place = {label: i for i, label in enumerate(labels)}
    return FolderTree(root, labels, tuple(keys), np.array([place[name] for name in of]))


def classify_tree(
    model: GlassModel, tree: FolderTree, progress: Progress | None = None
) -> Recognition:
    """Recognition of the classes of a tree, picture by picture."""
    from glasskit.models.prompts import concept_vectors

    vectors, rows = embed_pictures(model, tree.root, list(tree.keys), progress=progress)
    labels = concept_vectors(model, list(tree.labels)).detach().cpu().numpy()
    return recognise(vectors[rows], labels, tree.labels, tree.target)


def classify_folder(
    model: GlassModel,
    root: str | Path,
    names: Mapping[str, str] | str | Path | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """{"n", "labels", "top1", "ci95", "macro_top1", "top5", "chance", ...}: see ``Recognition``.

    Raises:
        InputError: see ``read_folder_tree``; a picture is broken.
    """
    result = classify_tree(model, read_folder_tree(root, names), progress)
    return result.summary(draws=draws, seed=seed)


def _names(names: Mapping[str, str] | str | Path | None) -> Mapping[str, str] | None:
    if names is None or isinstance(names, Mapping):
        return names
    mapping = read_json(Path(names))
    if not isinstance(mapping, dict) or not all(isinstance(v, str) for v in mapping.values()):
        raise InputError(f"{names}: expected a JSON object of folder to class name")
    return mapping
