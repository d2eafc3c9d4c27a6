"""Parsers of the generation core, and what they read."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

from parser import Refuses, lying


def container() -> tuple[Callable[[bytes], object], Refuses]:
    from gen.container import identify, missing_bytes

    def call(data: bytes) -> None:
        file = io.BytesIO(data)
        identify(file)
        assert missing_bytes(file, len(data)) >= 0

    return call, ()


def ogg() -> tuple[Callable[[bytes], object], Refuses]:
    from gen.ogg import links

    def call(data: bytes) -> None:
        starts = links(io.BytesIO(data))
        assert starts == sorted(set(starts))

    return call, ()


def decoder() -> tuple[Callable[[bytes], object], Refuses]:
    from gen.decode import decode
    from gen.errors import AudioError

    return lambda data: decode(io.BytesIO(data), "file", 1 << 22), (AudioError,)


def tags() -> tuple[Callable[[bytes], object], Refuses]:
    from gen.labels import read_tags

    return lambda data: read_tags(io.BytesIO(data)), ()


def label_table(suffix: str) -> Callable[[], tuple[Callable[[bytes], object], Refuses]]:
    def opened() -> tuple[Callable[[bytes], object], Refuses]:
        from gen.errors import LabelError
        from gen.labels import read_table

        def call(data: bytes) -> None:
            with lying(data, suffix) as path:
                read_table(path)

        return call, (LabelError,)

    return opened


def stamps() -> tuple[Callable[[bytes], object], Refuses]:
    """A file of remembered digests that somebody wrote into: it is begun anew, and says nothing false."""
    from gen.stamps import Stamps

    def call(data: bytes) -> None:
        with lying(data) as path:
            remembered = Stamps(path)
            found = remembered.recall(Path(__file__))
            assert found is None or isinstance(found, bytes)

    return call, ()


def fingerprint() -> tuple[Callable[[bytes], object], Refuses]:
    from gen.errors import FingerprintError
    from gen.fingerprint import Fingerprint, align

    def call(data: bytes) -> None:
        found = Fingerprint.from_bytes(data)
        assert found.to_bytes() == data
        assert -1.0 <= align(found, found).similarity <= 1.0

    return call, (FingerprintError,)


def json_text() -> tuple[Callable[[bytes], object], Refuses]:
    from gen.json_text import parse

    return lambda data: parse(data.decode()), (ValueError,)


def sound_seeds() -> list[bytes]:
    """The same short sound in every format that is written here."""
    import numpy as np

    from gen.audio import encode
    from gen.waveform import Waveform

    wave = Waveform(np.random.default_rng(5).uniform(-0.2, 0.2, (1, 2205)).astype(np.float32), 44100)
    found = []
    for suffix in (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus"):
        with lying(b"", suffix) as path:
            encode(path, wave)
            found.append(path.read_bytes())
    return found


def table_seeds() -> list[bytes]:
    return [b'file,genre,era\na.wav,fugue,baroque\n"b, c.wav",,\n']


def json_table_seeds() -> list[bytes]:
    return [b'{"a.wav": {"genre": "fugue", "era": null}}']


def stamp_file_seeds() -> list[bytes]:
    from gen.stamps import Stamps

    with lying(b"x" * 100) as path:
        os.utime(path, (1, 1))
        remembered = Stamps(path.parent / "stamps.sqlite")
        remembered.sha256(Path(__file__))
        return [(path.parent / "stamps.sqlite").read_bytes()]


def fingerprint_seeds() -> list[bytes]:
    import numpy as np

    from gen.fingerprint import Fingerprint

    return [Fingerprint(np.arange(40, dtype=np.uint32) * 0x01010101).to_bytes()]
