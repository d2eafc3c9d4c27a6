"""Play a score: a harpsichord and a piano, computed from the physics of strings.

Both are sums of decaying partials (modal synthesis). The stiffness of a string stretches its partials to n f0 sqrt(1 +
B n^2); where it is plucked or struck weighs them by sin(n pi x) (Fletcher and Rossing, "The Physics of Musical
Instruments", 2nd edition, sections 2.8, 2.18, 11.3 and 12.3). Figures such as decay times are set by ear.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gen.errors import ScoreError
from gen.room import Room, reverberate
from gen.score import Score
from gen.voice import Note
from gen.waveform import Waveform

PEAK_DB = -3.0
"""The loudest sample of a rendering, dB below full scale."""
NOISE_DB = -75.0
"""The level (RMS) of the noise floor: no recording holds digital silence."""

Modes = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""Frequencies in Hz, decay rates in 1/s and levels of the same modes."""

_LEAD_S, _TAIL_S = 0.3, 2.5
_SEED = 1722
_BLOCK = 512
_LAYERS = (33, 57, 81, 105)  # the velocities at which a piano's string is computed; between them only loudness changes


@dataclass(frozen=True, slots=True)
class Partials:
    """The modes of one note: frequencies in Hz, decay rates in 1/s, and complex amplitudes, shape (2, modes)."""

    frequency: npt.NDArray[np.float64]
    decay: npt.NDArray[np.float64]
    amplitude: npt.NDArray[np.complex128]

    def ring(self, frames: int, rate: int) -> npt.NDArray[np.float32]:
        """The sound they make, shape (2, frames).

        exp(s (a B + b)) = exp(s a B) exp(s b) makes a sum over modes one product of two small matrices. In double
        precision: in single, BLAS gives other last bits on another number of threads.
        """
        pole = (2j * np.pi * self.frequency - self.decay) / rate
        starts = np.exp(np.outer(np.arange(-(-frames // _BLOCK)) * _BLOCK, pole))
        steps = np.exp(np.outer(pole, np.arange(_BLOCK)))
        right = np.concatenate([steps.real, -steps.imag])
        sound = np.empty((2, len(starts) * _BLOCK), np.float32)
        for channel, amplitude in enumerate(self.amplitude):
            left = starts * amplitude
            sound[channel] = (np.concatenate([left.real, left.imag], axis=1) @ right).ravel()
        return sound[:, :frames]


@dataclass(frozen=True, slots=True)
class Instrument:
    """How notes sound, how they end, and where they are played.

    partials: (MIDI pitch, velocity layer) to the modes of its string. attack, release: seconds; the release is the time
    constant of the damper. pedal: dampers stay up to the end of the bar. touch: how much of a velocity becomes
    loudness, as an exponent. roll: seconds between the notes of a chord.
    """

    partials: Callable[[int, int], Partials]
    layers: tuple[int, ...]
    attack: float
    release: float
    pedal: bool
    touch: float
    roll: float
    room: Room


def render(score: Score, *, rate: int = 44100, instrument: str | None = None) -> Waveform:
    """Play a score in stereo at `rate` frames per second (at least 8000), by default on the score's own instrument.

    Always the same samples on the same machine: timing and noise come from fixed seeds. The peak is `PEAK_DB`. Raises
    `ScoreError` for an instrument that is not in `INSTRUMENTS` and for a score without notes.
    """
    name = score.instrument if instrument is None else instrument
    if name not in INSTRUMENTS:
        raise ScoreError(f"no instrument named {name!r}; there are: {', '.join(INSTRUMENTS)}")
    if not score.notes:
        raise ScoreError(f"{score.title}: there are no notes to play")
    player = INSTRUMENTS[name]
    end = _LEAD_S + _seconds(score, score.beats) + _TAIL_S
    mix = np.zeros((2, round(end * rate)), np.float32)
    struck = list(_perform(score, player))
    longest: dict[tuple[int, int], float] = {}
    for note, _, duration in struck:
        string = (note.pitch, _layer(note.velocity, player.layers))
        longest[string] = max(longest.get(string, 0.0), duration)
    strings: dict[tuple[int, int], npt.NDArray[np.float32]] = {}
    rise = (1 - np.cos(np.linspace(0, np.pi, max(2, round(player.attack * rate))))) / 2
    for note, onset, duration in struck:
        string = (note.pitch, _layer(note.velocity, player.layers))
        if string not in strings:
            frames = round((longest[string] + 6 * player.release) * rate)
            strings[string] = player.partials(*string).ring(frames, rate)
            strings[string][:, : len(rise)] *= rise
        begin = round(onset * rate)
        sounding = min(round((duration + 6 * player.release) * rate), mix.shape[1] - begin)
        sound = strings[string][:, :sounding] * np.float32((note.velocity / 127) ** player.touch)
        damped = round(duration * rate)
        sound[:, damped:] *= np.exp(-np.arange(sound.shape[1] - damped) / (player.release * rate)).astype(np.float32)
        mix[:, begin : begin + sounding] += sound
    mix = reverberate(mix, player.room, rate)
    mix *= 10 ** (PEAK_DB / 20) / np.abs(mix).max()
    noise = np.random.default_rng(_SEED).standard_normal(mix.shape, dtype=np.float32)
    mix += noise * np.float32(10 ** (NOISE_DB / 20))
    return Waveform(np.round(mix * 32768) / np.float32(32768), rate)  # 16 bits hold it all


def _seconds(score: Score, beat: float) -> float:
    """When a beat falls: steady, but for the last two bars, which slow down to seven tenths of the tempo."""
    span = min(2 * score.beats_per_bar, score.beats)
    past = max(0.0, beat - (score.beats - span)) / span
    return (beat + span * 0.43 * past**3 / 3) * 60 / score.tempo


def _perform(score: Score, player: Instrument) -> Iterator[tuple[Note, float, float]]:
    """Each note with its onset and duration in seconds, as a hand would play it: never quite together."""
    hand = np.random.default_rng(_SEED)
    previous, order = -1.0, 0
    for note in score.notes:
        order = order + 1 if note.start == previous else 0
        previous = note.start
        late = float(np.clip(hand.normal(0.0, 0.004), -0.01, 0.01))
        until = note.start + note.length
        if player.pedal:
            until = max(until, np.ceil(until / score.beats_per_bar) * score.beats_per_bar)
        begin = _seconds(score, note.start)
        yield note, _LEAD_S + begin + late + order * player.roll, _seconds(score, until) - begin


def _layer(velocity: int, layers: tuple[int, ...]) -> int:
    return min(layers, key=lambda layer: abs(layer - velocity))


def _frequency(pitch: int) -> float:
    return float(440 * 2 ** ((pitch - 69) / 12))


def _spread(
    pitch: int, level: npt.NDArray[np.float64], pan: float, width: float, phase: npt.NDArray[np.float64]
) -> npt.NDArray[np.complex128]:
    """Give each mode a place in stereo: `pan` from -1 (left) to 1, and `width` dB of scatter around it."""
    scatter = 10 ** (np.random.default_rng(pitch).normal(0, width, (2, len(level))) / 20)
    sides = np.array([[np.cos((pan + 1) * np.pi / 4)], [np.sin((pan + 1) * np.pi / 4)]])
    return np.asarray(sides * scatter * level * np.exp(1j * phase))


def _knock(pitch: int, low: float, high: float, level: float) -> Modes:
    """The wood that answers a stroke: 24 short modes between two frequencies; frequency, decay, level."""
    chance = np.random.default_rng(1000 + pitch)
    frequency = np.exp(chance.uniform(np.log(low), np.log(high), 24))
    return frequency, chance.uniform(60.0, 140.0, 24), level * chance.normal(0, 1, 24)


def _harpsichord(pitch: int, _layer: int) -> Partials:
    """Two choirs of strings at eight foot and a soft one at four foot, each plucked at its own place."""
    modes: list[Modes] = []
    for octave, pluck, cents, gain in ((1, 0.13, 0.0, 1.0), (1, 0.085, 1.6, 0.7), (2, 0.11, -0.8, 0.25)):
        base = octave * _frequency(pitch) * 2 ** (cents / 1200)
        number = np.arange(1, 1 + max(1, int(17000 / base)))[:140]
        frequency = number * base * np.sqrt(1 + 2e-5 * octave * number**2)
        chance = np.random.default_rng(pitch + 200 * len(modes))
        slowest = 1.1 * (base / 260) ** 0.4  # 6 s to -60 dB at middle C
        decay = slowest * (1 + 0.22 * (frequency / 1000) ** 1.15) * chance.uniform(0.8, 1.25, len(number))
        level = gain * np.abs(np.sin(np.pi * number * pluck)) * number**-0.85 / np.hypot(1, frequency / 9000)
        modes.append((frequency, decay, level))
    modes.append(_knock(pitch, 150.0, 5000.0, 0.012))
    frequency, decay, level = (np.concatenate(part) for part in zip(*modes, strict=True))
    heard = frequency < 17000
    phase = np.random.default_rng(pitch).uniform(0, 2 * np.pi, len(frequency))
    pan = np.clip((pitch - 60) / 60, -0.4, 0.4)
    return Partials(frequency[heard], decay[heard], _spread(pitch, level, pan, 1.5, phase)[:, heard])


def _piano(pitch: int, layer: int) -> Partials:
    """Two strings per note: the sum dies fast, the difference lingers and beats; a hard hammer is a bright one."""
    base = _frequency(pitch)
    force = layer / 127
    stiffness = 1.2e-4 + 2.6e-4 * 2 ** ((pitch - 60) / 9)
    number = np.arange(1, 1 + max(1, int(12000 / base)))[:60]
    frequency = number * base * np.sqrt(1 + stiffness * number**2)
    corner = 600 + 3800 * force**1.4 + 0.8 * base
    level = (np.abs(np.sin(np.pi * number * 0.121)) + 0.06) * number**-0.4 * np.exp(-frequency / corner)
    level += 0.004 * force * number**-1.0  # felt never filters all
    level /= np.sqrt(np.sum(level**2)) * (base / 260) ** 0.15
    sustain = 6.9 / (1.5 + 9 * 2 ** (-(pitch - 40) / 15))
    decay = sustain * (1 + 0.45 * (frequency / 1000) ** 0.9)
    knock = _knock(pitch, 60.0, 900.0, 0.02 * force)
    modes = ((frequency, 1.9 * decay, level), (frequency * 2 ** (0.7 / 1200), 0.55 * decay, 0.32 * level), knock)
    frequency, decay, level = (np.concatenate(part) for part in zip(*modes, strict=True))
    phase = np.random.default_rng(pitch).uniform(0, 2 * np.pi, len(frequency))
    pan = np.clip((pitch - 60) / 50, -0.5, 0.5)
    heard = frequency < 17000
    return Partials(frequency[heard], decay[heard], _spread(pitch, level, pan, 1.2, phase)[:, heard])


INSTRUMENTS = {
    "harpsichord": Instrument(_harpsichord, (81,), 0.0004, 0.09, False, 0.25, 0.007, Room(1.8, -10.0, seed=846)),
    "piano": Instrument(_piano, _LAYERS, 0.004, 0.22, True, 1.3, 0.005, Room(2.2, -9.0, seed=1888)),
}
"""The instruments, by the names that scores use."""
