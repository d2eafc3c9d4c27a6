"""The release of a data key to a licensee: what is asked for, what is checked, and what is handed out.

Content is encrypted once, under a data key of its own (:mod:`ledger.encryption`). For each licensee that key is sealed
anew (HPKE, RFC 9180), so that a new license never re-encrypts anything. Whoever asks signs with the account that holds
the license, and names the key to seal to. Nothing here reads a disk or a network: what the chain says, what the vault
holds and what time it is come in as arguments.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Self

from ledger import canonical, signing
from ledger.address import Address
from ledger.digest import Digest
from ledger.encryption import DataKey
from ledger.envelope import Envelope, Signature, pae
from ledger.errors import KeyEnded, LicenseMissing, Malformed, MalformedRecord, RequestInvalid
from ledger.records.fields import Fields, read_object
from ledger.records.time import parse_timestamp, timestamp

if TYPE_CHECKING:
    from ledger.companions import Companions
    from ledger.keys import Signer

REQUEST_TYPE = "application/vnd.stemmata.key-request+json"
"""The type of a request's DSSE payload: what is signed under it can never be taken for a record."""

MAX_REQUEST_BYTES = 4096
FRESH_SECONDS = 300
"""How far the time of a request may lie from the releaser's clock, before or after."""

USE = {"dataset": "train", "model": "generate"}
"""For which use a license has to be to open what is encrypted."""

_NONCE_BYTES = 16
_X25519_BYTES = 32
_SEALED_BYTES = 80  # an X25519 key, a data key, a tag of AES-GCM


