"""The key of a piece: which of 24 the notes of a recording fit best.

Krumhansl and Schmuckler's method (C. L. Krumhansl, "Cognitive Foundations of Musical Pitch", 1990, table 2.1): the
twelve sums of a chromagram are correlated with what listeners find fitting in each key. A note sounds with overtones,
which fall on other notes, so the profiles are taken as they sound: each note with six partials, every one 0.6 times as
strong as the one before (E. Gómez, "Tonal Description of Polyphonic Audio", INFORMS Journal on Computing 18(3), 2006).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
"""The pitch classes, from C; a minor key has an "m" behind it."""
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_PARTIALS, _DECAY = 6, 0.6


@dataclass(frozen=True)
class Key:
    """name: "C" to "B" or "Cm" to "Bm". fit: the correlation with its profile, -1 to 1, two decimals."""

    name: str
    fit: float


def key_of(chroma: npt.NDArray[np.floating]) -> Key | None:
    """The key of twelve sums, from C upwards; None if they are all alike, as in silence or noise without pitch."""
    centred = np.asarray(chroma, dtype=np.float64) - np.mean(chroma)
    size = float(np.linalg.norm(centred))
    if size <= 1e-6 * max(float(np.abs(chroma).max()), 1e-30):
        return None
    fits = {
        name + mode: float(centred @ np.roll(profile, tonic)) / size
        for mode, profile in (("", _sounding(_MAJOR)), ("m", _sounding(_MINOR)))
        for tonic, name in enumerate(NAMES)
    }
    best = max(fits, key=lambda name: fits[name])
    return Key(best, round(fits[best], 2))


def _sounding(profile: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """A profile with the overtones of its notes, of mean 0 and length 1."""
    rungs = (round(12 * np.log2(partial)) % 12 for partial in range(1, _PARTIALS + 1))
    heard = np.sum([_DECAY**n * np.roll(profile, rung) for n, rung in enumerate(rungs)], axis=0)
    centred = heard - heard.mean()
    return np.asarray(centred / np.linalg.norm(centred))
