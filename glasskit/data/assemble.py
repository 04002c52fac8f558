"""The records that a reader finds become a data set: joined, checked, with their taxonomy.

A picture that stands under several concepts is one record with several labels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FileSource, ImageSource, picture_name
from glasskit.data.schema import LEVELS, Concept, Levels, Record
from glasskit.errors import InputError
from glasskit.io.text_files import refuse_twins, suggestion


class Found(NamedTuple):
    """A record as one place of a file has it.

    Attributes:
        record: with the labels that are known there.
        concept: the one of its labels that it stands under there.
        levels: of that concept, as the place names them; None where the taxonomy alone does.
        where: begins the line of an error.
    """

    record: Record
    concept: str
    levels: Levels | None
    where: str


def assemble(
    file: str | Path,
    name: str,
    found: Iterable[Found],
    images: ImageSource,
    taxonomy: Mapping[str, Concept],
    hard_negatives: Mapping[str, tuple[str, ...]] | None = None,
) -> GroupedDataset:
    """A data set of the records that a reader finds, whatever the layout.

    Args:
        file: begins the line of an error.
        name: of the data set.
        found: the records; those of one picture are joined.
        images: where the pictures come from.
        taxonomy: concepts that are known beforehand; it may have some without a picture. Where it
            is empty, whatever label comes is a concept.
        hard_negatives: of concepts, filled while ``found`` is read; by default the taxonomy's.

    Raises:
        InputError: a record does not fit the others; the line names it.
    """
    levels: dict[str, Levels] = {name: concept.levels for name, concept in taxonomy.items()}
    places: list[Found] = []
    for item in found:
        places.append(item)
        if item.levels is not None:
            _merge_levels(levels, item.levels, f"{item.where}, image {item.record.key!r}")
    if not taxonomy:
        for label in (label for item in places for label in item.record.labels):
            levels.setdefault(label, (label, None, None, None))
    near = {name: concept.hard_negatives for name, concept in taxonomy.items()}
    near |= hard_negatives or {}
    concepts = tuple(
        Concept(
            levels.get(name, (name, None, None, None)),
            taxonomy[name].guide if name in taxonomy else "",
            near.get(name, ()),
        )
        for name in dict.fromkeys([*levels, *near])
    )
    if not places:
        raise InputError(f"{file}: there is no picture in it")
    records = tuple(_join(same) for same in _by_picture(places, images))
    _check(file, concepts, records)
    return GroupedDataset(name=name, concepts=concepts, records=records, images=images)


def join(first: GroupedDataset, second: GroupedDataset) -> GroupedDataset:
    """Two sets of labels of the same pictures as one, such as coco-ideas and coco-concepts.

    A picture keeps its labels of the first, followed by those of the second. A concept that both
    have is one, with the levels of the first.

    Raises:
        InputError: a picture is in another split of the second.
    """
    known = {concept.name for concept in first.concepts}
    concepts = first.concepts + tuple(c for c in second.concepts if c.name not in known)
    places = [
        Found(record, record.concept, None, dataset.name)
        for dataset in (first, second)
        for record in dataset.records
    ]
    same = _by_picture(places, first.images, once=False)
    records = tuple(_join(of_one) for of_one in same)
    name = f"{first.name}+{second.name}"
    return replace(first, name=name, concepts=concepts, records=records)


def _by_picture(
    places: Sequence[Found], images: ImageSource, once: bool = True
) -> Iterator[list[Found]]:
    """The places of each picture, in the order of first appearance.

    Args:
        places: of all pictures.
        images: where they come from.
        once: refuse a picture that stands twice under one concept.
    """
    keys = list(dict.fromkeys(place.record.key for place in places))
    first = dict(zip(keys, keys, strict=True))
    for row, before in same_pictures(keys, images):
        first[keys[row]] = first[keys[before]]
    by_key: dict[str, list[Found]] = {key: [] for key in keys if first[key] == key}
    for place in places:
        same = by_key[first[place.record.key]]
        if once and place.concept in [before.concept for before in same]:
            raise InputError(
                f"{place.where}, image {place.record.key!r}: the picture stands twice under "
                f"{place.concept!r}"
            )
        same.append(place)
    return iter(by_key.values())


def _join(places: Sequence[Found]) -> Record:
    """One record of its places; a theme caption that not all of them have is its label's."""
    if len(places) == 1:
        return places[0].record
    records = [place.record for place in places]
    one = records[0]
    for place in places[1:]:
        where, other = f"{place.where}, image {place.record.key!r}", place.record
        if other.split != one.split:
            raise InputError(
                f"{where}: it is in the {other.split} split here and in the {one.split} split at "
                f"{places[0].where}; a picture has one split"
            )
        if other.cluster != one.cluster:
            raise InputError(f"{where}: 'cluster' is {other.cluster!r}, elsewhere {one.cluster!r}")
    labels = _union(record.labels for record in records)
    everywhere = set(one.theme).intersection(*(record.theme for record in records[1:]))
    themes: dict[str, tuple[str, ...]] = {}
    for concept, record in [(place.concept, place.record) for place in places]:
        own = tuple(text for text in record.theme if text not in everywhere)
        for label, texts in [*record.label_themes.items(), *([(concept, own)] if own else [])]:
            themes[label] = _union([themes.get(label, ()), texts])
    also = _union(record.also for record in records)
    return replace(
        one,
        labels=labels,
        literal=_union(record.literal for record in records),
        theme=tuple(text for text in one.theme if text in everywhere),
        label_themes=themes,
        also=tuple(name for name in also if name not in labels),
        not_labels=_union(record.not_labels for record in records),
        negation=next((r.negation for r in records if r.negation is not None), None),
    )


