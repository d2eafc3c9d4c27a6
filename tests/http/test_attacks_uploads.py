"""Attacks by what is sent in: names that lead elsewhere, archives, and sound that grows when it is decoded."""

import asyncio
import io
import os
import struct
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from api.errors import UsageError
from api.http.app import create_app
from api.service.jobs import Jobs
from api.service.service import Service
from api.service.uploads import Uploads, safe
from api.service.worker import Pace, Worker
from ledger.keys import LocalSigner
from tests.http.signing_in import SITE, service_in, sign_in

pytestmark = pytest.mark.slow
ANNA = LocalSigner(bytes([7] * 32))
SOUND = b"RIFF" + struct.pack("<I", 36 + 8) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
SOUND += b"data" + struct.pack("<I", 8) + bytes(8)

ELSEWHERE = [
    "../eve.wav",
    "../../keys/eve.json",
    "a/../../../eve.wav",
    "/etc/eve.wav",
    "//eve.wav",
    "a//eve.wav",
    "./eve.wav",
    "a/./eve.wav",
    "..",
    "a/..",
    "..\\..\\eve.wav",
    "C:\\eve.wav",
    ".eve.wav",
    ".git/config",
    "eve\0.wav",
    "eve\n.wav",
    " eve.wav",
    "eve.wav/",
    "e" * 201 + ".wav",
    "a/" * 20 + "eve.wav",
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    opened = service_in(tmp_path_factory.mktemp("sent") / "home", rate=10_000)
    with opened.home.ledger():
        pass
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(service: Service) -> TestClient:
    client = TestClient(create_app(service), base_url=SITE)
    sign_in(client, ANNA)
    return client


def quoted(name: str) -> str:
    """Every byte of it escaped, so that nothing on the way tidies it up."""
    return "".join(f"%{byte:02x}" for byte in name.encode())


def files(service: Service) -> set[Path]:
    return {path for path in service.home.path.parent.rglob("*") if path.is_file() and "sqlite" not in path.name}


# -- path traversal


def test_traversal_no_name_of_a_file_leads_out_of_its_upload(client: TestClient, service: Service) -> None:
    upload = client.post("/v1/uploads").json()["id"]
    before = files(service)
    for name in ELSEWHERE:
        answer = client.put(f"/v1/uploads/{upload}/files/{quoted(name)}", content=SOUND)
        assert answer.status_code in (400, 404, 422), f"{name!r} {answer.text}"
    assert files(service) == before
    assert client.put(f"/v1/uploads/{upload}/files/in/here.wav", content=SOUND).status_code == 200
    assert {path.name for path in files(service) - before} == {"here.wav"}
    assert client.delete(f"/v1/uploads/{upload}").status_code == 204


def test_charset_a_form_is_utf_8_or_refused(service: Service) -> None:
    client = TestClient(create_app(service), base_url=SITE)  # whose allowance of checks is its own
    body = (
        b'--X\r\nContent-Disposition: form-data; name="file"; filename="\\udc80.wav"\r\n\r\n' + SOUND + b"\r\n--X--\r\n"
    )
    for charset in ("punycode", "unicode_escape", "undefined", "utf-16"):
        for place in ("/v1/audits", "/checks"):
            said = {"Content-Type": f"multipart/form-data; boundary=X; charset={charset}"}
            assert client.post(place, content=body, headers=said).status_code == 400, charset
    with pytest.raises(UsageError):
        safe("\udc80.wav")


@given(st.text(max_size=30) | st.lists(st.sampled_from(["..", ".", "a", "", "\\", "~"]), max_size=9).map("/".join))
def test_traversal_what_counts_as_a_name_stays_below_its_folder(name: str) -> None:
    try:
        path = safe(name)
    except UsageError:
        return
    root = Path("/srv/uploads/x")
    resolved = Path(os.path.normpath(root / path))
    assert root in resolved.parents
    assert not any(part.startswith(".") for part in path.parts)


def test_traversal_nothing_but_what_is_meant_to_be_read_is_read(client: TestClient) -> None:
    job = client.post("/v1/audits", content=SOUND).json()["id"]
    for path in (f"/v1/jobs/{job}/files/", "/static/", "/tracks/", "/checks/", "/"):
        for name in ("../service.sqlite", "../../chain/chain.sqlite", "..", "/etc/passwd", "."):
            for written in (name, quoted(name), quoted(quoted(name))):
                answer = client.get(path + written, headers={"Accept": "application/json"})
                assert answer.status_code in (200, 400, 404, 405, 422), f"{path}{written} {answer.status_code}"
                assert b"SQLite format 3" not in answer.content
                assert b"root:" not in answer.content


# -- forms larger than the room that is left


PART = b'--X\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n' + SOUND
PIECE = bytes(256 << 10)


def taken_in(
    client: TestClient, path: str, pieces: int, declared: bool, meanwhile: Callable[[int], None]
) -> tuple[int, int]:
    """The status of the answer to a form with a file of so many pieces, and how many of them were asked for."""
    body = [PART, *[PIECE] * pieces, b"\r\n--X--\r\n"]
    length = {"Content-Length": str(sum(map(len, body)))} if declared else {"Transfer-Encoding": "chunked"}
    said = {
        "Host": "127.0.0.1:8750",
        "Accept": "text/html",
        "Content-Type": "multipart/form-data; boundary=X",
        **length,
    }
    said |= {"X-CSRF-Token": client.headers["X-CSRF-Token"]}
    said["Cookie"] = "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)
    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in said.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8750),
        "state": {},
    }
    asked, statuses = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal asked
        meanwhile(asked)
        asked += 1
        return {"type": "http.request", "body": body[asked - 1], "more_body": asked < len(body)}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    return statuses[0], asked


