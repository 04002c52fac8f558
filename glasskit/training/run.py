"""`train`: from settings to a run directory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.losses.objectives import build_objective
from glasskit.losses.settings import ObjectiveSettings
from glasskit.models import GlassModel, load_model
from glasskit.models.prompts import prompts
from glasskit.training.batches import Batches
from glasskit.training.checkpoint import checkpoints, write_atomic
from glasskit.training.config import TrainConfig
from glasskit.training.encoders import HeadEncoder, build_encoder, left_as_found
from glasskit.training.engine import as_launched, start_engine
from glasskit.training.feeds import (
    FeatureBank,
    Features,
    Feed,
    PictureFeed,
    Progress,
    TableFeed,
    cached_features,
    embed_share,
)
from glasskit.training.host import left_alone
from glasskit.training.result import DivergedError, TrainResult
from glasskit.training.stopping import StopRequest
from glasskit.training.trainer import Trainer
from glasskit.training.validation import Validation, split_for_training, validation_sizes
from glasskit.training.watch import Hook


@left_alone()
def train(
    config: TrainConfig,
    *,
    dataset: GroupedDataset | None = None,
    model: GlassModel | None = None,
    features: Features | None = None,
    bar: bool = False,
    progress: Progress | None = None,
    on_step: Hook | None = None,
    on_epoch: Hook | None = None,
    stop: Callable[[], bool] | None = None,
) -> TrainResult:
    """Train a model on groups and keep the best one by validation in ``config.out``.

    The directory then holds config.json and model.safetensors (`load_model` takes it), config.yaml,
    checkpoints/, log.jsonl and, with that tracker, tensorboard/.

    Args:
        config: all settings.
        dataset: used instead of ``config.dataset``; its test records are never looked at.
        model: used instead of ``config.model``, and trained in place: it ends with the weights of
            the last step, while ``config.out`` has the best.
        features: how tower features are computed in mode head; by default through the disk cache.
        bar: draw a progress bar.
        progress: called with (done, total) while pictures are embedded for mode head.
        on_step: called with every line of the log about a step.
        on_epoch: called with every line of the log about a validation.
        stop: asked after every step; True saves and stops.

    Raises:
        InputError: settings, data, objective and model do not go together, a checkpoint cannot be
            used, the directory holds a run already, or training diverged.
    """
    out = prepare_folder(config)
    if dataset is None:
        from glasskit.data import load_dataset

        dataset = load_dataset(config.dataset, images=config.images)
    if model is None:
        model = load_model(config.model, device="cpu")
    with left_as_found(model, config):
        trainer = build_trainer(
            config,
            dataset,
            model,
            features=features,
            progress=progress,
            bar=bar,
            on_step=on_step,
            on_epoch=on_epoch,
        )
        accelerator = trainer.accelerator
        if accelerator.is_main_process:
            text = trainer.config.to_yaml()  # with M and N as the data settled them
            write_atomic(out / "config.yaml", lambda scratch: scratch.write_text(text))
        # Until here Ctrl-C has its usual effect: features are kept as they are computed.
        try:
            with StopRequest(stop) as request:
                result = trainer.fit(request)
        except DivergedError:  # in every process at the same step
            accelerator.end_training()
            raise
    accelerator.end_training()
    return result


def build_trainer(
    config: TrainConfig,
    dataset: GroupedDataset,
    model: GlassModel,
    *,
    features: Features | None = None,
    progress: Progress | None = None,
    bar: bool = False,
    on_step: Hook | None = None,
    on_epoch: Hook | None = None,
) -> Trainer:
    """A trainer that is ready to `fit`; the arguments are those of `train`.

    Raises:
        InputError: settings, data, objective and model do not go together.
    """
    config = as_launched(config)
    objective = objective_of(config)
    needs = tuple(objective.needs)
    train_part, held = split_for_training(dataset, config)
    accelerator = start_engine(config)
    if config.mode == "head" and features is None and accelerator.num_processes > 1:
        share = accelerator.process_index, accelerator.num_processes
        embed_share(model.to(accelerator.device), dataset, *share, progress)
        accelerator.wait_for_everyone()
    sizes = [len(members) for members in train_part.groups().values()]
    config = config.fitted(len(sizes), max(sizes), accelerator.num_processes)
    ranks = {"rank": accelerator.process_index, "world": accelerator.num_processes}
    batches = Batches(
        train_part,
        config,
        needs,
        groups=config.groups_per_batch,
        members=config.group_size,
        **ranks,
    )
    encoder = build_encoder(model, config, needs)
    if not config.shard:
        encoder = encoder.to(accelerator.device)
    feed_of, prompt_inputs = inputs_of(
        config, accelerator, model, encoder, dataset, needs, features, progress
    )
    validation = None
    if held is not None:
        groups, members = validation_sizes(held, config, accelerator.num_processes)
        held_batches = Batches(held, config, needs, groups=groups, members=members, **ranks)
        validation = Validation(feed_of(held_batches), prompt_inputs, accelerator)
    return Trainer(
        config,
        accelerator,
        model,
        encoder,
        objective,
        feed_of(batches),
        validation,
        data=data_key(dataset),
        bar=bar and accelerator.is_main_process,
        on_step=on_step,
        on_epoch=on_epoch,
    )


def prepare_folder(config: TrainConfig) -> Path:
    """Make the run directory.

    Raises:
        InputError: it holds a run and neither ``resume`` nor ``overwrite`` is set.
    """
    out = Path(config.out)
    folder = out / "checkpoints"
    out.mkdir(parents=True, exist_ok=True)
    if config.resume or not (checkpoints(folder) or (out / "model.safetensors").exists()):
        return out
    if not config.overwrite:
        raise InputError(f"{out}: holds a run; go on with resume, or choose another out directory")
    for file in (*checkpoints(folder), out / "model.safetensors", out / "config.json"):
        file.unlink(missing_ok=True)
    return out


def objective_of(config: TrainConfig) -> nn.Module:
    """The objective with the settings that it shares with the config, by name."""
    own = config.as_dict()
    known = {field.name for field in fields(ObjectiveSettings)} & own.keys()
    try:
        return build_objective(config.objective, **{name: own[name] for name in known})
    except ValueError as error:
        raise InputError(f"objective {config.objective!r}: {error}") from error


def inputs_of(
    config: TrainConfig,
    accelerator: Accelerator,
    model: GlassModel,
    encoder: nn.Module,
    dataset: GroupedDataset,
    needs: tuple[str, ...],
    features: Features | None,
    progress: Progress | None,
) -> tuple[Callable[[Batches], Feed], torch.Tensor]:
    """How batches become feeds in this mode, and the text inputs of the concept prompts."""
    sentences = prompts(dataset.labels(1))
    device = accelerator.device
    if not isinstance(encoder, HeadEncoder):
        return (
            lambda batches: PictureFeed(batches, model, device, config.workers),
            model.tokens(sentences).to(device),
        )
    with accelerator.main_process_first():
        negations = "negation" in needs
        bank = FeatureBank(model, dataset, features or cached_features(), negations, progress)
        prompt_inputs = bank.texts(sentences).to(device)

    def table(batches: Batches) -> TableFeed:
        images = encoder.inputs(bank.images(batches.dataset).to(device))
        return TableFeed(batches, images, bank.texts(batches.texts).to(device))

    return table, prompt_inputs


def data_key(dataset: GroupedDataset) -> str:
    """A hash of all records: a run goes on only with the data that it began with."""
    digest = hashlib.sha256()
    for record in dataset.records:
        row = (record.key, record.concept, record.split, *record.captions, record.negation)
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()
