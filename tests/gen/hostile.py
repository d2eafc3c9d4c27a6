"""A folder of files that are broken, lie, or are traps, and what each deserves. Run it to have the folder for yourself:

    python tests/gen/hostile.py FOLDER

Layouts: WAV, Microsoft's Multimedia Programming Interface 1.0; RF64, EBU Tech 3306; AIFF, Apple 1989; CAF, Apple's
specification 1.0; FLAC, RFC 9639; Ogg, RFC 3533; MP4, ISO/IEC 14496-12; ID3, id3.org's 2.4.0 structure.
"""

import gzip
import io
import os
import socket
import struct
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from gen.audio import encode
from gen.waveform import Waveform

SECONDS = 1.5
RATE = 44100
NOISE = np.random.default_rng(11).bytes(60_000)


def music(seconds: float = SECONDS, rate: int = RATE) -> Waveform:
    time = np.arange(int(seconds * rate)) / rate
    tones = [sum(np.sin(2 * np.pi * hertz * k * time) / k for k in (1, 2, 3)) for hertz in (220.0, 277.2)]
    return Waveform(0.2 * np.array(tones), rate)


def written(form: str, subtype: str | None = None, waveform: Waveform | None = None) -> bytes:
    waveform = waveform or music()
    file = io.BytesIO()
    soundfile.write(file, waveform.samples.T, waveform.rate, format=form, subtype=subtype)
    return file.getvalue()


def encoded(suffix: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        encode(Path(folder) / f"song.{suffix}", music(), 128)
        return (Path(folder) / f"song.{suffix}").read_bytes()


def put(data: bytes, offset: int, form: str, *values: int | float) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, offset, *values)
    return bytes(changed)


def riff(*chunks: tuple[bytes, bytes], size: int | None = None, magic: bytes = b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks
    )
    return magic + struct.pack("<I", len(body) if size is None else size) + body


def fmt(channels: int = 2, rate: int = RATE, bits: int = 16, tag: int = 1) -> tuple[bytes, bytes]:
    align = channels * ((bits + 7) // 8)
    return b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits)


def pcm() -> bytes:
    return written("WAV", "PCM_16")[44:]


