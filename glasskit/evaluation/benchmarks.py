"""Published benchmarks, from files that the user has: `glasskit benchmark NAME DATA --images DIR`.

hierarcaps   HierarCaps (arXiv 2407.08521): from general to specific along a chain of captions.
             DATA: hierarcaps_test.csv of github.com/TAU-VAILab/hierarcaps; pictures: COCO val2014.
sugarcrepe   SugarCrepe (arXiv 2306.14610): a caption against a fluent false one. DATA: folder of
             the seven files of github.com/RAIVNLab/sugar-crepe; pictures: COCO val2017. An item
             whose picture is missing is an error.
hl           HL (arXiv 2302.12189): captions of scene, action and rationale. DATA: test.jsonl of
             huggingface.co/datasets/michelecafagna26/hl; pictures: COCO train2014.
entity13, entity30, living17, nonliving26
             BREEDS (arXiv 2008.04859): ImageNet's classes under superclasses. DATA: the folder
             imagenet_class_hierarchy/modified of github.com/MadryLab/BREEDS-Benchmarks; pictures:
             ImageNet with a folder a class, named by WordNet id. All subclasses are used: source
             and target halves matter only to those who train.
folder       Zero-shot recognition: DATA is a folder with a folder of pictures a class, and
             names.json, {folder: name}, where the folders' own names will not do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from graphlib import CycleError, TopologicalSorter
from itertools import chain, combinations
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from glasskit.data.images import FolderImages, picture_name, scan_folder
from glasskit.errors import InputError
from glasskit.evaluation.concepts import recognise_labels
from glasskit.evaluation.intervals import interval, macro_mean
from glasskit.evaluation.negation import blind_wins, caption_wins
from glasskit.evaluation.retrieval import DEPTHS, retrieve, same_texts
from glasskit.io.json_files import parse_json, read_json
from glasskit.io.text_files import lines_of, read_table, read_text
from glasskit.models.features import embed_dataset_images, embed_texts
from glasskit.models.prompts import concept_vectors
from glasskit.models.vectors import TIE, mean_direction, products, unit_rows

if TYPE_CHECKING:
    from glasskit.models.glass_model import GlassModel, Progress


@dataclass(frozen=True, eq=False)
class Score:
    """One number of a benchmark: the mean of what each item gave.

    Args:
        values: (n,) one number an item, from ``lowest`` to 1.
        clusters: (n,) items of one cluster (of one picture) are not independent.
        chance: what guessing gives, where that is known.
        blind: what is reached without looking at any picture: with the mean picture instead, or
            with the best constant answer.
        groups: (n,) the mean is over the means of these groups.
        lowest: the least that a value can be.
    """

    values: np.ndarray
    clusters: np.ndarray
    chance: float | None = None
    blind: float | None = None
    groups: np.ndarray | None = None
    lowest: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """{"n", "value", "ci95", "chance", "blind"}."""
        values, span = self.values.astype(float), 1 - self.lowest
        ends = interval((values - self.lowest) / span, self.groups, clusters=self.clusters)
        mean = values.mean() if self.groups is None else macro_mean(values, self.groups)
        return {
            "n": len(self.values),
            "value": float(mean),
            "ci95": ends and [self.lowest + span * end for end in ends],
            "chance": self.chance,
            "blind": self.blind,
        }


class Seen(NamedTuple):
    """(n, L) the picture vector of each item, and (n,) the number of its picture."""

    vectors: np.ndarray
    picture: np.ndarray


See = Callable[[list[str]], Seen]
Benchmark = Callable[["GlassModel", Path, Path, See], dict[str, Score]]
"""(model, DATA, folder of pictures, see) -> scores by measure."""


def run_benchmark(
    name: str,
    model: GlassModel,
    data: str | Path,
    images: str | Path | None = None,
    *,
    features: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Score]:
    """Measure a model on one of ``BENCHMARKS``; each measure has a score.

    Args:
        data: file or folder, see the top of this module.
        images: folder of the pictures; of ``folder``, DATA itself.
        features: image features of these pictures that ship with a data set, by COCO id.
        progress: called with (done, total) pictures.

    Raises:
        InputError: an unknown benchmark, files not in its layout, a missing or broken picture.
    """
    if name not in BENCHMARKS:
        raise InputError(f"no benchmark {name!r}; choose one of {', '.join(BENCHMARKS)}")
    if images is None and name != "folder":
        raise InputError(f"{name}: give the folder of its pictures with --images")
    root = Path(data if images is None else images)
    folder = FolderImages(root)

    def see(keys: list[str]) -> Seen:
        distinct = sorted(set(keys))
        place = {key: i for i, key in enumerate(distinct)}
        vectors = embed_dataset_images(model, _Pictures(folder, distinct, features), progress)
        picture = np.array([place[key] for key in keys])
        return Seen(vectors.numpy()[picture], picture)

    return BENCHMARKS[name](model, Path(data), root, see)


@dataclass(frozen=True)
class _Pictures:
    """Pictures of a folder by name, as the feature cache asks for them."""

    images: FolderImages
    keys: list[str]
    features: Path | None

    def __len__(self) -> int:
        return len(self.keys)

    def key(self, index: int) -> str:
        return self.keys[index]

    def image(self, index: int, side: int = 0) -> Image.Image:
        return self.images.open(self.keys[index], side)

    def check(self, index: int) -> None:
        self.images.check(self.keys[index])

    def fingerprint(self, index: int) -> str:
        return self.images.fingerprint(self.keys[index])


DEPTH, THRESHOLDS = 4, 50
"""Texts of a chain of HierarCaps, and steps of its walk from general to specific."""


def _hierarcaps(model: GlassModel, data: Path, images: Path, see: See) -> dict[str, Score]:
    chains = read_hierarcaps(data)
    place = {text: i for i, text in enumerate(dict.fromkeys(t for one in chains for t in one[1:]))}
    rows = np.array([[place[text] for text in one[1:]] for one in chains])
    seen = see([one[0] for one in chains])
    texts, root = embed_texts(model, list(place)).numpy(), embed_texts(model, [""]).numpy()[0]
    scores = score_chains(seen.vectors, texts, root, rows)
    mean = np.repeat(mean_direction(seen.vectors), len(rows), axis=0)
    blind = score_chains(mean, texts, root, rows)
    return {
        "precision": Score(scores.precision, seen.picture, blind=float(blind.precision.mean())),
        "recall": Score(scores.recall, seen.picture, blind=float(blind.recall.mean())),
        "d_corr": Score(scores.tau, seen.picture, chance=0.0, lowest=-1.0),
    }


def read_hierarcaps(path: Path) -> list[tuple[str, ...]]:
    """(picture, four texts from general to specific) of each row of the official csv."""
    chains = []
    for line, row in read_table(path, ("captions", "image_url")):
        texts = [text.strip() for text in row["captions"].split("=>")]
        found = re.search(r"(\d+)\.\w+$", row["image_url"].strip())
        if len(texts) != DEPTH or not all(texts) or found is None:
            raise InputError(f"{path}: line {line} is no chain of {DEPTH} texts with a picture")
        chains.append((str(int(found[1])), *texts))
    if not chains:
        raise InputError(f"{path}: no chains in it")
    return chains


class ChainScores(NamedTuple):
    """(n,) numbers of each chain: precision, recall, Kendall's tau of its radii."""

    precision: np.ndarray
    recall: np.ndarray
    tau: np.ndarray


