"""A run as its caller sees it: hooks, curves, stopping, and a loss that is no number."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from glasskit.data.images import FolderImages
from glasskit.errors import InputError
from glasskit.training import DivergedError, read_log
from glasskit.training.checkpoint import checkpoints, read_checkpoint
from tests.training.toys import save_pictures, toy_dataset, toy_model, toy_run


def test_log_lines_are_those_that_hooks_get_and_readers_expect(tmp_path):
    steps, epochs = [], []
    result = toy_run(tmp_path, on_step=steps.append, on_epoch=epochs.append)
    log = read_log(tmp_path / "log.jsonl")
    assert [line for line in log if "val" not in line] == steps
    assert [line for line in log if "val" in line] == epochs
    names = "step epoch loss parts lr temperature pairs_per_second time"
    assert set(steps[0]) == set(names.split())
    assert set(steps[0]["parts"]) == {"outer", "inner"}
    assert [line["epoch"] for line in epochs] == [0, 1, 2, 3]
    assert set(epochs[0]["val"]) == {"loss", "top1", "acceptable_top1"}
    assert (result.status, result.exit_code, result.epoch) == ("finished", 0, 3)
    assert result.step == len(steps) == steps[-1]["step"]
    assert result.best["acceptable_top1"] == max(e["val"]["acceptable_top1"] for e in epochs[1:])


def test_one_concept_is_refused_with_the_reason(tmp_path):
    with pytest.raises(InputError, match="'toy' has pictures to train on in one concept only"):
        toy_run(tmp_path, dataset=toy_dataset(concepts=1))


def test_a_run_in_a_thread_stops_when_asked(tmp_path):
    stop, results = threading.Event(), []

    def end(line) -> None:
        if line["epoch"]:
            stop.set()

    def work() -> None:
        results.append(toy_run(tmp_path, epochs=100, on_epoch=end, stop=stop.is_set))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert (results[0].status, results[0].epoch) == ("stopped", 1)
    assert (tmp_path / "model.safetensors").exists()


def spoiled(out: Path, first: int, **settings) -> str:
    """The line of a run whose weights become NaN after a step, in the second of three epochs."""
    model = toy_model()

    def spoil(line) -> None:
        if line["step"] >= first:
            model.image_head.map.weight.data.fill_(float("nan"))

    with pytest.raises(DivergedError) as caught:
        toy_run(out, model=model, on_step=spoil, **settings)
    return str(caught.value)


@pytest.mark.parametrize(("log_every", "step"), [(1, 8), (4, 9)])
def test_a_loss_that_is_no_number_names_its_step_and_keeps_what_was_good(tmp_path, log_every, step):
    line = spoiled(tmp_path, 7, log_every=log_every)
    assert line.startswith(f"training diverged at step {step}: the loss is nan; the last good")
    assert "step-00000005.safetensors" in line
    kept = load_file(tmp_path / "model.safetensors")
    assert all(tensor.isfinite().all() for tensor in kept.values())
    toy_run(tmp_path, resume=True)


def test_a_weight_that_is_no_number_is_never_kept(tmp_path):
    line = spoiled(tmp_path, 5)
    assert "at step 5: a weight is NaN or infinite; no checkpoint was written" in line
    assert not (tmp_path / "model.safetensors").exists()


def test_curves_go_to_tensorboard(tmp_path):
    toy_run(tmp_path, epochs=1, tracker="tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert {"train/loss", "train/outer", "val/top1"} <= set(events.Tags()["scalars"])
    assert len(events.Scalars("train/loss")) == len(read_log(tmp_path / "log.jsonl")) - 2


def test_the_temperature_is_learned_and_never_below_one_hundredth(tmp_path):
    model = toy_model()
    run = {"objective": "clip", "temperature": 0.0101, "lr": 0.5, "weight_decay": 0.0}
    toy_run(tmp_path, model=model, learn_temperature=True, **run)
    seen = [line["temperature"] for line in read_log(tmp_path / "log.jsonl") if "loss" in line]
    assert min(seen) >= 0.01 - 1e-6
    assert len(set(seen)) > 1


def test_the_kept_model_is_the_best_by_validation(tmp_path):
    kept = {}
    model = toy_model()

    def keep(line) -> None:
        kept[line["epoch"]] = model.image_head.map.weight.detach().clone()

    result = toy_run(tmp_path, model=model, epochs=6, lr=0.3, on_epoch=keep)
    saved = load_file(tmp_path / "model.safetensors")["image_head.map.weight"]
    assert torch.equal(saved, kept[result.best["epoch"]])
    tensors, state = read_checkpoint(checkpoints(tmp_path / "checkpoints")[-1])
    assert state["best"] == result.best
    assert torch.equal(tensors["weight.model.image_head.map.weight"], kept[6])


@pytest.mark.parametrize("mode", ["head", "full"])
def test_pictures_that_are_missing_are_told_together_before_a_step(tmp_path, monkeypatch, mode):
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "cache"))
    data = toy_dataset()
    images = save_pictures(data, tmp_path / "images")
    gone = [next(r.key for r in data.records if r.split == split) for split in ("train", "val")]
    (images / f"{gone[0]}.png").unlink()
    (images / f"{gone[1]}.png").write_bytes(b"<html>")
    data = replace(data, images=FolderImages(images))
    with pytest.raises(InputError) as caught:
        toy_run(tmp_path / "run", mode=mode, dataset=data)
    assert str(caught.value).startswith("2 of ")
    assert f"record {gone[0]!r}" in str(caught.value)
    assert "HTML page" in str(caught.value)
    assert not (tmp_path / "run" / "log.jsonl").exists()
