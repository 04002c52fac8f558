"""Text and tables that people hand in: read whole, or one line that names the place and the fault.

Read are UTF-8, and UTF-16 or UTF-32 that says or shows what it is, with any line ends.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from glasskit.errors import InputError

DELIMITERS = (",", ";", "\t", "|")
_SEP_LINE = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)  # Excel's own first line
_AFTER_QUOTE = re.compile(r'" +(?=[,;\t|\r\n]|\Z)')  # blanks that spreadsheets pass over
_BROKEN = re.compile("[\x00-\x08\x0e-\x1b\ud800-\udfff]")  # white space is none of these
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line ends, changes of direction, bytes that are no text."""


def printable(text: object) -> str:
    """A text, such as a file's name, as one line: what would steer a terminal as ``%0A``, ``%E9``.

    A byte of a file's name that is no text becomes its number, any other character beyond Latin
    its code, as in ``%u202E``.
    """

    def escaped(found: re.Match[str]) -> str:
        code = ord(found[0])
        is_byte = code < 0x100 or 0xDC80 <= code <= 0xDCFF  # what Python makes of a byte in a name
        return f"%{code & 0xFF:02X}" if is_byte else f"%u{code:04X}"

    return _STEERING.sub(escaped, str(text))


def read_bytes(file: Path, kind: str) -> bytes:
    """What a file of people holds; InputError where it is missing or cannot be read."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{file}: there is no such file") from None
    except OSError as error:
        raise InputError(f"{file}: not readable {kind} ({error.strerror})") from error


def read_text(file: Path, kind: str = "text") -> str:
    """What a text file holds, without a byte-order mark.

    Raises:
        InputError: the file is missing, cannot be read, or is not in UTF-8, UTF-16 or UTF-32.
    """
    text = decode_text(read_bytes(file, kind), str(file), kind)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{file}: not readable {kind} (line {line} holds a NUL character)")
    return text


def decode_text(data: bytes, where: str, kind: str = "text") -> str:
    """Bytes as text; InputError names the line that is not in UTF-8."""
    encoding = json.detect_encoding(data)  # by the mark, or by where the first bytes are zero
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(
            f"{where}: not readable {kind} (line {line} is not {encoding.removesuffix('-sig')}; "
            "if it is in Windows-1252 or Latin-1, save it as UTF-8)"
        ) from error


def counted(number: int, what: str) -> str:
    """How many there are of something, such as "1 picture" and "2 pictures"."""
    return f"{number} {what}" + "s" * (number != 1)


def lines_of(text: str) -> list[str]:
    """The lines of a text, cut at the line ends of any system and nowhere else."""
    return re.split(r"\r\n|\r|\n", text)


def checked(text: str, where: str, what: str = "") -> str:
    """The text as it is.

    Raises:
        InputError: it holds half a character (a lone surrogate) or a control character.
    """
    found = _BROKEN.search(text)
    if found is None:
        return text
    half = found[0] >= "\ud800"
    kind = "half a character, as of an emoji cut in two" if half else "a control character"
    place = f"{where}: {what!r}" if what else where
    raise InputError(f"{place} holds {kind} (U+{ord(found[0]):04X})")


def plain_name(name: str) -> str:
    """A name in Unicode's composed form (NFC), with single blanks between words."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def look(name: str) -> str:
    """Equal for names that look the same to a reader, whatever their case and Unicode form."""
    letters = unicodedata.normalize("NFKC", name).casefold()
    seen = "".join(c for c in letters if unicodedata.category(c) != "Cf")  # none of zero width
    return plain_name(seen)


def distinct(names: Iterable[str]) -> list[str]:
    """The names in order; of those that look the same the first one."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(look(name), name)
    return list(first.values())


def split_names(text: str) -> list[str]:
    """Names with commas or line ends between; one that holds a comma stands in double quotes."""
    rows = csv.reader(lines_of(text), skipinitialspace=True)
    return [name.strip() for row in rows for name in row if name.strip()]


def refuse_twins(names: Iterable[str], where: str) -> None:
    """Raise InputError where two names look the same."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(look(name), name)
        if other != name:
            raise InputError(f"{where}: two concepts look the same, {other!r} and {name!r}")


def misspelt(wanted: str, keys: Iterable[str]) -> str:
    """The end of an error line: the key that stands where ``wanted`` is missing, if one is near."""
    near = next((key for key in keys if suggestion(key, [wanted])), None)
    return "" if near is None else f"; unknown key {near!r}, did you mean {wanted!r}?"


def suggestion(word: str, known: Iterable[str]) -> str:
    """The end of an error line: the known word that is nearest, where one is near."""
    places = {look(name): name for name in known}
    near = get_close_matches(look(word), places, n=1, cutoff=0.75)
    return f", did you mean {places[near[0]]!r}?" if near else ""


def read_table(
    file: Path, needed: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, fields by column) of each row of a CSV file that is not empty.

    The delimiter is the one that gives the header all needed columns (comma, semicolon, tab or |),
    or what a first line such as ``sep=;`` says. Case and blanks around names do not count.

    Raises:
        InputError: a column is missing or comes twice, a row has more or fewer fields than the
            header, or a double quote is not closed; the line is named.
    """
    text = read_text(file, "table")
    if not text.strip():
        raise InputError(f"{file}: the file is empty")
    sep = _SEP_LINE.match(text)
    start = _AFTER_QUOTE.sub('"', text[sep.end() :] if sep else text)
    headers = {mark: _header(start, mark) for mark in (sep[1] if sep else DELIMITERS)}
    delimiter = max(
        headers, key=lambda mark: (set(needed) <= set(headers[mark]), len(headers[mark]))
    )
    header = headers[delimiter]
    if missing := [name for name in needed if name not in header]:
        columns = ", ".join(repr(name[:40]) for name in header[:8])
        raise InputError(
            f"{file}: the column {missing[0]!r} is missing; the first line must name the columns, "
            f"and has {columns}"
        )
    wanted = [name for name in (*needed, *optional) if name in header]
    if twice := [name for name in wanted if header.count(name) > 1]:
        raise InputError(f"{file}: the column {twice[0]!r} comes twice")
    rows = _rows(start, delimiter, file, 1 if sep else 0)
    next(rows)
    for line, fields in rows:
        extra = [field for field in fields[len(header) :] if field.strip()]
        if extra or len(fields) < len(header):
            advice = " (put a text that holds one in double quotes)" if extra else ""
            raise InputError(
                f"{file}: line {line}: {counted(len(fields), 'field')} where the header has "
                f"{len(header)}, with {delimiter!r} between them{advice}"
            )
        yield line, {name: fields[header.index(name)] for name in wanted}


def _header(text: str, delimiter: str) -> list[str]:
    """The names of the first line that is not empty, in lower case; those at the end have one."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        names = [look(name) for name in next((row for row in rows if any(map(str.strip, row))), [])]
    except csv.Error:
        return []
    while names and not names[-1]:
        names.pop()
    return names


def _rows(text: str, delimiter: str, file: Path, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """(line, fields) of each row that has any, the header among them."""
    rows = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    line = 1 + skipped
    try:
        for fields in rows:
            if any(field.strip() for field in fields):
                yield line, fields
            line = rows.line_num + 1 + skipped
    except csv.Error as error:
        last = rows.line_num + skipped
        what = "a double quote is opened there and never closed"
        if "expected after" in str(error):
            what = f"a text in double quotes goes on after its closing quote in line {last}"
        raise InputError(
            f"{file}: line {line}: {what}; write two double quotes for one inside a text"
        ) from error
