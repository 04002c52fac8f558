"""Benchmarks of captions: HierarCaps, SugarCrepe and HL; their files stand in ``benchmarks``."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain, combinations
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glasskit.data.images import picture_name
from glasskit.errors import InputError
from glasskit.evaluation.monotonicity import monotone_score
from glasskit.evaluation.negation import blind_wins, caption_wins
from glasskit.evaluation.retrieval import DEPTHS, retrieve, same_texts
from glasskit.evaluation.score import Score, See
from glasskit.io.json_files import parse_json, read_json
from glasskit.io.text_files import lines_of, read_table, read_text
from glasskit.models.features import embed_texts
from glasskit.models.vectors import TIE, mean_direction, products, unit_rows

if TYPE_CHECKING:
    from glasskit.models.glass_model import GlassModel

DEPTH, THRESHOLDS = 4, 50
"""Texts of a chain of HierarCaps, and steps of its walk from general to specific."""


def hierarcaps(model: GlassModel, data: Path, images: Path, see: See) -> dict[str, Score]:
    """Precision and recall of every picture's chain, the order of its radii, and ``monotonicity``
    of its picture's cosines, from general to specific."""
    chains = read_hierarcaps(data)
    place = {text: i for i, text in enumerate(dict.fromkeys(t for one in chains for t in one[1:]))}
    rows = np.array([[place[text] for text in one[1:]] for one in chains])
    seen = see([one[0] for one in chains])
    texts, root = embed_texts(model, list(place)).numpy(), embed_texts(model, [""]).numpy()[0]
    scores = score_chains(seen.vectors, texts, root, rows)
    mean = np.repeat(mean_direction(seen.vectors), len(rows), axis=0)
    blind = score_chains(mean, texts, root, rows)
    return {
        "precision": Score(scores.precision, seen.picture, blind=blind.precision),
        "recall": Score(scores.recall, seen.picture, blind=blind.recall),
        "d_corr": Score(scores.tau, seen.picture, chance=0.0, lowest=-1.0),
        "monotonicity": monotone_score(seen.vectors, texts, rows, seen.picture),
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


def sugarcrepe(model: GlassModel, data: Path, images: Path, see: See) -> dict[str, Score]:
    """Shares of pictures nearer to their caption than to the false one, by type."""
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
        return Score(wins[rows], picture[rows], 0.5, blind[rows])

    return {
        "all": score(np.ones(len(kinds), dtype=bool)),
        "macro": Score(wins, picture, 0.5, blind, groups=kinds),
        **{kind: score(kinds == kind) for kind in dict.fromkeys(kinds.tolist())},
    }


AXES = ("object", "scene", "action", "rationale")


def hl(model: GlassModel, data: Path, images: Path, see: See) -> dict[str, Score]:
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
            guess = np.array([1 - comb(m - r, k) / comb(m, k) for r in right])
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
