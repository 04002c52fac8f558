"""The page: masthead, one tab a file, credits."""

from __future__ import annotations

import gradio as gr

from glasskit_app import api, groups_tab, map_tab, probe_tab, report_tab, train_tab
from glasskit_app.jobs import TrainingQueue
from glasskit_app.report_tab import Reports
from glasskit_app.scripts import scripted_html
from glasskit_app.state import AppState

TABS = {
    "map": "Map",
    "probe": "Probe",
    "groups": "Groups",
    "train": "Train",
    "report": "Report",
}
FIRST = "map"
"""The tab that is open unless the address asks for another, as ``?tab=train`` does."""

MASTHEAD = """
<header class="gk-masthead"><h1>Glass Kit</h1>
<p>How a model of pictures and words learns ideas that nobody named</p>
<button type="button" class="gk-shade" aria-label="Switch between light and dark">light / dark
</button>
</header>
"""

CREDITS = """
<footer class="gk-page gk-foot"><p class="gk-meta">Pictograms: OpenMoji, CC BY-SA 4.0. Photographs
of coco-concepts, where shown: MS-COCO, under the Flickr terms of each. Image tower:
EfficientNet-Lite0 (Apache-2.0). Text tower: all-MiniLM-L6-v2
(Apache-2.0). Maps: UMAP. Nothing that you upload leaves
this machine, and uploads are deleted after an hour.</p></footer>
"""


def theme() -> gr.themes.Base:
    """Gradio's plain theme in the kit's colours, with fonts that every machine has."""
    # Plain names: gr.themes.GoogleFont would be fetched from the net.
    sans = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
    mono = ("ui-monospace", "Consolas", "monospace")
    paper = {"light": "#faf8f4", "dark": "#17181b"}
    return gr.themes.Base(
        primary_hue="teal", neutral_hue="stone", font=sans, font_mono=mono, radius_size="sm"
    ).set(
        body_background_fill=paper["light"],
        body_background_fill_dark=paper["dark"],
        block_background_fill="#fffefb",
        block_background_fill_dark="#1e2023",
        block_border_color="#ddd8ce",
        block_border_color_dark="#35373c",
        block_label_background_fill="#f0ece4",
        block_label_background_fill_dark="#26282c",
        input_background_fill="#fffefb",
        input_background_fill_dark="#26282c",
        button_primary_background_fill="#2f6f73",
        button_primary_background_fill_hover="#245659",
        button_primary_background_fill_dark="#2f6f73",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
    )


def build_blocks(state: AppState, runs: TrainingQueue, reports: Reports) -> gr.Blocks:
    """The whole page."""
    tabs = {
        "map": lambda: map_tab.build(state),
        "probe": lambda: probe_tab.build(state),
        "groups": lambda: groups_tab.build(state),
        "train": lambda: train_tab.build(state, runs),
        "report": lambda: report_tab.build(state, reports),
    }
    with gr.Blocks(title="Glass Kit", delete_cache=(3600, 3600), analytics_enabled=False) as blocks:
        scripted_html(MASTHEAD, "GlassKit.masthead(element)")
        with gr.Tabs(selected=FIRST) as chosen:
            for name, title in TABS.items():
                with gr.Tab(title, id=name) as tab:
                    tabs[name]()
                tab.select(fn=None, js=f"() => GlassKit.remember({{ tab: '{name}' }})")
        gr.HTML(CREDITS)
        _follow_address(chosen)
        api.build(state)
    blocks.queue(max_size=64, default_concurrency_limit=2)
    return blocks


def _follow_address(tabs: gr.Tabs) -> None:
    """Open the tab that the page's address asks for.

    Gradio loses a change that comes while it still draws the page, so the page is asked until that
    tab is open: twice, mostly; once where the address asks for none.
    """
    with gr.Column(visible=False):
        wished, opened = gr.Textbox(), gr.Textbox()
    asking = gr.Timer(0.5)

    def follow(wished: object, opened: object) -> tuple[object, object]:
        if not isinstance(wished, str) or wished not in TABS or TABS[wished] == opened:
            return gr.skip(), gr.Timer(active=False)
        return gr.Tabs(selected=wished), gr.skip()

    asking.tick(
        follow,
        [wished, opened],
        [tabs, asking],
        js="() => GlassKit.wishedTab()",
        api_visibility="private",
        show_progress="hidden",
        queue=False,
    )
