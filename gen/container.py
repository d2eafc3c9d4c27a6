"""Which file format holds the sound: told by the first bytes, never by the name.

Decoders are handed a format, they do not guess: a guessing decoder "finds" MP3 frames in text, and follows playlists
to other files and servers.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

_HEAD = 1 << 16
# A piece cut out of an MP3 stream begins in the middle of a frame; the longest frame has 2881 bytes.
_LONGEST_FRAME = 2881
# Frames in a row with the same rate and layer before we believe that this is MPEG audio and not chance.
_FRAMES_IN_A_ROW = 3

# MPEG audio frame headers, ISO/IEC 11172-3 table of 2.4.2.3 and ISO/IEC 13818-3: kbit/s by (version 1?, layer), Hz.
_KBPS = {
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HERTZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}

# (offset, magic, FFmpeg's name of the format, whether libsndfile decodes it)
_MAGIC = (
    (8, b"WAVE", "wav", True),
    (8, b"AIFF", "aiff", True),
    (8, b"AIFC", "aiff", True),
    (0, b"fLaC", "flac", True),
    (0, b"OggS", "ogg", False),
    (0, b"caff", "caf", True),
    (0, b".snd", "au", True),
    (0, b"riff\x2e\x91\xcf\x11", "w64", True),
    (4, b"ftyp", "mov", False),
    (4, b"moov", "mov", False),
    (4, b"mdat", "mov", False),
    (4, b"wide", "mov", False),
    (0, b"\x1a\x45\xdf\xa3", "matroska", False),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf", False),
    (0, b"wvpk", "wv", False),
    (0, b"MAC ", "ape", False),
    (0, b"TTA1", "tta", False),
    (0, b"MP+", "mpc", False),
    (0, b"MPCK", "mpc8", False),
    (0, b"DSD ", "dsf", False),
    (0, b"FRM8", "iff", False),
    (0, b"#!AMR", "amr", False),
    (0, b"ADIF", "aac", False),
    (0, b"\x0b\x77", "ac3", False),
)
_RIFF_LIKE = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM")

# Files made of chunks: first bytes, where the chunks begin, the chunk with the samples, how a chunk's name and size are
# written, whether the size counts both of these too, and to what multiple chunks are filled up.
_CHUNKED = (
    (b"RIFF", 12, b"data", "<4sI", False, 2),
    (b"RIFX", 12, b"data", ">4sI", False, 2),
    (b"FORM", 12, b"SSND", ">4sI", False, 2),
    (b"caff", 8, b"data", ">4sq", False, 1),
    (b"riff\x2e\x91\xcf\x11", 40, b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a", "<16sq", True, 8),
)
_MOST_CHUNKS = 4096
# What recorders write that do not know the length yet; some leave 0.
_UNKNOWN_LENGTH = 0x7FFFF000


@dataclass(frozen=True)
class Container:
    """How a file holds its sound.

    format: FFmpeg's name for it, such as "wav", "mp3", "mov".
    native: libsndfile decodes it too, exactly and to the last sample.
    lead: bytes of broken frame before the first whole one (MPEG audio only; else 0).
    counted: an MP3 whose first frame tells the length (Xing or Info header).
    """

    format: str
    native: bool = False
    lead: int = 0
    counted: bool = False


def identify(file: BinaryIO) -> Container | None:
    """Tell the format from the first bytes (64 KiB after any ID3v2 tags); None if it is none that holds sound.

    The file is left at an arbitrary position.
    """
    start = _after_tags(file)
    file.seek(start)
    head = file.read(_HEAD)
    for offset, magic, name, native in _MAGIC:
        if head[offset : offset + len(magic)] != magic or (offset == 8 and head[:4] not in _RIFF_LIKE):
            continue
        if name == "ogg":
            # libsndfile's Vorbis is the reference decoder; Opus, FLAC and Speex in Ogg are FFmpeg's.
            vorbis = b"\x01vorbis" in head[:512]
            return Container(name, native=vorbis and start == 0)
        return Container(name, native and start == 0)
    return _mpeg(head)


def missing_bytes(file: BinaryIO, size: int) -> int:
    """How many bytes of samples a file's header counts that are not there; 0 where it does not say, or cannot know.

    WAV, AIFF, CAF and W64 are looked at: their decoders take a piece for the whole. size: of the file, in bytes. The
    file is left at an arbitrary position.
    """
    file.seek(0)
    head = file.read(16)
    for magic, begin, wanted, form, inclusive, multiple in _CHUNKED:
        if not head.startswith(magic):
            continue
        position, header = begin, struct.calcsize(form)
        for _ in range(_MOST_CHUNKS):
            file.seek(position)
            found = file.read(header)
            if len(found) < header:
                break
            name, length = struct.unpack(form, found)
            end = position + length + (0 if inclusive else header)
            if name == wanted:
                return max(0, end - size) if 0 < length < _UNKNOWN_LENGTH else 0
            if not position < end < size:
                break
            position = -(-end // multiple) * multiple
    return 0


def _after_tags(file: BinaryIO) -> int:
    """Where the sound begins behind the ID3v2 tags (ID3v2.4.0 structure, section 3.1) and zero padding."""
    start = 0
    for _ in range(8):
        file.seek(start)
        tag = file.read(10)
        if len(tag) < 10 or tag[:3] != b"ID3" or max(tag[6:10]) > 127:
            break
        size = tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9]
        start += 10 + size + (10 if tag[5] & 0x10 else 0)
    if start:
        file.seek(start)
        padding = file.read(_HEAD)
        start += len(padding) - len(padding.lstrip(b"\0"))
    return start


def _mpeg(head: bytes) -> Container | None:
    """Look for frames of MPEG audio or ADTS one behind the other."""
    for start in range(min(len(head), _LONGEST_FRAME)):
        if head[start] != 0xFF:
            continue
        first = _frame(head, start)
        if first is None:
            continue
        kind, size = first
        position, found = start + size, 1
        while found < _FRAMES_IN_A_ROW and position < len(head):
            following = _frame(head, position)
            if following is None or following[0] != kind:
                break
            position, found = position + following[1], found + 1
        whole_file = start == 0 and found >= 1 and position >= len(head) - 128 and len(head) < _HEAD
        if found >= _FRAMES_IN_A_ROW or whole_file:
            name = "aac" if kind[0] == "adts" else "mp3"
            counted = any(tag in head[start : start + 64] for tag in (b"Xing", b"Info"))
            return Container(name, lead=start, counted=counted)
    return None


def _frame(head: bytes, start: int) -> tuple[tuple[str, int, int], int] | None:
    """The kind (family, layer or profile, rate) and size in bytes of the frame that begins here, or None."""
    if start + 7 > len(head) or head[start] != 0xFF or head[start + 1] & 0xE0 != 0xE0:
        return None
    second, third = head[start + 1], head[start + 2]
    if second & 0xF6 == 0xF0:  # ADTS, ISO/IEC 14496-3 1.A.2.2
        size = (head[start + 3] & 3) << 11 | head[start + 4] << 3 | head[start + 5] >> 5
        rate = third >> 2 & 15
        return (("adts", third >> 6, rate), size) if rate < 13 and size > 7 else None
    version, layer, index, rate_index = second >> 3 & 3, 4 - (second >> 1 & 3), third >> 4, third >> 2 & 3
    if version == 1 or layer == 4 or index in (0, 15) or rate_index == 3:
        return None
    rate = _HERTZ[version][rate_index]
    bits = _KBPS[version == 3, layer][index] * 1000
    padding = third >> 1 & 1
    if layer == 1:
        size = (12 * bits // rate + padding) * 4
    else:
        size = (72 if layer == 3 and version != 3 else 144) * bits // rate + padding
    return ("mpeg", layer, rate), size
