"""What is known of a built data set: as JSON for programs, and as Markdown for people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment

from glasskit.grouping.quality import Agreement, Tightness

TEMPLATE = Path(__file__).with_name("report.md.jinja")


@dataclass(frozen=True, slots=True)
class Leak:
    """A literal caption that uses words of its concept."""

    image: str
    concept: str
    words: tuple[str, ...]
    caption: str


@dataclass(frozen=True, slots=True)
class Group:
    """A group and its name.

    Args:
        concept: the name that it was given.
        photographs: how many it has in the data set.
        within: mean cosine of two of its photographs, by their captions.
        loose: whether that is less than half of what the median group has: leftovers, perhaps.
        score: cosine by which the name was chosen, both sides centred.
        examples: a caption or two.
    """

    concept: str
    photographs: int
    within: float
    loose: bool
    score: float
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leaks:
    """Literal captions that use words of their concept.

    Args:
        captions: how many.
        dropped: whether they were dropped.
        photographs_dropped: photographs that lost all captions thereby.
        list: all of them.
    """

    captions: int
    dropped: bool
    photographs_dropped: int
    list: tuple[Leak, ...]


@dataclass(frozen=True, slots=True)
class BuildReport:
    """All that is known of a built data set, under the names that its JSON has.

    Args:
        source: the captions.
        model: that compared captions and names.
        vocabulary: of the names.
        endpoint: the language model that wrote themes, or None.
        seed: of the split.
        labels: pairs of a photograph and one of its concepts; more than the photographs where
            groups overlap.
        notes: a line for each kind of thing of the source that was left out, is doubtful, or that
            the model does not read, with how many there are.
        photographs: how many were written, as are captions and concepts.
        concepts_with_levels: concepts that have names at level 2 to 4.
        splits: photographs of each split.
        themes: how many photographs have a theme caption ("written"), and how many none.
        purity: how tight the groups are.
        agreement: with labels of the source, or None where it has none.
        leaks: literal captions that use a word of their concept.
        left_out: photographs of each group that was left out by its name, and of all that were
            left out as too loose under "loose groups".
        groups: the groups, the largest first.
    """

    source: str
    model: str
    vocabulary: str
    endpoint: str | None
    seed: int
    notes: tuple[str, ...]
    photographs: int
    captions: int
    concepts: int
    labels: int
    concepts_with_levels: int
    splits: dict[str, int]
    themes: dict[str, int]
    purity: Tightness
    agreement: Agreement | None
    leaks: Leaks
    left_out: dict[str, int]
    groups: tuple[Group, ...]


def to_markdown(report: BuildReport) -> str:
    """The report as Markdown, with the first 20 leaks; the JSON has all."""
    jinja = Environment(trim_blocks=True, keep_trailing_newline=True)
    jinja.filters |= {"cell": _cell, "number": "{:.3f}".format}
    return jinja.from_string(TEMPLATE.read_text(encoding="utf-8")).render(report=report)


def _cell(text: str) -> str:
    """Text that cannot break a table or become markup."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
