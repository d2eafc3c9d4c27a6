"""What a holder says of recordings (genre, era, artist, composer, work, region), read while they are registered."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from api.decoders import Decoders

if TYPE_CHECKING:
    from gen.confined import ConfinedDecoder
    from gen.labels import Labels


def table(folder: Path, recordings: Sequence[Path]) -> dict[Path, Labels]:
    """The labels of ``labels.csv`` or ``labels.json`` in the folder; empty if there is neither.

    Raises :class:`~gen.errors.LabelError`, also for a file that is none of the recordings.
    """
    from gen.errors import LabelError
    from gen.labels import find_table

    listed = find_table(folder)
    paths = {unicodedata.normalize("NFC", path.relative_to(folder).as_posix()): path for path in recordings}
    for name in listed:
        if name not in paths:
            raise LabelError(f"{folder}: its table of labels names {name!r}, which is no recording there; correct it")
    return {paths[name]: labels for name, labels in listed.items()}


def numbers(recordings: Iterable[Mapping[str, str]]) -> list[tuple[int, ...]]:
    """What a record says of labels: of each recording, in its order, a number for each of ``ledger.records.LABELS``."""
    from gen.labels import Labels, Vocabulary

    labels = [Labels(**said) for said in recordings]
    vocabulary = Vocabulary.of(labels)
    return [vocabulary.indices(each) for each in labels]


def of(paths: Iterable[Path], listed: Mapping[Path, Labels], decoders: Decoders) -> dict[Path, dict[str, str]]:
    """The labels of each recording, known ones alone: the table's, else those of the file's own tags."""
    from gen.labels import Labels

    found = {}
    with decoders.one() as decoder:
        for path in paths:
            labels = listed.get(path, Labels()).over(tagged(path, decoder))
            found[path] = {field: value for field, value in asdict(labels).items() if value is not None}
    return found


def tagged(path: Path, decoder: ConfinedDecoder) -> Labels:
    """The labels in a file's own tags, read in the decoder's process; none where they cannot be read."""
    from gen.errors import AudioError
    from gen.file import open_regular
    from gen.labels import Labels

    try:
        with open_regular(path) as file:
            return decoder.tags(file, path.name)
    except AudioError:  # heard it was; then it has no tags
        return Labels()
