"""The holder's key service and the licensee's way to a key: two homes, a real server, and services that lie."""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from key_server import answering, clock, serving
from shell import Shell
from story import MICRO, PASSPHRASE, Story, new_home, new_key, now

from api import data_keys, key_service
from api.errors import UsageError
from api.home import Home
from api.workflows import datasets, forgetting, licenses, offers, opening, training
from ledger import hashing
from ledger.archive import publish
from ledger.companions import Companions
from ledger.digest import Digest
from ledger.encryption import encrypting
from ledger.errors import (
    DecryptionFailed,
    HolderUnreachable,
    KeyDamaged,
    KeyExists,
    LicenseMissing,
    Malformed,
    NotFound,
    RequestInvalid,
    SignatureInvalid,
)
from ledger.keyrelease import Asset, KeyRequest, SealedKey, seal
from ledger.keys import LocalSigner, Signer
from ledger.records import recordings_root, timestamp
from ledger.vault import DataKey, Vault

STRANGER = LocalSigner(bytes(31) + b"\7")


@pytest.fixture(scope="module")
def url(story: Story) -> Iterator[str]:
    with serving(story.home) as url:
        yield url


@pytest.fixture
def elsewhere(story: Story, tmp_path: Path) -> Home:
    """Carl's own home: the same chain and content, and his key; of the holders' vault and names nothing."""
    return moved(story, tmp_path)