@dataclass(frozen=True, slots=True)
class Asset:
    """What a data key encrypts, by the contracts that say who is licensed for it.

    ``licenses`` is the address of the contract on chain ``chain_id``; ``digest`` is a dataset's Merkle root, or a
    model's digest of its weights.
    """

    chain_id: int
    licenses: Address
    kind: Literal["dataset", "model"]
    id: int
    digest: Digest

    def __post_init__(self) -> None:
        """Raises ``Malformed``."""
        if self.kind not in USE:
            raise Malformed(f"kind: {self.kind!r} is none of {', '.join(USE)}")
        for name in ("chain_id", "id"):
            if not 0 < getattr(self, name) <= canonical.LARGEST_INTEGER:
                raise Malformed(f"{name}: {getattr(self, name)} is not within 1..2**53-1")

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    def purpose(self, licensee: Address) -> bytes:
        """HPKE's ``info``, which ties a sealed key to this asset on this chain, and to the licensee: canonical JSON."""
        return canonical.encode({"type": _SEALED_KEY, **self.to_json(), "licensee": str(licensee)})

    def to_json(self) -> dict[str, Any]:
        """As in requests and sealed keys."""
        return {
            "chainId": self.chain_id,
            "licenses": str(self.licenses),
            "kind": self.kind,
            "id": self.id,
            "digest": str(self.digest),
        }

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Raises ``MalformedRecord``."""
        chain_id, licenses = fields.integer("chainId"), fields.address("licenses")
        kind, number, digest = fields.text("kind"), fields.integer("id"), fields.digest("digest")
        try:
            return cls(chain_id, licenses, kind, number, digest)  # type: ignore[arg-type]
        except Malformed as error:
            raise MalformedRecord(str(error)) from None


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """``licensee`` asks for the key of ``asset``, sealed to the X25519 key of 32 bytes, ``x25519``.

    ``created`` is when, ``nonce`` 16 random bytes; they make each request another one.
    """

    asset: Asset
    licensee: Address
    x25519: bytes
    created: str
    nonce: bytes

    def __post_init__(self) -> None:
        """Raises ``MalformedRecord``."""
        for name, length in (("x25519", _X25519_BYTES), ("nonce", _NONCE_BYTES)):
            if len(getattr(self, name)) != length:
                raise MalformedRecord(f"{name}: {len(getattr(self, name))} bytes, not {length}")
        try:
            parse_timestamp(self.created)
        except Malformed as error:
            raise MalformedRecord(f"created: {error}") from None

    @classmethod
    def new(cls, asset: Asset, licensee: Address, x25519: bytes, now: datetime, *, nonce: bytes | None = None) -> Self:
        """A request made ``now``, with a fresh nonce unless one is given."""
        return cls(asset, licensee, x25519, timestamp(now), nonce or secrets.token_bytes(_NONCE_BYTES))

    def payload(self) -> bytes:
        """What is signed: canonical JSON (RFC 8785)."""
        return canonical.encode(
            {
                "type": _KEY_REQUEST,
                **self.asset.to_json(),
                "licensee": str(self.licensee),
                "x25519": self.x25519.hex(),
                "created": self.created,
                "nonce": self.nonce.hex(),
            }
        )

    def signed(self, signer: Signer) -> bytes:
        """The request in a DSSE envelope, in the one spelling that :meth:`verified` takes.

        It has one signature, by ECDSA: a request is forgotten within minutes, and proves nothing to anybody later.
        """
        payload = self.payload()
        sig = signer.sign_message(pae(REQUEST_TYPE, payload))
        return Envelope(payload, REQUEST_TYPE, (Signature(str(signer.address), sig),)).to_bytes()

    @classmethod
    def verified(cls, data: bytes, now: datetime) -> Self:
        """The request in an envelope that its own licensee signed, not long ago.

        There is one spelling of a signed request: any other byte is refused.

        Raises:
            Malformed: not a request, too long, or in another spelling.
            SignatureInvalid: the licensee did not sign it, or it was altered.
            RequestInvalid: it was made more than ``FRESH_SECONDS`` before ``now``, or after it.
        """
        if len(data) > MAX_REQUEST_BYTES:
            raise Malformed(f"a request for a key has at most {MAX_REQUEST_BYTES} bytes")
        envelope = Envelope.from_bytes(data)
        if envelope.to_bytes() != data or len(envelope.signatures) != 1:
            raise Malformed("a request for a key is one envelope in canonical JSON, with one signature")
        request = read_object("", canonical.decode(envelope.payload), cls._read)
        signing.verify(envelope, request.licensee, REQUEST_TYPE)
        age = (now - parse_timestamp(request.created)).total_seconds()
        if abs(age) > FRESH_SECONDS:
            raise RequestInvalid(
                f"the request was made at {request.created}, and it is {timestamp(now)} here: no more than "
                f"{FRESH_SECONDS // 60} minutes may lie between; ask again, and set the clock that is wrong"
            )
        return request

    @classmethod
    def _read(cls, fields: Fields) -> Self:
        _expect(fields, _KEY_REQUEST)
        return cls(
            asset=Asset.read(fields),
            licensee=fields.address("licensee"),
            x25519=_bytes(fields, "x25519"),
            created=fields.text("created"),
            nonce=_bytes(fields, "nonce"),
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """What the chain says of an asset and somebody who asks for its key.

    ``owner`` is whose the asset is; ``until`` the last second (Unix time) of the licenses for the use that opens it,
    None for no end, and 0 where there never was one; ``time`` that of the last block. ``ended`` says that the key of
    the account itself was rotated or revoked.
    """

    asset: Asset
    owner: Address
    until: int | None
    time: int
    ended: bool = False


@dataclass(frozen=True, slots=True)
class SealedKey:
    """The data key of ``asset``, which only ``licensee`` can open: an envelope of HPKE, 80 bytes."""

    asset: Asset
    licensee: Address
    sealed: bytes

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical.encode(
            {
                "type": _SEALED_KEY,
                **self.asset.to_json(),
                "licensee": str(self.licensee),
                "sealed": self.sealed.hex(),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Raises ``Malformed``, which names the field."""
        return read_object("", canonical.decode(data), cls._read)

    @classmethod
    def _read(cls, fields: Fields) -> Self:
        _expect(fields, _SEALED_KEY)
        sealed = cls(Asset.read(fields), fields.address("licensee"), _bytes(fields, "sealed"))
        if len(sealed.sealed) != _SEALED_BYTES:
            raise MalformedRecord(f"sealed: {len(sealed.sealed)} bytes, not {_SEALED_BYTES}")
        return sealed

    def open(self, request: KeyRequest, companions: Companions) -> DataKey:
        """The key itself; ``companions`` are those that ``request`` asked to seal to.

        Raises :class:`RequestInvalid` for the answer to another request, and :class:`DecryptionFailed` for what was
        sealed to another key, or altered. Anybody can seal *some* key: whether it is the right one, only the
        content tells.
        """
        if (self.asset, self.licensee) != (request.asset, request.licensee):
            raise RequestInvalid(
                f"asked for the key of {request.asset} for {request.licensee}, "
                f"and was given one of {self.asset} for {self.licensee}"
            )
        return DataKey(companions.open(self.sealed, request.asset.purpose(request.licensee)))


