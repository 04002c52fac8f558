"""`train`: from settings to a run directory."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import nn

from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.io.pictures import ask_each
from glasskit.io.places import check_folder, write_text
from glasskit.losses.objectives import build_objective, settings_of
from glasskit.models import GlassModel, load_model
from glasskit.models.prompts import prompts
from glasskit.models.reading import tell_unread
from glasskit.training.batches import Batches
from glasskit.training.checkpoint import checkpoints
from glasskit.training.config import TrainConfig
from glasskit.training.encoders import HeadEncoder, build_encoder, left_as_found
from glasskit.training.engine import (
    agreed,
    same_everywhere,
    start_engine,
    start_trackers,
    with_the_others,
)
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
from glasskit.training.fingerprints import frozen_key, pictures_key, records_key
from glasskit.training.host import left_alone
from glasskit.training.log import read_log
from glasskit.training.result import TrainResult
from glasskit.training.state import load_state
from glasskit.training.stopping import StopRequest
from glasskit.training.trainer import Trainer
from glasskit.training.validation import Validation, split_for_training, validation_sizes
from glasskit.training.watch import Hook

try:
    import fcntl
except ImportError:  # Windows has other locks
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

PLACES = ("dataset", "images", "model", "workers")
"""Settings that may differ between the processes of a run: where each finds the same things."""


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

    Without a val split and ``validation_share`` it is the last one that is kept.

    The directory then holds config.json and model.safetensors (`load_model` takes it), config.yaml,
    checkpoints/, log.jsonl and, with that tracker, tensorboard/.

    Under torchrun or accelerate launch every process calls this with the same arguments; the first
    one alone writes.

    Args:
        config: all settings.
        dataset: used instead of ``config.dataset``; its test records are never looked at.
        model: used instead of ``config.model``. What the mode trains of it ends with the weights of
            the last step (towers in mode lora as they were: their changes lie beside them), while
            ``config.out`` has the best.
        features: how tower features are computed in mode head; by default through the disk cache.
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
    accelerator = start_engine(config)
    if not accelerator.is_main_process:
        progress = None
    with with_the_others(accelerator):
        with agreed(accelerator):
            refuse_a_run(config)
            if dataset is None:
                from glasskit.data import load_dataset

                dataset = load_dataset(config.dataset, images=config.images)
            if model is None:
                model = load_model(config.model, device="cpu")
        with left_as_found(model, config), run_folder(config, accelerator):
            trainer = build_trainer(
                config,
                accelerator,
                dataset,
                model,
                features=features,
                progress=progress,
                bar=bar,
                on_step=on_step,
                on_epoch=on_epoch,
            )
            resumed = load_state(trainer) if config.resume else False
            with agreed(accelerator):
                if accelerator.is_main_process:
                    _begin(config, trainer.config)
            try:
                start_trackers(accelerator, trainer.config)
                # Until here Ctrl-C has its usual effect: features are kept as they are computed.
                with StopRequest(stop) as request:
                    result = trainer.fit(request, resumed)
            finally:
                for tracker in accelerator.trackers:
                    tracker.finish()
    return result


def build_trainer(
    config: TrainConfig,
    accelerator: Accelerator,
    dataset: GroupedDataset,
    model: GlassModel,
    *,
    features: Features | None = None,
    progress: Progress | None = None,
    bar: bool = False,
    on_step: Hook | None = None,
    on_epoch: Hook | None = None,
) -> Trainer:
    """A trainer that is ready to `fit`; the other arguments are those of `train`.

    Raises:
        InputError: in every process: settings, data, objective and model do not go together, or
            differ between processes.
    """
    given = config
    with agreed(accelerator):
        config = given.resolved()
        objective = objective_of(config)
        needs = tuple(objective.needs)
        if len(dataset.split("train").groups()) == 1:
            raise InputError(
                f"{dataset.name!r} has pictures to train on in one concept only; a loss between "
                "groups needs two"
            )
        train_part, held = split_for_training(dataset, config)
        sizes = [len(members) for members in train_part.groups().values()]
        world = accelerator.num_processes
        config = config.fitted(len(sizes), max(sizes), world)
        usual = given.fitted(len(sizes), max(sizes)).groups_per_batch
        if config.groups_per_batch != usual and accelerator.is_main_process:
            logger.warning(
                "groups_per_batch: %d and not %d, so that each of %d processes has as many groups",
                config.groups_per_batch,
                usual,
                world,
            )
        ranks = {"rank": accelerator.process_index, "world": accelerator.num_processes}
        batches = Batches(
            train_part,
            config,
            needs,
            groups=config.groups_per_batch,
            members=config.group_size,
            **ranks,
        )
        held_batches = None
        if held is not None:
            groups, members = validation_sizes(held, config, accelerator.num_processes)
            held_batches = Batches(held, config, needs, groups=groups, members=members, **ranks)
        data = records_key(dataset)
    if accelerator.is_main_process:
        for name, why in given.unused().items():
            logger.warning("%s: given, but %s does not use it", name, why)
        for line in _unused_with(given, config, train_part, held, dataset):
            logger.warning(line)
    settings = {name: value for name, value in config.as_dict().items() if name not in PLACES}
    same_everywhere(accelerator, **settings, **data)
    if accelerator.is_main_process:
        tell_unread(model, batches.captions.texts, "captions to train on")
        tell_unread(model, dataset.labels(1), "concept names")
    if config.mode != "head":
        with agreed(accelerator):
            needed = [row for row, record in enumerate(dataset.records) if record.split != "test"]
            ask_each(needed, dataset.check)
    elif features is None:  # all pictures at once, so that those that are broken are told together
        with agreed(accelerator):
            share = accelerator.process_index, accelerator.num_processes
            embed_share(model.to(accelerator.device), dataset, *share, progress)
    encoder = build_encoder(model, config, needs).to(accelerator.device)
    for turn in (True, False):  # the first process computes what is in no cache yet
        with agreed(accelerator):
            if accelerator.is_main_process == turn:
                feed_of, prompt_inputs = inputs_of(
                    config, accelerator, model, encoder, dataset, needs, features, progress
                )
                feed = feed_of(batches)
                validation = None
                if held_batches is not None:
                    validation = Validation(feed_of(held_batches), prompt_inputs, accelerator)
    with agreed(accelerator):
        trained = (p for p in encoder.parameters() if p.requires_grad)
        data["model"] = frozen_key(model, trained)
        # Whoever brings features of their own says which pictures they are of.
        if accelerator.is_main_process and features is None:
            data |= pictures_key(dataset, model, cached=config.mode == "head")
    return Trainer(
        config,
        accelerator,
        model,
        encoder,
        objective,
        feed,
        validation,
        data=broadcast_object_list([data])[0],
        bar=bar and accelerator.is_main_process,
        on_step=on_step,
        on_epoch=on_epoch,
    )


def _unused_with(
    given: TrainConfig,
    config: TrainConfig,
    part: GroupedDataset,
    held: GroupedDataset | None,
    dataset: GroupedDataset,
) -> Iterator[str]:
    """Lines on the settings that were given and decide nothing with this data."""
    if given.validation_share and any(record.split == "val" for record in dataset.records):
        yield f"validation_share: given, but {dataset.name} has a val split"
    if held is None and given.select != TrainConfig.model_fields["select"].default:
        yield "select: given, but no records are held out to choose an epoch by"
    if given.hard_negative_share:
        if not any(concept.hard_negatives for concept in part.concepts):
            yield f"hard_negative_share: given, but no concept of {dataset.name} has hard negatives"
        elif not round(given.hard_negative_share * (config.groups_per_batch - 1)):
            yield f"hard_negative_share: given, but of {config.groups_per_batch} groups it is none"
    if given.paraphrase_weight and not any(len(r.literal) > 1 for r in part.records):
        yield f"paraphrase_weight: given, but {dataset.name} has no paraphrases"
    if given.theme_weight and not any(len(r.captions) > len(r.literal) for r in part.records):
        yield f"theme_weight: given, but {dataset.name} has no theme captions"


def refuse_a_run(config: TrainConfig) -> None:
    """Refuse a directory that holds a run, where that is neither to go on nor to be overwritten.

    Raises:
        InputError: it does.
    """
    out = Path(config.out)
    holds = checkpoints(out / "checkpoints") or (out / "model.safetensors").exists()
    if holds and not (config.resume or config.overwrite):
        raise InputError(f"{out}: holds a run; go on with resume, or choose another out directory")


@contextmanager
def run_folder(config: TrainConfig, accelerator: Accelerator) -> Iterator[None]:
    """Make the run directory and keep it for this run alone while it goes on.

    Where no step is logged before a failure, what this made goes again.

    Raises:
        InputError: it cannot be made, or another run is in it, or began in it meanwhile.
    """
    out = Path(config.out)
    missing: list[Path] = []
    held = ExitStack()
    try:
        with agreed(accelerator):
            if accelerator.is_main_process:
                made = [folder for folder in (out, *out.parents) if not folder.exists()]
                _make(out)
                held.enter_context(_locked(out))
                missing = made
                refuse_a_run(config)
        with held:
            yield
    except BaseException:
        trained = any("loss" in line for line in read_log(out / "log.jsonl"))
        if out in missing and out.exists() and not trained:
            shutil.rmtree(out)
            with suppress(OSError):  # another run may lie in it by now
                for folder in missing[1:]:
                    folder.rmdir()
        raise


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Refuse a directory that another process trains in; the lock ends with the process."""
    if fcntl is None:
        yield
        return
    folder = os.open(out, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(
                    f"{out}: another process is training there; wait for it, or choose another out"
                ) from None
        yield
    finally:
        os.close(folder)


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{out}: the run directory cannot be made ({error.strerror}); choose another out"
        ) from error


