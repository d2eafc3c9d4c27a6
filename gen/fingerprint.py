"""A recording's fingerprint: known again after cutting and re-encoding, and the ISO 24138 code made from it."""

import base64
import binascii
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gen import chromaprint
from gen.errors import FingerprintError
from gen.harmony import NOTES, Harmony
from gen.waveform import Waveform

# Seconds from one code to the next.
STEP = chromaprint.HOP / chromaprint.RATE
# Similarity from which on two recordings are the same one; see `align` for the figures it stands between.
SAME_RECORDING = 0.65
# Seconds of common sound below which similarity decides nothing: twenty codes, and chance reaches 0.57 (see `align`).
LEAST_OVERLAP = 5.0
# What sound too short for a single code is filled up to.
_FILLED_SECONDS = 3
# Written before the codes: ours, format 1 or 2, Chromaprint's algorithm 1. Format 2 says how many codes there are, and
# has the harmony behind them.
_MAGIC = b"stemfp\x01\x01"
_MAGIC_WITH_HARMONY = b"stemfp\x02\x01"
_ISCC_PREFIX = "ISCC:"


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """Chromaprint codes.

    codes: uint32, shape (n,), n >= 1, one per 123.8 ms, read-only. harmony: by which the music is known in another key,
    if somebody listened for that. Raises FingerprintError for another dtype or shape.
    """

    codes: npt.NDArray[np.uint32]
    harmony: Harmony | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.codes, np.ndarray) or self.codes.dtype != np.uint32 or self.codes.ndim != 1:
            raise FingerprintError("codes: expected a uint32 array of shape (n,); make it with fingerprint()")
        if len(self.codes) == 0:
            raise FingerprintError("codes: there are none; make it with fingerprint()")
        codes = self.codes.copy()
        codes.setflags(write=False)
        object.__setattr__(self, "codes", codes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fingerprint):
            return NotImplemented
        return np.array_equal(self.codes, other.codes) and self.harmony == other.harmony

    def __hash__(self) -> int:
        return hash(self.codes.tobytes())

    def __repr__(self) -> str:
        return f"Fingerprint({len(self.codes)} codes)"

    @property
    def iscc(self) -> str:
        """The ISCC Content-Code Audio of 64 bits (ISO 24138:2024), "ISCC:" and 16 letters and digits."""
        # Of the package, not of its module, which is there for other threads while the package is still imported.
        from iscc_core import gen_audio_code_v0

        return str(gen_audio_code_v0(self.codes.view(np.int32).tolist(), bits=64)["iscc"])

    @property
    def words(self) -> frozenset[int]:
        """Numbers below 2**24 by which it can be looked up among very many: an eighth of its codes, cut to 24 bits.

        Which eighth, the codes themselves say, so that a piece has those of the whole. Cutting between codes and
        encoding again leave 16 to 83 % of them as they were, other music has 0.4 % at most (chords of 60 s); so look
        up with the words of `fingerprint` at two or more offsets.
        """
        cut = self.codes[self.codes != chromaprint.SILENCE] >> np.uint32(8)
        # Fibonacci hashing: the top three bits choose.
        chosen = cut[(cut * np.uint32(2654435769)) >> np.uint32(29) == 0]
        return frozenset(chosen.tolist())

    def to_bytes(self) -> bytes:
        """8 bytes of magic, then each code as little-endian uint32; equal fingerprints give equal bytes.

        With a harmony the number of codes comes before them, uint32 too, and 12 bytes for each of its steps after them.
        """
        codes = self.codes.astype("<u4").tobytes()
        if self.harmony is None:
            return _MAGIC + codes
        return _MAGIC_WITH_HARMONY + len(self.codes).to_bytes(4, "little") + codes + self.harmony.steps.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Fingerprint":
        """The inverse of `to_bytes`. Raises FingerprintError for anything else."""
        begin, end, harmony = len(_MAGIC), len(data), None
        if data[: len(_MAGIC)] == _MAGIC_WITH_HARMONY:
            begin += 4
            end = begin + 4 * int.from_bytes(data[begin - 4 : begin], "little")
            if end > len(data) or (len(data) - end) % NOTES:
                raise FingerprintError("fingerprint: these bytes were cut; read them again")
            harmony = Harmony(np.frombuffer(data, np.int8, offset=end).reshape(-1, NOTES))
        elif data[: len(_MAGIC)] != _MAGIC or len(data) % 4 or len(data) == len(_MAGIC):
            raise FingerprintError("fingerprint: these bytes are none; make them with to_bytes()")
        return cls(np.frombuffer(data[begin:end], dtype="<u4").astype(np.uint32), harmony)


