"""Where an IPFS node is and how one is known to it: addresses of many forms, and passwords that nobody is shown."""

import node_stand_in
import pytest

from ledger.errors import Malformed, Unverifiable
from ledger.ipfs import IpfsNode


@pytest.fixture
def server():
    with node_stand_in.running() as server:
        yield server


@pytest.mark.parametrize(
    ("auth", "address", "header"),
    [
        ("bearer:very-secret", "http://{host}", "Bearer very-secret"),
        ("basic:anna:very:secret", "http://{host}", "Basic YW5uYTp2ZXJ5OnNlY3JldA=="),
        (None, "http://anna:very%3Asecret@{host}", "Basic YW5uYTp2ZXJ5OnNlY3JldA=="),
    ],
)
def test_the_password_goes_to_the_node_and_nowhere_else(server, auth, address, header):
    node = IpfsNode(address.format(host=server.url.removeprefix("http://")), auth=auth)
    node.peer()
    assert server.headers[-1]["Authorization"] == header
    decoded = ("echo anna:very:secret", "echo the password very:secret is wrong") if "Basic" in header else ()
    for fault in (401, "hang up", "html", "http://198.51.100.1/", f"echo {header}", *decoded):
        server.fault = lambda path, fault=fault: fault
        with pytest.raises(Unverifiable) as raised:
            node.peer()
        shown = repr(raised.value) + repr(node)
        assert "secret" not in shown
        assert "YW5uYTp2" not in shown


@pytest.mark.parametrize("auth", ["", "secret", "bearer:", "basic:secret", "digest:secret"])
def test_a_password_of_another_form_is_refused_unseen(auth):
    with pytest.raises(Malformed, match="IPFS_API_AUTH") as raised:
        IpfsNode("/ip4/127.0.0.1/tcp/5001", auth=auth)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("address", ["", "x", "/ip4/1/tcp/2", "/dnsaddr/x", "http://", "ftp://x", "http://x:y"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(Malformed, match="IPFS node's API"):
        IpfsNode(address)


@pytest.mark.parametrize(
    "address",
    [
        "anna:s3cret@127.0.0.1:5001",
        "https//anna:s3cret@node.example:5001",
        "http://anna:s3cret@[::1",
        "http://anna:s3cret@node example:5001",
        "http://anna:s3cret@node.example:port",
    ],
)
def test_an_address_that_is_none_may_hold_a_password_and_is_not_shown(address):
    with pytest.raises(Malformed, match="IPFS_API") as raised:
        IpfsNode(address)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/dns/node.example/tcp/443/https", "/dns/node.example/tcp/443/https"),
        ("/dns4/node.example/tcp/443/tls/http", "/dns4/node.example/tcp/443/https"),
        ("https://anna:secret@node.example/path", "node.example"),
        ("http://[::1]:5001", "[::1]:5001"),
    ],
)
def test_addresses_of_many_forms_are_understood(address, name):
    assert IpfsNode(address).name == f"the IPFS node at {name}"
