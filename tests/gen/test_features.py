import ast
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch

from gen.config import MelConfig
from gen.features import FLOOR, from_spectrum, log_mel, lowest_bins, magnitudes, mel_basis, spectrum


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


@pytest.mark.parametrize("frames", [1, 511, 512, 700, 1024, 262144, 300001])
def test_piece_by_piece_is_the_same_as_at_once(frames):
    samples = torch.randn(frames, generator=torch.Generator().manual_seed(frames))
    for window, hop in ((2048, 512), (1200, 300), (64, 31)):
        pieces = list(magnitudes(samples, window, hop))
        assert max(piece.shape[1] for piece in pieces) <= 512
        assert torch.allclose(torch.cat(pieces, dim=1), spectrum(samples, window, hop).abs(), atol=1e-5)


@pytest.mark.parametrize("frames", [2, 64, 65, 200])
def test_the_lowest_bins_are_those_of_the_spectrum(frames):
    samples = torch.randn(2, (frames - 1) * 96, generator=torch.Generator().manual_seed(frames))
    padded = torch.nn.functional.pad(samples, (128, 128 + 95))  # ends before another frame would be whole
    assert torch.allclose(lowest_bins(padded, 256, 96, 100), spectrum(samples, 256, 96)[:, :100], atol=1e-5)


def test_there_is_one_definition_of_mel():
    """Nobody else in the rooms builds a filter bank or asks another library for mel frames."""
    makers = {"mel", "melspectrogram", "mfcc", "MelSpectrogram", "MelScale", "melscale_fbanks", "mel_to_stft"}
    root = Path(__file__).parents[2]
    found = {}
    for path in sorted(path for room in ("gen", "api") for path in (root / room).rglob("*.py")):
        tree = ast.parse(path.read_bytes())
        called = {
            node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and hasattr(node.func, "attr")
        }
        taken = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        if (called | taken) & makers:
            found[path.relative_to(root).as_posix()] = (called | taken) & makers
    assert found == {"gen/features.py": {"mel"}}