@pytest.fixture(scope="module")
def untouched(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The same, for tests that leave no key there."""
    home = moved(story, tmp_path_factory.mktemp("untouched"))
    yield home
    assert not any((home.path / "vault" / "keys").iterdir())


def moved(story: Story, folder: Path) -> Home:
    home = new_home(replace(story.home.settings, home=folder / "carl"))
    for name in ("chain", "content", "keys"):
        shutil.copytree(story.home.path / name, home.path / name)
    shutil.copy(story.home.path / "deployment.json", home.path)
    return home


def asset(home: Home, kind: str = "dataset", number: int = 1) -> Asset:
    with home.ledger() as ledger:
        return opening.standing(ledger, kind, number, STRANGER.address).asset


def ask(home: Home, signer: Signer, at: datetime | None = None, kind: str = "dataset", number: int = 1) -> bytes:
    x25519 = Companions(bytes(96)).public.x25519
    return KeyRequest.new(asset(home, kind, number), signer.address, x25519, at or clock()).signed(signer)


# -- the route


def test_a_licensee_is_given_the_key_and_nothing_is_kept_by_anybody_between(story: Story, url: str) -> None:
    answer = requests.post(f"{url}/datasets/1/key", timeout=60, data=ask(story.home, story.creator))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["cache-control"] == "no-store"
    assert SealedKey.from_bytes(answer.content).licensee == story.creator.address


@pytest.mark.parametrize(
    ("signer", "path", "change", "status", "name"),
    [
        (STRANGER, "/datasets/1/key", {}, 403, "LicenseMissing"),
        (None, "/datasets/2/key", {}, 403, "RequestInvalid"),
        (None, "/models/1/key", {}, 403, "RequestInvalid"),
        (None, "/datasets/99/key", {"number": 1}, 403, "RequestInvalid"),
        (None, "/datasets/1/key", {"at": timedelta(minutes=-6)}, 403, "RequestInvalid"),
        (None, "/datasets/1/key", {"at": timedelta(minutes=6)}, 403, "RequestInvalid"),
        (None, "/models/1/key", {"kind": "model"}, 404, "NotFound"),  # its weights lie in clear
        (None, "/datasets/0/key", {}, 400, "Malformed"),
        (None, "/datasets/one/key", {}, 400, "Malformed"),
        (None, "/datasets/9007199254740992/key", {}, 400, "Malformed"),
        (None, "/tracks/1/key", {}, 404, "NotFound"),
    ],
)
def test_refusals_are_problems_by_name(
    story: Story,
    url: str,
    signer: Signer | None,
    path: str,
    change: dict[str, object],
    status: int,
    name: str,
) -> None:
    at = clock() + change.pop("at", timedelta())  # type: ignore[operator]
    answer = requests.post(url + path, timeout=60, data=ask(story.home, signer or story.creator, at, **change))  # type: ignore[arg-type]
    problem = answer.json()
    assert (answer.status_code, problem["title"]) == (status, name), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["type"], problem["status"]) == (f"urn:stemmata:error:{name}", status)
    assert str(story.home.path) not in answer.text


def test_a_body_that_is_no_request_is_refused(story: Story, url: str) -> None:
    good = ask(story.home, story.creator)
    for body in (b"", b"{}", b"\xff", b"[" * 1000, good[:-1], good + b"\n", json.dumps(json.loads(good)).encode()):
        answer = requests.post(f"{url}/datasets/1/key", timeout=60, data=body)
        assert (answer.status_code, answer.json()["title"]) == (400, "Malformed"), answer.text
    altered = good.replace(b'"sig":"', b'"sig":"A', 1)
    assert requests.post(f"{url}/datasets/1/key", timeout=60, data=altered).status_code in (400, 403)


def test_a_long_body_is_not_taken_in(url: str) -> None:
    for body in (b"x" * 5000, iter([b"x" * 1000] * 5)):  # with its length said beforehand, and without
        answer = requests.post(f"{url}/datasets/1/key", timeout=60, data=body)
        assert (answer.status_code, answer.json()["title"]) == (413, "Malformed")


def test_nothing_but_asking_is_allowed(url: str) -> None:
    answer = requests.get(f"{url}/datasets/1/key", timeout=60)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert requests.get(f"{url}/openapi.json", timeout=60).status_code == 404


def test_a_chain_out_of_reach_is_no_refusal_and_tells_no_addresses(story: Story) -> None:
    dark = Home(replace(story.home.settings, rpc_url="http://127.0.0.1:9/secret-token"))
    with serving(dark) as client:
        answer = requests.post(f"{client}/datasets/1/key", timeout=60, data=ask(story.home, story.creator))
    assert (answer.status_code, answer.json()["title"]) == (503, "ChainUnreachable")
    assert "secret-token" not in answer.text
    assert "127.0.0.1" not in answer.text


def test_a_defect_on_this_side_is_told_to_the_log_alone(story: Story, tmp_path: Path) -> None:
    home = new_home(replace(story.home.settings, home=tmp_path / "damaged"))
    for name in ("chain", "content", "vault"):
        shutil.copytree(story.home.path / name, home.path / name, dirs_exist_ok=True)
    for path in (home.path / "vault" / "keys").iterdir():
        path.write_bytes(b"{}")
    with serving(home) as client:
        answer = requests.post(f"{client}/datasets/1/key", timeout=60, data=ask(story.home, story.creator))
    assert (answer.status_code, answer.json()["title"]) == (500, "Fault")
    assert str(home.path) not in answer.text


def test_no_log_holds_what_was_asked_or_answered(
    story: Story, elsewhere: Home, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), serving(story.home) as url:
        opening.fetch(elsewhere, "dataset", 1, url=url, signer=story.creator, now=clock)
    assert "POST /datasets/1/key" in caplog.text
    with story.home.ledger() as ledger:
        key = story.home.vault().get(opening.own_name(ledger, asset_of(ledger)))
    for secret in (key.reveal().hex(), repr(key.reveal()), "payload", "sealed", PASSPHRASE, str(story.creator.address)):
        assert secret not in caplog.text


def asset_of(ledger: object) -> Asset:
    return opening.standing(ledger, "dataset", 1, STRANGER.address).asset  # type: ignore[arg-type]


# -- whose key it is


@pytest.fixture
def copied(story: Story, tmp_path: Path) -> Home:
    """The holders' home, to register in."""
    shutil.copytree(story.home.path, tmp_path / "home")
    return Home(replace(story.home.settings, home=tmp_path / "home"))


def junk(home: Home, signer: Signer, asset: str) -> int:
    """Register bytes of no worth, in the chain's words the signer's own dataset, under an asset of his choice."""
    data = b"junk" * 100
    content = hashing.keep(home.store(), encrypting(io.BytesIO(data), DataKey.new(), asset.encode()))
    with home.ledger() as ledger:
        record = datasets.show(ledger, 1)[1]
        item = replace(record.recordings[0], sha256=Digest.of(data), size=len(data), content=content)
        root = recordings_root((item,))
        record = replace(record, root=root, asset=asset, holder=signer.address, recordings=(item,), omitted=())
        cid = publish(ledger.store, record, signer)
        home.fund(ledger, signer)
        return ledger.contracts.register_dataset(signer, root, record.digest, str(cid), record.terms).id


def test_a_stranger_who_registers_under_an_asset_of_the_holders_is_given_no_key(copied: Home) -> None:
    """The asset stands in a public record, and whoever registers a dataset owns it."""
    with copied.ledger() as ledger:
        record = datasets.show(ledger, 1)[1]
    number = junk(copied, STRANGER, record.asset)
    request = ask(copied, STRANGER, number=number)
    with pytest.raises(NotFound, match="no key of its own"):
        opening.answer(copied, copied.vault(), "dataset", number, request, clock)
    # Forgetting it is no way either to what is the holder's.
    done = forgetting.forget(copied, number, recordings=True, confirm=lambda record: None)
    assert (done.recordings, done.recordings_open) == (False, False)
    assert copied.vault().holds(record.asset)
    assert opening.data_key(copied, copied.vault(), "dataset", 1, signer=copied.signer("anna"), now=now)


def test_a_stranger_who_records_the_holders_digests_first_is_given_no_key(copied: Home, story: Story) -> None:
    """As he can who sees a transaction on its way, or acts on a chain where the holder has not."""
    with copied.ledger() as ledger:
        record = datasets.show(ledger, 1)[1]
    vault, anna = copied.vault(), copied.signer("anna")
    weights = Digest.of(b"weights")
    vault.put(data_keys.of_weights(weights, anna.address), DataKey.new())
    bare = new_home(replace(copied.settings, home=copied.path.parent / "another chain"))
    shutil.copytree(copied.path / "content", bare.path / "content")
    with bare.ledger() as ledger:
        bare.fund(ledger, STRANGER)
        theirs = replace(record, holder=STRANGER.address)
        cid = publish(ledger.store, theirs, STRANGER)
        entry = ledger.contracts.register_dataset(STRANGER, record.root, theirs.digest, str(cid), record.terms)
        model = ledger.contracts.record_model(
            STRANGER, weights, Digest.of(b"record"), str(cid), [(entry.id, 1_000_000)], royalty_ppm=0
        )
    for kind, number in (("dataset", entry.id), ("model", model.id)):
        request = ask(bare, STRANGER, kind=kind, number=number)
        with pytest.raises(NotFound, match="no key of its own"):
            opening.answer(bare, vault, kind, number, request, clock)  # type: ignore[arg-type]


# -- the licensee's side


def test_a_licensee_trains_in_a_home_that_never_saw_the_holders_vault(story: Story, elsewhere: Home, url: str) -> None:
    carl = Shell(elsewhere.path)
    with pytest.raises(NotFound, match=r"stemmata license open 1 --from URL"):
        training.train(elsewhere, [1], preset=MICRO, seed=9, signer=story.creator, now=now)
    said = carl.json("license", "open", "1", "--from", url, "--key", "carl")
    assert (said["dataset"], said["tried"], said["already"]) == (1, True, False)
    assert carl.json("license", "open", "1", "--from", url + "/", "--key", "carl")["already"]
    trained = training.train(elsewhere, [1], preset=MICRO, seed=9, signer=story.creator, now=now)
    assert not trained.already
    # What was given to a licensee is handed on to nobody.
    with serving(elsewhere) as second:
        answer = requests.post(f"{second}/datasets/1/key", timeout=60, data=ask(elsewhere, story.creator))
    assert (answer.status_code, answer.json()["title"]) == (404, "NotFound")


def test_without_a_license_nobody_is_asked(untouched: Home) -> None:
    with pytest.raises(LicenseMissing, match="dataset 1, use train"):
        opening.fetch(untouched, "dataset", 1, url="http://127.0.0.1:9", signer=STRANGER, now=clock)


def test_what_the_chain_of_the_holder_says_counts(story: Story, elsewhere: Home, url: str) -> None:
    """A license on a chain of one's own making does not count."""
    dora = new_key(elsewhere, "dora")
    licenses.buy(elsewhere, "dataset", 1, uses=("train",), signer=dora, now=now)
    with pytest.raises(LicenseMissing, match=f"{url}/datasets/1/key says: dataset 1, use train"):
        opening.fetch(elsewhere, "dataset", 1, url=url, signer=dora, now=clock)


def test_an_expired_license_opens_nothing_and_one_before_its_end_does(story: Story, tmp_path: Path) -> None:
    home = new_home(replace(story.home.settings, home=tmp_path / "home"))
    for name in ("chain", "content", "keys", "vault"):
        shutil.copytree(story.home.path / name, home.path / name, dirs_exist_ok=True)
    dora = new_key(home, "dora")
    end = datetime(2090, 1, 1, tzinfo=UTC)
    anna = home.signer("anna")
    licenses.grant(
        home, "dataset", 1, licensee=dora.address, uses=("train",), until=timestamp(end), signer=anna, now=now
    )
    # Consent that is withdrawn afterwards ends no license.
    offers.withdraw(home, 1, signer=anna, confirm=lambda: None)
    vault = home.vault()
    answered = opening.answer(home, vault, "dataset", 1, ask(home, dora, end), lambda: end)
    assert answered.licensee == dora.address
    assert opening.data_key(home, vault, "dataset", 1, signer=dora, now=lambda: end) == opening.data_key(
        home, vault, "dataset", 1, signer=anna, now=lambda: end
    )
    late = end + timedelta(seconds=1)
    with pytest.raises(LicenseMissing, match="the last one ended 1 s ago"):
        opening.answer(home, vault, "dataset", 1, ask(home, dora, late), lambda: late)
    with pytest.raises(LicenseMissing, match="the last one ended 1 s ago"):
        opening.data_key(home, vault, "dataset", 1, signer=dora, now=lambda: late)


def test_a_service_that_gives_another_key_is_found_out_and_nothing_is_kept(
    story: Story, elsewhere: Home, url: str
) -> None:
    """The answer is sealed as it should be, to whom it should be; only the key in it is none of this content."""
    carl = story.creator
    companions = carl.companions
    assert companions is not None
    lie = seal(DataKey.new(), asset(elsewhere), carl.address, companions.public.x25519)
    with answering(200, lie.to_bytes()) as liar, pytest.raises(DecryptionFailed):
        opening.fetch(elsewhere, "dataset", 1, url=liar, signer=carl, now=clock)
    assert not any((elsewhere.path / "vault" / "keys").iterdir())
    # Where the content is not there yet, the lie is kept untried; the true key takes its place.
    shutil.move(elsewhere.path / "content", elsewhere.path / "away")
    with answering(200, lie.to_bytes()) as liar:
        assert not opening.fetch(elsewhere, "dataset", 1, url=liar, signer=carl, now=clock).tried
    shutil.rmtree(elsewhere.path / "content")
    shutil.move(elsewhere.path / "away", elsewhere.path / "content")
    done = opening.fetch(elsewhere, "dataset", 1, url=url, signer=carl, now=clock)
    assert (done.tried, done.already) == (True, False)
    # And no lie takes the place of the true one.
    good = elsewhere.vault().get(f"licensed:{asset(elsewhere).digest}")
    shutil.move(elsewhere.path / "content", elsewhere.path / "away")
    with answering(200, lie.to_bytes()) as liar, pytest.raises(KeyExists, match="content pull dataset 1, and ask"):
        opening.fetch(elsewhere, "dataset", 1, url=liar, signer=carl, now=clock)
    assert elsewhere.vault().get(f"licensed:{asset(elsewhere).digest}") == good


def test_a_key_that_was_damaged_is_fetched_again(story: Story, elsewhere: Home, url: str) -> None:
    carl = story.creator
    opening.fetch(elsewhere, "dataset", 1, url=url, signer=carl, now=clock)
    (path,) = (elsewhere.path / "vault" / "keys").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(KeyDamaged):
        opening.data_key(elsewhere, elsewhere.vault(), "dataset", 1, signer=carl, now=clock)
    assert not opening.fetch(elsewhere, "dataset", 1, url=url, signer=carl, now=clock).already
    assert opening.data_key(elsewhere, elsewhere.vault(), "dataset", 1, signer=carl, now=clock)


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "match"),
    [
        (200, b"", {}, Malformed, "not JSON"),
        (200, b"{}", {}, Malformed, "type: missing"),
        (200, b"x" * 70_000, {}, HolderUnreachable, "more than the 65536 bytes"),
        (302, b"", {"Location": "http://127.0.0.1:9/"}, HolderUnreachable, "answers 302"),
        (502, b"<html>Bad gateway</html>", {}, HolderUnreachable, "answers 502"),
        (403, b"[" * 9999, {}, HolderUnreachable, "answers 403"),
        (403, b'{"title":"LicenseMissing","detail":"none\\u001b[2J"}', {}, LicenseMissing, r"says: none \[2J"),
        (403, b'{"title":"SignatureInvalid","detail":"no"}', {}, SignatureInvalid, "says: no"),
        (403, b'{"title":"LedgerError","detail":"no"}', {}, HolderUnreachable, "answers 403: no"),
        (403, b'{"title":"Reverted","detail":"no"}', {}, HolderUnreachable, "answers 403: no"),
        (404, b'{"title":"NotFound","detail":"none here"}', {}, NotFound, "says: none here"),
        (503, b'{"title":"ChainUnreachable","detail":"later"}', {}, HolderUnreachable, "answers 503: later"),
        (200, b"abc", {"Content-Encoding": "gzip"}, HolderUnreachable, "DecodeError"),
        (200, b"\x1f\x8b", {"Content-Encoding": "gzip"}, (HolderUnreachable, Malformed), ""),
        (200, b"zz\r\nabc", {"Transfer-Encoding": "chunked"}, HolderUnreachable, "breaks off"),
        (200, b"abc", {"Content-Length": "1000"}, HolderUnreachable, "breaks off"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_whatever_a_service_says_is_an_error_with_a_name(
    story: Story,
    untouched: Home,
    status: int,
    body: bytes,
    headers: dict[str, str],
    error: type[Exception],
    match: str,
) -> None:
    with answering(status, body, **headers) as url, pytest.raises(error, match=match or None):
        opening.fetch(untouched, "dataset", 1, url=url, signer=story.creator, now=clock)
    assert not any((untouched.path / "vault" / "keys").iterdir())


def test_an_answer_for_somebody_else_is_refused(story: Story, untouched: Home) -> None:
    other = seal(DataKey.new(), asset(untouched), STRANGER.address, Companions(bytes(96)).public.x25519)
    with answering(200, other.to_bytes()) as url, pytest.raises(RequestInvalid, match=str(STRANGER.address)):
        opening.fetch(untouched, "dataset", 1, url=url, signer=story.creator, now=clock)


def test_nobody_there_is_said_in_one_line(untouched: Home) -> None:
    said = Shell(untouched.path).refusal(
        "license", "open", "1", "--from", "http://127.0.0.1:9", "--key", "carl", code=5
    )
    assert said.startswith("HolderUnreachable: http://127.0.0.1:9 does not answer")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "holder.example",
        "ftp://holder.example",
        "https://",
        "https://a:s3cret@holder.example",
        "https://a:s3cret@[::",
    ],
)
def test_an_address_that_is_none_is_a_usage_error(story: Story, untouched: Home, url: str) -> None:
    with pytest.raises(UsageError, match="--from") as raised:
        opening.fetch(untouched, "dataset", 1, url=url, signer=story.creator, now=clock)
    assert "s3cret" not in str(raised.value)