def wav() -> Iterator[tuple[str, bytes]]:
    whole, floats, data = written("WAV", "PCM_16"), written("WAV", "FLOAT"), pcm()
    first = floats.index(b"data") + 8
    yield "riff_size_0.wav", put(whole, 4, "<I", 0)
    yield "data_size_0.wav", put(whole, 40, "<I", 0)
    yield "claims_4_gb.wav", put(put(whole, 4, "<I", 0xFFFFFFFF), 40, "<I", 0xFFFFFFF0)
    yield "data_size_odd.wav", put(whole, 40, "<I", len(data) - 3)
    yield "fmt_size_huge.wav", put(whole, 16, "<I", 0xFFFFFFF0)
    yield "block_align_0.wav", put(whole, 32, "<H", 0)
    yield "block_align_65535.wav", put(whole, 32, "<H", 65535)
    for rate in (0, 1, 1999, 10_000_000, 0xFFFFFFFF):
        yield f"rate_{rate}.wav", put(whole, 24, "<I", rate)
    yield "rate_8000.wav", put(whole, 24, "<I", 8000)
    for channels in (0, 3, 32, 1024, 65535):
        yield f"channels_{channels}.wav", riff(fmt(channels), (b"data", data))
    for bits in (0, 1, 7, 12, 20, 33, 64, 255):
        yield f"bits_{bits}.wav", riff(fmt(bits=bits), (b"data", data))
    for tag in (2, 0x11, 0x31, 0x55, 0x161, 0xFFFE, 0xFFFF):
        yield f"codec_{tag:x}.wav", riff(fmt(tag=tag), (b"data", data))
    yield "nan.wav", put(floats, first + 8000, "<f", float("nan"))
    yield "infinity.wav", put(floats, first + 8000, "<f", float("inf"))
    yield "loud_1e30.wav", put(floats, first + 8000, "<f", 1e30)
    yield "denormal.wav", floats[:first] + np.full((len(floats) - first) // 4, 1e-40, "<f4").tobytes()
    yield "no_frames.wav", riff(fmt(), (b"data", b""))
    yield "no_data.wav", riff(fmt())
    yield "no_fmt.wav", riff((b"data", data))
    yield "data_before_fmt.wav", riff((b"data", data), fmt())
    yield "two_fmts.wav", riff(fmt(), fmt(1, 8000, 8), (b"data", data))
    yield "many_chunks.wav", riff(*[(b"junk", b"")] * 50_000, fmt(), (b"data", data))
    yield "riff_in_riff.wav", riff((b"RIFF", riff((b"RIFF", riff(fmt(), (b"data", data))))))
    yield "list_huge.wav", riff(fmt(), (b"LIST", b"INFOIART" + struct.pack("<I", 0x7FFFFFFF) + b"x"), (b"data", data))
    yield (
        "rf64_lies.wav",
        b"RF64"
        + struct.pack("<I", 0xFFFFFFFF)
        + b"WAVEds64"
        + struct.pack("<IQQQI", 28, 1 << 62, 1 << 62, 1 << 61, 0)
        + whole[12:40]
        + struct.pack("<I", 0xFFFFFFFF)
        + data,
    )
    yield "rf64_without_ds64.wav", b"RF64" + struct.pack("<I", 0xFFFFFFFF) + whole[8:]
    yield (
        "rf64_table_huge.wav",
        b"RF64\xff\xff\xff\xffWAVEds64"
        + struct.pack("<IQQQI", 28, len(data) + 72, len(data), len(data) // 4, 0xFFFFFFFF)
        + whole[12:],
    )


def aiff() -> Iterator[tuple[str, bytes]]:
    whole = written("AIFF", "PCM_16")
    comm = whole.index(b"COMM")
    yield "claims_4_g_frames.aiff", put(whole, comm + 10, ">I", 0xFFFFFFFF)
    yield "no_frames.aiff", put(whole, comm + 10, ">I", 0)
    yield "chunk_absurd.aiff", put(whole, comm + 4, ">I", 0xFFFFFFFF)
    yield "ssnd_absurd.aiff", put(whole, whole.index(b"SSND") + 4, ">I", 0x80000000)
    yield "ssnd_offset_absurd.aiff", put(whole, whole.index(b"SSND") + 8, ">I", 0xFFFFFFF0)
    yield "rate_infinite.aiff", put(whole, comm + 16, ">HQ", 0x7FFF, 1 << 63)
    yield "rate_1e300.aiff", put(whole, comm + 16, ">HQ", 0x43E3, 0xC000 << 48)
    yield "bits_0.aiff", put(whole, comm + 14, ">H", 0)
    yield "codec_unknown.aiff", written("AIFF", "FLOAT").replace(b"fl32", b"?!?!").replace(b"FL32", b"?!?!")


def flac() -> Iterator[tuple[str, bytes]]:
    whole = written("FLAC", "PCM_16")
    yield "claims_2_36_samples.flac", whole[:21] + bytes([whole[21] | 0x0F]) + b"\xff" * 4 + whole[26:]
    yield "claims_1_sample.flac", whole[:21] + bytes([whole[21] & 0xF0]) + b"\0\0\0\1" + whole[26:]
    yield "rate_0.flac", whole[:18] + b"\0\0" + bytes([whole[20] & 0x0F]) + whole[21:]
    yield "channels_8.flac", whole[:20] + bytes([whole[20] | 0x0E]) + whole[21:]
    yield "blocks_absurd.flac", put(whole, 8, ">HH", 0xFFFF, 1)
    yield "md5_wrong.flac", whole[:26] + bytes(16) + whole[42:]
    yield "seektable_huge.flac", whole[:42] + b"\x03\xff\xff\xff" + whole[42:]
    yield "many_blocks.flac", whole[:42] + b"\x01\0\0\0" * 50_000 + whole[42:]
    silence = io.BytesIO()
    soundfile.write(silence, np.zeros((RATE * 1200, 2), np.int16), RATE, format="FLAC")
    yield "bomb.flac", silence.getvalue()


def mp3() -> Iterator[tuple[str, bytes]]:
    whole = encoded("mp3")

    def tag(body: bytes, size: int | None = None, flags: int = 0) -> bytes:
        count = len(body) if size is None else size
        return b"ID3\4\0" + bytes([flags]) + bytes(count >> shift & 127 for shift in (21, 14, 7, 0)) + body

    bomb = zlib.compress(bytes(50_000_000), 9)
    frame = b"APIC" + bytes(len(bomb) + 4 >> shift & 127 for shift in (21, 14, 7, 0)) + b"\0\x09\x0b\x70\x40\0" + bomb
    yield "id3_claims_256_mb.mp3", tag(b"", 0x0FFFFFFF) + whole
    yield "id3_compressed_bomb.mp3", tag(frame) + whole
    yield "id3_many_frames.mp3", tag(b"TXXX\0\0\0\1\0\0\0" * 100_000) + whole
    yield "id3_chain.mp3", tag(b"") * 20_000 + whole
    yield "id3_only.mp3", tag(bytes(50_000))
    yield "xing_lies.mp3", whole.replace(b"Info\0\0\0\x0f", b"Info\0\0\0\x0f\xff\xff\xff\xff\xff", 1)[: len(whole)]
    yield "rates_mixed.mp3", whole + encoded_at(8000) + whole
    yield "text_after_sound.mp3", whole + b"and then only words, " * 20_000
    yield "gzip_bomb.mp3", gzip.compress(bytes(50_000_000), 9)
    yield "zip_bomb.mp3", zipped({f"{number}.wav": bytes(10_000_000) for number in range(5)})


def encoded_at(rate: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        encode(Path(folder) / "song.mp3", music(0.5, rate), 32)
        return (Path(folder) / "song.mp3").read_bytes()


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def archives() -> Iterator[tuple[str, bytes]]:
    inner = zipped({"song.wav": written("WAV", "PCM_16")})
    yield "zip.wav", inner
    yield "zip_in_zip.wav", zipped({"song.wav": zipped({"song.wav": inner})})
    yield "gzip.wav", gzip.compress(written("WAV", "PCM_16"))
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("../../song.wav")
        entry.size = len(inner)
        archive.addfile(entry, io.BytesIO(inner))
    yield "tar.wav", file.getvalue()
    yield "seven_zip.wav", b"7z\xbc\xaf\x27\x1c\0\4" + NOISE
    yield "zip_in_riff.wav", riff((b"data", inner))


def ogg() -> Iterator[tuple[str, bytes]]:
    vorbis, opus = encoded("ogg"), encoded("opus")
    yield "chained_500.ogg", vorbis * 500
    yield "chained.opus", opus * 50
    pages = [b"OggS" + piece for piece in vorbis.split(b"OggS")[1:]]
    yield "pages_again.ogg", b"".join(pages[:3]) + b"".join(pages[2:]) * 200
    yield "pages_backwards.ogg", b"".join(pages[:2] + pages[:1:-1])
    yield "page_endless.ogg", b"".join(pages[:2]) + put(pages[-1], 26, "B", 255)
    yield "no_frames.ogg", b"".join(pages[:2])
    yield (
        "granules_absurd.opus",
        b"".join(
            put(b"OggS" + piece, 6, "<q", (1 << 62) + number) for number, piece in enumerate(opus.split(b"OggS")[1:])
        ),
    )
    yield "preskip_absurd.opus", put(opus, opus.index(b"OpusHead") + 10, "<H", 0xFFFF)


def atom(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + name + body


def mp4() -> Iterator[tuple[str, bytes]]:
    whole = encoded("m4a")

    def absurd(name: bytes, offset: int, form: str, *values: int) -> bytes:
        return put(whole, whole.index(name) + 4 + offset, form, *values)

    yield "stsz_absurd.m4a", absurd(b"stsz", 8, ">I", 0xFFFFFFFF)
    yield "stsz_one_size.m4a", absurd(b"stsz", 4, ">II", 1, 0xFFFFFFFF)
    yield "stts_absurd.m4a", absurd(b"stts", 4, ">I", 0xFFFFFFFF)
    yield "stts_durations.m4a", absurd(b"stts", 8, ">II", 0x7FFFFFFF, 0x7FFFFFFF)
    yield "stsc_absurd.m4a", absurd(b"stsc", 4, ">I", 0xFFFFFFFF)
    yield "stco_beyond.m4a", absurd(b"stco", 8, ">I", 0xFFFFFFF0)
    yield "timescale_0.m4a", absurd(b"mdhd", 12, ">I", 0)
    yield "timescale_huge.m4a", absurd(b"mdhd", 12, ">I", 0xFFFFFFFF)
    yield "moov_size_huge.m4a", put(whole, whole.index(b"moov") - 4, ">I", 0xFFFFFFFF)
    nested = b""
    for _ in range(4000):
        nested = atom(b"moov", nested)
    yield "atoms_nested.m4a", whole[: struct.unpack(">I", whole[:4])[0]] + nested
    yield "no_moov.m4a", whole.replace(b"moov", b"free")


def others() -> Iterator[tuple[str, bytes]]:
    au = b".snd" + struct.pack(">5I", 24, 0xFFFFFFFF, 3, RATE, 2) + pcm()
    yield "claims_4_gb.au", au
    yield "channels_0.au", put(au, 20, ">I", 0)
    yield "offset_beyond.au", put(au, 4, ">I", 0x7FFFFFFF)
    caf = written("CAF", "PCM_16")
    yield "data_size_absurd.caf", put(caf, caf.index(b"data") + 4, ">q", (1 << 62))
    yield "rate_nan.caf", put(caf, 20, ">d", float("nan"))
    w64 = written("W64", "PCM_16")
    yield "size_absurd.w64", put(w64, 16, "<Q", 1 << 62)
    yield "matroska_endless.mka", b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff" + NOISE
    yield "tta_claims.tta", b"TTA1" + struct.pack("<HHHIII", 1, 2, 16, RATE, 0xFFFFFFFF, 0) + NOISE
    yield "ape_claims.ape", b"MAC " + struct.pack("<HHIIIIII", 3990, 0, 52, 24, 0xFFFFFFF0, 0, 1, 1) + NOISE
    yield (
        "wavpack_claims.wv",
        b"wvpk" + struct.pack("<IHBBIIIII", 0xFFFFFFF0, 0x410, 0, 0, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0) + NOISE,
    )
    yield "dsf_claims.dsf", b"DSD " + struct.pack("<QQQ", 28, 1 << 62, 0) + NOISE
    yield "nothing.wav", b""
    yield "program.mp3", b"\x7fELF\2\1\1" + NOISE
    yield "page.mp3", b"<!doctype html><title>Not found</title>" * 200
    yield "playlist.wav", b"#EXTM3U\n#EXTINF:9,\nfile:///etc/passwd\nhttp://127.0.0.1:9/\n"


def cut() -> Iterator[tuple[str, bytes]]:
    whole = {suffix: encoded(suffix) for suffix in ("mp3", "m4a", "opus", "ogg", "flac", "wav")}
    whole |= {"aiff": written("AIFF", "PCM_24"), "caf": written("CAF", "PCM_16"), "w64": written("W64", "PCM_16")}
    for suffix, data in whole.items():
        for percent in (1, 10, 50, 95):
            yield f"cut_{percent}.{suffix}", data[: len(data) * percent // 100]


def files() -> dict[str, bytes]:
    """Every hostile file by name."""
    return {name: data for made in (wav, aiff, flac, mp3, archives, ogg, mp4, others, cut) for name, data in made()}


def put_into(folder: Path) -> None:
    """All of them, and what is no file at all: pipes, sockets, devices, links in circles."""
    for name, data in files().items():
        (folder / name).write_bytes(data)
    os.mkfifo(folder / "pipe.wav")
    here = Path.cwd()
    os.chdir(folder)  # a socket's path may have only 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as plug:
            plug.bind("socket.wav")
    finally:
        os.chdir(here)
    for name, target in {
        "zero.wav": "/dev/zero",
        "memory.wav": "/proc/self/mem",
        "gone.wav": "nowhere.wav",
        "circle.wav": "circle_too.wav",
        "circle_too.wav": "circle.wav",
        "up": "..",
        "self": ".",
    }.items():
        (folder / name).symlink_to(target)
    (folder / "album.wav").mkdir()
    (folder / "deep").mkdir()
    (folder / "deep" / "down").symlink_to("../deep")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir()
    put_into(target)
