import os
import threading
import tracemalloc
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import node_stand_in
import pytest

from ledger import transfer, unixfs
from ledger.cid import Cid
from ledger.errors import BlockMissing, DigestMismatch, Malformed, NodeRefused, NodeUnreachable, Unverifiable
from ledger.gateway import Gateway, _may_follow
from ledger.store import BlockStore

MIB = 1 << 20


@pytest.fixture
def server():
    with node_stand_in.running() as server:
        yield server


@pytest.fixture
def gateway(server):
    gateway = Gateway(server.url)
    yield gateway
    gateway.close()


@pytest.fixture
def tree(tmp_path, server):
    """A file of four blocks that the gateway has."""
    store = BlockStore(tmp_path / "origin")
    cid = store.add_bytes(os.urandom(2 * MIB + 5))
    server.blocks.update(unixfs.blocks(cid, store.get))
    return cid


def test_blocks_are_asked_for_as_blocks_and_verified(gateway, server, tree):
    assert gateway.get(tree) == server.blocks[tree]
    assert server.headers[-1]["Accept"] == "application/vnd.ipld.raw"
    assert gateway.has(tree)
    assert server.count("/ipfs/") == 2
    content = b"".join(gateway.read(tree))
    assert len(content) == 2 * MIB + 5


def test_below_its_first_block_a_tree_comes_in_one_answer(gateway, server, tree, tmp_path):
    target = BlockStore(tmp_path / "target")
    size, fetched = transfer.pull(gateway, target, tree)
    assert size == fetched == sum(map(len, server.blocks.values()))
    assert server.asked == [f"/ipfs/{tree}"] * 2
    assert server.headers[-1]["Accept"].startswith("application/vnd.ipld.car;version=1")
    target.check(tree)


@pytest.mark.parametrize("fault", [404, 501, "html", "hang up"])
def test_where_no_archive_is_given_the_blocks_are_asked_for(gateway, server, tree, tmp_path, fault):
    server.fault = lambda path: fault if server.count("/ipfs/") == 2 else None
    target = BlockStore(tmp_path / "target")
    transfer.pull(gateway, target, tree)
    assert server.count("/ipfs/") == 1 + 1 + 3
    target.check(tree)


def test_a_gateway_takes_no_content(gateway):
    with pytest.raises(NodeRefused, match="for reading alone"):
        gateway.put(Cid.of_raw(b"x"), b"x")


def test_a_flipped_bit_is_seen_and_nothing_is_kept(gateway, server, tree, tmp_path):
    target = BlockStore(tmp_path / "target")
    server.fault = lambda path: "lie"
    with pytest.raises(DigestMismatch, match=rf"gateway 127\.0\.0\.1.*{tree}"):
        gateway.get(tree)
    with pytest.raises(DigestMismatch, match=r"gateway 127\.0\.0\.1"):
        transfer.pull(gateway, target, tree)
    assert all(target.get(cid) == block for cid, block in server.blocks.items() if target.has(cid))


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (404, BlockMissing, "does not find"),
        (410, BlockMissing, "does not find"),
        (504, BlockMissing, "does not find"),
        (429, NodeRefused, "too many requests"),
        (451, NodeRefused, "451"),
        (500, NodeRefused, "500"),
        ("html", NodeRefused, "text/html where application/vnd.ipld.raw.*no trustless gateway"),
        ("hang up", NodeUnreachable, "broke off"),
        ("silent", NodeUnreachable, "in time"),
        ("drip", NodeUnreachable, "too slow"),
        ("endless", Malformed, "more than the 2097152 bytes"),
        ("http://198.51.100.1/elsewhere", NodeRefused, r"198\.51\.100\.1, which is not of its own"),
        ("file:///etc/passwd", NodeRefused, "not of its own"),
        ("/again", NodeRefused, "from address to address"),
    ],
)
def test_whatever_a_gateway_does_has_a_name(server, tree, fault, error, words):
    gateway = Gateway(server.url, patience=0.5 if fault in ("silent", "drip") else 30)
    server.fault = lambda path: fault
    tracemalloc.start()
    try:
        with pytest.raises(error, match=words) as raised:
            gateway.get(tree)
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()
    assert "127.0.0.1" in str(raised.value)
    if error in (BlockMissing, NodeRefused, NodeUnreachable) and fault not in ("drip", "/again"):
        call = gateway.has
        if fault == 404:
            assert not call(tree)
        elif error is not BlockMissing:
            with pytest.raises(Unverifiable):
                call(tree)


def test_nobody_listens(tree):
    with pytest.raises(NodeUnreachable, match=r"127\.0\.0\.1:9"):
        Gateway("http://127.0.0.1:9").get(tree)


@pytest.mark.parametrize("url", ["", "example.org", "ftp://example.org", "https://", "https://example.org/?a=b"])
def test_what_is_no_gateway_is_refused(url):
    with pytest.raises(Malformed, match="gateway is given as a URL"):
        Gateway(url)


@pytest.mark.parametrize(
    ("here", "there", "may"),
    [
        ("https://gateway.example/ipfs/b", "https://b.ipfs.gateway.example/", True),
        ("http://gateway.example/ipfs/b", "https://gateway.example/ipfs/b", False),  # another port is another server
        ("https://gateway.example/ipfs/b", "https://gateway.example/ipfs/c", True),
        ("https://gateway.example/ipfs/b", "https://gateway.example:443/ipfs/c", True),
        ("https://gateway.example/ipfs/b", "http://gateway.example/ipfs/c", False),
        ("https://gateway.example/ipfs/b", "https://gateway.example:8443/ipfs/c", False),
        ("https://gateway.example/ipfs/b", "https://evilgateway.example/ipfs/c", False),
        ("https://gateway.example/ipfs/b", "https://gateway.example.evil.example/", False),
        ("https://gateway.example/ipfs/b", "http://169.254.169.254/", False),
        ("https://gateway.example/ipfs/b", "https://x@169.254.169.254#.gateway.example", False),
    ],
)
def test_redirects_lead_to_the_gateways_own_hosts_alone(here, there, may):
    assert _may_follow(here, there) == may


def test_a_redirect_of_its_own_is_followed(server, tree):
    with _redirecting(f"/moved/ipfs/{tree}?format=raw") as url:
        block = b"moved here"
        cid = Cid.of_raw(block)
        assert Gateway(url).get(cid) == block


@contextmanager
def _redirecting(path):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == path:
                self.send_response(200)
                self.send_header("Content-Type", "application/vnd.ipld.raw")
                self.end_headers()
                self.wfile.write(b"moved here")
            else:
                self.send_response(301)
                self.send_header("Location", path)
                self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
