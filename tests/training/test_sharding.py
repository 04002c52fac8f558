"""Weights split over two processes: the curve, the files and the refusals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from glasskit.errors import InputError
from glasskit.models import load_model
from glasskit.training import train
from glasskit.training.checkpoint import checkpoints, read_checkpoint
from glasskit.training.engine import FSDP
from glasskit.training.sharding import blocks
from tests.training.test_resume import same_curve, wait_for_lines
from tests.training.toys import (
    tiny_open_clip,
    tokenise,
    toy_config,
    toy_dataset,
    toy_model,
)
from tests.training.workers import (
    fingerprint,
    finish,
    run_and_count,
    run_toy,
    start_world,
)

RUN = {"learn_temperature": True, "grad_clip": 0.5, "epochs": 1}
WHOLE = {
    **RUN,
    "mode": "full",
    "lr": 0.003,
    "accumulate": 2,
    "gradient_checkpointing": True,
    "ema": 0.9,
    "decay_to": "start",
    "weight_decay": 0.1,
    "epochs": 2,
    "checkpoint_every": 2,
}


@pytest.fixture(scope="module")
def split(tmp_path_factory) -> Path:
    """A run of a small vision transformer of open_clip, split over two processes."""
    out = tmp_path_factory.mktemp("split")
    finish(*start_world(2, out, run_and_count, **WHOLE, shard=True))
    return out


def test_a_split_run_gives_the_curve_and_the_model_of_one_process(split: Path, tmp_path: Path):
    run_toy(tmp_path, tiny=True, **WHOLE)
    same_curve(tmp_path, split)
    before, tokens = tiny_open_clip(), tokenise(["a dog in the snow", "a quiet harbour"])
    models = (load_model(tmp_path), load_model(split), before)
    with torch.no_grad():
        one, two, untrained = (
            model.embed_text_features(model.text_features(tokens)) for model in models
        )
    torch.testing.assert_close(two, one, atol=1e-4, rtol=0)
    assert not torch.allclose(two, untrained, atol=1e-2)


@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [
        ({"mode": "image", "objective": "siglip"}, 1e-5),
        ({"mode": "lora"}, 1e-5),
        ({"mode": "text", "precision": "bf16"}, 2e-2),  # products of half as many rows round anew
    ],
    ids=lambda value: value["mode"] if isinstance(value, dict) else "",
)
def test_each_mode_gives_the_curve_of_one_process(tmp_path: Path, settings, tolerance: float):
    one, two = tmp_path / "one", tmp_path / "two"
    run_toy(one, **RUN, **settings)
    finish(*start_world(2, two, **RUN, **settings, shard=True))
    same_curve(one, two, tolerance)


def test_killed_a_split_run_comes_to_the_same_weights(split: Path, tmp_path: Path):
    out, alone = tmp_path / "killed", tmp_path / "alone"
    processes = start_world(2, out, run_and_count, **WHOLE, shard=True)
    wait_for_lines(out, 5)
    for process in processes:
        process.kill()
        process.join()
    assert checkpoints(out / "checkpoints")
    assert not (out / "held0.json").exists(), "it was killed too late"
    shutil.copytree(out, alone)
    finish(*start_world(2, out, run_and_count, **WHOLE, shard=True, resume=True))
    assert fingerprint(out) == fingerprint(split)
    # What two processes wrote, one goes on with: files hold whole tensors.
    run_toy(alone, tiny=True, **WHOLE, resume=True)
    same_curve(split, alone)


def test_each_process_holds_its_share_and_files_hold_all(split: Path):
    held = [json.loads((split / f"held{rank}.json").read_text()) for rank in range(2)]
    parameters = dict(tiny_open_clip().named_parameters())
    total = sum(p.numel() for p in parameters.values())
    for kind in ("weights", "moments"):
        counts = [each[kind] for each in held]
        assert sum(counts) == total + 1  # the temperature is whole in both
        assert max(counts) < 0.51 * total
    # The caller's model has the whole weights of the last step, in every process.
    assert held[0]["model"] == held[1]["model"] == held[0]["trained"]
    tensors, _ = read_checkpoint(checkpoints(split / "checkpoints")[-1])
    for name, parameter in parameters.items():
        for key in (f"weight.model.{name}", f"optimizer.model.{name}:exp_avg"):
            assert tensors[key].shape == parameter.shape, key


def test_blocks_are_the_layers_of_both_towers():
    model = tiny_open_clip()
    layers = [*model.clip.visual.transformer.resblocks, *model.clip.transformer.resblocks]
    assert [id(block) for block in blocks(model)] == [id(layer) for layer in layers]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "head"}, "shard: heads are too small"),
        ({"mode": "full", "compile": True}, "shard: not with compile"),
        ({"mode": "full", "precision": "fp16"}, "shard: not with precision fp16"),
        ({"mode": "full"}, "shard: there is one process only"),
    ],
)
def test_what_cannot_be_split_is_one_line(tmp_path: Path, settings, message: str):
    with pytest.raises(InputError, match=f"^{message}") as caught:
        train(
            toy_config(tmp_path, shard=True, **settings), dataset=toy_dataset(), model=toy_model()
        )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "FSDP 1 is not supported"),
        ({"FSDP_VERSION": "2", "FSDP_OFFLOAD_PARAMS": "true"}, "FSDP with weights on the host"),
        ({"FSDP_VERSION": "2"}, "shard: there is one process only"),  # it was understood as shard
    ],
)
def test_the_launchers_wish_is_understood_or_refused(tmp_path, monkeypatch, variables, message):
    for name, value in {FSDP: "true", **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"^{message}"):
        train(toy_config(tmp_path, mode="full"), dataset=toy_dataset(), model=toy_model())
