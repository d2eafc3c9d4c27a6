"""What strangers mint beside our tracks, and how strangers ask: neither keeps others from an answer."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from portfolio import Portfolio, portfolio
from story import Story

from api.commands.serving import listening
from api.errors import UsageError
from api.home import Home, Ledger
from api.http.bindings import Bounds, create_bindings_app
from api.settings import Settings
from api.workflows.bindings import Manifests, Match, audio_code_of
from ledger import archive
from ledger.cid import Cid
from ledger.contracts import TrackEntry
from ledger.credentials import ISCC, WATERMARK, extract, read
from ledger.digest import Digest
from ledger.errors import Malformed, NotFound
from ledger.records import TrackRecord
from ledger.store import BlockStore

TEXT_CODE = "ISCC:EAAT4YJX2XDQ3ZZP"
"""Of a text, as ISO 24138 writes it: no audio code."""


@pytest.fixture(scope="module")
def made(story: Story) -> Portfolio:
    return portfolio(story)


@dataclass
class Chain:
    """The story's store under a chain on which strangers minted too, in this order."""

    store: BlockStore
    entries: list[TrackEntry] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    def tracks(self) -> tuple[TrackEntry, ...]:
        return tuple(self.entries)

    def track_by_watermark(self, mark: bytes) -> TrackEntry | None:
        self.asked.append(int.from_bytes(mark))
        return next((entry for entry in self.entries if entry.id == int.from_bytes(mark)), None)

    def manifests(self) -> Manifests:
        ledger = Ledger(cast(Any, None), cast(Any, self), self.store)

        def folder(name: str) -> Path:
            raise PermissionError(errno.EACCES, "Permission denied", name)  # so that there is no index

        home = SimpleNamespace(ledger=lambda: contextlib.nullcontext(ledger), folder=folder, path=Path("home"))
        return Manifests(cast(Home, home))

    def mint(self, story: Story, like: Portfolio, number: int, block: int, record: TrackRecord) -> TrackEntry:
        """A track of another number; its record is signed and stored, and need not be true."""
        cid = archive.publish(self.store, record, story.creator)
        entry = replace(like.track.entry, id=number, block=block, record=record.digest, cid=str(cid))
        self.entries.append(entry)
        return entry


@pytest.fixture
def chain(story: Story) -> Iterator[Chain]:
    yield Chain(story.home.store())


def name_of(story: Story) -> str:
    credential = read(story.track)
    assert credential is not None
    return credential.id


def test_a_record_with_another_code_hides_no_track(story: Story, made: Portfolio, chain: Chain) -> None:
    with pytest.raises(Malformed):
        audio_code_of(TEXT_CODE.encode())
    chain.mint(story, made, 7, 1, replace(made.track.record, iscc=TEXT_CODE))
    chain.entries.append(made.track.entry)
    found = chain.manifests().by_binding(ISCC, made.track.record.iscc.encode(), 10)
    assert found == [Match(name_of(story), 100)]


def test_who_mints_under_a_name_that_is_taken_does_not_take_it_over(
    story: Story, made: Portfolio, chain: Chain
) -> None:
    own = made.track.entry
    chain.entries.append(own)
    chain.mint(story, made, 7, own.block + 1, made.track.record)
    manifests = chain.manifests()
    assert [match.manifest for match in manifests.by_binding(WATERMARK, bytes(7) + b"\7", 1)] == [name_of(story)]
    assert [match.manifest for match in manifests.by_binding(WATERMARK, own.id.to_bytes(8), 1)] == [name_of(story)]
    chain.manifests().manifest(name_of(story))
    assert manifests.manifest(name_of(story)) == extract(story.track)
    assert chain.asked[-2:] == [own.id, own.id]


BOMB: Callable[[TrackRecord], TrackRecord] = lambda record: replace(record, size=1000)  # noqa: E731
SWAP: Callable[[TrackRecord], TrackRecord] = lambda record: replace(  # noqa: E731
    record, audio=Digest.of(b"other"), content=replace(record.content, sha256=Digest.of(b"other"))
)


@pytest.mark.parametrize("lie", [BOMB, SWAP], ids=["longer than it says", "another file"])
def test_a_file_that_is_not_what_was_minted_has_no_manifest(
    story: Story, made: Portfolio, chain: Chain, lie: Callable[[TrackRecord], TrackRecord]
) -> None:
    chain.mint(story, made, 7, 1, lie(made.track.record))
    assert chain.manifests().by_binding(WATERMARK, bytes(7) + b"\7", 1) == []


def test_what_is_not_here_yet_is_found_once_it_is(story: Story, made: Portfolio, tmp_path: Path) -> None:
    chain = Chain(BlockStore(tmp_path), [made.track.entry])
    manifests, name, code = chain.manifests(), name_of(story), made.track.record.iscc.encode()
    with pytest.raises(NotFound):
        manifests.manifest(name)
    assert manifests.by_binding(ISCC, code, 1) == []
    whole = story.home.store()
    for cid in (Cid.parse(made.track.entry.cid), made.track.record.content.cid):
        assert chain.store.add_bytes(whole.read_bytes(cid, 1 << 30)) == cid
    assert manifests.manifest(name) == extract(story.track)
    assert manifests.by_binding(ISCC, code, 1) == [Match(name, 100)]


def test_a_whole_iscc_is_no_unit() -> None:
    """Were it skipped as one, what lies behind could pass for a code that nobody sent."""
    hidden = bytes.fromhex("2201") + bytes(8)
    with pytest.raises(Malformed):
        audio_code_of(bytes.fromhex("5001") + bytes(8) + hidden)
    assert audio_code_of(bytes.fromhex("3001") + bytes(8) + hidden) == 0


async def leave(app: Any, path: str, said: list[Any]) -> None:
    """Send four bytes and go; ``said`` takes what is answered."""
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": [], "http_version": "1.1"}
    pieces = iter([{"type": "http.request", "body": b"RIFF", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(pieces)

    async def send(message: Any) -> None:
        said.append(message)

    await app(scope, receive, send)


@pytest.mark.parametrize("path", ["/v1/matches/byContent", "/v1/matches/byBinding"])
def test_who_leaves_before_the_end_leaves_the_place_free(tmp_path: Path, path: str) -> None:
    """And makes no noise in the log: nothing is raised."""
    app, said = create_bindings_app(Home(Settings(home=tmp_path / "home")), Bounds(received=1)), list[Any]()
    for _ in range(2):
        asyncio.run(leave(app, path, said))
    assert [message["status"] for message in said if "status" in message] == [400, 400]


def test_a_disk_without_room_is_our_fault_and_names_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, said = create_bindings_app(Home(Settings(home=tmp_path / "home")), Bounds(received=1)), list[Any]()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no such folder"))
    with pytest.raises(FileNotFoundError):  # for the server's log
        asyncio.run(leave(app, "/v1/matches/byContent", said))
    assert (said[0]["status"], dict(said[0]["headers"])[b"content-type"]) == (500, b"application/problem+json")
    assert b"no such folder" not in said[1]["body"]


def test_a_host_that_is_no_name_is_refused() -> None:
    with pytest.raises(UsageError, match="nobody can listen"):
        listening("a..b", 0)
