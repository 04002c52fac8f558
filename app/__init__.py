"""The app: maps of the latent space and a probe. ``glasskit app`` calls ``launch``.

Pages
- `map_tab`, `probe_tab`, `groups_tab`, `train_tab`, `report_tab`: one a tab; `blocks` joins them
- `probe_why`, `probe_merged`: reasons of an answer; `tree_fold`: the tree of the ideas
- `answers`: answers as HTML; `examples`: pictures to start with; `scripts`: scripts and CSS

What they share
- `state`: data sets with maps and models; `cache`: maps opened, or built and kept
- `model_choice`: which two models; `selection`, `table`: selections out and tables in
- `picture_input`: an uploaded picture, checked; `photographs`: the download; `thumbnails`
- `jobs`: trainings wait their turn; `training`: what one does

Serving
- `main`: the command; `server`, `api`, `address`
"""

from __future__ import annotations

import glasskit  # noqa: F401 (sets the switches of glasskit.offline before Gradio comes in)
from glasskit_app.main import launch

__all__ = ["launch"]
