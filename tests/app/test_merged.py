"""What has merged in a picture and a phrase, under the answer of a hierarchy-aware model."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from glasskit.models import load_model
from glasskit.models.hierarchy_towers import TextLayers
from glasskit_app.probe_merged import SIDE, bracketed, merged_page, outlined

GREY = Image.new("RGB", (60, 40), "grey")


def test_each_layer_of_a_model_that_merges_is_shown_and_no_other_model_has_a_page() -> None:
    page = merged_page(load_model("hiclip-small"), GREY, "<b> a dog")
    assert page.count("<img") == page.count("<p>Layer") == 4
    assert "&lt;" in page
    assert "<b>" not in page
    assert merged_page(load_model("hiclip-small-plain"), GREY, "a dog") == ""


def test_brackets_hold_words_above_the_threshold() -> None:
    log_a = torch.tensor([[0.9, 0.2], [0.9, 0.8]]).log()
    (one, first), (two, second) = bracketed(TextLayers(["a", "dog", "sleeps"], log_a))
    assert (first, second) == ("[a dog] sleeps", "[a dog sleeps]")
    assert np.allclose([one, two], [0.55, 0.85])
    assert bracketed(TextLayers(["dog"], torch.zeros(2, 0))) == []


def test_lines_run_between_parts_alone() -> None:
    right = torch.tensor([[[0.9], [0.9]]]).log()
    down = torch.tensor([[[0.1, 0.1]]]).log()
    pixels = np.asarray(outlined(GREY, (right, down)))
    green = (pixels[..., 1] > 150) & (pixels[..., 0] < 100)
    assert green[SIDE // 2].mean() > 0.95  # between the rows
    assert not green[: SIDE // 3].any()
