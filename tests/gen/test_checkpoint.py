import json
import resource
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save
from studio import MICRO

from gen.errors import CheckpointError
from gen.models.latent import latent_of
from gen.models.lstm_gan import LstmGenerator
from gen.models.vocoders import make_vocoder
from gen.training.checkpoint import MOST_HEADER, Checkpoint, load_checkpoint, save_checkpoint
from gen.training.initial import initialise


@pytest.fixture
def checkpoint():
    generator = LstmGenerator(MICRO.generator, latent_of(MICRO.latent, MICRO.rows), 2, 7)
    vocoder = make_vocoder(MICRO.vocoder, MICRO.mel)
    for model in (generator, vocoder):
        initialise(model, torch.Generator().manual_seed(1))
    return Checkpoint(MICRO, ("Bäche", "b"), generator, vocoder)


@pytest.fixture
def path(checkpoint, tmp_path):
    save_checkpoint(checkpoint, tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def altered(path, about=None, **tensors):
    """The same file with other metadata or tensors (None takes one away)."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    found = load(data)
    for name, tensor in tensors.items():
        found[name] = tensor
    found = {name: tensor for name, tensor in found.items() if tensor is not None}
    if about is not None:
        metadata["stemmata"] = json.dumps({**json.loads(metadata["stemmata"]), **about})
    path.write_bytes(save(found, metadata=metadata))
    return path


def test_what_is_read_is_what_was_written(checkpoint, path):
    found = load_checkpoint(path)
    assert found.preset == MICRO
    assert found.styles == ("Bäche", "b")
    for part in ("generator", "vocoder"):
        written, read = (getattr(c, part).state_dict() for c in (checkpoint, found))
        assert written.keys() == read.keys()
        assert all(torch.equal(written[name], read[name]) for name in written)


def test_the_same_networks_give_the_same_bytes(checkpoint, path, tmp_path):
    save_checkpoint(load_checkpoint(path), tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again", "w.safetensors"]


@pytest.mark.parametrize("kept", [0, 7, 8, 100, 5000, -1])
def test_a_file_cut_short_is_refused(path, kept):
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"w\.safetensors"):
        load_checkpoint(path)


def test_no_file_and_other_files_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="none"):
        load_checkpoint(tmp_path / "none")
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path)
    (tmp_path / "text").write_text("once upon a time there was a model")
    with pytest.raises(CheckpointError, match="header"):
        load_checkpoint(tmp_path / "text")
    (tmp_path / "plain").write_bytes(save({"x": torch.zeros(2)}))
    with pytest.raises(CheckpointError, match="metadata"):
        load_checkpoint(tmp_path / "plain")


def test_a_header_beyond_the_limit_is_not_read(tmp_path):
    (tmp_path / "huge").write_bytes(struct.pack("<Q", MOST_HEADER + 1) + b" " * (MOST_HEADER + 100))
    with pytest.raises(CheckpointError, match="header"):
        load_checkpoint(tmp_path / "huge")


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"format": 2}, "format 2"),
        ({"styles": []}, "styles"),
        ({"styles": [1]}, "styles"),
        ({"styles": ["a", "b", "c"]}, "belongs"),
        ({"codes": 8}, "expected"),
        ({"codes": 10**9}, "codes"),
        ({"codes": True}, "codes"),
        ({"labels": [3]}, "labels"),
        ({"labels": [0]}, "labels"),
        ({"labels": [10**9]}, "labels"),
        ({"labels": 3}, "labels"),
        ({"preset": {"name": "x", "generator": {"hidden": 10**7}}}, "units"),
        ({"preset": {"name": "x", "generator": {"secret": 1}}}, "generator.secret"),
        ({"preset": None}, "preset"),
    ],
)
def test_metadata_that_makes_no_sense_is_refused(path, about, said):
    with pytest.raises(CheckpointError, match=said):
        load_checkpoint(altered(path, about))


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (None, "missing"),
        (torch.zeros(3), "expected"),
        (torch.zeros(7, 16, dtype=torch.float64), "expected"),
        (torch.full((7, 16), torch.nan), "NaN"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(path, tensor, said):
    with pytest.raises(CheckpointError, match=f"generator.places.*{said}"):
        load_checkpoint(altered(path, **{"generator.places": tensor}))


def test_tensors_that_do_not_belong_are_refused(path):
    with pytest.raises(CheckpointError, match=r"generator\.extra"):
        load_checkpoint(altered(path, **{"generator.extra": torch.zeros(1)}))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        # Each a thousand gigabytes, or a thousand years.
        ({"vocoder": {"channels": 16000, "kernels": [1001], "dilations": [1, 1]}}, "vocoder.enter.weight: expected"),
        ({"latent": {"kind": "vae", "stack": 1, "size": 16, "channels": 16000}}, "latent.normal.mean: missing"),
        (
            {"latent": {"kind": "vae", "stack": 1, "channels": 16000}, "vocoder": {"kind": "hifigan"}},
            "latent.normal.mean: missing",
        ),
        ({"vocoder": {"kind": "backbone", "blocks": 10**9}}, "units"),
        ({"vocoder": {"dilations": [10**9]}}, "units"),
        ({"vocoder": {"phase_refinement": 10**9}}, "units"),
        ({"generator": {"hidden": 1, "layers": 10**4}}, "units"),
        ({"mel": {"window": 4096, "bands": 2048}, "latent": {"stack": 1}}, "units"),
    ],
    ids=str,
)
def test_networks_larger_than_the_file_take_no_memory(path, settings, said):
    preset = MICRO.to_dict()
    preset |= {name: {**preset[name], **values} for name, values in settings.items()}
    path = altered(path, {"preset": preset})
    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), limits[1]))
    try:
        with pytest.raises(CheckpointError, match=said):
            load_checkpoint(path)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def test_a_failed_write_leaves_nothing(checkpoint, tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        save_checkpoint(checkpoint, tmp_path / "taken")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]
