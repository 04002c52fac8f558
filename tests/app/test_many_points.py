"""A map of more points than are drawn as shapes, in a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.conftest import ROOT, free_port, wait_until_ready
from tests.benchmarks.many import NAME

pytestmark = [pytest.mark.browser, pytest.mark.slow]

POINTS = 6000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an app with one made-up data set."""
    port, folder = free_port(), tmp_path_factory.mktemp("many")
    log: Path = folder / "log.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.many", str(port), str(POINTS)],
            cwd=ROOT,
            env=os.environ | {"GLASSKIT_CACHE": str(folder)},
            stdout=output,
            stderr=output,
        )
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def test_many_points_are_drawn_found_and_selected(chromium, many: str) -> None:
    page = chromium.new_page(viewport={"width": 1366, "height": 850})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(many)
    page.wait_for_selector(f".gk-map[data-ready='{NAME}'][data-texts='{NAME}']", timeout=60_000)

    # The pixel at a lone point has the colour of its legend entry.
    lone = page.evaluate(
        """() => {
      const { atlas } = GlassKit, panel = atlas.panels.after;
      atlas.showNames = false; panel.draw();
      let best = -1, room = 0;
      for (let i = 0; i < atlas.data.n; i += 7) {
        const [x, y] = panel.place("picture", i);
        if (x < 30 || y < 30 || x > panel.width - 30 || y > panel.height - 30) continue;
        let least = 1e9;
        panel.each("picture", (j, px, py) => {
          if (j !== i) least = Math.min(least, (px - x) ** 2 + (py - y) ** 2);
        });
        if (least > room) { room = least; best = i; }
      }
      const [x, y] = panel.place("picture", best);
      const [px, py] = [x, y].map((part) => Math.round(part * panel.ratio));
      const seen = panel.context.getImageData(px, py, 1, 1).data;
      const wanted = [...GlassKit.rgb(atlas.colour(best, "after")), 255];
      return { best, room, seen: [...seen], wanted, found: panel.hit(x + 1, y) };
    }"""
    )
    assert lone["room"] > 16
    assert lone["seen"] == lone["wanted"]
    assert lone["found"] == lone["best"]

    # The server's lasso and the places in the browser agree.
    agree = page.evaluate(
        """async () => {
      const { atlas } = GlassKit, { picture } = atlas.data.views.after;
      await atlas.select("after", [[-0.5, -2], [0.3, -2], [0.3, 2], [-0.5, 2]]);
      let wrong = 0, inside = 0;
      for (let i = 0; i < atlas.data.n; i++) {
        const x = picture[2 * i];
        if (Math.min(Math.abs(x + 0.5), Math.abs(x - 0.3)) < 0.001) continue;  // on the line
        inside += atlas.selection.has(i);
        const within = x > -0.5 && x < 0.3 && Math.abs(picture[2 * i + 1]) < 2;
        wrong += atlas.selection.has(i) !== within;
      }
      return { wrong, inside };
    }"""
    )
    assert agree["wrong"] == 0
    assert 0 < agree["inside"] < POINTS

    # A phrase colours the nearest brightest.
    page.fill(".gk-search input", "concept 7")
    page.press(".gk-search input", "Enter")
    page.wait_for_selector(".gk-detail h3:has-text('concept 7')")
    near = page.evaluate(
        """() => { const { similarity, data } = GlassKit.atlas, mean = (own) => {
        const chosen = [...data.concept.keys()].filter((i) => (data.concept[i] === 7) === own);
        return chosen.reduce((sum, i) => sum + similarity.after[i], 0) / chosen.length; };
        return [mean(true), mean(false)]; }"""
    )
    assert near[0] > 200
    assert near[1] < 150
    page.close()
    assert not errors, errors
