"""A file that grows while somebody listens: what is heard, when it ends, and what is left of it."""

from __future__ import annotations

import asyncio
import io
import resource
import signal
import subprocess
import sys
import wave
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from api.errors import TooMany
from api.http import hearing
from api.http.hearing import Ears
from api.service import previews
from gen.loudness import Meter

RATE = 44100
CLAIM: Any = SimpleNamespace(channels=2, rate=RATE, frames=9 * RATE, watermark=b"preview!")
NOISE = np.random.default_rng(0).normal(0, 0.05, (2, CLAIM.frames)).astype(np.float32)
WHOLE = 44 + 4 * CLAIM.frames


class Maker:
    """Makes the noise a third at a time, as a job does."""

    def __init__(self, heard: Any) -> None:
        self._heard, self._meter, self._made = heard, Meter(2, RATE), 0

    def go_on(self) -> None:
        piece = NOISE[:, self._made : self._made + 3 * RATE]
        self._made += 3 * RATE
        self._meter.add(piece)
        self._heard(piece, self._meter.read())


async def listening(ears: Ears, folder: Path) -> tuple[Callable[[], Awaitable[bytes]], asyncio.Task[None]]:
    """Of a listener that has begun: what it hears next, b"" at the end; and the work behind."""
    sound = await ears.hear("job", folder, "track-1.wav")
    assert sound is not None
    said: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await said.put(message["body"])

    async def receive() -> Any:
        await asyncio.Event().wait()

    return said.get, asyncio.create_task(sound({"type": "http"}, receive, send))


async def rest(hear: Callable[[], Awaitable[bytes]]) -> bytes:
    pieces = [b""]
    while piece := await asyncio.wait_for(hear(), 10):
        pieces.append(piece)
    return b"".join(pieces)


async def until(hear: Callable[[], Awaitable[bytes]], size: int) -> bytes:
    heard = b""
    while len(heard) < size:
        heard += await asyncio.wait_for(hear(), 10)
    return heard


def test_it_is_heard_while_it_grows_and_after_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "_PACE", 0.01)
    out, begun = tmp_path / "track-1.wav", []

    async def story() -> None:
        ears = Ears()
        with previews.growing(out, CLAIM, lambda: begun.append(1)) as heard:
            maker = Maker(heard)
            assert previews.find(tmp_path) == {}  # nothing is marked yet
            maker.go_on()
            maker.go_on()
            (one,) = previews.find(tmp_path).values()
            assert (one.name, begun) == ("track-1.wav", [1])
            hear, task = await listening(ears, tmp_path)
            first = await until(hear, one.path.stat().st_size)
            assert 44 + 4 * RATE < len(first) < WHOLE
            with wave.open(io.BytesIO(first)) as sound:  # which says how long it will be
                assert (sound.getnframes(), sound.getnchannels(), sound.getframerate()) == (CLAIM.frames, 2, RATE)
            await asyncio.sleep(0.05)
            assert not task.done()
            late, other = await listening(ears, tmp_path)
            maker.go_on()
            out.write_bytes(b"done")
        assert list(tmp_path.iterdir()) == [out]
        again = await ears.hear("job", tmp_path, out.name)
        assert again is None  # it is the file now
        whole = first + await rest(hear)
        assert len(whole) == WHOLE
        assert await rest(late) == whole
        await asyncio.gather(task, other)
        assert not ears._listening

    asyncio.run(story())


def test_what_is_refused_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "_PACE", 0.01)

    async def story() -> None:
        ears = Ears()
        with previews.growing(tmp_path / "track-1.wav", CLAIM, lambda: None) as heard:
            maker = Maker(heard)
            maker.go_on()
            maker.go_on()
            one = previews.find(tmp_path)["track-1.wav"]
            hear, task = await listening(ears, tmp_path)
            await until(hear, 44)
            slow = one.path.open("rb")
        await rest(hear)
        await task
        with slow:
            assert slow.read() == b""
        assert list(tmp_path.iterdir()) == []
        with previews.growing(tmp_path / "track-1.wav", CLAIM, lambda: None) as heard:
            Maker(heard).go_on()
            assert previews.find(tmp_path)["track-1.wav"].version != one.version

    asyncio.run(story())


