import hashlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from micro_run import RUN, music

from gen.errors import StateError
from gen.training.loop import Progress, Saving, train

ROOT = Path(__file__).parents[2]


def begun(out, state):
    """The run in a process of its own."""
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("micro_run.py")), str(out), str(state)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )


class Killed(Exception):
    """Stands for a kill, where a whole process would take too long."""


def stopped_at(*places):
    """Progress that ends the run at the first of these (phase, step), and remembers what it heard."""
    heard = []

    def progress(at: Progress) -> None:
        heard.append((at.phase, at.step))
        if (at.phase, at.step) in places:
            raise Killed

    return progress, heard


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a run that nothing stopped, and that saved nothing."""
    return train(music(), RUN, 5, tmp_path_factory.mktemp("whole") / "w").weights.read_bytes()


@pytest.mark.slow
def test_a_run_stopped_anywhere_goes_on_at_the_same_step_and_ends_with_the_same_bytes(whole, tmp_path):
    saving = Saving(tmp_path / "state", steps=3)
    last = None
    for place in (("generator", 5), ("generator", 12), ("vocoder", 4)):
        progress, heard = stopped_at(place)
        with pytest.raises(Killed):
            train(music(), RUN, 5, tmp_path / "w", progress, saving=saving)
        assert not (tmp_path / "w").exists()
        learnt = [(phase, step) for phase, step in heard if phase in ("generator", "vocoder")]
        if last == ("generator", 5):
            assert learnt[0] == ("generator", 4)  # 3 were saved
        if last == ("generator", 12):
            assert learnt[0] == ("generator", 10)  # the end of a phase is saved once it was judged
        last = place
    result = train(music(), RUN, 5, tmp_path / "w", saving=saving, board=tmp_path / "board")
    assert result.weights.read_bytes() == whole
    assert "validation_foresight" in result.metrics and "generator_foresight" in result.metrics
    progress, heard = stopped_at()
    again = train(music(), RUN, 5, tmp_path / "again", progress, saving=saving)
    assert again.weights.read_bytes() == whole and again.metrics == result.metrics
    assert {phase for phase, _ in heard} == {"listening", "windows"}  # nothing was left to learn


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_with_the_same_bytes(whole, tmp_path):
    """SIGKILL, some tenths of a second after one step or another: while it learns, judges, or writes."""
    chance, kills = random.Random(4), 0
    while True:
        process = begun(tmp_path / "w", tmp_path / "state")
        assert process.stdout is not None
        lines = chance.randint(1, 14)
        while lines and (line := process.stdout.readline()):
            lines -= line.startswith(("generator", "vocoder"))
        if line:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.001, 0.1))
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
        if process.returncode == 0:
            break
        assert not (tmp_path / "w").exists()
        assert kills < 20
    assert kills >= 2
    assert hashlib.sha256((tmp_path / "w").read_bytes()).digest() == hashlib.sha256(whole).digest()


def test_the_state_of_another_run_or_a_damaged_one_is_refused_by_name(tmp_path):
    saving = Saving(tmp_path / "state", steps=1)
    progress, _ = stopped_at(("generator", 2))
    with pytest.raises(Killed):
        train(music(), RUN, 5, tmp_path / "w", progress, saving=saving)
    with pytest.raises(StateError, match=r"latent\.state: belongs to another run; delete it"):
        train(music(), RUN, 6, tmp_path / "w", saving=saving)
    path = tmp_path / "state" / "generator.state"
    good = path.read_bytes()
    for harm in (good[:-100] + bytes([good[-100] ^ 1]) + good[-99:], good[: len(good) // 2], b""):
        path.write_bytes(harm)
        with pytest.raises(StateError, match=r"generator\.state: .*delete it"):
            train(music(), RUN, 5, tmp_path / "w", saving=saving)
    assert sorted(file.name for file in (tmp_path / "state").iterdir()) == ["generator.state", "latent.state"]


def test_a_full_disk_leaves_the_last_state(tmp_path, monkeypatch):
    saving = Saving(tmp_path / "state", steps=1)
    progress, _ = stopped_at(("generator", 2))
    with pytest.raises(Killed):
        train(music(), RUN, 5, tmp_path / "w", progress, saving=saving)
    before = (tmp_path / "state" / "generator.state").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        train(music(), RUN, 5, tmp_path / "w", saving=saving)
    assert (tmp_path / "state" / "generator.state").read_bytes() == before
    assert sorted(file.name for file in (tmp_path / "state").iterdir()) == ["generator.state", "latent.state"]
