import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import ipfs_server
import pytest
import requests

from ledger.cid import Cid
from ledger.errors import Malformed, NodeFull, NodeRefused, NodeUnreachable, NotFound, PinFailed, Unverifiable
from ledger.pinning import PinningService, PinStatus

CIDS = [Cid.of_raw(bytes([number])) for number in range(25)]
ORIGIN = "/ip4/198.51.100.7/tcp/4001/p2p/12D3KooWOrigin"


@pytest.fixture(scope="module")
def mock():
    """The pinning service of the specification's authors."""
    with ipfs_server.pinning_service() as url:
        yield url


@pytest.fixture
def service(mock):
    service = PinningService(mock, ipfs_server.TOKEN)
    yield service
    service.close()


def let_go(mock, pin):
    """As the service's own pages do: nothing here ever lets go of a copy."""
    headers = {"Authorization": f"Bearer {ipfs_server.TOKEN}"}
    requests.delete(f"{mock}/pins/{pin.id}", headers=headers, timeout=10).raise_for_status()


@pytest.mark.integration
def test_a_pin_is_asked_for_looked_up_and_gone_when_let_go(service, mock):
    pin = service.add(CIDS[0], name="dataset 1", origins=[ORIGIN])
    assert (pin.cid, pin.status, pin.name) == (CIDS[0], PinStatus.QUEUED, "dataset 1")
    assert pin.delegates
    assert service.get(pin.id) == pin
    assert service.list([CIDS[0]]) == (pin,)
    let_go(mock, pin)
    assert service.list([CIDS[0]]) == ()
    with pytest.raises(NotFound, match="no such request"):
        service.get(pin.id)


@pytest.mark.integration
def test_every_status_is_listed_and_more_than_ten_at_once(service, mock):
    for number, cid in enumerate(CIDS):
        service.add(cid, name=f"{list(PinStatus)[number % 4]}-{number}")
    found = service.list(CIDS)
    assert [pin.cid for pin in found] == CIDS
    assert {pin.status for pin in found} == set(PinStatus)
    for pin in found:
        let_go(mock, pin)


@pytest.mark.integration
def test_a_pin_takes_anothers_place(service, mock):
    first = service.add(CIDS[1], name="pinned-one")
    second = service.replace(first.id, CIDS[2], name="pinned-two", origins=[ORIGIN])
    assert second.cid == CIDS[2]
    assert [pin.cid for pin in service.list(CIDS[:3])] == [CIDS[2]]
    let_go(mock, second)


@pytest.mark.integration
def test_waiting_ends_with_the_pin_the_failure_or_the_time(service):
    done = service.add(CIDS[3], name="pinned-three")
    assert service.wait(done.id, 5).status is PinStatus.PINNED
    lost = service.add(CIDS[4], name="failed-four")
    with pytest.raises(PinFailed, match="gave up on"):
        service.wait(lost.id, 5)
    slow = service.add(CIDS[5], name="pinning-five")
    with pytest.raises(PinFailed, match=r"within 0\.3 s: it is pinning.*looks again"):
        service.wait(slow.id, 0.3, pause=0.1)


@pytest.mark.integration
def test_a_wrong_token_is_not_let_in_and_not_shown(mock):
    with pytest.raises(NodeRefused, match="STEMMATA_PINNING_TOKEN") as raised:
        PinningService(mock, "wrong-secret").list(CIDS[:1])
    assert "wrong-secret" not in str(raised.value)


PIN = {
    "requestid": "req/1?",
    "status": "pinned",
    "created": "2026-01-01T00:00:00Z",
    "pin": {"cid": str(CIDS[0]), "name": "one"},
    "delegates": ["/dnsaddr/pin.example"],
    "info": {"status_details": "place 7 of 9"},
}


