"""Which chip carries what: keyed signs, pilots, and the places of the code bits.

Time and frequency are cut into tiles: TILE samples at RATE by one band. Two tiles that follow each other make a chip:
one is made louder and the other softer, and which of them comes first is the chip's sign. So no stretch of sound gets
louder or softer on the whole, which is what an ear (and a meter) would notice first.

PERIOD chips in time make one period of the pattern, which repeats to the end of the audio. Some of the chips are
pilots, whose sign is known to whoever has the key: they tell where the period begins. The others carry the code bits,
each of them many times, scattered by the key: any few seconds and any few bands hold a share of all of them.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gen.watermark.payload import code_bits, derive

# What the lengths below are counted in; audio of another rate has the same lengths in seconds.
RATE: Final = 44100
FRAME: Final = 1024
TILE: Final = 512
CHIP_TILES: Final = 2
PERIOD: Final = 432
PILOT: Final = -1
PILOT_SHARE: Final = 0.15

LOWEST_HZ: Final = 86.0
HIGHEST_HZ: Final = 11000.0
NARROWEST_BINS: Final = 2
BAND_BARK: Final = 0.15


def _bark(hertz: float) -> float:
    """Critical-band rate (Zwicker and Terhardt 1980)."""
    return float(13 * np.arctan(0.00076 * hertz) + 3.5 * np.arctan((hertz / 7500) ** 2))


def _band_edges() -> tuple[float, ...]:
    """Band limits in Hz: each band at least two Fourier bins of RATE and FRAME and 0.15 Bark wide."""
    width = RATE / FRAME
    edges = [round(LOWEST_HZ / width)]
    while edges[-1] * width < HIGHEST_HZ:
        top = edges[-1] + NARROWEST_BINS
        while _bark(top * width) - _bark(edges[-1] * width) < BAND_BARK:
            top += 1
        edges.append(top)
    return tuple(edge * width for edge in edges)


EDGES_HZ: Final = _band_edges()
BANDS: Final = len(EDGES_HZ) - 1


@dataclass(frozen=True, eq=False)
class Pattern:
    """One period of the key's pattern.

    signs: float32 (PERIOD, BANDS), +1 (first tile louder) or -1. places: intp (PERIOD, BANDS), the code bit a chip
    carries, or PILOT. bits: how many code bits there are.
    """

    signs: NDArray[np.float32]
    places: NDArray[np.intp]
    bits: int

    @classmethod
    @lru_cache(maxsize=8)
    def of(cls, key: bytes, id_bytes: int) -> "Pattern":
        """The pattern of a key for ids of 8 or 16 bytes. Raises WrongLength for another size or a short key."""
        bits = code_bits(id_bytes)
        chips = PERIOD * BANDS
        coins = np.frombuffer(derive(key, f"signs {id_bytes}", -(-chips // 8)), np.uint8)
        signs = 1 - 2 * np.unpackbits(coins, count=chips).astype(np.float32)
        order = np.argsort(np.frombuffer(derive(key, f"places {id_bytes}", 8 * chips), "<u8"), kind="stable")
        pilots = int(PILOT_SHARE * chips)
        places = np.full(chips, PILOT, np.intp)
        places[order[pilots:]] = np.arange(chips - pilots) % bits
        for array in (signs, places):
            array.flags.writeable = False
        return cls(signs.reshape(PERIOD, BANDS), places.reshape(PERIOD, BANDS), bits)

    @property
    def pilots(self) -> NDArray[np.float32]:
        """The pilots' signs, 0 on all other chips: float32 (PERIOD, BANDS)."""
        return np.where(self.places == PILOT, self.signs, np.float32(0))

    def write(self, word: NDArray[np.float32]) -> NDArray[np.float32]:
        """The signs of all chips for a code word of `bits` signs: float32 (PERIOD, BANDS)."""
        return self.signs * np.where(self.places == PILOT, np.float32(1), word[self.places])

    def read(self, chips: NDArray[np.float32]) -> NDArray[np.float32]:
        """Soft values of the code bits from soft chips (PERIOD, BANDS): float32 (bits,)."""
        data = self.places != PILOT
        return np.bincount(self.places[data], (chips * self.signs)[data], self.bits).astype(np.float32)
