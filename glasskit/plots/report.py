"""The report of models side by side: one HTML file that needs no network, Markdown, or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.evaluation.comparison import BETTER, WORSE, Cell, Measure, Table
from glasskit.evaluation.intervals import interval_note, units
from glasskit.evaluation.report import Changed, Report, build_report
from glasskit.evaluation.study_file import StudySection
from glasskit.io.places import check_file, write_text
from glasskit.models.glass_model import Progress
from glasskit.plots.scores import rows_figure, trade_figure
from glasskit.plots.style import GREY, ORANGE, SYMBOLS, calm, whiskers
from glasskit.plots.templates import templates

BLUE = "#3b8fd0"
LOOK = {BETTER: (BLUE, "triangle-up"), WORSE: (ORANGE, "triangle-down"), "": (GREY, "circle")}
"""Colour and shape of a mark; readable on white and on black, as those of the models are."""

LETTERS = dict(zip(SYMBOLS, "●◆■▲✚★✖▼", strict=True))
"""Plotly's symbols, and the letters that look like them."""


def write_report(
    entries: Sequence[Any],
    dataset: GroupedDataset,
    path: str | Path,
    *,
    unseen: Sequence[StudySection] = (),
    progress: Progress | None = None,
) -> list[Path]:
    """``build_report``, written as ``path`` and beside it in the other two forms.

    Returns:
        The .html, .md and .json files.

    Raises:
        InputError: the path has another ending, or what ``build_report`` raises.
    """
    paths = check_report(path)
    report = build_report(entries, dataset, unseen=unseen, progress=progress)
    for file in paths:
        write_text(file, FORMS[file.suffix.lower()](report))
    return paths


def check_report(path: str | Path) -> list[Path]:
    """The .html, .md and .json files of a report, tried before the models are measured.

    Raises:
        InputError: the path has another ending, or a file can't be written.
    """
    path = Path(path)
    own = path.suffix.lower()
    if own not in FORMS:
        raise InputError(f"{path}: end the report's name in {' or '.join(FORMS)}")
    return [check_file(path if form == own else path.with_suffix(form)) for form in FORMS]


def report_html(report: Report) -> str:
    """The report as one HTML page: styles, plotly.js, figures and pictures are all inside it."""
    return _filled("report.html.jinja", report)


def report_markdown(report: Report) -> str:
    """The report as Markdown, without figures and pictures."""
    return _filled("report.md.jinja", report)


def report_json(report: Report) -> str:
    """The report as JSON, without figures and pictures."""
    return json.dumps(report.as_dict(), indent=2, allow_nan=False) + "\n"


FORMS: dict[str, Callable[[Report], str]] = {
    ".html": report_html,
    ".md": report_markdown,
    ".json": report_json,
}
"""How a report is written, by the ending of the file."""


