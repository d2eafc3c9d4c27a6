"""The market's pages with prices in tokens: offered, shown, bought, and what comes of it fetched, in whole units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest
from eth_utils.crypto import keccak
from fastapi.testclient import TestClient

from api.errors import UsageError
from api.pages import dues
from api.service.currencies import Currencies
from api.service.entries import sales, track_raw
from api.service.follower import follow
from api.service.job import Job
from api.service.jobs import Jobs
from api.service.kinds import KINDS, Context
from api.service.leases import Leases
from api.service.service import Service
from api.service.wallets import Wallets
from ledger.address import Address
from tests.api.coin import named
from tests.http.signing_in import Clock, client_of, service_in, sign_in
from tests.service.traded import ANNA, CARL, DORA, TERMS, Trade, cid, digest
from tests.story import new_key

pytestmark = pytest.mark.slow

EVIL = '"><script>alert(1)</script>'


@dataclass
class Place:
    service: Service
    usd: Address
    evil: Address
    tracks: list[str]

    def at(self, name: str) -> TestClient:
        """A browser with a key of the demonstration."""
        client = client_of(self.service)
        client.follow_redirects = False
        client.headers |= {"accept": "text/html"}
        assert client.post("/sign-in", data={"key": name}).status_code == 303
        return client

    def address(self, name: str) -> Address:
        return self.service.home.keystore().address(name)

    def asked(self, client: TestClient, path: str, said: dict[str, Any], page: str = "") -> Job:
        """Send a form, and the job that it asks for."""
        answer = self.sent(client, path, said, page)
        assert answer.status_code == 303, answer.text
        return Jobs.of(self.service).get(answer.headers["location"].removeprefix("/jobs/"))

    def sent(self, client: TestClient, path: str, said: dict[str, Any], page: str = "") -> Any:
        found = re.search(r'name="csrf" value="([^"]+)"', client.get(page or "/account").text)
        assert found is not None
        return client.post(path, data={"csrf": found[1], **said})

    def done(self, job: Job) -> dict[str, Any]:
        """Do a job here, in place of a worker, and say no more of it."""
        home = self.service.home
        folder = home.folder("jobs")
        kind, jobs = KINDS[job.kind], Jobs.of(self.service)
        context = Context(
            home=home,
            account=job.account,
            folder=folder,
            uploads=folder,
            jobs=folder,
            now=self.service.now,
            clock=self.service.now,
            say=lambda *said, **more: None,
            write_down=lambda content: None,
        )
        try:
            return kind.run(context, kind.request.model_validate({"kind": job.kind, **job.request}))
        finally:
            jobs.cancel(job.id)
            follow(self.service)


def fields(shown: str, action: str) -> dict[str, str]:
    """The hidden fields of a form."""
    form = re.search(rf'<form method="post" action="{action}".*?</form>', shown, re.S)
    assert form is not None, action
    found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
    return {name: value for name, value in found.items() if name != "csrf"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Edna owns two tracks that CARL made; fay has tokens. Their keys lie here, and nobody works."""
    service = service_in(tmp_path_factory.mktemp("tokens"), rate=10_000, demo=True)
    edna, fay = new_key(service.home, "edna"), new_key(service.home, "fay")
    with service.home.ledger() as ledger:
        trade = Trade(ledger.contracts, [])
        trade.begin()
        tracks = [trade.mint(f"song {number}") for number in range(3)]
        for track in tracks[:2]:
            trade.give(track, CARL, edna.address)
        ledger.contracts.list_track(CARL, tracks[2], 10**17)
    usd = named(service.home, CARL, fay.address, symbol="USDC", decimals=6)
    evil = named(service.home, CARL, fay.address, symbol=EVIL, decimals=2)
    follow(service)
    yield Place(service, usd, evil, [f"{track:016x}" for track in tracks])
    service.close()


