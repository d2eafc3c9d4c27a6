"""From a file to a marked file: read, marked and written piece by piece, in memory that does not grow with it."""

import wave
from itertools import chain
from pathlib import Path
from typing import Final

from gen.audio import blocks
from gen.codecs import Stream
from gen.encode import pcm16
from gen.file import replacing
from gen.watermark.mark import Watermark
from gen.watermark.tiles import Array

# Samples of a channel that are rounded at once: they stay in a core's cache.
_AT_ONCE: Final = 1 << 14


def embed(watermark: Watermark, source: Path, target: Path, id: bytes) -> float:  # noqa: A002 (the field's own word)
    """Mark a sound file and write it as a WAV file with 16-bit samples, whole or not at all. Returns its seconds.

    The file is what `gen.audio.save` makes of what `Watermark.embed` makes of what `gen.audio.load` gives.
    Raises what those raise.
    """
    stream = Stream(0, 0)
    sound = blocks(source, stream)
    first = next(sound)
    embedder = watermark.embedder(stream.rate, stream.channels, id)
    with replacing(target) as file, wave.open(file, "wb") as sink:
        sink.setnchannels(stream.channels)
        sink.setsampwidth(2)
        sink.setframerate(stream.rate)
        for block in chain((first,), sound):
            _write(sink, embedder.push(block))
        _write(sink, embedder.finish())
    return stream.wanted / stream.rate


def _write(sink: wave.Wave_write, marked: Array) -> None:
    for start in range(0, marked.shape[1], _AT_ONCE):
        sink.writeframesraw(pcm16(marked[:, start : start + _AT_ONCE]).data)
