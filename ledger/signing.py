"""Signing payloads and checking signatures: EIP-191 personal messages over DSSE's pre-authentication encoding.

A wallet can make such a signature (``personal_sign``), and it can never be replayed as a transaction. The key id of a
signature is the signer's checksummed address (EIP-55).

A signer with companion keys adds a second signature over the same encoding, by ML-DSA-65 (FIPS 204), under the key id
``ml-dsa-65:`` and the SHA-256 of that key: should ECDSA fall one day, what was co-signed before stays proven. An
envelope is valid if its ECDSA signature is; the co-signature is reported beside it, never instead.
"""

from __future__ import annotations

from dataclasses import replace

from ledger.address import Address
from ledger.companions import PublicKeys
from ledger.envelope import Envelope, Signature, pae
from ledger.errors import SignatureInvalid
from ledger.signer import Signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"

# The order of the group of secp256k1, SEC 2 section 2.4.1.
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def sign(payload: bytes, signer: Signer, payload_type: str = PAYLOAD_TYPE) -> Envelope:
    """An envelope around ``payload``, signed by ``signer``, and co-signed where it has companion keys.

    ML-DSA is hedged, so that a co-signed envelope never comes out twice the same; the payload's digest does.
    """
    return Envelope(payload, payload_type, _signatures(pae(payload_type, payload), signer))


def countersign(envelope: Envelope, signer: Signer) -> Envelope:
    """The same envelope with one more signature, and co-signature."""
    return replace(envelope, signatures=(*envelope.signatures, *_signatures(envelope.pae, signer)))


def verify(envelope: Envelope, address: Address, payload_type: str = PAYLOAD_TYPE) -> None:
    """Raise :class:`SignatureInvalid` unless ``address`` signed the payload of ``envelope`` as ``payload_type``.

    Signatures under other key ids are left alone, so an envelope may carry several. As in DSSE's protocol, one good
    signature under this key id is enough.
    """
    if envelope.payload_type != payload_type:
        raise SignatureInvalid(f"signed as {envelope.payload_type!r}, expected {payload_type!r}")
    claimed = [one for one in envelope.signatures if one.keyid == str(address)]
    if not claimed:
        raise SignatureInvalid(f"no signature by {address}")
    digest = personal_digest(envelope.pae)
    faults = []
    for one in claimed:
        try:
            signer = recover(digest, one.sig)
        except SignatureInvalid as error:
            faults.append(str(error))
            continue
        if signer == address:
            return
        faults.append(f"the signature under {address} belongs to {signer}, or the payload was altered")
    raise SignatureInvalid("; ".join(faults))


def cosignature(envelope: Envelope, keys: PublicKeys, payload_type: str = PAYLOAD_TYPE) -> bool:
    """Whether ``envelope`` bears a co-signature by ``keys``: True for a good one, False where there is none.

    Raises :class:`SignatureInvalid` where there is one that is not by that key over this payload. As in
    :func:`verify`, one good signature under the key id is enough.
    """
    if envelope.payload_type != payload_type:
        raise SignatureInvalid(f"signed as {envelope.payload_type!r}, expected {payload_type!r}")
    fault = None
    for one in envelope.signatures:
        if one.keyid != keys.keyid:
            continue
        try:
            keys.verify(envelope.pae, one.sig)
        except SignatureInvalid as error:
            fault = error
        else:
            return True
    if fault is not None:
        raise fault
    return False


def personal_digest(message: bytes) -> bytes:
    """The 32 bytes that are signed for ``message``: EIP-191, version 0x45 ("E")."""
    from eth_utils.crypto import keccak

    return bytes(keccak(b"\x19Ethereum Signed Message:\n%d%b" % (len(message), message)))


def recover(digest: bytes, sig: bytes) -> Address:
    """Who signed ``digest``. ``sig`` is r, s (32 bytes each, big-endian) and v (27 or 28).

    Raises :class:`SignatureInvalid` for another length or v, for r or s out of range, and for an s above half the
    group's order: with it everybody could turn one signature into a second one (EIP-2).
    """
    if len(sig) != 65:
        raise SignatureInvalid(f"a signature has 65 bytes, not {len(sig)}")
    v = sig[64]
    if v not in (27, 28):
        raise SignatureInvalid(f"the signature's v is {v}, not 27 or 28")
    r, s = int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:64], "big")
    if not 0 < r < _ORDER or not 0 < s < _ORDER:
        raise SignatureInvalid("the signature's r or s is out of range")
    if s > _ORDER // 2:
        raise SignatureInvalid("the signature's s is in the upper half: malleable signatures are refused")
    from coincurve import PublicKey
    from eth_utils.crypto import keccak

    try:
        point = PublicKey.from_signature_and_message(sig[:64] + bytes([v - 27]), digest, hasher=None)
    # coincurve 20 raises a bare Exception here, 21 a ValueError.
    except Exception:
        raise SignatureInvalid("the signature's r is not on the curve") from None
    return Address(keccak(point.format(compressed=False)[1:])[12:])


def _signatures(message: bytes, signer: Signer) -> tuple[Signature, ...]:
    ecdsa = Signature(str(signer.address), signer.sign_message(message))
    companions = signer.companions
    if companions is None:
        return (ecdsa,)
    return ecdsa, Signature(companions.public.keyid, companions.cosign(message))