def test_a_track_is_sold_in_a_token_and_everybody_fetches_their_part(place: Place) -> None:
    edna, fay, track = place.at("edna"), place.at("fay"), place.tracks[0]
    short = f"“USDC” ({str(place.usd)[:8]}…{str(place.usd)[-6:]})"
    page = f"/market/{track}?currency={place.usd}"
    assert "not for sale now" in edna.get(f"/market/{track}").text
    shown = edna.get(page).text
    assert "calls itself “USDC”. Anybody can call a token so" in shown
    assert f"<code>{place.usd}</code>" in shown
    offer = fields(shown, f"/market/{track}/list")
    assert offer == {"track": track, "currency": str(place.usd), "decimals": "6"}
    job = place.asked(edna, f"/market/{track}/list", {**offer, "price": "12.5"})
    shown = edna.get(f"/market/{track}").text
    assert "It is being put up for sale." in shown
    assert f'href="/jobs/{job.id}"' in shown
    assert "not for sale" not in shown
    assert "not for sale now" in fay.get(f"/market/{track}").text
    assert place.done(job)["offer"]["price"] == "12500000"

    assert f'<p class="price">12.5 {short}</p>' in fay.get("/market").text
    shown = fay.get(f"/market/{track}").text
    assert f'<td class="number">11.25 {short}</td>' in shown  # the seller's
    assert f"of which 1.25 {short} are royalties" in shown
    bought = fields(shown, f"/market/{track}/buy")
    assert bought == {"track": track, "price": "12500000", "currency": str(place.usd)}
    job = place.asked(fay, f"/market/{track}/buy", bought)
    assert f'href="/jobs/{job.id}"' in fay.get(f"/market/{track}").text
    assert f'action="/market/{track}/buy"' not in fay.get(f"/market/{track}").text
    assert place.done(job)["owner"] == str(place.address("fay"))

    with place.service.home.reading() as ledger:
        assert ledger.contracts.tokens(place.address("fay"), place.usd) == 10**9 - 12_500_000
    shown = edna.get("/account").text
    assert f"11.25 {short}" in shown
    job = place.asked(edna, "/account/income", fields(shown, "/account/income"))
    assert place.done(job)["market"] == "11250000"
    assert "Nothing is waiting." in edna.get("/account").text

    carl = client_of(place.service)
    carl.headers |= {"accept": "text/html"}
    sign_in(carl, CARL)
    shown = carl.get("/music").text
    assert re.search(rf"<strong>1\.\d+ {re.escape(short)}</strong>", shown)  # creator's and model's
    assert fields(shown, f"/royalties/{track}/pull") == {"track": track, "currency": str(place.usd)}
    anna = client_of(place.service)
    anna.headers |= {"accept": "text/html"}
    sign_in(anna, ANNA)
    assert re.search(rf'<td class="number">0\.\d+ {re.escape(short)}</td>', anna.get("/recordings/1").text)


def test_a_holder_says_a_price_in_whole_units(place: Place) -> None:
    with place.service.home.ledger() as ledger:
        edna = place.service.home.signer("edna")
        place.service.home.fund(ledger, edna)
        terms = replace(TERMS, price=12_500_000, currency=place.usd)
        number = ledger.contracts.register_dataset(edna, digest("x"), digest("x record"), cid("x"), terms).id
    follow(place.service)
    holder, page = place.at("edna"), f"/recordings/{number}"
    shown = holder.get(page).text
    assert "in whole units of the token" in shown
    assert re.search(r'<input id="price"[^>]* value="12\.5"', shown)
    form = fields(shown, f"{page}/terms")
    assert form == {"id": f"{number}", "currency": str(place.usd), "decimals": "6"}
    said = {**form, "share": "5", "uses": "train", "mining": "notAllowed"}
    for wrong, why in (
        ({"price": "0.0000001"}, "finer"),
        ({"price": "1.5", "decimals": ""}, "smallest unit"),
        ({"price": "1", "decimals": "5"}, "says 6, not 5"),
        ({"price": "1", "currency": ""}, "decimals: of a token"),
        ({"price": "1.5", "currency": "", "decimals": ""}, "smallest unit"),  # in what the terms are in now
    ):
        answer = place.sent(holder, f"{page}/terms", {**said, **wrong})
        assert (answer.status_code, why in answer.text) == (400, True), wrong
    job = place.asked(holder, f"{page}/terms", {**said, "price": "7.25"}, page)
    assert place.done(job)["price"] == "7250000"
    assert re.search(r'<input id="price"[^>]* value="7\.25"', holder.get(page).text)


def test_what_a_token_says_of_itself_is_text_and_is_not_believed(place: Place) -> None:
    edna, track = place.at("edna"), place.tracks[1]
    shown = edna.get(f"/market/{track}?currency={place.evil}").text
    assert "<script>alert" not in shown
    assert r"“\u0022\u003e…”" in shown  # escaped and cut
    for wrong in ("0x12", "USDC", "0x" + "00" * 20, str(ANNA.address), EVIL):
        answer = edna.get(f"/market/{track}", params={"currency": wrong})
        assert (answer.status_code, "<script>alert" in answer.text) == (400, False), wrong
    offer = {"track": track, "currency": str(place.usd), "price": "1"}
    for decimals in ("18", "5"):
        answer = place.sent(edna, f"/market/{track}/list", {**offer, "decimals": decimals})
        assert (answer.status_code, f"says 6, not {decimals}" in answer.text) == (400, True)
    job = Jobs.of(place.service).submit(place.address("edna"), "list", {**offer, "decimals": 18})
    with pytest.raises(UsageError, match="says 6, not 18"):  # whatever it said before
        place.done(job)
    for said, why in (
        ({"price": "0.0000001", "decimals": "6"}, "finer"),
        ({"price": "1.5"}, "smallest unit"),
        ({"price": "1", "decimals": "6", "currency": ""}, "decimals: of a token"),
        ({"price": str(2**96)}, "2^96"),
        ({"price": "1", "decimals": "77"}, "decimals"),
    ):
        answer = place.sent(edna, f"/market/{track}/list", {**offer, **said})
        assert (answer.status_code, why in answer.text) == (400, True), said


