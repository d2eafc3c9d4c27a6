"""What libsndfile and FFmpeg (PyAV) decode, block by block, from a file that may be hostile."""

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gen.container import Container
from gen.errors import CorruptAudio, NotAudio, TooExpensive, TooLong

_BLOCK = 1 << 15
# Samples per channel of the longest AAC frame.
LONGEST_FRAME = 2048

ADVICE = "export it again as WAV, FLAC or MP3"

Blocks = Generator[npt.NDArray[np.float32], None, None]


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

    def become(self, other: "Stream") -> None:
        """Say what the other says."""
        vars(self).update(vars(other))

    @property
    def wanted(self) -> int:
        """How many of the frames are sound: encoders fill the last frame up, and an MP4 tells where the sound ended."""
        if not self.padded or self.promised is None:
            return self.frames
        surplus = self.frames - round(self.promised * self.rate)
        return self.frames - (surplus if 0 < surplus < min(self.frames, LONGEST_FRAME) else 0)


class _Readable(Protocol):
    def seek(self, offset: int, whence: int = ..., /) -> int: ...
    def tell(self) -> int: ...
    def read(self, size: int = ..., /) -> bytes: ...


class Source:
    """A file for decoders in C, which cannot pass on exceptions: what went wrong is kept in `error`.

    Places that do not exist are answered with -1; the decoder's headers led there, not the disk.
    """

    def __init__(self, file: _Readable) -> None:
        self._file = file
        self.error: OSError | None = None
        self.tell = file.tell

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """The new place, or -1."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -1

    def read(self, size: int = -1) -> bytes:
        """What is there; nothing where the file cannot be read."""
        try:
            return self._file.read(size)
        except OSError as error:
            self.error = error
            return b""


def read_sndfile(file: Source, name: str, most_samples: int, stream: Stream, like: Stream | None) -> Blocks:
    """The blocks of a file that libsndfile knows; the samples of lossless ones are exact.

    name: for errors. stream: is filled in. like: the rate and channels that it has to have; with others there is not a
    block. Raises CorruptAudio for a file that it does not take, TooLong.
    """
    import soundfile

    try:
        sound = soundfile.SoundFile(file)
    except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError) as error:
        raise CorruptAudio(f"{name}: {reason(error)}; {ADVICE}") from error
    with sound:
        stream.rate, stream.channels = sound.samplerate, sound.channels
        if like is not None and (stream.rate, stream.channels) != (like.rate, like.channels):
            return
        if 0 < sound.frames < 1 << 40:
            stream.promised = sound.frames / sound.samplerate
        # Libsndfile takes several times longer to make floats of 16 bits than numpy, and they are the same.
        short = sound.subtype == "PCM_16"
        while True:
            try:
                block = sound.read(_BLOCK, dtype="int16" if short else "float32", always_2d=True)
            except (soundfile.LibsndfileError, RuntimeError) as error:
                stream.damage = f"its data is broken after {stream.frames / stream.rate:.1f} s ({reason(error)})"
                break
            stream.frames += len(block)
            _limit(stream.frames * stream.channels, name, most_samples)
            if len(block):
                yield (np.multiply(block, np.float32(2**-15), dtype=np.float32) if short else block).T
            if len(block) < _BLOCK:
                break


def read_ffmpeg(
    file: Source, container: Container, name: str, most_samples: int, stream: Stream, like: Stream | None
) -> Blocks:
    """The blocks of a file that FFmpeg knows. Arguments as for `read_sndfile`.

    Raises NotAudio, CorruptAudio, TooLong, TooExpensive.
    """
    import av

    try:
        with av.open(file, format=container.format, metadata_errors="ignore") as source:
            if not source.streams.audio:
                raise NotAudio(f"{name}: a {source.format.name} file without sound; {ADVICE}")
            track = source.streams.audio[0]
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
                yield _samples(frame)
    except av.error.MemoryError as error:
        raise TooExpensive(f"{name}: its headers ask for more memory than there is; {ADVICE}") from error
    except av.error.FFmpegError as error:
        raise CorruptAudio(f"{name}: {reason(error)}; {ADVICE}") from error
    except (ValueError, TypeError, ArithmeticError, LookupError, NotImplementedError, EOFError) as error:
        raise CorruptAudio(f"{name}: its headers make no sense ({reason(error)}); {ADVICE}") from error
    # The frame that a cut went through is always broken, at either end: not worth a word in a piece of a stream.
    if broken > (2 if container.lead else 0) and stream.damage is None:
        stream.damage = f"{broken} of its packets cannot be decoded"


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


def reason(error: Exception) -> str:
    """A library's own words for what is wrong, short and without the file object's address."""
    words = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return str(words).strip().rstrip(".") or type(error).__name__
