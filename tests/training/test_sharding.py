"""Weights split over two processes: the curve, the files and the refusals."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch

from glasskit.errors import InputError
from glasskit.models import load_model
from glasskit.training import read_log, train
from glasskit.training.engine import FSDP
from glasskit.training.sharding import blocks
from tests.training.test_resume import same_curve, wait_for_lines
from tests.training.toys import (
    tiny_open_clip,
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

RUN = {"tiny": True, "lr": 0.003, "epochs": 2, "learn_temperature": True, "grad_clip": 0.5}
SETTINGS = {
    "full": {
        "mode": "full",
        "accumulate": 2,
        "ema": 0.9,
        "decay_to": "start",
        "weight_decay": 0.1,
    },
    "image": {"mode": "image", "gradient_checkpointing": True, "objective": "siglip"},
    "text": {"mode": "text", "precision": "bf16"},
    "lora": {"mode": "lora"},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_split_weights_give_the_curve_and_the_model_of_one_process(tmp_path: Path, name: str):
    settings = {**RUN, **SETTINGS[name]}
    one, two = tmp_path / "one", tmp_path / "two"
    run_toy(one, **settings)
    finish(*start_world(2, two, **settings, shard=True))
    tolerance = 1e-5 if name != "text" else 2e-2  # bf16 products of half as many rows
    same_curve(one, two, tolerance)
    mine, theirs = (load_model(out, device="cpu") for out in (one, two))
    before = tiny_open_clip()
    texts = ["a dog in the snow", "a quiet harbour"]
    torch.testing.assert_close(
        theirs.encode_texts(texts), mine.encode_texts(texts), atol=10 * tolerance, rtol=0
    )
    if name != "image":
        assert not torch.allclose(theirs.encode_texts(texts), before.encode_texts(texts), atol=1e-3)


def test_killed_a_split_run_comes_to_the_same_weights_and_goes_on_in_one_process(tmp_path: Path):
    settings = {**RUN, **SETTINGS["full"], "checkpoint_every": 2}
    whole = tmp_path / "whole"
    finish(*start_world(2, whole, **settings, shard=True))
    expected, lines = fingerprint(whole), len(read_log(whole / "log.jsonl"))
    rng = random.Random(2)
    for kill in range(2):
        out = tmp_path / f"killed{kill}"
        processes = start_world(2, out, **settings, shard=True)
        wait_for_lines(out, rng.randrange(3, lines - 2))
        for process in processes:
            process.kill()
            process.join()
        if kill:  # what two processes wrote, one reads
            run_toy(out, **settings, resume=True)
            same_curve(whole, out)
        else:
            finish(*start_world(2, out, **settings, shard=True, resume=True))
            assert fingerprint(out) == expected


def test_each_process_holds_its_share(tmp_path: Path):
    settings = {"mode": "full", "epochs": 1, "shard": True, "learn_temperature": True}
    finish(*start_world(2, tmp_path, run_and_count, **settings))
    held = [json.loads((tmp_path / f"held{rank}.json").read_text()) for rank in range(2)]
    total = sum(p.numel() for p in tiny_open_clip().parameters())
    for kind in ("weights", "moments"):
        counts = [each[kind] for each in held]
        assert sum(counts) == total + 1  # the temperature is whole in both
        assert max(counts) < 0.51 * total
    # The caller's model has the whole weights of the last step, in every process.
    assert held[0]["model"] == held[1]["model"] == held[0]["trained"]


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
