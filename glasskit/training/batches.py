"""From an epoch's plan to the tensors of each step, and from encoded rows to a GroupedBatch.

The plan, which pictures make a batch, is drawn by `glasskit.data.sampler.GroupSampler`.

Letters: M groups of this process (in a plan: of all), N members a group, B = M N pairs, L width,
K noun phrases.

A step encodes one stack of image rows and one stack of text rows. Image rows are the B pictures,
then the B negative pictures where the objective needs them; text rows are the B captions, then the
paraphrases, the negations, the general sentences, the altered captions and the K phrases, as far as
they are needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from glasskit.data.altered import altered
from glasskit.data.captions import CaptionTable
from glasskit.data.grouped import GroupedDataset
from glasskit.data.sampler import EpochPlan, GroupSampler
from glasskit.errors import InputError
from glasskit.losses.batch import GroupedBatch
from glasskit.losses.objectives import OBJECTIVES
from glasskit.training.config import TrainConfig, filled

TEXT_EXTRAS = ("paraphrase", "negation", "general", "altered")


class Rows(NamedTuple):
    """What one step encodes, as indices, and where each encoded row belongs.

    Args:
        images: (B,) or (2 B,) indices of records.
        texts: indices into ``Batches.texts``.
        groups: M.
        members: N.
        extras: which of paraphrase, negation, general, altered, negative_image, phrases, patches
            are in the rows.
        phrase_owner: (K,) row 0 .. B - 1 of the pair that each phrase is from.
        image_places: (image rows,) where each stands among those of all processes.
        text_places: (text rows,) likewise.
        whole: image rows and text rows of all processes.
        labels: (M, N, C) bool: which of the C labels that the step's groups are made of each pair
            carries; None where pictures have one label, or the objective looks at single pairs.
    """

    images: Tensor
    texts: Tensor
    groups: int
    members: int
    extras: tuple[str, ...]
    phrase_owner: Tensor
    image_places: Tensor
    text_places: Tensor
    whole: tuple[int, int]
    labels: Tensor | None = None


class Encoded(NamedTuple):
    """Encoded rows of a step.

    Args:
        images: (image rows, L).
        texts: (text rows, L).
        patches: (image rows, P, L) or None.
        logit_scale: () log of the learned inverse temperature, or None.
    """

    images: Tensor
    texts: Tensor
    patches: Tensor | None
    logit_scale: Tensor | None


class Batches:
    """The steps of a part of the data set, epoch by epoch, for one process of several.

    Args:
        dataset: the records of the part.
        config: sizes, caption weights and seed.
        needs: what the objective needs beyond pictures and captions.
        groups: M over all processes.
        members: N.
        rank: this process.
        world: how many processes there are.
        words: of each record, where the config gives them a weight (`training.words`).

    Raises:
        InputError: M does not split over the processes, a size does not fit the data, or the data
            lacks what the objective needs.
    """

    def __init__(
        self,
        dataset: GroupedDataset,
        config: TrainConfig,
        needs: tuple[str, ...] = (),
        *,
        groups: int,
        members: int,
        rank: int = 0,
        world: int = 1,
        words: Sequence[Sequence[str]] | None = None,
    ) -> None:
        if groups % world:
            raise InputError(
                f"groups_per_batch {groups}: whole groups go to each of {world} processes; "
                f"choose a multiple of {world}"
            )
        self.dataset, self.needs = dataset, needs
        self.rank, self.share = rank, groups // world
        self.captions = CaptionTable(
            dataset,
            config.literal_weight,
            filled(config.paraphrase_weight),
            filled(config.theme_weight),
            config.word_weight or 0.0,
            words,
        )
        self.sampler = GroupSampler(
            dataset, groups, members, self.captions, config.hard_negative_share, config.seed
        )
        # CLIP and the like know nothing of groups: every other caption is a negative of theirs.
        self.labelled = dataset.several and not OBJECTIVES[config.objective].single_pairs
        self.texts = list(self.captions.texts)
        _check_needs(dataset, needs, config)
        if "negation" in needs:
            self.first_negation = len(self.texts)
            self.texts += [record.negation or "" for record in dataset.records]
        if "altered" in needs:
            self.first_altered = len(self.texts)
            found = altered([record.literal[0] for record in dataset.records])
            self.texts += [text for own in found for text in own]
        if "phrases" in needs:
            self._add_phrases()

    def __len__(self) -> int:
        """Steps an epoch."""
        return len(self.sampler)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Rows]:
        """The steps of one epoch from ``start`` on."""
        plan = self.sampler.plan(epoch)
        return (self.rows(plan, step) for step in range(start, len(plan)))

    def rows(self, plan: EpochPlan, step: int) -> Rows:
        """What this process encodes in one step of a plan."""
        own = slice(self.rank * self.share, (self.rank + 1) * self.share)
        records, captions = plan.records[step], plan.captions[step]  # (M, N) of all processes
        images, texts = [records], [captions]
        if "negative_image" in self.needs:
            images.append(plan.opposites[step])
        if "paraphrase" in self.needs:
            texts.append(plan.paraphrases[step])
        if "negation" in self.needs:
            texts.append(self.first_negation + records)
        if "general" in self.needs:
            texts.append(plan.generals[step])
        if "altered" in self.needs:  # the rules take turns, so that a picture meets each of them
            texts.append(self.first_altered + 3 * records + (captions + step) % 3)
        image, image_places = _share(images, own)
        text, text_places = _share(texts, own)
        whole = (records.size * len(images), records.size * len(texts))
        owner = np.empty(0, dtype=np.int64)
        if "phrases" in self.needs:
            phrases = [self.phrases[caption] for caption in captions.ravel()]
            owner = np.repeat(np.arange(captions.size), [len(p) for p in phrases])
            first, members = own.start * captions.shape[1], self.share * captions.shape[1]
            mine = (owner >= first) & (owner < first + members)
            text = np.concatenate([text, np.concatenate(phrases)[mine]])
            text_places = np.concatenate([text_places, whole[1] + np.flatnonzero(mine)])
            whole = (whole[0], whole[1] + len(owner))
            owner = owner[mine] - first
        return Rows(
            torch.from_numpy(image),
            torch.from_numpy(text),
            self.share,
            records.shape[1],
            self.needs,
            torch.from_numpy(owner),
            torch.from_numpy(image_places),
            torch.from_numpy(text_places),
            whole,
            self._labels(records[own], plan.concepts[step]) if self.labelled else None,
        )

    def _labels(self, records: np.ndarray, labels: np.ndarray) -> Tensor:
        """(M, N, C) bool: which of these labels the records carry."""
        carried = self.dataset.carries(records.ravel(), labels)
        return torch.from_numpy(carried.reshape(*records.shape, -1))

    def _add_phrases(self) -> None:
        from glasskit.data.phrases import noun_phrases

        found = [noun_phrases(text) for text in self.captions.texts]
        distinct = list(dict.fromkeys(phrase for own in found for phrase in own))
        if not distinct:
            raise InputError(f"no caption of {self.dataset.name!r} has a noun phrase")
        place = {phrase: len(self.texts) + row for row, phrase in enumerate(distinct)}
        self.texts += distinct
        self.phrases = [np.array([place[p] for p in own], dtype=np.int64) for own in found]


def _share(stacks: list[np.ndarray], own: slice) -> tuple[np.ndarray, np.ndarray]:
    """One process's rows of stacks of (M, N), one after the other, and the places they have."""
    whole = np.stack(stacks)
    places = np.arange(whole.size).reshape(whole.shape)
    return whole[:, own].ravel(), places[:, own].ravel()