def _begin(config: TrainConfig, fitted: TrainConfig) -> None:
    """Write the settings of a run, and remove what an earlier or a killed one left in its place.

    config.yaml says what was asked for, so that it can be given again with another mode or
    objective; config.json has what it came to.
    """
    out = Path(config.out)
    for folder in (out, out / "checkpoints"):
        check_folder(folder)
    if not config.resume:
        for file in (*checkpoints(out / "checkpoints"), out / "model.safetensors"):
            file.unlink(missing_ok=True)
        (out / "config.json").unlink(missing_ok=True)
    sizes = {name: getattr(fitted, name) for name in ("groups_per_batch", "group_size")}
    text = config.but(**sizes).to_yaml()
    write_text(out / "config.yaml", text)


def objective_of(config: TrainConfig) -> nn.Module:
    """The objective with its settings from a resolved config, by name."""
    own = config.as_dict()
    try:
        taken = settings_of(config.objective, config.instance, config.grouped)
        known = taken.keys() & own.keys()
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
    negations = "negation" in needs
    bank = FeatureBank(model, dataset, features or cached_features(), negations, progress)
    prompt_inputs = bank.texts(sentences).to(device)

    def table(batches: Batches) -> TableFeed:
        images = encoder.inputs(bank.images(batches.dataset).to(device))
        return TableFeed(batches, images, bank.texts(batches.texts).to(device))

    return table, prompt_inputs
