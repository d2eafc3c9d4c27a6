"""From the bytes of a file to samples: libsndfile for what it decodes exactly, FFmpeg (PyAV) for the rest."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from gen import ogg
from gen.container import Container, identify, missing_bytes
from gen.errors import AudioError, CorruptAudio, EmptyAudio, NotAudio, NotFinite, TooExpensive, TooLong, UnreadableFile
from gen.waveform import Waveform

_BLOCK = 1 << 14
# Less sound than this from a file with broken frames is chance, not a recording.
_CREDIBLE_SECONDS = 0.1
# Float files can hold anything; beyond +48 dB over full scale it is no sound but broken data.
_HIGHEST_PEAK = 256.0
# Samples per channel of the longest AAC frame.
_LONGEST_FRAME = 2048
# An encoder's last frame may be missing without harm.
_MISSING_SECONDS = 0.1

_ADVICE = "export it again as WAV, FLAC or MP3"


@dataclass(frozen=True)
class Decoded:
    """The sound of a file, and what is wrong with the file although it can be heard (None: nothing known)."""

    waveform: Waveform
    damage: str | None


class Blocks(Protocol):
    """Where decoded samples go: float32, (channels, frames), one block after the other."""

    def append(self, block: npt.NDArray[np.float32], /) -> None:
        """Take the next block."""


@dataclass
class Stream:
    """What is known of a file's sound while and after it is read, besides the samples themselves.

    promised: the length that the file claims, in seconds. padded: its last frame may be filled up beyond that.
    """

    rate: int
    channels: int
    frames: int = 0
    damage: str | None = None
    promised: float | None = None
    padded: bool = False

    @property
    def wanted(self) -> int:
        """How many of the frames are sound: encoders fill the last frame up, and an MP4 tells where the sound ended."""
        if not self.padded or self.promised is None:
            return self.frames
        surplus = self.frames - round(self.promised * self.rate)
        return self.frames - (surplus if 0 < surplus < min(self.frames, _LONGEST_FRAME) else 0)


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


def read(file: BinaryIO, name: str, most_samples: int, blocks: Blocks) -> Stream:
    """Decode a file into blocks, in constant memory. Arguments and errors are those of `decode`, without NotFinite."""
    try:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            raise EmptyAudio(f"{name}: the file has no bytes; copy or export it again")
        container = identify(file)
        if container is None:
            raise NotAudio(f"{name}: no sound format that we know begins like this; {_ADVICE}")
        lost = missing_bytes(file, size)
        file.seek(0)
        source = _Source(file)
        try:
            if container.format == "ogg":
                stream = _read_chain(source, name, most_samples, blocks, ogg.links(file), size)
            else:
                stream = _read(source, container, name, most_samples, blocks)
        finally:
            if source.error is not None:
                raise source.error
    except OSError as error:
        raise UnreadableFile(f"{name}: cannot be read ({_reason(error)}); copy it from where it is whole") from error
    if stream.frames == 0:
        if stream.damage is not None:
            raise CorruptAudio(f"{name}: {stream.damage}; {_ADVICE}")
        raise EmptyAudio(f"{name}: a sound file without a single sample; {_ADVICE}")
    if lost and stream.damage is None:
        stream.damage = f"it breaks off: its last {lost} bytes are missing"
    if stream.damage is not None and stream.frames / stream.rate < _CREDIBLE_SECONDS:
        raise CorruptAudio(f"{name}: {stream.damage}; {_ADVICE}")
    stream.damage = stream.damage or _missing(stream)
    return stream


def finished(samples: npt.NDArray[np.float32], stream: Stream, name: str) -> Decoded:
    """All samples, (channels, frames), owned by nobody else, as a waveform. Raises NotFinite and CorruptAudio."""
    peak = np.float32(max(abs(samples.min()), abs(samples.max())))
    if not np.isfinite(peak):
        raise NotFinite(f"{name}: NaN or infinity among its samples; {_ADVICE}")
    if peak > _HIGHEST_PEAK:
        raise CorruptAudio(f"{name}: samples reach {peak:.3g} times full scale; {_ADVICE}")
    samples.setflags(write=False)
    return Decoded(Waveform(samples, stream.rate), stream.damage)


class _Readable(Protocol):
    def seek(self, offset: int, whence: int = ..., /) -> int: ...
    def tell(self) -> int: ...
    def read(self, size: int = ..., /) -> bytes: ...


class _Source:
    """A file for decoders in C, which cannot pass on exceptions: what went wrong is kept in `error`.

    Places that do not exist are answered with -1; the decoder's headers led there, not the disk.
    """

    def __init__(self, file: _Readable) -> None:
        self._file = file
        self.error: OSError | None = None
        self.tell = file.tell

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -1

    def read(self, size: int = -1) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            self.error = error
            return b""


def _missing(stream: Stream) -> str | None:
    """What there is to say of a file that has less sound than it promised."""
    heard = stream.frames / stream.rate
    if stream.promised is None or heard >= stream.promised - _MISSING_SECONDS:
        return None
    return f"it says that it holds {stream.promised:.1f} s, and {heard:.1f} s are there"


def _read_chain(
    file: _Source, name: str, most_samples: int, blocks: Blocks, starts: Sequence[int], size: int
) -> Stream:
    """The streams of an Ogg file one after the other as one; all need the rate and channels of the first."""
    if len(starts) > ogg.MOST_LINKS:
        raise TooExpensive(f"{name}: more than {ogg.MOST_LINKS} streams in a row; {_ADVICE}")
    whole = Stream(0, 0)
    for start, end in pairwise([*starts, size]):
        part = ogg.Part(file, start, end)
        container = identify(part)
        part.seek(0)
        after = f"after {whole.frames / whole.rate:.1f} s" if whole.frames else ""
        try:
            if container is None:
                raise NotAudio(f"{name}: no stream of sound {after}; {_ADVICE}")
            most = most_samples - whole.frames * whole.channels
            link = _read(_Source(part), container, name, most, blocks, whole if whole.channels else None)
        except (CorruptAudio, NotAudio):
            if not whole.frames:
                raise
            whole.damage = f"what follows {after} cannot be decoded"
            break
        if len(starts) == 1:
            return link
        damage = link.damage or (_missing(link) if link.frames else None)
        if whole.channels == 0:
            whole = Stream(link.rate, link.channels, link.frames)
        elif link.channels and (link.rate, link.channels) != (whole.rate, whole.channels):
            damage = f"its rate or channels change {after}"
        else:
            whole.frames += link.frames
        if damage is not None:
            whole.damage = damage
            break
    return whole


def _read(
    file: _Source, container: Container, name: str, most_samples: int, blocks: Blocks, like: Stream | None = None
) -> Stream:
    """like: the rate and channels that it has to have; with others not a block is given."""
    if container.native:
        try:
            stream = _read_sndfile(file, name, most_samples, blocks, like)
            # libsndfile believes a size of 0, which is what a recorder leaves that was switched off; FFmpeg reads on.
            if stream.frames:
                return stream
        except CorruptAudio as error:
            refused: AudioError | None = error
        else:
            refused = None
        file.seek(0)
        try:
            return _read_ffmpeg(file, container, name, most_samples, blocks, like)
        except (CorruptAudio, NotAudio):
            if refused is not None:
                raise refused from None
            return stream
    return _read_ffmpeg(file, container, name, most_samples, blocks, like)


def _read_sndfile(file: _Source, name: str, most_samples: int, blocks: Blocks, like: Stream | None) -> Stream:
    import soundfile

    try:
        sound = soundfile.SoundFile(file)
    except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError) as error:
        raise CorruptAudio(f"{name}: {_reason(error)}; {_ADVICE}") from error
    with sound:
        stream = Stream(sound.samplerate, sound.channels)
        if like is not None and (stream.rate, stream.channels) != (like.rate, like.channels):
            return stream
        if 0 < sound.frames < 1 << 40:
            stream.promised = sound.frames / sound.samplerate
        # Libsndfile takes several times longer to make floats of 16 bits than numpy, and they are the same.
        short = sound.subtype == "PCM_16"
        while True:
            try:
                block = sound.read(_BLOCK, dtype="int16" if short else "float32", always_2d=True)
            except (soundfile.LibsndfileError, RuntimeError) as error:
                stream.damage = f"its data is broken after {stream.frames / stream.rate:.1f} s ({_reason(error)})"
                break
            stream.frames += len(block)
            _limit(stream.frames * stream.channels, name, most_samples)
            if len(block):
                samples = np.ascontiguousarray(block.T, np.float32)
                if short:
                    samples *= np.float32(2**-15)
                blocks.append(samples)
            if len(block) < _BLOCK:
                break
    return stream


def _read_ffmpeg(
    file: _Source, container: Container, name: str, most_samples: int, blocks: Blocks, like: Stream | None
) -> Stream:
    import av

    try:
        with av.open(file, format=container.format, metadata_errors="ignore") as source:
            if not source.streams.audio:
                raise NotAudio(f"{name}: a {source.format.name} file without sound; {_ADVICE}")
            track = source.streams.audio[0]
            stream = Stream(0, 0)
            # A length in an MP4 or Ogg is a count; in an MP3 without a Xing header it is a guess from the first frame.
            if container.format in ("mov", "matroska", "ogg") or container.counted:
                seconds = track.duration * track.time_base if track.duration and track.time_base else None
                stream.promised = None if seconds is None else float(seconds)
                stream.padded = container.format == "mov"
            broken = 0
            for frame in _frames(source, track):
                if frame is None:
                    broken += 1
                    continue
                channels = len(frame.layout.channels)
                if stream.channels == 0:
                    stream.rate, stream.channels = frame.sample_rate, channels
                    like = like or stream
                if like is not None and (like.rate, like.channels) != (frame.sample_rate, channels):
                    stream.damage = f"its rate or channels change after {stream.frames / stream.rate:.1f} s"
                    break
                stream.frames += frame.samples
                _limit(stream.frames * channels, name, most_samples)
                blocks.append(_samples(frame))
    except av.error.MemoryError as error:
        raise TooExpensive(f"{name}: its headers ask for more memory than there is; {_ADVICE}") from error
    except av.error.FFmpegError as error:
        raise CorruptAudio(f"{name}: {_reason(error)}; {_ADVICE}") from error
    except (ValueError, TypeError, ArithmeticError, LookupError, NotImplementedError, EOFError) as error:
        raise CorruptAudio(f"{name}: its headers make no sense ({_reason(error)}); {_ADVICE}") from error
    # The frame that a cut went through is always broken, at either end: not worth a word in a piece of a stream.
    if broken > (2 if container.lead else 0) and stream.damage is None:
        stream.damage = f"{broken} of its packets cannot be decoded"
    return stream


def _frames(source: Any, track: Any) -> Iterator[Any]:
    """Decoded frames; None for each packet that the decoder refuses, for the next one may be whole again."""
    import av

    packets = source.demux(track)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            # The container itself broke off: what has been decoded is all there is.
            yield None
            return
        try:
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            yield None


def _samples(frame: Any) -> npt.NDArray[np.float32]:
    """The samples of a decoded frame as float32 (channels, frames), integers scaled to full scale 1.0."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, len(frame.layout.channels)).T
    if values.dtype == np.uint8:
        values = (values.astype(np.float32) - 128.0) / 128.0
    elif values.dtype.kind == "i":
        values = values / np.float64(2 ** (8 * values.dtype.itemsize - 1))
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, dtype=np.float32)


def _limit(samples: int, name: str, most_samples: int) -> None:
    if samples > most_samples:
        raise TooLong(f"{name}: more than {most_samples} samples, too long to hold in memory; cut it into parts")


def _reason(error: Exception) -> str:
    """A library's own words for what is wrong, short and without the file object's address."""
    words = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return str(words).strip().rstrip(".") or type(error).__name__
