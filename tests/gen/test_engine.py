"""Portraits by any engine are those that one process makes, and whoever dies, nothing is lost."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from portraits import Deadly, descendants, digest, recordings
from test_cache import Aes

from gen.cache import Cache
from gen.cluster import Ray, engine_named
from gen.config import MelConfig
from gen.corpus import Findings
from gen.engine import Local, Work, Worker, portray_all
from gen.errors import CacheFull, ConfigError, EngineError, NotAudio, TooExpensive, UnreadableFile
from gen.portrait import Sketch, portray
from gen.repeatable import repeatable
from gen.stamps import Stamps

MEL = MelConfig()


@pytest.fixture(scope="module")
def paths(tmp_path_factory) -> list[Path]:
    return recordings(tmp_path_factory.mktemp("recordings"))


@pytest.fixture(scope="module")
def expected(paths, tmp_path_factory) -> list[str]:
    """What one worker in this process says, which is what `portray` says."""
    work = begun(tmp_path_factory.mktemp("expected"))
    found = [digest(outcome) for outcome in portray_all(paths, work, Local(1))]
    assert len({said for said in found if len(said) == 64}) == len(paths) - 1
    return found


def begun(folder: Path, **others) -> Work:
    cache = Cache(folder / "cache", others.pop("most", 1 << 40), free=0, cipher=others.pop("cipher", None))
    return Work(cache, others.pop("stamps", None) or Stamps(folder / "stamps"), MEL, **others)


class Elsewhere:
    """An engine whose only worker does one thing more to each answer."""

    def __init__(self, change=lambda work, answer: answer) -> None:
        self.change, self.asked = change, []

    def run(self, work, paths):
        with Worker(work) as worker:
            for path in paths:
                self.asked.append(path)
                yield self.change(work, worker.answer(path))


@pytest.fixture
def later(monkeypatch):
    """Files that were written just now are taken for settled."""
    now = time.time_ns
    monkeypatch.setattr("gen.stamps.time.time_ns", lambda: now() + 10 * 10**9)


def test_outcomes_are_those_of_portray_in_the_order_of_the_paths(paths, expected, tmp_path):
    reports = []
    outcomes = list(portray_all(paths, begun(tmp_path), Local(1), report=lambda *said: reports.append(said)))
    assert [outcome.path for outcome in outcomes] == paths
    assert [digest(outcome) for outcome in outcomes] == expected
    assert [type(outcome.error).__name__ for outcome in outcomes] == ["NoneType"] * 2 + ["CorruptAudio"] + [
        "NoneType"
    ] * 3
    assert reports == [(done, len(paths)) for done in range(1, len(paths) + 1)]
    work = begun(tmp_path / "alone")
    for outcome in outcomes[:2]:
        with repeatable():
            alone = portray(outcome.path, work.cache, work.stamps, MEL)
        assert digest(type(outcome)(outcome.path, alone, None)) == digest(outcome)


@pytest.mark.slow
@pytest.mark.usefixtures("later")
def test_without_frames_little_is_kept_and_the_rest_is_the_same(paths, tmp_path):
    whole = begun(tmp_path / "whole")
    little, engine = begun(tmp_path / "little", keep_frames=False), Elsewhere()
    for outcome, other in zip(portray_all(paths, whole, Local(1)), portray_all(paths, little, engine), strict=True):
        if outcome.portrait is None or other.portrait is None:
            assert str(outcome.error) == str(other.error)
            continue
        assert other.portrait.findings == outcome.portrait.findings
        assert other.portrait.description == outcome.portrait.description
        assert other.portrait.fingerprint == outcome.portrait.fingerprint
        assert Findings.from_dict(other.portrait.findings).to_dict() == other.portrait.findings
        with pytest.raises(ValueError, match="without its frames"):
            other.portrait.mel()
    assert little.cache.size() < 20_000 < whole.cache.size()
    engine.asked.clear()
    list(portray_all(paths, little, engine))
    assert engine.asked == [paths[2]]  # which is broken
    engine.asked.clear()
    frames = Work(little.cache, little.stamps, MEL)
    assert all(outcome.error or len(outcome.portrait.rows) for outcome in portray_all(paths, frames, engine))
    assert engine.asked == paths


@pytest.mark.usefixtures("later")
def test_what_was_done_before_an_interruption_is_not_done_again(paths, expected, tmp_path):
    work, engine = begun(tmp_path), Elsewhere()
    first = portray_all(paths, work, engine)
    for _ in range(4):
        next(first)
    first.close()
    assert [digest(outcome) for outcome in portray_all(paths, work, engine)] == expected
    # Errors are not kept: the broken file is looked at again.
    assert engine.asked == [*paths[:4], paths[2], *paths[4:]]


def test_a_worker_makes_the_folder_that_only_another_machine_has(paths, tmp_path):
    work = begun(tmp_path, stamps=Stamps(tmp_path / "there" / "stamps"))
    (tmp_path / "there").rmdir()
    with Worker(work) as worker:
        assert isinstance(worker.answer(paths[0]), Sketch)


def test_a_worker_of_another_version_is_noticed(paths, tmp_path):
    def other(work, answer):
        return Sketch(answer.digest, answer.facts, work.cache.key("mel", answer.digest, {}, 0))

    with pytest.raises(EngineError, match=r"0\.wav: the worker has another version"):
        list(portray_all(paths[:1], begun(tmp_path), Elsewhere(other)))


def test_frames_that_were_evicted_meanwhile_are_made_again(paths, expected, tmp_path):
    def evict(work, answer):
        work.cache.evict(0)
        return answer

    assert [digest(outcome) for outcome in portray_all(paths, begun(tmp_path), Elsewhere(evict))] == expected


def test_a_full_cache_ends_the_work_and_a_disk_that_fails_does_not(paths, tmp_path):
    with pytest.raises(CacheFull):
        list(portray_all(paths, begun(tmp_path, most=1000), Local(1)))
    # A regular file, as far as anybody can tell, that cannot be read.
    outcome = next(portray_all([Path("/proc/self/mem")], begun(tmp_path), Local(1)))
    assert isinstance(outcome.error, UnreadableFile) and "mem: cannot be read" in str(outcome.error)


def test_a_key_that_cannot_go_elsewhere_stays(paths, tmp_path):
    work = begun(tmp_path, cipher=Aes(bytes(32)))
    with pytest.raises(EngineError, match="cipher cannot be given to other processes"):
        next(portray_all(paths, work, Local(2)))
    with pytest.raises(EngineError, match="sealed cache"):
        next(portray_all(paths, work, Ray(2)))
    assert next(portray_all(paths, work, Local(1))).error is None


@pytest.mark.parametrize(
    ("text", "engine"),
    [
        ("local", Local()),
        ("local:2", Local(2)),
        ("ray", Ray()),
        ("ray:2", Ray(2)),
        ("ray:auto", Ray(address="auto")),
        ("ray:10.0.0.1:6379", Ray(address="10.0.0.1:6379")),
    ],
)
def test_engines_have_names(text, engine):
    assert engine_named(text) == engine


@pytest.mark.parametrize("text", ["", "Local", "local:", "local:many", "local:-1", "local:0", "ray:", "ray:0", "dask"])
def test_other_names_are_refused(text):
    with pytest.raises(ConfigError):
        engine_named(text)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 3])
def test_more_processes_give_the_same_digests(paths, expected, tmp_path, workers):
    assert [digest(outcome) for outcome in portray_all(paths, begun(tmp_path), Local(workers))] == expected
    assert [line for line in descendants(os.getpid()).values() if "spawn_main" in line] == []


@pytest.mark.slow
def test_nothing_is_lost_with_a_worker_that_is_killed(paths, expected, tmp_path):
    work = begun(tmp_path, stamps=Deadly(tmp_path / "stamps", "1.wav", 1))
    assert [digest(outcome) for outcome in portray_all(paths, work, Local(2))] == expected
    assert (tmp_path / "died-0").exists()


@pytest.mark.slow
def test_a_recording_that_kills_every_worker_costs_itself_alone(paths, expected, tmp_path):
    work = begun(tmp_path, stamps=Deadly(tmp_path / "stamps", "3.wav", 1000))
    outcomes = list(portray_all(paths, work, Local(2)))
    fatal = outcomes.pop(4)
    assert isinstance(fatal.error, TooExpensive) and "3.wav: its worker died 3 times over it" in str(fatal.error)
    assert [digest(outcome) for outcome in outcomes] == expected[:4] + expected[5:]


@pytest.mark.slow
def test_workers_end_with_whoever_started_them(paths, tmp_path):
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from gen.cache import Cache\n"
        "from gen.config import MelConfig\n"
        "from gen.engine import Local, Work, portray_all\n"
        "from gen.stamps import Stamps\n"
        "if __name__ == '__main__':\n"
        "    folder, *paths = map(Path, sys.argv[1:])\n"
        "    work = Work(Cache(folder / 'cache', 1 << 40, free=0), Stamps(folder / 'stamps'), MelConfig())\n"
        "    for outcome in portray_all(paths, work, Local(2)):\n"
        "        print(outcome.path, flush=True)\n"
        "        sys.stdin.read(1)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(program)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, script, tmp_path, *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as owner:
        assert owner.stdout.readline()
        started = descendants(owner.pid)
        assert len([line for line in started.values() if "spawn_main" in line]) >= 2
        owner.kill()
    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in started) and time.monotonic() < until:
        time.sleep(0.1)
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []


def test_no_recording_is_no_work(tmp_path):
    assert list(portray_all([], begun(tmp_path), Local(2))) == list(portray_all([], begun(tmp_path), Ray(2))) == []
    outcome = next(portray_all([Path(__file__)], begun(tmp_path), Local(2)))
    assert isinstance(outcome.error, NotAudio)