def release(
    request: bytes, *, look: Callable[[Asset, Address], Standing], key: Callable[[Asset], DataKey], now: datetime
) -> SealedKey:
    """Seal the key of an asset to whoever asks, if the chain says that they may open it.

    ``look`` tells what the chain says of the asset that is asked for and the licensee, and ``key`` takes the key from
    where it is kept. Each is asked only after all before it has held: form, signature, freshness, license. Consent
    that was withdrawn does not end licenses that were sold before, so it is not asked for.

    A request that is sent again within its minutes gives nothing away: the key is sealed to the X25519 key that the
    licensee signed, whoever carries the answer. Later a license may have ended; so old requests are refused.

    Raises:
        Malformed, SignatureInvalid, RequestInvalid: see :meth:`KeyRequest.verified`; the last one also for an asset
            that is not what the chain calls by this number, or of another chain or contract.
        KeyEnded: the account's key was rotated or revoked, so that somebody else may have signed.
        LicenseMissing: the licensee neither owns the asset nor holds a license for its use now.
    """
    asked = KeyRequest.verified(request, now)
    standing = look(asked.asset, asked.licensee)
    if standing.asset != asked.asset:
        raise RequestInvalid(f"the request is for {asked.asset.to_json()}; the chain has {standing.asset.to_json()}")
    if standing.ended:
        raise KeyEnded(f"the key of {asked.licensee} was rotated or revoked: nothing is released to it any more")
    require_license(standing, asked.licensee, now)
    return seal(key(standing.asset), standing.asset, asked.licensee, asked.x25519)


def require_license(standing: Standing, licensee: Address, now: datetime) -> None:
    """Raise :class:`LicenseMissing` unless ``licensee`` owns the asset, or is licensed for its use.

    What time it is, the later of clock and last block says: neither a chain at rest nor a slow clock makes a license
    last longer.
    """
    if licensee == standing.owner:
        return
    until, time = standing.until, max(standing.time, int(now.timestamp()))
    if until is not None and until < time:
        asset = standing.asset
        ended = f"; the last one ended {time - until} s ago" if until else ""
        raise LicenseMissing(f"{asset}, use {USE[asset.kind]}: {licensee} holds no valid license{ended}")


def seal(key: DataKey, asset: Asset, licensee: Address, x25519: bytes) -> SealedKey:
    """The key of an asset for one licensee; :class:`Malformed` for what is no X25519 key."""
    from ledger.companions import seal

    return SealedKey(asset, licensee, seal(x25519, key.reveal(), asset.purpose(licensee)))


_KEY_REQUEST = "urn:stemmata:key-request:v1"
_SEALED_KEY = "urn:stemmata:sealed-key:v1"


def _expect(fields: Fields, kind: str) -> None:
    if (found := fields.text("type")) != kind:
        raise MalformedRecord(f"type: {found[:80]!r} is not {kind}")


def _bytes(fields: Fields, name: str) -> bytes:
    """Lower-case hex digits, in the one spelling."""
    text = fields.text(name)
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if data.hex() != text:
        raise MalformedRecord(f"{name}: not lower-case hex digits")
    return data
