"""An IPFS node as a content store, through its RPC API: Kubo, js-ipfs, or any other that speaks it.

The node is trusted with nothing but keeping bytes. Trees are built here and sent as CAR archives, so no CID is ever the
node's; what it gives back is held against the CID that was asked for.
"""

from __future__ import annotations

import io
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from ledger import car, unixfs
from ledger.answer import PIECE, Answer, host_of, pieces, words
from ledger.cid import Cid
from ledger.errors import (
    BlockMissing,
    DigestMismatch,
    LedgerError,
    Malformed,
    NodeFull,
    NodeRefused,
    NodeUnreachable,
)
from ledger.store import ContentStore

_CONNECT = 10.0  # seconds to connect, and for the node to take the next bytes that are sent
_LOOK_AT_HOME = 2.0  # seconds in which a node finds what it holds itself; js-ipfs never says that it holds not
_PIN = 600.0  # seconds of silence while a node walks a tree that it pins

_ABSENT = re.compile(r"not found|could not find|timed out|deadline exceeded|no such block|not have", re.IGNORECASE)
_NO_ROOM = re.compile(r"no space left|enospc|storage ?max|storage limit|disk (is )?full|quota", re.IGNORECASE)
_NOT_PINNED = re.compile(r"not pinned", re.IGNORECASE)

