"""The tree of coco-ideas by the runs that `glasskit study --keep` left, against the taxonomy.

The mean over the seeds of a recipe, with the paired tests of a study.

Run: python -m tests.benchmarks.trees RUNS
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import numpy as np

from glasskit.analysis.concept_tree import grow_tree
from glasskit.data import load_dataset
from glasskit.evaluation.comparison import Outcome
from glasskit.evaluation.study import markdown
from glasskit.evaluation.taxonomy import TreeAgreement, taxonomy_agreement
from glasskit.models import load_model
from glasskit.models.prompts import concept_vectors

BASES = ("untrained", "clip-on-all-captions", "grouped")


def agreement(model: str) -> TreeAgreement:
    """How well the tree of one model agrees with the taxonomy."""
    concepts = load_dataset("coco-ideas").concepts
    names = [concept.name for concept in concepts]
    vectors = concept_vectors(load_model(model), names).detach().cpu().numpy()
    return taxonomy_agreement(grow_tree(names, vectors, names, vectors).branches, concepts)


def outcome(models: list[str]) -> Outcome:
    """The mean over runs."""
    found = [agreement(model) for model in models]
    values = {
        field.name: np.mean([getattr(one, field.name).values for one in found], axis=0)
        for field in fields(TreeAgreement)
    }
    return Outcome(values, found[0].recall.clusters, "ancestor")


def main() -> None:
    """Print the two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, help="folder of `glasskit study --keep`")
    recipes = {"untrained": ["lite0-minilm"]}
    for run in sorted(parser.parse_args().runs.iterdir()):
        recipes.setdefault(run.name.split("-seed")[0], []).append(str(run))
    print(markdown({name: outcome(models) for name, models in recipes.items()}, BASES))


if __name__ == "__main__":
    main()
