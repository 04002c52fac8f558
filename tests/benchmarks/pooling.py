"""Heads over the tokens of frozen towers: mean, attention and hierarchy-aware pooling, side by side
with the plain head and the entailment objectives.

Every row trains on the same groups of coco-ideas with the same seeds and the settings of
`glasskit train`, with the grouped loss, and is measured on the same test pictures. Tokens of
pictures and texts are computed once and held in memory (float16, half a gigabyte).

Run: python -m tests.benchmarks.pooling FOLDER, with the photographs of coco-concepts in FOLDER.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import glasskit
from glasskit.data.grouped import GroupedDataset
from glasskit.data.schema import LEVELS
from glasskit.evaluation.comparison import Outcome
from glasskit.evaluation.embeddings import EvaluationVectors, sentences_of
from glasskit.evaluation.evaluate import measure_embeddings
from glasskit.evaluation.study import MEASURES, markdown, study
from glasskit.models import GlassModel, load_model
from glasskit.models.embedding import unit_array
from glasskit.models.grid_head import AttentionPool, HierarchyPool, MeanPool, word_features
from glasskit.models.prompts import pool_prompts, prompts
from glasskit.training import TrainConfig
from glasskit.training.batches import Batches, Encoded, grouped
from glasskit.training.config import DEFAULT_MEMBERS, filled
from glasskit.training.optim import L2SP, build_optimizer, rate_at
from glasskit.training.run import objective_of
from glasskit.training.words import caption_words

SEEDS = (0, 1, 2)
BESIDE = {name: {"objective": name} for name in ("grouped", "entailment", "entailment-euclidean")}
GRID = (7, 7)
AT_ONCE = 64

Pools = Callable[[int, int], tuple[MeanPool, MeanPool]]
"""Widths of both towers to the pools of both sides."""

POOLS: dict[str, Pools] = {
    "mean pooling": lambda image, text: (MeanPool(), MeanPool()),
    "attention pooling": lambda image, text: (AttentionPool(image), AttentionPool(text)),
    "hierarchy-aware": lambda image, text: (HierarchyPool(image, GRID), HierarchyPool(text, None)),
}


class Tokens(NamedTuple):
    """Tokens of rows: (n, T, D) float16, and (n, T) bool which of them are there."""

    x: Tensor
    there: Tensor

    def at(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Some rows in float32, as far as any of them reaches."""
        there = self.there[rows]
        longest = int(there.sum(1).max())
        return self.x[rows, :longest].float(), there[:, :longest]


class Study:
    """Towers' tokens of a data set, from which heads are trained and measured.

    Args:
        model: with the built-in towers.
        dataset: with its photographs.
    """

    def __init__(self, model: GlassModel, dataset: GroupedDataset) -> None:
        self.model, self.dataset = model, dataset
        self.part, self.test = dataset.split("train"), dataset.split("test")
        self.words = caption_words(model, self.part)
        self.place = {record.key: row for row, record in enumerate(dataset.records)}
        self.pictures = picture_tokens(model, dataset)
        texts = [*self.batches(0).texts, *sentences_of(self.test)]
        texts += [text for level in range(1, len(LEVELS) + 1) for text in self.asked(level)]
        self.row = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        self.texts = text_tokens(model, list(self.row))

    def asked(self, level: int) -> list[str]:
        """The prompts of all labels of a level."""
        return prompts(self.dataset.labels(level))

    def config(self, seed: int) -> TrainConfig:
        """The settings of `glasskit train`, as the data want them."""
        config = TrainConfig(dataset=self.dataset.name, seed=seed)
        concepts = len(self.part.groups())
        return config.fitted(concepts, DEFAULT_MEMBERS, several=self.dataset.several)

    def batches(self, seed: int) -> Batches:
        """The steps of a run."""
        config = self.config(seed)
        groups, members = filled(config.groups_per_batch), filled(config.group_size)
        return Batches(self.part, config, groups=groups, members=members, words=self.words)

    def run(self, pools: Pools, seed: int) -> Outcome:
        """What heads do on the test pictures after one run."""
        torch.manual_seed(seed)
        config, batches = self.config(seed), self.batches(seed)
        heads = Heads(self.model, pools, filled(config.feature_dropout))
        named = dict(heads.named_parameters())
        parameters = {name: p for name, p in named.items() if p.requires_grad}
        objective = objective_of(config)
        optimizer = build_optimizer(parameters, config, torch.device("cpu"))
        l2sp = L2SP(optimizer, filled(config.trained_share))
        of_image = torch.tensor([self.place[record.key] for record in self.part.records])
        of_text = torch.tensor([self.row[text] for text in batches.texts])
        total, done = len(batches) * config.epochs, 0
        heads.train()
        for epoch in range(config.epochs):
            for rows in batches.epoch(epoch):
                for group in optimizer.param_groups:
                    group["lr"] = group["peak"] * rate_at(done, total, config)
                images = heads.images(*self.pictures.at(of_image[rows.images]))
                texts = heads.texts(*self.texts.at(of_text[rows.texts]))
                objective(grouped(Encoded(images, texts, None, None), rows)).total.backward()
                nn.utils.clip_grad_norm_(parameters.values(), config.grad_clip)
                optimizer.step()
                optimizer.zero_grad()
                l2sp.step()
                done += 1
        with l2sp.between():
            return self.measured(heads.eval())

    @torch.inference_mode()
    def measured(self, heads: Heads) -> Outcome:
        """What heads do on the test pictures."""

        def texts(sentences: Sequence[str]) -> Tensor:
            rows = torch.tensor([self.row[sentence] for sentence in sentences])
            parts = [heads.texts(*self.texts.at(some)) for some in rows.split(AT_ONCE)]
            return torch.cat(parts)

        of_image = torch.tensor([self.place[record.key] for record in self.test.records])
        parts = [heads.images(*self.pictures.at(some)) for some in of_image.split(AT_ONCE)]
        labels = {
            level: unit_array(pool_prompts(texts(asked)))
            for level in range(1, len(LEVELS) + 1)
            if (asked := self.asked(level))
        }
        place = sentences_of(self.test)
        vectors = EvaluationVectors(
            picture=unit_array(torch.cat(parts)),
            caption=unit_array(texts([record.captions[0] for record in self.test.records])),
            concept=labels[1],
            labels=labels,
            texts=unit_array(texts(list(place))),
            place=place,
        )
        return Outcome.of(measure_embeddings(vectors, self.test))


