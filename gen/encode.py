"""From samples to the bytes of a file."""

import hashlib
import struct
import wave
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from gen.errors import UnknownFormat
from gen.file import printable, replacing
from gen.tags import Tags
from gen.waveform import Waveform

_BLOCK = 1 << 16
# FFmpeg's encoder, its container, the rates it takes (ascending).
_LOSSY = {
    ".mp3": ("libmp3lame", "mp3", (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)),
    ".m4a": ("aac", "ipod", (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)),
    ".opus": ("libopus", "opus", (48000,)),
}
# Vorbis has qualities, no bit rates: the nominal kbit/s of qualities 0 to 10 for stereo at 44.1 kHz (libvorbis).
_VORBIS_KBPS = (64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 500)
# Bytes of samples in a WAV file, whose sizes are 32-bit numbers.
_LARGEST = (1 << 32) - 64
_FORMATS = ".wav, .flac, .mp3, .ogg, .m4a or .opus"


def save(path: Path, waveform: Waveform) -> None:
    """Write a WAV file with 16-bit samples, whole or not at all.

    A sample x becomes round(x * 32768), ties to even, clipped to -32768..32767, without dither: what `load` gives for
    such a file is written back unchanged. The file holds nothing but format and samples, so equal samples give
    equal bytes. Raises OSError as `open` does, and UnknownFormat if it would be larger than a WAV can be (4 GiB).
    """
    with replacing(path) as file:
        _write_wav(file, waveform, printable(path))


def write_wav(file: BinaryIO, blocks: Iterable[npt.NDArray[np.float32]], channels: int, rate: int) -> bytes:
    """Write sound as it is made, float32 (channels, n) after another, as `save` writes it whole.

    file: binary, and seekable. Returns the sha256 of the samples that the file holds, as `Waveform.pcm_sha256` of what
    `load` gives for it. Raises OSError, and UnknownFormat beyond 4 GiB.
    """
    heard, size = hashlib.sha256(), 0
    with wave.open(file, "wb") as sink:
        sink.setnchannels(channels)
        sink.setsampwidth(2)
        sink.setframerate(rate)
        for block in blocks:
            pcm = pcm16(block)
            size += pcm.nbytes
            if size > _LARGEST:
                raise UnknownFormat(f"more than a WAV file can hold: {size} bytes; make it shorter")
            sink.writeframesraw(pcm.tobytes())
            heard.update(np.ascontiguousarray(pcm / np.float32(32768), "<f4").data)
    return heard.digest()


