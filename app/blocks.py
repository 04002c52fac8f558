"""The pages, one a tab: what stands round each of them, and the theme."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from glasskit_app import api, groups_tab, map_tab, probe_tab, report_tab, train_tab
from glasskit_app.jobs import TrainingQueue
from glasskit_app.photographs import Photographs, offer
from glasskit_app.report_tab import Reports
from glasskit_app.scripts import scripted_html
from glasskit_app.state import AppState

MASTHEAD = """
<header class="gk-masthead"><h1>Glass Kit</h1>
<p>How a model of pictures and words learns ideas that nobody named</p>
<button type="button" class="gk-shade" aria-label="Switch between light and dark">light / dark
</button>
</header>
"""

CREDITS = """
<footer class="gk-page gk-foot"><p class="gk-meta">Pictograms: OpenMoji, CC BY-SA 4.0. Photographs
of the coco sets, where shown: MS-COCO, under the Flickr terms of each. Image tower:
EfficientNet-Lite0 (Apache-2.0). Text tower: all-MiniLM-L6-v2
(Apache-2.0). Maps: UMAP. Nothing that you upload leaves
this machine, and uploads are deleted after an hour.</p></footer>
"""


def theme() -> gr.themes.Base:
    """Gradio's plain theme in the kit's colours, with fonts that every machine has."""
    # Plain names: gr.themes.GoogleFont would be fetched from the net.
    sans = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
    mono = ("ui-monospace", "Consolas", "monospace")
    plain = gr.themes.Base(
        primary_hue="teal",
        neutral_hue="stone",
        font=sans,
        font_mono=mono,
        radius_size="sm",
        spacing_size="sm",
        text_size="sm",
    )
    colours = {
        "body_background_fill": "var(--gk-paper)",
        "body_text_color": "var(--gk-ink)",
        "body_text_color_subdued": "var(--gk-soft)",
        "border_color_primary": "var(--gk-line)",
        "block_background_fill": "var(--gk-panel)",
        "block_border_color": "var(--gk-line)",
        "block_label_background_fill": "var(--gk-wash)",
        "input_background_fill": "var(--gk-panel)",
        "input_border_color": "var(--gk-line)",
        "table_even_background_fill": "var(--gk-panel)",
        "table_odd_background_fill": "var(--gk-panel)",
        "button_primary_background_fill": "#2f6f73",
        "button_primary_background_fill_hover": "#245659",
        "button_primary_text_color": "#ffffff",
    }
    dark = {f"{name}_dark": colour for name, colour in colours.items()}
    return plain.set(
        **colours,
        **dark,
        input_border_width="1px",
        button_large_text_size="*text_md",
        button_large_text_weight="500",
    )


def build_blocks(
    state: AppState, runs: TrainingQueue, reports: Reports, photographs: Photographs
) -> gr.Blocks:
    """All pages: each has an address of its own, and what is not on it is not loaded with it."""
    with gr.Blocks(title="Glass Kit", delete_cache=(3600, 3600), analytics_enabled=False) as blocks:
        with framed():
            offer(photographs)
            map_tab.build(state)
        api.build(state)
    with blocks.route("Probe", "/probe"), framed():
        probe_tab.build(blocks, state, offer(photographs))
    with blocks.route("Groups", "/groups"), framed():
        groups_tab.build(blocks, state)
    with blocks.route("Train", "/train"), framed():
        train_tab.build(blocks, state, runs)
    with blocks.route("Report", "/report"), framed():
        report_tab.build(blocks, state, reports)
    blocks.queue(max_size=64, default_concurrency_limit=2)
    return blocks


@contextmanager
def framed() -> Iterator[None]:
    """What stands round every page: links to the others, the masthead, the credits."""
    gr.Navbar(main_page_name="Map")
    scripted_html(MASTHEAD, "GlassKit.masthead(element)")
    yield
    gr.HTML(CREDITS)