def test_a_currency_is_asked_for_who_may_name_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ask = [], Currencies.ask
    monkeypatch.setattr(Currencies, "ask", lambda self, token: asked.append(token) or ask(self, token))
    edna, fay, nobody, track = place.at("edna"), place.at("fay"), client_of(place.service), place.tracks[1]
    nobody.headers |= {"accept": "text/html"}
    for client in (fay, nobody):
        for said in (str(place.usd), "0x12"):
            assert client.get(f"/market/{track}?currency={said}").status_code == 200
    assert place.sent(fay, f"/market/{track}/list", {"price": "x", "currency": str(place.usd)}).status_code == 400
    assert asked == []
    assert edna.get(f"/market/{track}?currency={place.usd}").status_code == 200
    assert asked == [place.usd]


def test_nobody_asks_twice_for_the_same(place: Place) -> None:
    edna, fay, track = place.at("edna"), place.at("fay"), place.tracks[2]
    seen = fields(fay.get(f"/market/{track}").text, f"/market/{track}/buy")
    job = place.asked(fay, f"/market/{track}/buy", seen)
    second = place.sent(fay, f"/market/{track}/buy", seen)
    assert (second.status_code, f"job {job.id} does this already" in second.text) == (400, True)
    other = place.asked(edna, f"/market/{track}/buy", seen)  # whoever is first gets it
    for one in (job, other):
        Jobs.of(place.service).cancel(one.id)
    again = place.asked(fay, f"/market/{track}/buy", seen)
    assert place.sent(fay, f"/jobs/{job.id}/retry", {}).status_code == 409
    Jobs.of(place.service).cancel(again.id)
    assert place.sent(fay, f"/jobs/{job.id}/retry", {}).status_code == 303
    Jobs.of(place.service).cancel(job.id)
    pulls = [place.asked(fay, f"/royalties/{track}/pull", {"currency": said}) for said in ("", str(place.usd))]
    assert place.sent(fay, f"/royalties/{track}/pull", {}).status_code == 409
    for one in pulls:
        Jobs.of(place.service).cancel(one.id)


def test_nobody_buys_what_they_sell(place: Place) -> None:
    carl = client_of(place.service)
    sign_in(carl, CARL)
    own = carl.post("/v1/transactions/prepare", json={"kind": "buy", "track": place.tracks[2]})
    assert (own.status_code, "offered by you" in own.json()["detail"]) == (400, True)
    shown = carl.get(f"/market/{place.tracks[2]}", headers={"accept": "text/html"}).text
    assert "This is your own offer." in shown
    assert "Buy it for" not in shown


def test_what_a_wallet_has_sent_and_nobody_has_heard_of_is_not_prepared_again(place: Place) -> None:
    dora, asked = client_of(place.service), {"kind": "buy", "track": place.tracks[2]}
    sign_in(dora, DORA)
    prepared = dora.post("/v1/transactions/prepare", json=asked).json()
    assert prepared["aim"] == f"buy {place.tracks[2]}"
    unheard = "0x" + "5d" * 32
    told = {"hash": unheard, "aim": prepared["aim"]}
    for _ in range(2):
        assert dora.post("/v1/transactions", json=told).json()["state"] == "pending"
    second = dora.post("/v1/transactions/prepare", json=asked)
    assert (second.status_code, unheard in second.json()["detail"]) == (409, True)
    other = client_of(place.service)
    sign_in(other, ANNA)
    assert other.post("/v1/transactions/prepare", json=asked).status_code == 200
    clock = place.service.now
    assert isinstance(clock, Clock)
    before = clock.time
    clock.pass_by(86401)
    sign_in(dora, DORA)
    assert dora.post("/v1/transactions/prepare", json=asked).status_code == 200
    clock.time = before
    with place.service.home.ledger() as ledger:  # another transaction of hers takes its turn
        ledger.chain.transact(DORA, ANNA.address, b"", value=1)
    sign_in(dora, DORA)
    assert dora.post("/v1/transactions/prepare", json=asked).status_code == 200


