"""The directory against the chain: it says what the contracts say, wherever it began and whatever was taken back."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ganache_server import ETHER, RICH
from ganache_server import running as ganache
from postgresql_server import postgresql
from sqlalchemy import select

from api.home import Home
from api.service import entries, follower
from api.service.database import Database, metadata
from api.service.directory import Directory, Page
from api.service.follower import Standing, follow, standing
from api.service.happenings import FOLLOWED
from api.service.lookups import Lookups
from api.service.service import Service
from api.service.settings import ServiceSettings
from api.settings import Settings
from ledger.chain import Chain
from ledger.contracts import Contracts, deploy
from ledger.keys import LocalSigner
from tests.service.traded import ANNA, BEN, CARL, DORA, Trade, digest, home_of


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two datasets and a model."""
    home = home_of(tmp_path_factory.mktemp("begun") / "home")
    with home.ledger() as ledger:
        Trade(ledger.contracts, []).begin()
    return home.path


@pytest.fixture(scope="module")
def traded(begun: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same home, in which everything else happened as well."""
    folder = tmp_path_factory.mktemp("traded") / "home"
    shutil.copytree(begun, folder)
    with home_of(folder).ledger() as ledger:
        Trade(ledger.contracts, []).go_on("x")
    return folder


@pytest.fixture
def service(traded: Path, tmp_path: Path) -> Iterator[Service]:
    shutil.copytree(traded, tmp_path / "home")
    opened = open_service(tmp_path / "home")
    yield opened
    opened.close()


def open_service(home: Path, database: str = "") -> Service:
    url = database or f"sqlite:///{home / 'service.sqlite'}"
    return Service.open(home_of(home), ServiceSettings(database=url))


def act(service: Service, does: Callable[[Trade], object]) -> None:
    with service.home.ledger() as ledger:
        does(Trade(ledger.contracts, []))


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All that the directory says, in its order, without the numbers that make the order."""
    said = {}
    with database.reading() as connection:
        for table in FOLLOWED:
            columns = [column for column in table.c if column.name != "number"]
            if table.name != "before":
                rows = connection.execute(select(*columns).order_by(*table.primary_key)).all()
                said[table.name] = [tuple(row) for row in rows]
    return said


def test_it_says_what_the_contracts_say(service: Service) -> None:
    assert standing(service.database) is None
    follow(service)
    directory = Directory.of(service)
    with service.home.reading() as ledger:
        contracts = ledger.contracts
        assert standing(service.database) == Standing(ledger.chain.block_number, pytest.approx(time.time(), abs=60))
        tracks = contracts.tracks()
        assert directory.tracks() == Page(tracks, None)
        assert directory.datasets() == Page(contracts.datasets(), None)
        assert directory.models() == Page(contracts.models(), None)
        for dataset in (1, 2):
            assert directory.licenses(dataset=dataset) == Page(contracts.licenses("dataset", dataset), None)
        assert directory.licenses(model=1).entries == ()
        first, second, third = tracks
        assert [contracts.listing(each.id) is None for each in tracks] == [False, True, False]
        shares = [(share.kind, share.holder, share.ppm) for share in contracts.royalty_shares(first.id)]
        assert [(due.kind, due.holder, due.ppm) for due in directory.dues(1)] == shares[2:]
        for track in tracks:
            assert directory.track(track.id) == directory.by_audio(track.audio) == track
            assert directory.by_watermark(track.id.to_bytes(8)) == track
        assert directory.dataset(1) == contracts.dataset(1)
        assert directory.model(1) == contracts.model(1)
        # What was listed and is somebody else's since, or was bought, is not on offer; what its buyer lists again is.
        (offer,) = directory.offers(at=int(time.time())).entries
        assert (offer.listing, offer.track) == (contracts.listing(first.id), first)
        assert directory.offer(first.id) == offer
        assert directory.offer(third.id) is directory.offer(second.id) is None
    (sale,) = directory.sales().entries
    assert (sale.track, sale.seller, sale.buyer, sale.price) == (first.id, CARL.address, DORA.address, 10**15)
    assert sale.royalty == 10**14


def test_it_is_asked_in_many_ways_and_page_by_page(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(service)
    directory = Directory.of(service)
    first, second, third = directory.tracks().entries
    assert directory.tracks(owner=CARL.address).entries == (second,)
    assert directory.tracks(owner=BEN.address).entries == (third,)
    assert directory.tracks(creator=CARL.address).entries == (first, second, third)
    assert directory.tracks(creator=DORA.address).entries == directory.tracks(model=2).entries == ()
    assert directory.tracks(model=1, dataset=2).entries == (first, second, third)
    assert directory.tracks(dataset=3).entries == ()
    assert [each.id for each in directory.datasets(owner=ANNA.address).entries] == [1]
    assert [each.id for each in directory.datasets(holder=BEN.address).entries] == [2]
    assert [each.id for each in directory.models(dataset=2, owner=CARL.address).entries] == [1]
    assert directory.models(dataset=3).entries == ()
    assert [each.subject_id for each in directory.licenses(licensee=CARL.address).entries] == [1, 2]
    assert [each.licensee for each in directory.licenses(payee=BEN.address).entries] == [CARL.address, DORA.address]
    assert directory.sales(track=first.id, seller=CARL.address, buyer=DORA.address).entries
    assert directory.sales(track=second.id).entries == directory.sales(buyer=CARL.address).entries == ()
    assert directory.offers(at=0, seller=DORA.address).entries
    assert directory.offers(at=0, seller=CARL.address).entries == directory.offers(at=2**41).entries == ()
    for dataset, few in ((None, 50), (1, 50), (1, 0)):  # by number, by the first of each model, or by looking at each
        monkeypatch.setattr("api.service.directory._FEW_MODELS", few)
        found, after = [], None
        for _ in range(3):
            page = directory.tracks(dataset=dataset, creator=CARL.address, after=after, most=1, newest=True)
            found, after = [*found, *page.entries], page.next
        assert (tuple(found), after) == ((third, second, first), None)
    assert directory.tracks(most=2).next is not None
    assert directory.track(1 << 70) is directory.track(-1) is directory.dataset(1 << 70) is None
    assert directory.by_audio(digest("nothing")) is None


@pytest.mark.slow
def test_what_a_reorganisation_takes_off_the_chain_is_taken_back(begun: Path, tmp_path: Path) -> None:
    shutil.copytree(begun, tmp_path / "home")
    service = open_service(tmp_path / "home")

    def fork(source: Path) -> None:
        shutil.rmtree(service.home.path / "chain")
        shutil.copytree(source, service.home.path / "chain")

    chain = service.home.path / "chain"
    follow(service)
    shutil.copytree(chain, tmp_path / "before")
    act(service, lambda trade: trade.go_on("x"))
    shutil.copytree(chain, tmp_path / "one")
    follow(service)
    act(service, lambda trade: trade.contracts.withdraw_consent(ANNA, 1))
    follow(service)
    one = everything(service.database)
    assert not one["datasets"][0][8] and len(one["tracks"]) == 3
    fork(tmp_path / "before")
    act(service, lambda trade: trade.go_on("y"))
    follow(service)
    other = everything(service.database)
    assert [row[1] for row in other["tracks"]] == [digest(f"y {n} audio").raw for n in range(3)]
    fork(tmp_path / "before")  # a chain that is shorter than it was
    follow(service)
    assert everything(service.database)["tracks"] == []
    fork(tmp_path / "one")
    follow(service)
    act(service, lambda trade: trade.contracts.withdraw_consent(ANNA, 1))
    follow(service)
    afresh = open_service(service.home.path, f"sqlite:///{tmp_path / 'afresh.sqlite'}")
    follow(afresh)
    assert everything(service.database) == everything(afresh.database)
    assert [row[:-2] for row in everything(service.database)["tracks"]] == [row[:-2] for row in one["tracks"]]
    afresh.close()
    service.close()


@pytest.mark.slow
def test_another_chain_and_one_that_changed_too_deep_begin_afresh(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "DEPTH", 2)
    follow(service)
    said = everything(service.database)
    with service.database.changing() as connection:
        kept = connection.execute(select(metadata.tables["blocks"])).all()
        assert len(kept) == 2
        connection.execute(metadata.tables["blocks"].update().values(hash="0x00"))
        connection.execute(entries.tracks.update().values(owner=str(ANNA.address)))
    follow(service)
    assert everything(service.database) == said
    with service.database.changing() as connection:
        connection.execute(metadata.tables["standing"].update().values(deployment="elsewhere"))
        connection.execute(entries.tracks.update().values(owner=str(ANNA.address)))
    follow(service)
    assert everything(service.database) == said


@pytest.mark.slow
def test_piece_by_piece_is_the_same(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(service)
    monkeypatch.setattr(follower, "PIECE", 3)
    pieces = open_service(service.home.path, f"sqlite:///{tmp_path / 'pieces.sqlite'}")
    follow(pieces)
    assert everything(pieces.database) == everything(service.database)
    pieces.close()


def follow_slowly(home: Path, database: str) -> None:
    """In a process of its own: one block at a time, over and over from the beginning."""
    follower.PIECE = 1  # type: ignore[misc]
    service = open_service(home, database)
    while True:
        follow(service)
        with service.database.changing() as connection:
            connection.execute(metadata.tables["standing"].update().values(deployment="elsewhere"))


def kill_and_go_on(service: Service, database: str, kills: int) -> None:
    whole = open_service(service.home.path, f"sqlite:///{service.home.path / 'whole.sqlite'}")
    follow(whole)
    start = multiprocessing.get_context("spawn")
    for number in range(kills):
        # Two at once, since two workers are nothing unusual.
        both = [start.Process(target=follow_slowly, args=(service.home.path, database)) for _ in range(2)]
        for process in both:
            process.start()
        time.sleep(4 + number * 0.37)
        for process in both:
            assert process.is_alive()
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join()
    other = open_service(service.home.path, database)
    follow(other)
    assert everything(other.database) == everything(whole.database)
    other.close()
    whole.close()


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_and_doubles_nothing(service: Service, tmp_path: Path) -> None:
    kill_and_go_on(service, f"sqlite:///{tmp_path / 'killed.sqlite'}", kills=2)


@pytest.mark.integration
def test_on_postgresql_it_is_the_same(service: Service) -> None:
    with postgresql() as url:
        kill_and_go_on(service, url, kills=2)
        there = open_service(service.home.path, url)
        directory, here = Directory.of(there), Directory.of(service)
        follow(service)
        assert directory.tracks(dataset=1, newest=True) == here.tracks(dataset=1, newest=True)
        assert directory.offers(at=int(time.time())) == here.offers(at=int(time.time()))
        assert directory.licenses(dataset=2, payee=BEN.address) == here.licenses(dataset=2, payee=BEN.address)
        track, both = here.tracks().entries[0], [Lookups(each.database) for each in (service, there)]
        for by, value in (("audio", track.audio.raw), ("id", track.id.to_bytes(8)), ("id", bytes(8))):
            assert both[0].find(by, value) == both[1].find(by, value)
        there.close()


@pytest.mark.integration
def test_on_a_network_it_says_the_same_and_takes_back_what_is_gone(tmp_path: Path) -> None:
    def ask(method: str, *words: str) -> Any:
        said = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": words}).encode()
        request = urllib.request.Request(url, said, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())["result"]

    with ganache() as url:
        rich = LocalSigner(RICH[0].to_bytes(32))
        place = tmp_path / "deployment.json"
        home = Home(Settings(home=tmp_path / "home", rpc_url=url, deployment=place))
        with Chain.open_rpc(url) as chain:
            deployment = deploy(chain, rich)
            deployment.write(place)
            trade = Trade(Contracts(chain, deployment), [])
            trade.begin(lambda account: chain.transact(rich, account, b"", value=ETHER))
            service, afresh = (
                Service.open(home, ServiceSettings(database=f"sqlite:///{tmp_path / name}")) for name in ("a", "b")
            )
            follow(service)
            before = ask("evm_snapshot")
            trade.go_on("x")
            follow(service)
            assert Directory.of(service).tracks().entries == trade.contracts.tracks()
            ask("evm_revert", before)
            trade.go_on("y")
            follow(service)
            assert Directory.of(service).tracks().entries == trade.contracts.tracks()
            assert Directory.of(service).datasets().entries == trade.contracts.datasets()
            follow(afresh)
            assert everything(service.database) == everything(afresh.database)
        for each in (service, afresh):
            each.close()