def test_who_goes_away_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "MOST", 2)

    async def story() -> None:
        ears = Ears()
        with previews.growing(tmp_path / "track-1.wav", CLAIM, lambda: None) as heard:
            Maker(heard).go_on()
            one, two = [await listening(ears, tmp_path) for _ in range(2)]
            with pytest.raises(TooMany):
                await ears.hear("job", tmp_path, "track-1.wav")
            for hear, task in (one, two):
                await until(hear, 44)
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            assert not ears._listening
            assert sum("growing" in str(path.resolve()) for path in Path("/proc/self/fd").iterdir()) == 1  # the maker's

    asyncio.run(story())


def test_of_those_who_come_at_once_no_more_are_let_in_than_may_listen(tmp_path: Path) -> None:
    async def story() -> None:
        ears = Ears()
        asked = [ears.hear("job", tmp_path, "track-1.wav") for _ in range(3 * hearing.MOST)]
        came = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(one) for one in came].count(hearing.Sound) == hearing.MOST
        assert {type(one) for one in came} == {hearing.Sound, TooMany}
        sounds: list[Any] = [one for one in came if not isinstance(one, BaseException)]
        for sound in sounds:
            sound._file.close()
        none = [ears.hear("other", tmp_path, "track-2.wav") for _ in range(hearing.MOST)]
        assert set(await asyncio.gather(*none)) == {None}
        assert set(ears._listening) == {"job"}  # there is nothing of the other, and nobody counts

    with previews.growing(tmp_path / "track-1.wav", CLAIM, lambda: None) as heard:
        Maker(heard).go_on()
        asyncio.run(story())


def test_who_takes_nothing_does_not_keep_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "_LONGEST", 0.1)
    monkeypatch.setattr(hearing, "_LAST", 0.1)

    async def story() -> None:
        ears = Ears()
        sound = await ears.hear("job", tmp_path, "track-1.wav")
        assert sound is not None

        async def never(message: Any = None) -> Any:
            await asyncio.Event().wait()

        await asyncio.wait_for(sound({"type": "http"}, never, never), 10)
        assert sound._file.closed
        assert not ears._listening

    with previews.growing(tmp_path / "track-1.wav", CLAIM, lambda: None) as heard:
        Maker(heard).go_on()
        asyncio.run(story())


def test_a_kill_is_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "_PACE", 0.01)
    path = tmp_path / ".track-1.0123456789abcdef.growing.wav"
    path.write_bytes(b"what was made")
    holds = f"import fcntl, time; file = open({str(path)!r}, 'r+b'); fcntl.flock(file, 2)"
    holds += "; print(1, flush=True); time.sleep(60)"

    async def story() -> None:
        with subprocess.Popen([sys.executable, "-S", "-c", holds], stdout=subprocess.PIPE) as maker:
            assert maker.stdout is not None and maker.stdout.read(1) == b"1"
            hear, task = await listening(Ears(), tmp_path)
            assert await until(hear, 1) == b"what was made"
            await asyncio.sleep(0.05)
            assert not task.done()
            maker.send_signal(signal.SIGKILL)
            maker.wait()
            assert await rest(hear) == b""
            await task
        previews.clear(tmp_path)
        assert list(tmp_path.iterdir()) == []

    asyncio.run(story())


def test_a_full_disk_costs_the_preview_alone(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with previews.growing(tmp_path / "track-1.wav", CLAIM, lambda: None) as heard:
        maker = Maker(heard)
        maker.go_on()
        (one,) = previews.find(tmp_path).values()
        resource.setrlimit(resource.RLIMIT_FSIZE, (one.path.stat().st_size + 1000, limits[1]))
        try:
            maker.go_on()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert list(tmp_path.iterdir()) == []
        maker.go_on()
    assert list(tmp_path.iterdir()) == []
