"""From the bytes of a file to samples: libsndfile for what it decodes exactly, FFmpeg (PyAV) for the rest."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from gen import ogg
from gen.codecs import ADVICE, Blocks, Source, Stream, read_ffmpeg, read_sndfile, reason
from gen.container import Container, identify, missing_bytes
from gen.errors import AudioError, CorruptAudio, EmptyAudio, NotAudio, NotFinite, TooExpensive, UnreadableFile
from gen.waveform import Waveform

# Less sound than this from a file with broken frames is chance, not a recording.
_CREDIBLE_SECONDS = 0.1
# Float files can hold anything; beyond +48 dB over full scale it is no sound but broken data.
_HIGHEST_PEAK = 256.0
# An encoder's last frame may be missing without harm.
_MISSING_SECONDS = 0.1


@dataclass(frozen=True)
class Decoded:
    """The sound of a file, and what is wrong with the file although it can be heard (None: nothing known)."""

    waveform: Waveform
    damage: str | None


class Sink(Protocol):
    """Where decoded samples go: float32, (channels, frames), one block after the other."""

    def append(self, block: npt.NDArray[np.float32], /) -> None:
        """Take the next block."""


def decode(file: BinaryIO, name: str, most_samples: int) -> Decoded:
    """Decode a seekable file that may be hostile.

    Memory follows the sound that is really there, never the length that a header claims.

    name: how the errors call the file. most_samples: stop beyond so many samples over all channels (4 bytes each).
    Raises NotAudio, CorruptAudio, EmptyAudio, NotFinite, TooLong, TooExpensive, UnreadableFile; each begins with the
    name.
    """
    blocks: list[npt.NDArray[np.float32]] = []
    stream = read(file, name, most_samples, blocks)
    samples = np.empty((stream.channels, stream.wanted), dtype=np.float32)
    end = stream.frames
    while blocks:  # from the end, and dropping each block, so that the sound is never held twice
        block = blocks.pop()
        start = end - block.shape[1]
        samples[:, start:end] = block[:, : max(0, stream.wanted - start)]
        end = start
    return finished(samples, stream, name)


def read(file: BinaryIO, name: str, most_samples: int, blocks: Sink) -> Stream:
    """Decode a file into blocks, in constant memory. Arguments and errors are those of `decode`, without NotFinite."""
    stream = Stream(0, 0)
    for block in blocks_of(file, name, most_samples, stream):
        blocks.append(block)
    return stream


def blocks_of(file: BinaryIO, name: str, most_samples: int, stream: Stream) -> Blocks:
    """The sound of a file as it is decoded: float32 (channels, frames), one block after the other.

    stream: is filled in, its rate and channels before the first block and the rest behind the last one. Other arguments
    and errors are those of `decode`, without NotFinite.
    """
    try:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            raise EmptyAudio(f"{name}: the file has no bytes; copy or export it again")
        container = identify(file)
        if container is None:
            raise NotAudio(f"{name}: no sound format that we know begins like this; {ADVICE}")
        lost = missing_bytes(file, size)
        file.seek(0)
        source = Source(file)
        try:
            if container.format == "ogg":
                yield from _read_chain(source, name, most_samples, ogg.links(file), size, stream)
            else:
                yield from _read(source, container, name, most_samples, stream)
        finally:
            if source.error is not None:
                raise source.error
    except OSError as error:
        raise UnreadableFile(f"{name}: cannot be read ({reason(error)}); copy it from where it is whole") from error
    if stream.frames == 0:
        if stream.damage is not None:
            raise CorruptAudio(f"{name}: {stream.damage}; {ADVICE}")
        raise EmptyAudio(f"{name}: a sound file without a single sample; {ADVICE}")
    if lost and stream.damage is None:
        stream.damage = f"it breaks off: its last {lost} bytes are missing"
    if stream.damage is not None and stream.frames / stream.rate < _CREDIBLE_SECONDS:
        raise CorruptAudio(f"{name}: {stream.damage}; {ADVICE}")
    stream.damage = stream.damage or _missing(stream)


def finished(samples: npt.NDArray[np.float32], stream: Stream, name: str) -> Decoded:
    """All samples, (channels, frames), owned by nobody else, as a waveform. Raises NotFinite and CorruptAudio."""
    check(samples, name)
    samples.setflags(write=False)
    return Decoded(Waveform(samples, stream.rate), stream.damage)


def check(samples: npt.NDArray[np.float32], name: str) -> None:
    """Raises NotFinite and CorruptAudio for samples that are no sound."""
    peak = np.float32(max(abs(samples.min()), abs(samples.max())))
    if not np.isfinite(peak):
        raise NotFinite(f"{name}: NaN or infinity among its samples; {ADVICE}")
    if peak > _HIGHEST_PEAK:
        raise CorruptAudio(f"{name}: samples reach {peak:.3g} times full scale; {ADVICE}")


def _missing(stream: Stream) -> str | None:
    """What there is to say of a file that has less sound than it promised."""
    heard = stream.frames / stream.rate
    if stream.promised is None or heard >= stream.promised - _MISSING_SECONDS:
        return None
    return f"it says that it holds {stream.promised:.1f} s, and {heard:.1f} s are there"


def _read_chain(file: Source, name: str, most_samples: int, starts: Sequence[int], size: int, whole: Stream) -> Blocks:
    """The streams of an Ogg file one after the other as one; all need the rate and channels of the first."""
    if len(starts) > ogg.MOST_LINKS:
        raise TooExpensive(f"{name}: more than {ogg.MOST_LINKS} streams in a row; {ADVICE}")
    for start, end in pairwise([*starts, size]):
        part = ogg.Part(file, start, end)
        container = identify(part)
        part.seek(0)
        after = f"after {whole.frames / whole.rate:.1f} s" if whole.frames else ""
        link, like = Stream(0, 0), replace(whole) if whole.channels else None
        try:
            if container is None:
                raise NotAudio(f"{name}: no stream of sound {after}; {ADVICE}")
            most = most_samples - whole.frames * whole.channels
            for block in _read(Source(part), container, name, most, link, like):
                whole.rate, whole.channels = link.rate, link.channels
                yield block
        except (CorruptAudio, NotAudio):
            if not whole.frames:
                raise
            whole.damage = f"what follows {after} cannot be decoded"
            break
        if len(starts) == 1:
            whole.become(link)
            return
        damage = link.damage or (_missing(link) if link.frames else None)
        if like is None:
            whole.become(Stream(link.rate, link.channels, link.frames))
        elif link.channels and (link.rate, link.channels) != (like.rate, like.channels):
            damage = f"its rate or channels change {after}"
        else:
            whole.frames += link.frames
        if damage is not None:
            whole.damage = damage
            break


def _read(
    file: Source, container: Container, name: str, most_samples: int, stream: Stream, like: Stream | None = None
) -> Blocks:
    """One stream, by libsndfile if it can. like: the rate and channels that it has to have; with others no block."""
    if not container.native:
        yield from read_ffmpeg(file, container, name, most_samples, stream, like)
        return
    refused: AudioError | None = None
    try:
        yield from read_sndfile(file, name, most_samples, stream, like)
        # libsndfile believes a size of 0, which is what a recorder leaves that was switched off; FFmpeg reads on.
        if stream.frames:
            return
    except CorruptAudio as error:
        refused = error
    silent = replace(stream)
    file.seek(0)
    try:
        stream.become(Stream(0, 0))
        yield from read_ffmpeg(file, container, name, most_samples, stream, like)
    except (CorruptAudio, NotAudio):
        if refused is not None:
            raise refused from None
        stream.become(silent)
