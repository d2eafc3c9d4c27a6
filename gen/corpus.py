"""A folder of recordings as its holder keeps it: which files are recordings, and what those are like."""

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from gen.audio import Decoder, Waveform, at_lowest_rate, fit, open_and_decode
from gen.container import identify
from gen.decode import decode
from gen.defects import Defect, find_defects, from_dict, to_dict
from gen.errors import AudioError, FolderNotReadable, NoRecordings, UnreadableFile
from gen.file import open_regular, printable
from gen.loudness import Loudness, loudness

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
class Findings:
    """What was measured on a recording that can be used.

    rate: of the file, in Hz. resampled: the waveform has 44100 Hz instead, since the file's rate is lower. loudness: of
    the waveform. defects: of the sound as the file has it.
    """

    rate: int
    resampled: bool
    loudness: Loudness
    defects: tuple[Defect, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain dictionaries, lists and numbers."""
        return asdict(self) | {"defects": [to_dict(defect) for defect in self.defects]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Findings":
        """The inverse of `to_dict`."""
        defects = tuple(from_dict(defect) for defect in values["defects"])
        return cls(values["rate"], values["resampled"], Loudness(**values["loudness"]), defects)


@dataclass(frozen=True)
class Examination:
    """One file's outcome: a waveform that is fit for training with its findings, or the error that says why not.

    original: the sound at the file's own rate; the waveform itself unless that is lower.
    """

    path: Path
    waveform: Waveform | None
    error: AudioError | None
    findings: Findings | None = None
    original: Waveform | None = None


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


def examine(
    source: Path | BinaryIO, *, name: str | None = None, allow_resampled: bool = False, decoder: Decoder = decode
) -> Examination:
    """Decode a file, check that it is fit for training, and measure it. Arguments are those of `gen.audio.examine`.

    Nothing is raised for what is in the file: `error` says what `gen.audio.examine` would raise. The path of an open
    file is its name.
    """
    path = (
        Path(source) if isinstance(source, str | os.PathLike) else Path(name or str(getattr(source, "name", "audio")))
    )
    try:
        decoded, called = open_and_decode(source, name=name, decoder=decoder)
        original = fit(decoded, called, allow_resampled=allow_resampled)
        del decoded
        defects = find_defects(original)
        waveform = at_lowest_rate(original, called)
    except AudioError as error:
        return Examination(path, None, error)
    findings = Findings(original.rate, waveform is not original, loudness(waveform), defects)
    return Examination(path, waveform, None, findings, original)


def examine_all(
    paths: Iterable[Path], *, allow_resampled: bool = False, decoder: Decoder = decode
) -> Iterator[Examination]:
    """Examine one file after the other; a bad one stops nothing. Only one waveform is in memory at a time."""
    for path in paths:
        yield examine(path, allow_resampled=allow_resampled, decoder=decoder)


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
            folders = [entry for entry in visible if _is_folder(entry)]
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise FolderNotReadable(
                f"{printable(here)}: cannot be listed ({reason}); check the path and its permissions"
            ) from error
        for entry in folders:
            (linked if entry.is_symlink() else waiting).append(here / entry.name)
        names = {entry.name for entry in folders}
        yield from (here / entry.name for entry in visible if entry.name not in names)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle: whoever opens it will say so
        return False


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
