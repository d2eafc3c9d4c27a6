"""What happens to music in the world: the attacks a mark has to survive, each one audio in and audio out.

All are deterministic; noise takes a seed.
"""

import io
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from gen.waveform import Waveform

if TYPE_CHECKING:
    from av import AudioStream

# Container and encoder for each lossy format, as FFmpeg names them, and the rate it wants.
_CODECS: Final = {
    "mp3": ("mp3", "libmp3lame", None),
    "aac": ("ipod", "aac", None),
    "opus": ("ogg", "libopus", 48000),
}


def gain(waveform: Waveform, decibels: float) -> Waveform:
    """Louder or softer."""
    return Waveform(waveform.samples * np.float32(10 ** (decibels / 20)), waveform.rate)


def clip(waveform: Waveform, decibels: float) -> Waveform:
    """Louder by `decibels` and then cut off at full scale."""
    return Waveform(np.clip(gain(waveform, decibels).samples, -1, 1), waveform.rate)


def noise(waveform: Waveform, snr: float, seed: int = 0) -> Waveform:
    """White noise added, `snr` decibels below the audio."""
    samples = waveform.samples
    added = np.random.default_rng(seed).standard_normal(samples.shape, np.float32)
    level = np.sqrt(np.mean(np.square(samples, dtype=np.float64))) * 10 ** (-snr / 20)
    return Waveform(samples + np.float32(level) * added, waveform.rate)


def resample(waveform: Waveform, rate: int) -> Waveform:
    """Brought to another rate, which cuts off all above half of it, and left there."""
    return waveform.resampled(rate)


def faster(waveform: Waveform, factor: float) -> Waveform:
    """Played faster and higher by a factor, as a record at the wrong speed; good to one part in the rate."""
    return Waveform(waveform.samples, round(waveform.rate * factor)).resampled(waveform.rate)


def round16(waveform: Waveform) -> Waveform:
    """Rounded to 16 bits without dither."""
    samples = np.clip(np.round(waveform.samples * np.float32(32768)), -32768, 32767) / np.float32(32768)
    return Waveform(samples.astype(np.float32), waveform.rate)


def round8(waveform: Waveform) -> Waveform:
    """Rounded to 8 bits without dither."""
    samples = np.clip(np.round(waveform.samples * np.float32(128)), -128, 127) / np.float32(128)
    return Waveform(samples.astype(np.float32), waveform.rate)


def low_pass(waveform: Waveform, hertz: float) -> Waveform:
    """Butterworth low-pass of the eighth order."""
    return _filtered(waveform, hertz, "lowpass")


def high_pass(waveform: Waveform, hertz: float) -> Waveform:
    """Butterworth high-pass of the eighth order."""
    return _filtered(waveform, hertz, "highpass")


def equalise(waveform: Waveform, decibels: float = 9.0) -> Waveform:
    """Up and down by `decibels`, alternating from octave to octave (linear phase)."""
    from scipy.signal import firwin2, oaconvolve

    octaves = 62.5 * 2.0 ** np.arange(10)
    inside = octaves[octaves < 0.45 * waveform.rate]
    levels = decibels * (-1.0) ** np.arange(len(inside))
    gains = 10 ** (np.concatenate([levels[:1], levels, levels[-1:]]) / 20)
    response = firwin2(2047, np.concatenate([[0], inside, [waveform.rate / 2]]), gains, fs=waveform.rate)
    samples = oaconvolve(waveform.samples, response[None], mode="same", axes=1)
    return Waveform(samples.astype(np.float32), waveform.rate)


def echo(waveform: Waveform, seconds: float = 0.2, decibels: float = -6.0) -> Waveform:
    """One echo."""
    late = round(seconds * waveform.rate)
    samples = waveform.samples.copy()
    samples[:, late:] += np.float32(10 ** (decibels / 20)) * waveform.samples[:, : waveform.frames - late]
    return Waveform(samples, waveform.rate)