def grouped(encoded: Encoded, rows: Rows) -> GroupedBatch:
    """Encoded rows as the batch that objectives take."""
    shape = (rows.groups, rows.members, -1)
    pairs = rows.groups * rows.members
    fields: dict[str, Any] = {"logit_scale": encoded.logit_scale}
    fields["image"] = encoded.images[:pairs].reshape(shape)
    fields["text"] = encoded.texts[:pairs].reshape(shape)
    if rows.labels is not None:
        fields["labels"] = rows.labels.to(encoded.images.device)
    if "negative_image" in rows.extras:
        fields["negative_image"] = encoded.images[pairs:].reshape(shape)
    place = pairs
    for name in TEXT_EXTRAS:
        if name in rows.extras:
            fields[name] = encoded.texts[place : place + pairs].reshape(shape)
            place += pairs
    if "phrases" in rows.extras:
        fields["phrases"] = encoded.texts[place:]
        fields["phrase_owner"] = rows.phrase_owner.to(encoded.texts.device)
    if encoded.patches is not None:
        fields["patches"] = encoded.patches[:pairs].unflatten(0, shape[:2])
    return GroupedBatch(**fields)


def _check_needs(dataset: GroupedDataset, needs: tuple[str, ...], config: TrainConfig) -> None:
    """Refuse an objective for which the data lacks something; the line says what and where."""
    # A theme caption, where only those are drawn, may have the only literal one as its paraphrase.
    literal = 2 if config.literal_weight or config.paraphrase_weight else 1
    lacking = {
        "theme caption": [record.key for record in dataset.records if not record.themes],
        "negation": [record.key for record in dataset.records if record.negation is None],
        "paraphrase": [record.key for record in dataset.records if len(record.literal) < literal],
        "literal caption": [record.key for record in dataset.records if not record.literal],
    }
    called = {"general": "theme caption", "altered": "literal caption"}
    asked = [called.get(name, name) for name in needs]
    for name, without in lacking.items():
        if name in asked and without:
            raise InputError(
                f"objective {config.objective!r} needs a {name} of every record; {len(without)} of "
                f"{len(dataset)} in {dataset.name!r} have none, first {without[0]!r}"
            )
    if "patches" in needs and config.mode in ("head", "text"):
        raise InputError(
            f"objective {config.objective!r} needs patch tokens, which mode {config.mode!r} does "
            "not compute; choose mode full, image or lora"
        )
