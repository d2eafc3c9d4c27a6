import librosa
import numpy as np
import pytest
import torch
from studio import melody

from gen.config import MelConfig, TileConfig
from gen.errors import ConfigError
from gen.features import FLOOR, log_mel
from gen.tiles import SIZE, WINDOW, mel_tiles, samples_of, tiles

HOPS = [TileConfig(), TileConfig(64), TileConfig(100)]


def snr(real, made):
    return float(10 * torch.log10(real.square().sum() / (real - made).square().sum().clamp_min(1e-30)))


def noise(frames, seed=1):
    return torch.randn(frames, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("config", HOPS, ids=lambda config: str(config.hop))
@pytest.mark.parametrize("frames", [1, 127, 5000, 16257, 40000])
def test_tiles_are_librosas_spectrum(config, frames):
    samples = noise(frames)
    found = tiles(samples, config)
    assert found.shape[1:] == (2, SIZE, SIZE) and found.dtype == torch.float32
    known = (found.shape[0] * SIZE - 1) * config.hop + WINDOW
    padded = np.pad(samples.numpy(), (SIZE - 1, known))
    wanted = librosa.stft(padded, n_fft=WINDOW, hop_length=config.hop, center=False)[:, : found.shape[0] * SIZE]
    bins = torch.polar(found[:, 0], found[:, 1]).transpose(0, 1).reshape(SIZE, -1).numpy()
    np.testing.assert_allclose(bins, wanted, atol=1e-4)
    np.testing.assert_allclose(found[:, 0].transpose(0, 1).reshape(SIZE, -1).numpy(), np.abs(wanted), atol=1e-4)
    # No tile more than it takes.
    assert (found.shape[0] - 1) * SIZE <= frames // config.hop


@pytest.mark.parametrize("config", HOPS, ids=lambda config: str(config.hop))
@pytest.mark.parametrize("frames", [1, 127, 5000, 16257, 40000])
def test_the_way_back_is_exact_even_for_noise(config, frames):
    samples = noise(frames)
    made = samples_of(tiles(samples, config), config, frames)
    assert made.shape == samples.shape
    assert snr(samples, made) > 100


def test_one_tile_out_of_the_middle_can_be_heard():
    config, samples = TileConfig(), torch.tensor(melody(3).samples[0])
    found = tiles(samples, config)
    made = samples_of(found[3:4], config)
    begin = 3 * SIZE * config.hop
    assert len(made) == 127 * config.hop + 1
    inner = slice(config.hop, -config.hop)
    assert snr(samples[begin : begin + len(made)][inner], made[inner]) > 100
    assert snr(samples[begin : begin + len(made)], made) > 30


def test_mel_tiles_are_the_mel_of_the_project():
    samples = torch.tensor(melody(4).samples[0])
    found = mel_tiles(samples, MelConfig())
    assert found.shape == (3, 128, SIZE)
    mel = log_mel(samples, MelConfig())
    joined = found.transpose(0, 1).reshape(128, -1)
    assert torch.allclose(joined[:, : mel.shape[1] - 3], mel[:, :-3], atol=1e-4)
    assert torch.allclose(joined[:, mel.shape[1] + 3 :], torch.tensor(FLOOR).log())


def test_frames_without_overlap_are_refused():
    with pytest.raises(ConfigError, match=r"tile\.hop"):
        TileConfig(129)
