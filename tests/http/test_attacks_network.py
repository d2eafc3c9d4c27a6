"""Attacks that need a network: on a server as ``stemmata serve`` runs it, over loopback, with shorter patience."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import uvicorn

from api.http import protocol, shields
from api.http.app import create_app
from api.http.protocol import Configuration
from api.service.service import Service
from api.service.sessions import Sessions, csrf
from ledger.keys import LocalSigner
from tests.http.signing_in import service_in

pytestmark = pytest.mark.slow
ANNA = LocalSigner(bytes([7] * 32))
HOST = b"Host: 127.0.0.1:8750\r\n"


@contextlib.contextmanager
def serving(service: Service) -> Iterator[int]:
    """The port of a server that runs in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as place:
        server = uvicorn.Server(Configuration(create_app(service), proxies=service.settings.proxies, grace=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield place.getsockname()[1]
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    opened = service_in(tmp_path_factory.mktemp("besieged"), rate=1000)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def port(service: Service) -> Iterator[int]:
    with serving(service) as found:
        yield found


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        yield one


def rest(one: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := one.recv(65536):
            found += piece
    return found


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def drip(one: socket.socket, piece: bytes, most: float) -> float:
    """Send a little again and again; the seconds until the other side has closed."""
    began = time.monotonic()
    with contextlib.suppress(ConnectionError):
        while time.monotonic() - began < most:
            one.sendall(piece)
            time.sleep(0.02)
    return time.monotonic() - began


def session(service: Service) -> bytes:
    """The headers of a session that may change things."""
    token = Sessions(service.database).open(ANNA.address, service.now())
    return f"Cookie: stemmata_session={token}\r\nX-CSRF-Token: {csrf(token)}\r\n".encode()


# -- slow upload


def test_slow_upload_a_body_that_dawdles_is_not_waited_for(
    service: Service, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shields, "WINDOW", 0.3)
    body = b"PUT /v1/uploads/" + b"x" * 22 + b"/files/a.wav HTTP/1.1\r\nContent-Length: 1000000\r\n" + HOST
    for head in (body + session(service), b"POST /v1/tokens HTTP/1.1\r\nContent-Length: 9999\r\n" + HOST):
        with connected(port) as one:
            one.sendall(head + b"\r\n")
            assert drip(one, b"x", 5) < 3
            answer = rest(one)
            assert answer == b"" or status(answer) in (401, 404, 408)
    with connected(port) as one:  # a detector's file, which anybody may send, and nothing of it comes
        one.sendall(b"POST /v1/audits HTTP/1.1\r\nContent-Length: 1000000\r\n" + HOST + b"\r\nRIFF")
        answer = rest(one)
        assert status(answer) == 408
        assert b"\r\nconnection: close" in answer.lower()


def test_slow_upload_a_steady_one_arrives(service: Service, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shields, "WINDOW", 1.0)
    monkeypatch.setattr(shields, "LEAST_BYTES", 8)
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 1.0)  # a clock for heads that does not run on
    body = b'{"name": "steady", "scopes": ["read"], "seconds": 60}'
    head = b"POST /v1/tokens HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n"
    with connected(port) as one:
        one.sendall(head % len(body) + HOST + session(service) + b"\r\n")
        for start in range(0, len(body), 8):  # 1.4 s in all, more than the patience
            one.sendall(body[start : start + 8])
            time.sleep(0.2)
        assert status(rest(one)) == 201


def test_slow_upload_the_tail_of_a_refused_body_holds_no_connection(port: int) -> None:
    with connected(port) as one:
        one.sendall(b"POST /v1/uploads HTTP/1.1\r\nContent-Length: 100000\r\n" + HOST + b"\r\n{")
        assert status(one.recv(65536)) == 401
        assert drip(one, b" ", 5) < 3


def test_slow_head_whoever_never_ends_a_request_is_let_go(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    with connected(port) as silent, connected(port) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nX-A: ")
        assert drip(slow, b"b", 5) < 3
        began = time.monotonic()
        assert rest(silent) == b""
        assert time.monotonic() - began < 3
    with connected(port) as again:  # the same on a connection that was used before
        again.sendall(b"GET /v1/account HTTP/1.1\r\n" + HOST + b"\r\n")
        assert status(again.recv(65536)) == 401
        assert drip(again, b"G", 5) < 3


def test_hoarding_nobody_holds_all_connections(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    time.sleep(0.2)  # until those of other tests have gone
    monkeypatch.setattr(protocol, "MOST_OF_ONE", 5)
    with contextlib.ExitStack() as held:
        first = [held.enter_context(connected(port)) for _ in range(5)]
        first[0].sendall(b"GET /v1/account HTTP/1.1\r\n" + HOST + b"\r\n")
        assert status(first[0].recv(65536)) == 401
        began = time.monotonic()
        assert rest(held.enter_context(connected(port))) == b""
        assert time.monotonic() - began < protocol.HEAD_SECONDS / 2
    time.sleep(0.2)
    with connected(port) as again:
        again.sendall(b"GET /v1/account HTTP/1.1\r\n" + HOST + b"\r\n")
        assert status(again.recv(65536)) == 401


def test_hoarding_nobody_has_all_requests_in_work(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shields, "MOST_AT_ONCE", 3)
    behind = replace(service, settings=replace(service.settings, proxies=1))
    with serving(behind) as port, contextlib.ExitStack() as held:
        ask = b"POST /v1/audits HTTP/1.1\r\nX-Forwarded-For: %b\r\nContent-Length: 100\r\n" + HOST + b"\r\n"
        for _ in range(3):  # each waits for the rest of its body
            held.enter_context(connected(port)).sendall(ask % b"192.0.2.1" + b"R")
        time.sleep(0.3)
        plain = b"GET /v1/account HTTP/1.1\r\nConnection: close\r\nX-Forwarded-For: %b\r\n" + HOST + b"\r\n"
        found = []
        for address in (b"192.0.2.1", b"192.0.2.2"):
            one = held.enter_context(connected(port))
            one.sendall(plain % address)
            found.append(status(rest(one)))
        assert found == [429, 401]


# -- oversized headers


def test_oversized_headers_are_refused_and_not_kept(port: int) -> None:
    with connected(port) as one:  # without an end: closed when it has grown too long
        sent = 0
        with contextlib.suppress(ConnectionError):
            one.sendall(b"GET / HTTP/1.1\r\nX-A: ")
            for _ in range(1000):
                one.sendall(b"a" * 4096)
                sent += 4096
                time.sleep(0.001)
        assert sent < 1 << 20
    for head, wanted in (
        (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 40_000, 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 17_000, 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"\r\n".join(b"X-%d: a" % n for n in range(101)), 431),
        (b"GET /?" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST.rstrip(), 414),
    ):
        with connected(port) as one:
            one.sendall(head + b"\r\nConnection: close\r\n\r\n")
            assert status(rest(one)) == wanted


def test_oversized_body_is_refused_at_its_word_and_by_its_bytes(service: Service, port: int) -> None:
    plain = b"POST /v1/tokens HTTP/1.1\r\nContent-Type: application/json\r\n" + HOST
    with connected(port) as one:
        one.sendall(plain + session(service) + b"Content-Length: 99999999999\r\n\r\n")
        assert status(rest(one)) == 413
    with connected(port) as one:
        one.sendall(plain + session(service) + b"Transfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                one.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
        answer = rest(one)
        assert answer == b"" or status(answer) == 413


# -- somebody else's address


def test_spoofing_an_address_in_a_header_gets_nobody_a_new_allowance(tmp_path: object, service: Service) -> None:
    strict = replace(service, settings=replace(service.settings, rate=1))
    with serving(strict) as port:
        found = []
        for number in range(10):
            with connected(port) as one:
                one.sendall(
                    b"GET /v1/account HTTP/1.1\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.%d\r\n" % number
                    + HOST
                    + b"\r\n"
                )
                found.append(status(rest(one)))
    assert found[:8] == [401] * 8
    assert found[-1] == 429


def test_oversized_trailers_and_blank_lines_hold_no_connection(
    service: Service, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = b"POST /v1/tokens HTTP/1.1\r\nContent-Type: application/json\r\n" + HOST + session(service)
    with connected(port) as one:  # a body that has ended, and trailers that do not
        sent = 0
        with contextlib.suppress(ConnectionError):
            one.sendall(plain + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-A: ")
            for _ in range(1000):
                one.sendall(b"a" * 4096)
                sent += 4096
                time.sleep(0.001)
        assert sent < 1 << 20
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    with connected(port) as one:
        one.sendall(b"GET /v1/account HTTP/1.1\r\n" + HOST + b"\r\n")
        assert status(one.recv(65536)) == 401
        assert drip(one, b"\r\n", 5) < 3
