"""load_model and save_model: the built-in model, a run, or any open_clip model, by one name."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from glasskit.errors import InputError
from glasskit.json_files import read_json
from glasskit.models.cache import replace_file
from glasskit.models.glass_model import GlassModel
from glasskit.models.heads import ResidualMap

FORMAT = "glasskit-model/1"
WEIGHTS, CONFIG = "model.safetensors", "config.json"


def load_model(name_or_path: str | Path, device: str | torch.device | None = None) -> GlassModel:
    """A model, ready to encode pictures and texts.

    Args:
        name_or_path: ``lite0-minilm`` (built in, offline); the directory of a run; or an open_clip
            ``ARCH/TAG`` such as ``ViT-B-32/openai``, where TAG is a pretrained tag, the path of a
            checkpoint, or ``random`` for untrained weights, the same ones at every call.
        device: by default the CPU for the built-in model, for others CUDA where there is any.

    Raises:
        InputError: no such model, or its files are damaged; the line says what to do.
    """
    name = str(name_or_path)
    with torch.random.fork_rng(devices=[]):  # weights are drawn before they are filled in
        model = _load_run(Path(name)) if Path(name).is_dir() else _load_base(name)
    if device is None:
        built_in = model.base == "lite0-minilm"
        device = "cuda" if torch.cuda.is_available() and not built_in else "cpu"
    return model.to(device).eval()


def save_model(
    model: GlassModel, directory: str | Path, *, towers: bool | None = None, **notes: Any
) -> None:
    """Write ``model.safetensors`` and a readable ``config.json``, each whole or not at all.

    Args:
        model: what to save.
        directory: made where it is missing.
        towers: also save the towers' weights; by default where the model's name would not bring
            them back (``GlassModel.own_towers``).
        notes: JSON values to keep in config.json, such as the training settings.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    towers = model.own_towers if towers is None else towers
    tensors = dict(model.head_state())
    if towers:
        tensors |= {f"clip.{key}": tensor for key, tensor in model.tower_state().items()}
    tensors = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in tensors.items()}
    config = {"format": FORMAT, "base": model.base, "towers": towers, **notes}
    scratch = folder / f"{WEIGHTS}.{os.getpid()}.tmp"
    save_file(tensors, scratch, metadata={"format": FORMAT, "base": model.base})
    replace_file(scratch, folder / WEIGHTS)
    scratch = folder / f"{CONFIG}.{os.getpid()}.tmp"
    scratch.write_text(json.dumps(config, indent=2) + "\n")
    replace_file(scratch, folder / CONFIG)


def _load_base(name: str) -> GlassModel:
    from glasskit.models.lite0 import NAME, load_lite0_minilm

    if name == NAME:
        return load_lite0_minilm()
    architecture, _, tag = name.partition("/")
    if architecture not in open_clip.list_models():
        raise InputError(
            f"no model {name!r}: give {NAME}, the directory of a run, or ARCH/TAG of open_clip "
            "such as ViT-B-32/openai"
        )
    return _load_open_clip(name, architecture, tag)


def _load_open_clip(name: str, architecture: str, tag: str) -> GlassModel:
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if tag != "random" and tag not in tags and not Path(tag).is_file():
        raise InputError(
            f"model {name!r}: no weights {tag!r} for {architecture}; choose one of "
            f"{', '.join(tags) or 'random'}, or give the path of a checkpoint"
        )
    try:
        # A run that goes on, and the processes of one run, need the same random towers.
        torch.default_generator.manual_seed(0)
        clip, _, preprocess = open_clip.create_model_and_transforms(
            architecture, pretrained=None if tag == "random" else tag, device="cpu"
        )
    except (OSError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(f"model {name!r} could not be loaded: {first}") from error
    clip.eval()
    with torch.inference_mode():
        size = clip.visual.image_size
        height, width = (size, size) if isinstance(size, int) else size
        embed_dim = clip.encode_image(torch.zeros(1, 3, height, width)).shape[-1]
    model = GlassModel(
        name=name,
        clip=clip,
        preprocess=preprocess,
        tokenizer=open_clip.get_tokenizer(architecture),
        image_head=ResidualMap(embed_dim),
        text_head=ResidualMap(embed_dim),
        image_width=embed_dim,
    )
    model.own_towers = tag == "random"
    return model


def _load_run(folder: Path) -> GlassModel:
    config = read_config(folder)
    model = _load_base(config["base"])
    _fill(model, folder, config)
    return model


def trained_copy(start: GlassModel, directory: str | Path) -> GlassModel:
    """The model of a run, as `load_model` gives it, from the one in memory that it began with.

    The base is not read again, nor hashed where that is done, which takes longer than to copy it.

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
    model = copy.deepcopy(start)
    _fill(model, folder, config)
    return model.eval()


def _fill(model: GlassModel, folder: Path, config: dict[str, Any]) -> None:
    """Give a model the weights and the name of a run with this config."""
    tensors = read_tensors(folder / WEIGHTS)
    expected = dict(model.head_state())
    if config["towers"]:
        expected |= {f"clip.{key}": value for key, value in model.tower_state().items()}
    check_tensors(folder / WEIGHTS, tensors, expected)
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
    return config


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file; a pickle, a damaged or missing file is one clear line."""
    if not file.is_file():
        raise InputError(f"{file}: the weights are missing; train again or copy the whole run")
    try:
        with safe_open(file, "pt"):
            pass
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{file}: not a whole safetensors file ({error}); pickles are never loaded"
        ) from error


def check_tensors(file: Path, found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Raise InputError where names or shapes are not those that a model has."""
    missing = sorted(expected.keys() - found.keys())
    extra = sorted(found.keys() - expected.keys())
    if missing or extra:
        name = (missing + extra)[0]
        what = "lacks" if missing else "has the unknown"
        raise InputError(f"{file}: {what} tensor {name!r}; it is of another architecture")
    for key, tensor in found.items():
        if tensor.shape != expected[key].shape:
            raise InputError(
                f"{file}: tensor {key!r} has shape {tuple(tensor.shape)}, the model needs "
                f"{tuple(expected[key].shape)}; it is of another architecture"
            )
