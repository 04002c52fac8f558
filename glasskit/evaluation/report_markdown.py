"""The report as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glasskit.evaluation.comparison import BETTER, WORSE, Cell

if TYPE_CHECKING:
    from glasskit.evaluation.report import Changed, Report

MARKS = {BETTER: "▲", WORSE: "▼", "": ""}
FOOTNOTE = (
    "Shares in percent with 95% bootstrap intervals over pictures. ▲ better, ▼ worse than the "
    "first row at 5%, paired bootstrap with Holm's correction over the whole table. Ties are never "
    "correct."
)


def percent(share: float) -> str:
    """A share from 0 to 1 as percent with one decimal."""
    return f"{100 * share:.1f}"


def points(change: float) -> str:
    """A difference of shares in points, with its sign."""
    return f"{100 * change:+.1f}"


def to_markdown(report: Report) -> str:
    """Markdown text of the report."""
    table = report.table
    lines = [
        f"# Models on {_plain(report.dataset)}",
        "",
        f"{report.n} pictures. Every comparison is with {_plain(table.names[0])}.",
        "",
        "| model | " + " | ".join(measure.title for measure in table.measures) + " |",
        "|---" * (len(table.measures) + 1) + "|",
    ]
    for name in table.names:
        cells = " | ".join(_cell(table.cell(name, measure)) for measure in table.measures)
        lines.append(f"| {_plain(name)} | {cells} |")
    lines += ["", FOOTNOTE, "", "## What got worse", ""]
    worse = [
        f"- {_plain(name)}: {measure.title} {points(cell.change.difference)} points "
        f"[{points(cell.change.low)}, {points(cell.change.high)}], p {cell.p_holm:.3f}"
        for name in table.names[1:]
        for measure in table.worse(name)
        if (cell := table.cell(name, measure)).change is not None and cell.p_holm is not None
    ]
    lines += worse or ["Nothing, significantly."]
    for one in report.changed:
        lines += _changed(report, one)
    if report.credits:
        lines += ["", f"Pictures: {_plain(report.credits)}"]
    return "\n".join(lines) + "\n"


def _changed(report: Report, one: Changed) -> list[str]:
    lines = [
        "",
        f"## {_plain(one.name)}",
        "",
        "| concept | pictures | before | after | change |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {_plain(c.concept)} | {c.n} | {percent(c.before)} | {percent(c.after)} "
        f"| {points(c.change)} |"
        for c in one.concepts
        if c.pictures
    ]
    for title, found in (("Gained", one.gained), ("Lost", one.lost)):
        lines += ["", f"{title}:", ""]
        lines += [
            f"- {_plain(report.captions[flip.index])} ({_plain(flip.concept)}): "
            f"{_plain(flip.before)} → {_plain(flip.after)}"
            for flip in found
        ] or ["- none"]
    return lines


def _cell(cell: Cell) -> str:
    low, high = cell.ci95
    mark = MARKS[cell.mark]
    return f"{percent(cell.value)}{' ' + mark if mark else ''} [{percent(low)}, {percent(high)}]"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, also in a table."""
    for sign in "\\`*_{}[]<>#|":
        text = text.replace(sign, "\\" + sign)
    return text.replace("\n", " ")
