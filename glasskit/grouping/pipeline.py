"""From captions to a grouped data set in the MAGIC layout, with a report of how good it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glasskit.data.assemble import same_pictures
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages, ImageSource, MissingImages
from glasskit.data.magic import write_magic
from glasskit.data.schema import SPLITS, Concept, Record
from glasskit.data.vocabulary import read_vocabulary
from glasskit.errors import InputError
from glasskit.grouping.clusters import (
    Labels,
    Vectors,
    assign_names,
    cluster,
    default_groups,
    group_means,
    joined,
    name_scores,
)
from glasskit.grouping.endpoint import Endpoint
from glasskit.grouping.quality import agreement, cohesions, loose, tightness
from glasskit.grouping.records import make_records, split_records
from glasskit.grouping.report import BuildReport, Group, Leaks, to_markdown
from glasskit.grouping.settings import FILES, BuildSettings
from glasskit.grouping.sources import Photo, read_captions
from glasskit.grouping.themes import Estimate, estimate, write_levels, write_themes
from glasskit.grouping.wordnet import WordNet, find_wordnet
from glasskit.io.json_files import write_json
from glasskit.io.pictures import ask_each
from glasskit.io.places import atomic_folder, check_folder, write_text
from glasskit.io.text_files import split_names
from glasskit.models.features import embed_texts
from glasskit.models.glass_model import GlassModel, Progress
from glasskit.models.prompts import concept_vectors
from glasskit.models.vectors import nearest, unit


class Built(NamedTuple):
    """The data set that was written, and its report."""

    dataset: GroupedDataset
    report: BuildReport


class Grouped(NamedTuple):
    """Photographs in their groups.

    Attributes:
        photos: n photographs.
        vectors: (n, L) what their captions mean.
        labels: (n,) the group of each, from 0 to K - 1.
    """

    photos: list[Photo]
    vectors: Vectors
    labels: Labels

    def only(self, kept: NDArray[np.bool_]) -> Grouped:
        """The photographs of the groups that are kept, (K,), numbered anew.

        Raises:
            InputError: fewer than two are.
        """
        if kept.sum() < 2:
            raise InputError(
                f"{int(kept.sum())} of {len(kept)} concepts would be left; lower --min-cohesion, "
                "or leave out fewer"
            )
        rows = np.flatnonzero(kept[self.labels])
        numbers = (np.cumsum(kept) - 1)[self.labels[rows]]
        return Grouped([self.photos[i] for i in rows], self.vectors[rows], numbers)


def build_dataset(
    settings: BuildSettings,
    model: GlassModel,
    endpoint: Endpoint | None = None,
    confirm: Callable[[Estimate], None] | None = None,
    progress: Progress | None = None,
) -> Built:
    """Group, name, caption, split, check and write a data set.

    Args:
        settings: what to build from and how.
        model: whose text side captions and names are compared with.
        endpoint: writes theme captions, and levels where nothing else has them; without it themes
            are left to the user.
        confirm: called with what the endpoint will be asked, before it is; raises to stop.
        progress: called with (done, total) while captions are embedded, and again for themes.

    Raises:
        InputError: bad captions, vocabulary or settings, an endpoint that does not answer, or a
            directory that holds an earlier build.
    """
    _check_free(settings)
    photos, notes = read_captions(settings.source)
    images = _images(settings, [photo.key for photo in photos])
    vocabulary = read_vocabulary(settings.vocabulary)
    words = [concept.name for concept in vocabulary]

    texts = [caption for photo in photos for caption in photo.captions]
    owners = np.repeat(np.arange(len(photos)), [len(photo.captions) for photo in photos])
    unread = (
        _unread(model, texts, "captions"),
        _unread(model, words, "names of the vocabulary"),
    )
    vectors = unit(group_means(embed_texts(model, texts, progress).numpy(), owners))
    wanted = settings.concepts or default_groups(len(photos), len(vocabulary))
    labels = cluster(vectors, wanted, settings.min_photos, settings.seed)
    groups = Grouped(photos, vectors, labels)
    left_out: dict[str, int] = {}
    firm = cohesions(vectors, labels) >= settings.min_cohesion
    if settings.min_cohesion > 0 and not firm.all():
        left_out["loose groups"] = int((~firm[labels]).sum())
        groups = groups.only(firm)

    names: Vectors = concept_vectors(model, words).detach().cpu().numpy()
    scores = name_scores(group_means(groups.vectors, groups.labels), names)  # (K, V)
    chosen = assign_names(scores)
    given = [words[i] for i in chosen]
    unwanted = set(split_names(settings.leave_out))
    if unknown := sorted(unwanted - set(given)):
        raise InputError(f"--leave-out: no concept here is named {unknown[0]!r}")
    if unwanted:
        kept = np.array([name not in unwanted for name in given])
        for number in np.flatnonzero(~kept):
            left_out[given[number]] = int((groups.labels == number).sum())
        groups, scores, chosen = groups.only(kept), scores[kept], chosen[kept]
        given = [words[i] for i in chosen]

    named = [given[label] for label in groups.labels]  # (n,)
    of_each = joined(groups.vectors, groups.labels, settings.labels)
    names_of_each = [[given[group] for group in own] for own in of_each]
    records, leaks = make_records(groups.photos, names_of_each, settings.fix_leaks)
    used = {label for record in records for label in record.labels}
    rows = [i for i in chosen if words[i] in used]
    concepts = with_hard_negatives(
        [vocabulary[i] for i in rows], names[rows], settings.hard_negatives
    )
    concepts = _with_wordnet_levels(concepts, settings.wordnet, needed=endpoint is None)
    if endpoint is not None:
        if confirm is not None:
            confirm(estimate(endpoint, concepts, records))
        concepts = write_levels(endpoint, concepts)
        records = write_themes(endpoint, concepts, records, progress)
    records = split_records(records, settings.val, settings.test, settings.seed)
    dataset = GroupedDataset(settings.out.name, concepts, tuple(records), images)
    themed = sum(bool(record.themes) for record in records)
    report = BuildReport(
        source=str(settings.source),
        model=model.name,
        vocabulary=str(settings.vocabulary or "built in"),
        endpoint=endpoint.model if endpoint is not None else None,
        seed=settings.seed,
        notes=(*notes, *filter(None, unread)),
        photographs=len(records),
        captions=sum(len(record.literal) for record in records),
        concepts=len(concepts),
        labels=sum(len(record.labels) for record in records),
        concepts_with_levels=sum(any(concept.levels[1:]) for concept in concepts),
        splits={split: sum(record.split == split for record in records) for split in SPLITS},
        themes={"written": themed, "missing": len(records) - themed},
        purity=tightness(groups.vectors, groups.labels, settings.seed),
        agreement=agreement(named, [photo.label for photo in groups.photos]),
        leaks=Leaks(len(leaks), settings.fix_leaks, len(named) - len(records), tuple(leaks)),
        left_out=left_out,
        groups=_described(records, groups, given, scores[np.arange(len(chosen)), chosen]),
    )
    with atomic_folder(settings.out) as scratch:
        write_magic(dataset, scratch / FILES[0])
        write_text(scratch / FILES[2], to_markdown(report))
        write_json(scratch / FILES[3], asdict(report))
    return Built(dataset, report)


def with_hard_negatives(
    concepts: Sequence[Concept], names: Vectors, count: int
) -> tuple[Concept, ...]:
    """Concepts with the ``count`` others whose names, (K, L), are nearest, the nearest first."""
    near = nearest(names, names, count, exclude_self=True).index
    return tuple(
        replace(concept, hard_negatives=tuple(concepts[i].name for i in row))
        for concept, row in zip(concepts, near, strict=True)
    )


def _check_free(settings: BuildSettings) -> None:
    check_folder(settings.out)
    there = [name for name in FILES if (settings.out / name).exists()]
    if there and not settings.overwrite:
        raise InputError(
            f"{settings.out / there[0]} is there already; say --overwrite, or choose another --out"
        )


def _images(settings: BuildSettings, keys: Sequence[str]) -> ImageSource:
    """The pictures; where their folder is known, each must be in it, readable, under one name."""
    folder = settings.images
    if folder is None and settings.source.is_dir():
        folder = settings.source
    if folder is None:
        images: ImageSource = MissingImages("give the folder of the pictures with --images")
    else:
        images = files = FolderImages(folder)
        ask_each(range(len(keys)), lambda row: files.check(keys[row]))
    for row, other in same_pictures(keys, images):  # it would come into two splits
        raise InputError(
            f"{settings.source}: image {keys[row]!r} stands there also as {keys[other]!r}; write "
            "one name for one picture"
        )
    return images


def _unread(model: GlassModel, texts: Sequence[str], what: str) -> str:
    """A line on what the model does not read, or ""; InputError where it knows no word."""
    reading = model.reading(texts)
    if reading.nothing:
        raise InputError(reading.note(what))
    return reading.note(what)


def _with_wordnet_levels(
    concepts: tuple[Concept, ...], folder: Path | None, needed: bool
) -> tuple[Concept, ...]:
    """Levels from WordNet for concepts that have none.

    One that is only found on the machine is asked when no endpoint will be; one that the user names
    is always asked, and must be there.
    """
    complete = all(any(concept.levels[1:]) for concept in concepts)
    if folder is None and (complete or not needed or find_wordnet() is None):
        return concepts
    net = WordNet(folder)
    return tuple(c if any(c.levels[1:]) else net.place(c) for c in concepts)


def _described(
    records: Sequence[Record], groups: Grouped, names: Sequence[str], scores: Vectors
) -> tuple[Group, ...]:
    """One line of the report a group; its examples are the photographs nearest to its mean."""
    by_key = {record.key: record for record in records}
    keys = [photo.key for photo in groups.photos]
    cosines = cohesions(groups.vectors, groups.labels)
    described = []
    for number, is_loose in enumerate(loose(cosines)):
        rows = np.flatnonzero(groups.labels == number)
        own = groups.vectors[rows]
        near = rows[np.argsort(-(own @ own.sum(0)), kind="stable")]
        kept = [by_key[keys[row]] for row in near if keys[row] in by_key]
        joined_by = sum(names[number] in record.labels[1:] for record in records)
        described.append(
            Group(
                concept=names[number],
                photographs=len(kept) + joined_by,
                within=float(cosines[number]),
                loose=bool(is_loose),
                score=float(scores[number]),
                examples=tuple(record.literal[0] for record in kept[:2]),
            )
        )
    return tuple(described)
