"""Map and Probe in a real browser: look, point, draw, upload, type, on a laptop and a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import TimeoutError as TookTooLong

from tests.app.conftest import NAME
from tests.plots.toys import draw_lasso

pytestmark = [pytest.mark.browser, pytest.mark.slow]

READY = f".gk-map[data-ready='{NAME}']"
MAP = "document.querySelector('.gk-map').glassMap"
PLACE = """([side, index]) => {
  const panel = document.querySelector('.gk-map').glassMap.panels[side];
  const box = panel.canvas.getBoundingClientRect(), [x, y] = panel.place("picture", index);
  return [box.left + x, box.top + y];
}"""


def place(page, index: int, side: str = "after") -> tuple[float, float]:
    """Where a picture's point is on the screen."""
    page.locator(f".gk-{side} canvas").scroll_into_view_if_needed()
    x, y = page.evaluate(PLACE, [side, index])
    return x, y


def upload(page, file: Path) -> None:
    """Choose a file until the page has taken it: Gradio listens a while after it has drawn."""
    page.wait_for_selector("#probe-picture input[type=file]", state="attached")
    for _ in range(40):
        page.set_input_files("#probe-picture input[type=file]", file)
        try:
            page.wait_for_selector("#probe-picture img", timeout=1500)
        except TookTooLong:
            continue
        return
    pytest.fail("the page did not take the picture")


def lone_picture(page) -> int:
    """A picture that is drawn as a thumbnail, and so lies under nothing else."""
    page.wait_for_function(f"{MAP}.panels.after.boxes.length > 3")
    return page.evaluate(f"{MAP}.panels.after.boxes[3].index")


def test_map_hover_click_and_deep_link(visit) -> None:
    page = visit()
    page.wait_for_selector(READY)
    assert "concepts to choose from" in page.inner_text(".gk-story")
    index = lone_picture(page)
    page.mouse.move(*place(page, index))
    page.wait_for_selector(".gk-card:not([hidden]) img")
    caption = page.evaluate(f"(i) => {MAP}.data.caption[i]", index)
    assert caption in page.inner_text(".gk-card")
    page.mouse.click(*place(page, index))
    page.wait_for_selector(".gk-detail .gk-bars")
    assert caption in page.inner_text(".gk-detail")
    key = page.evaluate(f"(i) => {MAP}.data.key[i]", index)
    assert f"pin={key}" in page.url
    page.locator(".gk-detail .gk-gallery button").first.click()
    page.wait_for_function(f"{MAP}.pinned !== {index}")

    again = visit(f"?colour=correct&pin={key}")
    again.wait_for_selector(".gk-detail .gk-bars")
    assert caption in again.inner_text(".gk-detail")
    assert again.input_value(".gk-colour") == "correct"


def test_lasso_and_phrase_and_reset(visit) -> None:
    page = visit()
    page.wait_for_selector(READY)
    draw_lasso(page, "after", 0.5, 1)
    chosen = set(page.evaluate(f"[...{MAP}.selection]"))
    seen = page.evaluate(
        f"""() => {{ const map = {MAP}, panel = map.panels.after;
        return map.evenly.filter((i) => {{
          const [x, y] = panel.place("picture", i);
          return x < panel.width / 2 - 6 && y > 8 && y < panel.height - 8 && x > 8;
        }}); }}"""
    )
    assert set(seen) <= chosen, "the server's lasso and the places in the browser agree"
    with page.expect_download() as download:
        page.click(".gk-take >> text=CSV")
    assert len(download.value.path().read_text().splitlines()) == len(chosen) + 1
    again = visit(page.url.split("/")[-1])
    again.wait_for_selector(".gk-take")
    assert set(again.evaluate(f"[...{MAP}.selection]")) == chosen
    keys = again.evaluate(f"{MAP}.data.key")
    table = "\n".join(["file,age", *(f"{key},{place}" for place, key in enumerate(keys))])
    file = {"name": "ages.csv", "mimeType": "text/csv", "buffer": table.encode()}
    again.set_input_files(".gk-table input", file)
    again.wait_for_selector(f".gk-legend >> text=0 to {len(keys) - 1}")

    page.fill(".gk-search input", "music and <b>dance</b>")
    page.press(".gk-search input", "Enter")
    page.wait_for_selector(".gk-detail h3:has-text('music and <b>dance</b>')")
    assert page.input_value(".gk-colour") == "phrase"
    assert page.evaluate(f"Math.max(...{MAP}.phrase.after)") == 255
    assert page.locator(".gk-detail .gk-gallery button").count() == 18
    page.click(".gk-reset")
    page.wait_for_selector("text=How to look at this")


