"""A dataset's license and a model's training, as pages ask for them: what is shown, what is asked, what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from api.errors import DataKeyElsewhere
from api.http.problems import status_of
from api.pages import job as job_page
from api.pages import licensing
from api.pages.language import Words
from api.service.follower import follow
from api.service.jobs import Jobs
from api.service.kinds.making import TRAIN
from api.service.leases import Leases
from api.service.mistakes import refuse
from api.service.service import Service
from ledger import signing
from ledger.cid import Cid
from ledger.keys import LocalSigner
from ledger.vault import DataKey
from tests.http.signing_in import client_of, service_in, sign_in
from tests.ledger.facts import a_dataset
from tests.service.traded import ANNA, BEN, CARL, NEW_TERMS, TERMS, Trade, cid, digest
from tests.story import new_key


@dataclass
class Place:
    service: Service
    signer: LocalSigner

    def visitor(self, signer: LocalSigner | None = None) -> TestClient:
        client = client_of(self.service)
        client.follow_redirects = False
        client.headers |= {"accept": "text/html"}
        if signer is not None:
            sign_in(client, signer)
            del client.headers["X-CSRF-Token"]
        return client

    def edna(self) -> TestClient:
        """Whose key lies here."""
        client = self.visitor()
        assert client.post("/sign-in", data={"key": "edna", "next": "/account"}).status_code == 303
        return client

    def job(self, where: str) -> dict[str, object]:
        """What a job was asked for, by its page; it is ended, so that others may be asked for."""
        asked = Jobs.of(self.service).get(where.removeprefix("/jobs/"))
        Jobs.of(self.service).cancel(asked.id)
        return {"kind": asked.kind, **asked.request}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Datasets 1 to 5: on sale; consent withdrawn; not on offer; licensed to edna, whose key is here; in a token."""
    service = service_in(tmp_path_factory.mktemp("training"), rate=10_000, demo=True)
    edna = new_key(service.home, "edna")
    with service.home.ledger() as ledger:
        trade = Trade(ledger.contracts, [])
        trade.begin()
        contracts = ledger.contracts
        contracts.withdraw_consent(BEN, 2)
        token = replace(NEW_TERMS, price=7, currency=contracts.deployment.tracks)  # a contract, and no token
        for name, terms in (("c", replace(TERMS, uses=())), ("d", NEW_TERMS), ("e", token)):
            contracts.register_dataset(ANNA, digest(name), digest(f"{name} record"), cid(name), terms)
        contracts.grant_license(ANNA, "dataset", 4, edna.address, ("train",), 2**33, digest("grant"), cid("grant"))
    follow(service)
    yield Place(service, edna)
    service.close()


def fields(text: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text))


def said(text: str) -> str:
    """The words of a page's license."""
    section = text.split('aria-labelledby="license"', 1)[1].split("</section>", 1)[0]
    return " ".join(re.sub(r"<[^>]+>", " ", section.partition(">")[2]).split())


@pytest.mark.slow
def test_a_dataset_says_who_holds_a_license(place: Place) -> None:
    stranger = said(place.visitor().get("/datasets/1").text)
    assert "You pay 0.001 ETH, once. Sign in to license it" in stranger
    assert "These recordings are yours" in said(place.visitor(ANNA).get("/datasets/1").text)
    carl = place.visitor(CARL).get("/datasets/1").text
    assert "for training, without an end for generation, without an end" in said(carl)
    assert ("/models/new?dataset=1" in carl, "<form" in carl.split("<main", 1)[1]) == (True, False)
    edna = said(place.edna().get("/datasets/4").text)
    assert "for training, until 2242-03-16 12:56 UTC Train a model on it" in edna
    assert "License it" not in edna  # nothing else is on sale


@pytest.mark.slow
def test_what_is_not_on_offer_has_no_button(place: Place) -> None:
    for number, words in ((2, "has withdrawn consent"), (3, "No license is on offer now")):
        shown = place.edna().get(f"/datasets/{number}").text
        assert words in said(shown)
        assert "<button" not in shown
    with place.service.home.reading() as ledger:
        entry, later = ledger.contracts.dataset(4), place.service.now() + timedelta(days=9000)
        assert licensing.offer(place.service, ledger, entry, None, later).state == "ended"


@pytest.mark.slow
def test_a_price_in_a_token_is_said_with_its_two_steps(place: Place) -> None:
    page = place.edna().get("/datasets/5").text
    assert re.search(r"You pay 7 “STEMTRACK” \(0x\w{6}….*, once. In a token that takes two steps", said(page))
    assert re.search(r"Your account has 0 “STEMTRACK” .* That is not enough for 7 “STEMTRACK”", said(page))
    assert "<button disabled>" in page
    assert "which no wallet reaches" in said(place.visitor(CARL).get("/datasets/5").text)  # whose key is elsewhere