def reverberate(waveform: Waveform, t60: float = 0.8, decibels: float = -3.0, seed: int = 0) -> Waveform:
    """A room: noise that dies exponentially, its energy `decibels` beside the dry sound."""
    from scipy.signal import oaconvolve

    time = np.arange(int(t60 * waveform.rate)) / waveform.rate
    tail = np.random.default_rng(seed).standard_normal((waveform.channels, len(time))) * 10 ** (-3 * time / t60)
    tail *= 10 ** (decibels / 20) / np.sqrt(np.square(tail).sum(axis=1, keepdims=True))
    tail[:, 0] += 1
    wet = oaconvolve(waveform.samples, tail, axes=1)[:, : waveform.frames]
    return Waveform(wet.astype(np.float32), waveform.rate)


def compress(waveform: Waveform, threshold: float = -24.0, ratio: float = 4.0) -> Waveform:
    """A compressor: above `threshold` dBFS the level (instant attack, 100 ms release) rises `ratio` times less."""
    hop = max(1, waveform.rate // 200)
    blocks = -(-waveform.frames // hop)
    padded = np.pad(np.abs(waveform.samples).max(axis=0), (0, blocks * hop - waveform.frames))
    peaks = padded.reshape(blocks, hop).max(axis=1)
    keep = np.exp(-hop / (0.1 * waveform.rate))
    held = np.empty(blocks)
    now = 0.0
    for block, peak in enumerate(peaks.tolist()):
        now = max(peak, keep * now)
        held[block] = now
    over = np.maximum(0, 20 * np.log10(held + 1e-9) - threshold)
    gains = np.interp(np.arange(waveform.frames), np.arange(blocks) * hop, 10 ** (-over * (1 - 1 / ratio) / 20))
    return Waveform(waveform.samples * gains.astype(np.float32), waveform.rate)


def mix(waveform: Waveform, other: Waveform, decibels: float = 0.0) -> Waveform:
    """Other music at the same time, its effective level `decibels` above this one's; as long as the shorter of both."""
    frames = min(waveform.frames, other.resampled(waveform.rate).frames)
    here = waveform.samples[:, :frames]
    there = other.resampled(waveform.rate).samples[:, :frames]
    level = np.sqrt(np.square(here, dtype=np.float64).mean() / np.square(there, dtype=np.float64).mean())
    return Waveform(here + np.float32(level * 10 ** (decibels / 20)) * there, waveform.rate)


def splice(waveform: Waveform, seconds: float = 1.0, lost: float = 0.3, seed: int = 0) -> Waveform:
    """Cut into pieces of about `seconds` (half to one and a half), with up to `lost` seconds gone between them."""
    pick = np.random.default_rng(seed)
    pieces, at = [], 0
    while at < waveform.frames:
        length = int(pick.uniform(0.5, 1.5) * seconds * waveform.rate)
        pieces.append(waveform.samples[:, at : at + length])
        at += length + int(pick.uniform(0, lost) * waveform.rate)
    return Waveform(np.concatenate(pieces, axis=1), waveform.rate)


def jitter(waveform: Waveform, milliseconds: float = 1.0, hertz: float = 0.5, seed: int = 0) -> Waveform:
    """Time that sways: the sound comes up to about `milliseconds` early or late, slower than `hertz`."""
    pick = np.random.default_rng(seed)
    time = np.arange(waveform.frames) / waveform.rate
    waves = [np.sin(2 * np.pi * (pick.uniform(0.3, 1) * hertz * time + pick.uniform())) for _ in range(3)]
    places = np.arange(waveform.frames) + milliseconds / 1000 * waveform.rate * np.sum(waves, axis=0) / 2
    samples = [np.interp(places, np.arange(waveform.frames), channel) for channel in waveform.samples]
    return Waveform(np.array(samples, np.float32), waveform.rate)


def stretched(waveform: Waveform, tempo: float = 1.0, pitch: float = 1.0) -> Waveform:
    """Tempo and pitch changed each by its own factor (Signalsmith Stretch)."""
    from python_stretch import Signalsmith

    machine = Signalsmith.Stretch()
    machine.preset(waveform.channels, waveform.rate)
    machine.setTransposeSemitones(12 * float(np.log2(pitch)))
    machine.setTimeFactor(tempo)
    # It refuses arrays that are read-only.
    return Waveform(np.array(machine.process(np.array(waveform.samples)), np.float32), waveform.rate)


def over_the_air(waveform: Waveform, seed: int = 0, decibels: float = 0.0) -> Waveform:
    """Played by a loudspeaker in a room and taken up by a telephone: mono, 300 Hz to 7 kHz, reverberation, noise.

    The room's energy is `decibels` beside the direct sound's: 0 dB at the critical distance, 6 dB less at half of it.
    That distance is 0.057 sqrt(V / T60) (Kuttruff, Room Acoustics), from a source that radiates to all sides alike: in
    a living room of 60 m3 whose T60 is 0.5 s, as here, 0.6 m.
    """
    room = reverberate(high_pass(low_pass(waveform.mono(), 7000), 300), 0.5, decibels, seed)
    return noise(room, 25, seed)


def denoise(waveform: Waveform, decibels: float = 12.0) -> Waveform:
    """Spectral subtraction: what hardly rises above each bin's quietest tenth is lowered by up to `decibels`."""
    from scipy.signal import istft, stft

    spectra = stft(waveform.samples, nperseg=2048, noverlap=1536)[2]
    power = np.square(np.abs(spectra))
    floor = np.percentile(power, 10, axis=2, keepdims=True)
    factors = np.maximum(10 ** (-decibels / 20), np.sqrt(np.maximum(0, 1 - 2 * floor / (power + 1e-12))))
    samples = istft(spectra * factors, nperseg=2048, noverlap=1536)[1][:, : waveform.frames]
    return Waveform(samples.astype(np.float32), waveform.rate)


def _filtered(waveform: Waveform, hertz: float, kind: str) -> Waveform:
    from scipy.signal import butter, sosfilt

    sections = butter(8, hertz, kind, fs=waveform.rate, output="sos")
    return Waveform(sosfilt(sections, waveform.samples, axis=1).astype(np.float32), waveform.rate)


def encode(waveform: Waveform, codec: str, kilobits: int) -> Waveform:
    """Through a lossy encoder and back, in memory.

    codec: "mp3", "aac" or "opus". The result keeps the encoder's delay and rate, as a file would.
    """
    import av

    container, name, rate = _CODECS[codec]
    source = waveform if rate is None else waveform.resampled(rate)
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        layout = "mono" if source.channels == 1 else "stereo"
        stream = cast("AudioStream", output.add_stream(name, rate=source.rate, layout=layout))
        stream.bit_rate = kilobits * 1000
        frame = av.AudioFrame.from_ndarray(source.samples, format="fltp", layout=layout)
        frame.sample_rate = source.rate
        frame.pts = 0
        resampler = av.AudioResampler(stream.format, stream.layout, source.rate, stream.frame_size or None)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as opened:
        audio = opened.streams.audio[0]
        floats = av.AudioResampler("fltp", audio.layout, audio.rate)
        pieces = [part.to_ndarray() for frame in opened.decode(audio) for part in floats.resample(frame)]
        pieces += [part.to_ndarray() for part in floats.resample(None)]
        return Waveform(np.concatenate(pieces, axis=1), audio.rate)


def vorbis(waveform: Waveform, quality: float = 0.3) -> Waveform:
    """Through OGG Vorbis and back, in memory; quality from 0 (smallest file, about 64 kbit/s in stereo) to 1."""
    import soundfile

    block = 1 << 16
    file = io.BytesIO()
    with soundfile.SoundFile(
        file, "w", waveform.rate, waveform.channels, format="OGG", subtype="VORBIS", compression_level=1 - quality
    ) as output:
        # libsndfile overflows its stack when it is handed minutes at once.
        for start in range(0, waveform.frames, block):
            output.write(waveform.samples[:, start : start + block].T)
    file.seek(0)
    samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    return Waveform(np.ascontiguousarray(samples.T), rate)
