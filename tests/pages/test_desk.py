"""The pages behind a sign-in: who sees them, what their forms ask for, and what they never do."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fastapi.testclient import TestClient
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.responses import RedirectResponse

from api.errors import UsageError
from api.http.app import create_app
from api.pages import studio
from api.pages.door import inside
from api.service import asking
from api.service.follower import follow
from api.service.jobs import Jobs
from api.service.leases import Leases
from api.service.service import Service
from api.service.tokens import Tokens
from api.terms import money
from ledger.keys import LocalSigner
from tests.http.signing_in import SITE, client_of, service_in, sign_in
from tests.service.traded import ANNA, CARL, DORA, Trade, digest
from tests.story import new_key

PAGE = {"accept": "text/html"}


@example("//evil.example")
@example("/\\evil.example")
@example("/\t/evil.example")
@example("https://evil.example")
@example("javascript:alert(1)")
@given(st.text())
def test_nobody_is_led_to_another_site(path: str) -> None:
    for where in (inside(path), RedirectResponse(inside(path)).headers["location"]):  # scripts go there, and answers
        assert re.match(r"/(?![/\\])", where)
        assert not re.search(r"[\x00-\x20]", where)


def test_a_mix_becomes_a_request() -> None:
    styles = (studio.Style(3, "Bach: fugues", 100), studio.Style(4, None, 50))
    model = studio.Model(2, "licensed", None, {}, styles)
    said = {"style-3": "70", "style-4": "0", "seconds": "3.5", "seed": "7", "variations": "2", "temperature": "0.9"}
    assert studio.wish(model, said, "u" * 22) == {
        "kind": "generate",
        "model": 2,
        "seconds": 3.5,
        "seed": 7,
        "variations": 2,
        "temperature": 0.9,
        "style": {"3": 70, "4": 0},
        "primer": "u" * 22,
    }
    instrument = studio.Model(1, "instrument", "0", "0 ETH", styles)
    assert "model" not in studio.wish(instrument, said, None)  # its license is taken by whoever names none
    for change, named in (({"style-3": "0"}, "style"), ({"seed": "-1"}, "seed"), ({"seconds": "long"}, "seconds")):
        with pytest.raises(UsageError, match=named):
            studio.wish(model, said | change, None)


def test_an_earlier_mix_is_shown_again() -> None:
    model = studio.Model(2, "own", None, {}, (studio.Style(3, "Bach", 100), studio.Style(4, None, 50)))
    for style, weights in (
        ({"3": 10, "4": 90}, [10, 90]),
        ({"4": 400}, [0, 100]),  # the API takes any
        ({"3": 500, "4": 400}, [100, 80]),
        ({}, [100, 50]),
        ({"3": 0}, [100, 50]),
        ({"bach": 2}, [100, 50]),
        ({"5": 2}, [100, 50]),
    ):
        assert [one.weight for one in studio.mixed(model, style).styles] == weights


@dataclass
class Place:
    service: Service
    track: str
    sold: int

    def visitor(self, signer: LocalSigner | None = None) -> TestClient:
        """Somebody with a browser, signed in with a wallet if at all."""
        client = client_of(self.service)
        client.follow_redirects = False
        client.headers |= PAGE
        if signer is not None:
            sign_in(client, signer)
            del client.headers["X-CSRF-Token"]  # a form brings its own
        return client

    def local(self, name: str) -> TestClient:
        """The same with a key of the demonstration."""
        client = self.visitor()
        answer = client.post("/sign-in", data={"key": name, "next": "/account"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/account")
        return client


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """CARL's track is for sale, another is sold to DORA; edna's key lies here."""
    service = service_in(tmp_path_factory.mktemp("desk"), rate=10_000, demo=True)
    new_key(service.home, "edna")
    with service.home.ledger() as ledger:
        trade = Trade(ledger.contracts, [])
        trade.begin()
        track, sold = trade.mint("song"), trade.mint("sold")
        ledger.contracts.list_track(CARL, track, 25 * 10**16)
        ledger.contracts.list_track(CARL, sold, 10**17)
        ledger.contracts.buy_track(DORA, sold, 10**17)
    follow(service)
    yield Place(service, f"{track:016x}", sold)
    service.close()


def csrf(client: TestClient, path: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]


BEHIND = ("/account", "/recordings", "/recordings/new", "/recordings/1", "/studio", "/music", "/jobs/" + "x" * 22)


@pytest.mark.slow
def test_strangers_are_led_to_the_sign_in_and_back(place: Place) -> None:
    stranger = place.visitor()
    for path in BEHIND:
        answer = stranger.get(path)
        assert answer.status_code == 303, path
        assert answer.headers["location"] == "/sign-in?next=" + path.replace("/", "%2F")
    assert stranger.get("/studio?model=1").headers["location"] == "/sign-in?next=%2Fstudio%3Fmodel%3D1"
    assert stranger.post("/account/income").headers["location"] == "/sign-in"
    assert stranger.get("/market").status_code == stranger.get(f"/market/{place.track}").status_code == 200


@pytest.mark.slow
def test_every_page_says_who_is_signed_in(place: Place) -> None:
    def head(client: TestClient) -> str:
        shown = client.get("/market").text.split("<nav", 1)[1].split("</nav>", 1)[0]
        return " ".join(re.sub(r"<[^>]+>", " ", shown).split())

    assert "My music" not in head(place.visitor())
    assert "Account edna" in head(place.local("edna")) and "My music" in head(place.local("edna"))
    assert f"{str(DORA.address)[:8]}…{str(DORA.address)[-4:]}" in head(place.visitor(DORA))  # whose key is not here


@pytest.mark.slow
def test_a_job_says_in_which_phase_it_is(place: Place) -> None:
    dora = place.visitor(DORA)
    job = Jobs.of(place.service).submit(DORA.address, "train", {"datasets": [1]})
    leases = Leases(place.service.database, place.service.now)
    claims = iter(lambda: leases.claim("worker", 60), None)  # other tests' jobs may wait before it
    claim = next(one for one in claims if one.job.id == job.id)
    for phase, shown in (
        ("training generator", "Training the generator: 40 of 180"),
        ("registering", "Registering: 22 %"),
        ("<b>odd", "&lt;b&gt;odd: 40 of 180"),
    ):
        leases.say(claim, "progress", {"phase": phase, "done": 40, "total": 180}, topic=phase)
        assert f'<p id="phase"><bdi>{shown}</bdi></p>' in dora.get(f"/jobs/{job.id}").text
    assert 'value="22"' in dora.get(f"/jobs/{job.id}").text
    leases.finish(claim, {"model": 1})
    assert 'id="phase"' not in dora.get(f"/jobs/{job.id}").text


@pytest.mark.slow
def test_what_is_being_made_has_a_player_until_it_is_done(place: Place) -> None:
    dora = place.visitor(DORA)
    job = Jobs.of(place.service).submit(DORA.address, "generate", {"variations": 2})
    leases = Leases(place.service.database, place.service.now)
    claims = iter(lambda: leases.claim("worker", 60), None)
    claim = next(one for one in claims if one.job.id == job.id)

    def shown() -> list[tuple[str, str, str]]:
        page = dora.get(f"/studio/{job.id}").text
        return re.findall(
            r'<li class="sheet" id="([^"]+)" data-live-version="([^"]+)">.*?src="([^"]+)"', page, re.DOTALL
        )

    folder, sound = asking.folder(place.service, job), f"/v1/jobs/{job.id}/variations/1/sound"
    folder.mkdir()
    assert shown() == []
    growing = folder / ".track-1.0a0a.growing.wav"
    growing.write_bytes(b"RIFF")
    assert shown() == [("take-track-1", "0a0a", sound)]
    page = dora.get(f"/studio/{job.id}").text
    assert (
        f'<noscript><p><a href="{sound}" target="_blank">' in page
    )  # which the page that asks for itself does not end
    assert "loudness is a guess" in page
    growing.rename(folder / ".track-1.0b0b.growing.wav")  # made anew
    assert shown() == [("take-track-1", "0b0b", sound)]
    leases.say(claim, "made", {"file": "track-1.wav", "seconds": 30, "seed": 1}, topic="track-1.wav")
    assert shown() == [("take-track-1", "done", f"/v1/jobs/{job.id}/files/track-1.wav")]
    (folder / ".track-2.0c0c.growing.wav").write_bytes(b"RIFF")
    assert [one[:2] for one in shown()] == [("take-track-1", "done"), ("take-track-2", "0c0c")]
    leases.fail(claim, {"title": "Lost", "status": 500, "detail": "it died"})
    assert [one[:2] for one in shown()] == [("take-track-1", "done")]


@pytest.mark.slow
def test_what_is_minted_is_said_to_be_and_others_are_made_with_the_same_settings(place: Place) -> None:
    carl, jobs = place.visitor(CARL), Jobs.of(place.service)
    asked = {"seconds": 7.5, "seed": 1, "variations": 3, "temperature": 0.9, "style": {"1": 300, "2": 0}}
    job = jobs.submit(CARL.address, "generate", asked)
    leases = Leases(place.service.database, place.service.now)
    claims = iter(lambda: leases.claim("worker", 60), None)
    claim = next(one for one in claims if one.job.id == job.id)
    told = {"seconds": 7.5, "seed": 1, "model": 1}
    marks = (place.track, str(digest("song claim"))), (place.track, str(digest("another"))), ("0" * 16, "")
    tracks = [
        {**told, "file": f"track-{number}.wav", "watermark": mark, "claim": whose}
        for number, (mark, whose) in enumerate(marks, 1)
    ]
    leases.finish(claim, {"model": 1, "tracks": tracks})
    first, *others = carl.get(f"/studio/{job.id}").text.split("<h2>Variation")[1:]
    assert f'<strong>Minted:</strong> <a href="/tracks/{int(place.track, 16)}">Track {place.track}</a>' in first
    assert "/mint" not in first
    assert len(others) == 2
    for one in others:
        assert (f'action="/studio/{job.id}/mint"' in one, "Minted" in one) == (True, False)
    (again,) = re.findall(r'href="(/studio[?][^"]+)">Make others', others[-1])
    assert again == f"/studio?model=1&amp;again={job.id}"
    form = carl.get(html.unescape(again)).text
    for name, value in (("seconds", "7.5"), ("variations", "3"), ("temperature", "0.9"), ("style-1", "100")):
        assert re.search(f'name="{name}"[^>]* value="{value}"', form), name
    assert 'name="style-2" type="range" min="0" max="100" value="0"' in form
    assert place.visitor(DORA).get(html.unescape(again)).status_code == 404


@pytest.mark.slow
def test_who_only_bought_is_shown_what_they_bought(place: Place) -> None:
    bought = place.visitor(DORA).get("/music").text
    assert f"Track {place.sold:016x}" in bought
    assert "You have minted nothing yet." in place.visitor(DORA).get("/music?which=made").text
    assert f"Track {place.track}" in place.visitor(CARL).get("/music").text
    assert "Aún no ha acuñado nada." in place.visitor(ANNA).get("/music?lang=es").text


@pytest.mark.slow
def test_no_form_works_from_another_site(place: Place) -> None:
    edna = place.local("edna")
    jobs = len(Jobs.of(place.service).list(place.service.home.keystore().address("edna")))
    forms = {
        "/account/sign-out": {},
        "/account/tokens": {"name": "x", "scope": "read", "days": "1"},
        "/account/income": {},
        "/studio": {"model": "1"},
        f"/market/{place.track}/buy": {"price": "0.25", "currency": "ether"},
        f"/music/{place.track}/offer": {"price": "1"},
        f"/royalties/{place.track}/pull": {},
        "/recordings/1/withdraw": {"sure": "yes"},
    }
    for path, said in forms.items():
        for token in ({}, {"csrf": "x" * 43}):
            assert edna.post(path, data=said | token).status_code == 403, path
    assert len(Jobs.of(place.service).list(place.service.home.keystore().address("edna"))) == jobs
    assert edna.get("/account").status_code == 200  # and nobody was signed out


@pytest.mark.slow
def test_a_token_is_shown_once_and_ended(place: Place) -> None:
    edna = place.local("edna")
    token = {"csrf": csrf(edna, "/account")}
    wrong = edna.post("/account/tokens", data=token | {"name": "<b>", "days": "1"})
    assert (wrong.status_code, "scopes: one or more" in wrong.text) == (400, True)
    made = edna.post("/account/tokens", data=token | {"name": "<b>my", "scope": ["read", "jobs"], "days": "2"})
    assert made.headers["cache-control"] == "no-store"
    secret = re.search(r"stm_[\w-]{43}", made.text)
    assert secret is not None
    shown = edna.get("/account").text
    assert (secret[0] in shown, "&lt;b&gt;my" in shown, "<b>my" in shown) == (False, True, False)
    program = {"Authorization": f"Bearer {secret[0]}"}
    with TestClient(create_app(place.service), base_url=SITE) as client:
        assert client.get("/v1/jobs", headers=program).status_code == 200
        assert (
            client.get("/account", headers=program | PAGE, follow_redirects=False).status_code == 303
        )  # not for programs
        ended = re.search(r"/account/tokens/[\w-]+/end", shown)
        assert ended is not None
        assert edna.post(ended[0], data=token).status_code == 303
        assert client.get("/v1/jobs", headers=program).status_code == 401


@pytest.mark.slow
def test_who_signs_out_everywhere_is_out(place: Place) -> None:
    one, other = place.local("edna"), place.local("edna")
    tokens, account = Tokens(place.service.database), place.service.home.keystore().address("edna")
    tokens.make(account, "mine", ("read",), 60, place.service.now())
    assert one.post("/account/sign-out-everywhere", data={"csrf": csrf(one, "/account")}).status_code == 303
    assert one.get("/account").status_code == other.get("/account").status_code == 303
    assert tokens.of(account, place.service.now()) == ()


@pytest.mark.slow
def test_what_is_bought_is_what_was_shown(place: Place) -> None:
    edna = place.local("edna")
    shown = edna.get(f"/market/{place.track}").text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', shown))
    assert (fields["price"], fields["currency"]) == ("0.25", "ether")
    assert "holder of dataset 2" in shown
    answer = edna.post(f"/market/{place.track}/buy", data=fields)
    job = Jobs.of(place.service).get(answer.headers["location"].removeprefix("/jobs/"))
    assert dict(job.request) == {"track": place.track, "price": "0.25", "currency": "ether"}
    assert edna.get(f"/jobs/{job.id}").status_code == 200
    assert place.local("edna").post(f"/jobs/{job.id}/cancel", data=fields).status_code == 403  # another session's form
    assert place.visitor(DORA).get(f"/jobs/{job.id}").status_code == 404
    Jobs.of(place.service).cancel(job.id)  # while it is in work nobody may ask for the same
    token = fields | {"currency": "0x" + "11" * 20}
    answer = edna.post(f"/market/{place.track}/buy", data=token)
    asked = Jobs.of(place.service).get(answer.headers["location"].removeprefix("/jobs/")).request
    assert asked["currency"] == token["currency"]
    nothing = edna.post(f"/market/{place.track}/buy", data=fields | {"price": "free"})
    assert (nothing.status_code, "<bdi>price: should be a price" in nothing.text) == (400, True)
    nothing = edna.post(f"/market/{place.track}/buy?lang=es", data=fields | {"price": "free"})
    assert (nothing.status_code, "<bdi>precio: tiene que ser un precio" in nothing.text) == (400, True)
    for form in (f"/market/{place.track}/list", f"/music/{place.track}/offer"):
        for nought in ("0", "0.00"):
            gift = edna.post(form, data=fields | {"price": nought})
            assert (gift.status_code, "<bdi>precio: tiene que ser más de 0" in gift.text) == (400, True), form
        comma = edna.post(form, data={"csrf": fields["csrf"], "price": "0,5"})
        assert (comma.status_code, "un precio decimal con punto, como 0.05" in comma.text) == (400, True), form
    dear = fields | {"file": "track-1.wav", "royalty": "much"}
    nothing = edna.post("/studio/" + "x" * 22 + "/mint?lang=es", data=dear)  # which has no form to go back to
    assert (nothing.status_code, "<bdi>regalía: tiene que ser un porcentaje" in nothing.text) == (400, True)


@pytest.mark.slow
def test_a_holder_sees_who_trained_and_nobody_elses(place: Place) -> None:
    anna = place.visitor(ANNA)
    listed = anna.get("/recordings").text
    assert "/recordings/1" in listed
    assert "/recordings/2" not in listed
    shown = anna.get("/recordings/1").text
    assert '<input type="hidden" name="currency" value="ether">' in shown  # whatever it has become when it is sent
    assert 'href="/models/1"' in shown
    assert "40 %" in shown  # of its training
    assert "0.001 ETH" in shown  # for CARL's license
    assert 'data-prepare="withdraw"' in shown  # her key lies elsewhere: her wallet is asked
    assert anna.get("/recordings/2").status_code == 403
    for nowhere in ("/recordings/0", f"/recordings/{2**300}", f"/recordings/{2**52}"):
        assert anna.get(nowhere).status_code == 404, nowhere
    for odd in (f"/recordings?after={2**70}", "/account?before=-1"):
        assert anna.get(odd).status_code == 422, odd


@pytest.mark.slow
def test_everybody_sees_what_is_due_to_them(place: Place) -> None:
    with place.service.home.reading() as ledger:
        shares = ledger.contracts.royalty_shares(place.sold)
        due = {share: ledger.contracts.royalty_due(place.sold, share.index) for share in shares}
    (annas,) = (units for share, units in due.items() if (share.kind, share.holder) == ("dataset", 1))
    carls = sum(units for share, units in due.items() if share.payee == CARL.address)
    assert 0 < annas < carls
    shown = place.visitor(ANNA).get("/recordings/1").text
    assert f"{place.sold:016x}" in shown
    assert f'<td class="number">{money(annas, None)}</td>' in shown
    assert f"{place.track}" not in shown  # nothing is due of that one
    carl = place.visitor(CARL)
    assert f"<strong>{money(carls, None)}</strong>" in carl.get("/music").text
    assert f"{place.sold:016x}" not in carl.get("/music?which=owned").text


@pytest.mark.slow
def test_consent_ends_only_for_who_means_it(place: Place) -> None:
    anna = place.visitor(ANNA)
    said = {"csrf": csrf(anna, "/recordings/1")}
    doubtful = anna.post("/recordings/1/withdraw", data=said)
    assert (doubtful.status_code, "sure: say that you mean it" in doubtful.text) == (400, True)
    sure = anna.post("/recordings/1/withdraw", data=said | {"sure": "yes"})  # without scripts: no wallet was asked
    assert (sure.status_code, str(ANNA.address) in sure.text and "key" in sure.text) == (400, True)
    assert Jobs.of(place.service).list(ANNA.address) == ()


@pytest.mark.slow
def test_without_scripts_files_come_with_the_form(place: Place) -> None:
    edna = place.local("edna")
    said = {
        "csrf": csrf(edna, "/recordings/new"),
        "title": 'My "<script>alert(1)</script>"',
        "license": "CC0-1.0",
        "price": "0.05",
        "share": "5",
        "uses": ["train", "commercial"],
        "mining": "notAllowed",
        "until": "",
    }
    place_of_files = html.unescape(re.search(r'action="(/recordings/new[^"]+)"', edna.get("/recordings/new").text)[1])  # type: ignore[index]
    wrong = edna.post("/recordings/new", data=said | {"upload": ""})
    assert wrong.status_code == 400
    assert "files: there is none" in wrong.text
    assert "&lt;script&gt;alert" in wrong.text  # what was said stays, and stays text
    bad = edna.post(place_of_files, data=said, files=[("files", ("a.wav", b"no sound", "audio/wav"))])
    assert (bad.status_code, "no sound format" in bad.text) == (400, True)
    wave = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(20)
    sent = [("files", (f"folder/{name}.wav", wave, "audio/wav")) for name in "ab"]
    job = Jobs.of(place.service).get(edna.post(place_of_files, data=said, files=sent).headers["location"][-22:])
    assert (job.kind, job.request["until"], job.request["uses"]) == ("register", "never", ["train", "commercial"])
    uploaded = place.service.home.path / "uploads" / job.request["upload"]
    assert sorted(path.name for path in uploaded.iterdir()) == ["a.wav", "b.wav"]
