"""What the ledger's parsers read."""

from __future__ import annotations

import io
import json
import random
from typing import TYPE_CHECKING

from audio_parsers import sound_seeds
from parser import VECTORS, lying

if TYPE_CHECKING:
    from ledger.cid import Cid


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


def key_request_seeds() -> list[bytes]:
    from datetime import UTC, datetime

    from ledger.digest import Digest
    from ledger.keyrelease import Asset, KeyRequest
    from ledger.signer import LocalSigner

    who = LocalSigner(bytes(31) + b"\1")
    asset = Asset(1, who.address, "dataset", 1, Digest.of(b"root"))
    request = KeyRequest.new(asset, who.address, bytes(range(32)), datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC))
    return [request.signed(who)]


def sealed_key_seeds() -> list[bytes]:
    from ledger.address import Address
    from ledger.digest import Digest
    from ledger.keyrelease import Asset, SealedKey

    who = Address(bytes(range(20)))
    return [SealedKey(Asset(1, who, "model", 1, Digest.of(b"weights")), who, bytes(80)).to_bytes()]


def voucher_seeds() -> list[bytes]:
    from ledger.digest import Digest
    from ledger.signer import LocalSigner
    from ledger.voucher import SignedVoucher, Voucher, sign

    who, digest = LocalSigner(bytes(31) + b"\1"), Digest.of(b"x")
    said = Voucher(digest, digest, digest, 1, 100_000, who.address, None, 2_000_000_000, digest)
    return [SignedVoucher(said, 1, who.address, sign(said, who, 1, who.address)).payload()]


def share_seeds() -> list[bytes]:
    from ledger.address import Address
    from ledger.shares import Share, ShareTree

    return [ShareTree([Share("account", Address(bytes(range(20))), 400_000), Share("dataset", 7, 600_000)]).payload()]


def key_seeds() -> list[bytes]:
    return [
        b'{"address":"7e5f4552091a69125d5dfcb7b8c2659029395bdf","crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":'
        b'"00000000000000000000000000000000"},"ciphertext":"00","kdf":"scrypt","kdfparams":{"dklen":32,"n":4096,"p":1,'
        b'"r":8,"salt":"00"},"mac":"00"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}'
    ]


def bundle_seeds() -> list[bytes]:
    from ledger.address import Address
    from ledger.anchor import Anchor, Leaf
    from ledger.anchored import Anchored
    from ledger.bundle import Bundle, read, write
    from ledger.cid import Cid
    from ledger.deployment import NOUNS, Deployment
    from ledger.digest import Digest
    from ledger.index import Place
    from ledger.keys import LocalSigner
    from ledger.recorded import Transcript

    who, batch = Address(bytes(20)), Anchor(Leaf(*[Digest.of(b"%d" % n)] * 3) for n in range(3))
    candidates = (7, Anchored(who, batch.root, batch.leaf(1), batch.proof(1)), Place(who, batch.root, 1))
    place = Deployment(chain_id=1, block=1, **{noun: Address(bytes(19) + bytes([n])) for n, noun in enumerate(NOUNS)})
    blocks, view = {Cid.of_raw(block): block for block in (b"one", b"two")}, {"evidence": [], "findings": []}
    whole = Bundle(
        Digest.of(b"x"), "2026-11-23T10:00:00Z", False, place, 0, Transcript(1, 1), [], candidates, blocks, {}, view
    )
    found = []
    for signer in (None, LocalSigner(bytes(31) + b"\1")):
        with lying(b"") as path:
            write(path, whole, signer)
            assert read(path).audio == whole.audio
            found.append(path.read_bytes())
    return found


def receipt_seeds() -> list[bytes]:
    import json

    import rlp

    from ledger.receipts import Sealed

    geth = json.loads((VECTORS / "blocks" / "geth.json").read_text())
    sealed = Sealed.of_json(geth["headers"]["latest"], geth["receipts"])
    return [rlp.encode([b"\x20\x80", receipt]) for receipt in sealed.receipts]  # leaves, at the place 0


def stamp_seeds() -> list[bytes]:
    return [(VECTORS / "timestamp" / name).read_bytes() for name in ("token.tsr", "bare/p256.tsr", "bare/rsa.tsr")]


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
    from ledger.digest import Digest
    from ledger.origin import Origin

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


def preference_seeds() -> list[bytes]:
    return [
        b'{"entries":{"cawg.ai_training":{"use":"constrained","constraint_info":"ipfs://x"},"cawg.data_mining":{"use":"allowed"}}}'
    ]


def answer_seeds() -> list[bytes]:
    """Words of 32 bytes: nothing, small numbers, and places of what has no fixed length."""
    words = [[0] * 40, [1] * 40, [32, 64, *([1] * 40)], list(range(0, 32 * 40, 32))]
    answers = [b"".join(word.to_bytes(32) for word in row) for row in words]
    return [
        b"".join(len(answer).to_bytes(2) + answer for answer in answers[turn:] + answers[:turn]) * 4
        for turn in range(4)
    ]


def sign_in_seeds() -> list[bytes]:
    cases = json.loads((VECTORS / "eip4361.json").read_text("utf-8"))["parsing_positive"]
    return [case["message"].encode() for case in cases.values()]
