"""What people say of a recording: genre, era, artist, composer, work, region.

Labels come from a file's tags, or from a table beside the recordings, whose word counts more. They are the holder's:
what goes into training are numbers (`Vocabulary.indices`), and the vocabulary that turns them into names stays behind.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from gen.container import identify
from gen.errors import LabelError
from gen.file import open_regular, printable
from gen.json_text import parse

TABLES = ("labels.csv", "labels.json")
"""The names under which a folder's table is looked for."""
UNKNOWN = 0
"""The index of what is not known."""
MOST_BYTES = 1 << 24
"""A table may be as long as this, and a label as MOST_LETTERS."""
MOST_LETTERS = 500

# What a field is called in the tags of Vorbis, ID3v2, MP4 and RIFF, as FFmpeg hands them on; the first that is there.
_TAGS = {
    "genre": ("genre", "style"),
    "era": ("era", "period"),
    "artist": ("artist", "performer", "album_artist"),
    "composer": ("composer",),
    "work": ("work", "grouping"),
    "region": ("region", "country", "releasecountry"),
}


@dataclass(frozen=True)
class Labels:
    """None is unknown. Names are in Unicode normal form C, without spaces around them."""

    genre: str | None = None
    era: str | None = None
    artist: str | None = None
    composer: str | None = None
    work: str | None = None
    region: str | None = None

    def over(self, other: "Labels") -> "Labels":
        """These labels, and the other's where they are unknown here."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        return replace(other, **known)


FIELDS = tuple(field.name for field in fields(Labels))


def from_tags(tags: Mapping[str, str]) -> Labels:
    """Labels of a file's tags, whatever the case of their names; what cannot be a label is unknown."""
    lower = {name.lower(): value for name, value in tags.items()}
    found: dict[str, str | None] = {}
    for field, names in _TAGS.items():
        values = (_clean(lower[name]) for name in names if name in lower)
        found[field] = next((value for value in values if value is not None), None)
    return Labels(**found)


def read_tags(source: Path | BinaryIO) -> Labels:
    """Labels of a sound file's own tags; all unknown if it has none or is no sound file.

    Runs FFmpeg's reader on the file's head, without decoding sound. Raises UnreadableFile.
    """
    if isinstance(source, Path):
        with open_regular(source) as file:
            return read_tags(file)
    import av

    source.seek(0)
    container = identify(source)
    if container is None:
        return Labels()
    source.seek(0)
    try:
        with av.open(source, format=container.format, metadata_errors="ignore") as opened:
            tags = dict(opened.metadata)
            for stream in opened.streams.audio[:1]:
                tags = {**stream.metadata, **tags}
    except (av.error.FFmpegError, ValueError):
        return Labels()
    return from_tags(tags)


def read_table(path: Path) -> dict[str, Labels]:
    """A table of labels: from each recording's path, relative to the table's folder and with "/", to its labels.

    CSV in UTF-8 with a header (file, and any of genre, era, artist, composer, work, region), or JSON, an object of
    objects with these names. Empty is unknown. Raises UnreadableFile; LabelError naming the file, the row, and what is
    wrong: another column, the same recording twice, text that is too long.
    """
    called = printable(path)
    with open_regular(path) as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise LabelError(f"{called}: more than {MOST_BYTES} bytes; split the folder")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelError(f"{called}: no UTF-8 at byte {error.start}; save it as UTF-8") from error
    rows = _json(called, text) if path.suffix.lower() == ".json" else _csv(called, text)
    found: dict[str, Labels] = {}
    for place, given, values in rows:
        name = unicodedata.normalize("NFC", given.strip())
        if not name:
            raise LabelError(f"{called}: {place}: file: empty; give the recording's path")
        if name in found:
            raise LabelError(f"{called}: {place}: file: {name!r} is there twice; keep one")
        for column, value in values.items():
            if column not in FIELDS:
                raise LabelError(f"{called}: {place}: {column!r} is no label; there are: {', '.join(FIELDS)}")
            if value and _clean(value) is None and value.strip():
                raise LabelError(f"{called}: {place}: {column}: too long, or with control characters; shorten it")
        found[name] = Labels(**{column: _clean(value) for column, value in values.items()})
    return found