def test_a_license_is_asked_for_as_it_was_shown(place: Place) -> None:
    edna = place.edna()
    page = edna.get("/datasets/1").text
    shown = fields(page)
    assert "Your account has 1000 ETH." in said(page)
    answer = edna.post("/datasets/1/license", data={**shown, "uses": ["train", "generate"]})
    assert answer.status_code == 303
    terms = {"price": "0.001", "currency": "ether", "share": "5", "until": "never"}
    expected = {"kind": "license", "subject": "dataset", "id": 1, "uses": ["train", "generate"], **terms}
    assert place.job(answer.headers["location"]) == expected
    for change, words in (
        ({"uses": []}, "uses: choose at least one"),
        ({"uses": ["sing"]}, "uses.0: should be one of train, generate, commercial"),
        ({"uses": ["commercial"]}, "dataset 1 is on offer for train, generate; asked for commercial"),
        ({"price": "0.0005"}, "costs 0.001 ETH now"),
        ({"share": "4"}, "share 5 %"),
    ):
        refused = edna.post("/datasets/1/license", data={**shown, "uses": ["train"], **change})
        assert (refused.status_code, words in refused.text) == (400, True), change
        assert fields(refused.text)["price"] == "0.001"  # what is asked now
    assert edna.post("/datasets/1/license", data={"uses": "train"}).status_code == 403  # from another site
    gone = edna.post("/datasets/2/license", data={**shown, "uses": "train"})
    assert (gone.status_code, "consent for dataset 2 has been withdrawn" in gone.text) == (400, True)
    assert (
        edna.post("/datasets/1/license?lang=es", data={**shown, "uses": []}).text.count("usos: elija al menos uno") == 1
    )


@pytest.mark.slow
def test_a_training_is_asked_for_with_what_one_may_learn_from(place: Place) -> None:
    edna = place.edna()
    form = edna.get("/models/new").text
    assert re.findall(r'name="datasets" value="(\d+)" checked', form) == ["4"]
    assert re.findall(r'<li><a href="/datasets/(\d+)">', form) == ["5", "1"]  # on sale
    assert re.findall(r'name="preset" value="(\w+)"', form) == ["tiny", "small", "base"]
    right = {**fields(form), "datasets": ["4"], "preset": "tiny", "seed": "7", "royalty": "2.5", "seal": "yes"}
    answer = edna.post("/models/new", data=right)
    asked = {"kind": "train", "datasets": [4], "preset": "tiny", "seed": 7, "royalty": "2.5", "seal": True}
    assert place.job(answer.headers["location"]) == asked
    for change, words, marked in (
        ({"datasets": []}, "datasets: should name at least one", "datasets"),
        ({"datasets": ["1"]}, "datasets: you hold no license to train on dataset 1", None),
        ({"datasets": ["2", "4"]}, "datasets: you hold no license to train on dataset 2", "datasets"),
        ({"seed": "many"}, "seed: should be a whole number", "seed"),
        ({"seed": str(2**32)}, "seed: should be less than 4294967296", "seed"),
        ({"royalty": "much"}, "royalty: should be percent", "royalty"),
        ({"royalty": "101"}, "royalty &#39;101&#39;: must be between 0 and 100", "royalty"),
        ({"preset": "gigantic"}, "preset: there is no", None),
    ):
        refused = edna.post("/models/new", data={**right, **change})
        assert (refused.status_code, words in refused.text) == (400, True), change
        wrong = re.findall(r'name="(\w+)"[^>]* aria-invalid="true"', refused.text)
        assert set(wrong) == ({marked} if marked else set()) or not marked, change
        assert f'value="{change.get("seed", "7")}"' in refused.text  # what was said stays
    refused = edna.post("/models/new?lang=es", data={**right, "datasets": ["1"]})
    assert "conjuntos de datos: no tiene licencia para entrenar con el conjunto de datos 1" in refused.text
    assert edna.post("/models/new", data={"datasets": "4"}).status_code == 403  # from another site
    assert place.visitor().get("/models/new").headers["location"] == "/sign-in?next=%2Fmodels%2Fnew"
    assert edna.get("/models/new?dataset=x").status_code == 422


