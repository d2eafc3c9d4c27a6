import sys

import pytest
import torch
from studio import MICRO, melody

from gen.errors import ConfigError
from gen.features import from_spectrum, hann, log_mel
from gen.models.config import VocoderConfig
from gen.models.vocoders import make_vocoder
from gen.training.initial import initialise

KINDS = {
    "istft": VocoderConfig(channels=16, phase_refinement=1),
    "hifigan": VocoderConfig(kind="hifigan", variant="v3"),
    "backbone": VocoderConfig(kind="backbone", channels=32, blocks=2),
}


def vocoder(kind):
    made = make_vocoder(KINDS[kind], MICRO.mel)
    initialise(made, torch.Generator().manual_seed(3))
    if kind == "hifigan":
        with torch.no_grad():
            for parameter in made.leave.parameters():
                parameter.mul_(8)
    return made.eval()


def frames():
    return log_mel(torch.from_numpy(melody(0.4).samples.copy()), MICRO.mel)


def seed():
    return torch.Generator().manual_seed(7)


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_gives_the_same(kind):
    made = vocoder(kind)
    wanted = made.render(frames(), seed())
    assert float(wanted.abs().max()) > 0.01
    for way in made.ways:
        if way == "onnx":
            pytest.importorskip("onnxruntime")
        found = made.by(way).render(frames(), seed())
        assert float((found - wanted).abs().max()) < 1e-4, way


@pytest.mark.parametrize(("kind", "way"), [("hifigan", "channels-last"), ("istft", "eager"), ("backbone", "onnx")])
def test_the_fastest_way_is_taken(kind, way):
    if way == "onnx":
        pytest.importorskip("onnxruntime")
    assert vocoder(kind).quickened().way == way


def test_without_onnxruntime_it_goes_on_without(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    made = vocoder("backbone")
    assert made.quickened().way == "eager"
    with pytest.raises(ConfigError, match=r"stemmata\[fast\]"):
        made.by("onnx")


def test_a_way_that_differs_is_not_taken(monkeypatch):
    pytest.importorskip("onnxruntime")
    made = vocoder("backbone")
    honest = type(made).prepare

    def broken(self):
        honest(self)
        if self.way == "onnx":
            graph = self.graph
            self.graph = lambda frames: tuple(part * 1.05 for part in graph(frames))

    monkeypatch.setattr(type(made), "prepare", broken)
    assert made.quickened().way == "eager"


@pytest.mark.parametrize("kind", ["hifigan", "backbone"])
def test_bfloat16_is_near_and_only_on_demand(kind):
    made = vocoder(kind)
    wanted, found = (by.render(frames(), seed()) for by in (made, made.by("bfloat16")))
    assert 1e-6 < float((found - wanted).norm() / wanted.norm()) < 0.2
    assert "bfloat16" not in made.ways


def test_a_way_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="'hifigan' is rendered by channels-last, eager, not by 'onnx'"):
        vocoder("hifigan").by("onnx")


def test_a_copy_of_a_copy_is_one_too():
    made = vocoder("hifigan")
    assert torch.equal(made.folded().folded()(frames()), made.folded()(frames()))


@pytest.mark.parametrize(("hop", "frames_wanted"), [(512, 512 * 9), (512, 4000), (256, 256 * 9)])
def test_overlap_and_add_is_torchs_own(hop, frames_wanted):
    bins = torch.randn(2, 1025, 10, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    wanted = torch.istft(bins, 2048, hop, window=hann(2048), center=True, length=frames_wanted)
    assert torch.allclose(from_spectrum(bins, 2048, hop, frames_wanted), wanted, atol=1e-5)