def rounded(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What a file with 16-bit samples holds of samples (channels, n): the same shape."""
    return np.ascontiguousarray((pcm16(samples) / np.float32(32768)).astype(np.float32).T)


def pcm16(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    """Samples (channels, n) as such a file has them: int16 (n, channels), in its order of bytes."""
    # Exact in 32 bits: a power of two moves the point alone.
    scaled = samples * np.float32(32768)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -32768, 32767, out=scaled)
    pcm = np.empty(scaled.shape[::-1], "<i2")
    pcm[...] = scaled.T
    return pcm


def wav_header(frames: int, channels: int, rate: int) -> bytes:
    """The first 44 bytes of a WAV file with 16-bit samples, as `save` writes them (RIFF, Microsoft and IBM, 1991).

    Raises UnknownFormat for more frames than such a file can hold.
    """
    size = 2 * channels * frames
    if size > _LARGEST:
        raise UnknownFormat(f"more than a WAV file can hold: {size} bytes; make it shorter")
    form = (b"fmt ", 16, 1, channels, rate, 2 * channels * rate, 2 * channels, 16)
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", *form, b"data", size)


def encode(path: Path, waveform: Waveform, bitrate_kbps: int = 192, tags: Tags | None = None) -> None:
    """Write a file in the format of its suffix, whole or not at all: .wav, .flac, .mp3, .ogg, .m4a, .opus.

    bitrate_kbps: constant for .mp3, an average for .m4a and .opus, the nearest quality for .ogg (Vorbis is always
    variable); .wav and .flac (16 bits, the same samples as `save`) take no notice of it. A rate that the format does
    not know is converted to the next higher one, or to its highest; Opus is always 48 kHz. tags: for players to show;
    a .wav takes none here.
    Raises UnknownFormat for another suffix, more than two channels or a bit rate that the encoder refuses, OSError.
    """
    name = printable(path)
    suffix = Path(path).suffix.lower()
    if suffix not in (".wav", ".flac", ".ogg", *_LOSSY):
        raise UnknownFormat(f"{name}: no format for the suffix {suffix!r}; use {_FORMATS}")
    if not 8 <= bitrate_kbps <= 512:
        raise UnknownFormat(f"{name}: {bitrate_kbps} kbit/s; give 8 to 512")
    with replacing(path) as file:
        if suffix == ".wav":
            _write_wav(file, waveform, name)
        elif suffix in (".flac", ".ogg"):
            _write_sndfile(file, waveform, suffix, bitrate_kbps, name, tags or Tags())
        else:
            _write_ffmpeg(file, waveform, suffix, bitrate_kbps, name, tags or Tags())


def _quantised(waveform: Waveform, start: int) -> np.ndarray:
    """One block as int16 (frames, channels)."""
    return pcm16(waveform.samples[:, start : start + _BLOCK])


def _write_wav(file: BinaryIO, waveform: Waveform, name: str) -> None:
    if waveform.frames * waveform.channels * 2 > _LARGEST:
        raise UnknownFormat(f"{name}: more than a WAV file can hold; cut it into parts")
    with wave.open(file, "wb") as sink:
        sink.setnchannels(waveform.channels)
        sink.setsampwidth(2)
        sink.setframerate(waveform.rate)
        sink.setnframes(waveform.frames)
        for start in range(0, waveform.frames, _BLOCK):
            sink.writeframesraw(_quantised(waveform, start).tobytes())


def _write_sndfile(file: BinaryIO, waveform: Waveform, suffix: str, bitrate_kbps: int, name: str, tags: Tags) -> None:
    import soundfile

    settings = {"format": "FLAC", "subtype": "PCM_16"}
    if suffix == ".ogg":
        per_pair = bitrate_kbps * 2 / waveform.channels * 44100 / max(waveform.rate, 44100)
        quality = np.interp(per_pair, _VORBIS_KBPS, np.linspace(0.0, 1.0, len(_VORBIS_KBPS)))
        # libsndfile counts compression, the other way round.
        settings = {"format": "OGG", "subtype": "VORBIS", "compression_level": float(1.0 - quality)}
    try:
        with soundfile.SoundFile(file, "w", waveform.rate, waveform.channels, **settings) as sink:
            for tag, value in tags.given().items():
                setattr(sink, tag, value)
            for start in range(0, waveform.frames, _BLOCK):
                if suffix == ".flac":
                    sink.write(_quantised(waveform, start))
                else:
                    sink.write(waveform.samples[:, start : start + _BLOCK].T)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise UnknownFormat(f"{name}: the encoder refuses {waveform!r}; use mono or stereo at 44100 Hz") from error


def _write_ffmpeg(file: BinaryIO, waveform: Waveform, suffix: str, bitrate_kbps: int, name: str, tags: Tags) -> None:
    import av

    codec, container, rates = _LOSSY[suffix]
    if waveform.channels > 2:
        raise UnknownFormat(f"{name}: {waveform.channels} channels; mix down to mono or stereo")
    rate = next((known for known in rates if known >= waveform.rate), rates[-1])
    samples = waveform.resampled(rate).samples
    layout = "mono" if waveform.channels == 1 else "stereo"
    try:
        # bitexact: no encoder version and no time in the file.
        with av.open(file, "w", format=container, options={"fflags": "+bitexact"}) as sink:
            sink.metadata.update(tags.given())
            track = sink.add_stream(codec, rate=rate, layout=layout)
            track.bit_rate = bitrate_kbps * 1000
            track.codec_context.open()
            shaper = av.AudioResampler(track.format.name, layout, rate, frame_size=track.codec_context.frame_size)
            for start in range(0, samples.shape[1], _BLOCK):
                block = np.ascontiguousarray(samples[:, start : start + _BLOCK])
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
                frame.rate, frame.pts = rate, start
                for shaped in shaper.resample(frame):
                    sink.mux(track.encode(shaped))
            for shaped in shaper.resample(None):
                sink.mux(track.encode(shaped))
            sink.mux(track.encode(None))
    except av.error.FFmpegError as error:
        raise UnknownFormat(
            f"{name}: the encoder refuses {waveform.channels} channels at {rate} Hz with {bitrate_kbps} kbit/s; "
            "choose a usual bit rate such as 128"
        ) from error
