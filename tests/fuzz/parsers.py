"""Every parser that takes a stranger's bytes: how it is called, what it may raise, and bytes that it reads.

A parser returns or raises one of its named errors; whatever else it does is a defect. Where a law holds for what was
read (it is written as the same bytes, say), the call checks it.
"""

from __future__ import annotations

import io
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.cid import Cid

Refuses = tuple[type[Exception], ...]
VECTORS = Path(__file__).parents[1] / "vectors"


@dataclass(frozen=True)
class Parser:
    """One of them. ``open`` imports what it needs and gives the call and the errors that are not defects."""

    name: str
    open: Callable[[], tuple[Callable[[bytes], object], Refuses]]
    seeds: Callable[[], list[bytes]]


@contextmanager
def lying(data: bytes, suffix: str = "") -> Iterator[Path]:
    """A file of these bytes, in memory where the system has room for files there."""
    shelf = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shelf) as folder:
        path = Path(folder) / f"file{suffix}"
        path.write_bytes(data)
        yield path


# -- ledger


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
    from ledger.errors import Invalid, Malformed

    def call(data: bytes) -> None:
        with lying(data) as path:
            read(path)

    return call, (Malformed, Invalid)


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
    from ledger.errors import TimestampInvalid
    from ledger.timestamp import read

    return lambda data: read(data, b"what was there"), (TimestampInvalid,)


def certificates() -> tuple[Callable[[bytes], object], Refuses]:
    from ledger.certificate import roots
    from ledger.errors import Malformed

    return roots, (Malformed,)


# -- gen


def container() -> tuple[Callable[[bytes], object], Refuses]:
    from gen.container import identify, missing_bytes

    def call(data: bytes) -> None:
        file = io.BytesIO(data)
        identify(file)
        assert missing_bytes(file, len(data)) >= 0

    return call, ()


def ogg() -> tuple[Callable[[bytes], object], Refuses]:
    from gen.ogg import links

    def call(data: bytes) -> None:
        starts = links(io.BytesIO(data))
        assert starts == sorted(set(starts))

    return call, ()


def decoder() -> tuple[Callable[[bytes], object], Refuses]:
    from gen.decode import decode
    from gen.errors import AudioError

    return lambda data: decode(io.BytesIO(data), "file", 1 << 22), (AudioError,)


def tags() -> tuple[Callable[[bytes], object], Refuses]:
    from gen.labels import read_tags

    return lambda data: read_tags(io.BytesIO(data)), ()


def label_table(suffix: str) -> Callable[[], tuple[Callable[[bytes], object], Refuses]]:
    def opened() -> tuple[Callable[[bytes], object], Refuses]:
        from gen.errors import LabelError
        from gen.labels import read_table

        def call(data: bytes) -> None:
            with lying(data, suffix) as path:
                read_table(path)

        return call, (LabelError,)

    return opened


def stamps() -> tuple[Callable[[bytes], object], Refuses]:
    """A file of remembered digests that somebody wrote into: it is begun anew, and says nothing false."""
    from gen.stamps import Stamps

    def call(data: bytes) -> None:
        with lying(data) as path:
            remembered = Stamps(path)
            found = remembered.recall(Path(__file__))
            assert found is None or isinstance(found, bytes)

    return call, ()


def fingerprint() -> tuple[Callable[[bytes], object], Refuses]:
    from gen.errors import FingerprintError
    from gen.fingerprint import Fingerprint, align

    def call(data: bytes) -> None:
        found = Fingerprint.from_bytes(data)
        assert found.to_bytes() == data
        assert -1.0 <= align(found, found).similarity <= 1.0

    return call, (FingerprintError,)


def json_text() -> tuple[Callable[[bytes], object], Refuses]:
    from gen.json_text import parse

    return lambda data: parse(data.decode()), (ValueError,)


# -- what they read


def text_seeds() -> list[bytes]:
    return [b'{"a":[1,true,null,"\\u20ac"],"b":{}}', b"[]", b'"x"']


