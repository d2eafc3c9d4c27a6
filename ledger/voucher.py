"""Vouchers: a creator's signed leave to mint one track, which anybody may submit (contracts/Vouchers.sol; EIP-712).

The signature is bound to one chain and one contract. Whether a voucher was cancelled, or its claim minted, only the
chain knows; and only the chain can ask a creator who is a contract (ERC-1271).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ledger import canonical, signing
from ledger.address import Address
from ledger.digest import Digest
from ledger.errors import ArgumentRefused, MalformedRecord, SignatureInvalid
from ledger.keys import Signer
from ledger.records import checks
from ledger.records.fields import Fields, read_object

TYPE = "urn:stemmata:voucher:v1"

_NOBODY = Address(bytes(20))
_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_VOUCHER = (
    "Voucher(bytes32 claim,bytes32 audio,bytes32 record,uint256 model,uint256 royaltyPpm,address creator,"
    "address owner,uint256 deadline,bytes32 content)"
)
_SIGNATURE = re.compile(r"0x[0-9a-f]{130}")


@dataclass(frozen=True, slots=True)
class Voucher:
    """Leave to mint one track.

    Attributes:
        claim, audio, record: of the claim, the audio file and the signed track record; none of them all zeros.
        model: the token of the model that generated it, 1 to 2**40 - 1.
        royalty_ppm: part of each sale's price that is asked as royalty (ERC-2981), in parts per million.
        creator: who generated it, and signs.
        owner: who gets the token; None for whoever submits the voucher.
        deadline: last second in which it may be submitted, Unix time, 0 to 2**53 - 1.
        content: of the block in which the record lies.
    """

    claim: Digest
    audio: Digest
    record: Digest
    model: int
    royalty_ppm: int
    creator: Address
    owner: Address | None
    deadline: int
    content: Digest

    def __post_init__(self) -> None:
        """Raises :class:`MalformedRecord`, field first."""
        for name in ("claim", "audio", "record"):
            checks.kept(name, getattr(self, name), Digest)
            if not any(getattr(self, name).raw):
                raise MalformedRecord(f"{name}: a digest of 32 zero bytes names nothing")
        checks.integer("model", self.model, 1, 2**40 - 1)
        checks.part("royaltyPpm", self.royalty_ppm)
        checks.kept("creator", self.creator, Address)
        if self.creator == _NOBODY:
            raise MalformedRecord("creator: the zero address signs nothing")
        if self.owner is not None:
            checks.kept("owner", self.owner, Address)
            # On chain the zero address stands for whoever submits: here it would be a second way to say so.
            if self.owner == _NOBODY:
                raise MalformedRecord("owner: the zero address owns nothing; whoever submits is written null")
        checks.integer("deadline", self.deadline, 0)
        checks.kept("content", self.content, Digest)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The voucher as the contract's struct, for ``mintByVoucher`` and ``digestOf``."""
        work = (self.claim, self.audio, self.record, self.model, self.royalty_ppm)
        return work, self.creator, self.owner or _NOBODY, self.deadline, self.content

    def digest(self, chain_id: int, tracks: Address) -> bytes:
        """The 32 bytes that the creator signs (EIP-712), for the contract at ``tracks`` on a chain (EIP-155)."""
        from eth_utils.crypto import keccak

        domain = _hash_struct(_DOMAIN, keccak(text="Stemmata Tracks"), keccak(text="1"), chain_id, tracks)
        work, creator, owner, deadline, content = self.arguments
        return bytes(keccak(b"\x19\x01" + domain + _hash_struct(_VOUCHER, *work, creator, owner, deadline, content)))

    def to_json(self) -> dict[str, Any]:
        """As in the payload."""
        return {
            "claim": str(self.claim),
            "audio": str(self.audio),
            "record": str(self.record),
            "model": self.model,
            "royaltyPpm": self.royalty_ppm,
            "creator": str(self.creator),
            "owner": None if self.owner is None else str(self.owner),
            "deadline": self.deadline,
            "content": str(self.content),
        }

    @classmethod
    def read(cls, fields: Fields) -> Voucher:
        """What :meth:`to_json` wrote. Raises :class:`MalformedRecord`, field first."""
        return cls(
            claim=fields.digest("claim"),
            audio=fields.digest("audio"),
            record=fields.digest("record"),
            model=fields.integer("model"),
            royalty_ppm=fields.integer("royaltyPpm"),
            creator=fields.address("creator"),
            owner=fields.nullable("owner", fields.address),
            deadline=fields.integer("deadline"),
            content=fields.digest("content"),
        )


