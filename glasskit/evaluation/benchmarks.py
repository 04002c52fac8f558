"""Benchmarks: `glasskit benchmark NAME DATA --images DIR`, or several NAME=DATA in one report.

Published ones, from files that the user has:

hierarcaps   HierarCaps (arXiv 2407.08521): from general to specific along a chain of captions.
             DATA: hierarcaps_test.csv of github.com/TAU-VAILab/hierarcaps; pictures: COCO val2014.
sugarcrepe   SugarCrepe (arXiv 2306.14610): a caption against a fluent false one. DATA: folder of
             the seven files of github.com/RAIVNLab/sugar-crepe; pictures: COCO val2017. An item
             whose picture is missing is an error.
hl           HL (arXiv 2302.12189): captions of scene, action and rationale. DATA: test.jsonl of
             huggingface.co/datasets/michelecafagna26/hl; pictures: COCO train2014.
entity13, entity30, living17, nonliving26
             BREEDS (arXiv 2008.04859): ImageNet's classes under superclasses. DATA: the folder
             imagenet_class_hierarchy/modified of github.com/MadryLab/BREEDS-Benchmarks; pictures:
             ImageNet with a folder a class, named by WordNet id. All subclasses are used: source
             and target halves matter only to those who train.
folder       Zero-shot recognition: DATA is a folder with a folder of pictures a class, and
             names.json, {folder: name}, where the folders' own names will not do.

Of a data set of the kit's, by name or file (`load_dataset`):

labels       Recognition of its labels on its test pictures.
long         Whether pictures come nearer to their captions, the more is read (`monotonicity`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from glasskit.data import load_dataset
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages
from glasskit.data.schema import Record
from glasskit.errors import InputError
from glasskit.evaluation import caption_benchmarks, class_benchmarks
from glasskit.evaluation.class_benchmarks import TASKS
from glasskit.evaluation.label_benchmark import labels
from glasskit.evaluation.monotonicity import long_captions
from glasskit.evaluation.score import Score, See, Seen
from glasskit.models.features import embed_dataset_images

if TYPE_CHECKING:
    from glasskit.models.glass_model import GlassModel, Progress


def run_benchmark(
    name: str,
    model: GlassModel,
    data: str | Path,
    images: str | Path | None = None,
    *,
    progress: Progress | None = None,
) -> dict[str, Score]:
    """Measure a model on one of ``BENCHMARKS`` or ``OF_DATASETS``; each measure has a score.

    Args:
        data: file, folder or data set, see the top of this module.
        images: folder of the pictures; of ``folder``, DATA itself; of a data set, as it says.
        progress: called with (done, total) pictures.

    Raises:
        InputError: an unknown benchmark, files not in its layout, a missing or broken picture.
    """
    check_benchmark(name, images)
    if name in OF_DATASETS:
        return OF_DATASETS[name](model, load_dataset(data, images), progress)
    root = Path(data if images is None else images)
    folder = FolderImages(root)

    def see(keys: list[str]) -> Seen:
        distinct = sorted(set(keys))
        place = {key: i for i, key in enumerate(distinct)}
        records = tuple(Record(key, labels=("",), literal=()) for key in distinct)
        vectors = embed_dataset_images(model, GroupedDataset(name, (), records, folder), progress)
        return Seen(vectors.numpy()[[place[key] for key in keys]], np.array(keys))

    return BENCHMARKS[name](model, Path(data), root, see)


def check_benchmark(name: str, images: str | Path | None) -> None:
    """Raise InputError where there is no such benchmark, or it lacks its folder of pictures."""
    if name not in BENCHMARKS and name not in OF_DATASETS:
        known = ", ".join((*BENCHMARKS, *OF_DATASETS))
        raise InputError(f"no benchmark {name!r}; choose one of {known}")
    if images is None and name in BENCHMARKS and name != "folder":
        raise InputError(f"{name}: give the folder of its pictures with --images")


Benchmark = Callable[["GlassModel", Path, Path, See], dict[str, Score]]
"""(model, DATA, folder of pictures, see) -> scores by measure."""

BENCHMARKS: dict[str, Benchmark] = {
    "hierarcaps": caption_benchmarks.hierarcaps,
    "sugarcrepe": caption_benchmarks.sugarcrepe,
    "hl": caption_benchmarks.hl,
    **{name: partial(class_benchmarks.breeds, task) for name, task in TASKS.items()},
    "folder": class_benchmarks.folders,
}

OF_DATASETS: dict[
    str, Callable[[GlassModel, GroupedDataset, Progress | None], dict[str, Score]]
] = {"labels": labels, "long": long_captions}
"""(model, data set, progress) -> scores by measure."""
