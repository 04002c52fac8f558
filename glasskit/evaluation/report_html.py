"""The report as one HTML page: styles, plotly.js, figures and pictures are all inside it."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from glasskit.evaluation.comparison import Cell, Flip
from glasskit.evaluation.report_figures import (
    SHAPES,
    concept_figure,
    figure_json,
    look,
    measure_figure,
    trade_figure,
)
from glasskit.evaluation.report_markdown import (
    MARKS,
    between,
    footnote,
    how_tested,
    nothing_worse,
    percent,
    points,
)

if TYPE_CHECKING:
    from glasskit.evaluation.report import Changed, Report


def to_html(report: Report) -> str:
    """The whole page as text."""
    home = files("glasskit.evaluation")
    title = f"Models on {report.dataset}"
    body = "\n".join(
        [
            f"<header><h1>{escape(title)}</h1><p>{_lead(report)}</p></header>",
            _table(report),
            _worse(report),
            _trade(report),
            _measures(report),
            *(_changed(report, one, number == 0) for number, one in enumerate(report.changed)),
            _footer(report),
        ]
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>\n{home.joinpath('report.css').read_text(encoding='utf-8')}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        f"<script>\n{home.joinpath('report.js').read_text(encoding='utf-8')}</script>\n"
        "</body>\n</html>\n"
    )


def _lead(report: Report) -> str:
    names = report.table.names
    others = len(names) - 1
    against = f"{others} model{'s' if others != 1 else ''} compared with"
    return f"{report.n} picture{'s' * (report.n != 1)}. {against} <b>{escape(names[0])}</b>."


def _table(report: Report) -> str:
    table = report.table
    heads = "".join(
        f'<th scope="col" title="{escape(m.about)}">{escape(m.title)}</th>' for m in table.measures
    )
    rows = []
    for name in table.names:
        cells = "".join(_cell(table.cell(name, measure)) for measure in table.measures)
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    return (
        '<section><h2>All measures</h2><div class="scroll" tabindex="0"><table><thead><tr>'
        f'<th scope="col">Model</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
        "</div>"
        f'<p class="note">{escape(footnote(table))}</p></section>'
    )


def _cell(cell: Cell) -> str:
    mark = f' <span class="{cell.mark}">{MARKS[cell.mark]}</span>' if cell.mark else ""
    hint = ""
    if cell.change is not None:
        hint = (
            f' title="{points(cell.change.difference)} points '
            f"({between(cell.change.low, cell.change.high, points)}), "
            f'p {cell.p_holm:.4f} after Holm"'
        )
    return (
        f"<td{hint}><b>{percent(cell.value)}</b>{mark}"
        f"<small>{between(*(cell.ci95 or (None, None)), percent)}</small></td>"
    )


def _worse(report: Report) -> str:
    items = []
    for name in report.table.names[1:]:
        for measure in report.table.worse(name):
            cell = report.table.cell(name, measure)
            if cell.change is not None:
                items.append(
                    f"<li><b>{escape(name)}</b>: {escape(measure.title)} "
                    f"{points(cell.change.difference)} points "
                    f"({between(cell.change.low, cell.change.high, points)}), "
                    f"p {cell.p_holm:.4f}</li>"
                )
    if len(report.table.names) < 2:
        return ""
    if items:
        found = f'<ul>{"".join(items)}</ul><p class="note">{escape(how_tested(report.table))}</p>'
    else:
        found = f"<p>{escape(nothing_worse(report.table))}</p>"
    return f"<section><h2>What got worse</h2>{found}</section>"


def _measures(report: Report) -> str:
    parts = [
        f"<figure><figcaption><b>{escape(measure.title)}</b> {escape(measure.about)}</figcaption>"
        f"{_figure(measure_figure(report.table, measure))}</figure>"
        for measure in report.table.measures
    ]
    return (
        "<section><h2>Measure by measure</h2>"
        '<p class="note">Dots are shares, lines 95% intervals, the dotted line is the first model. '
        "Blue triangles up are better, orange triangles down worse at 5%, by the test named above."
        "</p>"
        f'<div class="grid">{"".join(parts)}</div></section>'
    )


def _trade(report: Report) -> str:
    figure = trade_figure(report.table)
    if figure is None or len(report.table.names) < 2:
        return ""
    key = ""
    for number, name in enumerate(report.table.names):
        colour, shape = look(number)
        key += f'<li><span style="color:{colour}">{SHAPES[shape]}</span> {escape(name)}</li>'
    return (
        "<section><h2>Concepts against captions</h2>"
        '<p class="note">Up: more concepts recognised. Right: more captions found. Lines are 95% '
        f'intervals.</p><figure>{_figure(figure)}<ul class="key">{key}</ul></figure></section>'
    )


def _changed(report: Report, one: Changed, is_open: bool) -> str:
    up = sum(c.pictures > 0 for c in one.concepts)
    down = sum(c.pictures < 0 for c in one.concepts)
    confused = "".join(
        f"<li>{escape(own)} taken for <b>{escape(said)}</b> ({n})</li>"
        for own, said, n in one.confusions
    )
    return (
        f"<section><details{' open' if is_open else ''}><summary><h2>{escape(one.name)}: "
        f"{up} concepts gained, {down} lost</h2></summary>"
        '<p class="note">Pictures gained less pictures lost by concept (acceptable top-1); in '
        "brackets, how many pictures it has. With few pictures a concept, one bar is no proof.</p>"
        f"{_figure(concept_figure(one)) if up + down else '<p>No concept changed.</p>'}"
        f"<h3>Now right</h3>{_flips(report, one.gained)}"
        f"<h3>Now wrong</h3>{_flips(report, one.lost)}"
        f"<h3>Still confused most often</h3><ul>{confused or '<li>nothing</li>'}</ul>"
        "</details></section>"
    )


def _flips(report: Report, found: list[Flip]) -> str:
    if not found:
        return "<p>None.</p>"
    cards = []
    for flip in found:
        before, after = flip.said
        uri = report.thumbnails.get(flip.index)
        caption = escape(report.captions[flip.index])
        picture = f'<img src="{uri}" alt="{caption}" loading="lazy">' if uri else ""
        cards.append(
            f'<article>{picture}<p class="said"><s>{escape(before)}</s> '
            f"<span aria-hidden='true'>→</span> <b>{escape(after)}</b></p>"
            f'<p class="own">labelled {escape(flip.concept)}</p><p>{caption}</p></article>'
        )
    return f'<div class="cards">{"".join(cards)}</div>'


def _figure(figure: go.Figure) -> str:
    height = figure.layout.height
    return (
        f'<div class="plot" style="height:{height}px">'
        f'<script type="application/json">{figure_json(figure)}</script></div>'
    )


def _footer(report: Report) -> str:
    notes = []
    if report.picture_note:
        notes.append(f"Examples are without pictures: {report.picture_note}")
    if report.credits:
        notes.append(f"Pictures: {report.credits}")
    first = report.evaluations[report.table.names[0]]
    part = first["concepts"]["level1"]
    asked = first["hard_negative"]["level1"].get("image_to_text_k_mean")
    notes.append(
        f"Guessing gives {percent(part['chance'])}% concept top-1, the best constant answer "
        f"{percent(part['best_constant'])}%."
        + (f" Hard negatives: 1 of {round(1 + asked, 1):g}." if asked else "")
    )
    blind = first["negation"]["blind"]
    if blind is not None:
        notes.append(
            f"Caption over negation without seeing the picture (the mean picture instead): "
            f"{percent(blind)}% for {report.table.names[0]}."
        )
    return f"<footer>{''.join(f'<p>{escape(note)}</p>' for note in notes)}</footer>"
