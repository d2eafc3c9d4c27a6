"""A trustless gateway: blocks and trees over HTTP from whoever has them, to be verified and never believed.

Source: IPFS's Trustless Gateway specification (``application/vnd.ipld.raw``, ``application/vnd.ipld.car``).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, BinaryIO, NoReturn, cast
from urllib.parse import urljoin, urlsplit

from ledger import car, unixfs
from ledger.answer import PIECE, Answer, host_of, http_url, pieces
from ledger.cid import Cid
from ledger.errors import BlockMissing, DigestMismatch, LedgerError, Malformed, NodeRefused, NodeUnreachable
from ledger.store import ContentStore

if TYPE_CHECKING:
    import requests

_CONNECT = 10.0  # seconds
_HOPS = 3
_RAW, _CAR = "application/vnd.ipld.raw", "application/vnd.ipld.car"


class Gateway(ContentStore):
    """A gateway, for reading alone.

    Redirects are followed only to the same host or to one below it, as gateways with a sub-domain for each CID need it,
    and never from https to http: nobody else can send us into the network that we stand in.
    """

    def __init__(self, url: str, *, patience: float = 30.0):
        """Nothing is asked yet. ``url`` has the part before ``/ipfs/``; ``patience`` is seconds for each next 2 MiB.

        Raises :class:`~ledger.errors.Malformed` for what is no http or https URL.
        """
        import requests

        if http_url(url) is None:
            raise Malformed("a gateway is given as a URL such as https://example.org, without what follows /ipfs/")
        self.name = f"the gateway {host_of(url)}"
        self._url, self._patience = url.rstrip("/"), patience
        self._session = requests.Session()
        # Compressed, a few bytes could become more than there is memory.
        self._session.headers.update({"User-Agent": "stemmata", "Accept-Encoding": "identity"})

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def put(self, cid: Cid, block: bytes) -> NoReturn:
        """No gateway takes content: :class:`NodeRefused`."""
        raise NodeRefused(f"{self.name} is for reading alone; push to an IPFS node")

    def get(self, cid: Cid) -> bytes:
        """As :meth:`ContentStore.get`; also :class:`NodeUnreachable` and :class:`NodeRefused`."""
        with self._asking("GET", cid, "raw", _RAW) as answer:
            block = answer.whole(unixfs.MAX_BLOCK)
        if not cid.names(block):
            raise DigestMismatch(
                f"{self.name} gave other bytes for block {cid}; nothing of them was kept: use another gateway"
            )
        return block

    def has(self, cid: Cid) -> bool:
        """As :meth:`ContentStore.has`."""
        try:
            with self._asking("HEAD", cid, "raw", _RAW):
                return True
        except BlockMissing:
            return False

    def export(self, cid: Cid) -> Iterator[tuple[Cid, bytes]]:
        """The tree under ``cid`` as the gateway streams it, each block verified; it may end before all have come."""
        with self._asking("GET", cid, "car&dag-scope=all", f"{_CAR};version=1;order=dfs;dups=n") as answer:
            yield from car.unpack(cast(BinaryIO, io.BufferedReader(answer, PIECE)))

    @contextmanager
    def _asking(self, method: str, cid: Cid, form: str, accept: str) -> Iterator[Answer]:
        """The answer to one question; what goes wrong while it is read is one of our errors too."""
        import requests
        from urllib3.exceptions import HTTPError
        from urllib3.exceptions import TimeoutError as Silence

        try:
            with closing(self._ask(method, f"{self._url}/ipfs/{cid}?format={form}", accept)) as response:
                self._check(response, cid, accept.partition(";")[0])
                yield Answer(pieces(response), self.name, self._patience)
        except DigestMismatch as error:
            raise DigestMismatch(f"{self.name}: {error}; use another gateway") from None
        except LedgerError:
            raise
        except (requests.Timeout, Silence):
            raise NodeUnreachable(f"{self.name} did not answer in time; try again, or use another") from None
        except (requests.RequestException, HTTPError) as error:
            raise NodeUnreachable(
                f"{self.name} cannot be reached, or broke off ({type(error).__name__}); try again, or use another"
            ) from None

    def _ask(self, method: str, url: str, accept: str) -> requests.Response:
        for _ in range(_HOPS + 1):
            response = self._session.request(
                method,
                url,
                headers={"Accept": accept},
                timeout=(_CONNECT, self._patience),
                stream=True,
                allow_redirects=False,
            )
            if not response.is_redirect:
                return response
            response.close()
            there = urljoin(url, response.headers["Location"])
            if not _may_follow(url, there):
                raise NodeRefused(
                    f"{self.name} sends us to {host_of(there) or 'no host'}, which is not of its own; "
                    "set STEMMATA_GATEWAY to that, if you trust it"
                )
            url = there
        raise NodeRefused(f"{self.name} sends us from address to address; use another gateway")

    def _check(self, response: requests.Response, cid: Cid, kind: str) -> None:
        status = response.status_code
        # 504: it searched the network and did not find it in its time.
        if status in (404, 408, 410, 504):
            raise BlockMissing(f"{self.name} does not find {cid} (HTTP status {status}); try again, or use another")
        if status == 429:
            raise NodeRefused(f"{self.name} has had too many requests of us; try again later, or use another")
        if status != 200:
            raise NodeRefused(f"{self.name} refuses {cid} with HTTP status {status}; use another gateway")
        said = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if said != kind:
            raise NodeRefused(
                f"{self.name} answers with {said or 'no content type'} where {kind} was asked for: "
                "it is no trustless gateway; use one that is"
            )


def _may_follow(here: str, there: str) -> bool:
    before, after = urlsplit(here), urlsplit(there)
    old, new = before.hostname or "", after.hostname or ""
    if after.scheme not in ("http", "https") or (before.scheme == "https" and after.scheme == "http"):
        return False
    # Another port of the same machine is another server.
    same = new == old and _port(before.port, before.scheme) == _port(after.port, after.scheme)
    return same or (new != old and new.endswith("." + old))


def _port(port: int | None, scheme: str) -> int:
    return port or (443 if scheme == "https" else 80)
