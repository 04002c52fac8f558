"""Curves that grow while a model trains, in the notebook cell that trains it."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from glasskit.plots.style import SERIES, SYMBOLS, bundle, calm

MEASURES = {"top1": "concept top-1", "acceptable_top1": "acceptable top-1", "loss": "loss"}
"""What ``train`` logs of a validation, in words; shares but for the loss."""


class LiveCurves:
    """Training loss by step and validation by epoch of one run after another, in one figure.

    Pass ``on_step`` and ``on_epoch`` to ``train``. The figure is drawn anew after each validation,
    and stays as it is at the end.

    Args:
        title: one line above.
        measure: a name of ``MEASURES``.
    """

    def __init__(self, title: str = "", measure: str = "top1") -> None:
        self.title = title
        self.measure = measure
        self.losses: dict[str, list[tuple[int, float]]] = {}
        self.scores: dict[str, list[tuple[int, float]]] = {}
        self._run = ""
        self._handle: Any = None

    def begin(self, run: str) -> None:
        """Name the run whose lines come next."""
        self._run = run
        self.losses[run], self.scores[run] = [], []

    def on_step(self, line: dict[str, Any]) -> None:
        """Take a log line about a training step."""
        self.losses[self._run].append((line["step"], line["loss"]))

    def on_epoch(self, line: dict[str, Any]) -> None:
        """Take a log line about a validation and draw."""
        self.scores[self._run].append((line["epoch"], line["val"][self.measure]))
        from IPython.display import display

        if self._handle is None:
            self._handle = display(bundle(self.figure()), raw=True, display_id=True)
        else:
            self._handle.update(bundle(self.figure()), raw=True)

    def figure(self) -> go.Figure:
        """What has been logged so far."""
        panels = ["training: loss of the batch", f"validation: {MEASURES[self.measure]}"]
        figure = make_subplots(1, 2, subplot_titles=panels)
        share = self.measure != "loss"
        for number, run in enumerate(self.losses):
            look = {"color": SERIES[(number + 1) % len(SERIES)], "width": 2.5}
            loss, score = self.losses[run], self.scores[run]
            figure.add_scatter(
                x=[step for step, _ in loss],
                y=[round(value, 4) for _, value in loss],
                mode="lines",
                name=run,
                legendgroup=run,
                line=look,
                row=1,
                col=1,
            )
            figure.add_scatter(
                x=[epoch for epoch, _ in score],
                y=[round(100 * value, 2) if share else round(value, 4) for _, value in score],
                mode="lines+markers",
                name=run,
                legendgroup=run,
                showlegend=False,
                line=look,
                marker={"symbol": SYMBOLS[(number + 1) % len(SYMBOLS)], "size": 9},
                row=1,
                col=2,
            )
        figure.update_xaxes(title={"text": "step"}, row=1, col=1)
        figure.update_xaxes(title={"text": "epoch (0 = untrained)"}, row=1, col=2)
        for column, seen in enumerate((self.losses, self.scores), start=1):
            if max((line[-1][0] for line in seen.values() if line), default=0) <= 10:
                figure.update_xaxes(dtick=1, row=1, col=column)  # no half steps
        figure.update_yaxes(rangemode="tozero")
        figure.update_yaxes(ticksuffix="%" if share else "", row=1, col=2)
        calm(figure, height=430, title=self.title)
        figure.update_layout(
            margin={"t": 100},
            legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.1, "yanchor": "bottom"},
        )
        return figure