def held_open() -> set[str]:
    """Files that this process holds and that have no name any more, as spooled ones are."""
    held = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            held.add(str(descriptor.readlink()))
    return {name for name in held if "(deleted)" in name}


@pytest.mark.parametrize("path", ["/studio", "/recordings/new", "/v1/audits"])
def test_full_room_a_form_with_files_is_refused_before_they_are_read(
    client: TestClient, service: Service, path: str
) -> None:
    uploads = Uploads.of(service)
    account = None if path == "/v1/audits" else ANNA.address
    before = files(service), held_open()
    full = uploads.make(account)

    def hold(size: int) -> None:
        with service.database.changing() as connection:
            connection.execute(text("update uploads set bytes = :size where id = :id"), {"size": size, "id": full.id})

    def meanwhile(number: int) -> None:
        if number == 20:  # 5 MiB have come
            hold(1 << 40)

    hold(1 << 40)
    assert taken_in(client, path, 64, True, lambda _: None) == (413, 0)
    status, asked = taken_in(client, path, 64, False, lambda _: None)
    assert status == 413 and asked <= 2
    hold(0)
    status, asked = taken_in(client, path, 64, True, meanwhile)
    assert status == 413 and 32 <= asked <= 40  # as soon as it was looked at again, and not when all had come
    uploads.drop(full.id)
    assert (files(service), held_open()) == before
    if account is not None:
        ids = [uploads.make(account).id for _ in range(uploads.room.uploads)]
        assert taken_in(client, path, 64, True, lambda _: None) == (429, 0)
        for id_ in ids:
            uploads.drop(id_)
    assert taken_in(client, path, 4, True, lambda _: None)[1] == 6  # and what has room is read


# -- archives


def test_zip_bomb_an_archive_is_no_sound_and_nothing_is_unpacked(client: TestClient, service: Service) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("bomb.wav", bytes(20_000_000))
    upload = client.post("/v1/uploads").json()["id"]
    before = files(service)
    for name in ("bomb.zip", "bomb.wav"):
        answer = client.put(f"/v1/uploads/{upload}/files/{name}", content=packed.getvalue())
        assert (answer.status_code, answer.json()["title"]) == (415, "NotAudio")
    answer = client.post("/v1/audits?name=bomb.wav", content=packed.getvalue())
    assert (answer.status_code, answer.json()["title"]) == (415, "NotAudio")
    # Nor is a body that says it is packed: it is taken as the bytes that it is.
    answer = client.put(f"/v1/uploads/{upload}/files/a.wav", content=SOUND, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415 or answer.json()["bytes"] == len(SOUND)
    assert {path.name for path in files(service) - before} <= {"a.wav"}


# -- decode bombs


def crc(data: bytes, polynomial: int, bits: int) -> int:
    value = 0
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial if value >> (bits - 1) else value << 1) & ((1 << bits) - 1)
    return value


def silence(frames: int) -> bytes:
    """FLAC (RFC 9639) of digital silence: 65,535 samples at 8 kHz in each frame of about 15 bytes."""
    stream = struct.pack(">HH", 65535, 65535) + bytes(6) + ((8000 << 44) | (15 << 36) | 0).to_bytes(8) + bytes(16)
    found = [b"fLaC", b"\x80", len(stream).to_bytes(3), stream]
    for number in range(frames):
        head = (
            b"\xff\xf8\x74\x08" + chr(number).encode() + struct.pack(">H", 65534)
        )  # size in 16 bits, 8 kHz, one channel, 16 bits
        head += bytes([crc(head, 0x07, 8)])
        frame = head + b"\x00\x00\x00"  # one constant: zero
        found.append(frame + crc(frame, 0x8005, 16).to_bytes(2))
    return b"".join(found)


@contextmanager
def working(service: Service) -> Iterator[None]:
    stop = threading.Event()
    worker = threading.Thread(target=Worker(service, stop, pace=Pace(lease=10, beat=0.1, grace=0.2)).run)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


def memory_below(pid: int) -> int:
    """Bytes of memory of all processes below one. A child of this one that runs nothing of its own yet shares ours."""
    total, own = 0, Path("/proc/self/cmdline").read_bytes()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError, ValueError):
            for child in map(int, task.read_text().split()):
                if Path(f"/proc/{child}/cmdline").read_bytes() != own:
                    fields = Path(f"/proc/{child}/statm").read_text().split()
                    total += int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
                total += memory_below(child)
    return total


def test_decode_bomb_a_small_file_of_many_hours_costs_no_more_than_another(
    client: TestClient, service: Service
) -> None:
    bomb = silence(4200)  # nine and a half hours in 63 kB, 550 MB once decoded
    assert len(bomb) < 100_000
    liar = SOUND[:40] + struct.pack("<I", 0xFFFFFFF0) + bytes(1000)
    asked: list[dict[str, Any]] = [
        client.post(f"/v1/audits?name={name}", content=content).json()
        for name, content in (("bomb.flac", bomb), ("liar.wav", liar), ("plain.wav", SOUND))
    ]
    most, deadline = 0, time.monotonic() + 120
    with working(service):
        while not all(Jobs.of(service).get(job["id"]).over for job in asked):
            most = max(most, memory_below(os.getpid()))
            assert time.monotonic() < deadline, [Jobs.of(service).get(job["id"]).state for job in asked]
            time.sleep(0.05)
    ends = {job["id"]: client.get(job["links"]["self"]).json() for job in asked}
    assert [end["state"] for end in ends.values()] == ["failed", "done", "done"]
    assert next(iter(ends.values()))["problem"]["title"] == "TooLong"
    assert most < 1 << 30
