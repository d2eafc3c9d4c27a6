"""Griffin-Lim iterations with momentum, compiled: what `gen.models.refinement` says, group by group of frames.

A group is SIDE frames side by side, so that a line of memory has one number of each, and all that is done to one frame
is done to all of them at once. Every stage (the first inverse transform, then each iteration) follows the one before it
by a group, so that what it needs still lies in the processor's own cache. Every operation is rounded by itself: all
processors give the same bits. Importing this imports numba.
"""

from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gen.compiled_fourier import PLACES, SIDE, SIZE, TURNS, aligned, backward, forward
from gen.models.framewise import Triangles
from gen.numba_cache import compiled

WINDOW = 2 * SIZE
"""Samples of a frame: two make one complex number of a transform."""
_Floats = NDArray[np.float32]
_quick = partial(compiled, error_model="numpy", nogil=True)  # who asks first whether it is by zero divides one by one
_TINY, _LITTLE = np.float32(1e-9), np.float32(1e-6)


class Bands(NamedTuple):
    """Bands that say how loud bins are together: `Triangles` of them (weights float32), and mel magnitudes (bands, T).

    Where there are none, both have no bands.
    """

    triangles: Triangles
    mel: _Floats


class _Shapes(NamedTuple):
    """The window by the hops that it covers (parts, hop), for both transforms, and what edges lack (2, parts, hop)."""

    there: _Floats
    back: _Floats
    edges: _Floats


def suits(window: int, hop: int, samples: int, frames: int) -> bool:
    """Whether so many frames of such a window, which are to give so many samples, can be refined here."""
    parts, rest = divmod(window, hop)
    return (
        window == WINDOW and rest == hop % 2 == 0 and 2 <= parts <= min(SIDE, frames) and samples == (frames - 1) * hop
    )