def score_chains(
    images: np.ndarray, texts: np.ndarray, root: np.ndarray, chains: np.ndarray
) -> ChainScores:
    """Precision, recall and radius order of every picture's chain.

    r is the text vector of the empty string, the radius of a text e is R(e) = ||e - r||. Retrieval
    walks outwards: at each of 50 thresholds from the smallest to the largest radius of the whole
    set, the pick is the best-scoring text within the threshold; one that another text ties is a
    wrong pick. Of the distinct picks: precision = |picks & truth| / |picks|, recall = levels whose
    text is picked / 4. tau = (concordant - discordant) / 6 over the 6 pairs of levels, equal radii
    counting as neither.

    Args:
        images: (n, L). texts: (t, L), one a distinct text. root: (L,) vector of the empty text.
        chains: (n, 4) rows of texts, general to specific.
    """
    images, texts = unit_rows(images, "image vectors"), unit_rows(texts, "text vectors")
    radii = np.linalg.norm(texts - unit_rows(root[None], "root vector"), axis=1)
    order = np.argsort(radii, kind="stable")
    thresholds = np.linspace(radii.min(), radii.max(), THRESHOLDS)
    ends = np.searchsorted(radii[order], thresholds + TIE, side="right")
    scores = products(images, texts[order])  # (n, t), columns by growing radius
    rows = np.arange(len(scores))
    picks = np.empty((len(scores), THRESHOLDS), dtype=np.int64)
    for step, end in enumerate(ends):
        inside = scores[:, :end]
        place = inside.argmax(axis=1)
        tied = np.count_nonzero(inside >= inside[rows, place][:, None] - TIE, axis=1) > 1
        picks[:, step] = np.where(tied, -1, order[place])
    precision, recall = np.empty((2, len(scores)))
    for i, (picked, truth) in enumerate(zip(picks.tolist(), chains.tolist(), strict=True)):
        precision[i] = len(set(picked) & set(truth)) / len(set(picked))
        recall[i] = np.mean([text in picked for text in truth])
    steps = [radii[chains[:, b]] - radii[chains[:, a]] for a, b in combinations(range(DEPTH), 2)]
    tau = np.mean([np.where(np.abs(step) <= TIE, 0.0, np.sign(step)) for step in steps], axis=0)
    return ChainScores(precision, recall, tau)


