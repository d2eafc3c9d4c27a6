"""Recordings of the same take under other names: other masters, codecs, levels, cuts. Found among thousands of them.

Comparing each with each would align a million pairs for a hundred hours. So an inverted index over the codes names the
few that have any of their rarest codes in common, and only those are aligned. docs/corpus.md has what this finds, what
it takes for a copy wrongly, and what it does not find.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gen import chromaprint
from gen.fingerprint import LEAST_OVERLAP, SAME_RECORDING, STEP, Fingerprint

Codes = npt.NDArray[np.uint32]

PIECE_SECONDS = 15.0
"""Agreement is looked for in stretches of this length, since something may have been cut out or put in."""
LEAST_SHARE = 0.5
"""Two are the same take if so much of the shorter one is found in the other."""
# At most so many offsets are tried: a recording with more cuts than this is not found whole.
_OFFSETS = 8
# Of each recording, so many of its codes are looked up: those that the fewest others have. Other music had up to 3 of
# them, a copy under another equaliser 18 and more, other copies 34 and more.
_RAREST = 256
_FEWEST = 1
# By how much one may run slower or faster than the other; between two of these the codes drift apart by one in 25 s.
_SPEEDS = np.array([1 + step / 200 for step in range(-8, 9)])
# Two are aligned if so many of the codes looked for, or a quarter of them, lie with at most four other bits where one
# speed and offset would put them, to within three codes. Of other music 8 in a hundred had as many, of copies all.
_PROBES = 192
_NEAR_BITS = 4
_NEAR_PLACES = 3
_FEWEST_IN_LINE = 16
# At most so many neighbours are aligned with each: those with the most codes in common.
_NEAREST = 16


@dataclass(frozen=True)
class Alike:
    """Two recordings of one take, by their places in what was compared; similarity as `align` gives it."""

    one: int
    other: int
    similarity: float


def same_take(one: Fingerprint, other: Fingerprint) -> float | None:
    """How alike two recordings are where they agree if they are one take, 0.6 to 1; None if they are not.

    They are if at least half of the shorter one, and 5 s, is found in the other: in stretches of 15 s, or as long as
    it is, at up to eight offsets, and at a speed that differs by up to 4 %. Silence counts neither for nor against.
    Another performance of the same music is another take.
    """
    short, long = sorted((one.codes, other.codes), key=len)
    count, speed = _in_line(short, long)
    if count < min(_FEWEST_IN_LINE, len(short) // 4):
        return None
    similarity = _agreement(short, long)
    if similarity is None and speed != 1 and count >= _FEWEST_IN_LINE:
        # As the codes would come if the recording ran at the other one's speed, but at its own pitch.
        places = np.rint(np.arange(round(len(short) * speed)) / speed).astype(np.intp)
        similarity = _agreement(short[np.minimum(places, len(short) - 1)], long)
    return similarity


def _in_line(short: Codes, long: Codes) -> tuple[int, float]:
    """How many of the codes looked for lie where one speed and offset put them, and that speed: of all, the best.

    The speed is what the short one's places have to be multiplied by.
    """
    heard = np.flatnonzero(short != chromaprint.SILENCE)
    probes = heard[:: max(1, -(-len(heard) // _PROBES))]
    here, there = np.nonzero(np.bitwise_count(short[probes, None] ^ long) <= _NEAR_BITS)
    if len(here) == 0:
        return 0, 1.0
    offsets = there - np.multiply.outer(_SPEEDS, probes[here]) + _SPEEDS[-1] * len(short)
    counts = [int(np.bincount((row / _NEAR_PLACES).astype(np.intp)).max()) for row in offsets]
    return max(zip(counts, map(float, _SPEEDS), strict=True))


def _agreement(short: Codes, long: Codes) -> float | None:
    sounding = short != chromaprint.SILENCE
    needed = max(LEAST_SHARE * sounding.sum(), _codes(LEAST_OVERLAP))
    length = min(len(short), round(PIECE_SECONDS / STEP))
    agreement = np.zeros(len(short))
    for offset in _likely_offsets(short, long):
        first, last = max(0, -offset), min(len(short), len(long) - offset)
        if last - first < length:
            continue
        theirs = long[first + offset : last + offset]
        heard = sounding[first:last] & (theirs != chromaprint.SILENCE)
        # 1 where all bits agree, 0 by chance, as `align` has it.
        here = np.where(heard, 1 - np.bitwise_count(short[first:last] ^ theirs) / 16, 0.0)
        ends = np.concatenate([[0.0], np.cumsum(here)]), np.concatenate([[0], np.cumsum(heard)])
        sums, counts = (total[length:] - total[:-length] for total in ends)
        good = (sums >= SAME_RECORDING * counts) & (counts >= min(_codes(LEAST_OVERLAP), length))
        within = np.convolve(good, np.ones(length)) > 0
        part = agreement[first:last]
        np.maximum(part, np.where(within & heard, np.maximum(here, 0.01), 0.0), out=part)
    found = agreement > 0
    return float(agreement[found].mean()) if found.sum() >= needed else None


def alike(fingerprints: Sequence[Fingerprint]) -> tuple[Alike, ...]:
    """All pairs among these that are one take, one < other; in order."""
    everybody = np.arange(len(fingerprints))
    pairs = {(min(pair), max(pair)) for pair in _candidates(fingerprints, everybody, everybody)}
    return _aligned(fingerprints, sorted(pairs))


def alike_to(queries: Sequence[Fingerprint], known: Sequence[Fingerprint]) -> tuple[Alike, ...]:
    """All pairs of one take: a query (`one`, its place among them) and a known recording (`other`); in order."""
    everybody = [*queries, *known]
    ours, theirs = np.arange(len(queries)), np.arange(len(queries), len(everybody))
    found = _aligned(everybody, sorted(_candidates(everybody, ours, theirs)))
    return tuple(Alike(pair.one, pair.other - len(queries), pair.similarity) for pair in found)


def families(count: int, pairs: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    """For each of `count` recordings the first one of its family: whoever pairs connect, directly or through others."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.array(list(pairs), dtype=np.intp).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(count, count))
    family = connected_components(graph, directed=False)[1]
    first = np.full(count, count, np.intp)
    np.minimum.at(first, family, np.arange(count))
    return tuple(int(place) for place in first[family])