@pytest.mark.slow
def test_a_job_tells_how_a_training_goes_and_where_to_go_on(place: Place) -> None:
    edna, address = place.edna(), place.service.home.keystore().address("edna")
    jobs, leases = Jobs.of(place.service), Leases(place.service.database, place.service.now)
    for kind, request, result, leads in (
        ("train", {"datasets": [4]}, {"model": 3}, ["/models/3", "/studio?model=3"]),
        (
            "license",
            {"subject": "dataset", "uses": ["train"]},
            {"dataset": 4},
            ["/datasets/4", "/models/new?dataset=4"],
        ),
        ("license", {"subject": "model", "uses": ["generate"]}, {"model": 3}, ["/models/3"]),
    ):
        job = jobs.submit(address, kind, request)
        claim = next(one for one in iter(lambda: leases.claim("worker", 60), None) if one.job.id == job.id)
        told = {"phase": "training generator", "done": 40, "total": 180, "loss": 0.71239, "speed": 12.349, "left": 61.0}
        leases.say(claim, "progress", told, topic="training generator")
        shown = edna.get(f"/jobs/{job.id}").text
        for words in ("<dd>0.712</dd>", "<dd>12.3 steps a second</dd>", "<dd>about 2 min</dd>"):
            assert words in shown
        leases.finish(claim, result)
        assert re.findall(r'class="button plain" href="([^"]+)"', edna.get(f"/jobs/{job.id}").text) == leads
    for price, name in (("0.001", "Buy a license"), ("0", "Take a license")):
        job = jobs.submit(address, "license", {"subject": "model", "uses": ["generate"], "price": price})
        assert f"<h1>{name}</h1>" in edna.get(f"/jobs/{job.id}").text
        assert f'<a href="/jobs/{job.id}">{name}</a>' in edna.get("/account").text
        jobs.cancel(job.id)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "less than a minute"), (60, "less than a minute"), (61, "about 2 min"), (7261, "about 2 h 2 min")],
)
def test_the_time_left_is_said_in_minutes(seconds: float, words: str) -> None:
    assert job_page._time_left(seconds, Words("en")) == words


@pytest.mark.slow
def test_a_record_that_was_read_is_not_read_for_the_next_who_asks(place: Place) -> None:
    record = replace(a_dataset(), title="Marches of old")
    with place.service.home.ledger() as ledger:
        where = ledger.store.add_bytes(signing.sign(record.payload(), ANNA).to_bytes())
        number = ledger.contracts.register_dataset(ANNA, record.root, record.digest, str(where), TERMS).id
        ledger.chain.fund(place.signer.address, 10**18)
        Trade(ledger.contracts, []).license(place.signer, number)
        block = ledger.store.path(Cid.parse(str(where)).digest)
    follow(place.service)
    edna, carl = place.edna(), place.visitor(CARL)
    assert "Marches of old" in carl.get("/models/new").text  # on sale
    away = block.rename(block.with_suffix(".away"))
    for reader in (carl, edna):
        form = reader.get("/models/new").text
        assert "Marches of old" in form
    said = {**fields(form), "datasets": [str(number)], "preset": "tiny", "seed": "7", "royalty": "96"}
    refused = edna.post("/models/new", data=said)  # which takes the dataset's length
    assert (refused.status_code, "at most 95 % are left" in refused.text) == (400, True)
    away.rename(block)


@pytest.mark.slow
def test_recordings_whose_key_is_elsewhere_are_not_offered_as_if_they_could_be_heard_here(place: Place) -> None:
    record = replace(a_dataset(2), title="Marches from elsewhere", holder=ANNA.address, terms=TERMS)
    with place.service.home.ledger() as ledger:
        where = ledger.store.add_bytes(signing.sign(record.payload(), ANNA).to_bytes())
        number = ledger.contracts.register_dataset(ANNA, record.root, record.digest, str(where), TERMS).id
        ledger.chain.fund(place.signer.address, 10**18)
        Trade(ledger.contracts, []).license(place.signer, number)
    follow(place.service)
    edna, box = place.edna(), f'name="datasets" value="{number}"'
    form = edna.get(f"/models/new?dataset={number}").text
    assert box not in form
    unheard = form.split('aria-labelledby="elsewhere"', 1)[1].split("</section>", 1)[0]
    assert f'<a href="/datasets/{number}"><bdi>Marches from elsewhere</bdi></a>' in unheard
    assert "holds no key of these recordings" in unheard
    on_sale = place.visitor(CARL).get("/models/new").text
    assert re.search(r"Marches from elsewhere</bdi>: 0.001 ETH; cannot be trained on here", on_sale)
    for reader in (place.visitor(), edna, place.visitor(ANNA)):
        shown = reader.get(f"/datasets/{number}").text
        assert "Nobody can train a model on these recordings here" in said(shown)
        assert f"/models/new?dataset={number}" not in shown
    asked = {**fields(form), "datasets": [str(number)], "preset": "tiny", "seed": "7", "royalty": "1"}
    refused = edna.post("/models/new", data=asked)
    assert (refused.status_code, "holds no key of its recordings" in refused.text) == (400, True)
    assert f"con el conjunto de datos {number} no se puede" in edna.post("/models/new?lang=es", data=asked).text
    wish = TRAIN.request(kind="train", datasets=(number,))  # type: ignore[call-arg]
    with pytest.raises(DataKeyElsewhere, match=f"stemmata license open {number} --from URL") as told:
        refuse(place.service, place.signer.address, wish)
    assert status_of(told.value) == 409
    place.service.home.vault().put(f"licensed:{record.root}", DataKey.new())  # as `license open` keeps it
    assert box in edna.get("/models/new").text
    assert f"/models/new?dataset={number}" in edna.get(f"/datasets/{number}").text
    refuse(place.service, place.signer.address, wish)