class Heads(nn.Module):
    """A model's heads behind pools over tokens.

    Args:
        model: whose heads are copied.
        pools: of both sides.
        dropout: share of the pooled features that are set to zero in training.
    """

    def __init__(self, model: GlassModel, pools: Pools, dropout: float) -> None:
        super().__init__()
        image, text = pools(model.image_width, model.text_width)
        own = copy.deepcopy((model.image_head, model.text_head))
        # The optimizer tells the sides apart by the name.
        self.model = nn.ModuleDict({"image_head": nn.ModuleList([image, own[0]])})
        self.model["text_head"] = nn.ModuleList([text, own[1]])
        self.dropout = dropout

    def images(self, x: Tensor, there: Tensor) -> Tensor:
        """(rows, T, F) -> (rows, L) unit vectors."""
        pool, head = self.model["image_head"]
        seen, fixed = head.split(pool(x, there))
        return functional.normalize(fixed + head.map(self.dropped(seen)), dim=-1)

    def texts(self, x: Tensor, there: Tensor) -> Tensor:
        """(rows, T, G) -> (rows, L) unit vectors."""
        pool, head = self.model["text_head"]
        return functional.normalize(head(self.dropped(pool(x, there))), dim=-1)

    def dropped(self, features: Tensor) -> Tensor:
        """Features, in training with a share of zeros."""
        return functional.dropout(features, self.dropout, self.training)


@torch.inference_mode()
def picture_tokens(model: GlassModel, dataset: GroupedDataset) -> Tokens:
    """(n, 49, F) the grid of every picture."""
    parts = []
    for rows in torch.arange(len(dataset)).split(AT_ONCE):
        pictures = [dataset.image(int(row), model.image_side) for row in rows]
        parts.append(model.patch_features(model.pixels(pictures)).half())
    x = torch.cat(parts)
    return Tokens(x, torch.ones(x.shape[:2], dtype=torch.bool))


def text_tokens(model: GlassModel, texts: Sequence[str]) -> Tokens:
    """(t, T, G) the tokens of every text, padded to the longest."""
    ids = model.tokens(texts)
    x = torch.zeros(*ids.shape, model.text_width, dtype=torch.float16)
    there = ids != 0
    order = there.sum(1).argsort()  # texts of like length share a batch
    for rows in order.split(AT_ONCE):
        longest = int(there[rows].sum(1).max())
        x[rows, :longest] = word_features(model, ids[rows, :longest])[0].half()
    return Tokens(x, there)


def mean_of(outcomes: Sequence[Outcome]) -> Outcome:
    """The mean over seeds, with the measures and titles of a study."""
    values = {
        title: np.mean([one.values[key] for one in outcomes], axis=0)
        for title, key in MEASURES.items()
    }
    return Outcome(values, outcomes[0].clusters, outcomes[0].cluster_by)


def main() -> None:
    """Print the two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", help="folder with the photographs of coco-concepts")
    dataset = glasskit.load_dataset("coco-ideas", images=parser.parse_args().images)
    outcomes = study(dataset, BESIDE, seeds=SEEDS)
    heads = Study(load_model("lite0-minilm"), dataset)
    for name, pools in POOLS.items():
        runs = [heads.run(pools, seed) for seed in SEEDS]
        outcomes[name] = mean_of(runs)
    print(markdown(outcomes, bases=("mean pooling", "attention pooling")))


if __name__ == "__main__":
    main()
