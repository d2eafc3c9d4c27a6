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
