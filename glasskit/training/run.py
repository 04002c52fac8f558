"""`train`: from settings to a run directory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import Tensor

from glasskit.data.grouped import GroupedDataset
from glasskit.data.sampler import group_pools
from glasskit.errors import InputError
from glasskit.io.pictures import ask_each
from glasskit.losses.base import Objective
from glasskit.losses.objectives import build_objective, settings_of
from glasskit.models import GlassModel, load_model
from glasskit.models.features import image_features, text_features
from glasskit.models.glass_model import Progress
from glasskit.models.prompts import prompts
from glasskit.models.reading import tell_unread
from glasskit.training.batches import Batches
from glasskit.training.config import TrainConfig, filled
from glasskit.training.distributed import (
    agreed,
    clear_errors,
    restored_state,
    same_everywhere,
    start_accelerator,
)
from glasskit.training.encoders import HeadEncoder, TowerEncoder, build_encoder, left_as_found
from glasskit.training.fingerprints import frozen_key, pictures_key, records_key
from glasskit.training.loaders import Loader, picture_loader, table_loader
from glasskit.training.run_folder import begin_run, run_folder
from glasskit.training.run_log import Hook, RunLogger
from glasskit.training.stopping import stop_request
from glasskit.training.trainer import Trainer, TrainResult
from glasskit.training.validation import Validation, split_for_training
from glasskit.training.words import caption_words

logger = logging.getLogger(__name__)

PLACES = ("dataset", "images", "model", "workers")
"""Settings that may differ between the processes of a run: where each finds the same things."""


@restored_state()
def train(
    config: TrainConfig,
    *,
    dataset: GroupedDataset | None = None,
    model: GlassModel | None = None,
    bar: bool = False,
    progress: Progress | None = None,
    on_step: Hook | None = None,
    on_epoch: Hook | None = None,
    stop: Callable[[], bool] | None = None,
) -> TrainResult:
    """Train a model on groups and keep the best one by validation in ``config.out``.

    Without a val split and ``validation_share`` it is the last one that is kept.

    The directory then holds config.json and model.safetensors (`load_model` takes it), config.yaml,
    checkpoints/, log.jsonl and, with that tracker, tensorboard/.

    Under torchrun or accelerate launch every process calls this with the same arguments; the first
    one alone writes.

    Args:
        config: all settings.
        dataset: used instead of ``config.dataset``; its test records are never looked at.
        model: used instead of ``config.model``. What the mode trains of it ends with the weights of
            the last step (towers in mode lora as they were: the changes are taken out again), while
            ``config.out`` has the best.
        bar: draw a progress bar.
        progress: called with (done, total) while pictures are embedded for mode head.
        on_step: called with every line of the log about a step.
        on_epoch: called with every line of the log about a validation.
        stop: asked after every step; True saves and stops.

    Raises:
        InputError: settings, data, objective and model do not go together, a checkpoint cannot be
            used, the directory holds a run already or cannot be made, processes were given
            different things, one of them ended, or training diverged. A directory that this call
            made is gone again where no step was taken.
    """
    accelerator = start_accelerator(config)
    with clear_errors(accelerator), run_folder(config, accelerator):
        with agreed(accelerator):
            if dataset is None:
                from glasskit.data import load_dataset

                dataset = load_dataset(config.dataset, images=config.images)
            if model is None:
                model = load_model(config.model, device="cpu")
        with left_as_found(model, config):
            log = RunLogger(accelerator, Path(config.out), bar, on_step, on_epoch)
            trainer = build_trainer(config, accelerator, dataset, model, log, progress)
            if config.resume:
                trainer.load()
            with agreed(accelerator):
                if accelerator.is_main_process:
                    begin_run(config, trainer.config)
            # Until here Ctrl-C has its usual effect: features are kept as they are computed.
            with trainer.logging(), stop_request(stop) as request:
                return trainer.fit(request)


def build_trainer(
    given: TrainConfig,
    accelerator: Accelerator,
    dataset: GroupedDataset,
    model: GlassModel,
    log: RunLogger,
    progress: Progress | None = None,
) -> Trainer:
    """A trainer that is ready to `fit`; the other arguments are those of `train`.

    Raises:
        InputError: in every process: settings, data, objective and model do not go together, or
            differ between processes.
    """
    dataset = dataset.where(lambda record: record.split != "test")
    device, main = accelerator.device, accelerator.is_main_process
    rank, world = accelerator.process_index, accelerator.num_processes
    with agreed(accelerator):
        config = given.resolved()
        objective = objective_of(config)
        needs = objective.needs
        if len(dataset.split("train").groups()) == 1:
            raise InputError(
                f"{dataset.name!r} has pictures to train on in one concept only; a loss between "
                "groups needs two"
            )
        part, held = split_for_training(dataset, config)
        largest = max(len(members) for members in part.groups().values())
        members = filled(config.fitted(2, largest).group_size)
        forming = len(group_pools(part, members)[0])
        config = config.fitted(forming, largest, world, several=dataset.several)
        words = caption_words(model, part) if config.word_weight else None
        groups = filled(config.groups_per_batch)
        batches = Batches(
            part, config, needs, groups=groups, members=members, rank=rank, world=world, words=words
        )
        held_batches = None
        if held is not None:  # as in training, as far as the held-out records reach
            members = min(members, max(map(len, held.groups().values())))
            groups = max(min(groups, len(group_pools(held, members)[0])) // world, 1) * world
            held_batches = Batches(
                held, config, needs, groups=groups, members=members, rank=rank, world=world
            )
    data = records_key(dataset)
    settings = {name: value for name, value in config.as_dict().items() if name not in PLACES}
    same_everywhere(accelerator, **settings, **data)
    if main:
        for line in _not_used(given, config, part, held, dataset):
            logger.warning(line)
        tell_unread(model, batches.captions.texts, "captions to train on")
        tell_unread(model, dataset.labels(1), "concept names")
    with agreed(accelerator):
        encoder = build_encoder(model, config, needs, lengths=objective.lengths).to(device)
    if config.mode == "head" and world > 1:  # each embeds a share, or one would do it all
        with agreed(accelerator):
            image_features(model, dataset.select(range(rank, len(dataset), world)), progress)
    for turn in (True, False):  # the first process computes what is in no cache yet
        with agreed(accelerator):
            if main == turn:
                load, prompt_inputs = _inputs(config, model, encoder, dataset, device, progress)
                loader = load(batches)
                validation = None
                if held_batches is not None:
                    validation = Validation(load(held_batches), prompt_inputs, accelerator)
    with agreed(accelerator):
        data["model"] = frozen_key(model, (p for p in encoder.parameters() if p.requires_grad))
        if main:
            data |= pictures_key(dataset, model, cached=config.mode == "head")
    data = broadcast_object_list([data])[0]
    return Trainer(config, accelerator, model, encoder, objective, loader, validation, data, log)


def objective_of(config: TrainConfig) -> Objective:
    """The objective with its settings from a resolved config, by name."""
    own = config.as_dict()
    try:
        taken = settings_of(config.objective, config.instance, config.grouped)
        known = taken.keys() & own.keys()
        return build_objective(config.objective, **{name: own[name] for name in known})
    except ValueError as error:
        raise InputError(f"objective {config.objective!r}: {error}") from error


def _inputs(
    config: TrainConfig,
    model: GlassModel,
    encoder: HeadEncoder | TowerEncoder,
    dataset: GroupedDataset,
    device: torch.device,
    progress: Progress | None,
) -> tuple[Callable[[Batches], Loader], Tensor]:
    """What makes a loader of batches in this mode, and the text inputs of the concept prompts."""
    sentences = prompts(dataset.labels(1))
    if not isinstance(encoder, HeadEncoder):
        ask_each(range(len(dataset)), dataset.check)  # those that are broken are told together
        return (
            lambda batches: picture_loader(batches, model, device, filled(config.workers)),
            model.tokens(sentences).to(device),
        )
    features = image_features(model, dataset, progress)
    place = {record.key: row for row, record in enumerate(dataset.records)}

    def table(batches: Batches) -> Loader:
        rows = [place[record.key] for record in batches.dataset.records]
        texts = text_features(model, batches.texts)
        return table_loader(batches, encoder.inputs(features[rows].to(device)), texts.to(device))

    return table, text_features(model, sentences).to(device)


def _not_used(
    given: TrainConfig,
    config: TrainConfig,
    part: GroupedDataset,
    held: GroupedDataset | None,
    dataset: GroupedDataset,
) -> Iterator[str]:
    """Lines on the settings that were given and decide nothing, or not what was expected."""
    forming = len(group_pools(part, filled(config.group_size))[0])
    groups = given.groups_per_batch or given.fitted(forming, 1).groups_per_batch
    if config.groups_per_batch != groups:
        yield (
            f"groups_per_batch: {config.groups_per_batch} and not {groups}, so that each process "
            "has as many groups"
        )
    for name, why in given.unused().items():
        yield f"{name}: given, but {why} does not use it"
    if given.validation_share and any(record.split == "val" for record in dataset.records):
        yield f"validation_share: given, but {dataset.name} has a val split"
    if held is None and given.select != TrainConfig.model_fields["select"].default:
        yield "select: given, but no records are held out to choose an epoch by"
    if given.hard_negative_share:
        if not any(concept.hard_negatives for concept in part.concepts):
            yield f"hard_negative_share: given, but no concept of {dataset.name} has hard negatives"
        elif not round(given.hard_negative_share * (filled(config.groups_per_batch) - 1)):
            yield f"hard_negative_share: given, but of {config.groups_per_batch} groups it is none"
    if given.paraphrase_weight and not any(len(r.literal) > 1 for r in part.records):
        yield f"paraphrase_weight: given, but {dataset.name} has no paraphrases"
    if given.theme_weight and not any(len(r.captions) > len(r.literal) for r in part.records):
        yield f"theme_weight: given, but {dataset.name} has no theme captions"
