import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen.config import MelConfig
from gen.errors import ConfigError
from gen.models.config import GeneratorConfig, VocoderConfig
from gen.preset import Preset, load_preset, preset_names


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
