"""The course's web pages, on a phone and on a laptop."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notebooks import course

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OVERFLOW = "nodes => nodes.map(one => one.scrollWidth - one.clientWidth)"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The course, written into a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course, "SITE", folder)
        assert course.main() == 0
    return folder


def test_a_phone_shows_whole_figures_and_a_tap_opens_one(chromium, site: Path) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 844})
    page.goto((site / "03_grouped_losses.html").as_uri())
    assert set(page.locator("figure").evaluate_all(OVERFLOW)) == {0}
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("figure").first.scroll_into_view_if_needed()
    page.get_by_text("Look closer").first.click()
    page.wait_for_selector("figure.wide .js-plotly-plot")
    assert page.locator("figure.wide").evaluate_all(OVERFLOW)[0] > 0
    page.close()


def test_every_page_fits_a_phone_and_shows_its_figures_without_javascript(
    chromium, site: Path
) -> None:
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, java_script_enabled=False
    )
    page = context.new_page()
    for path in sorted(site.glob("*.html")):
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path.name
        widths = page.locator("figure img").evaluate_all("all => all.map(one => one.clientWidth)")
        assert all(200 < width <= 390 for width in widths), path.name
        assert page.locator("figure").count() == len(widths)
    context.close()


def test_the_glossary_is_a_page_that_notebooks_link(chromium, site: Path) -> None:
    page = chromium.new_page()
    page.goto((site / "01_first_light.html").as_uri())
    page.get_by_role("link", name="glossary").first.click()
    assert page.get_by_role("heading", name="Measures").is_visible()
    page.close()


def test_a_laptop_brings_figures_to_life_as_they_come_into_view(chromium, site: Path) -> None:
    page = chromium.new_page(viewport={"width": 1366, "height": 850})
    outside: list[str] = []
    page.on("request", lambda asked: outside.append(asked.url))
    page.goto((site / "03_grouped_losses.html").as_uri())
    page.locator("figure").first.scroll_into_view_if_needed()
    page.wait_for_selector("figure .js-plotly-plot")
    assert not [url for url in outside if not url.startswith(("file:", "data:", "blob:"))]
    page.close()


def test_the_index_leads_to_the_stepper(chromium, site: Path) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 844})
    page.goto((site / "index.html").as_uri())
    page.click("text=the loss stepper")
    page.click("text=Notebook 3")
    page.go_back()
    assert float(page.inner_text("[data-name=loss]")) > 0
    page.close()
