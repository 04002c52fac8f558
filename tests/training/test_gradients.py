"""Gradients in parts are those of the whole batch, for every optional field."""

from __future__ import annotations

import pytest
import torch
from accelerate import Accelerator

from glasskit.models import GlassModel, load_model
from glasskit.training.batches import Batches
from glasskit.training.encoders import build_encoder
from glasskit.training.gradcache import backward
from glasskit.training.loaders import picture_loader
from glasskit.training.run import objective_of
from tests.training.toys import toy_config, toy_dataset, toy_model


def gradients(tmp_path, model: GlassModel, parts: int, **changes) -> dict[str, torch.Tensor]:
    config = toy_config(tmp_path, **{"mode": "full"} | changes).resolved()
    objective = objective_of(config)
    encoder = build_encoder(model, config, objective.needs, lengths=objective.lengths).train()
    groups, members = config.groups_per_batch, config.group_size
    batches = Batches(toy_dataset(), config, objective.needs, groups=groups, members=members)
    step = next(picture_loader(batches, model, torch.device("cpu"), 0).epoch(0))
    step = step._replace(images=step.images.to(model.logit_scale.dtype))
    torch.manual_seed(3)
    output = backward(Accelerator(cpu=True), encoder, objective, step, parts)
    named = [*encoder.named_parameters(), *objective.named_parameters()]
    found = {name: p.grad for name, p in named if p.grad is not None}
    return {"loss": output.total.detach(), **found}


@pytest.mark.parametrize(
    "objective", ["grouped", "siglip", "semclip", "conclip", "c2lip", "entailment"]
)
@pytest.mark.parametrize("parts", [2, 5, 7])
def test_parts_give_the_gradients_of_the_whole(tmp_path, objective, parts):
    if objective == "c2lip":
        pytest.importorskip("textblob")
    settings = {"objective": objective, "learn_temperature": True}
    whole, split = (gradients(tmp_path, toy_model().double(), n, **settings) for n in (1, parts))
    assert whole.keys() == split.keys()
    assert "model.clip.logit_scale" in whole
    for name, value in whole.items():
        torch.testing.assert_close(split[name], value, rtol=1e-9, atol=1e-11, msg=name)


def test_the_towers_own_dropout_stays_off(tmp_path):
    """No split of a batch could repeat its draws, so that neither the batch nor its parts drop."""
    whole = gradients(tmp_path, toy_model().double(), 1)
    for parts in (1, 3):
        for name, value in gradients(tmp_path, toy_model(0.5).double(), parts).items():
            torch.testing.assert_close(value, whole[name], rtol=1e-9, atol=1e-11, msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("checkpointing", [False, True])
def test_parts_of_the_built_in_model_give_the_gradients_of_the_whole(tmp_path, checkpointing):
    settings = {"groups_per_batch": 2, "group_size": 2, "gradient_checkpointing": checkpointing}
    models = [load_model("lite0-minilm", device="cpu") for _ in range(2)]
    whole, split = (gradients(tmp_path, model, n, **settings) for n, model in enumerate(models, 1))
    for name, value in whole.items():
        torch.testing.assert_close(split[name], value, rtol=1e-3, atol=1e-5, msg=name)
