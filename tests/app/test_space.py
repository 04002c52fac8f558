"""The app as a Space starts it, at a path of its own as a proxy shows it, with three models: every
page in a browser, and the chosen pair from page to page and in the named endpoints."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.app.conftest import ARTEFACTS, NAME, ROOT
from tests.app.test_browser import upload
from tests.app.test_start import COMMAND
from tests.serving import free_port, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SPACE = ROOT / "app" / "space"
PATH = "/kit"
MODELS = ("lite0-minilm", "lite0-glass", str(ROOT / "app" / "bundled" / "scenes"))
MIDDLE = "lite0-glass"
PAIR = ("scenes", MIDDLE)


@pytest.fixture(scope="module")
def space(pictograms: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address below which every page lies."""
    line = (SPACE / "Dockerfile").read_text().split("CMD ")[1]
    command, port, folder = json.loads(line), str(free_port()), tmp_path_factory.mktemp("space")
    command[0], command[command.index("7860")] = COMMAND, port
    command += ["--root-path", PATH, "--dataset", pictograms, "--models", ",".join(MODELS)]
    cache = os.environ.get("GLASSKIT_TEST_CACHE") or str(folder / "cache")
    env, address = os.environ | {"GLASSKIT_CACHE": cache}, f"http://127.0.0.1:{port}{PATH}"
    with serving(command, address, folder / "log.txt", env=env):
        yield address


def pair(page) -> list[str]:
    """The two models that the Probe or Groups page shows."""
    right = page.locator("#pair-right label.selected")
    right.wait_for()
    return [page.input_value("#pair-left input"), right.inner_text()]


@pytest.mark.parametrize(
    ("shade", "width", "height"),
    [("light", 1280, 800), ("dark", 390, 844)],
    ids=["laptop", "phone"],
)
def test_every_page_under_a_path(
    chromium, space: str, tmp_path: Path, shade: str, width: int, height: int
) -> None:
    page = chromium.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(60_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    def check(answer) -> None:
        if answer.status >= 400 or not answer.url.startswith((f"{space}/", "data:", "blob:")):
            errors.append(f"{answer.url}: {answer.status}")

    page.on("response", check)

    def whole(name: str) -> None:
        """Nothing is cut off, and the page is as light or dark as was chosen."""
        assert page.evaluate("document.body.classList.contains('dark')") == (shade == "dark")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        page.screenshot(path=ARTEFACTS / f"{name.lower()}-{width}.png")

    def go(name: str) -> None:
        page.get_by_role("link", name=name, exact=True).click()
        page.wait_for_url(f"{space}/{name.lower()}*")

    page.goto(f"{space}/?view=after")
    page.wait_for_selector(f".gk-map[data-ready='{NAME}']")
    page.evaluate("document.querySelector('.gk-map').glassMap.pin(0)")
    page.wait_for_function("document.querySelector('.gk-detail img')?.naturalWidth")
    if shade == "dark":
        page.click(".gk-shade")
    ARTEFACTS.mkdir(exist_ok=True)
    whole("Map")
    go("Probe")
    page.wait_for_selector("#probe-answer .gk-shown img")
    assert pair(page) == [MODELS[0], "scenes"]
    page.locator("#pair-right label", has_text=MIDDLE).click()
    page.wait_for_selector(f"#probe-answer h3:has-text('{MIDDLE}')")
    picture = tmp_path / "mine.png"
    Image.radial_gradient("L").convert("RGB").save(picture)
    upload(page, picture)
    page.wait_for_selector("#probe-answer .gk-shown", state="detached")
    whole("Probe")
    go("Groups")
    page.wait_for_selector("#groups-trays .gk-members img")
    page.locator("#pair-right label.selected", has_text=MIDDLE).wait_for()
    assert pair(page) == [MODELS[0], MIDDLE]
    whole("Groups")
    go("Train")
    page.wait_for_selector("#train-map canvas")
    whole("Train")
    go("Report")
    page.get_by_role("button", name="Make the report").click()
    page.frame_locator("#report-paper iframe").locator("h1").first.wait_for()
    whole("Report")
    page.get_by_role("link", name="Map", exact=True).click()
    page.wait_for_selector(f".gk-map[data-ready='{NAME}']")
    assert f"right={MIDDLE}" in page.url
    assert errors == []
    page.close()


def test_the_named_endpoints_take_the_pair(space: str, tmp_path: Path) -> None:
    client = Client(space, verbose=False)
    picture = tmp_path / "mine.png"
    Image.radial_gradient("L").convert("RGB").save(picture)
    for api, asked in (
        ("/probe", (handle_file(picture), NAME, "", 3, "cosine")),
        ("/search", ("music", NAME, 3)),
    ):
        usual = client.predict(*asked, api_name=api)
        named = client.predict(*asked, MODELS[0], "scenes", api_name=api)
        turned = client.predict(*asked, "scenes", MODELS[0], api_name=api)
        assert usual == named == {"before": turned["after"], "after": turned["before"]}
    usual, other = (client.predict(NAME, *two, api_name="/map")["views"] for two in ((), PAIR))
    assert usual["after"]["picture"] == other["before"]["picture"]
    assert usual["after"]["picture"] != other["after"]["picture"]
    with pytest.raises(AppError, match="choose two of lite0-minilm, lite0-glass, scenes"):
        client.predict("music", NAME, 3, "scenes", api_name="/search")
