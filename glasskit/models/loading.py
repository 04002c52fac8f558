"""load_model and save_model: the built-in model, a run, or any open_clip model, by one name."""

from __future__ import annotations

import copy
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.factory import load_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from glasskit.errors import InputError
from glasskit.io.json_files import read_json
from glasskit.io.places import atomic_write, check_folder, write_text
from glasskit.models.glass_model import GlassModel
from glasskit.models.heads import ResidualMap

FORMAT = "glasskit-model/1"
WEIGHTS, CONFIG = "model.safetensors", "config.json"


def load_model(name_or_path: str | Path, device: str | torch.device | None = None) -> GlassModel:
    """A model, ready to encode pictures and texts.

    Args:
        name_or_path: ``lite0-minilm`` or, trained on ideas, ``lite0-glass`` (both built in,
            offline); ``hiclip-small`` or ``hiclip-small-plain``, untrained; the directory of a run;
            an open_clip ``ARCH/TAG`` such as ``ViT-B-32/openai``, where TAG is a pretrained tag,
            the path of a checkpoint, or ``random`` for untrained weights, the same ones at every
            call; or ``hiclip:`` in front of one of these (`hierarchy_towers.lay_over`).
        device: by default the CPU for the built-in model, for others CUDA where there is any.

    Raises:
        InputError: no such model, or its files are damaged; the line says what to do.
    """
    folder = Path(os.path.expanduser(name_or_path))  # noqa: PTH111  # no error for ~x
    with torch.random.fork_rng(devices=[]):  # weights are drawn before they are filled in
        model = _load_run(folder) if folder.is_dir() else _load_base(str(name_or_path))
    if device is None:
        built_in = model.base == "lite0-minilm"
        device = "cuda" if torch.cuda.is_available() and not built_in else "cpu"
    return model.to(device).eval()


def save_model(model: GlassModel, directory: str | Path, **notes: Any) -> None:
    """Write ``model.safetensors`` and a readable ``config.json``, each whole or not at all.

    The towers' weights are saved with the heads where the model's name would not bring them back
    (``GlassModel.own_towers``).

    Args:
        model: what to save.
        directory: made where it is missing.
        notes: JSON values to keep in config.json, such as the training settings.

    Raises:
        InputError: the directory can't be written, such as on a full disk; an old model stays.
    """
    folder = check_folder(directory)
    tensors = dict(model.head_state())
    if model.own_towers:
        tensors |= {f"clip.{key}": tensor for key, tensor in model.tower_state().items()}
    tensors = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in tensors.items()}
    config = {"format": FORMAT, "base": model.base, "towers": model.own_towers, **notes}
    with atomic_write(folder / WEIGHTS) as scratch:
        save_file(tensors, scratch, metadata={"format": FORMAT, "base": model.base})
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")


def _load_base(name: str) -> GlassModel:
    from glasskit.models.hierarchy_towers import HICLIP, OVER, PLAIN, lay_over, load_small
    from glasskit.models.lite0 import NAME, TRAINED, TRAINED_RUN, load_lite0_minilm

    if name == NAME:
        return load_lite0_minilm()
    if name == TRAINED:
        model = _load_run(TRAINED_RUN)
        model.name = TRAINED
        return model
    if name in (HICLIP, PLAIN):
        return load_small(name)
    if name.startswith(OVER):
        return lay_over(_load_base(name.removeprefix(OVER)))
    architecture, _, tag = name.partition("/")
    if architecture not in open_clip.list_models():
        raise InputError(
            f"no model {name!r}: give {NAME}, {TRAINED}, the directory of a run, or ARCH/TAG of "
            "open_clip such as ViT-B-32/openai"
        )
    return _load_open_clip(name, architecture, tag)


def _load_open_clip(name: str, architecture: str, tag: str) -> GlassModel:
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    file = None if tag == "random" or tag in tags else Path(tag)
    if file is not None and not file.is_file():
        raise InputError(
            f"model {name!r}: no weights {tag!r} for {architecture}; choose one of "
            f"{', '.join(tags) or 'random'}, or give the path of a checkpoint"
        )
    try:
        # A run that goes on, and the processes of one run, need the same random towers.
        with _without_its_log():
            torch.default_generator.manual_seed(0)
            clip, _, preprocess = open_clip.create_model_and_transforms(
                architecture, pretrained=tag if tag in tags else None, device="cpu"
            )
        tokenizer = open_clip.get_tokenizer(architecture)
    except (OSError, RuntimeError, ImportError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"model {name!r} could not be loaded: {first}") from error
    if file is not None:
        load_checkpoint(clip, architecture, file)
        name = f"{architecture}/{file.resolve()}"  # found again from another directory
    embed_dim = open_clip.get_model_config(architecture)["embed_dim"]
    model = GlassModel(
        name=name,
        clip=clip,
        preprocess=preprocess,
        tokenizer=tokenizer,
        image_head=ResidualMap(embed_dim),
        text_head=ResidualMap(embed_dim),
        image_width=embed_dim,
    )
    model.own_towers = tag == "random"
    return model