def test_every_colour_one_map_into_the_other_and_keys(visit) -> None:
    page = visit("?view=morph")
    page.wait_for_selector(READY)
    for colour in ("level1", "level2", "level3", "level4", "correct", "split"):
        page.select_option(".gk-colour", colour)
        assert page.locator(".gk-legend button").count() >= 2
    assert not page.is_visible(".gk-before canvas")
    page.evaluate(f"{MAP}.t = 0")
    start = place(page, 0)
    page.click(".gk-morph button")
    page.wait_for_function(f"{MAP}.t === 1")
    assert place(page, 0) != pytest.approx(start, abs=0.5)
    pairs = page.evaluate(
        f"""() => {{ const panel = {MAP}.panels.after;
        const boxes = panel.placeNames(panel.context).map((name) => name.box);
        return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) =>
          a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h)); }}"""
    )
    assert pairs == [], "names never overlap"
    page.focus(".gk-after canvas")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector(".gk-detail .gk-bars")


def test_a_late_answer_does_not_replace_a_newer_one(visit) -> None:
    page = visit()
    page.wait_for_selector(READY)
    shown = page.evaluate(
        f"""async () => {{ const map = {MAP}, told = {{}};
        map.options.ask.pin = (index) => new Promise((done) => {{ told[index] = done; }});
        const both = [map.pin(1), map.pin(2)];
        told[2]({{ html: "newer" }});
        told[1]({{ html: "late" }});
        await Promise.all(both);
        return map.find(".gk-detail").textContent; }}"""
    )
    assert shown == "newer"


def test_probe_a_picture_a_concept_and_a_phrase(visit, tmp_path: Path) -> None:
    page = visit("probe")
    assert "Nothing asked yet" in page.inner_text("#probe-answer")
    page.wait_for_selector("#probe-answer .gk-shown img")
    picture = tmp_path / "mine.png"
    Image.radial_gradient("L").convert("RGB").save(picture)
    upload(page, picture)
    page.wait_for_selector("#probe-answer .gk-shown", state="detached")
    page.wait_for_selector("#probe-answer .gk-bars")
    for side in ("before", "after"):
        rows = page.locator(f".gk-{side}-answer .gk-bars > div")
        assert rows.count() == 8
        assert rows.first.inner_text().strip()
    page.fill("#probe-candidates textarea, #probe-candidates input", "a grey disc, a red apple")
    page.click("#probe-ask")
    page.wait_for_selector(".gk-after-answer .gk-bars >> text=a red apple")
    assert page.locator(".gk-after-answer .gk-bars > div").count() == 2

    page.click("#probe-why button >> text=Why?")
    page.wait_for_selector(".gk-why figure img")
    page.click("#probe-examples button")
    page.wait_for_selector(".gk-why", state="hidden")
    page.fill("#probe-phrase textarea, #probe-phrase input", "in the rain")
    page.click("#probe-ask")
    page.wait_for_selector(".gk-after-answer h4:has-text('picture and phrase')")
    page.locator(".gk-after-answer .gk-gallery button").first.click()
    page.wait_for_selector(".gk-note")


def test_a_file_that_is_no_picture_gets_a_clear_line(visit, tmp_path: Path) -> None:
    page = visit("probe")
    wrong = tmp_path / "picture.png"
    wrong.write_bytes(b"<svg onload=alert(1)>" + bytes(100))
    upload(page, wrong)
    page.wait_for_selector("text=not a readable picture")
