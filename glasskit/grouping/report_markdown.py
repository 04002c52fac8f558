"""The report of a built data set as Markdown."""

from __future__ import annotations

from typing import Any

from glasskit.grouping.report import BuildReport

SHOWN = 20
"""Leaks that the Markdown shows; the JSON has all."""


def to_markdown(report: BuildReport) -> str:
    """The report as Markdown."""
    value = report.as_dict()
    parts = [
        f"# {value['concepts']} concepts from {_cell(report.source)}",
        f"Captions compared by `{report.model}`, names from the vocabulary {report.vocabulary}, "
        f"seed {report.seed}.",
        _sizes(value),
        _notes(value),
        _themes(value),
        _purity(report),
        _leaks(report),
        _groups(report),
    ]
    return "\n\n".join(parts) + "\n"


def _sizes(value: dict[str, Any]) -> str:
    splits = ", ".join(f"{split} {n}" for split, n in value["splits"].items())
    return (
        f"## Sizes\n\n{value['photographs']} photographs ({splits}), {value['captions']} literal "
        f"captions, {value['concepts']} concepts, {value['concepts_with_levels']} of them with "
        "levels above."
    )


def _notes(value: dict[str, Any]) -> str:
    lines = [f"- {_cell(note)}" for note in value["notes"]] or ["Nothing."]
    return "## Left out, or not read by the model\n\n" + "\n".join(lines)


def _themes(value: dict[str, Any]) -> str:
    written, missing = value["themes"]["written"], value["themes"]["missing"]
    if value["endpoint"] is None:
        text = (
            "None were written: no endpoint was given. They are yours to write: `new_captions` of "
            "each picture is empty, and training uses the literal captions until then."
        )
    else:
        text = f"{written} were written by {value['endpoint']}, {missing} are left to you."
    return f"## Theme captions\n\n{text}"


def _purity(report: BuildReport) -> str:
    tight = report.tightness
    lines = [
        "## Purity",
        "",
        "| measure | value |",
        "|---|---|",
        f"| silhouette (cosine, -1 to 1) | {tight.silhouette:.3f} |",
        f"| mean cosine within groups | {tight.within:.3f} |",
        f"| mean cosine between groups | {tight.between:.3f} |",
    ]
    same = report.agreement
    if same is not None:
        lines += [
            f"| purity against {same.labels} labels of {same.labelled} photographs "
            f"| {same.purity:.3f} |",
            f"| normalised mutual information | {same.nmi:.3f} |",
            f"| adjusted Rand index | {same.ari:.3f} |",
            f"| photographs whose group has the name of their label | {same.named:.3f} |",
        ]
    return "\n".join(lines)


def _leaks(report: BuildReport) -> str:
    done = (
        f"They were dropped, and {report.dropped} photographs with them that had no other."
        if report.fixed
        else "A model trained on them reads its concept; `--fix-leaks` drops them."
    )
    lines = [
        "## Words of the concept in captions",
        "",
        f"{len(report.leaks)} captions use a word of their concept. " + (done * bool(report.leaks)),
    ]
    if report.leaks:
        lines += ["", "| image | concept | words | caption |", "|---|---|---|---|"]
        lines += [
            f"| {_cell(leak.image)} | {_cell(leak.concept)} | {_cell(', '.join(leak.words))} "
            f"| {_cell(leak.caption)} |"
            for leak in report.leaks[:SHOWN]
        ]
        if len(report.leaks) > SHOWN:
            lines += ["", f"{len(report.leaks) - SHOWN} more are in report.json."]
    return "\n".join(lines).rstrip()


def _groups(report: BuildReport) -> str:
    lines = [
        "## Groups",
        "",
        "Names with a low score deserve a look: nothing in the vocabulary fits them well. A loose "
        "group holds together less than half as well as the median group: perhaps it is where "
        "everything went that fits nowhere else, and its name says nothing. `--min-cohesion` and "
        "`--leave-out` build without such groups.",
        "",
        *_left_out(report),
        "| concept | photographs | cosine within | score of the name | such as |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {_cell(g.concept)} | {g.photographs} | {g.within:.3f}{' (loose)' * g.loose} "
        f"| {g.score:.3f} "
        f"| {_cell('; '.join(g.examples))} |"
        for g in report.groups
    ]
    return "\n".join(lines)


def _left_out(report: BuildReport) -> list[str]:
    if not report.left_out:
        return []
    told = (f"{_cell(name)} ({n})" for name, n in report.left_out.items())
    return [f"Left out, with their photographs: {', '.join(told)}.", ""]


def _cell(text: str) -> str:
    """Text that cannot break a table or become markup."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
