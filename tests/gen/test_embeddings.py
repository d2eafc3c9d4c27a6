import importlib.util
import sys

import librosa
import numpy as np
import pytest
import torch
from studio import melody

from gen.config import RATE
from gen.embeddings import EMBEDDINGS, SECONDS, clap, random_network, timbre, vggish
from gen.errors import MetricError
from gen.frechet import frechet_distance, kernel_distance


def music(seconds=30.0, seed=0, pitch=220.0):
    return torch.from_numpy(melody(seconds, seed=seed, pitch=pitch).samples[0].copy())


def noise(length, level):
    return level * torch.randn(length, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("embed", EMBEDDINGS.values(), ids=EMBEDDINGS)
def test_windows_stand_each_for_themselves(embed):
    sound = music(3.5)
    found = embed(sound)
    assert found.dtype == np.float64
    assert len(found) == 3
    assert np.allclose(embed(sound[RATE : 2 * RATE]), found[1:2], atol=1e-4)
    assert np.array_equal(embed(sound), found)


@pytest.mark.parametrize("embed", EMBEDDINGS.values(), ids=EMBEDDINGS)
@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
@pytest.mark.slow
def test_music_is_nearer_to_like_music_than_to_worse(embed, distance):
    real, like, noisy, noisier = (
        embed(sound)
        for sound in (
            music(seed=1),
            music(seed=2),
            music(seed=2) + noise(30 * RATE, 0.01),
            music(seed=2) + noise(30 * RATE, 0.1),
        )
    )
    found = [distance(made, real) for made in (like, noisy, noisier)]
    assert found[0] < found[1] < found[2]


def test_timbre_is_that_of_librosa():
    from gen.embeddings import _MEL
    from gen.features import log_mel

    sound = music(1.0)
    theirs = librosa.feature.mfcc(S=log_mel(sound, _MEL).numpy(), n_mfcc=20, dct_type=2, norm="ortho")
    found = timbre(sound)[0]
    assert found[:20] == pytest.approx(theirs.mean(axis=1), abs=1e-3)
    assert found[20:] == pytest.approx(theirs.std(axis=1, ddof=1), abs=1e-3)


def test_the_random_network_is_always_the_same():
    # The first weight, from the first 64 bits of PCG64: width * (2 * (bits >> 11) / 2**53 - 1), width (2 / 3)**0.5.
    from gen.embeddings import _network

    bits = int(np.random.PCG64(20261125).random_raw())
    assert float(_network()[0].weight.flatten()[0]) == pytest.approx((2 / 3) ** 0.5 * (2 * (bits >> 11) / 2**53 - 1))
    for layer in list(_network())[::2]:
        assert float(layer.weight.var()) == pytest.approx(2 / layer.weight[0].numel(), rel=0.25)
    assert random_network(music(1.0)).shape == (1, 64)


@pytest.mark.parametrize("embed", EMBEDDINGS.values(), ids=EMBEDDINGS)
def test_less_than_a_window_is_refused(embed):
    with pytest.raises(MetricError, match="1 s or more"):
        embed(torch.zeros(int(SECONDS * RATE) - 1))
    with pytest.raises(MetricError, match=r"\(N,\)"):
        embed(torch.zeros(2, RATE))


def test_without_the_packages_they_say_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setitem(sys.modules, "torchvggish", None)
    with pytest.raises(MetricError, match="pip install transformers"):
        clap(tmp_path)
    with pytest.raises(MetricError, match="pip install torchvggish"):
        vggish(tmp_path / "vggish.pth")


@pytest.mark.integration
@pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="transformers is not installed")
def test_clap_is_taken_from_a_folder(tmp_path):
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    audio = {"depths": [1, 1], "num_attention_heads": [2, 2], "patch_embeds_hidden_size": 16, "hidden_size": 32}
    text = {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 32}
    ClapModel(ClapConfig(audio_config=audio, text_config=text, projection_dim=24)).save_pretrained(tmp_path)
    with pytest.raises(MetricError, match="CLAP"):
        clap(tmp_path / "absent")
    ClapFeatureExtractor(truncation="rand_trunc").save_pretrained(tmp_path)
    found = clap(tmp_path)(music(21.0))
    assert found.shape == (2, 24)
    assert np.isfinite(found).all()


@pytest.mark.integration
@pytest.mark.skipif(importlib.util.find_spec("torchvggish") is None, reason="torchvggish is not installed")
def test_vggish_takes_its_weights_from_a_file(tmp_path):
    from torchvggish import VGG, make_layers

    file = tmp_path / "vggish.pth"
    with pytest.raises(MetricError, match="state dictionary"):
        vggish(file)
    torch.save(VGG(make_layers(), False).state_dict(), file)
    found = vggish(file)(music(3.0))
    assert found.shape == (3, 128)
    with pytest.raises(MetricError, match=r"0\.96 s or more"):
        vggish(file)(music(0.5))
