"""What is asked of the service while it is killed: stories of jobs, each job on what those before it made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from kills_stage import PASSPHRASE_NOT_SECRET, Stage, patiently

SCOPES = ("read", "upload", "jobs", "money")


@dataclass
class Actor:
    """An account with a key in the home, and a token."""

    address: Any
    token: str


@dataclass
class Round:
    """One telling of a story: who acts in it, and what came of it so far."""

    number: int
    actors: dict[str, Actor]
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A job of a story: who asks, and for what, given what came before. ``name`` tells two of a kind apart."""

    kind: str
    who: str | None
    request: Callable[[Round, httpx.Client], dict[str, Any]]
    name: str


class Book:
    """The stories. ``folder`` is for the music that is sent in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._terms = {"title": "studies", "license": "CC0-1.0", "price": "0.05", "share": "5"}
        self._use = {"subject": "dataset", "uses": ["train"]}

    def whole(self) -> list[Step]:
        """All kinds of jobs, in an order in which each can be done, by accounts that have not acted before."""
        return [
            self._register(seconds=15),
            _step("terms", "holder", lambda story: {"id": _dataset(story), "price": "0.04"}),
            self._license(),
            _step(
                "grant",
                "holder",
                lambda story: {"id": _dataset(story), **self._use, "to": str(story.actors["buyer"].address)},
            ),
            _step(
                "train", "creator", lambda story: {"datasets": [_dataset(story)], "preset": "micro", "royalty": "10"}
            ),
            _step("generate", "creator", lambda story: _generation(_model(story), story.number, 6)),
            _mint(1),
            _step("list", "creator", lambda story: {"track": _track(story), "price": "1"}),
            _step("unlist", "creator", lambda story: {"track": _track(story)}),
            _step("list", "creator", lambda story: {"track": _track(story), "price": "1"}, "list-again"),
            _step("buy", "buyer", lambda story: {"track": _track(story), "price": "1"}),
            _step("pull", "creator", lambda story: {"track": _track(story), "everybody": True}),
            _step("income", "creator", lambda story: {}),
            _step("withdraw", "holder", lambda story: {"id": _dataset(story)}),
            *self._checks(),
        ]

    def before(self) -> list[Step]:
        """What :meth:`short` needs once: a dataset, a license for it, and a model."""
        train = _step("train", "creator", lambda story: {"datasets": [_dataset(story)], "preset": "micro"})
        return [self._register(seconds=15), self._license(), train]

    def short(self, dataset: int, model: int) -> list[Step]:
        """The kinds that take longest, and the end of an offer, as cheap and as often as they can be asked for."""
        return [
            self._register(seconds=6),
            _step(
                "train", "creator", lambda story: {"datasets": [dataset], "preset": "micro", "seed": 1 + story.number}
            ),
            _step("generate", "creator", lambda story: _generation(model, 1 + story.number, 3)),
            _mint(1),
            _mint(2),
            _step("list", "creator", lambda story: {"track": _track(story), "price": "1"}),
            _step("unlist", "creator", lambda story: {"track": _track(story)}),
            *self._checks(),
        ]

    def _register(self, seconds: int) -> Step:
        def request(story: Round, web: httpx.Client) -> dict[str, Any]:
            takes = {f"take {n}.wav": self._music(2 * story.number + n, seconds) for n in range(2)}
            return {"upload": _sent(web, takes), **self._terms}

        return Step("register", "holder", request, "register")

    def _license(self) -> Step:
        return _step("license", "creator", lambda story: {"id": _dataset(story), **self._use})

    def _checks(self) -> list[Step]:
        def batch(story: Round, web: httpx.Client) -> dict[str, Any]:
            files = {"a.wav": _minted(story, web), "b.wav": self._music(-1 - story.number, 6)}
            return {"upload": _sent(web, files)}

        return [
            Step("audit", None, lambda story, web: {"file": _minted(story, web)}, "audit"),
            Step("batch", "creator", batch, "batch"),
        ]

    def _music(self, seed: int, seconds: int) -> bytes:
        """Notes that follow from a number."""
        from gen.audio import save
        from gen.waveform import Waveform

        chance, rate = np.random.default_rng(abs(seed) + 1000 * (seed < 0)), 44100
        sound = np.zeros(seconds * rate)
        for start in range(0, len(sound) - rate, rate // 4):
            pitch = 110.0 * 2 ** (chance.integers(0, 36) / 12)
            time_ = np.arange(rate) / rate
            note = sum(np.sin(2 * np.pi * pitch * k * time_) / k**1.5 for k in range(1, 7))
            sound[start : start + rate] += note * np.exp(-4 * time_) * chance.uniform(0.4, 1)
        path = self._folder / f"music {seed}.wav"
        save(path, Waveform((0.7 * sound / np.abs(sound).max())[None].astype(np.float32), rate))
        content = path.read_bytes()
        path.unlink()
        return content


def _step(kind: str, who: str, request: Callable[[Round], dict[str, Any]], name: str | None = None) -> Step:
    return Step(kind, who, lambda story, _: request(story), name or kind)


def _mint(number: int) -> Step:
    name = "mint" if number == 1 else f"mint-{number}"
    file = f"track-{number}.wav"
    return _step("mint", "creator", lambda story: {"job": story.jobs["generate"], "file": file}, name)


def _generation(model: int, seed: int, seconds: int) -> dict[str, Any]:
    return {"model": model, "seed": seed, "seconds": seconds, "variations": 2, "repeat_limit": 60}


def _dataset(story: Round) -> int:
    return int(story.results["register"]["dataset"])


def _model(story: Round) -> int:
    return int(story.results["train"]["model"])


def _track(story: Round) -> str:
    return str(story.results["mint"]["track"])


def _minted(story: Round, web: httpx.Client) -> bytes:
    token = {"Authorization": f"Bearer {story.actors['creator'].token}"}
    path = f"/v1/jobs/{story.jobs['generate']}/files/track-1.wav"
    return bytes(patiently(lambda: web.get(path, headers=token)).content)


def _sent(web: httpx.Client, files: Mapping[str, bytes]) -> str:
    upload = patiently(lambda: web.post("/v1/uploads")).json()["id"]
    for name, content in files.items():
        patiently(lambda n=name, c=content: web.put(f"/v1/uploads/{upload}/files/{n}", content=c))
    return str(upload)


def actors(stage: Stage, number: int) -> dict[str, Actor]:
    """Three accounts that have not acted before."""
    from api.service.database import Database
    from api.service.tokens import Tokens

    database = Database.open(stage.service_settings.database)
    found = {}
    for name in ("holder", "creator", "buyer"):
        address = stage.home.keystore().new(f"{name}-{number}", PASSPHRASE_NOT_SECRET, scrypt_n=2**12)
        secret = Tokens(database).make(address, "kills", SCOPES, 86_400, datetime.now(UTC))[1]
        if stage.cast.rpc is not None:
            call = {"jsonrpc": "2.0", "id": 1, "method": "evm_setAccountBalance", "params": [str(address), hex(10**21)]}
            httpx.post(stage.cast.rpc, json=call).raise_for_status()
        found[name] = Actor(address, secret)
    database.close()
    return found
