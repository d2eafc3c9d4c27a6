"""A proxy before a node that loses answers on purpose: what was asked reached the node, and nobody is told."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class FaultyProxy(ThreadingHTTPServer):
    """``fault`` is given each method's name, and says what goes wrong: "request" or "answer" is lost, or None."""

    daemon_threads = True

    def __init__(self, target: str):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target).netloc
        self.fault: Callable[[str], str | None] = lambda method: None
        self.asked: list[tuple[str, list]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def count(self, method: str) -> int:
        return sum(name == method for name, _ in self.asked)

    def handle_error(self, request, client_address):
        """A client that hung up did nothing wrong."""


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = json.loads(body)
        fault = self.server.fault(request["method"])
        self.server.asked.append((request["method"], request["params"]))
        if fault == "request":
            self.close_connection = True
            return
        node = http.client.HTTPConnection(self.server.target, timeout=30)
        try:
            node.request("POST", "/", body, {"Content-Type": "application/json"})
            answer = node.getresponse().read()
        finally:
            node.close()
        if fault == "answer":
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@contextmanager
def before(target: str) -> Iterator[FaultyProxy]:
    with FaultyProxy(target) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