CREPE_TYPES = (
    "add_att",
    "add_obj",
    "replace_att",
    "replace_obj",
    "replace_rel",
    "swap_att",
    "swap_obj",
)


def _sugarcrepe(model: GlassModel, data: Path, images: Path, see: See) -> dict[str, Score]:
    items = read_sugarcrepe(data)
    kinds, names, true, false = (list(column) for column in zip(*items, strict=True))
    seen = see([picture_name(name)[0] for name in names])
    captions, negatives = (embed_texts(model, texts).numpy() for texts in (true, false))
    wins = caption_wins(seen.vectors, captions, negatives)
    blind = blind_wins(seen.vectors, captions, negatives)
    return crepe_scores(np.array(kinds), wins, blind, seen.picture)


def read_sugarcrepe(folder: Path) -> list[tuple[str, str, str, str]]:
    """(type, picture, caption, false caption) of each item of the official files.

    A file is named ``{type}.json``: a list, or an object whose values are the items.
    """
    items = []
    fields = ("filename", "caption", "negative_caption")
    for kind in CREPE_TYPES:
        path = folder / f"{kind}.json"
        if not path.is_file():
            continue
        rows = read_json(path)
        if not isinstance(rows, dict | list):
            raise InputError(f"{path}: the top of the file must be an object or a list of items")
        for number, row in enumerate(rows.values() if isinstance(rows, dict) else rows):
            given = [row.get(field) for field in fields] if isinstance(row, dict) else []
            texts = [text.strip() for text in given if isinstance(text, str) and text.strip()]
            if len(texts) < len(fields):
                raise InputError(f"{path}: item {number} needs the texts {', '.join(fields)}")
            items.append((kind, texts[0], texts[1], texts[2]))
    if not items:
        raise InputError(f"{folder}: none of {', '.join(f'{k}.json' for k in CREPE_TYPES)} is here")
    return items