def _filled(template: str, report: Report) -> str:
    """A template of this folder filled in; texts are escaped in HTML, in Markdown by `plain`."""
    environment = templates(Path(__file__).parent)
    environment.filters |= {
        "percent": _percent,
        "points": _points,
        "interval": _interval,
        "change": _change,
        "plain": _plain,
        "spec": _spec,
    }
    table = report.table
    but = ", of mean average precision over labels" * any(m.key == "map" for m in table.measures)
    tested = (
        f"paired sign-flip test over {units(table.clusters, table.cluster_by)}{but}, p after "
        "Holm's correction over the whole table"
    )
    marks = f" ▲ better, ▼ worse than the first row at 5%: {tested}." if report.changed else ""
    return environment.get_template(template).render(
        report=report,
        table=table,
        baseline=table.names[0],
        others=table.names[1:],
        cells={n: {m.title: table.cell(n, m) for m in table.measures} for n in table.names},
        about={m.title: m.about for m in table.measures},
        worse=[(n, m, table.cell(n, m)) for n in table.names for m in table.worse(n)],
        note=f"Shares in percent; {interval_note(table.clusters, table.cluster_by)}{but}.{marks} "
        "Ties are never correct.",
        tested=tested,
        nothing_worse=f"Nothing that the test tells from chance at 5% ({tested}).",
        signs={BETTER: "▲", WORSE: "▼"},
        letters=LETTERS,
        plotly_js=get_plotlyjs,
        measure_figure=measure_figure,
        gains_figure=gains_figure,
        concept_figure=concept_figure,
        unseen_figure=unseen_figure,
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _points(change: float) -> str:
    return f"{100 * change:+.1f}"


def _interval(cell: Cell) -> str:
    """The 95% interval of a share, "no interval" where there is none."""
    return "no interval" if cell.ci95 is None else " to ".join(map(_percent, cell.ci95))


def _change(cell: Cell) -> str:
    """The difference to the baseline, its interval and its p."""
    gain, spread = cell.change, "no interval"
    if gain is None:
        return ""
    if gain.low is not None and gain.high is not None:
        spread = f"{_points(gain.low)} to {_points(gain.high)}"
    return f"{_points(gain.difference)} points ({spread}), p {cell.p_holm:.4f}"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, also in a table."""
    for sign in "\\`*_{}[]<>#|":
        text = text.replace(sign, "\\" + sign)
    return text.replace("\n", " ")


def _spec(figure: go.Figure) -> dict[str, Any]:
    """Plotly's JSON of a figure without its colours: the page sets those of light and dark."""
    spec = json.loads(figure.to_json())
    spec["layout"].pop("template", None)
    return spec


def measure_figure(table: Table, measure: Measure) -> go.Figure:
    """One mark and interval a model; colour and shape say better, worse or neither."""
    cells = [table.cell(name, measure) for name in table.names]
    looks = [LOOK[cell.mark] for cell in cells]
    figure = go.Figure(
        go.Scatter(
            x=[100 * cell.value for cell in cells],
            y=table.names,
            mode="markers",
            marker={"size": 12, "color": [c for c, _ in looks], "symbol": [s for _, s in looks]},
            error_x=whiskers(cells) | {"color": GREY},
            hovertemplate="%{y}: %{x:.1f}%<extra></extra>",
        )
    )
    figure.add_vline(x=100 * cells[0].value, line={"dash": "dot", "width": 1, "color": GREY})
    figure.update_xaxes(ticksuffix="%", zeroline=False, nticks=4, tickangle=0)
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return _tight(figure, 96 + 34 * len(cells))


def gains_figure(table: Table) -> go.Figure | None:
    """What a model gains on concepts against what it keeps on captions; None without both."""
    by_key = {measure.key: measure for measure in table.measures}
    if not {"acceptable_top1", "image_to_text_r10"} <= by_key.keys():
        return None
    captions, concepts = by_key["image_to_text_r10"], by_key["acceptable_top1"]
    cells = {n: (table.cell(n, captions), table.cell(n, concepts)) for n in table.names}
    figure = trade_figure(
        {name: (x.value, y.value) for name, (x, y) in cells.items()},
        x="Caption R@10",
        y="Acceptable top-1",
        start=table.names[0],
    )
    for trace, (x, y) in zip(figure.data, cells.values(), strict=True):
        trace.update(error_x=whiskers([x]), error_y=whiskers([y]))
    figure.update_layout(annotations=[])  # names stand below as text, which wraps on a phone
    return _tight(figure, 420)


def concept_figure(changed: Changed) -> go.Figure:
    """Bars of every concept that changed, in pictures, the greatest gain on top.

    Pictures and not percent: with one picture a concept, percent would show 100 for a single flip.
    """
    moved = [one for one in changed.concepts if one.pictures]
    counts = [one.pictures for one in moved]
    figure = go.Figure(
        go.Bar(
            x=counts,
            y=[f"{one.concept} ({one.n})" for one in moved],
            orientation="h",
            marker={"color": [BLUE if count > 0 else ORANGE for count in counts]},
            customdata=[[one.n, 100 * one.before, 100 * one.after] for one in moved],
            hovertemplate=(
                "%{y}: %{customdata[1]:.0f}% to %{customdata[2]:.0f}% "
                "of %{customdata[0]} pictures<extra></extra>"
            ),
        )
    )
    figure.update_layout(bargap=0.3)
    few = max([0, *counts]) - min([0, *counts]) <= 8
    dtick = 1 if few else None  # no half pictures
    figure.update_xaxes(tickformat="+d", zeroline=True, tickangle=0, dtick=dtick)
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category", dtick=1)
    return _tight(figure, 90 + 20 * max(1, len(moved)))


def unseen_figure(section: StudySection) -> go.Figure:
    """A row a measure, a mark a recipe: gain over the untrained model with its 95% interval."""
    figure = rows_figure(section.gains, section.measures)
    figure.update_traces(hovertemplate="%{fullData.name}, %{y}: %{x:+.1f} points<extra></extra>")
    figure.add_vline(x=0, line={"dash": "dot", "width": 1, "color": GREY})
    figure.update_xaxes(tickformat="+d", zeroline=False, nticks=6, tickangle=0)
    figure.update_yaxes(showgrid=False, type="category", automargin=True)
    return _tight(figure, 60 + (14 + 18 * len(section.gains)) * len(section.measures))


def _tight(figure: go.Figure, height: int) -> go.Figure:
    """The look of all figures, with narrow margins and no legend."""
    calm(figure, height).update_layout(margin={"l": 8, "r": 16, "t": 8, "b": 36}, showlegend=False)
    return figure
