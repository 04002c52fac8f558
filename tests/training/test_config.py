"""TrainConfig: limits on the field, one line on bad input, YAML there and back."""

from __future__ import annotations

import pytest

from glasskit.errors import InputError
from glasskit.training.config import TrainConfig


def test_every_field_explains_itself_and_the_defaults_are_valid():
    TrainConfig(**TrainConfig().as_dict())
    assert all(field.description for field in TrainConfig.model_fields.values())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("alpha", 1.2233, "alpha: 1.2233 is not allowed; give 0 to 1"),
        ("temperature", float("nan"), "temperature: nan is not allowed; give above 0"),
        ("ema", 1.0, "ema: 1.0 is not allowed; give 0 and below 1"),
        ("epochs", 0, "epochs: 0 is not allowed; give 1 or more"),
        ("mode", "half", "mode: 'half' is not allowed; give one of head, full, image, text, lora"),
        ("epochs", "ten", "epochs: 'ten' is not of type int"),
        ("lr", True, "lr: True is not of type float or nothing"),
        ("alfa", 0.5, "alfa: no such setting; did you mean alpha?"),
        ("group-size", 3, "group-size: no such setting; did you mean group_size?"),
        ("zzz", 3, "zzz: no such setting; known are accumulate, alpha, "),
    ],
)
def test_bad_values_name_the_field(field, value, message):
    with pytest.raises(InputError) as caught:
        TrainConfig.load(**{field: value})
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[1, 2]", "lr: [", "just words", "lr: 1\nlr: 2"])
def test_a_file_that_is_no_mapping_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        TrainConfig.load(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