@contextmanager
def answering(status=200, body=b"", **headers):
    """A service that says one thing, and notes what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do(self):
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.command, self.path, dict(self.headers), json.loads(content or b"null")))
            if status is None:
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        do_GET = do_POST = do_DELETE = do  # noqa: N815  (http.server's names)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_requests_are_those_of_the_specification():
    with answering(202, PIN) as (url, asked):
        service = PinningService(url + "/psa/", "token-1")
        pin = service.add(CIDS[0], name="n" * 300, origins=[ORIGIN] * 3 + [f"/dns/{n}" for n in range(30)])
        assert (pin.id, pin.status, pin.info) == ("req/1?", PinStatus.PINNED, "status_details: place 7 of 9")
        method, path, headers, body = asked[-1]
        assert (method, path, headers["Authorization"]) == ("POST", "/psa/pins", "Bearer token-1")
        assert body["cid"] == str(CIDS[0])
        assert len(body["name"]) == 255
        assert len(body["origins"]) == len(set(body["origins"])) == 20
        service.get(pin.id)
        assert asked[-1][:2] == ("GET", "/psa/pins/req%2F1%3F")
        service.replace(pin.id, CIDS[1])
        assert asked[-1][:2] == ("POST", "/psa/pins/req%2F1%3F")
        assert asked[-1][3] == {"cid": str(CIDS[1])}


def test_ten_cids_are_asked_for_at_once_and_others_are_not_believed():
    with answering(200, {"count": 1, "results": [PIN]}) as (url, asked):
        assert [pin.cid for pin in PinningService(url, "t").list(CIDS[1:])] == []
        assert len(asked) == 3
        assert all(
            path.count("baf") <= 10 and "status=queued%2Cpinning%2Cpinned%2Cfailed" in path for _, path, *_ in asked
        )


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (
            400,
            {"error": {"reason": "BAD_REQUEST", "details": "no such codec"}},
            NodeRefused,
            "BAD_REQUEST: no such codec",
        ),
        (401, {"error": {"reason": "UNAUTHORIZED"}}, NodeRefused, "STEMMATA_PINNING_TOKEN"),
        (403, b"<html>", NodeRefused, "STEMMATA_PINNING_TOKEN"),
        (404, {"error": {"reason": "NOT_FOUND"}}, NotFound, "NOT_FOUND"),
        (409, {"error": {"reason": "INSUFFICIENT_FUNDS", "details": "pay"}}, NodeFull, "INSUFFICIENT_FUNDS: pay"),
        (507, b"", NodeFull, "507"),
        (500, {"error": {"reason": "\x1b[31mred\nline"}}, NodeRefused, r"\[31mred line"),
        (500, {"error": {"reason": "you said s3cret", "details": 'it is "s3cret"'}}, NodeRefused, "you said …"),
        (301, b"", NodeRefused, "another address"),
        (200, b"<html>", NodeRefused, "does not answer as a pinning service"),
        (200, {"results": 1}, NodeRefused, "does not answer as a pinning service"),
        (200, {**PIN, "status": "paused"}, NodeRefused, "does not answer as a pinning service"),
        (200, {**PIN, "pin": {"cid": "x"}}, NodeRefused, "does not answer as a pinning service"),
        (200, b"[" * 100_000, NodeRefused, "does not answer as a pinning service"),
        (200, b" " * (9 << 20), Malformed, "sends more than"),
        (None, b"", NodeUnreachable, "broke off"),
    ],
)
def test_whatever_a_service_says_has_a_name_and_never_the_token(status, body, error, words):
    with (
        answering(status, body, Location="http://198.51.100.1/") as (url, _),
        pytest.raises(error, match=words) as raised,
    ):
        PinningService(url, "s3cret").get("r")
    text = str(raised.value)
    assert "127.0.0.1" in text
    assert "s3cret" not in text
    assert text.isprintable()
    if error is not Malformed and error is not NotFound:
        assert isinstance(raised.value, Unverifiable)


def test_the_token_is_in_no_repr_and_netrc_does_not_replace_it(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login anna password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with answering(200, PIN) as (url, asked):
        service = PinningService(url, "s3cret")
        service.get("r")
        assert asked[-1][2]["Authorization"] == "Bearer s3cret"
        assert "s3cret" not in repr(service)


@pytest.mark.parametrize(
    ("url", "token", "words"),
    [
        ("", "t", "given as a URL"),
        ("ftp://pin.example", "t", "given as a URL"),
        ("http://pin.example/psa", "t", "over https alone"),
        ("https://pin.example", "", "token is empty"),
        ("https://pin.example", "a\nb", "no HTTP header"),
        ("https://pin.example", "ü", "no HTTP header"),
    ],
)
def test_what_is_no_service_is_refused(url, token, words):
    with pytest.raises(Malformed, match=words):
        PinningService(url, token)
