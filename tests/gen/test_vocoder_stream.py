import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from studio import MICRO, melody

from gen.features import log_mel
from gen.models.config import CUES, VocoderConfig
from gen.models.vocoders import make_vocoder
from gen.training.initial import initialise

MEL = MICRO.mel
KINDS = {
    "istft": VocoderConfig(channels=16, phase_refinement=2),
    "istft, peaks": VocoderConfig(channels=16, phase="peaks", phase_refinement=2),
    "istft, half the hop": VocoderConfig(channels=16, upsample=(2,), phase_refinement=2),
    "hifigan v2": VocoderConfig(kind="hifigan", variant="v2"),
    "hifigan v3": VocoderConfig(kind="hifigan", variant="v3"),
    "backbone": VocoderConfig(kind="backbone", channels=32, blocks=2),
    "backbone, stereo": VocoderConfig(kind="backbone", channels=32, blocks=2, stereo=True),
}


def vocoder(kind):
    made = make_vocoder(KINDS[kind], MEL)
    initialise(made, torch.Generator().manual_seed(3))
    return made.eval()


def frames_for(made, seconds=1.5):
    frames = log_mel(torch.from_numpy(melody(seconds).samples.copy()), MEL)
    cues = torch.rand(1, 2 * CUES, frames.shape[-1], generator=torch.Generator().manual_seed(4)) - 0.5
    return torch.cat([frames, cues], dim=1)[:, : made.config.rows(MEL)]


def seed():
    return torch.Generator().manual_seed(7)


def streamed(made, frames, chunk, sizes):
    stream = made.stream(seed(), chunk)
    return torch.cat([*(stream.push(piece) for piece in frames.split(sizes, dim=-1)), stream.finish()], dim=-1)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow) if kind == "hifigan v2" else kind for kind in KINDS]
)
def test_pieces_give_what_the_whole_gives(kind):
    made = vocoder(kind)
    frames = frames_for(made)
    whole = streamed(made, frames, 100000, frames.shape[-1])
    assert whole.shape[-1] == (frames.shape[-1] - 1) * MEL.hop
    assert float(whole.abs().max()) > 1e-3
    assert float((streamed(made, frames, 20, 7) - whole).abs().max()) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hifigan v2", "backbone"])
def test_a_stream_gives_what_the_network_gives(kind):
    made = vocoder(kind)
    frames = frames_for(made)
    with torch.no_grad():
        assert torch.allclose(streamed(made, frames, 20, 7), made(frames), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_less_context_would_not_do(kind):
    """The context is no larger than twice what is needed, and the test above can fail."""
    made = vocoder(kind)
    frames = frames_for(made, 2.0)
    whole = streamed(made, frames, 100000, frames.shape[-1])
    stream = made.stream(seed(), 20)
    stream.context //= 4
    cut = torch.cat([stream.push(frames), stream.finish()], dim=-1)
    assert float((cut - whole).abs().max()) > 1e-4


@pytest.mark.slow
@given(cuts=st.lists(st.integers(1, 40), min_size=1, max_size=8))
@settings(max_examples=5, deadline=None)
def test_how_frames_arrive_changes_no_bit(cuts):
    made = vocoder("istft")
    frames = frames_for(made, 1.0)
    total = frames.shape[-1]
    sizes = [size for size in cuts if size > 0]
    while sum(sizes) > total:
        sizes.pop()
    sizes.append(total - sum(sizes))
    assert torch.equal(streamed(made, frames, 16, sizes), streamed(made, frames, 16, total))


@pytest.mark.parametrize("kind", ["istft", "backbone, stereo"])
@pytest.mark.slow
def test_what_a_stream_holds_does_not_grow(kind):
    made = vocoder(kind)
    stream = made.stream(seed(), 16)
    frames = frames_for(made, 1.0)
    held = []
    for _ in range(6):
        stream.push(frames)
        held.append(stream.held.shape[-1])
    assert max(held) <= 16 + 2 * stream.context + frames.shape[-1]
    if kind == "istft":
        assert stream.memory.phase.shape[-1] <= 17 + 2 * stream.context
        assert stream.memory.noise.held.shape[-1] < 10 * 44100


@pytest.mark.parametrize("kind", KINDS)
def test_one_frame_is_no_time_yet(kind):
    made = vocoder(kind)
    frames = frames_for(made)[..., :1]
    shape = (1, 2, 0) if made.config.stereo else (1, 0)
    assert made.render(frames, seed()).shape == shape
    assert made.stream(seed()).finish().numel() == 0


def test_frames_of_another_height_are_refused():
    made = vocoder("backbone, stereo")
    with pytest.raises(ValueError, match=r"\(1, 168, T\)"):
        made.render(torch.zeros(1, 128, 9), seed())
    stream = made.stream(seed())
    stream.push(torch.zeros(2, 168, 3))
    with pytest.raises(ValueError, match=r"\(2, 168, T\)"):
        stream.push(torch.zeros(1, 168, 3))
