"""Which tile carries what: keyed signs, pilots, and the places of the code bits.

Time and frequency are cut into tiles: TILE samples at RATE by one band. PERIOD tiles in time make one period of the
pattern, which repeats to the end of the audio. Some of the tiles are pilots, whose sign is known to whoever has the
key: they tell where the period begins. The others carry the code bits, each of them many times, scattered by the key:
any few seconds and any few bands hold a share of all of them.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gen.watermark.payload import CODE_BITS, derive

RATE: Final = 44100
FRAME: Final = 2048
TILE: Final = 1024
PERIOD: Final = 430
PILOT: Final = -1
PILOT_SHARE: Final = 0.15

LOWEST_HZ: Final = 150.0
HIGHEST_HZ: Final = 11000.0
NARROWEST_BINS: Final = 2
BAND_BARK: Final = 0.2


def _bark(hertz: float) -> float:
    """Critical-band rate (Zwicker and Terhardt 1980)."""
    return float(13 * np.arctan(0.00076 * hertz) + 3.5 * np.arctan((hertz / 7500) ** 2))


def _band_edges() -> tuple[int, ...]:
    """Band limits as numbers of Fourier bins: at least two bins and a fifth of a Bark wide."""
    width = RATE / FRAME
    edges = [round(LOWEST_HZ / width)]
    while edges[-1] * width < HIGHEST_HZ:
        top = edges[-1] + NARROWEST_BINS
        while _bark(top * width) - _bark(edges[-1] * width) < BAND_BARK:
            top += 1
        edges.append(top)
    return tuple(edges)


EDGES: Final = _band_edges()
BANDS: Final = len(EDGES) - 1


@dataclass(frozen=True, eq=False)
class Pattern:
    """One period of the key's pattern.

    signs: float32 (PERIOD, BANDS), +1 or -1. places: intp (PERIOD, BANDS), the code bit a tile carries, or PILOT.
    """

    signs: NDArray[np.float32]
    places: NDArray[np.intp]

    @classmethod
    @lru_cache(maxsize=8)
    def of(cls, key: bytes) -> "Pattern":
        """The pattern of a key. Raises WrongLength for a key of fewer than 16 bytes."""
        tiles = PERIOD * BANDS
        coins = np.frombuffer(derive(key, "signs", -(-tiles // 8)), np.uint8)
        signs = 1 - 2 * np.unpackbits(coins, count=tiles).astype(np.float32)
        order = np.argsort(np.frombuffer(derive(key, "places", 8 * tiles), "<u8"), kind="stable")
        pilots = int(PILOT_SHARE * tiles)
        places = np.full(tiles, PILOT, np.intp)
        places[order[pilots:]] = np.arange(tiles - pilots) % CODE_BITS
        for array in (signs, places):
            array.flags.writeable = False
        return cls(signs.reshape(PERIOD, BANDS), places.reshape(PERIOD, BANDS))

    @property
    def pilots(self) -> NDArray[np.float32]:
        """The pilots' signs, 0 on all other tiles: float32 (PERIOD, BANDS)."""
        return np.where(self.places == PILOT, self.signs, np.float32(0))

    def write(self, word: NDArray[np.float32]) -> NDArray[np.float32]:
        """The signs of all tiles for a code word of CODE_BITS signs: float32 (PERIOD, BANDS)."""
        return self.signs * np.where(self.places == PILOT, np.float32(1), word[self.places])

    def read(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """Soft values of the code bits from soft tiles (PERIOD, BANDS): float32 (CODE_BITS,)."""
        data = self.places != PILOT
        return np.bincount(self.places[data], (tiles * self.signs)[data], CODE_BITS).astype(np.float32)
