"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from glasskit.evaluation.comparison import BETTER, WORSE, Cell, Table
from glasskit.evaluation.intervals import interval_note, units

if TYPE_CHECKING:
    from glasskit.evaluation.report import Changed, Report

MARKS = {BETTER: "▲", WORSE: "▼", "": ""}


def percent(share: float) -> str:
    """A share from 0 to 1 as percent with one decimal."""
    return f"{100 * share:.1f}"


def points(change: float) -> str:
    """A difference of shares in points, with its sign."""
    return f"{100 * change:+.1f}"


def between(low: float | None, high: float | None, form: Callable[[float], str]) -> str:
    """The ends of an interval, "no interval" where there is none."""
    return "no interval" if low is None or high is None else f"{form(low)} to {form(high)}"


def how_tested(table: Table) -> str:
    """The test behind every mark of a table."""
    over = units(table.clusters, table.cluster_by)
    return f"paired sign-flip test over {over}, p after Holm's correction over the whole table"


def footnote(table: Table) -> str:
    """What the table's numbers and marks are."""
    note = interval_note(table.clusters, table.cluster_by)
    marks = f" ▲ better, ▼ worse than the first row at 5%: {how_tested(table)}."
    return (
        f"Shares in percent; {note}.{marks if len(table.names) > 1 else ''} Ties are never correct."
    )


def nothing_worse(table: Table) -> str:
    """What is said where no measure is marked as worse; not that nothing is."""
    return f"Nothing that the test tells from chance at 5% ({how_tested(table)})."


def to_markdown(report: Report) -> str:
    """Markdown text of the report."""
    table = report.table
    lines = [
        f"# Models on {_plain(report.dataset)}",
        "",
        f"{report.n} picture{'s' * (report.n != 1)}. "
        f"Every comparison is with {_plain(table.names[0])}.",
        "",
        "| model | " + " | ".join(measure.title for measure in table.measures) + " |",
        "|---" * (len(table.measures) + 1) + "|",
    ]
    for name in table.names:
        cells = " | ".join(_cell(table.cell(name, measure)) for measure in table.measures)
        lines.append(f"| {_plain(name)} | {cells} |")
    lines += ["", footnote(table)]
    worse = [
        f"- {_plain(name)}: {measure.title} {points(cell.change.difference)} points "
        f"({between(cell.change.low, cell.change.high, points)}), p {cell.p_holm:.4f}"
        for name in table.names[1:]
        for measure in table.worse(name)
        if (cell := table.cell(name, measure)).change is not None and cell.p_holm is not None
    ]
    if len(table.names) > 1:
        lines += ["", "## What got worse", "", *(worse or [nothing_worse(table)])]
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
            f"- {_plain(report.captions[flip.index])} (labelled {_plain(flip.concept)}): "
            + " → ".join(_plain(said) for said in flip.said)
            for flip in found
        ] or ["- none"]
    return lines


def _cell(cell: Cell) -> str:
    mark = MARKS[cell.mark]
    spread = between(*(cell.ci95 or (None, None)), percent)
    return f"{percent(cell.value)}{' ' + mark if mark else ''} ({spread})"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, also in a table."""
    for sign in "\\`*_{}[]<>#|":
        text = text.replace(sign, "\\" + sign)
    return text.replace("\n", " ")
