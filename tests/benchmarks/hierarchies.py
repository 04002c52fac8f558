"""HierarCaps, SugarCrepe and the concept tree of the runs that `glasskit study --keep` left behind.

The mean over the seeds of a recipe, with the paired tests of a study.

Run: python -m tests.benchmarks.hierarchies RUNS DATA, with the photographs of coco-concepts and the
files of both benchmarks in DATA: coco-concepts/images, hierarcaps/hierarcaps_test.csv, sugarcrepe.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from glasskit.analysis.concept_tree import grow_tree
from glasskit.data import load_dataset
from glasskit.evaluation.benchmarks import run_benchmark
from glasskit.evaluation.comparison import Outcome
from glasskit.evaluation.study import markdown
from glasskit.evaluation.taxonomy import taxonomy_agreement
from glasskit.models import GlassModel, load_model
from glasskit.models.prompts import concept_vectors

BASES = ("untrained", "clip-on-all-captions", "grouped")


def outcomes(model: GlassModel, data: Path) -> dict[str, Outcome]:
    """What one model does on each benchmark."""
    images = data / "coco-concepts" / "images"
    chains = run_benchmark("hierarcaps", model, data / "hierarcaps/hierarcaps_test.csv", images)
    crepe = run_benchmark("sugarcrepe", model, data / "sugarcrepe", images)["all"]
    concepts = load_dataset("coco-ideas").concepts
    names = [concept.name for concept in concepts]
    vectors = concept_vectors(model, names).detach().cpu().numpy()
    tree = grow_tree(names, vectors, names, vectors)
    agreement = taxonomy_agreement(tree.branches, concepts)
    return {
        "HierarCaps": Outcome(
            {
                "precision": chains["precision"].values,
                "recall": chains["recall"].values,
                "two levels in order": (chains["d_corr"].values + 1) / 2,
            },
            chains["recall"].clusters,
        ),
        "SugarCrepe": Outcome({"caption > altered caption": crepe.values}, crepe.clusters),
        "Tree of names against the taxonomy": Outcome(
            {
                "LCA depth": agreement.lca_depth.values,
                "precision": agreement.precision.values,
                "recall": agreement.recall.values,
            },
            agreement.recall.clusters,
            "family",
        ),
    }


def mean_of(runs: list[dict[str, Outcome]]) -> dict[str, Outcome]:
    """The mean over seeds, benchmark by benchmark."""
    return {
        name: Outcome(
            {key: np.mean([run[name].values[key] for run in runs], axis=0) for key in first.values},
            first.clusters,
            first.cluster_by,
        )
        for name, first in runs[0].items()
    }


def by_recipe(runs: Path) -> Mapping[str, list[str]]:
    """The runs of each recipe; untrained first."""
    found: dict[str, list[str]] = {"untrained": ["lite0-minilm"]}
    for place in sorted(runs.iterdir()):
        found.setdefault(place.name.split("-seed")[0], []).append(str(place))
    return found


def main() -> None:
    """Print two tables a benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, help="folder of `glasskit study --keep`")
    parser.add_argument("data", type=Path, help="folder of the benchmarks' files")
    arguments = parser.parse_args()
    found = {
        recipe: mean_of([outcomes(load_model(run), arguments.data) for run in runs])
        for recipe, runs in by_recipe(arguments.runs).items()
    }
    for benchmark in found["untrained"]:
        measured = {recipe: by[benchmark] for recipe, by in found.items()}
        print(f"## {benchmark}\n\n{markdown(measured, BASES)}\n")


if __name__ == "__main__":
    main()
