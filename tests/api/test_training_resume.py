"""A training that was killed goes on, and leaves nothing in clear that is to be sealed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from story import MICRO, Story, now

from api import toolchain
from api.home import Home
from api.run_folder import RunFolder
from api.workflows import training
from api.workflows.training import Effort
from gen.training.loop import Progress
from ledger.archive import fetch
from ledger.records import TrainingRunRecord

OFTEN = Effort(save_seconds=0.0)


class Killed(Exception):
    pass


def folders(home: Home) -> set[Path]:
    return set(home.folder("runs").iterdir())


@pytest.mark.slow
def test_a_killed_training_goes_on_where_its_state_was_written_and_shreds_it_in_the_end(story: Story) -> None:
    home, before = story.home, folders(story.home)
    steps: list[tuple[str, int]] = []

    def kill(at: Progress) -> None:
        if at.phase in ("generator", "vocoder"):
            steps.append((at.phase, at.step))
            if len(steps) == 4:
                raise Killed

    with pytest.raises(Killed):
        training.train(home, [1], preset=MICRO, seed=31, signer=story.creator, now=now, seal=True, progress=kill)
    (folder,) = folders(home) - before
    steps.clear()
    with pytest.raises(Killed):
        training.train(
            home, [1], preset=MICRO, seed=31, signer=story.creator, now=now, seal=True, progress=kill, effort=OFTEN
        )
    assert steps[0] == ("generator", 1)  # a minute had not passed: nothing was saved
    run = RunFolder(folder)
    assert {path.name for path in run.state.iterdir()} == {"latent.state", "generator.state"}
    assert run.state.stat().st_mode & 0o777 == 0o700
    moments = (run.state / "generator.state").read_bytes()
    (folder / ".0123456789abcdef.part").write_bytes(moments)  # what a kill would leave of it
    steps.clear()
    later = lambda: now() + timedelta(hours=1)  # noqa: E731
    steps.extend([("never", 0)] * 10)  # do not kill any more
    trained = training.train(
        home, [1], preset=MICRO, seed=31, signer=story.creator, now=later, seal=True, progress=kill, effort=OFTEN
    )
    assert steps[10] == ("generator", 5)
    assert trained.sealed and not trained.already
    assert sorted(path.name for path in folder.iterdir()) == ["outcome.json", "started.json"]
    with home.ledger() as ledger:
        entry = trained.entry
        record = fetch(ledger.store, TrainingRunRecord, entry.cid, entry.record, entry.trainer)
    assert (record.started, record.finished) == ("2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z")
    assert record.machine == toolchain.machine()  # one process on the CPU is not said


def test_what_a_kill_left_after_recording_is_shredded_by_the_same_command(story: Story) -> None:
    before = folders(story.home)
    first = training.train(story.home, [1], preset=MICRO, seed=32, signer=story.creator, now=now)
    (folder,) = folders(story.home) - before
    state = RunFolder(folder).state
    state.mkdir()
    (state / "vocoder.state").write_bytes(b"weights")
    again = training.train(story.home, [1], preset=MICRO, seed=32, signer=story.creator, now=now)
    assert again.already and again.entry == first.entry
    assert not state.exists()


def test_devices_are_named_where_they_matter() -> None:
    plain = toolchain.machine()
    assert toolchain.machine(["CPU"]) == plain
    assert toolchain.machine(["CPU", "2 x CPU"]) == f"{plain}, CPU, then 2 x CPU"


@pytest.mark.slow
def test_a_record_says_how_many_processes_trained(story: Story) -> None:
    shared = replace(MICRO, name="shared", vocoder=replace(MICRO.vocoder, batch=2))
    trained = training.train(
        story.home, [1], preset=shared, seed=33, signer=story.creator, now=now, effort=Effort(2, "cpu")
    )
    with story.home.ledger() as ledger:
        entry = trained.entry
        record = fetch(ledger.store, TrainingRunRecord, entry.cid, entry.record, entry.trainer)
    assert record.machine == f"{toolchain.machine()}, 2 x CPU"
    assert set(trained.metrics) >= {"generator_foresight", "vocoder_stft", "validation_stft"}