def fingerprint(waveform: Waveform, tempo: float = 1.0, pitch: float = 1.0) -> Fingerprint:
    """Chromaprint (algorithm 1, TEST2) of sound at any rate; what is shorter than 2.73 s is filled up with silence.

    tempo, pitch: how much faster and higher the sound is than the one whose fingerprint is wanted. Samples that are
    taken to be of a lower rate sound lower and slower: that undoes the pitch, and what is left of the tempo is undone
    where the spectra are read.
    """
    samples, rate = waveform.mono().samples[0], round(waveform.rate / pitch)
    codes = chromaprint.codes(samples, rate, tempo / pitch)
    if len(codes) == 0:
        codes = chromaprint.codes(np.pad(samples, (0, max(0, _FILLED_SECONDS * rate - len(samples)))), rate)
    return Fingerprint(codes)


@dataclass(frozen=True)
class Alignment:
    """Where a query lies in a reference, and how alike they are there.

    similarity: 1 - 2 * bit error rate, clipped to 0..1: 1 every bit equal, 0 no more than by chance.
    offset_seconds: where in the reference the query begins, to within 0.07 s; negative if it begins before it.
    overlap_seconds: how much sound both have there, silence left out.
    """

    similarity: float
    offset_seconds: float
    overlap_seconds: float

    @property
    def same(self) -> bool:
        """Whether this is one recording: similarity of at least 0.65 over at least 5 s."""
        return self.similarity >= SAME_RECORDING and self.overlap_seconds >= LEAST_OVERLAP


def align(query: Fingerprint, reference: Fingerprint) -> Alignment:
    """Find the offset at which two fingerprints agree most, of all at which half of the shorter one is covered.

    Offsets are ranked by agreement times the root of the overlap, which is what stands out against chance. Codes of
    silence count neither for nor against: all silence is alike.

    Pieces of 5 to 30 s out of chords and performed scores of 30 to 200 s, re-encoded (MP3 64 and 128, AAC 96, Opus 32
    and 48 kbit/s): 0.84 to 1.0, lowest where the cut falls between two codes. The best offset in other music of the
    same kind reached 0.32 for 30 s, 0.37 for 15 s, 0.43 for 10 s and 0.57 for 5 s (1520 pairs);
    slow chords in one key reached 0.50 for 10 s and 0.68 for 5 s.
    """
    ours, theirs = _signs(query), _signs(reference)
    heard = np.abs(ours[0]), np.abs(theirs[0])
    agreement, overlap = _correlation(ours, theirs), np.rint(_correlation(heard[0][None], heard[1][None]))
    least = max(1.0, min(heard[0].sum(), heard[1].sum()) / 2)
    fair = overlap >= least
    if not fair.any():
        return Alignment(0.0, 0.0, 0.0)
    agreement /= len(ours)
    best = int(np.argmax(np.where(fair, agreement / np.sqrt(np.maximum(overlap, 1.0)), -np.inf)))
    offset = best if best < len(reference.codes) else best - len(overlap)
    seconds = chromaprint.SHORTEST / chromaprint.RATE + (overlap[best] - 1) * STEP
    return Alignment(float(np.clip(agreement[best] / overlap[best], 0.0, 1.0)), offset * STEP, float(seconds))


def _signs(fingerprint: Fingerprint) -> npt.NDArray[np.float64]:
    """Each bit as a row of -1 and 1, shape (32, n); 0 where there is silence."""
    bits = fingerprint.codes >> np.arange(32, dtype=np.uint32)[:, None] & np.uint32(1)
    return np.where(fingerprint.codes == chromaprint.SILENCE, 0.0, bits * 2.0 - 1.0)


def _correlation(query: npt.NDArray[np.float64], reference: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sum over rows of the products at each offset; negative offsets at the end, as in a discrete Fourier transform."""
    size = 1 << (query.shape[1] + reference.shape[1] - 1).bit_length()
    spectrum = np.zeros(size // 2 + 1, dtype=np.complex128)
    for one, other in zip(query, reference, strict=True):
        spectrum += np.fft.rfft(one, size).conj() * np.fft.rfft(other, size)
    return np.fft.irfft(spectrum, size)


def iscc_distance(one: str, other: str) -> int:
    """How many of the 64 bits of two ISCC audio codes differ.

    A first look at whole recordings, no proof: re-encoding moved 0 to 3 bits, a cut 8 to 24; other music of a like kind
    came as near as 7, since many bits of a Chromaprint are far more often 0 than 1 or the reverse. `align` decides.
    Raises FingerprintError for text that is no 64-bit audio code.
    """
    first, second = (int.from_bytes(_iscc_body(code), "big") for code in (one, other))
    return (first ^ second).bit_count()


def _iscc_body(code: str) -> bytes:
    """The 8 bytes behind the header 0x2201: content code, audio, version 0, 64 bits (ISO 24138, ISCC-HEADER)."""
    text = code.removeprefix(_ISCC_PREFIX)
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 10 or raw[:2] != b"\x22\x01":
        raise FingerprintError(f"iscc: {code[:40]!r} is no audio code of 64 bits; it looks like ISCC:EIA4MUI3HCBBS4ZZ")
    return raw[2:]
