"""A folder of recordings as its holder keeps it: which files are recordings, and which of those can be used."""

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gen.audio import Waveform, examine
from gen.container import identify
from gen.errors import AudioError, FolderNotReadable, NoRecordings, UnreadableFile
from gen.file import open_regular, printable

# What people name recordings; what bears such a name and is none shall be said to be broken, not passed over.
_RECORDING = re.compile(
    r".*\.(wav|wave|bwf|rf64|w64|aiff?|aifc|caf|au|snd|flac|mp[23]|og[ga]|opus|spx|m4[ab]|aac|alac|wma|wv|ape|tta|mpc|dsf"
    r"|dff|mka|ac3|amr)",
    re.IGNORECASE | re.DOTALL,
)
# Films have sound too, and these containers hold films and photographs as well: only a recording's name admits them.
_FILM = re.compile(r".*\.(mp4|m4v|mov|mkv|webm|avi|flv|m?ts|m2ts|mpe?g|wmv|3gp|ogv)", re.IGNORECASE | re.DOTALL)
_FILM_CONTAINERS = frozenset({"mov", "matroska", "asf"})


@dataclass(frozen=True)
class Scan:
    """What a folder holds: recordings, and files passed over; paths begin with the folder as it was given.

    Both in the order of their names in Unicode normal form C, whatever order and form the file system has.
    """

    recordings: tuple[Path, ...]
    ignored: tuple[Path, ...]


@dataclass(frozen=True)
class Examination:
    """One file's outcome: a waveform that is fit for training, or the error that says why not."""

    path: Path
    waveform: Waveform | None
    error: AudioError | None


def scan(folder: Path) -> Scan:
    """Find the recordings in a folder and all folders in it.

    A recording is a file with the suffix of one, or without but beginning like a sound file. Hidden files and folders
    (names with a leading dot) are left out without mention. Links to files count as files; a linked folder is
    entered once, and not at all if it lies in the tree anyway.
    Raises FolderNotReadable if this folder or one in it cannot be listed, NoRecordings if it holds none.
    """
    files = sorted(_files(Path(folder)), key=_order)
    recordings = tuple(path for path in files if _is_recording(path))
    chosen = set(recordings)
    ignored = tuple(path for path in files if path not in chosen)
    if not recordings:
        others = f" among its {len(ignored)} files" if ignored else ", it is empty"
        raise NoRecordings(f"{printable(folder)}: no recording{others}; put WAV, FLAC or MP3 files into it")
    return Scan(recordings, ignored)


def examine_all(paths: Iterable[Path]) -> Iterator[Examination]:
    """Examine one file after the other; a bad one stops nothing. Only one waveform is in memory at a time."""
    for path in paths:
        try:
            waveform = examine(path)
        except AudioError as error:
            yield Examination(path, None, error)
        else:
            yield Examination(path, waveform, None)
            del waveform


def _order(path: Path) -> tuple[tuple[str, ...], bytes]:
    return tuple(unicodedata.normalize("NFC", part) for part in path.parts), os.fsencode(path)


def _files(folder: Path) -> Iterator[Path]:
    """Every visible file, linked folders last so that what is really there is found under its own name."""
    seen: set[tuple[int, int]] = set()
    waiting, linked = [folder], list[Path]()
    while waiting or linked:
        if not waiting:
            linked.sort(key=_order, reverse=True)
            waiting.append(linked.pop())
        here = waiting.pop()
        try:
            status = here.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(here) as entries:
                visible = [entry for entry in entries if not entry.name.startswith(".")]
            folders = [entry for entry in visible if entry.is_dir()]
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise FolderNotReadable(
                f"{printable(here)}: cannot be listed ({reason}); check the path and its permissions"
            ) from error
        for entry in folders:
            (linked if entry.is_symlink() else waiting).append(here / entry.name)
        names = {entry.name for entry in folders}
        yield from (here / entry.name for entry in visible if entry.name not in names)


def _is_recording(path: Path) -> bool:
    if _RECORDING.fullmatch(path.name):
        return True
    if _FILM.fullmatch(path.name):
        return False
    try:
        with open_regular(path) as file:
            container = identify(file)
    except (UnreadableFile, OSError):
        return False
    return container is not None and container.lead == 0 and container.format not in _FILM_CONTAINERS
