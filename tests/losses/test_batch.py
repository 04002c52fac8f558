"""What a grouped batch refuses."""

from __future__ import annotations

import pytest
import torch

from glasskit.losses import GroupedBatch

PAIRS = torch.randn(2, 3, 4)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"image": PAIRS[0]}, r"image must have shape \(M, N, L\)"),
        ({"text": PAIRS[:1]}, r"text must have shape \(2, 3, 4\), got \(1, 3, 4\)"),
        ({"negation": PAIRS[:, :1]}, "negation must have shape"),
        ({"phrases": torch.randn(5, 4)}, "phrases and phrase_owner go together"),
        (
            {"phrases": torch.randn(5, 3), "phrase_owner": torch.zeros(5)},
            r"phrases must have shape \(K, 4\), got \(5, 3\)",
        ),
        (
            {"phrases": torch.randn(5, 4), "phrase_owner": torch.zeros(4)},
            r"phrase_owner must have shape \(5\), got \(4,\)",
        ),
        ({"labels": torch.ones(2, 2, 5, dtype=torch.bool)}, r"labels must have shape \(2, 3, C\)"),
        ({"labels": torch.ones(2, 3, 5)}, "labels must be bool, got torch.float32"),
        ({"patches": torch.randn(2, 3, 4)}, r"patches must have shape \(2, 3, P, 4\)"),
    ],
)
def test_a_field_of_another_shape_is_named(fields: dict[str, torch.Tensor], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        GroupedBatch(**{"image": PAIRS, "text": PAIRS} | fields)
