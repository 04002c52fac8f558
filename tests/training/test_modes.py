"""What each mode moves, and that what it saves comes back."""

from __future__ import annotations

import sys

import pytest
import torch

from glasskit.errors import InputError
from glasskit.models import load_model
from glasskit.training import read_log
from tests.training.toys import tiny_open_clip, toy_dataset, toy_model, toy_run
from tests.training.workers import fingerprint

TOWER = {"epochs": 2, "lr": 0.01, "learn_temperature": True}
HEADS, VISUAL, TEXT = {"image_head", "text_head"}, {"clip.visual"}, {"clip.token_embedding"}


def moved(before, after) -> set[str]:
    old, new = dict(before.named_parameters()), dict(after.named_parameters())
    return {name for name in old if not torch.equal(old[name], new[name])}


def losses(out) -> list[float]:
    return [line["val"]["loss"] for line in read_log(out / "log.jsonl") if "val" in line]


@pytest.mark.parametrize(
    ("mode", "changed", "still"),
    [
        ("head", HEADS, VISUAL | TEXT),
        ("full", HEADS | VISUAL | TEXT, set()),
        ("image", {"image_head"} | VISUAL, {"text_head"} | TEXT),
        ("text", {"text_head"} | TEXT, {"image_head"} | VISUAL),
    ],
)
def test_a_mode_moves_its_part_and_the_loss_falls(tmp_path, mode, changed, still):
    model = toy_model()
    toy_run(tmp_path, model=model, mode=mode, **{**TOWER, "epochs": 6})
    names = moved(toy_model(), model)
    assert all(any(name.startswith(part) for name in names) for part in changed)
    assert not any(name.startswith(part) for part in still for name in names)
    assert "clip.logit_scale" in names
    assert losses(tmp_path)[-1] < losses(tmp_path)[0]
    assert all(p.requires_grad for p in model.parameters())


def test_low_rank_changes_are_merged_into_what_is_saved(tmp_path):
    pytest.importorskip("peft")
    model, start, data = tiny_open_clip(), tiny_open_clip(), toy_dataset()
    kept = []

    @torch.no_grad()
    def keep(line) -> None:
        kept.append(model.image_features(model.pixels([data.image(0)])))

    run = {**TOWER, "mode": "lora", "lora_rank": 2, "epochs": 4}
    result = toy_run(tmp_path, model=model, on_epoch=keep, **run)
    assert losses(tmp_path)[-1] < losses(tmp_path)[0]
    # The changes of the towers are taken out again.
    heads = {"image_head.map.weight", "text_head.map.weight", "clip.logit_scale"}
    assert moved(start, model) == heads
    saved = load_model(tmp_path, device="cpu")  # an open_clip model, as it was
    place = "transformer.resblocks.1"
    for name in (f"visual.{place}.attn.in_proj_weight", f"{place}.mlp.c_fc.weight"):
        change = saved.clip.get_parameter(name) - start.clip.get_parameter(name)
        assert change.abs().max() > 0
        assert torch.linalg.matrix_rank(change, rtol=1e-3) <= 2
    encoded = saved.image_features(saved.pixels([data.image(0)]))
    torch.testing.assert_close(encoded, kept[int(result.best["epoch"])])


def test_low_rank_changes_without_their_library_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match=r'^peft is missing; .* "glasskit\[lora\]"'):
        toy_run(tmp_path, mode="lora")


@pytest.mark.parametrize(
    "settings",
    [{"precision": "bf16"}, {"workers": 1}, {"decay_to": "start", "weight_decay": 0.1}],
    ids=lambda s: next(iter(s)),
)
def test_full_training_takes_each_setting(tmp_path, settings):
    result = toy_run(tmp_path, mode="full", epochs=1, **settings)
    assert result.status == "finished"
    assert result.best is not None


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (lambda: toy_model(0.3), {"mode": "full", "ema": 0.5}),
        (tiny_open_clip, {"mode": "lora"}),
        (tiny_open_clip, {"mode": "lora", "accumulate": 3, "gradient_checkpointing": True}),
    ],
    ids=["full", "lora", "lora in parts"],
)
def test_towers_resume_bit_for_bit(tmp_path, make, settings):
    if settings["mode"] == "lora":
        pytest.importorskip("peft")
    settings |= {"epochs": 2, "learn_temperature": True}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    toy_run(whole, model=make(), **settings)
    seen = []
    stop = {"on_step": seen.append, "stop": lambda: len(seen) == 7}
    stopped = toy_run(cut, model=make(), **settings, **stop)
    assert (stopped.status, stopped.step, stopped.exit_code) == ("stopped", 7, 0)
    toy_run(cut, model=make(), **settings, resume=True)
    assert fingerprint(cut) == fingerprint(whole)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"objective": "c2lip"}, "objective 'c2lip' needs patch tokens, which mode 'head'"),
        ({"precision": "fp16"}, "precision fp16: needs a GPU"),
        ({"objective": "nonsense"}, "objective 'nonsense': unknown objective"),
        ({"group_size": 9}, "group_size 9: the largest concept of 'toy' has 8"),
        (
            {"objective": "clip", "literal_weight": 0.0},
            "theme_weight: all three caption weights are 0",
        ),
        ({"mode": "full", "feature_dropout": 0.1}, "feature_dropout: only mode head"),
    ],
)
def test_what_does_not_go_together_is_one_line_and_leaves_no_folder(tmp_path, settings, line):
    with pytest.raises(InputError) as caught:
        toy_run(tmp_path / "new" / "run", tracker="tensorboard", **settings)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "new").exists()
