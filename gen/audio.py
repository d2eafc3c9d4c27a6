"""Audio files in and out. What a file holds is told by its bytes, never by its name."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from gen.codecs import LONGEST_FRAME, Stream
from gen.decode import Decoded, blocks_of, check, decode
from gen.encode import encode, save
from gen.errors import (
    ChangedFile,
    CorruptAudio,
    RateTooHigh,
    RateTooLow,
    SilentAudio,
    TooLong,
    TooManyChannels,
    UnreadableFile,
)
from gen.file import open_regular, printable
from gen.waveform import Waveform

__all__ = ["LOWEST_RATE", "MOST_SAMPLES", "Decoder", "Waveform", "encode", "examine", "load", "save"]

# What turns a file into samples, within this many of them; the name is for errors. `gen.decode.decode` does it here,
# `gen.confined.ConfinedDecoder` in a process of its own.
Decoder = Callable[[BinaryIO, str, int], Decoded]

# 2 GiB of float32: 100 minutes of stereo at 44.1 kHz. A compressed file of a few MB can claim, and hold, far more.
MOST_SAMPLES = 1 << 29
# What a training recording must have at least, in Hz.
LOWEST_RATE = 44100
# Below the telephone's 8000 Hz by far, and above the fastest converters by little: other rates are lies, and bringing a
# file that claims 1 Hz to another rate would take all memory there is.
_CREDIBLE_RATES = (2000, 1_000_000)
# -80 dB below full scale, the noise of a good converter: below it there is nothing to learn from.
_SILENCE = 1e-4


def load(
    source: Path | BinaryIO, *, name: str | None = None, most_samples: int = MOST_SAMPLES, decoder: Decoder = decode
) -> Waveform:
    """Decode any sound file: WAV, AIFF, FLAC, OGG, MP3, AAC/M4A, Opus and what else FFmpeg's decoders know.

    A damaged file gives what can be heard of it. Any rate from 2 kHz to 1 MHz and any number of channels are taken.
    Lossless files give exact samples; a lossy file's may differ in the last bits between decoder versions and
    processors.

    source: a path, or a seekable binary file (read from its start, left open). name: how errors call it; by default
    the file's own name. most_samples: refuse more than this over all channels. decoder: what decodes it; files of
    strangers are better given to a `gen.confined.ConfinedDecoder`.
    Raises UnreadableFile, NotAudio, CorruptAudio, EmptyAudio, NotFinite, TooLong, RateTooLow, RateTooHigh, ChangedFile,
    TooExpensive, and with a confined decoder DecoderCrashed; each begins with the name.
    """
    return open_and_decode(source, name=name, most_samples=most_samples, decoder=decoder)[0].waveform


def examine(
    source: Path | BinaryIO, *, name: str | None = None, allow_resampled: bool = False, decoder: Decoder = decode
) -> Waveform:
    """Load a recording and check that it is fit for training: whole, at least 44100 Hz, mono or stereo, not silent.

    allow_resampled: take lower rates too, and bring them to 44100 Hz.
    Raises what `load` raises, and CorruptAudio for a file that is damaged although it can be heard, RateTooLow,
    TooManyChannels, SilentAudio (no sample further than 0.0001 from its channel's mean).
    """
    decoded, called = open_and_decode(source, name=name, decoder=decoder)
    return at_lowest_rate(fit(decoded, called, allow_resampled=allow_resampled), called)


def fit(decoded: Decoded, name: str, *, allow_resampled: bool = False) -> Waveform:
    """What was decoded, if it is fit for training, at its own rate. Raises what `examine` raises beyond `load`."""
    waveform = decoded.waveform
    if decoded.damage is not None:
        raise CorruptAudio(f"{name}: {decoded.damage}; copy or export it again")
    if waveform.rate < LOWEST_RATE and not allow_resampled:
        raise RateTooLow(
            f"{name}: {waveform.rate} Hz; export the original at {LOWEST_RATE} Hz or more, or allow it to be resampled"
        )
    if waveform.channels > 2:
        raise TooManyChannels(f"{name}: {waveform.channels} channels; mix it down to mono or stereo")
    middle = waveform.samples.mean(axis=1, dtype=np.float64)
    swing = max(
        max(float(channel.max()) - mean, mean - float(channel.min()))
        for channel, mean in zip(waveform.samples, middle, strict=True)
    )
    if swing < _SILENCE:
        raise SilentAudio(f"{name}: {waveform.duration:.1f} s of silence; leave it out or export it again")
    return waveform


def at_lowest_rate(waveform: Waveform, name: str) -> Waveform:
    """Brought to 44100 Hz if its rate is lower. Raises TooLong if it would be too long then."""
    if waveform.rate >= LOWEST_RATE:
        return waveform
    if waveform.samples.size * LOWEST_RATE / waveform.rate > MOST_SAMPLES:
        raise TooLong(f"{name}: too long to hold in memory at {LOWEST_RATE} Hz; cut it into parts")
    return waveform.resampled(LOWEST_RATE)


def open_and_decode(
    source: Path | BinaryIO, *, name: str | None = None, most_samples: int = MOST_SAMPLES, decoder: Decoder = decode
) -> tuple[Decoded, str]:
    """What `load` does, with what is wrong with the file, and how errors call it."""
    called = _called(source, name)
    if isinstance(source, str | os.PathLike):
        with _unchanged(source, called) as file:
            decoded = decoder(file, called, most_samples)
    elif not source.seekable():
        raise UnreadableFile(f"{called}: cannot be read twice; keep it in a file first")
    else:
        decoded = decoder(source, called, most_samples)
    _check_rate(decoded.waveform.rate, called)
    return decoded, called


def blocks(source: Path, stream: Stream, *, most_samples: int = MOST_SAMPLES) -> Iterator[npt.NDArray[np.float32]]:
    """The samples of a file as they are decoded, float32 (channels, frames), one block after the other.

    For sound that need not be held as a whole; together they are what `load` gives. stream: is filled in, its rate and
    channels before the first block.
    Raises what `load` raises; what is known at the end alone, such as ChangedFile, after the last block.
    """
    called = _called(source, None)
    waiting: deque[npt.NDArray[np.float32]] = deque()
    given = 0
    with _unchanged(source, called) as file:
        for block in blocks_of(file, called, most_samples, stream):
            _check_rate(stream.rate, called)
            check(block, called)
            waiting.append(block)
            # What a last frame was filled up with is known at the end.
            last = LONGEST_FRAME if stream.padded else 0
            while waiting and stream.frames - given - waiting[0].shape[1] >= last:
                given += waiting[0].shape[1]
                yield waiting.popleft()
    for block in waiting:
        yield block[:, : stream.wanted - given]
        given += block.shape[1]


@contextmanager
def _unchanged(source: Path, called: str) -> Iterator[BinaryIO]:
    """Open a file to be read; raises ChangedFile at the end if it was written meanwhile."""
    with open_regular(source) as file:
        before = os.fstat(file.fileno())
        yield file
        after = os.fstat(file.fileno())
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise ChangedFile(f"{called}: changed while it was read; wait until it is written, and try again")


def _check_rate(rate: int, called: str) -> None:
    if rate < _CREDIBLE_RATES[0]:
        raise RateTooLow(f"{called}: {rate} Hz is no rate for sound; export it again")
    if rate > _CREDIBLE_RATES[1]:
        raise RateTooHigh(f"{called}: {rate} Hz is no rate for sound; export it again")


def _called(source: Path | BinaryIO, name: str | None) -> str:
    if name is not None:
        return printable(name)
    if isinstance(source, str | os.PathLike):
        return printable(source)
    given = getattr(source, "name", None)
    return printable(given) if isinstance(given, str) else "the given audio"
