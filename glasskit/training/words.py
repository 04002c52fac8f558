"""Words of a general vocabulary as a picture's captions: a weak label that names no label.

A caption such as "a skier glides down a slope" is near to words like "winter cold" or "thrill".
Drawn as captions beside the sentences, they show the text side that one word may stand for a
picture, as a label's name does when it is asked for later. On coco-ideas that adds 1.3 points of
average precision on ideas that were grouped (0.7 to 1.9) and 1.0 on ideas never grouped (0.3 to
1.7); `tests/benchmarks/results/ideas.md` has the table.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.data.leaks import leaked_words
from glasskit.data.vocabulary import vocabulary_names
from glasskit.models import GlassModel
from glasskit.models.features import embed_texts
from glasskit.models.prompts import TEMPLATES, concept_vectors
from glasskit.models.standard import Standard, label_scores
from glasskit.models.vectors import unit

WORDS = 5
"""Words of a picture."""


def caption_words(model: GlassModel, dataset: GroupedDataset) -> list[tuple[str, ...]]:
    """Sentences with the vocabulary words that each record's captions are unusually near to.

    A record's vector is the mean of its literal and theme captions' vectors, without themes of one
    label; near is its standard score over the records (`models.standard`), so that a word that is
    near to every caption is nobody's. No word shares a stem with the name of a label of the
    taxonomy, whether that is trained on or not: names stay unread. Each word stands in one of the
    templates that names are asked with (`models.prompts`), in another one for the next record.

    Args:
        model: before training.
        dataset: n records.

    Returns:
        n times ``WORDS`` sentences, the nearest word first; fewer where the vocabulary has no more.
    """
    words = free_words(dataset.labels(1))
    texts = [(*record.literal, *record.theme) for record in dataset.records]
    vectors = unit(embed_texts(model, [text for own in texts for text in own]).cpu().numpy())
    ends = np.cumsum([len(own) for own in texts])[:-1]
    means = unit(np.stack([part.sum(axis=0) for part in np.split(vectors, ends)]))
    names = concept_vectors(model, words).detach().cpu().numpy()
    scores = label_scores(means, names, Standard.over(means, names))
    nearest = np.argsort(-scores, axis=1, kind="stable")[:, :WORDS]
    return [
        tuple(
            TEMPLATES[(record + place) % len(TEMPLATES)].format(words[word])
            for place, word in enumerate(row)
        )
        for record, row in enumerate(nearest)
    ]


def free_words(labels: Sequence[str]) -> list[str]:
    """The words of the built-in vocabulary that share no stem with any of these labels."""
    return [name for name in vocabulary_names() if not leaked_words(name, labels)]
