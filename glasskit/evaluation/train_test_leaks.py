"""No leak from training to test: what is left out or tested is nowhere in what is trained on."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError


def check_no_leak(
    dataset: GroupedDataset, train: GroupedDataset, test: GroupedDataset, left: Collection[str]
) -> None:
    """Refuse training records that show a tested picture or quote a left-out label's caption.

    Args:
        dataset: all records, among which equal picture files are looked for.
        train, test: parts of it; labels may have been taken off the training records.
        left: labels that were left out.

    Raises:
        InputError: a tested picture is trained on, by its key or by the bytes of its file; or a
            training text equals or contains, word for word, a theme sentence of a left-out label.
    """
    trained, tested = ({record.key for record in part.records} for part in (train, test))
    for key in tested & trained:
        raise InputError(f"a leak: picture {key!r} is both trained on and tested")
    for rows in dataset.same_files:
        keys = [dataset.key(row) for row in rows]
        pair = [next((key for key in keys if key in part), None) for part in (trained, tested)]
        if None not in pair:
            raise InputError(
                "a leak: {!r} is trained on and {!r} is tested, but their files are the same byte "
                "by byte; take one of them out of the data set".format(*pair)
            )
    texts = (text for r in train.records for text in (*r.captions, r.negation or ""))
    for text, sentence in quotations(texts, own_sentences(dataset, left)):
        raise InputError(
            f"a leak: {sentence!r} is a theme sentence of a left-out label, but the training text "
            f"{text!r} contains it; reword one of them"
        )


def own_sentences(dataset: GroupedDataset, labels: Collection[str]) -> list[str]:
    """The theme captions that belong to one of these labels alone."""
    found: list[str] = []
    for record in dataset.records:
        if len(record.labels) == 1 and record.concept in labels:
            found += record.theme
        for name in record.label_themes.keys() & set(labels):
            found += record.label_themes[name]
    return found


def quotations(texts: Iterable[str], sentences: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Pairs of a text and a sentence that stands in it word for word, whatever the punctuation."""
    begins: dict[tuple[str, ...], list[tuple[list[str], str]]] = {}
    for sentence in sentences:
        words = _words(sentence)
        begins.setdefault(tuple(words[:2]), []).append((words, sentence))
    for text in texts:
        words = _words(text)
        for place in range(len(words)):
            for length in (1, 2):
                for sought, sentence in begins.get(tuple(words[place : place + length]), ()):
                    if words[place : place + len(sought)] == sought:
                        yield text, sentence


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
