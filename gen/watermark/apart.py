"""Sound taken apart, bin by bin: a room from what is played in it, and what is louder from what is fainter.

Both are learned from the very recording, and both lose a part of the mark too. So they are listened to beside the audio
as it is, not in its place.
"""

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gen.watermark.tiles import BLOCK, STEPS, Analysis, Array

# So many tiles before each tell of the room, a third of a second. The nearest shares half of its frame.
_TILES: Final = 30
# What is learned of it is drawn towards nothing by this share of the powers.
_RIDGE: Final = 1e-3
# A moment's loudness is that of a tile to either side, and of as many bins.
_STEPS_AROUND: Final = 2 * STEPS + 1
_BINS_AROUND: Final = 3
# For so many tiles, four seconds, sounds are believed to stay where they are.
_STAYING_TILES: Final = 345
# Moments fainter than this share of a bin's usual power count as if they had it: silence would teach silence alone.
_FAINTEST: Final = 0.03

Waves = NDArray[np.complex64]


def dry_powers(analysis: Analysis, samples: Array) -> Array:
    """Powers of one channel, float32 (frames,), without the room: float32 (steps, bins), as `Analysis.powers` has them.

    What still sounds of the moments before is a sum of their spectra, bin by bin, the same sum all along a recording.
    It is learned by least squares in which loud moments count no more than others, and taken off: weighted prediction
    error (Nakatani et al., "Speech Dereverberation Based on Variance-Normalized Delayed Linear Prediction", IEEE TASLP
    18(7), 2010), in one round.
    """
    waves = _waves(analysis, samples)
    rest = [_powers(wave - _room(wave, loud)) for wave, loud in zip(waves, _loudness(_powers(waves)), strict=True)]
    return np.stack(rest, axis=1)


def faint_powers(analysis: Analysis, samples: Array) -> Array:
    """Powers of stereo, float32 (2, frames), without what is loudest in each bin: float32 (steps, bins).

    Of all sums of the two channels, each turned and weighed for itself, it is the one in which there is least: the
    second principal component, of four seconds around. Whatever comes from one place, as the louder of two pieces of
    music often does, is not in it.
    """
    from scipy.ndimage import uniform_filter1d

    def over_time(values: NDArray[np.generic]) -> NDArray[np.generic]:
        return uniform_filter1d(values, _STAYING_TILES * STEPS, mode="nearest")

    left, right = (_waves(analysis, channel) for channel in samples)
    total = np.empty((left.shape[1], len(left)), np.float32)
    for place, (one, other, loudness) in enumerate(
        zip(left, right, _loudness(_powers(left) + _powers(right)), strict=True)
    ):
        difference = over_time((_powers(one) - _powers(other)) / loudness)
        shared = one * other.conj() / loudness
        common = over_time(shared.real) + 1j * over_time(shared.imag)
        # The angles between the channels' levels, and between their waves, in the first component.
        level = np.arctan2(2 * np.abs(common), difference) / 2
        turn = np.exp(1j * np.angle(common))
        total[:, place] = _powers(np.cos(level) * turn * other - np.sin(level) * one)
    return total


def _waves(analysis: Analysis, channel: Array) -> Waves:
    """Short-time spectra of samples (frames,), bin by bin: complex64 (bins, steps)."""
    steps = analysis.steps_in(len(channel))
    turn = -2j * np.pi / analysis.frame * np.arange(analysis.bins)
    result = np.empty((analysis.bins, steps), np.complex64)
    for first in range(0, steps, BLOCK):
        places = np.arange(first, min(steps, first + BLOCK))
        begins = analysis.begins(first, first + len(places))
        spectra = analysis.spectra(channel, begins)[:, : analysis.bins]
        # A frame begins with a sample, up to half of one beside where it should, and is turned by as much.
        result[:, first : first + len(places)] = (spectra * np.exp(np.outer(begins - places * analysis.step, turn))).T
    return result


def _powers(waves: Waves) -> Array:
    return np.square(waves.real) + np.square(waves.imag)


def _loudness(powers: Array) -> Array:
    """How loud it is around: float32 (bins, steps), nowhere 0."""
    from scipy.ndimage import uniform_filter

    around = uniform_filter(powers, (_BINS_AROUND, _STEPS_AROUND), mode="nearest")
    usual = powers.mean(axis=1, keepdims=True)
    return np.maximum(around, np.float32(_FAINTEST) * usual + np.float32(1e-20))


def _room(wave: Waves, loudness: Array) -> Waves:
    """What the steps before say of each step of one bin."""
    padded = np.concatenate([np.zeros(_TILES * STEPS, np.complex64), wave])
    before = sliding_window_view(padded, _TILES * STEPS)[:-1, ::STEPS]
    # One step of each tile teaches it all.
    some = np.ascontiguousarray(before[::STEPS])
    weighed = (some.conj() / loudness[::STEPS, None]).T
    products = (weighed @ some).astype(np.complex128)
    products[np.diag_indices(_TILES)] += _RIDGE * np.trace(products).real / _TILES + 1e-20
    wanted = (weighed @ wave[::STEPS]).astype(np.complex128)
    return np.asarray(before @ np.linalg.solve(products, wanted).astype(np.complex64), np.complex64)