def _union(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for part in parts for text in part))


def _merge_levels(levels: dict[str, Levels], own: Levels, where: str) -> None:
    """Keep what a record says of its concept's levels; two that differ are an error."""
    name, *known = levels.get(own[0], own)
    for level, old, new in zip(LEVELS[1:], known, own[1:], strict=True):
        if old is not None and new is not None and old != new:
            raise InputError(f"{where}: {level} is {new!r}, elsewhere it is {old!r}")
    second, third, fourth = (old or new for old, new in zip(known, own[1:], strict=True))
    levels[name] = (name, second, third, fourth)


def _check(file: Path | str, concepts: Sequence[Concept], records: Sequence[Record]) -> None:
    """Rules that need the whole data set; InputError names ``file`` and the record."""
    names = {concept.name for concept in concepts}
    refuse_twins((concept.name for concept in concepts), str(file))
    for concept in concepts:
        where = f"{file}: concept {concept.name!r}"
        if concept.name in concept.hard_negatives:
            raise InputError(f"{where}: it is its own hard negative")
        _check_names(concept.hard_negatives, names, where, "hard negative")
    for record in records:
        where = f"{file}: concept {record.concept!r}, image {record.key!r}"
        _check_names(record.labels, names, where, "label")
        _check_names(record.also, names, where, "'also' name")
        _check_names(record.not_labels, names, where, "'not_labels' name")
        both = [name for name in record.not_labels if name in record.labels]
        if both:
            raise InputError(f"{where}: {both[0]!r} is among its labels and its 'not_labels'")


def _check_names(found: Sequence[str], known: Collection[str], where: str, what: str) -> None:
    for name in found:
        if name not in known:
            near = suggestion(name, known)
            raise InputError(f"{where}: {what} {name!r} is not a concept{near}")


def same_pictures(keys: Sequence[str], images: ImageSource) -> Iterator[tuple[int, int]]:
    """(row, an earlier row) of keys that name one picture, however they are written.

    Two keys that are one name (`images.picture_name`) may be two files; these are two pictures.
    """
    seen: dict[str, list[tuple[str, int]]] = {}
    for row, key in enumerate(keys):
        name, ending = picture_name(key)
        for other_ending, other in seen.setdefault(name, []):
            # p1 may be p1.jpg or p1.png, which are two.
            may_be_one = ending == other_ending or not (ending and other_ending)
            if may_be_one and not (
                isinstance(images, FileSource) and images.differ(key, keys[other])
            ):
                yield row, other
        seen[name].append((ending, row))