# Not what was given instead: a slip in a URL does not make its password any less one.
_NO_ADDRESS = (
    "IPFS_API is not where an IPFS node's API can be; expected such as /ip4/127.0.0.1/tcp/5001 or http://127.0.0.1:5001"
)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who a node is on the network: its peer id, and the multiaddrs at which others may reach it."""

    id: str
    addresses: tuple[str, ...]


class IpfsNode(ContentStore):
    """A node. Its blocks stay until it collects its garbage, unless they lie under a pin: see :meth:`pin`."""

    def __init__(self, address: str, *, auth: str | None = None, patience: float = 60.0, search: float = 0.0):
        """Nothing is sent yet. Raises :class:`~ledger.errors.Malformed` for what is no address of an API.

        Args:
            address: a multiaddr (``/ip4/127.0.0.1/tcp/5001``) or a URL (``http://127.0.0.1:5001``).
            auth: ``basic:USER:PASSWORD`` or ``bearer:TOKEN``, as Kubo's ``--api-auth`` has it. Never shown.
            patience: seconds to wait for the next of an answer.
            search: seconds the node may search the network for a block that it does not hold; 0 for not at all.
        """
        # Its patch of requests gives urllib3 an argument that urllib3 no longer knows.
        os.environ.setdefault("PY_IPFS_HTTP_CLIENT_PATCH_REQUESTS", "no")
        import ipfshttpclient
        from multiaddr.exceptions import Error as BadMultiaddr

        multiaddr, base, within = _address(address)
        self.name = f"the IPFS node at {host_of(address) if '://' in address else multiaddr}"
        self._guard = _Guard(_authorization(auth) or within, self.name)
        self._patience, self._search = patience, search
        try:
            # Not ipfshttpclient.connect: it refuses every version of Kubo that is younger than itself.
            self._client: Any = ipfshttpclient.Client(
                multiaddr, base, session=True, auth=self._guard, timeout=(_CONNECT, patience)
            )
        except (ipfshttpclient.exceptions.AddressError, BadMultiaddr, ValueError, LookupError):
            raise Malformed(_NO_ADDRESS) from None

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    # -- a content store

    def put(self, cid: Cid, block: bytes) -> None:
        """As :meth:`ContentStore.put`, with the node's word that it has it; errors of :meth:`send`."""
        if len(block) > unixfs.MAX_BLOCK:
            raise Malformed(f"block {cid} has {len(block)} bytes; no block has more than {unixfs.MAX_BLOCK}")
        if not cid.names(block):
            raise DigestMismatch(f"these {len(block)} bytes are not block {cid}; their CID has to be computed again")
        self.send(car.pack(cid, [(cid, block)]))
        if not self.has(cid):
            raise NodeRefused(f"{self.name} took block {cid} and does not have it; look at its log")

    def get(self, cid: Cid) -> bytes:
        """As :meth:`ContentStore.get`; also :class:`NodeUnreachable` and :class:`NodeRefused`."""
        look = self._search or _LOOK_AT_HOME
        ask = self._asked(self._client.block.get, str(cid), look, stream=True)
        with self._asking(f"block {cid}", absent=cid), closing(ask()) as pieces:
            block = Answer(pieces, self.name, look + self._patience).whole(unixfs.MAX_BLOCK)
        if not cid.names(block):
            raise DigestMismatch(
                f"{self.name} gave other bytes for block {cid}: its repository is damaged, or it lies; "
                "nothing of them was kept: check it (`ipfs repo verify`), or take the content from elsewhere"
            )
        return block

    def has(self, cid: Cid) -> bool:
        """As :meth:`ContentStore.has`."""
        ask = self._asked(self._client.block.stat, str(cid), self._search or _LOOK_AT_HOME)
        try:
            with self._asking(f"block {cid}", absent=cid):
                ask()
        except BlockMissing:
            return False
        return True

    # -- whole trees

    def send(self, archive: bytes) -> None:
        """Give the node a CAR archive of blocks, unpinned. What it took and what not, only reading back tells.

        Raises :class:`NodeUnreachable`, :class:`NodeRefused`, :class:`NodeFull`.
        """
        with self._asking("an archive of blocks"):
            answer = self._client.dag.imprt(io.BytesIO(archive), opts={"pin-roots": "false"}, stream=True)
            with closing(answer):
                for _ in answer:
                    pass

    def pin(self, cid: Cid) -> None:
        """Let the node keep the whole tree until somebody unpins it.

        Raises :class:`BlockMissing` where it does not hold all of it, and the errors of :meth:`send`.
        """
        self._pin(cid)

    def is_pinned(self, cid: Cid) -> bool:
        """Whether the node has pinned the tree under ``cid`` as such, not only as a part of another."""
        ask = self._asked(self._client.pin.ls, str(cid), self._patience, type="recursive")
        try:
            with self._asking(f"the pin of {cid}"):
                ask()
        except _NotPinned:
            return False
        return True

    def export(self, cid: Cid) -> Iterator[tuple[Cid, bytes]]:
        """The tree under ``cid`` as the node streams it, each block verified; it may end before all have come."""
        look = self._search or _LOOK_AT_HOME
        ask = self._asked(self._client.dag.export, str(cid), None, stream=True)
        with self._asking(f"the archive of {cid}", absent=cid), closing(ask()) as pieces:
            answer = Answer(pieces, self.name, look + self._patience)
            yield from car.unpack(cast(BinaryIO, io.BufferedReader(answer, PIECE)))

    # -- on the network

    def peer(self) -> Peer:
        """Who the node is."""
        with self._asking("who it is"):
            found = self._client.id()
            return Peer(str(found["ID"]), tuple(map(str, found["Addresses"] or ())))

    def connect(self, address: str) -> None:
        """Let the node connect to another; it may be that it cannot (:class:`NodeRefused`)."""
        with self._asking(f"a connection to {words(address)}"):
            self._asked(self._client.swarm.connect, address, _CONNECT)()

    # -- below

    def _pin(self, cid: Cid) -> None:
        ask = self._asked(self._client.pin.add, str(cid), _PIN)
        with self._asking(f"a pin of {cid}", absent=cid):
            ask()

    def _asked(self, method: Callable[..., Any], argument: str, within: float | None, **more: Any) -> Callable[[], Any]:
        """A request for something that the node finds within so many seconds, or gives up."""
        options = {} if within is None else {"timeout": f"{within:g}s"}
        wait = (within or 0.0) + self._patience
        return lambda: method(argument, opts=options, offline=self._search == 0, timeout=(_CONNECT, wait), **more)

    @contextmanager
    def _asking(self, what: str, absent: Cid | None = None) -> Iterator[None]:
        """Whatever goes wrong inside, as one of our errors, which name the node and never its password."""
        import requests
        from ipfshttpclient import exceptions
        from urllib3.exceptions import HTTPError
        from urllib3.exceptions import TimeoutError as Silence

        try:
            yield
        except DigestMismatch as error:
            raise DigestMismatch(f"{self.name}: {error}; take the content from elsewhere") from None
        except LedgerError:
            raise
        except exceptions.ErrorResponse as error:
            raise self._named(words(error, *self._guard.secrets), what, absent) from None
        except exceptions.StatusError as error:
            raise self._refusal(getattr(error.original, "response", None), what) from None
        except (exceptions.TimeoutError, requests.Timeout, Silence):
            raise NodeUnreachable(
                f"{self.name} did not answer in time ({what}); is it overloaded? the same command goes on where it was"
            ) from None
        except (exceptions.CommunicationError, requests.RequestException, HTTPError) as error:
            raise NodeUnreachable(
                f"{self.name} cannot be reached, or broke off ({what}: {type(error).__name__}); "
                "is it running, and IPFS_API the address of its API? the same command goes on where it was"
            ) from None
        except (exceptions.Error, AssertionError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise NodeRefused(f"{self.name} does not answer as an IPFS node: {type(error).__name__}, {what}") from None

    def _named(self, said: str, what: str, absent: Cid | None) -> LedgerError:
        """The error that a node's own words mean."""
        if _NO_ROOM.search(said):
            return _full(self.name, said)
        if _NOT_PINNED.search(said):
            return _NotPinned(f"{self.name}: {said}")
        if absent is not None and _ABSENT.search(said):
            return BlockMissing(f"{self.name} does not have all that {what} needs: {said}; push it there first")
        return NodeRefused(f"{self.name} refuses {what}: {said}")

    def _refusal(self, response: Any, what: str) -> LedgerError:
        status = getattr(response, "status_code", 0)
        if status == 507:
            return _full(self.name, "507 Insufficient Storage")
        remedy = {
            401: "set IPFS_API_AUTH to what the node asks for",
            403: "set IPFS_API_AUTH to what the node asks for, and see its API.Authorizations",
            404: "is IPFS_API the address of its API, and not of its gateway?",
        }.get(status, "look at its log; the same command goes on where it was")
        return NodeRefused(f"{self.name} refuses {what} with HTTP status {status}; {remedy}")


class _NotPinned(NodeRefused):
    """The node's way to say no."""


class _Guard:
    """What is done to each request and answer: requests calls this as an authentication, with each request."""

    def __init__(self, authorization: str | None, name: str):
        self._authorization, self._name = authorization, name

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown."""
        if self._authorization is None:
            return ()
        scheme, _, token = self._authorization.partition(" ")
        if scheme != "Basic":
            return self._authorization, token
        login = b64decode(token).decode()
        return self._authorization, token, login, login.partition(":")[2]

    def __call__(self, request: Any) -> Any:
        if self._authorization is not None:
            request.headers["Authorization"] = self._authorization
        request.register_hook("response", self._look)
        return request

    def _look(self, response: Any, *args: Any, **kwargs: Any) -> Any:
        if response.is_redirect:
            response.close()
            raise NodeRefused(f"{self._name} sends us to another address; give that one, if you trust it")
        # ipfshttpclient would take each body or HTTP chunk whole, however long a server makes it.
        response.iter_content = lambda **_: pieces(response)
        return response


def _full(name: str, said: str) -> NodeFull:
    return NodeFull(
        f"{name} has no room left ({said}); free some (`ipfs repo gc`) or give it more (Datastore.StorageMax): "
        "the same command goes on where it was"
    )


def _authorization(auth: str | None) -> str | None:
    """The value of the HTTP header. Raises :class:`Malformed`, which does not say what was given."""
    if auth is None:
        return None
    scheme, _, secret = auth.partition(":")
    if scheme == "bearer" and secret:
        return f"Bearer {secret}"
    if scheme == "basic" and ":" in secret:
        return "Basic " + b64encode(secret.encode()).decode("ascii")
    raise Malformed("IPFS_API_AUTH is neither basic:USER:PASSWORD nor bearer:TOKEN")


def _address(address: str) -> tuple[str, str, str | None]:
    """Multiaddr, path of the API, and the authorization that a URL holds."""
    if "://" not in address:
        return address.replace("/tls/http", "/https"), "api/v0", None
    try:
        url = urlsplit(address)
        host, port = url.hostname, url.port or {"http": 80, "https": 443}[url.scheme]
    except (ValueError, KeyError):
        host = None
    if not host:
        raise Malformed(_NO_ADDRESS)
    kind = "ip6" if ":" in host else "ip4" if re.fullmatch(r"[\d.]+", host) else "dns"
    within = None
    if url.username is not None:
        within = _authorization(f"basic:{unquote(url.username)}:{unquote(url.password or '')}")
    return f"/{kind}/{host}/tcp/{port}/{url.scheme}", f"{url.path.strip('/')}/api/v0".lstrip("/"), within
