"""WebDataset shards: pictures with their notes in tar files, read in order or in groups.

A shard is a plain tar; files whose names are equal up to the first dot are one sample: a picture,
such as ``000012.jpg``, what is said of it (``000012.json``) and perhaps a caption (``000012.txt``).
The json that `glasskit data pack` writes is a picture of the MAGIC layout with two more keys,
``concept`` and ``split``: such shards are a grouped data set.

tarfile reads them: the webdataset builder of `datasets` refuses shards of JPEGs and PNGs, and
leaves out without a word each key of a json that the first five samples do not have.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from braceexpand import braceexpand
from PIL import Image

from glasskit.data.assemble import Found, assemble
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import file_identity
from glasskit.data.magic import read_taxonomy
from glasskit.data.magic_record import (
    PICTURE_KEYS,
    name_of,
    parse_record,
    split_of,
    unknown_keys,
    warn_of_unknown,
)
from glasskit.errors import InputError
from glasskit.io.json_files import parse_json
from glasskit.io.pictures import DECODER, EXTENSIONS, decode_image
from glasskit.io.text_files import checked, decode_text

END = ".tar"
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
TAXONOMY = "taxonomy.json"
KEYS = (*PICTURE_KEYS, "concept", "split")
_CAPTIONS = ("old_captions", "captions", "caption", "text", "sentences", "txt")


class Row(NamedTuple):
    """One picture of a stream, not yet decoded.

    Attributes:
        key: its name.
        where: the file that it is from and its place there, as errors name it.
        data: the bytes of the picture's file.
        notes: what is said of it: the json, and ``txt`` where there is such a member.
    """

    key: str
    where: str
    data: bytes
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

    def image(self, side: int = 0) -> Image.Image:
        """The picture; ``side`` as of `decode_image`, whose InputError it raises."""
        return decode_image(self.data, self.where, side)


class Part(NamedTuple):
    """A piece of a stream that one process reads: a shard, or a file of the hub.

    Attributes:
        name: unique in the stream, and good as the name of a file.
        identity: another text once the piece has changed, as far as can be told.
        size: bytes of it, or 0 where that is not known.
        rows: its pictures, always in the same order; each call begins anew.
    """

    name: str
    identity: str
    size: int
    rows: Callable[[], Iterator[Row]]


class Sample(NamedTuple):
    """One sample of a shard: its name, where its picture's file lies in the tar, and its notes."""

    shard: str
    member: str
    ending: str
    offset: int
    size: int
    notes: dict[str, Any]

    @property
    def where(self) -> str:
        """How errors name the picture."""
        return f"{self.shard}: {self.member}.{self.ending}"

    @property
    def key(self) -> str:
        """The name of the picture: what its json says, or the places of shard and member."""
        named = self.notes.get("image")
        place = f"{self.shard}: {self.member}"
        if isinstance(named, (str, int)) and not isinstance(named, bool) and str(named).strip():
            return checked(str(named), place, "image")
        return checked(f"{Path(self.shard).stem}/{self.member}", place)

    def read(self, last: int | None = None) -> bytes:
        """The bytes of the picture's file, or so many of its last ones."""
        size = self.size if last is None else min(last, self.size)
        try:
            with Path(self.shard).open("rb") as file:
                file.seek(self.offset + self.size - size)
                data = file.read(size)
        except OSError as error:
            raise InputError(f"{self.shard}: cannot be read ({error.strerror})") from error
        if len(data) < size:
            raise InputError(f"{self.shard}: it is shorter than when it was opened; load it anew")
        return data


def is_shards(source: str | Path) -> bool:
    """Whether a text names shards: a tar, several, a pattern of them, or a folder that has some.

    A compressed tar counts, so that `shard_names` says what to do with it.
    """
    if str(source).lower().endswith((END, *COMPRESSED)):
        return True
    return Path(source).is_dir() and bool(_tars(Path(source)))


def shard_names(source: str | Path) -> list[str]:
    """The shards that are meant, in order.

    Args:
        source: a folder of .tar files (in the order of their names), a pattern such as
            ``shards/{00000..00009}.tar``, or several of these with commas between.

    Raises:
        InputError: a file is missing, none is meant, or one comes twice.
    """
    folder = Path(source)
    names = _tars(folder) if folder.is_dir() else _expanded(str(source))
    for name in names:
        if not name.lower().endswith(END):
            raise InputError(
                f"{name}: no {END} file; shards are tar files that are not compressed (unpack "
                "those that are, as gunzip does)"
            )
        if not Path(name).is_file():
            raise InputError(f"{name}: there is no such shard on this machine")
        if names.count(name) > 1:
            raise InputError(f"{name}: the shard is named twice")
    if not names:
        raise InputError(f"{source}: no {END} files are meant by this")
    return names


def shard_part(shard: str) -> Part:
    """A tar as a part of a stream."""
    path = Path(shard)

    def rows() -> Iterator[Row]:
        for sample in shard_samples(shard):
            yield Row(sample.key, sample.where, sample.read(), sample.notes)

    mark = sha256(shard.encode()).hexdigest()[:8]  # shards of several folders may have one name
    return Part(f"{path.stem}-{mark}", file_identity(path), path.stat().st_size, rows)


