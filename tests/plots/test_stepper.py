"""The loss stepper in a browser: its formulas, slopes and steps against those of Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from glasskit.analysis.gradients import gradient_descent, loss_of, on_circle
from glasskit.losses import GroupedBatch
from glasskit.losses.objectives import OBJECTIVES, build_objective, settings_of
from glasskit.plots.loss_stepper import stepper_html

pytestmark = pytest.mark.browser

PLAIN = [name for name, spec in OBJECTIVES.items() if not spec.needs]
OF_PRODUCTS = ("grouped", "grouped-cosine", "joint")


@pytest.fixture(scope="module")
def page(chromium, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    file = tmp_path_factory.mktemp("stepper") / "stepper.html"
    file.write_text(f'<!doctype html><meta charset="utf-8">{stepper_html()}', encoding="utf-8")
    page = chromium.new_page(viewport={"width": 390, "height": 844})
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.asked.append(str(error)))
    page.goto(file.as_uri())
    yield page
    page.close()


def settings(name: str, temperature: float, alpha: float) -> dict[str, Any]:
    """Those of an objective that the page's sliders change."""
    own = settings_of(name)
    given = {"temperature": temperature, "inner_temperature": temperature, "alpha": alpha}
    return {key: value for key, value in given.items() if key in own}


def vectors(seed: int, width: int) -> dict[str, Tensor]:
    """Unit vectors for every field; the first text of the second group lies on its image."""
    torch.manual_seed(seed)
    pairs = ("image", "text", "paraphrase", "negation", "negative_image", "general", "altered")
    shapes = dict.fromkeys(pairs, (2, 2, width)) | {"patches": (2, 2, 2, width)}
    shapes["phrases"] = (4, width)
    drawn = {n: normalize(torch.randn(*s).double(), dim=-1) for n, s in shapes.items()}
    drawn["text"][1, 0] = drawn["image"][1, 0]
    return drawn


def batch_of(name: str, drawn: dict[str, Tensor], lengths: dict[str, float]) -> GroupedBatch:
    fields = {n: drawn[n] * lengths.get(n, 1) for n in ("image", "text", *OBJECTIVES[name].needs)}
    owner = {"phrase_owner": torch.arange(4)} if "phrases" in fields else {}
    return GroupedBatch(**fields, **owner)


def sent(drawn: dict[str, Tensor]) -> dict[str, list]:
    """The vectors as the page has them, pair by pair."""
    return {n: (x if n == "phrases" else x.flatten(0, 1)).tolist() for n, x in drawn.items()}


def test_every_objective_has_the_value_and_parts_of_python(page) -> None:
    assert page.locator("option:disabled").all_text_contents() == []
    lengths = page.evaluate("glassStepper.LENGTHS")
    run = "([n, b, o]) => glassStepper.FORMULAS[n](b, o)"
    for name in OBJECTIVES:
        for seed, tau, alpha in ((0, 0.3, 0.7), (1, 0.02, 1.0), (2, 0.1, 0.0), (3, 2.0, 0.35)):
            drawn, changed = vectors(seed, 2), settings(name, tau, alpha)
            shown = page.evaluate(run, [name, sent(drawn), settings_of(name) | changed])
            total, parts = build_objective(name, **changed)(batch_of(name, drawn, lengths))
            assert shown["total"] == pytest.approx(total.item(), rel=1e-6, abs=1e-9), (name, seed)
            wanted = {key: value.item() for key, value in parts.items()}
            assert shown["parts"] == pytest.approx(wanted, rel=1e-6, abs=1e-9), (name, seed)