def record_seeds() -> list[bytes]:
    from reported import dataset

    records = [dataset(1, "studies").record, dataset(2, "birds").record]
    return [record.payload() for record in records if record is not None]


def envelope_seeds() -> list[bytes]:
    from ledger.keys import LocalSigner
    from ledger.signing import sign

    return [sign(payload, LocalSigner(bytes(31) + b"\1")).to_bytes() for payload in record_seeds()[:1]]


def blocks_of(size: int) -> tuple[list[tuple[Cid, bytes]], Cid]:
    from ledger.unixfs import import_file

    kept: list[tuple[Cid, bytes]] = []
    root = import_file(
        io.BytesIO(random.Random(1).randbytes(size)),
        lambda name, block: kept.append((name, block)),
        chunk=256,
        width=4,
    )
    return kept, root


def node_seeds() -> list[bytes]:
    kept, _ = blocks_of(8192)
    return [block for name, block in kept if str(name).startswith("bafybei")][:4]


def tree_seeds() -> list[bytes]:
    from ledger.unixfs import blocks

    kept, root = blocks_of(2048)
    held = {str(name): block for name, block in kept}
    order = [block for _, block in blocks(root, lambda name: held[str(name)])]
    return [b"".join(len(block).to_bytes(2) + block for block in order)]


def car_seeds() -> list[bytes]:
    from ledger.car import pack

    kept, root = blocks_of(2048)
    return [pack(root, kept)]


def cid_seeds() -> list[bytes]:
    from ledger.cid import Cid

    return [
        str(Cid.of_raw(b"x")).encode(),
        str(Cid.of_dag_pb(b"x")).encode(),
        b"QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n",
    ]


def raw_cid_seeds() -> list[bytes]:
    from ledger.cid import Cid

    return [Cid.of_raw(b"x").raw, Cid.parse("QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n").raw]


def anchor_seeds() -> list[bytes]:
    from ledger.anchor import Anchor, Leaf
    from ledger.digest import Digest

    return [Anchor([Leaf.of(Digest.of(bytes([n])).raw * 3) for n in range(5)]).file()]


def key_seeds() -> list[bytes]:
    return [
        b'{"address":"7e5f4552091a69125d5dfcb7b8c2659029395bdf","crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":'
        b'"00000000000000000000000000000000"},"ciphertext":"00","kdf":"scrypt","kdfparams":{"dklen":32,"n":4096,"p":1,'
        b'"r":8,"salt":"00"},"mac":"00"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}'
    ]


def bundle_seeds() -> list[bytes]:
    from ledger.address import Address
    from ledger.bundle import Bundle, read, write
    from ledger.cid import Cid
    from ledger.deployment import NOUNS, Deployment
    from ledger.digest import Digest
    from ledger.keys import LocalSigner
    from ledger.recorded import Transcript

    place = Deployment(chain_id=1, block=1, **{noun: Address(bytes(19) + bytes([n])) for n, noun in enumerate(NOUNS)})
    blocks = {Cid.of_raw(block): block for block in (b"one", b"two")}
    whole = Bundle(Digest.of(b"x"), "2026-11-23T10:00:00Z", False, place, 0, Transcript(1, 1), [], (7,), blocks, {}, {})
    found = []
    for signer in (None, LocalSigner(bytes(31) + b"\1")):
        with lying(b"") as path:
            write(path, whole, signer)
            assert read(path).audio == whole.audio
            found.append(path.read_bytes())
    return found


def stamp_seeds() -> list[bytes]:
    return [(VECTORS / "timestamp" / "token.tsr").read_bytes()]


def certificate_seeds() -> list[bytes]:
    return [(VECTORS / "timestamp" / "root.pem").read_bytes()]


