"""Audio files in and out. What a file holds is told by its bytes, never by its name."""

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gen.decode import Decoded, decode
from gen.encode import encode, save
from gen.errors import CorruptAudio, RateTooLow, SilentAudio, TooManyChannels, UnreadableFile
from gen.file import open_regular, printable
from gen.waveform import Waveform

__all__ = ["LOWEST_RATE", "MOST_SAMPLES", "Waveform", "encode", "examine", "load", "save"]

# 2 GiB of float32: 100 minutes of stereo at 44.1 kHz. A compressed file of a few MB can claim, and hold, far more.
MOST_SAMPLES = 1 << 29
# What a training recording must have at least, in Hz.
LOWEST_RATE = 44100
# -80 dB below full scale, the noise of a good converter: below it there is nothing to learn from.
_SILENCE = 1e-4


def load(source: Path | BinaryIO, *, name: str | None = None, most_samples: int = MOST_SAMPLES) -> Waveform:
    """Decode any sound file: WAV, AIFF, FLAC, OGG, MP3, AAC/M4A, Opus and what else FFmpeg's decoders know.

    A damaged file gives what can be heard of it. Any rate and any number of channels are taken. Lossless files give
    exact samples; a lossy file's may differ in the last bits between decoder versions and processors.

    source: a path, or a seekable binary file (read from its start, left open). name: how errors call it; by default
    the file's own name. most_samples: refuse more than this over all channels.
    Raises UnreadableFile, NotAudio, CorruptAudio, EmptyAudio, NotFinite, TooLong; each begins with the name.
    """
    return _decode(source, name, most_samples).waveform


def examine(source: Path | BinaryIO, *, name: str | None = None) -> Waveform:
    """Load a recording and check that it is fit for training: whole, at least 44100 Hz, mono or stereo, not silent.

    Raises what `load` raises, and CorruptAudio for a file that is damaged although it can be heard, RateTooLow,
    TooManyChannels, SilentAudio (no sample further than 0.0001 from its channel's mean).
    """
    decoded = _decode(source, name, MOST_SAMPLES)
    waveform, called = decoded.waveform, _called(source, name)
    if decoded.damage is not None:
        raise CorruptAudio(f"{called}: {decoded.damage}; copy or export it again")
    if waveform.rate < LOWEST_RATE:
        raise RateTooLow(f"{called}: {waveform.rate} Hz; export the original at {LOWEST_RATE} Hz or more")
    if waveform.channels > 2:
        raise TooManyChannels(f"{called}: {waveform.channels} channels; mix it down to mono or stereo")
    middle = waveform.samples.mean(axis=1, dtype=np.float64)
    swing = max(
        max(float(channel.max()) - mean, mean - float(channel.min()))
        for channel, mean in zip(waveform.samples, middle, strict=True)
    )
    if swing < _SILENCE:
        raise SilentAudio(f"{called}: {waveform.duration:.1f} s of silence; leave it out or export it again")
    return waveform


def _decode(source: Path | BinaryIO, name: str | None, most_samples: int) -> Decoded:
    called = _called(source, name)
    if isinstance(source, str | os.PathLike):
        with open_regular(source) as file:
            return decode(file, called, most_samples)
    if not source.seekable():
        raise UnreadableFile(f"{called}: cannot be read twice; keep it in a file first")
    return decode(source, called, most_samples)


def _called(source: Path | BinaryIO, name: str | None) -> str:
    if name is not None:
        return printable(name)
    if isinstance(source, str | os.PathLike):
        return printable(source)
    given = getattr(source, "name", None)
    return printable(given) if isinstance(given, str) else "the given audio"
