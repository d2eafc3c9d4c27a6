"""Signing payloads and checking signatures: EIP-191 personal messages over DSSE's pre-authentication encoding.

A wallet can make such a signature (``personal_sign``), and it can never be replayed as a transaction. The key id of a
signature is the signer's checksummed address (EIP-55).
"""

from __future__ import annotations

from dataclasses import replace

from ledger.address import Address
from ledger.envelope import Envelope, Signature, pae
from ledger.errors import SignatureInvalid
from ledger.keys import Signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"

# The order of the group of secp256k1, SEC 2 section 2.4.1.
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def sign(payload: bytes, signer: Signer, payload_type: str = PAYLOAD_TYPE) -> Envelope:
    """An envelope around ``payload`` with one signature by ``signer``."""
    return Envelope(payload, payload_type, (_signature(pae(payload_type, payload), signer),))


def countersign(envelope: Envelope, signer: Signer) -> Envelope:
    """The same envelope with one more signature."""
    return replace(envelope, signatures=(*envelope.signatures, _signature(envelope.pae, signer)))


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


def _signature(message: bytes, signer: Signer) -> Signature:
    return Signature(str(signer.address), signer.sign_digest(personal_digest(message)))