def _codes(seconds: float) -> int:
    """How many codes so much sound gives."""
    return max(1, 1 + int((seconds - chromaprint.SHORTEST / chromaprint.RATE) / STEP))


def _likely_offsets(short: Codes, long: Codes) -> list[int]:
    """Where in the long one the short one may begin, negative if before it: peaks of the correlation of their bits.

    Each bit's mean is taken away first: some are nearly always 0, in all music.
    """
    size = 1 << (len(short) + len(long) - 1).bit_length()
    one, other = (np.fft.rfft(_centred(codes), size, axis=1) for codes in (short, long))
    correlation = np.fft.irfft((one.conj() * other).sum(axis=0), size)
    highest = np.argpartition(correlation, -4 * _OFFSETS)[-4 * _OFFSETS :] if size > 4 * _OFFSETS else np.arange(size)
    found: list[int] = []
    for place in highest[np.argsort(-correlation[highest], kind="stable")]:
        offset = int(place) if place < len(long) else int(place) - size
        if len(found) < _OFFSETS and all(abs(offset - near) > 1 for near in found):
            found.append(offset)
    return found


def _centred(codes: Codes) -> npt.NDArray[np.float32]:
    """Each bit as a row of -1 and 1 less its mean, (32, n); 0 where there is silence."""
    heard = codes != chromaprint.SILENCE
    signs = (codes >> np.arange(32, dtype=np.uint32)[:, None] & np.uint32(1)) * np.float32(2) - np.float32(1)
    means = signs[:, heard].mean(axis=1, keepdims=True) if heard.any() else np.float32(0)
    return np.where(heard, signs - means, np.float32(0))


def _aligned(fingerprints: Sequence[Fingerprint], pairs: Iterable[tuple[int, int]]) -> tuple[Alike, ...]:
    compared = ((one, other, same_take(fingerprints[one], fingerprints[other])) for one, other in pairs)
    return tuple(Alike(one, other, similarity) for one, other, similarity in compared if similarity is not None)


def _candidates(
    fingerprints: Sequence[Fingerprint], rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> set[tuple[int, int]]:
    """Pairs of a row and a column that have some rare codes in common, at most _NEAREST for each row."""
    from scipy.sparse import csr_array

    distinct = [np.unique(one.codes[one.codes != chromaprint.SILENCE]) for one in fingerprints]
    owners = np.repeat(np.arange(len(distinct)), [len(codes) for codes in distinct])
    if len(owners) == 0:
        return set()
    names, places = np.unique(np.concatenate(distinct), return_inverse=True)
    shape = (len(fingerprints), len(names))
    has = csr_array((np.ones(len(owners), np.int32), (owners, places)), shape=shape)
    # How many others there are with each code; only columns count as others, and nobody is its own.
    among = np.isin(owners, columns)
    others = np.bincount(places[among], minlength=len(names))[places] - among
    shared = np.flatnonzero((others > 0) & np.isin(owners, rows))
    # By recording, and within it the codes that the fewest have first.
    shared = shared[np.lexsort((places[shared], others[shared], owners[shared]))]
    first = np.searchsorted(owners[shared], owners[shared])
    rare = shared[np.arange(len(shared)) - first < _RAREST]
    looked_up = csr_array((np.ones(len(rare), np.int32), (owners[rare], places[rare])), shape=shape)
    common = (looked_up[rows] @ has[columns].T).tocsr()
    found: set[tuple[int, int]] = set()
    for number, row in enumerate(rows):
        part = slice(common.indptr[number], common.indptr[number + 1])
        neighbours, counts = columns[common.indices[part]], common.data[part]
        near = np.flatnonzero((counts >= _FEWEST) & (neighbours != row))
        nearest = near[np.lexsort((neighbours[near], -counts[near]))][:_NEAREST]
        found.update((int(row), int(other)) for other in neighbours[nearest])
    return found
