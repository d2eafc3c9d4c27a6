import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen.config import MelConfig
from gen.errors import ConfigError, UnreadableFile
from gen.models.config import GeneratorConfig, VocoderConfig
from gen.preset import Preset, load_preset, preset_names, read_preset


def test_every_preset_that_ships_can_be_read_and_round_trips():
    assert "tiny" in preset_names()
    for name in preset_names():
        preset = load_preset(name)
        assert preset.name == name
        assert Preset.from_dict(preset.to_dict()) == preset


def test_config_does_not_load_torch():
    code = "import sys, gen.preset; gen.preset.load_preset('tiny'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_preset_is_named_with_those_that_exist():
    with pytest.raises(ConfigError, match=r"'huge' is not known.*tiny"):
        load_preset("huge")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "x", "generator": {"hiden": 3}}, "generator.hiden: unknown"),
        ({"name": "x", "generator": {"hidden": "3"}}, "generator.hidden: must be of type int"),
        ({"name": "x", "generator": {"hidden": True}}, "generator.hidden: must be of type int"),
        ({"name": "x", "augment": {"invert": 1}}, "augment.invert: must be of type bool"),
        ({"name": "x", "augment": {"share": 0.5}}, "augment.share: must be 0 without"),
        ({"name": "x", "augment": {"noise": 6}}, "augment.noise"),
        ({"name": "x", "generator": {"hidden": 0}}, "generator.hidden: must be at least 1"),
        ({"name": "x", "generator": {"noise": float("nan")}}, "generator.noise: must be a finite number"),
        ({"name": "x", "generator": 3}, "generator.*must hold names and values"),
        ({"name": "x", "vocoder": {"upsample": 2}}, "vocoder.upsample: must be a list"),
        ({"name": "x", "vocoder": {"upsample": [3]}}, "vocoder.upsample.*divides mel.hop"),
        ({"name": "x", "mel": {"lowest": 9000, "highest": 8000}}, "mel.lowest"),
        ({}, "name"),
    ],
)
def test_nonsense_is_refused_by_name(values, said):
    with pytest.raises(ConfigError, match=said):
        Preset.from_dict(values)


def test_a_preset_of_ones_own_is_like_another_but_for_what_it_sets(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("like: tiny\naugment: {share: 0.5, shift: 1}\ncleaning: {lowest: 40}\nsegment: {overlap: 0.5}\n")
    found, tiny = read_preset(path), load_preset("tiny")
    assert (found.name, found.augment.shift, found.cleaning.lowest) == ("mine", 1.0, 40.0)
    assert found.segment == replace(tiny.segment, overlap=0.5) and found.generator == tiny.generator
    path.write_text("mel: {bands: 100}")
    assert read_preset(path) == Preset("mine", mel=MelConfig(bands=100))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("mine.yaml", "augment: {shifts: 1}", "preset mine.yaml: augment.shifts: unknown"),
        ("mine.yaml", "like: huge", "preset mine.yaml: preset 'huge' is not known"),
        ("mine.yaml", "like: [1]", "is not known"),
        ("mine.yaml", "- 1", "must hold names and values"),
        ("mine.yaml", "a: [", "preset mine.yaml: no YAML"),
        ("mine.yaml", "\xff", "no YAML"),
        ("mine.yaml", "[" * 3_000, "no YAML"),
        ("mine.yaml", "1: {}", "1: unknown"),
        ("mine.yaml", "# " * 40_000, "more than 65536 bytes"),
        ("tiny.yaml", "like: tiny", "stands in every record"),
        ("my own.yaml", "like: tiny", "stands in every record"),
    ],
)
def test_a_preset_that_makes_no_sense_is_named(tmp_path, name, text, said):
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        read_preset(tmp_path / name)
    assert said in str(caught.value)
    with pytest.raises(UnreadableFile):
        read_preset(tmp_path / "none.yaml")


@given(
    st.builds(
        Preset,
        name=st.text(min_size=1, max_size=8),
        generator=st.builds(
            GeneratorConfig, hidden=st.integers(1, 999), dropout=st.floats(0, 0.9), nucleus=st.floats(0.1, 1.0)
        ),
        vocoder=st.builds(VocoderConfig, upsample=st.sampled_from([(), (2,), (2, 4)])),
        mel=st.builds(MelConfig, bands=st.integers(40, 200)),
    )
)
def test_dictionaries_round_trip(preset):
    assert Preset.from_dict(preset.to_dict()) == preset


def test_flat_holds_only_what_a_record_can_hold():
    flat = load_preset("tiny").flat()
    assert flat["generator.hidden"] == 256
    assert flat["generator.dropout"] == "0.2"
    assert flat["vocoder.kernels"] == "3,7"
    assert flat["augment.shift"] == "0.0" and flat["augment.invert"] is False
    assert all(isinstance(value, str | int | bool) for value in flat.values())