def slopes(page, name: str, drawn: dict[str, Tensor], changed: dict[str, Any]) -> Tensor:
    """(8, 8) the page's slopes in the cosines of images and texts with each other."""
    found = page.evaluate(
        """([n, b, o]) => [...b.image, ...b.text].map((x, i, all) =>
        all.map((y) => x === y ? 0 : glassStepper.slope(n, b, o, x, y)))""",
        [name, sent(drawn), settings_of(name) | changed],
    )
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("name", [name for name in OBJECTIVES if name != "semclip"])
def test_slopes_are_the_coefficients_of_the_gradient(page, name: str) -> None:
    """Of independent vectors a gradient has one combination; its coefficients are the slopes.

    semclip projects vectors that have more than two numbers. The pairwise inner loss is no
    function of cosines, and its weight is 0 here.
    """
    drawn = vectors(4, 40)
    drawn["text"][1, 0] = vectors(5, 40)["image"][1, 0]  # else it is its image
    changed = settings(name, 0.3, 1.0 if name in OF_PRODUCTS else 0.7)
    leaves = {key: value.clone().requires_grad_() for key, value in drawn.items()}
    lengths = page.evaluate("glassStepper.LENGTHS")
    build_objective(name, **changed)(batch_of(name, leaves, lengths)).total.backward()
    fields = ["image", "text", *OBJECTIVES[name].needs]
    of_each = torch.cat([leaves[key].grad.reshape(-1, 40) for key in fields])
    basis = torch.cat([drawn[key].reshape(-1, 40) for key in fields])
    wanted = (of_each @ torch.linalg.pinv(basis))[:8, :8]
    wanted.fill_diagonal_(0)  # a change of length
    assert wanted.abs().max() > 0.01
    assert torch.allclose(slopes(page, name, drawn, changed), wanted, atol=1e-6)


@pytest.mark.parametrize("name", ["grouped", "grouped-cosine"])
def test_slopes_of_the_inner_loss_raise_all_numbers_of_a_product_alike(page, name: str) -> None:
    drawn = vectors(6, 3)
    p = (drawn["image"][:, :, None] * drawn["text"][:, None]).requires_grad_()  # (M, N, N, L)
    c = normalize(p, dim=-1)
    centres = normalize(c.sum((1, 2)), dim=-1)
    own = torch.arange(2).repeat_interleave(4)
    cosines = c.reshape(8, 3) @ centres.T
    by_name = {
        "grouped": cross_entropy(cosines / 0.3, own),
        "grouped-cosine": 1 - cosines[range(8), own].mean(),
    }
    by_name[name].backward()
    found = slopes(page, name, drawn, settings(name, 0.3, 0.0))[:4, 4:]
    assert torch.allclose(found, torch.block_diag(*p.grad.mean(-1)), atol=1e-6)


def images_and_texts(page) -> list[Tensor]:
    """The (2, 2, 2) vectors that the page shows."""
    now = page.evaluate("glassStepper.angles()")
    return [on_circle([now[side][:2], now[side][2:]]) for side in ("image", "text")]


@pytest.mark.parametrize("name", PLAIN)
def test_five_steps_are_those_of_gradient_descent(page, name: str) -> None:
    page.select_option("select", name)
    page.click("text=one stray")
    start, loss = images_and_texts(page), loss_of(name, **settings(name, 0.3, 0.7))
    shown = float(page.inner_text("[data-name=loss]").replace("\N{MINUS SIGN}", "-"))
    assert shown == pytest.approx(loss(*start).item(), abs=6e-4)
    for _ in range(5):
        page.click("text=One step")
    end = gradient_descent(*start, loss, steps=5, rate=0.1)
    for turned, wanted in zip(images_and_texts(page), end, strict=False):
        assert torch.allclose(turned, wanted, atol=1e-5)


def test_it_works_with_keys_on_a_phone_and_asks_nobody(page) -> None:
    page.select_option("select", "unicl")
    page.click("text=aligned")
    mark = page.get_by_role("slider", name="text 2")
    mark.focus()
    before = page.inner_text("[data-name=matrix]")
    assert mark.get_attribute("aria-valuenow") == "110"
    page.keyboard.press("ArrowLeft")
    assert mark.get_attribute("aria-valuenow") == "113"
    assert page.inner_text("[data-name=matrix]") != before
    page.click("text=Guess first")
    assert not set("▲▼") & set(page.inner_text("[data-name=matrix]"))
    page.click("[aria-pressed=true]")
    assert set("▲▼") < set(page.inner_text("[data-name=matrix]"))
    for name in OBJECTIVES:
        page.select_option("select", name)
        assert page.evaluate("document.documentElement.scrollWidth") == 390, name
    assert len(page.asked) == 1, "itself"
    assert Path(page.asked[0]).name == "stepper.html"
