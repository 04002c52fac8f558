"""Gradients in parts are those of the whole batch, for every optional field and with dropout."""

from __future__ import annotations

import pytest
import torch
from accelerate import Accelerator

from glasskit.training.batches import Batches
from glasskit.training.encoders import build_encoder
from glasskit.training.feeds import PictureFeed
from glasskit.training.gradients import backward, backward_in_parts
from glasskit.training.run import objective_of
from tests.training.toys import toy_config, toy_dataset, toy_model


def gradients(tmp_path, parts: int, dropout: float, **changes) -> dict[str, torch.Tensor]:
    config = toy_config(tmp_path, groups_per_batch=4, group_size=3, **changes).resolved()
    objective = objective_of(config)
    model = toy_model(dropout).double()
    encoder = build_encoder(model, config, objective.needs).train()
    batches = Batches(toy_dataset(), config, objective.needs, groups=4, members=3)
    feed = PictureFeed(batches, model, torch.device("cpu"), 0)
    rows, images, texts = next(feed.epoch(0))
    accelerator = Accelerator(cpu=True)
    if parts == 1:
        output = backward(accelerator, encoder, objective, images.double(), texts, rows)
    else:
        torch.manual_seed(3)
        output = backward_in_parts(
            accelerator, encoder, objective, images.double(), texts, rows, parts
        )
    named = [*encoder.named_parameters(), *objective.named_parameters()]
    found = {name: p.grad for name, p in named if p.grad is not None}
    return {"loss": output.total.detach(), **found}


@pytest.mark.parametrize("objective", ["grouped", "siglip", "semclip", "conclip", "c2lip"])
@pytest.mark.parametrize("parts", [2, 5, 7])
def test_parts_give_the_gradients_of_the_whole(tmp_path, objective, parts):
    if objective == "c2lip":
        pytest.importorskip("textblob")
    settings = {"mode": "full", "objective": objective, "learn_temperature": True}
    whole = gradients(tmp_path, 1, 0.0, **settings)
    split = gradients(tmp_path, parts, 0.0, **settings)
    assert whole.keys() == split.keys()
    assert "model.clip.logit_scale" in whole
    for name, value in whole.items():
        torch.testing.assert_close(split[name], value, rtol=1e-9, atol=1e-11, msg=name)


def test_dropout_falls_alike_in_both_forwards(tmp_path):
    """With the dropout of the first forward repeated, the loss's own gradient is what comes out."""
    settings = {"mode": "full", "objective": "grouped"}
    torch.manual_seed(0)
    first = gradients(tmp_path, 3, 0.5, **settings)
    torch.manual_seed(1)
    again = gradients(tmp_path, 3, 0.5, **settings)
    whole = gradients(tmp_path, 1, 0.0, **settings)
    assert torch.equal(first["loss"], again["loss"])
    assert not torch.allclose(first["loss"], whole["loss"])
    # A step against the gradient of the very draw lowers the loss of the very draw.
    name = "model.clip.visual.proj"
    assert torch.equal(first[name], again[name])
    assert first[name].abs().max() > 0
