"""What each mode moves, and that what it saves comes back."""

from __future__ import annotations

import sys

import pytest
import torch

from glasskit.errors import InputError
from glasskit.models import load_model
from glasskit.training import read_log, train
from tests.training.toys import tiny_open_clip, toy_config, toy_dataset, toy_model
from tests.training.workers import fingerprint

TOWER = {"epochs": 2, "lr": 0.01, "learn_temperature": True}


def moved(before, after) -> set[str]:
    old, new = dict(before.named_parameters()), dict(after.named_parameters())
    return {name for name in old if not torch.equal(old[name], new[name])}


@pytest.mark.parametrize(
    ("mode", "changed", "still"),
    [
        ("head", {"image_head", "text_head"}, {"clip.visual", "clip.token_embedding"}),
        (
            "full",
            {"image_head", "text_head", "clip.visual", "clip.token_embedding"},
            set(),
        ),
        ("image", {"image_head", "clip.visual"}, {"text_head", "clip.token_embedding"}),
        ("text", {"text_head", "clip.token_embedding"}, {"image_head", "clip.visual"}),
    ],
)
def test_a_mode_moves_its_part_and_the_loss_falls(tmp_path, mode, changed, still):
    model = toy_model()
    config = toy_config(tmp_path, mode=mode, **{**TOWER, "epochs": 6})
    train(config, dataset=toy_dataset(), model=model)
    names = moved(toy_model(), model)
    for part in changed:
        assert any(name.startswith(part) for name in names), part
    for part in still:
        assert not any(name.startswith(part) for name in names), part
    assert "clip.logit_scale" in names
    scores = [line["val"]["loss"] for line in read_log(tmp_path / "log.jsonl") if "val" in line]
    assert scores[-1] < scores[0]
    assert all(p.requires_grad for p in model.parameters())


def test_low_rank_changes_are_merged_into_what_is_saved(tmp_path):
    pytest.importorskip("peft")
    model, start, data = tiny_open_clip(), tiny_open_clip(), toy_dataset()
    kept = []

    def keep(line) -> None:
        with torch.no_grad():
            kept.append(model.image_features(model.pixels([data.image(0)])))

    config = toy_config(tmp_path, mode="lora", lora_rank=2, **{**TOWER, "epochs": 4})
    result = train(config, dataset=data, model=model, on_epoch=keep)
    scores = [line["val"]["loss"] for line in read_log(tmp_path / "log.jsonl") if "val" in line]
    assert scores[-1] < scores[0]
    heads = {"image_head.map.weight", "text_head.map.weight", "clip.logit_scale"}
    assert moved(start, model) == heads  # the changes of the towers are taken out again
    saved = load_model(tmp_path, device="cpu")  # an open_clip model, as it was
    place = "transformer.resblocks.1"
    for name in (f"visual.{place}.attn.in_proj_weight", f"{place}.mlp.c_fc.weight"):
        change = saved.clip.get_parameter(name) - start.clip.get_parameter(name)
        assert change.abs().max() > 0
        assert torch.linalg.matrix_rank(change, rtol=1e-3) <= 2
    encoded = saved.image_features(saved.pixels([data.image(0)]))
    torch.testing.assert_close(encoded, kept[int(result.best["epoch"])])


@pytest.mark.parametrize("accumulate", [1, 3])
def test_low_rank_training_resumes_bit_for_bit(tmp_path, accumulate):
    pytest.importorskip("peft")
    run = {"mode": "lora", "epochs": 2, "accumulate": accumulate, "learn_temperature": True}
    run["gradient_checkpointing"] = accumulate > 1
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(toy_config(whole, **run), dataset=toy_dataset(), model=tiny_open_clip())
    seen = []
    train(
        toy_config(cut, **run),
        dataset=toy_dataset(),
        model=tiny_open_clip(),
        on_step=seen.append,
        stop=lambda: len(seen) == 7,
    )
    train(toy_config(cut, **run, resume=True), dataset=toy_dataset(), model=tiny_open_clip())
    assert fingerprint(cut) == fingerprint(whole)


def test_low_rank_changes_without_their_library_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match=r'mode lora: needs pip install "glasskit\[lora\]"'):
        train(toy_config(tmp_path, mode="lora"), dataset=toy_dataset(), model=toy_model())


@pytest.mark.parametrize(
    "settings",
    [
        {"precision": "bf16"},
        {"accumulate": 3},
        {"gradient_checkpointing": True},
        {"workers": 1},
        {"ema": 0.9},
        {"decay_to": "start", "weight_decay": 0.1},
        {"hard_negative_share": 0.5},
        {"objective": "conclip"},
    ],
    ids=lambda s: next(iter(s)),
)
def test_full_training_takes_each_setting(tmp_path, settings):
    config = toy_config(tmp_path, mode="full", epochs=1, **settings)
    result = train(config, dataset=toy_dataset(), model=toy_model())
    assert result.status == "finished"
    assert result.best is not None


def test_accumulation_gives_the_same_curve(tmp_path):
    curves = []
    for parts in (1, 3):
        out = tmp_path / str(parts)
        config = toy_config(out, mode="full", accumulate=parts, **TOWER)
        train(config, dataset=toy_dataset(), model=toy_model())
        curves.append([line["loss"] for line in read_log(out / "log.jsonl") if "loss" in line])
    assert curves[0] == pytest.approx(curves[1], abs=1e-5)


def test_full_training_resumes_bit_for_bit(tmp_path):
    run = {"mode": "full", "epochs": 2, "feature_dropout": 0.0, "ema": 0.5}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(toy_config(whole, **run), dataset=toy_dataset(), model=toy_model(0.3))
    seen = []
    stopped = train(
        toy_config(cut, **run),
        dataset=toy_dataset(),
        model=toy_model(0.3),
        on_step=seen.append,
        stop=lambda: len(seen) == 7,
    )
    assert (stopped.status, stopped.step, stopped.exit_code) == ("stopped", 7, 0)
    train(toy_config(cut, **run, resume=True), dataset=toy_dataset(), model=toy_model(0.3))
    assert fingerprint(cut) == fingerprint(whole)


def test_what_does_not_go_together_is_one_line(tmp_path):
    cases = {
        "objective 'c2lip' needs patch tokens, which mode 'head'": {"objective": "c2lip"},
        "precision fp16: needs a GPU": {"precision": "fp16"},
        "objective 'nonsense': unknown objective": {"objective": "nonsense"},
        "group_size 9: the largest concept of 'toy' has 8": {"group_size": 9},
        "feature_dropout: only mode head": {"mode": "full", "feature_dropout": 0.1},
    }
    for number, (message, settings) in enumerate(cases.items()):
        with pytest.raises(InputError) as caught:
            train(
                toy_config(tmp_path / str(number), **settings),
                dataset=toy_dataset(),
                model=toy_model(),
            )
        assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)