def signed_wav() -> bytes:
    """A twentieth of a second of sound with a manifest."""
    from datetime import UTC, datetime

    from ledger import manifest
    from ledger.address import Address
    from ledger.certificate import Chain
    from ledger.cid import Cid
    from ledger.companions import Companions
    from ledger.credentials import Origin
    from ledger.digest import Digest

    account, keys, digest = Address(bytes(range(20))), Companions(bytes(range(96))), Digest.of(b"1")
    origin = Origin(1337, account, "00ff" * 4, digest, digest, digest, (digest,))
    pen = manifest.Pen(keys, Chain.local(keys, account, datetime.now(UTC)))
    out = io.BytesIO()
    said = manifest.Statement(origin, "ISCC:EIAQMBEYSNJIUHUJ", Cid.of_raw(b"x"))
    manifest.sign(io.BytesIO(sound_seeds()[0]), out, ".wav", said, pen, None)
    return out.getvalue()


def credential_seeds() -> list[bytes]:
    return [signed_wav()]


def box_seeds() -> list[bytes]:
    from ledger.credentials import extract

    with lying(credential_seeds()[0], ".wav") as path:
        store = extract(path)
    assert store is not None
    return [store]


def sound_seeds() -> list[bytes]:
    """The same short sound in every format that is written here."""
    import numpy as np

    from gen.audio import encode
    from gen.waveform import Waveform

    wave = Waveform(np.random.default_rng(5).uniform(-0.2, 0.2, (1, 2205)).astype(np.float32), 44100)
    found = []
    for suffix in (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus"):
        with lying(b"", suffix) as path:
            encode(path, wave)
            found.append(path.read_bytes())
    return found


def table_seeds() -> list[bytes]:
    return [b'file,genre,era\na.wav,fugue,baroque\n"b, c.wav",,\n']


def json_table_seeds() -> list[bytes]:
    return [b'{"a.wav": {"genre": "fugue", "era": null}}']


def stamp_file_seeds() -> list[bytes]:
    from gen.stamps import Stamps

    with lying(b"x" * 100) as path:
        os.utime(path, (1, 1))
        remembered = Stamps(path.parent / "stamps.sqlite")
        remembered.sha256(Path(__file__))
        return [(path.parent / "stamps.sqlite").read_bytes()]


def fingerprint_seeds() -> list[bytes]:
    import numpy as np

    from gen.fingerprint import Fingerprint

    return [Fingerprint(np.arange(40, dtype=np.uint32) * 0x01010101).to_bytes()]


PARSERS = {
    parser.name: parser
    for parser in (
        Parser("canonical", canonical, text_seeds),
        Parser("envelope", envelope, envelope_seeds),
        Parser("records", records, record_seeds),
        Parser("car", car, car_seeds),
        Parser("car-into-store", car_into_store, car_seeds),
        Parser("dagpb", dagpb, node_seeds),
        Parser("unixfs", unixfs, tree_seeds),
        Parser("cid", cid, cid_seeds),
        Parser("raw-cid", raw_cid, raw_cid_seeds),
        Parser("anchor", anchor, anchor_seeds),
        Parser("key-file", key_file, key_seeds),
        Parser("key-export", key_export, key_seeds),
        Parser("bundle", bundle, bundle_seeds),
        Parser("boxes", boxes, box_seeds),
        Parser("credentials", credentials, credential_seeds),
        Parser("time-stamp", time_stamp, stamp_seeds),
        Parser("certificates", certificates, certificate_seeds),
        Parser("container", container, sound_seeds),
        Parser("ogg", ogg, lambda: sound_seeds()[4:]),
        Parser("decoder", decoder, sound_seeds),
        Parser("tags", tags, sound_seeds),
        Parser("labels-csv", label_table(".csv"), table_seeds),
        Parser("labels-json", label_table(".json"), json_table_seeds),
        Parser("stamps", stamps, stamp_file_seeds),
        Parser("fingerprint", fingerprint, fingerprint_seeds),
        Parser("json-text", json_text, text_seeds),
    )
}