def refined(bins: _Floats, window: _Floats, hop: int, iterations: int, momentum: float, bands: Bands) -> _Floats:
    """Samples ((T - 1) * hop,) after so many iterations.

    bins: the lowest of an STFT, real and imaginary parts in turn (T, 2 * bins). window: (WINDOW,).
    """
    frames = len(bins)
    groups = -(-(frames + WINDOW // hop // 2 - 1) // SIDE)
    mel = np.zeros((groups, len(bands.mel), SIDE), np.float32)
    for group, known in enumerate(mel):
        some = bands.mel[:, group * SIDE : (group + 1) * SIDE]
        known[:, : some.shape[1]] = some
    shapes = _shapes(window, hop)
    sound = np.zeros((groups, hop, SIDE + len(shapes.there)), np.float32)
    known_bands = (bands.triangles.lower, bands.triangles.weights, _shares(bands.triangles.weights))
    transform = (TURNS, PLACES, _twists())
    rows = aligned(SIZE, 2, SIDE)
    _refine(bins, iterations, np.float32(momentum), mel, known_bands, tuple(shapes), transform, rows, sound)
    # Half of a window lies before the first sample.
    whole = sound[..., :SIDE].transpose(0, 2, 1).reshape(-1, hop)
    return whole[len(shapes.there) // 2 :][: frames - 1].ravel()


def _shapes(window: _Floats, hop: int) -> _Shapes:
    there = window.reshape(-1, hop)
    squares = there.astype(np.float64) ** 2
    whole, half = squares.sum(axis=0), len(there) // 2
    edges = np.zeros((2, *there.shape))
    # Of the hops before and behind those that all parts of a window meet in, half are heard.
    edges[0, half:-1] = whole / squares.cumsum(axis=0)[half:-1]
    edges[1, : half - 1] = whole / squares[::-1].cumsum(axis=0)[::-1][1:half]
    # The transform back leaves its factor, and that of what makes two numbers one, to the window.
    return _Shapes(there, (there / whole / WINDOW).astype(np.float32), edges.astype(np.float32))


def _shares(weights: _Floats) -> _Floats:
    """Whose each bin is, of its two bands and of none: (3, bins), which sum to 1."""
    total = weights.sum(axis=0)
    heard = total > 0
    return np.stack([*(weights / np.where(heard, total, 1)), ~heard]).astype(np.float32)


@lru_cache(maxsize=1)
def _twists() -> _Floats:
    """By what bins of odd samples turn beside those of even ones: cosines and sines (SIZE / 2 + 1, 2)."""
    angle = -np.pi * np.arange(SIZE // 2 + 1) / SIZE
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


@_quick
def _refine(
    bins: _Floats,
    iterations: int,
    momentum: np.float32,
    mel: _Floats,
    bands: tuple[NDArray[np.int64], _Floats, _Floats],
    shapes: tuple[_Floats, _Floats, _Floats],
    transform: tuple[NDArray[np.float32], NDArray[np.intp], _Floats],
    rows: _Floats,
    sound: _Floats,
) -> None:
    """Fill in the sound, groups of hops (groups, hop, SIDE and more); what is more belongs to the next group.

    mel: (groups, bands, SIDE). transform: TURNS, PLACES, `_twists`. rows: (SIZE, 2, SIDE), beginning with a cache line.
    """
    there, back, edges = shapes
    turns, places, twists = transform
    frames, count = len(bins), bins.shape[1] // 2
    groups, hop, wide = sound.shape
    # Of the group that a stage is at, and of the one before.
    spectra = np.zeros((iterations + 1, 2, 2, SIZE + 1, SIDE), np.float32)
    blocks = np.zeros((iterations, 2, hop, wide), np.float32)
    wanted = np.empty((iterations + 1, count * SIDE), np.float32)
    made = np.zeros((2, SIZE + 1, SIDE), np.float32)
    for step in range(groups + iterations):
        for stage in range(iterations + 1):
            group = step - stage
            if group < 0 or group >= groups:
                continue
            spectrum, wants = spectra[stage, group % 2], wanted[group % (iterations + 1)]
            if stage == 0:
                _enter(bins, group * SIDE, spectrum, wants)
                _join(spectrum, places, twists, rows)
            else:
                _fetch(blocks[stage - 1, group % 2], there, rows)
                forward(rows.reshape(-1), turns)
                _part(rows, places, twists, spectrum)
                alpha = momentum if stage > 1 else np.float32(0)
                _pull(spectrum, spectra[stage - 1, group % 2], alpha, wants, mel[group], bands, made)
                _join(made, places, twists, rows)
            backward(rows.reshape(-1), turns)
            if stage < iterations:
                block, before = blocks[stage, group % 2], blocks[stage, 1 - group % 2]
            else:
                block, before = sound[group], sound[group - 1]
            _add(rows, back, block)
            if group == groups - 1:  # behind it nothing is heard
                block[:, SIDE:] = np.float32(0)
            _finish(block, before, group * SIDE, frames, edges)


@_quick
def _enter(bins: _Floats, first: int, spectrum: _Floats, wanted: _Floats) -> None:
    """Fill in the spectrum of a group, and how large it is, from the frames (T, 2 * bins) from `first` on."""
    count, here = bins.shape[1] // 2, min(SIDE, len(bins) - first)
    if here < SIDE:
        spectrum[:] = np.float32(0)
    for start in range(0, count, SIDE):
        for side in range(here):
            for k in range(start, min(start + SIDE, count)):
                spectrum[0, k, side] = bins[first + side, 2 * k]
                spectrum[1, k, side] = bins[first + side, 2 * k + 1]
    real, imaginary = spectrum[0].reshape(-1), spectrum[1].reshape(-1)
    for each in range(wanted.size):
        wanted[each] = np.sqrt(real[each] * real[each] + imaginary[each] * imaginary[each])
    for end in (0, SIZE):  # real samples have none there
        spectrum[1, end, :] = np.float32(0)


@_quick
def _fetch(block: _Floats, window: _Floats, rows: _Floats) -> None:
    """Fill in rows with the windowed frames of a group of hops; a number's real part is the sample before."""
    half = len(block) // 2
    for part in range(len(window)):
        for place in range(half):
            for odd in range(2):
                weight = window[part, 2 * place + odd]
                for side in range(SIDE):
                    rows[part * half + place, odd, side] = block[2 * place + odd, part + side] * weight


@_quick
def _add(rows: _Floats, window: _Floats, block: _Floats) -> None:
    """Fill in a group of hops with the sum of its windowed frames."""
    half = len(block) // 2
    block[:] = np.float32(0)
    for place in range(half):
        for odd in range(2):
            for part in range(len(window)):
                weight = window[part, 2 * place + odd]
                for side in range(SIDE):
                    block[2 * place + odd, part + side] += rows[part * half + place, odd, side] * weight


@_quick
def _finish(block: _Floats, before: _Floats, first: int, frames: int, edges: _Floats) -> None:
    """Add what the group before has in the hops from `first` on, weigh these, and tell that group what they are."""
    more = edges.shape[1] - 1
    for place in range(len(block)):
        for side in range(more):
            block[place, side] += before[place, SIDE + side]
    for side in range(SIDE):
        hop = first + side
        if hop < more or hop >= frames:
            weights = edges[0, hop] if hop < more else edges[1, min(hop - frames, more)]
            for place in range(len(block)):
                block[place, side] *= weights[place]
    for place in range(len(block)):
        for side in range(more):
            before[place, SIDE + side] = block[place, side]


@_quick
def _part(rows: _Floats, places: NDArray[np.intp], twists: _Floats, spectrum: _Floats) -> None:
    """Fill in the spectrum (2, SIZE + 1, SIDE) of real samples from the transform of pairs of them."""
    half = np.float32(0.5)
    for k in range(SIZE // 2 + 1):
        one, two = places[k], places[(SIZE - k) % SIZE]
        cosine, sine = twists[k, 0], twists[k, 1]
        # One after the other: of four places at once LLVM does not see that they are apart.
        for place, sign in ((k, np.float32(1)), (SIZE - k, np.float32(-1))):
            for side in range(SIDE):
                plus, minus = rows[one, 0, side] + rows[two, 0, side], rows[one, 1, side] - rows[two, 1, side]
                real, imaginary = rows[one, 1, side] + rows[two, 1, side], rows[two, 0, side] - rows[one, 0, side]
                across, along = cosine * real - sine * imaginary, cosine * imaginary + sine * real
                spectrum[0, place, side] = half * (plus + sign * across)
                spectrum[1, place, side] = half * (along + sign * minus)


@_quick
def _join(spectrum: _Floats, places: NDArray[np.intp], twists: _Floats, rows: _Floats) -> None:
    """Undo `_part`, but for a factor of 2."""
    for k in range(SIZE // 2 + 1):
        one, two, other = places[k], places[(SIZE - k) % SIZE], SIZE - k
        cosine, sine = twists[k, 0], twists[k, 1]
        for side in range(SIDE):
            plus, minus = (
                spectrum[0, k, side] + spectrum[0, other, side],
                spectrum[1, k, side] - spectrum[1, other, side],
            )
            real, imaginary = (
                spectrum[0, k, side] - spectrum[0, other, side],
                spectrum[1, k, side] + spectrum[1, other, side],
            )
            across, along = cosine * real + sine * imaginary, cosine * imaginary - sine * real
            rows[one, 0, side] = plus - along
            rows[one, 1, side] = minus + across
            rows[two, 0, side] = plus + along
            rows[two, 1, side] = across - minus


@_quick
def _pull(
    found: _Floats,
    before: _Floats,
    momentum: np.float32,
    wanted: _Floats,
    mel: _Floats,
    bands: tuple[NDArray[np.int64], _Floats, _Floats],
    made: _Floats,
) -> None:
    """Fill in made: found - momentum * before, as large as wanted, or half as mel (bands, SIDE) says, in logarithm."""
    real, imaginary = made[0].reshape(-1), made[1].reshape(-1)
    size, scale = np.empty(wanted.size, np.float32), np.empty(wanted.size, np.float32)
    for part in range(2):
        now, then, result = found[part].reshape(-1), before[part].reshape(-1), made[part].reshape(-1)
        for each in range(wanted.size):
            result[each] = now[each] - momentum * then[each]
    for each in range(wanted.size):
        size[each] = np.sqrt(real[each] * real[each] + imaginary[each] * imaginary[each]) + _TINY
    if len(mel) > 0:
        _weigh(size.reshape(-1, SIDE), mel, bands, scale.reshape(-1, SIDE))
        for each in range(wanted.size):
            scale[each] = np.sqrt(wanted[each] / size[each] * scale[each])
    else:
        for each in range(wanted.size):
            scale[each] = wanted[each] / size[each]
    for each in range(wanted.size):
        real[each] *= scale[each]
        imaginary[each] *= scale[each]


@_quick
def _weigh(size: _Floats, mel: _Floats, bands: tuple[NDArray[np.int64], _Floats, _Floats], scale: _Floats) -> None:
    """Fill in what brings bins of such a size (bins, SIDE) to what their bands have to be (bands, SIDE)."""
    lower, weights, shares = bands
    ratio = np.zeros((len(mel) + 2, SIDE), np.float32)
    for k in range(len(lower)):
        band, near, far = lower[k], weights[0, k], weights[1, k]
        for side in range(SIDE):
            ratio[band, side] += near * size[k, side]
            ratio[band + 1, side] += far * size[k, side]
    for number in range(len(mel)):
        for side in range(SIDE):
            ratio[number + 1, side] = mel[number, side] / (ratio[number + 1, side] + _LITTLE)
    for k in range(len(lower)):
        band, near, far, none = lower[k], shares[0, k], shares[1, k], shares[2, k]
        for side in range(SIDE):
            scale[k, side] = near * ratio[band, side] + far * ratio[band + 1, side] + none
