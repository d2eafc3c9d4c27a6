"""Time stamps: an authority's signature over a digest and the time, so that bytes provably existed by then.

One stands in a manifest, put there by the library that signs it; this module gives records theirs. It lies in the
envelope beside the signatures, over the same encoding, and so goes wherever the record goes. Source: RFC 3161.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ledger import cms
from ledger.envelope import Envelope, Signature
from ledger.errors import StampUncheckable, StampUnreachable, TimestampInvalid

if TYPE_CHECKING:
    from cryptography import x509
    from rfc3161_client import TimeStampResponse

KEYID = "rfc3161"
"""Under which a time stamp stands in an envelope."""
SECONDS = 20.0
"""How long an authority may take."""
_LARGEST = 8192
_GRANTED = (0, 1)  # or granted with changes: RFC 3161, section 2.4.2

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

    ``trust``: roots in PEM.

    Raises :class:`StampUnreachable` for no answer or a refusal, :class:`TimestampInvalid` for a token that is not over
    these bytes, or not over this very request, and :class:`StampUncheckable`.
    """
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    request = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).nonce().build()
    answer = (send or _post)(url, request.as_bytes())
    parsed = _parsed(answer, StampUnreachable)
    if parsed.status not in _GRANTED:
        raise StampUnreachable(
            f"the time-stamp authority refused: {', '.join(parsed.status_string) or 'no reason given'}"
        )
    read(answer, message, trust)
    if parsed.tst_info.nonce != request.nonce:
        raise TimestampInvalid("the time-stamp authority answered another request than ours")
    return answer


def read(token: bytes, message: bytes, trust: Sequence[bytes] = ()) -> Timestamp:
    """Check a token over ``message``. ``trust``: roots in PEM.

    A token whose authority leads to none of them is not trusted, whatever certificates it brings or leaves out; that it
    was signed as it says, is checked all the same.

    Raises :class:`TimestampInvalid`, and :class:`StampUncheckable`.
    """
    from cryptography import x509

    parsed = _parsed(token, TimestampInvalid)
    try:  # much is read only when it is asked for
        given = [x509.load_der_x509_certificate(each) for each in parsed.signed_data.certificates]
        time = parsed.tst_info.gen_time.astimezone(UTC)
        if parsed.status not in _GRANTED:
            raise TimestampInvalid("the time stamp does not hold: its authority did not grant it")
        trusted = _vouched(parsed, message, trust)
        signer = _signer(parsed, given)
        authority = signer.subject.rfc4514_string()
        if not trusted:
            _fits(signer, time)
            cms.verify(parsed.time_stamp_token(), signer, message)
    except (ValueError, LookupError, TypeError, x509.InvalidVersion) as error:
        raise TimestampInvalid(f"no time stamp after RFC 3161: {error}"[:500]) from None
    return Timestamp(token, time, authority, trusted)


def _vouched(parsed: TimeStampResponse, message: bytes, trust: Sequence[bytes]) -> bool:
    """Whether the token holds, and leads to a root that is trusted."""
    from cryptography import x509
    from rfc3161_client import VerificationError, VerifierBuilder

    if not trust:
        return False
    anchors = [x509.load_pem_x509_certificate(each) for each in trust]
    try:
        # Not as intermediates: the library trusts those like roots, and finds the token's own by itself.
        return VerifierBuilder(roots=anchors).build().verify_message(parsed, message)
    except (VerificationError, ValueError):
        return False  # it may hold all the same


def _fits(signer: x509.Certificate, time: datetime) -> None:
    """Whether a certificate is one for time stamps (RFC 3161, section 2.3), and counted then."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        usage = None
    if usage is None or not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise TimestampInvalid("the time stamp does not hold: its certificate is not one for time stamps")
    if not signer.not_valid_before_utc <= time <= signer.not_valid_after_utc:
        raise TimestampInvalid("the time stamp does not hold: its certificate had ended, or not begun")


def stamp(envelope: Envelope, url: str, *, trust: Sequence[bytes] = (), send: Send | None = None) -> Envelope:
    """The envelope with a time stamp over what its signatures are over. Raises what :func:`ask` does."""
    token = ask(url, envelope.pae, trust=trust, send=send)
    return replace(envelope, signatures=(*envelope.signatures, Signature(KEYID, token)))


def tokens(envelope: Envelope) -> tuple[bytes, ...]:
    """The time stamps of an envelope, to be read over its :attr:`~ledger.envelope.Envelope.pae`."""
    return tuple(each.sig for each in envelope.signatures if each.keyid == KEYID)


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


def _signer(parsed: TimeStampResponse, given: Sequence[x509.Certificate]) -> x509.Certificate:
    """The certificate under which a token was signed. Raises as :func:`read`."""
    if len(parsed.signed_data.signer_infos) != 1:
        raise TimestampInvalid("the time stamp does not hold: it has to be signed once")
    (signer,) = parsed.signed_data.signer_infos
    for each in given:
        if (each.issuer, each.serial_number) == (signer.issuer, signer.serial_number):
            return each
    raise StampUncheckable("the time stamp does not bring the certificate of whoever signed it")


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