def find_table(folder: Path) -> dict[str, Labels]:
    """The table that lies in a folder under one of the names TABLES; empty if none does.

    Raises LabelError if there are two, and what `read_table` raises.
    """
    there = [folder / name for name in TABLES if (folder / name).exists()]
    if len(there) > 1:
        raise LabelError(f"{printable(folder)}: holds {' and '.join(TABLES)}; keep one of them")
    return read_table(there[0]) if there else {}


@dataclass(frozen=True)
class Vocabulary:
    """The names of each label, as they first occur; the holder's own. A name's index is its place from 1 on, UNKNOWN 0.

    Not sorted, since whoever sees an index should not learn where in the alphabet its name stands.
    """

    names: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, labels: Iterable[Labels]) -> "Vocabulary":
        """Of all that occur; names that differ only in case or spacing are one, in the first spelling."""
        all_labels = list(labels)
        columns = []
        for field in FIELDS:
            spelt: dict[str, str] = {}
            for value in (getattr(one, field) for one in all_labels):
                if value is not None:
                    spelt.setdefault(_folded(value), value)
            columns.append(tuple(spelt.values()))
        return cls(tuple(columns))

    def indices(self, labels: Labels) -> tuple[int, ...]:
        """One index for each of FIELDS; UNKNOWN for None, and for names that are not in here."""
        found = []
        for field, places in zip(FIELDS, self._places, strict=True):
            value = getattr(labels, field)
            found.append(UNKNOWN if value is None else places.get(_folded(value), UNKNOWN))
        return tuple(found)

    @cached_property
    def _places(self) -> tuple[dict[str, int], ...]:
        return tuple({_folded(name): place + 1 for place, name in enumerate(names)} for names in self.names)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many indices each of FIELDS has, UNKNOWN among them: the rows of an embedding."""
        return tuple(len(names) + 1 for names in self.names)


def joined(counts: Sequence[Sequence[int]]) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
    """How the indices of several vocabularies become those of one, in which no two share any but UNKNOWN.

    counts: of each vocabulary the highest index of each of FIELDS. Returns what is added to the indices of each, field
    by field, and the sizes of the whole (see `Vocabulary.sizes`).
    """
    taken = (0,) * len(FIELDS)
    offsets = []
    for count in counts:
        offsets.append(taken)
        taken = tuple(before + more for before, more in zip(taken, count, strict=True))
    return offsets, tuple(count + 1 for count in taken)


def _clean(value: str | None) -> str | None:
    if value is None:
        return None
    text = unicodedata.normalize("NFC", value.strip())
    return text if 0 < len(text) <= MOST_LETTERS and text.isprintable() else None


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _csv(called: str, text: str) -> Iterable[tuple[str, str, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        if "file" not in (reader.fieldnames or ()):
            raise LabelError(f"{called}: line 1: no column 'file'; the first line names the columns")
        for row in reader:
            place = f"line {reader.line_num}"
            if None in row or None in row.values():
                raise LabelError(f"{called}: {place}: another number of cells than line 1; quote those with commas")
            yield place, row.pop("file"), row
    except csv.Error as error:
        raise LabelError(f"{called}: line {reader.line_num}: {error}") from error


def _json(called: str, text: str) -> Iterable[tuple[str, str, dict[str, str]]]:
    def single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        twice = next((name for name in names if names.count(name) > 1), None) if len(names) < 100 else None
        if twice is not None or len(set(names)) < len(names):
            raise LabelError(f"{called}: {twice or 'a name'!r} is there twice; keep one")
        return dict(pairs)

    try:
        table = parse(text, single)
    except ValueError as error:
        raise LabelError(f"{called}: no JSON: {error}") from error
    if not isinstance(table, dict):
        raise LabelError(f"{called}: must be an object from paths to labels")
    for name, values in table.items():
        if not isinstance(values, dict) or not all(isinstance(v, str | None) for v in values.values()):
            raise LabelError(f"{called}: {name!r}: must be an object from labels to text")
        yield repr(name), name, {label: value or "" for label, value in values.items()}
