"""Theme captions and higher levels, written by a language model under the rules of the data set."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from glasskit.data.leaks import leaked_words
from glasskit.data.schema import Concept, Record
from glasskit.grouping.endpoint import Endpoint

WORKERS = 4
"""Questions under way at a time."""

TOKENS = 60
"""Tokens of an answer at most."""

CHARACTERS_A_TOKEN = 4
"""A rule of thumb for English; the estimate is no more than that."""

LONGEST = 240
"""Characters of a theme caption at most; anything longer is no caption."""

THEME = (
    "You write one caption of a photograph that says what it is about at a higher level, in plain "
    "words, 6 to 16 of them, as one line without quotation marks. You only have literal captions; "
    "invent nothing. You never use the forbidden words or words derived from them."
)
LEVELS = (
    "You place a concept under three ever more general concepts. Answer with a JSON list of three "
    "short lower-case noun phrases, from the nearest to the most general, and nothing else."
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What asking an endpoint will take, before it starts.

    Args:
        questions: requests that are not answered on disk already.
        tokens_in: tokens sent, estimated.
        tokens_out: tokens of the answers, at most.
    """

    questions: int
    tokens_in: int
    tokens_out: int

    def cost(self, price_in: float, price_out: float) -> float:
        """The cost in the currency of two prices for a million tokens each."""
        return (self.tokens_in * price_in + self.tokens_out * price_out) / 1e6


def estimate(
    endpoint: Endpoint, concepts: Sequence[Concept], records: Sequence[Record]
) -> Estimate:
    """What ``write_levels`` and ``write_themes`` would ask.

    A caption that has to be written again because it gave its concept away comes on top.
    """
    by_name = {concept.name: concept for concept in concepts}
    asks = [(LEVELS, _level_question(c)) for c in concepts if not _placed(c)]
    asks += [(THEME, _theme_question(r, by_name)) for r in records]
    open_ones = [ask for ask in asks if endpoint.cached(*ask) is None]
    sent = sum(len(system) + len(user) for system, user in open_ones)
    return Estimate(len(open_ones), -(-sent // CHARACTERS_A_TOKEN), TOKENS * len(open_ones))


def write_levels(endpoint: Endpoint, concepts: Sequence[Concept]) -> tuple[Concept, ...]:
    """Concepts with the levels that they lacked; one whose answer is no list of three stays.

    Raises:
        InputError: the endpoint gives no answer.
    """
    return tuple(c if _placed(c) else _place(endpoint, c) for c in concepts)


def write_themes(
    endpoint: Endpoint,
    concepts: Sequence[Concept],
    records: Sequence[Record],
    progress: Callable[[int, int], None] | None = None,
) -> list[Record]:
    """Records with a theme caption each, for the strongest concept, that names no level of any.

    A caption that does is asked for once more with its words forbidden; if it does again, the
    record stays without.

    Raises:
        InputError: the endpoint gives no answer; those that came are on disk for the next run.
    """
    by_name = {concept.name: concept for concept in concepts}

    def one(record: Record) -> Record:
        forbidden = _levels(record, by_name)
        question = _theme_question(record, by_name)
        text = _line(endpoint.ask(THEME, question, TOKENS))
        if found := leaked_words(text, forbidden):
            again = f"{question}\nNot like this, it uses {', '.join(found)}: {text}"
            text = _line(endpoint.ask(THEME, again, TOKENS))
        usable = text.isprintable() and 0 < len(text) <= LONGEST
        if not usable or leaked_words(text, forbidden):
            return record
        if len(record.labels) > 1:
            return replace(record, label_themes={record.concept: (text,)})
        return replace(record, theme=(text,))

    done: list[Record] = []
    pool = ThreadPoolExecutor(WORKERS)
    try:
        for record in pool.map(one, records):
            done.append(record)
            if progress is not None:
                progress(len(done), len(records))
    finally:
        # After a refusal, or when a person stops the run, what waits is not asked.
        pool.shutdown(cancel_futures=True)
    return done


def _placed(concept: Concept) -> bool:
    return any(level is not None for level in concept.levels[1:])


def _place(endpoint: Endpoint, concept: Concept) -> Concept:
    answer = endpoint.ask(LEVELS, _level_question(concept), TOKENS)
    found = re.search(r"\[.*\]", answer, re.DOTALL)
    try:
        names = json.loads(found[0]) if found else []
    except json.JSONDecodeError:
        names = []
    names = [n.strip().lower() for n in names if isinstance(n, str) and n.isprintable()]
    if len(names) != 3 or not all(0 < len(name) <= 60 for name in names):
        return concept
    return replace(concept, levels=(concept.name, *names))


def _level_question(concept: Concept) -> str:
    return f"Concept: {concept.name}"


def _levels(record: Record, by_name: Mapping[str, Concept]) -> list[str]:
    """The names of all levels of a record's concepts."""
    levels = (level for label in record.labels for level in by_name[label].levels)
    return list(dict.fromkeys(filter(None, levels)))


def _theme_question(record: Record, by_name: Mapping[str, Concept]) -> str:
    forbidden = ", ".join(_levels(record, by_name))
    seen = "\n".join(f"- {caption}" for caption in record.literal)
    about = f"What it is about: {record.concept}\nForbidden words: {forbidden}"
    return f"{about}\nLiteral captions:\n{seen}"


def _line(answer: str) -> str:
    """The first line of an answer, without quotation marks around it."""
    line = answer.strip().splitlines()[0].strip().strip("\"'") if answer.strip() else ""
    return " ".join(line.split())
