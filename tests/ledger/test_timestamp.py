"""Time stamps: OpenSSL's authority answers, and a token of its making reads the same ever after."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import tsa_server

from ledger import signing, timestamp
from ledger.address import Address
from ledger.certificate import Chain, roots
from ledger.companions import Companions
from ledger.envelope import Envelope
from ledger.errors import StampUncheckable, StampUnreachable, TimestampInvalid
from ledger.signer import LocalSigner

# Made by OpenSSL 3.0.19, over b"what was there"; those in bare/ bring no root, one of them no certificate at all.
VECTORS = Path(__file__).parents[1] / "vectors" / "timestamp"
MESSAGE = b"what was there"


@pytest.fixture(scope="module")
def token() -> bytes:
    return (VECTORS / "token.tsr").read_bytes()


@pytest.fixture(scope="module")
def root() -> bytes:
    return (VECTORS / "root.pem").read_bytes()


def test_a_token_tells_when_and_by_whom(token: bytes, root: bytes) -> None:
    found = timestamp.read(token, MESSAGE, roots(root))
    assert f"{found.time:%Y-%m-%d}" == "2026-11-26"
    assert (found.authority, found.trusted) == ("CN=Stamps,O=House", True)
    assert not timestamp.read(token, MESSAGE).trusted


def test_a_root_that_only_the_token_brings_is_not_trusted_beside_another_that_is(token: bytes) -> None:
    local = Chain.local(Companions(bytes(96)), Address(bytes(20)), datetime(2026, 1, 1, tzinfo=UTC))
    assert not timestamp.read(token, MESSAGE, roots(local.pem)[1:]).trusted


def test_a_token_over_other_bytes_or_altered_is_invalid(token: bytes, root: bytes) -> None:
    with pytest.raises(TimestampInvalid, match="does not hold"):
        timestamp.read(token, MESSAGE + b".", roots(root))
    at = token.index(b"20261126")  # the time that is signed
    for position in (at + 7, token.rindex(b"\x30") + 8, len(token) - 1):
        altered = token[:position] + bytes([token[position] ^ 1]) + token[position + 1 :]
        with pytest.raises(TimestampInvalid):
            timestamp.read(altered, MESSAGE, roots(root))
    for length in range(0, len(token), 97):
        with pytest.raises(TimestampInvalid, match="no time stamp"):
            timestamp.read(token[:length], MESSAGE)


@pytest.mark.parametrize("name", ["p256", "p384", "rsa"])
def test_a_token_that_leaves_out_its_root_holds_and_is_trusted_where_that_is_known(name: str) -> None:
    bare, above = ((VECTORS / "bare" / f"{name}{suffix}").read_bytes() for suffix in (".tsr", ".pem"))
    assert timestamp.read(bare, MESSAGE, roots(above)).trusted
    found = timestamp.read(bare, MESSAGE)
    assert (found.authority, found.trusted, found.token) == ("CN=Stamps,O=House", False, bare)
    assert not timestamp.read(bare, MESSAGE, roots((VECTORS / "root.pem").read_bytes())).trusted
    with pytest.raises(TimestampInvalid, match="other bytes"):
        timestamp.read(bare, MESSAGE + b".")


def test_no_bit_of_a_token_can_be_changed_even_where_nobody_vouches_for_it() -> None:
    """But for what no signature covers: granted with changes or not, versions, listed digests, kinds of text."""
    bare = (VECTORS / "bare" / "p256.tsr").read_bytes()
    uncovered = {8, 34, *range(40, 50), 616, 630, 646}
    for place in range(len(bare)):
        altered = bare[:place] + bytes([bare[place] ^ 1 << place % 8]) + bare[place + 1 :]
        try:
            timestamp.read(altered, MESSAGE)
        except (TimestampInvalid, StampUncheckable):
            continue
        assert place in uncovered


def test_a_token_without_the_certificate_of_whoever_signed_it_is_not_invalid() -> None:
    bare, above = (VECTORS / "bare" / "none.tsr").read_bytes(), roots((VECTORS / "bare" / "p256.pem").read_bytes())
    for trust in ((), above):
        with pytest.raises(StampUncheckable, match="does not bring the certificate"):
            timestamp.read(bare, MESSAGE, trust)


def test_who_signs_under_a_certificate_for_other_things_stamps_nothing() -> None:
    for name in ("email", "ended"):
        with pytest.raises(TimestampInvalid, match="its certificate"):
            timestamp.read((VECTORS / "bare" / f"{name}.tsr").read_bytes(), MESSAGE)


def test_an_answer_to_another_request_is_refused(token: bytes) -> None:
    with pytest.raises(TimestampInvalid, match="another request"):
        timestamp.ask("http://nowhere.invalid/", MESSAGE, send=lambda url, request: token)


def test_no_answer_and_nonsense_are_no_time_stamp() -> None:
    with pytest.raises(StampUnreachable, match="gave no time stamp") as refused:
        timestamp.ask("http://me:secret@127.0.0.1:1/", MESSAGE)
    assert "secret" not in str(refused.value)
    with pytest.raises(StampUnreachable, match="no time stamp after RFC 3161"):
        timestamp.ask("http://nowhere.invalid/", MESSAGE, send=lambda url, request: b"<html>")


@pytest.mark.integration
def test_an_envelope_is_stamped_and_stays_what_it_was(tmp_path: Path) -> None:
    signer = LocalSigner.generate()
    envelope = signing.sign(b"{}", signer)
    with tsa_server.running(tmp_path) as authority:
        stamped = timestamp.stamp(envelope, authority.url)
    again = Envelope.from_bytes(stamped.to_bytes())
    signing.verify(again, signer.address)
    (token,) = timestamp.tokens(again)
    assert timestamp.read(token, again.pae, roots(authority.root)).trusted
    assert timestamp.tokens(envelope) == ()
    with pytest.raises(TimestampInvalid, match="does not hold"):
        timestamp.read(token, signing.sign(b"[]", signer).pae, roots(authority.root))


def test_what_is_signed_with_means_unknown_here_is_not_invalid() -> None:
    """A curve that the library does not read, in the certificate, and SM2 with SM3 (GM/T 0006) over the token."""
    import hashlib

    from ledger.timestamp import _parsed

    bare = (VECTORS / "bare" / "p256.tsr").read_bytes()
    p256, other = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d030108")
    (held,) = (bytes(each) for each in _parsed(bare, TimestampInvalid).signed_data.certificates if p256 in bytes(each))
    renamed = held.replace(p256, other)
    curve = bare.replace(held, renamed)
    for hashed in (hashlib.sha256, hashlib.sha1):
        curve = curve.replace(hashed(held).digest(), hashed(renamed).digest())
    head, _, tail = bare.rpartition(bytes.fromhex("06082a8648ce3d040302"))
    for token in (curve, head + bytes.fromhex("06082a811ccf55018375") + tail):
        with pytest.raises(StampUncheckable, match="is signed with"):
            timestamp.read(token, MESSAGE)
