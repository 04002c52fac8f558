"""Settings mean what they say: the same input gives the same run, by whatever way it comes in."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from glasskit.cli import app
from glasskit.errors import InputError
from glasskit.fields import choices, kinds
from glasskit.losses.objectives import OBJECTIVES, settings_of
from glasskit.training import train
from glasskit.training.config import TrainConfig, objective_settings
from glasskit_app.train_tab import NUMBERS, _settings
from glasskit_app.training import SETTINGS
from tests.training.toys import toy_config, toy_dataset, toy_model

CASES = [(objective, "head") for objective in OBJECTIVES]
CASES += [("grouped", mode) for mode in ("full", "image", "text", "lora")]

JOINT, FULL = {"objective": "joint"}, {"mode": "full"}
NEEDED: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("instance", "grouped", "instance_weight", "instance_caption"), JOINT),
    **dict.fromkeys(("gradient_checkpointing", "workers"), FULL),
    **{n: FULL | {"objective": "c2lip"} for n in ("npc_weight", "xac_weight")},
    "views": {"objective": "mv-dhel"},
    "entailment_weight": {"objective": "entailment"},
    "learn_bias": {"objective": "siglip"},
    "lora_rank": {"mode": "lora"},
}
"""What a run needs to make use of a field."""

TEXTS = {"objective": "clip", "instance": "siglip", "grouped": "unicl"}


def another(name: str) -> Any:
    """A value of a field that is not its default."""
    field = TrainConfig.model_fields[name]
    kind = kinds(field)[0]
    if choices(field):
        return next(value for value in reversed(choices(field)) if value != field.default)
    if kind is bool:
        return field.default is False
    return TEXTS.get(name, f"other {name}") if kind is str else kind(3) if kind is int else 0.25


@pytest.fixture
def asked(monkeypatch) -> list[TrainConfig]:
    """What `glasskit train` hands over in place of training."""
    configs: list[TrainConfig] = []
    done = SimpleNamespace(out="", status="", step=0, epoch=0, best={}, exit_code=0)
    monkeypatch.setattr(
        "glasskit.training.run.train", lambda config, **_: configs.append(config) or done
    )
    return configs


def flags(settings: dict[str, Any]) -> list[str]:
    """Settings as they are typed."""
    typed = [settings.get("dataset", "scenes")]
    for name, value in settings.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            typed.append(flag if value else f"--no{flag[1:]}")
        elif name != "dataset":
            typed += [flag, str(value)]
    return typed


def command(*arguments: str) -> None:
    done = CliRunner().invoke(app, ["train", *arguments])
    assert done.exit_code == 0, (done.output, done.exception)


def by_form(settings: dict[str, Any]) -> TrainConfig:
    """The config of a run that the Train tab starts when these fields were filled in."""
    values = [settings.get(name) for name in NUMBERS]
    return TrainConfig(**_settings(toy_dataset(), settings.get("objective", "grouped"), values))


@pytest.mark.parametrize("name", TrainConfig.model_fields)
def test_every_entrance_gives_the_same_run(name: str, asked, tmp_path) -> None:
    value, context = another(name), NEEDED.get(name, {})
    settings = {**context, name: value}
    config, file = TrainConfig(**settings), tmp_path / "run.yaml"
    assert value != getattr(TrainConfig(), name)
    assert name not in config.unused()
    resolved = config.resolved()
    assert getattr(resolved, name) == value
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    command(*flags(settings))
    command(settings.get("dataset", "scenes"), "--config", str(file))
    ways = [TrainConfig().but(**settings), TrainConfig.load(file), *asked]
    if set(settings) <= set(SETTINGS):
        ways.append(by_form(settings))
    assert len(asked) == 2
    assert all(way == config and way.resolved() == resolved for way in ways)
    # Flags win over the file.
    other = getattr(TrainConfig(), name)
    if other is not None:
        command(*flags({**context, name: other}), "--config", str(file))
        assert getattr(asked[-1], name) == other


@pytest.mark.parametrize(("objective", "mode"), CASES)
def test_a_changed_config_is_a_fresh_one(objective: str, mode: str) -> None:
    fresh = TrainConfig(objective=objective, mode=mode)
    for old_objective, old_mode in CASES:
        old = TrainConfig(objective=old_objective, mode=old_mode)
        assert old.but(objective=objective, mode=mode) == fresh
    assert fresh.unused() == {}
    assert fresh.but(lr=1.0).but(lr=None) == fresh


@pytest.mark.parametrize(("objective", "mode"), CASES)
def test_what_is_resolved_says_the_same_when_it_is_given(
    objective: str, mode: str, tmp_path
) -> None:
    config = TrainConfig(objective=objective, mode=mode)
    resolved, file = config.fitted(30, 9), tmp_path / "config.yaml"
    assert resolved.fitted(30, 9) == resolved
    assert resolved.unused() == {}
    for name, value in resolved.as_dict().items():
        assert config.but(**{name: value}).fitted(30, 9) == resolved, name
    file.write_text(resolved.to_yaml(), encoding="utf-8")
    assert TrainConfig.load(file) == resolved
    by_data = ("groups_per_batch", "group_size", "word_weight", "trained_share")
    asked = {name: getattr(resolved, name) for name in by_data}
    assert config.but(**asked).differences(resolved.as_dict()) == []


@pytest.mark.parametrize("name", objective_settings())
def test_the_help_tells_the_default_that_the_objective_has(name: str) -> None:
    defaults = {s[name] for s in map(settings_of, OBJECTIVES) if name in s}
    assert len(defaults) == 1
    default = defaults.pop()
    told = f"{default:g}" if isinstance(default, float) else str(default).lower()
    assert TrainConfig.model_fields[name].description.endswith(f"; default {told}")


@pytest.mark.parametrize(
    ("settings", "unused"),
    [
        ({"objective": "clip", "alpha": 0.3}, {"alpha": "objective clip"}),
        ({"learn_bias": True, "views": "pair"}, dict.fromkeys(("learn_bias", "views"), "grouped")),
        ({"objective": "joint", "grouped": "unicl", "alpha": 0.3}, {"alpha": "objective joint"}),
        ({"objective": "joint", "alpha": 0.3}, {}),
        ({"workers": 2}, {"workers": "mode head"}),
        ({"mode": "text", "lr": 0.1, "text_lr": 0.2}, {"lr": "mode text with text_lr"}),
    ],
)
def test_what_is_given_and_not_used_is_named(settings, unused) -> None:
    config = TrainConfig(**settings)
    found = config.unused()
    assert found.keys() == unused.keys()
    assert all(unused[name] in found[name] for name in unused)
    assert config.resolved() == config.but(**dict.fromkeys(unused)).resolved()


def test_a_run_says_once_what_it_does_not_use(tmp_path, caplog) -> None:
    config = toy_config(tmp_path, epochs=1, objective="clip", alpha=0.3, lora_rank=4)
    config = config.but(workers=None, validation_share=0.2)
    with caplog.at_level(logging.WARNING, logger="glasskit"):
        train(config, dataset=toy_dataset(), model=toy_model())
    assert [record.getMessage() for record in caplog.records] == [
        "alpha: given, but objective clip does not use it",
        "lora_rank: given, but mode head does not use it",
        "validation_share: given, but toy has a val split",
    ]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"select": "top1"}, "select: given, but no records are held out"),
        ({"hard_negative_share": 0.5}, "hard_negative_share: given, but no concept of toy has"),
        ({"theme_weight": 1.0}, "theme_weight: given, but toy has no theme captions"),
        ({"paraphrase_weight": 1.0}, "paraphrase_weight: given, but toy has no paraphrases"),
    ],
)
def test_a_run_says_what_decides_nothing_with_its_data(tmp_path, caplog, settings, line) -> None:
    data = toy_dataset(val=0)
    records = tuple(replace(r, literal=r.literal[:1], theme=()) for r in data.records)
    concepts = tuple(replace(c, hard_negatives=()) for c in data.concepts)
    bare = replace(data, records=records, concepts=concepts)
    config = toy_config(tmp_path, epochs=1, workers=None, **settings)
    with caplog.at_level(logging.WARNING, logger="glasskit"):
        train(config, dataset=bare, model=toy_model())
    assert len(caplog.records) == 1
    assert caplog.records[0].getMessage().startswith(line)


def test_a_run_writes_what_it_used_and_goes_on_with_the_same_call(tmp_path) -> None:
    def call(**changes: Any) -> str:
        config = TrainConfig(
            objective="clip", epochs=2, device="cpu", tracker="none", out=str(tmp_path), **changes
        )
        model = toy_model()
        return train(config, dataset=toy_dataset(), model=model).status

    assert call() == "finished"
    kept = TrainConfig(**json.loads((tmp_path / "config.json").read_text())["training"])
    assert kept.unused() == {}
    assert (kept.theme_weight, kept.lr, kept.alpha, kept.group_size) == (0.0, 4e-3, None, 4)
    asked = TrainConfig.load(tmp_path / "config.yaml")  # as it was asked for, to be given again
    by_data = {"word_weight": 0.0, "trained_share": 1.0}  # pictures of the data have one label
    assert asked.resolved().but(**by_data) == kept
    assert call(resume=True, decay_to="start", lr=4e-3) == "finished"
    assert call(resume=True, workers=3) == "finished"
    with pytest.raises(InputError, match=r"another theme_weight: it was 0\.0, now 1\.0"):
        call(resume=True, theme_weight=1.0)


def test_numbers_of_numpy_are_numbers() -> None:
    given = {"epochs": np.int64(3), "lr": np.float32(0.5), "learn_bias": np.bool_(False)}
    assert TrainConfig(**given) == TrainConfig(epochs=3, lr=0.5, learn_bias=False)
    with pytest.raises(InputError, match=r"epochs: 3\.0 is not of type int"):
        TrainConfig(epochs=np.float64(3))


def test_an_older_run_with_settled_defaults_goes_on() -> None:
    old = TrainConfig(objective="clip").fitted(30, 9).as_dict()
    old |= {"alpha": 0.7, "instance": "clip", "lora_rank": 8, "decay_to": "auto", "gone": 1}
    assert TrainConfig(objective="clip").fitted(30, 9).differences(old) == []


def test_the_form_sends_what_was_chosen_and_leaves_out_what_is_not_used() -> None:
    assert by_form({}) == TrainConfig()
    assert by_form({"objective": "clip", "alpha": 0.3}) == TrainConfig(objective="clip")
    with pytest.raises(InputError, match="temperature: 0 is not allowed; give above 0"):
        by_form({"temperature": 0})
