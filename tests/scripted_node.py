"""A JSON-RPC node on loopback that answers by a table."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Node(ThreadingHTTPServer):
    """A node that answers by a table: a method's value, or what a function makes of its parameters."""

    daemon_threads = True

    def __init__(self, answers: dict):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = {"eth_chainId": "0x7"} | answers
        self.asked: list = []

    def handle_error(self, request, client_address):
        """A client that hung up in time did the right thing."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Failure(Exception):
    """An answer that is a JSON-RPC error."""


class Raw(Exception):
    """An answer that is no JSON-RPC at all: status and body."""


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((request["method"], request["params"]))
        answer = self.server.answers[request["method"]]
        status, body = 200, {"jsonrpc": "2.0", "id": request["id"]}
        try:
            body["result"] = answer(*request["params"]) if callable(answer) else answer
        except Failure as failure:
            body["error"] = failure.args[0]
        except Raw as raw:
            status, body = raw.args
        text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def fail(error):
    def answer(*_):
        raise Failure(error)

    return answer
