"""The page of audio examples, made by `scripts/audio_examples.py` from a model that has learned nothing."""

import html.parser
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from studio import MICRO, melody

from gen.audio import load, save
from gen.models.latent import latent_of
from gen.models.lstm_gan import LstmGenerator
from gen.models.vocoders import make_vocoder
from gen.training.checkpoint import Checkpoint, save_checkpoint
from gen.training.initial import initialise

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "audio_examples.py"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studio")
    latent = latent_of(MICRO.latent, MICRO.rows)
    model, vocoder = LstmGenerator(MICRO.generator, latent, 2, 12), make_vocoder(MICRO.vocoder, MICRO.mel)
    random = torch.Generator().manual_seed(1)
    for part in (model, vocoder):
        initialise(part, random)
    save_checkpoint(Checkpoint(MICRO, ("a", "<b>"), model, vocoder), folder / "model.safetensors")
    for name in ("one/x<y", "one/z", "two/w"):
        path = folder / "recordings" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path, melody(8.0, channels=2))
    return folder


def make(studio, out, *options):
    command = [sys.executable, SCRIPT, studio / "model.safetensors", studio / "recordings", "--out", out, *options]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=SCRIPT.parent.parent,
        env={"PYTHONPATH": ".", "OMP_NUM_THREADS": "1", "PATH": ""},
    )


@pytest.fixture(scope="module")
def made(studio, tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    done = make(studio, folder, "--most", "2", "--seconds", "6")
    assert done.returncode == 0, done.stderr
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Page(html.parser.HTMLParser):
    """Collects what a page points to, and its text."""

    def __init__(self, text):
        super().__init__()
        self.sounds, self.links, self.said = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.links += [value for name, value in attributes if name in {"src", "href"}]
        if tag == "audio":
            self.sounds.append(found["src"])

    def handle_data(self, data):
        self.said += data


def test_the_page_names_every_sound_and_nothing_else(made):
    page = Page((made / "index.html").read_text("utf-8"))
    assert page.links == page.sounds  # no style sheet, script or font from elsewhere
    assert sorted(page.sounds) == sorted(path.name for path in made.glob("*.opus"))
    # For each recording three copies and a continuation; two of each style; one way between styles, one between seeds.
    assert len(page.sounds) == 2 * 4 + 2 * 2 + 2
    # A folder in turn: the first of each.
    assert "x<y, continued" in page.said and "w, continued" in page.said and "z, continued" not in page.said
    assert "from a to <b>" in page.said
    assert load(made / "continuation-0.opus").duration == pytest.approx(12, abs=0.1)
    assert load(made / "style-1-1.opus").duration == pytest.approx(6, abs=0.1)


def test_the_same_seed_makes_the_same_files(studio, made, tmp_path):
    make(studio, tmp_path / "again", "--most", "2", "--seconds", "6")
    make(studio, tmp_path / "other", "--most", "1", "--seconds", "6", "--seed", "2")
    first, again, other = (contents(folder) for folder in (made, tmp_path / "again", tmp_path / "other"))
    assert first == again
    assert first["style-0-0.opus"] != other["style-0-0.opus"]
    assert first["recording-0.opus"] == other["recording-0.opus"]


def test_what_cannot_be_used_is_named(studio, tmp_path):
    done = make(studio, tmp_path / "out", "--seconds", "2")
    assert done.returncode == 2
    assert "--seconds: 6 or more" in done.stderr
    (studio / "empty").mkdir()
    command = [sys.executable, SCRIPT, studio / "model.safetensors", studio / "empty", "--out", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=SCRIPT.parent.parent)
    assert done.returncode == 1
    assert "empty" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