@dataclass(frozen=True, slots=True)
class SignedVoucher:
    """A voucher as a creator sends it to a shop: with its signature, and where it counts.

    Attributes:
        voucher: what is allowed.
        chain_id, tracks: the chain (EIP-155), 1 to 2**53 - 1, and the contract there.
        signature: r, s and v, 65 bytes; not checked before :meth:`verify`.
    """

    voucher: Voucher
    chain_id: int
    tracks: Address
    signature: bytes

    def __post_init__(self) -> None:
        """Raises :class:`MalformedRecord`, field first."""
        checks.kept("voucher", self.voucher, Voucher)
        checks.integer("chainId", self.chain_id, 1)
        checks.kept("tracks", self.tracks, Address)
        if len(self.signature) != 65:
            raise MalformedRecord(f"signature: it has 65 bytes, not {len(self.signature)}")

    def verify(self) -> None:
        """Raise :class:`SignatureInvalid` unless the creator signed the voucher for this chain and contract."""
        verify(self.voucher, self.signature, self.chain_id, self.tracks)

    def payload(self) -> bytes:
        """Canonical JSON (RFC 8785)."""
        return canonical.encode(
            {
                "type": TYPE,
                "voucher": self.voucher.to_json(),
                "chainId": self.chain_id,
                "tracks": str(self.tracks),
                "signature": "0x" + self.signature.hex(),
            }
        )

    @classmethod
    def from_payload(cls, payload: bytes) -> SignedVoucher:
        """Read what :meth:`payload` wrote, byte for byte; the signature is not checked.

        Raises:
            MalformedRecord: anything else; the message names the field.
        """
        return read_object("", canonical.decode(payload), _read)


def sign(voucher: Voucher, signer: Signer, chain_id: int, tracks: Address) -> bytes:
    """The creator's signature: r, s and v (27 or 28), 65 bytes.

    Args:
        voucher: what is allowed.
        signer: of the creator.
        chain_id: of the chain where it counts (EIP-155).
        tracks: the contract that will mint it.

    Raises:
        ArgumentRefused: the signer is not the voucher's creator; the contract would refuse the signature.
    """
    if signer.address != voucher.creator:
        raise ArgumentRefused(f"the voucher is {voucher.creator}'s to sign, not {signer.address}'s")
    return signer.sign_digest(voucher.digest(chain_id, tracks))


def verify(voucher: Voucher, signature: bytes, chain_id: int, tracks: Address) -> None:
    """Raise :class:`SignatureInvalid` unless the voucher's creator signed it for this chain and contract."""
    signer = signing.recover(voucher.digest(chain_id, tracks), signature)
    if signer != voucher.creator:
        raise SignatureInvalid(
            f"the signature is not {voucher.creator}'s, or not of this voucher, chain {chain_id} and contract {tracks}"
        )


def _read(fields: Fields) -> SignedVoucher:
    if (kind := fields.text("type")) != TYPE:
        raise MalformedRecord(f"type: {kind!r} is not {TYPE}")
    voucher = fields.object("voucher", Voucher.read)
    chain_id, tracks, signature = fields.integer("chainId"), fields.address("tracks"), fields.text("signature")
    checks.form("signature", signature, _SIGNATURE, "0x and 130 lower-case hex digits")
    return SignedVoucher(voucher, chain_id, tracks, bytes.fromhex(signature[2:]))


def _hash_struct(kind: str, *values: Digest | Address | bytes | int) -> bytes:
    """EIP-712's hashStruct, for members that take one word each."""
    from eth_utils.crypto import keccak

    return bytes(keccak(keccak(text=kind) + b"".join(map(_word, values))))


def _word(value: Digest | Address | bytes | int) -> bytes:
    if isinstance(value, int):
        return value.to_bytes(32, "big")
    raw = value if isinstance(value, bytes) else value.raw
    return raw.rjust(32, b"\x00")
