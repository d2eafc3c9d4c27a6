"""A stand-in for an IPFS node's RPC API and for a trustless gateway, which misbehaves when told to.

Written from the reference of Kubo's RPC API and from the Trustless Gateway specification, it keeps blocks in a
dictionary. It is for faults and for every day; tests/integration has a node that is not ours.
"""

import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from ledger import car, dagpb
from ledger.cid import Cid


class StandIn(ThreadingHTTPServer):
    """``fault`` is given each path, and says what goes wrong with it: see :meth:`_Handler.misbehave`; or None."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fault: Callable[[str], str | None] = lambda path: None
        self.blocks: dict[Cid, bytes] = {}
        self.pins: set[Cid] = set()
        self.peer = "12D3KooWStandIn"
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.imports: list[tuple[Cid, ...]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def count(self, path: str) -> int:
        return sum(path in asked for asked in self.asked)

    def tree(self, root: Cid) -> Iterator[tuple[Cid, bytes]]:
        for cid in dagpb.below(root, self.blocks.__getitem__, set()):
            yield cid, self.blocks[cid]

    def handle_error(self, request, client_address):
        """A client that hung up did nothing wrong."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        url = urlsplit(self.path)
        if self.misbehave(url.path):
            return
        cid, form = Cid.parse(url.path.rpartition("/")[2]), parse_qs(url.query)["format"][0]
        if cid not in self.server.blocks:
            self.answer(404, b"not here")
        elif form == "raw":
            self.answer(200, self.flipped(self.server.blocks[cid]), "application/vnd.ipld.raw")
        else:
            archive = b"".join(self.archive(cid))
            self.answer(200, archive, "application/vnd.ipld.car; version=1; order=dfs; dups=n")

    def do_POST(self):
        url = urlsplit(self.path)
        arguments = parse_qs(url.query)
        body = self.body()
        if self.misbehave(url.path):
            return
        command = url.path.removeprefix("/api/v0/")
        try:
            given = Cid.parse(arguments["arg"][0]) if "arg" in arguments else None
            self.obey(command, given, arguments, body)
        except KeyError as error:
            self.refuse(f"block was not found locally (offline): ipld: could not find {error.args[0]}")

    def obey(self, command: str, cid: Cid | None, arguments: dict, body: bytes) -> None:
        blocks, pins = self.server.blocks, self.server.pins
        match command:
            case "id":
                places = ("ip4/127.0.0.1", "ip4/192.168.1.20", "dns4/node.example")
                addresses = [f"/{place}/tcp/4001/p2p/{self.server.peer}" for place in places]
                self.say({"ID": self.server.peer, "Addresses": addresses})
            case "block/get":
                self.answer(200, self.flipped(blocks[cid]))
            case "block/stat":
                self.say({"Key": str(cid), "Size": len(blocks[cid])})
            case "dag/import":
                assert arguments["pin-roots"] == ["false"]
                found = list(car.unpack(io.BytesIO(_file_in(body, self.headers["Content-Type"]))))
                blocks.update(found)
                self.server.imports.append(tuple(name for name, _ in found))
                self.answer(200, b"")
            case "dag/export":
                self.answer(200, b"".join(self.archive(cid)))
            case "pin/add":
                list(self.server.tree(cid))
                pins.add(cid)
                self.say({"Pins": [str(cid)]})
            case "pin/ls" if cid in pins:
                self.say({"Keys": {str(cid): {"Type": "recursive"}}})
            case "pin/ls":
                self.refuse(f"path '{cid}' is not pinned")
            case _:
                self.answer(404, b"404 page not found")

    def archive(self, cid: Cid) -> Iterator[bytes]:
        flipped = list(self.server.tree(cid))
        name, block = flipped[-1]
        flipped[-1] = (name, self.flipped(block))
        yield car.pack(cid, flipped)

    def flipped(self, block: bytes) -> bytes:
        """The block, or with one bit of it turned where the node lies."""
        lies = self.server.fault(urlsplit(self.path).path) == "lie"
        return block[:-1] + bytes([block[-1] ^ 1]) if lies else block

    def misbehave(self, path: str) -> bool:
        self.server.asked.append(path)
        self.server.headers.append(dict(self.headers))
        fault = self.server.fault(path)
        match fault:
            case None | "lie":
                return False
            case "hang up":
                self.close_connection = True
            case "silent":
                time.sleep(3)
                self.close_connection = True
            case "drip":
                self.send_response(200)
                self.send_header("Content-Type", "application/vnd.ipld.raw")
                self.send_header("Content-Length", "1000")
                self.end_headers()
                for _ in range(60):
                    self.wfile.write(b"x")
                    time.sleep(0.05)
                self.close_connection = True
            case "endless":
                self.send_response(200)
                self.send_header("Content-Type", "application/vnd.ipld.raw")
                self.send_header("Content-Length", str(1 << 40))
                self.end_headers()
                while True:
                    self.wfile.write(bytes(1 << 16))
            case "full":
                self.refuse("write blocks/AB/put-1: no space left on device")
            case str() if fault.startswith("echo "):
                self.refuse(f"you sent {fault.removeprefix('echo ')}")
            case "html":
                self.answer(200, b"<html>", "text/html")
            case int():
                self.answer(fault, b"")
            case _:
                self.send_response(302)
                self.send_header("Location", fault)
                self.send_header("Content-Length", "0")
                self.end_headers()
        return True

    def say(self, content: dict) -> None:
        self.answer(200, json.dumps(content).encode(), "application/json")

    def refuse(self, message: str) -> None:
        self.answer(500, json.dumps({"Message": message, "Code": 0, "Type": "error"}).encode(), "application/json")

    def answer(self, status: int, content: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def log_message(self, *_):
        pass


def _file_in(body: bytes, kind: str) -> bytes:
    """The one file of a multipart body."""
    boundary = re.search(r'boundary="?([^";]+)', kind)[1].encode()
    return body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--" + boundary)[0]


@contextmanager
def running() -> Iterator[StandIn]:
    with StandIn() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
