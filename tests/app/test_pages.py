"""Groups, Train and Report in a real browser, and the way from one page to another."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STATUS = "#train-status"
WORDS = "document.querySelector('#train-map .gk-map').glassMap.words"

LATER = """([where, epochs]) =>
  /epoch (\\d+)/.exec(document.querySelector(where)?.innerText)?.[1] > epochs"""


def told(page, pattern: str, where: str = STATUS) -> None:
    """Wait until this stands there, on the line about the run unless said otherwise."""
    page.wait_for_function(
        "([where, what]) => new RegExp(what).test(document.querySelector(where)?.innerText)",
        arg=[where, pattern],
        timeout=60_000,
    )


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def train(page, name: str, epochs: int) -> str:
    """Start a run; returns its name, which is used once."""
    name = f"{name}-{time.time_ns()}"
    page.wait_for_selector("#train-map canvas")
    page.fill("#train-epochs input", str(epochs))
    page.locator("#train-name").get_by_role("textbox").fill(name)
    press(page, "Train")
    told(page, name)
    return name


def box(page, name: str):
    """The tick of a kept run."""
    return page.get_by_role("checkbox", name=name)


def test_groups_change_with_their_members(visit) -> None:
    page = visit("groups?group=rhythm")
    count, numbers = "#groups-trays .gk-count", "#groups-numbers"
    page.wait_for_selector(f"{count}:text('(8 pictures)')")
    assert page.locator(".gk-members small:text('→')").count() == 8
    assert "(" not in page.inner_text(numbers)
    page.click(".gk-outside .gk-stranger")
    page.wait_for_selector(f"{count}:text('(9 pictures)')")
    told(page, "[(][+-]0", numbers)
    page.drag_and_drop(".gk-members button >> nth=0", ".gk-outside")
    page.wait_for_selector(f"{count}:text('(8 pictures)')")
    page.focus(".gk-members button >> nth=2")
    moved = page.evaluate("document.activeElement.dataset.index")
    page.keyboard.press("Enter")
    page.wait_for_selector(f".gk-outside :focus[data-index='{moved}']")
    assert "rhythm: “" in page.inner_text(".gk-pointed")
    page.hover("#groups-similarity .nsewdrag >> nth=1")
    page.wait_for_selector("#groups-similarity .hovertext")
    press(page, "Put everything back")
    page.wait_for_selector(f"{count}:text('(8 pictures)')")
    assert page.locator(".gk-members .gk-stranger").count() == 0
    page.locator("#groups-tries button").filter(has_not_text="rhythm").first.click()
    page.wait_for_function("!/group=rhythm/.test(location.search)")


def test_a_branch_of_the_tree_is_clicked_or_chosen_by_keys(visit) -> None:
    page = visit("groups", 390, 844)
    page.wait_for_selector("#groups-trays .gk-count:text('pictures')")
    page.get_by_role("button", name="The ideas as a tree").click()
    page.locator("#tree-both [data-tree=before] [data-node]").first.click()
    page.wait_for_selector("#tree-pictures .gk-strip img")
    assert "before training" in page.inner_text(".gk-branch")
    lit = {page.locator(f"[data-tree={side}] .gk-lit").count() for side in ("before", "after")}
    assert len(lit) == 1, "the same names in both trees"
    assert lit.pop() > 1
    idea = page.locator("#tree-both [data-tree=after] .gk-twig [data-leaf] button").first
    idea.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(f".gk-branch b:text-is('{idea.inner_text()}')")
    assert page.locator(".gk-lit").count() == 2
    assert page.locator("#tree-numbers").get_by_text("LCA depth").count()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("#tree-both [data-tree=before] [data-node]").first.click()
    page.click(".gk-strip a >> nth=0")
    page.wait_for_selector(".gk-detail .gk-bars")


def test_train_live_then_report_it(visit) -> None:
    page = visit("train")
    alpha, usual = "#train-alpha input", "0.7"
    page.wait_for_selector("#train-map canvas")
    assert page.input_value(alpha) == usual
    page.click("text=single pairs (CLIP)")
    page.wait_for_selector(alpha, state="hidden")
    page.click("text=only the outer loss")
    page.wait_for_function("document.querySelector('#train-alpha input')?.value === '1'")
    page.click("text=both losses")
    page.wait_for_function("document.querySelector('#train-alpha input')?.value === '0.7'")
    name = train(page, "tiny", 3)
    told(page, "finished: .* of 16 unseen pictures recognised")
    page.wait_for_function(f"{WORDS} !== null")
    page.wait_for_selector("text=/after epoch 3: .* of 64 pictures lit/")
    box(page, name).check()
    assert "3 of 3" in page.locator(f"#train-runs tr:has-text('{name}')").last.text_content()
    page.get_by_role("link", name="Report").click()
    box(page, name).check()
    press(page, "Make the report")
    page.frame_locator("#report-paper iframe").locator(f"text={name}").first.wait_for()
    for kind in ("HTML", "Markdown", "JSON"):
        with page.expect_download() as download:
            press(page, f"Download {kind}")
        assert name in Path(download.value.path()).read_text()
    page.go_back()
    page.wait_for_selector(STATUS)
    assert page.url.endswith("/train")


def test_stop_load_again_go_on_and_remove(visit) -> None:
    page, other = visit("train"), visit("train")
    name = train(page, "stopped", 150)
    told(page, "epoch [1-9]")
    waiting = train(other, "waiting", 2)
    told(other, f"{waiting} is waiting: place 1 in the queue")
    press(other, "Stop")
    told(other, "taken out of the queue")
    page.reload()
    told(page, f"Training {name}")
    press(page, "Stop")
    told(page, f"{name} stopped")

    def trained() -> int:
        """Epochs that the table of kept runs tells."""
        row = page.locator(f"#train-runs tr:has-text('{name}')")
        return int(row.last.locator("td").nth(5).text_content().split(" of ")[0])

    epochs = trained()
    assert 0 < epochs < 150

    other.reload()
    box(other, name).check()
    press(other, "Remove")
    other.wait_for_selector("text=only the browser that started it")
    box(page, name).check()
    press(page, "Go on")
    page.wait_for_function(LATER, arg=[STATUS, epochs])
    press(page, "Stop")
    told(page, f"{name} (stopped|finished)")
    assert trained() > epochs
    box(page, name).check()
    press(page, "Remove")
    box(page, name).wait_for(state="detached")
