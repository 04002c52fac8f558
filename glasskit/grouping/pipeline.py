"""From captions to a grouped data set in the MAGIC layout, with a report of how good it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages, ImageSource, MissingImages
from glasskit.data.magic import write_magic
from glasskit.data.magic_record import same_pictures
from glasskit.errors import InputError
from glasskit.grouping.assemble import (
    make_records,
    still_used,
    with_hard_negatives,
    with_wordnet_levels,
)
from glasskit.grouping.clusters import (
    Vectors,
    cluster,
    default_groups,
    group_means,
    photo_vectors,
)
from glasskit.grouping.endpoint import Endpoint
from glasskit.grouping.naming import assign_names, name_scores
from glasskit.grouping.quality import agreement, cohesion, loose, tightness
from glasskit.grouping.report import BuildReport, Group, to_json
from glasskit.grouping.report_markdown import to_markdown
from glasskit.grouping.settings import FILES, BuildSettings
from glasskit.grouping.sources import Photo, read_captions
from glasskit.grouping.splits import split_records
from glasskit.grouping.themes import Estimate, estimate, write_levels, write_themes
from glasskit.grouping.vocabulary import read_vocabulary
from glasskit.io.pictures import ask_each
from glasskit.io.places import atomic_folder, check_folder, write_text
from glasskit.models.features import embed_texts
from glasskit.models.glass_model import GlassModel, Progress
from glasskit.models.prompts import concept_vectors


class Built(NamedTuple):
    """The data set that was written, and its report."""

    dataset: GroupedDataset
    report: BuildReport


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
    split_records([], settings.val, settings.test, settings.seed)  # refuses bad shares at once
    photos, notes = read_captions(settings.source)
    images = _images(settings, photos)
    _refuse_same(settings, photos, images)
    vocabulary = read_vocabulary(settings.vocabulary)

    texts = [caption for photo in photos for caption in photo.captions]
    owners = [row for row, photo in enumerate(photos) for _ in photo.captions]
    unread = (
        _unread(model, texts, "captions"),
        _unread(model, vocabulary.names, "names of the vocabulary"),
    )
    vectors = photo_vectors(
        embed_texts(model, texts, progress).numpy(), owners, len(photos)
    )  # (n, L)
    wanted = settings.groups or default_groups(len(photos), len(vocabulary.concepts))
    labels = cluster(vectors, wanted, settings.smallest, settings.seed)
    left_out: dict[str, int] = {}
    firm = cohesion(vectors, labels) >= settings.cohesion
    if settings.cohesion > 0 and not firm.all():
        left_out["loose groups"] = int((~firm[labels]).sum())
        photos, vectors, labels = _only(firm, photos, vectors, labels)
    names: Vectors = concept_vectors(model, vocabulary.names).detach().cpu().numpy()
    means = group_means(vectors, labels)
    scores = name_scores(means, names)
    chosen = assign_names(scores)
    if settings.leave_out:
        kept = _not_named(settings.leave_out, [vocabulary.names[i] for i in chosen])
        for number in np.flatnonzero(~kept):
            left_out[vocabulary.names[chosen[number]]] = int((labels == number).sum())
        photos, vectors, labels = _only(kept, photos, vectors, labels)
        scores, chosen = scores[kept], chosen[kept]
    concepts = with_hard_negatives(
        [vocabulary.concepts[i] for i in chosen], names[chosen], settings.hard_negatives
    )

    records, leaks, dropped = make_records(photos, labels, concepts, settings.fix_leaks)
    concepts = still_used(concepts, records)
    concepts = with_wordnet_levels(concepts, settings.wordnet, needed=endpoint is None)
    if endpoint is not None:
        if confirm is not None:
            confirm(estimate(endpoint, concepts, records))
        concepts = write_levels(endpoint, concepts)
        records = write_themes(endpoint, concepts, records, progress)
    records = split_records(records, settings.val, settings.test, settings.seed)
    dataset = GroupedDataset(settings.out.name, tuple(concepts), tuple(records), images)

    given = [vocabulary.concepts[i].name for i in chosen]
    report = BuildReport(
        source=str(settings.source),
        model=model.name,
        vocabulary=vocabulary.name,
        endpoint=endpoint.model if endpoint is not None else None,
        seed=settings.seed,
        notes=(*notes, *filter(None, unread)),
        dataset=dataset,
        groups=_groups(
            dataset,
            [photo.key for photo in photos],
            vectors,
            labels,
            given,
            scores[np.arange(len(chosen)), chosen],
        ),
        tightness=tightness(vectors, labels, settings.seed),
        agreement=agreement([given[k] for k in labels], [photo.label for photo in photos]),
        leaks=tuple(leaks),
        fixed=settings.fix_leaks,
        dropped=dropped,
        left_out=left_out,
    )
    _write(settings.out, dataset, report)
    return Built(dataset, report)


def _unread(model: GlassModel, texts: Sequence[str], what: str) -> str:
    """A line on what the model does not read, or ""; InputError where it knows no word."""
    reading = model.reading(texts)
    if reading.nothing:
        raise InputError(reading.note(what))
    return reading.note(what)


def _check_free(settings: BuildSettings) -> None:
    check_folder(settings.out)
    there = [name for name in FILES if (settings.out / name).exists()]
    if there and not settings.overwrite:
        raise InputError(
            f"{settings.out / there[0]} is there already; say --overwrite, or choose another --out"
        )


def _images(settings: BuildSettings, photos: Sequence[Photo]) -> ImageSource:
    """The pictures; where their folder is known, every photograph must be in it and readable."""
    folder = settings.images
    if folder is None and settings.source.is_dir():
        folder = settings.source
    if folder is None:
        return MissingImages("give the folder of the pictures with --images")
    images = FolderImages(folder)
    ask_each(range(len(photos)), lambda row: images.check(photos[row].key))
    return images


def _refuse_same(settings: BuildSettings, photos: Sequence[Photo], images: ImageSource) -> None:
    """One photograph under two names would come into two splits."""
    keys = [photo.key for photo in photos]
    for row, other in same_pictures(keys, images):
        raise InputError(
            f"{settings.source}: image {keys[row]!r} stands there also as {keys[other]!r}; write "
            "one name for one picture"
        )


def _only(
    kept: NDArray[np.bool_],
    photos: Sequence[Photo],
    vectors: Vectors,
    labels: NDArray[np.int64],
) -> tuple[list[Photo], Vectors, NDArray[np.int64]]:
    """Photographs, vectors and new numbers of the groups that are kept.

    Raises:
        InputError: fewer than two are.
    """
    if kept.sum() < 2:
        raise InputError(
            f"{int(kept.sum())} of {len(kept)} concepts would be left; lower --min-cohesion, or "
            "leave out fewer"
        )
    rows = np.flatnonzero(kept[labels])
    return [photos[i] for i in rows], vectors[rows], (np.cumsum(kept) - 1)[labels[rows]]


def _not_named(leave_out: Sequence[str], names: Sequence[str]) -> NDArray[np.bool_]:
    """(K,) whether a group is kept.

    Raises:
        InputError: no group has one of the names.
    """
    unknown = sorted(set(leave_out) - set(names))
    if unknown:
        raise InputError(f"--leave-out: no concept here is named {unknown[0]!r}")
    return np.array([name not in leave_out for name in names])


def _groups(
    dataset: GroupedDataset,
    keys: Sequence[str],
    vectors: Vectors,
    labels: NDArray[np.int64],
    names: Sequence[str],
    scores: NDArray[np.float32],
) -> tuple[Group, ...]:
    """One line of the report a group; its examples are the photographs nearest to its mean."""
    records = {record.key: record for record in dataset.records}
    groups = []
    cosines = cohesion(vectors, labels)
    rows_of = zip(names, scores, cosines, loose(cosines), strict=True)
    for number, (name, score, cosine, is_loose) in enumerate(rows_of):
        rows = np.nonzero(labels == number)[0]
        nearest = rows[np.argsort(-(vectors[rows] @ vectors[rows].sum(0)), kind="stable")]
        kept = [records[keys[row]] for row in nearest if keys[row] in records]
        examples = tuple(record.literal[0] for record in kept[:2])
        groups.append(Group(name, len(kept), float(cosine), is_loose, float(score), examples))
    return tuple(groups)


def _write(out: Path, dataset: GroupedDataset, report: BuildReport) -> None:
    """Write all files under a temporary folder first, so that a stop leaves no half of a set."""
    with atomic_folder(out) as scratch:
        write_magic(dataset, scratch / FILES[0])
        write_text(scratch / FILES[2], to_markdown(report))
        write_text(scratch / FILES[3], to_json(report))