@contextmanager
def _without_its_log() -> Iterator[None]:
    """Keep back what open_clip logs: what matters of it is told in one line."""

    def other(record: logging.LogRecord) -> bool:
        return not record.pathname.startswith(str(Path(open_clip.__file__).parent))

    logger = logging.getLogger()
    logger.addFilter(other)
    try:
        yield
    finally:
        logger.removeFilter(other)


def load_checkpoint(clip: nn.Module, architecture: str, file: Path) -> None:
    """Fill an open_clip model from a file in any of the forms that open_clip reads.

    Raises:
        InputError: the file is no such checkpoint; the line names the first tensor that differs.
    """
    try:
        open_clip.load_checkpoint(clip, str(file))
    except Exception as error:  # each of its readers has errors of its own
        raise InputError(
            f"{file} is no checkpoint of {architecture}: {_why_not(file, clip.state_dict())}"
        ) from error
    check_finite(file, clip.state_dict())


def _why_not(file: Path, expected: Mapping[str, Tensor]) -> str:
    """Why a file does not fill a model with these tensors, in words."""
    try:
        return difference(load_state_dict(str(file)), expected)
    except Exception:  # noqa: BLE001  # of whatever kind: it is told, not hidden
        return "it is empty, cut off, or holds more than tensors by name (code in it is never run)"


def difference(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """The first tensor that is not as a model has it, in words; empty where all are."""
    for key, tensor in expected.items():
        if key not in found:
            return f"it lacks the tensor {key!r}"
        if found[key].shape != tensor.shape:
            shapes = tuple(found[key].shape), tuple(tensor.shape)
            return "tensor {!r} has shape {}, not {}".format(key, *shapes)
    extra = next((key for key in found if key not in expected), None)
    return "" if extra is None else f"it has the unknown tensor {extra!r}"


def _load_run(folder: Path) -> GlassModel:
    config = read_config(folder)
    model = _load_base(config["base"])
    _fill(model, folder, config)
    return model


def trained_copy(start: GlassModel, directory: str | Path) -> GlassModel:
    """The model of a run, as `load_model` gives it, from the one in memory that it began with.

    The base is neither read nor hashed again. Of a run that trained heads alone the two models
    share the towers, so train neither of them further: begin with a model of its own.

    Args:
        start: the model before the run; it stays as it is.
        directory: of the run.

    Raises:
        InputError: the run began with another model, or its files are damaged.
    """
    folder = Path(directory)
    config = read_config(folder)
    if config["base"] != start.base:
        raise InputError(f"{folder}: a run of {config['base']}, not of {start.base}")
    shared = {} if config["towers"] else {id(start.clip): start.clip}
    model = copy.deepcopy(start, shared)
    _fill(model, folder, config)
    return model.eval()


def _fill(model: GlassModel, folder: Path, config: dict[str, Any]) -> None:
    """Give a model the weights and the name of a run with this config."""
    tensors = read_tensors(folder / WEIGHTS)
    expected = dict(model.head_state())
    if config["towers"]:
        expected |= {f"clip.{key}": value for key, value in model.tower_state().items()}
    if said := difference(tensors, expected):
        raise InputError(f"{folder / WEIGHTS}: {said}; it is of another architecture")
    check_finite(folder / WEIGHTS, tensors)
    with torch.no_grad():
        for key, tensor in tensors.items():
            expected[key].copy_(tensor)
    model.name = str(folder)
    if config["towers"]:
        model.towers_changed()


def read_config(folder: Path) -> dict[str, Any]:
    """The config.json of a saved model; InputError where it is missing or not ours."""
    file = folder / CONFIG
    if not file.is_file():
        raise InputError(f"{folder}: no {CONFIG}, so this is not a trained run")
    config = read_json(file)
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise InputError(f"{file}: not the config of a Glass Kit model ({FORMAT})")
    if not isinstance(config.get("base"), str) or not isinstance(config.get("towers"), bool):
        raise InputError(f"{file}: does not say its base and whether it holds towers; train again")
    return config


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file; a pickle, a damaged or missing file is one clear line."""
    if not file.is_file():
        raise InputError(f"{file}: the weights are missing; train again or copy the whole run")
    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{file}: not a whole safetensors file ({error}); pickles are never loaded"
        ) from error


def check_finite(file: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise InputError where a weight is NaN or infinite: every vector would be too."""
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise InputError(f"{file}: tensor {key!r} holds NaN or infinity; take another file")
