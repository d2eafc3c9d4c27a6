"""Parsers of the ledger. Where a law holds for what was read (it is written as the same bytes), the call checks it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from parser import Refuses, lying

if TYPE_CHECKING:
    from ledger.network import Network


def sign_in() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.errors import Malformed
    from ledger.signin import SignIn

    def call(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        assert str(SignIn.parse(text)) == text

    return call, (Malformed,)


def canonical() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.canonical import decode, encode, parse
    from ledger.errors import MalformedRecord

    def call(data: bytes) -> None:
        value = parse(data)
        assert decode(encode(value)) == value

    return call, (MalformedRecord,)


def envelope() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.envelope import Envelope
    from ledger.errors import MalformedEnvelope

    def call(data: bytes) -> None:
        found = Envelope.from_bytes(data)
        assert Envelope.from_bytes(found.to_bytes()) == found

    return call, (MalformedEnvelope,)


def records() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.errors import Invalid, Malformed
    from ledger.records import read

    def call(data: bytes) -> None:
        found = read(data)
        assert found.payload() == data

    return call, (Malformed, Invalid)


def car() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.car import unpack
    from ledger.errors import DigestMismatch, Malformed

    return lambda data: list(unpack(io.BytesIO(data))), (Malformed, DigestMismatch)


def car_into_store() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.car import load
    from ledger.errors import BlockMissing, DigestMismatch, Malformed
    from ledger.store import BlockStore

    def call(data: bytes) -> None:
        with lying(b"") as file:
            load(BlockStore(file.parent / "store"), io.BytesIO(data))

    return call, (Malformed, DigestMismatch, BlockMissing)


def dagpb() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.dagpb import Node
    from ledger.errors import Malformed

    def call(data: bytes) -> None:
        found = Node.decode(data)
        assert Node.decode(found.encode()) == found

    return call, (Malformed,)


def unixfs() -> tuple[Callable[[bytes], object], Refuses]:
    """A tree whose blocks come one after the other, whoever asks for which: each after its length in two bytes."""
    from itertools import islice

    from ledger.cid import Cid
    from ledger.errors import BlockMissing, Malformed
    from ledger.unixfs import blocks, read

    def call(data: bytes) -> None:
        def get(name: Cid) -> bytes:
            size = int.from_bytes(source.read(2))
            block = source.read(size)
            if not size or len(block) < size:
                raise BlockMissing(str(name))
            return block

        for walk in (read, blocks):
            source = io.BytesIO(data)
            list(islice(walk(Cid.of_dag_pb(b""), get, limit=1 << 20), 1000))

    return call, (Malformed, BlockMissing)


def cid() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.cid import Cid
    from ledger.errors import MalformedCid

    def call(data: bytes) -> None:
        found = Cid.parse(data.decode("latin-1"))
        assert Cid.parse(str(found)) == found
        assert Cid(found.raw) == found

    return call, (MalformedCid,)


def raw_cid() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.cid import Cid
    from ledger.errors import MalformedCid

    def call(data: bytes) -> None:
        found = Cid(data)
        assert Cid.parse(str(found)) == found

    return call, (MalformedCid,)


def anchor() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.anchor import Anchor
    from ledger.errors import Malformed

    def call(data: bytes) -> None:
        found = Anchor.read(data)
        assert found.file() == data

    return call, (Malformed,)


def key_file() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.errors import KeyDamaged
    from ledger.keyfile import KeyFile

    def call(data: bytes) -> None:
        found = KeyFile(Path("key.json"), data)
        _ = (found.document, found.address, found.states_address, found.scrypt_n)

    return call, (KeyDamaged,)


def key_export() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.errors import KeyDamaged
    from ledger.keyexport import KeyExport

    return lambda data: KeyExport.of(Path("export.json"), data), (KeyDamaged,)


def bundle() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.bundle import read
    from ledger.errors import FormatUnknown, Invalid, Malformed

    def call(data: bytes) -> None:
        with lying(data) as path:
            read(path)

    return call, (Malformed, Invalid, FormatUnknown)


def receipts() -> tuple[Callable[[bytes], object], Refuses]:
    """A node of a trie over receipts, in a block that binds it."""
    import rlp
    from eth_utils.crypto import keccak

    from ledger.errors import ProofInvalid
    from ledger.receipts import BlockProof

    def call(data: bytes) -> object:
        header = rlp.encode([*[b""] * 5, keccak(data), *[b""] * 9])
        return BlockProof(header, (data,), {"0x": 0}).entries(["0x"])

    return call, (ProofInvalid,)


def boxes() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.errors import Malformed
    from ledger.jumbf import signatures

    return lambda data: [one.point() for one in signatures(data).values()], (Malformed,)


def credentials() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.credentials import read
    from ledger.errors import Malformed

    def call(data: bytes) -> None:
        with lying(data, ".wav") as path:
            read(path)

    return call, (Malformed,)


def time_stamp() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.errors import StampUncheckable, TimestampInvalid
    from ledger.timestamp import read

    return lambda data: read(data, b"what was there"), (TimestampInvalid, StampUncheckable)


def certificates() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.certificate import roots
    from ledger.errors import Malformed

    return roots, (Malformed,)


def key_request() -> tuple[Callable[[bytes], object], Refuses]:
    from datetime import UTC, datetime

    from ledger.errors import Invalid, Malformed
    from ledger.keyrelease import KeyRequest

    now = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
    return lambda data: KeyRequest.verified(data, now), (Malformed, Invalid)


def sealed_key() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.errors import Malformed
    from ledger.keyrelease import SealedKey

    def call(data: bytes) -> None:
        assert SealedKey.from_bytes(data).to_bytes() == data

    return call, (Malformed,)


def voucher() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.errors import MalformedRecord, SignatureInvalid
    from ledger.voucher import SignedVoucher

    def call(data: bytes) -> None:
        found = SignedVoucher.from_payload(data)
        assert found.payload() == data
        found.verify()

    return call, (MalformedRecord, SignatureInvalid)


def shares() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.errors import MalformedRecord
    from ledger.shares import ShareTree

    def call(data: bytes) -> None:
        found = ShareTree.from_payload(data)
        assert found.payload() == data
        found.proof(0).verify(found.root)

    return call, (MalformedRecord,)


def preferences() -> tuple[Callable[[bytes], object], Refuses]:
    import json

    from ledger.errors import Malformed
    from ledger.preferences import Preferences

    def call(data: bytes) -> None:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            raise Malformed("no JSON") from None
        found = Preferences.from_assertion(value)
        assert Preferences.from_assertion(found.assertion()) is not None

    return call, (Malformed,)


def chain_answers() -> tuple[Callable[[bytes], object], Refuses]:
    """A chain, or a node between us and it, that answers what it likes: each answer after its length in two bytes."""
    from ledger.address import Address
    from ledger.chain import Chain
    from ledger.contracts import Contracts
    from ledger.deployment import NOUNS, Deployment
    from ledger.digest import Digest
    from ledger.errors import ChainUnreachable, LedgerError, Reverted
    from ledger.network import Log

    place = Deployment(chain_id=1, block=1, **{noun: Address(bytes(19) + bytes([n])) for n, noun in enumerate(NOUNS)})
    who, digest = Address(bytes(range(20))), Digest.of(b"x")

    class Answering:
        chain_id, instant, source = 1, False, io.BytesIO()

        def answer(self) -> bytes:
            size = int.from_bytes(self.source.read(2))
            if not size:
                raise ChainUnreachable("it says no more")
            return self.source.read(size & 0x3FFF)

        def block_number(self) -> int:
            return 10

        def timestamp(self, block: int) -> int:
            return block

        def block_hash(self, block: int) -> str:
            return "0x" + bytes(32).hex()

        def code(self, address: Address) -> bytes:
            return b"\0"

        def call(self, to: Address | None, data: bytes, sender: Address, block: int | None) -> bytes:
            said = self.answer()
            if said[:1] == b"\xfe":
                raise Reverted(said[1:])
            return said

        def logs(self, address: Address, topics: Sequence[bytes | None], first: int, last: int) -> tuple[Log, ...]:
            found = tuple(topic or self.answer()[:32].ljust(32, b"\0") for topic in topics)
            return (Log(address, found, self.answer(), first, "0x" + bytes(32).hex()),)

        def close(self) -> None:
            pass

    network = Answering()
    contracts = Contracts(Chain(cast("Network", network)), place)

    def call(data: bytes) -> None:
        network.source = io.BytesIO(data)
        for ask in (
            lambda: contracts.track_by_audio(digest),
            lambda: contracts.track(7),
            lambda: contracts.model(1),
            lambda: contracts.dataset(1),
            lambda: contracts.licenses("dataset", 1, who),
            lambda: contracts.royalty_shares(7),
            lambda: contracts.key_end(who),
            lambda: contracts.published_keys(who),
            lambda: contracts.listing(7),
            lambda: contracts.anchors_of(who),
            lambda: contracts.anchor(who, digest),
        ):
            with contextlib.suppress(LedgerError):
                ask()

    return call, ()
