"""What the tests of learning and generation share: a preset that learns in seconds, and music for it."""

import numpy as np

from gen.config import CorpusConfig, SegmentConfig
from gen.models.config import GeneratorConfig, LatentConfig, VocoderConfig
from gen.preset import Preset
from gen.waveform import Waveform

MICRO = Preset(
    "micro",
    corpus=CorpusConfig(most=12.0),
    segment=SegmentConfig(5.0),
    latent=LatentConfig(size=16),
    generator=GeneratorConfig(codes=16, hidden=32, steps=6, batch=2, length=8, free=4, free_from=2),
    vocoder=VocoderConfig(channels=16, steps=2, batch=1, segment=16384, phase_refinement=2),
)


def melody(seconds: float, *, pitch: float = 220.0, rate: int = 44100, channels: int = 1, seed: int = 0) -> Waveform:
    """Notes of a major chord, two a second, each a decaying tone with partials, over a little noise."""
    random = np.random.default_rng(seed)
    time = np.arange(max(1, int(seconds * rate))) / rate
    note = random.choice([1.0, 1.25, 1.5, 2.0], size=int(seconds * 2) + 1)[(time * 2).astype(int)]
    sound = sum(np.sin(2 * np.pi * pitch * part * note * time) / part for part in (1, 2, 3, 4))
    sound = 0.1 * sound * np.exp(-3 * (time * 2 % 1)) + 1e-3 * random.standard_normal(len(time))
    return Waveform(np.tile(sound.astype(np.float32), (channels, 1)), rate)
