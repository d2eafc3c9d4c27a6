import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from micro_run import RUN, music

from gen.errors import ConfigError, TeamError
from gen.training.loop import train
from gen.training.processes import by_torchrun, devices_for, together
from gen.training.team import ALONE, Team

SHORT = dataclasses.replace(
    RUN,
    generator=dataclasses.replace(RUN.generator, steps=4),
    vocoder=dataclasses.replace(RUN.vocoder, steps=2),
)


def told(found):
    return lambda at: found.append((at.phase, at.step, at.loss)) if at.loss == at.loss else None


@pytest.mark.slow
def test_two_processes_lose_what_one_does_and_write_what_one_does(tmp_path):
    one, two = [], []
    alone = train(music(), SHORT, 5, tmp_path / "one", told(one))
    shared = train(music(), SHORT, 5, tmp_path / "two", told(two), processes=2, device="cpu")
    assert [each[:2] for each in one] == [each[:2] for each in two] and len(one) == 6
    assert [each[2] for each in two] == pytest.approx([each[2] for each in one], rel=1e-4)
    assert shared.metrics == pytest.approx(alone.metrics, rel=1e-3)
    assert shared.devices == ("2 x CPU",) and alone.devices == ("CPU",)
    again = train(music(), SHORT, 5, tmp_path / "again", processes=2, device="cpu")
    assert again.weights.read_bytes() == shared.weights.read_bytes()


@pytest.mark.slow
def test_torchrun_begins_a_team(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom test_team import SHORT, music, told\n"
        "from gen.training.loop import train\nfrom gen.training.processes import by_torchrun\n"
        "found = []\n"
        "with by_torchrun('cpu') as team:\n"
        "    train(music(), SHORT, 5, Path(sys.argv[1]), told(found), team=team)\n"
        "    line = ' '.join(map(str, [team.rank, team.size, *[loss for *_, loss in found]]))\n"
        "    sys.stdout.write(line + '\\n')\n"  # at once: both write to one pipe
    )
    here = Path(__file__)
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            script,
            tmp_path / "w",
        ],
        check=False,
        env={**os.environ, "PYTHONPATH": f"{here.parents[2]}:{here.parent}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    lines = sorted(line.split() for line in run.stdout.splitlines())
    assert [line[:2] for line in lines] == [["0", "2"], ["1", "2"]]
    alone: list[tuple[str, int, float]] = []
    train(music(), SHORT, 5, tmp_path / "one", told(alone))
    assert [float(loss) for loss in lines[0][2:]] == pytest.approx([loss for *_, loss in alone], rel=1e-4)
    assert lines[1][2:] == []  # only the first one speaks
    assert (tmp_path / "w").is_file()


def test_a_team_shares_out_rows_and_puts_them_together_again():
    rows = torch.arange(12.0).reshape(6, 2)

    def work(team: Team) -> tuple[torch.Tensor, ...]:
        weight = torch.nn.Parameter(torch.ones(2))
        mine = team.mine(rows) * weight
        loss = team.whole(mine).std() + mine.mean()  # a figure of all rows, and one of a process's own
        torch.autograd.backward(loss)
        team.average([weight])
        return team.whole(mine).detach(), team.mean(loss), weight.grad, torch.tensor(team.agree(team.rank + 0.5))

    (all_rows, loss, gradient, leader), (_, alone_loss, alone_gradient, _) = together(3, work, "cpu"), work(ALONE)
    assert torch.equal(all_rows, rows) and leader == 0.5
    assert torch.allclose(loss, alone_loss) and torch.allclose(gradient, alone_gradient)


def test_what_fails_in_another_process_is_reported():
    def work(team: Team) -> None:
        if team.rank == 1:
            raise ValueError("out of luck")
        team.wait()

    with pytest.raises(TeamError, match="another of the 2 processes failed: ValueError: out of luck"):
        together(2, work, "cpu")


def test_a_gpu_that_is_there_and_does_not_start_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "_lazy_init", refused)
    with pytest.raises(ConfigError, match=r"device: 'cuda:0' is there and does not start .*no driver.*choose cpu"):
        train(music(), SHORT, 5, tmp_path / "w", lambda at: pytest.fail(f"{at.phase} was begun"), device="cuda")
    assert not (tmp_path / "w").exists()


def refused():
    raise RuntimeError("no driver\nand much more")


def test_a_batch_must_be_shared_evenly_and_devices_be_there(tmp_path):
    with pytest.raises(ConfigError, match=r"generator.batch: 2 cannot be shared by 3 processes"):
        Team(size=3).check_batch("generator.batch", 2)
    with pytest.raises(ConfigError, match="processes: must be at least 1"):
        devices_for(0)
    with pytest.raises(ConfigError, match="device: 'tpu' is not there"):
        devices_for(1, "tpu")
    with pytest.raises(ConfigError, match="torchrun"), by_torchrun():
        pass
    assert devices_for(2, "cpu") == ["cpu", "cpu"]


@pytest.mark.slow
def test_no_process_outlives_the_first_one(tmp_path):
    code = (
        "import os, sys, time\nfrom gen.training.processes import together\n"
        "def work(team):\n"
        "    if team.leads: print('ready', flush=True)\n"
        "    else: open(sys.argv[1], 'w').write(str(os.getpid()))\n"
        "    time.sleep(600)\n"
        "together(2, work, 'cpu')\n"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "pid")],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
    )
    assert first.stdout is not None and first.stdout.readline() == b"ready\n"
    while not (text := (tmp_path / "pid").read_text() if (tmp_path / "pid").exists() else ""):
        time.sleep(0.05)
    first.kill()
    first.communicate()
    for _ in range(100):
        if not Path(f"/proc/{text}").exists():
            return
        time.sleep(0.1)
    os.kill(int(text), signal.SIGKILL)
    pytest.fail("the second process went on")