def test_what_a_job_has_sent_holds_up_the_next_one_until_it_is_mined(place: Place) -> None:
    asked, wallets = {"track": place.tracks[2], "price": "0.1", "currency": "ether"}, Wallets(place.service.database)
    jobs, at = Jobs.of(place.service), place.service.now().timestamp()
    with place.service.home.reading() as ledger:
        nonce = ledger.chain.nonce(DORA.address)
    job = jobs.submit(DORA.address, "buy", asked)
    claim = Leases(place.service.database, place.service.now).claim("worker", 60)
    assert claim is not None
    assert claim.job.id == job.id
    assert wallets.ask(claim, "send", {"to": str(ANNA.address), "nonce": hex(nonce)}, at, at) == "asking"
    wallets.answer(jobs.get(job.id), 1, {"hash": "0x" + "5e" * 32}, at)
    wallets.bound(jobs.get(job.id), 1, nonce)
    jobs.cancel(job.id)
    dora = client_of(place.service)
    sign_in(dora, DORA)
    second = dora.post("/v1/transactions/prepare", json={"kind": "buy", **asked})
    assert (second.status_code, f"for job {job.id}" in second.json()["detail"]) == (409, True)
    with place.service.home.ledger() as ledger:
        ledger.chain.transact(DORA, ANNA.address, b"", value=1)
    assert dora.post("/v1/transactions/prepare", json={"kind": "buy", **asked}).status_code == 200


def refusal(error: str, *words: int) -> str:
    """Code that refuses in the words of a contract of ours."""
    said = bytes(keccak(text=error))[:4] + b"".join(word.to_bytes(32) for word in words)
    rows = (f"7f{said[at : at + 32].ljust(32, bytes(1)).hex()} 60{at:02x} 52" for at in range(0, len(said), 32))
    return f"{' '.join(rows)} 60{len(said):02x} 6000 fd"


def two_faced(code: str) -> str:
    """A balance of one for whoever asks it directly, as a page does, and ``code`` for an account of ours that asks."""
    size = len(code.replace(" ", "")) // 2
    return f"32 33 14 60{size + 6:02x} 57 {code} 5b 6001 6000 52 6020 6000 f3"


HOSTILE = {
    "more than there can be": "6000 19 6000 52 6020 6000 f3",
    "one byte": "6001 6000 f3",
    "nothing": "00",
    "all gas burnt": "fe",
    "a refusal": "6000 6000 fd",
    "a signature that is wrong": refusal("SignatureWrong(address)", 1),
    "a key that ends never": refusal("KeyOver(address,uint256)", 1, 2**256 - 1),
}


def test_no_token_keeps_a_page_from_its_reader(place: Place) -> None:
    with place.service.home.ledger() as ledger:
        track = Trade(ledger.contracts, []).mint("a song that its owner sells to himself")
        account, _ = ledger.contracts.royalty(track, 0)
        made = []
        for code in (*HOSTILE.values(), *(two_faced(code) for code in HOSTILE.values())):
            run = bytes.fromhex(code.replace(" ", ""))
            made.append(ledger.chain.transact(CARL, None, bytes.fromhex(f"60{len(run):02x}80600b6000396000f3") + run))
        hostile = [receipt.contract for receipt in made]
    good = named(place.service.home, CARL, account, symbol="GOOD", decimals=2)
    follow(place.service)
    sold = {"track": track_raw(track), "seller": str(CARL.address), "buyer": str(CARL.address), "price": "1"}
    sold |= {"royalty": "0", "block": 1, "time": 1, "tx": "0x"}
    with place.service.database.changing() as connection:
        connection.execute(sales.insert(), [sold | {"currency": str(token)} for token in (good, *hostile)])

    carl, anna = client_of(place.service), client_of(place.service)
    for client, signer in ((carl, CARL), (anna, ANNA)):
        client.headers |= {"accept": "text/html"}
        sign_in(client, signer)
    form = f'action="/royalties/{track:016x}/pull"'
    for opened in (False, True):  # from the first pull on it is the track's account that asks the tokens
        mine = carl.get("/music")
        assert (mine.status_code, mine.text.count(form)) == (200, 1)
        shown = anna.get("/recordings/1")
        assert (shown.status_code, shown.text.count(form)) == (200, 1)
        assert fields(shown.text, f"/royalties/{track:016x}/pull")["currency"] == str(good)
        assert 'action="/recordings/1/withdraw"' in shown.text
        if not opened:
            with place.service.home.ledger() as ledger:
                ledger.contracts.pull_royalty(CARL, track, 0, good)

    ticks = count(0, dues.SECONDS)  # each question takes all the time that a page has for them
    with place.service.home.reading() as ledger:
        slow = dues.Dues(place.service, ledger, lambda: next(ticks)).of(track, lambda share: True)
        whole = dues.Dues(place.service, ledger).of(track, lambda share: True)
    assert (slow, len(whole), whole[0].coin.symbol) == ((), 1, "GOOD")
    assert next(ticks) == 2 * dues.SECONDS
