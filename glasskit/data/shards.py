"""WebDataset shards: which tar files are meant, and their samples, one after the other.

A shard is a tar file; members whose names are equal up to the first dot are one sample:
``000012.jpg`` (or another ending of a picture that is read), ``000012.json`` and, in shards of
others, ``000012.txt``.
The json of a data set that is packed by `glasskit data pack` is a record of the MAGIC layout with
two more keys, ``concept`` and ``split``. Reading in order is the webdataset package's work.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from glasskit.errors import InputError
from glasskit.io.json_files import parse_json
from glasskit.io.pictures import EXTENSIONS
from glasskit.io.text_files import checked, decode_text

END = ".tar"
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_MARKS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
WEB = ("http://", "https://")
_CAPTIONS = ("old_captions", "captions", "caption", "text", "sentences", "txt")


class Sample(NamedTuple):
    """One picture of a stream, not yet decoded.

    Attributes:
        key: its name, unique in the stream.
        where: the file that it is from and its place there, as errors name it.
        data: the bytes of the picture's file.
        ending: of that file, such as ``jpg``.
        notes: what is said of it: the json, and ``txt`` where there is such a member.
    """

    key: str
    where: str
    data: bytes
    ending: str
    notes: dict[str, Any]

    @property
    def caption(self) -> str | None:
        """Its first caption, under whatever name shards commonly have it."""
        for name in _CAPTIONS:
            value = self.notes.get(name)
            if isinstance(value, (list, tuple)) and value:
                value = value[0]
            if isinstance(value, str) and value.strip():
                return checked(value.strip(), self.where, name)
        return None


def is_shards(source: str | Path) -> bool:
    """Whether a text names shards: a tar, several, a pattern of them, or a folder that has some.

    A compressed tar counts, so that `shard_names` says what to do with it.
    """
    text = str(source).lower()
    if text.endswith((END, *COMPRESSED)):
        return True
    folder = Path(source)
    if not folder.is_dir():
        return False
    endings = {file.suffix.lower() for file in folder.iterdir()}
    return END in endings or (bool(_tars(folder)) and endings.isdisjoint(EXTENSIONS))


def shard_names(source: str | Path | Sequence[str | Path]) -> list[str]:
    """The shards that are meant, in order.

    Args:
        source: a folder of .tar files (in the order of their names), a pattern such as
            ``shards/{00000..00009}.tar``, several of these with commas between, or a list. An
            address may begin with http:// or https://.

    Raises:
        InputError: a file is missing, none is meant, or one comes twice.
    """
    parts = [str(source)] if isinstance(source, (str, Path)) else [str(part) for part in source]
    names = [name for part in parts for name in _expand(part)]
    for name in names:
        if name.lower().endswith(COMPRESSED):
            raise InputError(
                f"{name}: a compressed tar, in which no picture can be found by its place; unpack "
                "it (as gunzip does) and give the .tar"
            )
        if not name.lower().endswith(END):
            raise InputError(f"{name}: no {END} file; shards are tar files that are not compressed")
        if not name.startswith(WEB) and not Path(name).is_file():
            raise InputError(f"{name}: there is no such shard")
    if not names:
        raise InputError(f"{source}: no {END} files are meant by this")
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise InputError(f"{twice}: the shard is named twice")
    return names


def shard_samples(shard: str) -> Iterator[Sample]:
    """The samples of a shard in order, read once from begin to end.

    Raises:
        InputError: the tar is damaged or compressed, the members of a sample do not stand together,
            a sample has no picture, its json is none, or its txt is not in UTF-8.
    """
    import webdataset as wds

    if not shard.startswith(WEB):
        _check_order(shard)  # and the headers: what tarfile takes for the end may be damage
    try:
        # No split by rank here: who reads which shard is the caller's to say.
        members = wds.tarfile_to_samples(select_files=lambda name: bool(member_of(name)[0]))
        for found in wds.DataPipeline(wds.SimpleShardList([shard]), members):
            yield _sample(shard, found)
    except InputError:
        raise
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(f"{shard}: damaged or cut off ({_first(error)})") from error
    except ValueError as error:  # two members of one name
        raise InputError(f"{shard}: {_first(error)}") from error


def headers(shard: str) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    """The headers of the files in a local tar, and the tar to read them from.

    Raises:
        InputError: the tar is damaged. tarfile takes a header that it cannot read for the end; here
            an end is a block of zeros and nothing else after it.
    """
    try:
        with Path(shard).open("rb") as file:
            first = file.read(8)
        kind = next((kind for mark, kind in _MARKS.items() if first.startswith(mark)), None)
        if kind is not None:
            raise InputError(f"{shard}: it is compressed ({kind}); unpack it to a plain tar")
        if not first:
            raise InputError(f"{shard}: damaged or cut off (the file is empty)")
        with tarfile.open(shard, "r:") as tar:
            for header in tar:
                if header.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
                    yield header, tar
                tar.members = []  # tarfile would keep every header
            end = tar.offset
        with Path(shard).open("rb") as file:
            file.seek(end)
            rest = file.read(512)
            if len(rest) < 512:
                raise InputError(f"{shard}: damaged or cut off (its end is missing)")
            while rest:
                if any(rest):
                    raise InputError(f"{shard}: damaged or cut off (no header at byte {end})")
                rest = file.read(1 << 20)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(f"{shard}: damaged or cut off ({error})") from error


def member_of(name: str) -> tuple[str, str]:
    """The sample that a file of a tar belongs to and its ending in lower case, as webdataset has
    it; both empty where it is no part of a sample, such as ``._000012.jpg``."""
    folder, _, file = name.rpartition("/")
    stem, _, ending = file.partition(".")
    if not stem or not ending:
        return "", ""
    return f"{folder}/{stem}" if folder else stem, ending.lower()


def _check_order(shard: str) -> None:
    """Raise InputError where a sample's files do not stand together: read in order, its parts would
    be taken for several samples."""
    seen: set[str] = set()
    last = ""
    for header, _ in headers(shard):
        member, _ = member_of(header.name)
        if member and member != last and member in seen:
            raise InputError(
                f"{shard}: {header.name}: the files of one sample must stand together; write the "
                "tar in the order of names (tar --sort=name)"
            )
        last = member or last
        seen.add(last)


def parse_notes(data: bytes, where: str) -> dict[str, Any]:
    """The object in the bytes of a json member; InputError where there is none."""
    notes = parse_json(data, where, nan_is_null=True)  # as crawlers write what they don't know
    if not isinstance(notes, dict):
        raise InputError(f"{where}: must be a JSON object, not {type(notes).__name__}")
    return notes


def picture_member(members: Mapping[str, Any], where: str) -> str:
    """The ending of the one picture among the members of a sample.

    Raises:
        InputError: there is none, or more than one.
    """
    there = [ending[1:] for ending in EXTENSIONS if ending[1:] in members]
    if len(there) != 1:
        found = ", ".join(sorted(members)) or "nothing"
        what = "more than one picture" if there else "no picture"
        raise InputError(f"{where}: {what} ({', '.join(EXTENSIONS)}), only {found}")
    return there[0]


def key_of(notes: Mapping[str, Any], shard: str, member: str) -> str:
    """The name of a picture: what its json says, or the places of shard and member."""
    named = notes.get("image")
    if isinstance(named, (str, int)) and not isinstance(named, bool) and str(named).strip():
        return checked(str(named), f"{shard}: {member}", "image")
    return checked(f"{Path(shard).stem}/{member}", shard, member)


def _sample(shard: str, found: Mapping[str, Any]) -> Sample:
    member = found["__key__"]
    where = f"{shard}: {member}"
    parts = {name: value for name, value in found.items() if not name.startswith("__")}
    ending = picture_member(parts, where)
    notes = parse_notes(parts["json"], f"{where}.json") if "json" in parts else {}
    if "txt" in parts:
        notes.setdefault("txt", decode_text(parts["txt"], f"{where}.txt"))
    return Sample(key_of(notes, shard, member), f"{where}.{ending}", parts[ending], ending, notes)


def _expand(part: str) -> list[str]:
    from braceexpand import UnbalancedBracesError, braceexpand

    folder = Path(part)
    if folder.is_dir():
        return [str(file) for file in _tars(folder)]
    try:
        return [name for piece in _pieces(part) for name in braceexpand(piece.strip())]
    except UnbalancedBracesError as error:
        pattern = "shards/{00000..00009}.tar"
        raise InputError(f"{part}: braces do not match; write {pattern}") from error


def _tars(folder: Path) -> list[Path]:
    """The tars of a folder, those among them that cannot be read because they are compressed."""
    ends = (END, *COMPRESSED)
    return sorted(
        file
        for file in folder.iterdir()
        if file.name.lower().endswith(ends) and not file.name.startswith(".")
    )


def _pieces(text: str) -> list[str]:
    """The parts between the commas that stand outside of braces."""
    pieces, depth = [""], 0
    for letter in text:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += letter
    return pieces


def _first(error: Exception) -> str:
    return str(error.args[0] if error.args else error).splitlines()[0][:200]