def test_a_service_that_breaks_off_is_one_object_with_json(untouched: Home) -> None:
    words = ("license", "open", "1", "--key", "carl", "--json", "--from")
    with answering(200, b"abc", **{"Content-Length": "1000"}) as url:
        done = Shell(untouched.path).run(*words, url)
    assert (done.code, done.object["error"]["name"]) == (5, "HolderUnreachable")


def test_a_service_that_drips_has_no_more_time_than_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_service, "ANSWER_SECONDS", 0.5)
    began = time.monotonic()
    with answering(200, b"x" * 1000, pause=0.05) as url, pytest.raises(HolderUnreachable, match="too slow"):
        key_service.ask(url, "dataset", 1, b"x")
    assert time.monotonic() - began < 5


def test_a_model_in_clear_has_nothing_to_open(story: Story, untouched: Home, url: str) -> None:
    with pytest.raises(NotFound, match="no key of its own for model 1"):
        opening.fetch(untouched, "model", story.model, url=url, signer=story.creator, now=clock)


def test_a_key_file_that_was_altered_opens_no_training(story: Story, elsewhere: Home, url: str) -> None:
    from ledger.errors import KeyDamaged

    opening.fetch(elsewhere, "dataset", 1, url=url, signer=story.creator, now=clock)
    vault = Vault.open(elsewhere.path / "vault", PASSPHRASE)
    (path,) = (elsewhere.path / "vault" / "keys").iterdir()
    written = json.loads(path.read_text())
    written["wrapped"] = written["wrapped"][:-2] + ("00" if written["wrapped"][-2:] != "00" else "01")
    path.write_text(json.dumps(written))
    with pytest.raises(KeyDamaged, match="restore the file"):
        opening.data_key(elsewhere, vault, "dataset", 1, signer=story.creator, now=clock)


def test_a_port_that_is_taken_is_named(story: Story, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = Shell(story.home.path).refusal("serve-keys", "--port", port, code=2)
    assert said.startswith(f"UsageError: nobody can listen at 127.0.0.1, port {port}: another program does")


def test_the_address_is_the_one_object(story: Story) -> None:
    words = [sys.executable, "-c", "from api.cli import main; main()", "serve-keys", "--port", "0", "--json"]
    environment = {**os.environ, "STEMMATA_HOME": str(story.home.path), "STEMMATA_PASSPHRASE": PASSPHRASE}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = json.loads(server.stdout.readline())["url"]
            assert requests.get(f"{url}/nothing", timeout=30).status_code == 404
        finally:
            server.send_signal(signal.SIGINT)
            out, err = server.communicate(timeout=30)
    assert out == "" and "GET /nothing" in err


def test_an_empty_home_serves_nobody(tmp_path: Path) -> None:
    said = Shell(tmp_path / "empty").run("serve-keys", "--host", "203.0.113.1")  # where nobody can listen
    assert (said.code, said.out) == (2, "")
    assert "is STEMMATA_HOME right?" in said.err
    assert not (tmp_path / "empty").exists()
