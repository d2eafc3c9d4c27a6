"""Time stamps: an authority's signature over a digest and the time, so that bytes provably existed by then.

One stands in a manifest, put there by the library that signs it; this module gives records theirs. It lies in the
envelope beside the signatures, over the same encoding, and so goes wherever the record goes. Source: RFC 3161.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ledger.envelope import Envelope, Signature
from ledger.errors import StampUnreachable, TimestampInvalid

if TYPE_CHECKING:
    from cryptography import x509
    from rfc3161_client import TimeStampResponse

KEYID = "rfc3161"
"""Under which a time stamp stands in an envelope."""
SECONDS = 20.0
"""How long an authority may take."""
_LARGEST = 8192

Send = Callable[[str, bytes], bytes]
"""Posts a request to a URL and gives the answer."""


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A token that was checked: the bytes existed at ``time`` (UTC), says ``authority`` (its certificate's subject).

    ``trusted``: its certificate leads to a root that is trusted; else nobody vouches for the authority.
    """

    token: bytes
    time: datetime
    authority: str
    trusted: bool


def ask(url: str, message: bytes, *, trust: Sequence[bytes] = (), send: Send | None = None) -> bytes:
    """A token over ``message``, of which the authority sees the SHA-256 alone; checked, DER.

    ``trust``: roots in PEM; that of an authority whose tokens leave it out has to be among them.

    Raises :class:`StampUnreachable` for no answer or a refusal, and :class:`TimestampInvalid` for a token that is not
    over these bytes, or not over this very request.
    """
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, VerificationError

    request = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).nonce().build()
    answer = (send or _post)(url, request.as_bytes())
    parsed = _parsed(answer, StampUnreachable)
    if parsed.status not in (0, 1):  # granted, or granted with changes
        raise StampUnreachable(
            f"the time-stamp authority refused: {', '.join(parsed.status_string) or 'no reason given'}"
        )
    if parsed.tst_info.nonce != request.nonce:
        raise TimestampInvalid("the time-stamp authority answered another request than ours")
    try:
        read(answer, message, trust)
    except VerificationError as error:
        raise TimestampInvalid(f"the time stamp does not hold: {error}") from None
    return answer


def read(token: bytes, message: bytes, trust: Sequence[bytes] = ()) -> Timestamp:
    """Check a token over ``message``. ``trust``: roots in PEM. Raises :class:`TimestampInvalid`."""
    from cryptography import x509
    from rfc3161_client import VerificationError, VerifierBuilder

    parsed = _parsed(token, TimestampInvalid)
    try:
        given = [x509.load_der_x509_certificate(each) for each in parsed.signed_data.certificates]
    except (ValueError, x509.InvalidVersion) as error:
        raise TimestampInvalid(f"the time stamp names what is no certificate: {error}") from None
    roots = [x509.load_pem_x509_certificate(each) for each in trust]
    fault: Exception | None = None
    for anchors, trusted in ((roots, True), (given, False)):
        if not anchors:
            continue
        try:
            # Not as intermediates: the library trusts those like roots, and finds the token's own by itself.
            VerifierBuilder(roots=anchors).build().verify_message(parsed, message)
        except (VerificationError, ValueError) as error:
            fault = error
            continue
        return Timestamp(token, parsed.tst_info.gen_time.astimezone(UTC), _authority(parsed, given), trusted)
    raise TimestampInvalid(f"the time stamp does not hold: {fault or 'it names no certificate'}")


def stamp(envelope: Envelope, url: str, *, trust: Sequence[bytes] = (), send: Send | None = None) -> Envelope:
    """The envelope with a time stamp over what its signatures are over. Raises what :func:`ask` does."""
    token = ask(url, envelope.pae, trust=trust, send=send)
    return replace(envelope, signatures=(*envelope.signatures, Signature(KEYID, token)))


def stamps(envelope: Envelope, trust: Sequence[bytes] = ()) -> tuple[Timestamp, ...]:
    """The time stamps of an envelope, each checked. Raises :class:`TimestampInvalid` where one does not hold."""
    return tuple(read(each.sig, envelope.pae, trust) for each in envelope.signatures if each.keyid == KEYID)


def _parsed(token: bytes, fault: type[StampUnreachable] | type[TimestampInvalid]) -> TimeStampResponse:
    from rfc3161_client import decode_timestamp_response

    try:
        return decode_timestamp_response(_in_order(token))
    except (ValueError, IndexError) as error:
        raise fault(f"no time stamp after RFC 3161: {error}") from None


def _in_order(token: bytes) -> bytes:
    """The token with its certificates in the order that DER asks for of a set (X.690, section 11.6).

    Many authorities, and OpenSSL, send them leaf first, which the strict reader refuses. No signature covers the order.
    """
    start, end = _content(token, 0)  # the response: its status, and the token unless it was refused
    start = _content(token, start)[1]
    if start >= end:
        return token
    start, _ = _content(token, start)  # the token: its type, and the content
    start, _ = _content(token, _content(token, start)[1])
    start, end = _content(token, start)  # SignedData
    while start < end and token[start] != 0xA0:  # version, algorithms, what is signed; then the certificates
        _, start = _content(token, start)
    if start >= end:
        return token
    start, end = _content(token, start)
    certificates, position = [], start
    while position < end:
        _, after = _content(token, position)
        certificates.append(token[position:after])
        position = after
    return token[:start] + b"".join(sorted(certificates)) + token[end:]


def _content(der: bytes, position: int) -> tuple[int, int]:
    """Where the content of the DER value at ``position`` begins and ends."""
    length, start = der[position + 1], position + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[position + 2 : start])
    if start + length > len(der):
        raise ValueError("it ends too early")
    return start, start + length


def _authority(parsed: TimeStampResponse, given: Sequence[x509.Certificate]) -> str:
    (signer,) = parsed.signed_data.signer_infos
    for each in given:
        if (each.issuer, each.serial_number) == (signer.issuer, signer.serial_number):
            return each.subject.rfc4514_string()
    return ""


def _post(url: str, request: bytes) -> bytes:
    import requests

    try:
        with requests.post(
            url,
            data=request,
            headers={"Content-Type": "application/timestamp-query"},
            timeout=SECONDS,
            allow_redirects=False,
            stream=True,
        ) as answer:
            answer.raise_for_status()
            content: bytes = answer.raw.read(_LARGEST + 1, decode_content=True)
    except (requests.RequestException, OSError) as error:
        # Not the error itself: it holds the URL, which may hold a password.
        raise StampUnreachable(f"the time-stamp authority gave no time stamp ({type(error).__name__})") from None
    if len(content) > _LARGEST:
        raise StampUnreachable(f"the time-stamp authority answered with more than {_LARGEST} bytes")
    return content
