"""Names planted in recordings, in every place where programs leave them, and the search for them in bytes."""

from __future__ import annotations

import base64
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import soundfile

from gen.audio import save
from gen.waveform import Waveform

MTIME = 1_049_522_828  # 2003-04-05 06:07:08 UTC
FOLDER = "Kvapil sessions"
FILES = ("Ozimba rehearsal.wav", "Quellmann.flac", "Fjordvik live.mp3", "Brusque Naiad.m4a", "Wexlow.ogg")
TAGS = {
    "title": "Vesnyanka unreleased",
    "artist": "Odalys Trzebiatowski",
    "album": "Unheard Papagena",
    "comment": "for Mummy Ysolde",
    "encoder": "Zyxelcoder 7.31",
}
CHUNKS = {
    "bext description": "Midsommer tape 4",
    "bext originator": "Hrabal Console",
    "bext reference": "CZHRB9912345678",
    "INFO artist": "Ludmila Vondrackova",
    "INFO software": "Gnuzzle Editor 2",
    "XMP creator": "Xaviera Przybylski",
    "iXML project": "Projekt Jabberwock",
    "ID3 in WAV": "Škvorecký's own demo",
    "picture": "a photo of Aunt Philomena",
}
WORDS = (FOLDER, *(Path(name).stem for name in FILES), *TAGS.values(), *CHUNKS.values())
TIMES = ("2003-04-05", "2003:04:05", "20030405", str(MTIME))


def plant(folder: Path, waves: list[Waveform]) -> Path:
    """A folder of recordings (one of each format) that holds every planted name; five waves are asked for."""
    home = folder / FOLDER
    home.mkdir(parents=True)
    wav, flac, mp3, m4a, ogg = (home / name for name in FILES)
    save(wav, waves[0])
    wav.write_bytes(_with_chunks(wav.read_bytes()))
    _encode(flac, waves[1], "flac", "s16")
    _encode(mp3, waves[2], "mp3", "s16p")
    mp3.write_bytes(_id3(CHUNKS["picture"]) + mp3.read_bytes())
    _encode(m4a, waves[3], "aac", "fltp")
    with soundfile.SoundFile(ogg, "w", waves[4].rate, 1, format="OGG") as target:
        for name, text in TAGS.items():
            setattr(target, {"encoder": "software"}.get(name, name), text)
        target.write(waves[4].mono().samples[0])
    for path in home.iterdir():
        os.utime(path, (MTIME, MTIME))
    return home


def leaks(content: bytes, words: tuple[str, ...]) -> Iterator[str]:
    """Which words stand in some bytes: as UTF-8 or UTF-16, in any case, as hex, as base64 or within base64 in JSON."""
    for layer in _layers(content):
        low = layer.lower()
        for word in words:
            if any(form.lower() in low for form in _forms(word)) or any(form in layer for form in _base64(word)):
                yield word


def file_times(content: bytes) -> Iterator[str]:
    """Which forms of the planted time stand in some bytes."""
    yield from leaks(content, TIMES)
    for count in (MTIME, MTIME * 1000, MTIME * 10**6, MTIME * 10**9):
        for order in "<>":
            if struct.pack(f"{order}q", count) in content or struct.pack(f"{order}d", count) in content:
                yield f"{count} in binary"


def _layers(content: bytes) -> Iterator[bytes]:
    """The bytes, and what the texts of a JSON document say beneath its escapes and its base64."""
    yield content
    if content[:1] not in (b"{", b"["):
        return
    try:
        waiting = [json.loads(content)]
    except ValueError:
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            yield value.encode("utf-8", "surrogatepass")
            try:
                yield from _layers(base64.b64decode(value, validate=True))
            except ValueError:
                continue


def _forms(word: str) -> tuple[bytes, ...]:
    """To be compared in lower case, which is that of ASCII in all of them."""
    plain = word.encode()
    return plain, word.encode("utf-16-le"), word.encode("utf-16-be"), plain.hex().encode()


def _base64(word: str) -> Iterator[bytes]:
    """The inner digits of its base64, wherever it begins within three bytes."""
    for before in range(3):
        plain = b"\0" * before + word.encode()
        # All digits that say nothing but the word: fewer turn up by chance in signatures.
        yield base64.b64encode(plain)[-(-8 * before // 6) : 8 * len(plain) // 6]


def _with_chunks(wave: bytes) -> bytes:
    """A WAV file with a bext (EBU Tech 3285), LIST INFO, XMP, iXML and id3 chunk behind its samples."""

    def padded(text: str, size: int) -> bytes:
        return text.encode().ljust(size, b"\0")

    bext = padded(CHUNKS["bext description"], 256) + padded(CHUNKS["bext originator"], 32)
    bext += padded(CHUNKS["bext reference"], 32) + b"2003-04-0506:07:08" + bytes(8 + 2 + 254)
    info = b"INFO" + _chunk(b"IART", CHUNKS["INFO artist"].encode()) + _chunk(b"ISFT", CHUNKS["INFO software"].encode())
    xmp = f"<x:xmpmeta><dc:creator>{CHUNKS['XMP creator']}</dc:creator></x:xmpmeta>".encode()
    ixml = f"<BWFXML><PROJECT>{CHUNKS['iXML project']}</PROJECT></BWFXML>".encode()
    tail = _chunk(b"bext", bext) + _chunk(b"LIST", info) + _chunk(b"_PMX", xmp) + _chunk(b"iXML", ixml)
    tail += _chunk(b"id3 ", _id3(CHUNKS["ID3 in WAV"]))
    return b"RIFF" + struct.pack("<I", len(wave) + len(tail) - 8) + wave[8:] + tail


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _id3(text: str) -> bytes:
    """An ID3v2.3 tag: a title in UTF-16, and a picture that is described."""
    title = b"\1" + b"\xff\xfe" + text.encode("utf-16-le")
    picture = b"\0image/png\0\3" + text.encode("latin-1", "replace") + b"\0" + b"\x89PNG\r\n\x1a\n" + text.encode()
    frames = b"".join(
        name + struct.pack(">I", len(content)) + b"\0\0" + content
        for name, content in ((b"TIT2", title), (b"APIC", picture))
    )
    size = bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + frames


def _encode(path: Path, wave: Waveform, codec: str, form: str) -> None:
    with av.open(str(path), "w") as target:
        target.metadata.update({**TAGS, "creation_time": "2003-04-05T06:07:08Z"})
        stream = target.add_stream(codec, rate=wave.rate, layout="mono")
        samples = wave.mono().samples
        if form.startswith("s16"):
            samples = np.round(samples * 32767).astype(np.int16)
        for start in range(0, samples.shape[1], 1024):
            piece = np.ascontiguousarray(samples[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(piece, format=form, layout="mono")
            frame.rate, frame.pts = wave.rate, start
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