def shard_samples(shard: str) -> Iterator[Sample]:
    """The samples of a tar in order. No picture is read.

    Raises:
        InputError: the tar is damaged or compressed, a sample has no picture, its json is none, or
            its txt is not in UTF-8.
    """
    samples: dict[str, dict[str, tarfile.TarInfo]] = {}
    texts: dict[str, bytes] = {}
    try:
        with Path(shard).open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for header in tar:
                member, ending = _split(header.name)
                if not header.isreg() or not member:
                    continue
                parts = samples.setdefault(member, {})
                if ending in parts:
                    raise InputError(f"{shard}: {header.name}: the member comes twice")
                parts[ending] = header
                if ending in ("json", "txt"):
                    file.seek(header.offset_data)
                    texts[f"{member}.{ending}"] = file.read(header.size)
            # tarfile takes a header that it cannot read for the end, at which there are zeros.
            file.seek(tar.offset)
            if file.read(512) != bytes(512):
                raise tarfile.ReadError(f"no header at byte {tar.offset:,}")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(
            f"{shard}: damaged, cut off or compressed ({error}); give a whole, plain tar"
        ) from error
    for member, parts in samples.items():
        pictures = [ending for ending in parts if f".{ending}" in EXTENSIONS]
        if len(pictures) != 1:
            what = "more than one picture" if pictures else "no picture"
            raise InputError(
                f"{shard}: {member}: {what} ({', '.join(EXTENSIONS)}), only {', '.join(parts)}"
            )
        header = parts[pictures[0]]
        notes = _notes(texts, member, f"{shard}: {member}")
        yield Sample(shard, member, pictures[0], header.offset_data, header.size, notes)


def read_shards(source: str | Path) -> GroupedDataset:
    """A data set from shards whose json members are pictures of the MAGIC layout.

    Each also names its ``concept``, and its ``split`` where that is not train. The concepts, their
    order, guides and hard negatives are those of ``taxonomy.json`` beside the first shard; without
    it they are what the pictures say.

    Args:
        source: what ``shard_names`` takes.

    Raises:
        InputError: a shard is damaged, or a picture is not in the layout; the line names them.
    """
    names = shard_names(source)
    samples: dict[str, Sample] = {}
    unknown: list[str] = []

    def found() -> Iterator[Found]:
        for name in names:
            for sample in shard_samples(name):
                notes = sample.notes
                where = f"{name}: {sample.member}.json"
                missing = [key for key in KEYS if key not in notes]
                unknown.extend(unknown_keys(notes, KEYS, where, missing))
                if "concept" not in notes:
                    raise InputError(
                        f"{where}: no 'concept'; groups are made of records in the MAGIC layout "
                        "(glasskit build makes them from captions, glasskit data pack writes them)"
                    )
                split = split_of(notes, where)
                picture = notes | {"image": sample.key}
                concept = name_of(notes, "concept", where)
                record, levels = parse_record(picture, concept, split, where)
                yield Found(record, concept, levels, where)
                samples[sample.key] = sample._replace(notes={})

    beside = Path(names[0]).with_name(TAXONOMY)
    taxonomy = read_taxonomy(beside) if beside.is_file() else {}
    named = Path(names[0]).resolve().parent.name
    dataset = assemble(str(source), named, found(), ShardImages(samples), taxonomy)
    warn_of_unknown(str(source), unknown)
    return dataset


class ShardImages:
    """Pictures by key, each read from its place in a tar.

    A tar is opened for each picture: any number of threads and processes may read.

    Args:
        samples: by the key of their picture.
    """

    def __init__(self, samples: Mapping[str, Sample]) -> None:
        self.samples = samples

    def open(self, key: str, side: int = 0) -> Image.Image:
        return decode_image(self.read(key), self._of(key).where, side)

    def read(self, key: str, last: int | None = None) -> bytes:
        return self._of(key).read(last)

    def size(self, key: str) -> int:
        return self._of(key).size

    def fingerprint(self, key: str) -> str:
        sample = self._of(key)
        return f"{file_identity(Path(sample.shard))}:{sample.offset}:{sample.size}:{DECODER}"

    def differ(self, key: str, other: str) -> bool:
        """Whether two keys are two pictures: members of a tar are, unless both are one number."""
        return not (key.isdecimal() and other.isdecimal() and int(key) == int(other))

    def _of(self, key: str) -> Sample:
        try:
            return self.samples[key]
        except KeyError:
            raise InputError(f"there is no picture {key!r} in these shards") from None


def _notes(texts: Mapping[str, bytes], member: str, where: str) -> dict[str, Any]:
    """What the json and the txt of a sample say."""
    notes: Any = {}
    if f"{member}.json" in texts:  # NaN is what crawlers write for what they don't know
        notes = parse_json(texts[f"{member}.json"], f"{where}.json", nan_is_null=True)
        if not isinstance(notes, dict):
            raise InputError(f"{where}.json: must be a JSON object, not {type(notes).__name__}")
    if f"{member}.txt" in texts:
        notes.setdefault("txt", decode_text(texts[f"{member}.txt"], f"{where}.txt"))
    return notes


def _split(name: str) -> tuple[str, str]:
    """The sample that a file of a tar belongs to and its ending in lower case, as webdataset has
    it; both empty where it is no part of a sample, such as ``._000012.jpg``."""
    folder, slash, file = name.rpartition("/")
    stem, _, ending = file.partition(".")
    return (f"{folder}{slash}{stem}", ending.lower()) if stem and ending else ("", "")


def _tars(folder: Path) -> list[str]:
    files = (file for file in folder.iterdir() if not file.name.startswith("."))
    return sorted(str(file) for file in files if file.suffix.lower() == END)


def _expanded(text: str) -> list[str]:
    """The names that a pattern with braces means, or several with commas between."""
    try:
        names = braceexpand(f"{{{text},}}", escape=False)
        return [name.strip() for name in names if name.strip()]
    except ValueError as error:
        pattern = "shards/{00000..00009}.tar"
        raise InputError(f"{text}: braces do not match; write {pattern}") from error