def crepe_scores(
    kinds: np.ndarray, wins: np.ndarray, blind: np.ndarray, picture: np.ndarray
) -> dict[str, Score]:
    """Shares of wins by type, over all items, and the mean of the types; (n,) each."""

    def score(rows: np.ndarray) -> Score:
        return Score(wins[rows], picture[rows], 0.5, float(blind[rows].mean()))

    return {
        "all": score(np.ones(len(kinds), dtype=bool)),
        "macro": Score(wins, picture, 0.5, macro_mean(blind, kinds), groups=kinds),
        **{kind: score(kinds == kind) for kind in dict.fromkeys(kinds.tolist())},
    }


AXES = ("object", "scene", "action", "rationale")


def _hl(model: GlassModel, data: Path, images: Path, see: See) -> dict[str, Score]:
    """Retrieval both ways by axis, over the pictures that have captions of it."""
    pictures = read_hl(data)
    seen = see([picture_name(name)[0] for name, _ in pictures])
    out = {}
    for axis in AXES:
        rows = [i for i, (_, axes) in enumerate(pictures) if axis in axes]
        if not rows:
            continue
        captions = [pictures[i][1][axis] for i in rows]
        texts = [text for of_one in captions for text in of_one]
        owner = np.repeat(np.arange(len(rows)), [len(of_one) for of_one in captions])
        times = Counter(texts)
        right = [sum(times[text] for text in set(of_one)) for of_one in captions]
        vectors = embed_texts(model, texts).numpy()
        ranks = retrieve(seen.vectors[rows], vectors, owner, same_texts(texts))
        n, m, clusters = len(rows), len(texts), seen.picture[rows]
        for k in (k for k in DEPTHS if k < n):
            # A right caption is among k drawn at random unless all k are wrong.
            guess = float(np.mean([1 - comb(m - r, k) / comb(m, k) for r in right]))
            for way, chance in (("image_to_text", guess), ("text_to_image", k / n)):
                out[f"{axis}_{way}_r{k}"] = Score(ranks.hits(way, k), clusters, chance)
    return out


def read_hl(path: Path) -> list[tuple[str, dict[str, list[str]]]]:
    """(picture, captions by axis) of each line of a JSONL file, or item of a JSON list.

    An item is {"file_name", "captions": {axis: [...]}}; the axes may also stand beside the name.
    """
    if path.suffix.lower() == ".json":
        rows = read_json(path)
    else:
        lines = [line for line in lines_of(read_text(path, "JSON Lines")) if line.strip()]
        rows = [parse_json(line.encode(), f"{path}: line {i}") for i, line in enumerate(lines, 1)]
    pictures = []
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], start=1):
        axes = row.get("captions", row) if isinstance(row, dict) else None
        found: dict[str, list[str]] = {}
        if isinstance(axes, dict):
            found = {axis: axes[axis] for axis in AXES if axes.get(axis)}
        lists = all(isinstance(texts, list) for texts in found.values())
        texts = [row.get("file_name"), *chain(*found.values())] if found and lists else [None]
        if not all(isinstance(text, str) and text for text in texts):
            raise InputError(
                f"{path}: item {number} needs file_name and captions with lists of texts under "
                f"{', '.join(AXES)}"
            )
        pictures.append((row["file_name"], found))
    if not pictures:
        raise InputError(f"{path}: no pictures in it")
    return pictures


def _folder(model: GlassModel, data: Path, images: Path, see: See) -> dict[str, Score]:
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


def _breeds(task: Task, model: GlassModel, data: Path, images: Path, see: See) -> dict[str, Score]:
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


BENCHMARKS: dict[str, Benchmark] = {
    "hierarcaps": _hierarcaps,
    "sugarcrepe": _sugarcrepe,
    "hl": _hl,
    **{name: partial(_breeds, task) for name, task in TASKS.items()},
    "folder": _folder,
}
