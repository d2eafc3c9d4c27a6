import librosa
import numpy as np
import pytest
import torch

from gen.config import MelConfig
from gen.features import FLOOR, from_spectrum, log_mel, mel_basis, spectrum


@pytest.mark.parametrize("config", [MelConfig(), MelConfig(window=1024, hop=256, bands=80, lowest=0, highest=8000)])
@pytest.mark.parametrize("frames", [2048, 5001, 44100])
def test_log_mel_is_librosas(config, frames):
    samples = np.random.default_rng(frames).normal(0, 0.1, frames).astype(np.float32)
    power = librosa.stft(samples, n_fft=config.window, hop_length=config.hop, pad_mode="constant")
    mel = librosa.feature.melspectrogram(
        S=np.abs(power),
        sr=44100,
        n_fft=config.window,
        n_mels=config.bands,
        fmin=config.lowest,
        fmax=config.highest,
    )
    expected = np.log(np.maximum(mel, FLOOR))
    np.testing.assert_allclose(log_mel(torch.from_numpy(samples), config).numpy(), expected, atol=1e-4)


def test_no_band_is_empty():
    assert (mel_basis(MelConfig()).sum(dim=1) > 0).all()


def test_silence_is_the_floor():
    assert torch.allclose(log_mel(torch.zeros(4096), MelConfig()), torch.tensor(FLOOR).log())


def test_the_spectrum_can_be_inverted():
    samples = torch.randn(2, 10240, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(from_spectrum(spectrum(samples, 2048, 512), 2048, 512, 10240), samples, atol=1e-5)
