"""Manifests: the reader of C2PA's makers says of ours what they are, and of an altered file that it was altered."""

from __future__ import annotations

import json
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import c2pa
import cbor2
import numpy as np
import pytest
import tsa_server
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from gen.audio import encode, load
from gen.tags import Tags, write_into_wav
from gen.waveform import Waveform
from ledger import credentials, manifest
from ledger.address import Address
from ledger.certificate import Chain, roots
from ledger.cid import Cid
from ledger.companions import Companions
from ledger.digest import Digest
from ledger.errors import Malformed, StampUnreachable
from ledger.jumbf import contents, signatures
from ledger.manifest import Pen, Statement
from ledger.origin import ORIGIN as LABEL
from ledger.origin import Origin

ACCOUNT = Address(bytes(range(20)))
COMPANIONS = Companions(bytes(range(96)))
CHAIN = Chain.local(COMPANIONS, ACCOUNT, datetime.now(UTC))
ROOTS = roots(CHAIN.pem)[1:]
ORIGIN = Origin(
    1337, ACCOUNT, "00ff" * 4, Digest.of(b"1"), Digest.of(b"2"), Digest.of(b"3"), (Digest.of(b"4"), Digest.of(b"5"))
)
SAID = Statement(
    ORIGIN, "ISCC:EIAQMBEYSNJIUHUJ", Cid.parse("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
)
FORMATS = (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus")
TAGS = Tags(title="Study", artist="Somebody", comment="Made by a model", software="Stemmata")


def plain(folder: Path, suffix: str) -> Path:
    """A second of sound with tags, not signed."""
    wave = Waveform(np.random.default_rng(5).uniform(-0.2, 0.2, (2, 22050)).astype(np.float32), 44100)
    path = folder / f"plain{suffix}"
    encode(path, wave, 128, TAGS)
    if suffix == ".wav":
        content = path.read_bytes()
        with path.open("wb") as out:
            write_into_wav([content[:100], content[100:]], len(content), out, TAGS)
    return path


def sign(source: Path, target: Path, pen: Pen | None = None, parent: Path | None = None) -> Path:
    with source.open("rb") as content, target.open("w+b") as out:
        store = manifest.sign(content, out, source.suffix, SAID, pen or Pen(COMPANIONS, CHAIN), parent)
    if source.suffix not in manifest.EMBEDDED:
        target.with_name(f"{target.name}.c2pa").write_bytes(store)
    return target


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A signed file in every format."""
    folder = tmp_path_factory.mktemp("signed")
    return {suffix: sign(plain(folder, suffix), folder / f"signed{suffix}") for suffix in FORMATS}


def state(path: Path, trust: tuple[bytes, ...] = ROOTS) -> str:
    """What a manifest comes to; a file of which none can be said is as good as altered."""
    try:
        found = credentials.read(path, trust)
    except Malformed:
        return "malformed"
    return "none" if found is None else found.state


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_signed_reads_back_and_sounds_the_same(signed: dict[str, Path], suffix: str) -> None:
    path = signed[suffix]
    found = credentials.read(path, ROOTS)
    assert found is not None
    assert (found.state, found.failures, found.origin) == ("trusted", (), ORIGIN)
    assert (found.watermark, found.iscc) == (ORIGIN.token, SAID.iscc)
    assert (found.asset, found.generated) == (f"ipfs://{SAID.asset}", True)
    assert found.signer.startswith(f"CN={ACCOUNT},O=Stemmata local certificate")
    assert (found.signed_at, found.stamped, found.stamp_trusted) == (None, False, False)
    assert found.key == COMPANIONS.public.p256
    assert found.embedded == (suffix in manifest.EMBEDDED)
    assert load(path).pcm_sha256() == load(path.with_name(f"plain{suffix}")).pcm_sha256()
    assert state(path, ()) == "valid"


@pytest.mark.parametrize(
    ("suffix", "samples"),
    [(".wav", 12), (".ogg", 6), *(pytest.param(suffix, 60, marks=pytest.mark.slow) for suffix in FORMATS)],
)
def test_no_bit_can_be_changed(signed: dict[str, Path], suffix: str, samples: int, tmp_path: Path) -> None:
    """Of samples, tags and manifest; headers that only say where these lie are left out (docs/credentials.md)."""
    whole, chance = signed[suffix].read_bytes(), random.Random(suffix)
    altered, store = tmp_path / f"altered{suffix}", credentials.extract(signed[suffix])
    assert store is not None
    beside = None if suffix in manifest.EMBEDDED else tmp_path / f"altered{suffix}.c2pa"
    if beside is not None:
        beside.write_bytes(store)
    start, tag = whole.find(store), whole.find(b"Somebody")
    assert tag > 0
    positions = {tag + 2, *chance.sample(range(len(whole)), samples)}
    if beside is None:
        assert start > 0
        positions |= {start + chance.randrange(len(store)) for _ in range(samples)}
    for position in sorted(positions):
        if suffix == ".m4a" and 8 <= position < 28:
            continue  # the file's brand, which C2PA leaves out
        altered.write_bytes(_flipped(whole, position, chance.randrange(8)))
        assert state(altered) in ("invalid", "malformed", "none"), position
    if beside is not None:
        altered.write_bytes(whole)
        for position in [chance.randrange(len(store)) for _ in range(samples)]:
            beside.write_bytes(_flipped(store, position, chance.randrange(8)))
            assert state(altered) in ("invalid", "malformed"), position


def _flipped(whole: bytes, position: int, bit: int) -> bytes:
    return whole[:position] + bytes([whole[position] ^ 1 << bit]) + whole[position + 1 :]


@pytest.mark.parametrize("suffix", [".wav", ".ogg"])
def test_bits_that_nothing_covers_are_looked_at(signed: dict[str, Path], tmp_path: Path, suffix: str) -> None:
    """The fill of the signature box, and the size of the outermost one, which the library takes from the file."""
    whole, store = signed[suffix].read_bytes(), credentials.extract(signed[suffix])
    assert store is not None
    altered = tmp_path / f"altered{suffix}"
    for position in (store.index(bytes(4000)) + 2000, 1):
        changed = _flipped(store, position, 0)
        altered.write_bytes(whole.replace(store, changed))
        if suffix == ".ogg":
            altered.with_name("altered.ogg.c2pa").write_bytes(changed)
        found = credentials.read(altered, ROOTS)
        assert found is not None
        assert (found.state, found.failures) == ("invalid", (credentials.ALTERED,))
        if suffix == ".wav":
            with c2pa.Reader(altered) as reader:  # which is why we look
                assert reader.get_validation_state() == "Valid"


def test_the_manifest_of_another_file_does_not_fit(signed: dict[str, Path], tmp_path: Path) -> None:
    other, store = tmp_path / "other.ogg", credentials.extract(signed[".ogg"])
    assert store is not None
    encode(other, load(signed[".wav"]).excerpt(0, 0.4), 128)
    assert state(other) == "none"
    other.with_name("other.c2pa").write_bytes(store)
    found = credentials.read(other, ROOTS)
    assert found is not None
    assert (found.state, found.origin) == ("invalid", ORIGIN)
    assert "assertion.dataHash.mismatch" in found.failures


def test_who_puts_another_certificate_beside_their_own_is_not_taken_for_its_owner(tmp_path: Path) -> None:
    stranger = Companions(bytes(96))
    pen = Pen(stranger, Chain.local(stranger, ACCOUNT, datetime.now(UTC)))
    path = sign(plain(tmp_path, ".wav"), tmp_path / "forged.wav", pen)
    store = credentials.extract(path)
    assert store is not None
    boxes = {labels[-1]: data for labels, data in contents(store)}
    box, claim = boxes[b"c2pa.signature"], boxes[b"c2pa.claim.v2"]
    protected, free, payload, _ = cbor2.loads(box).value
    names = {"x5chain": cbor2.loads(protected)[33], 33: [CHAIN.certificates[0].public_bytes(Encoding.DER)]}
    header = cbor2.dumps({1: -7, **names})
    message = cbor2.dumps(["Signature1", header, b"", claim])
    r, s = decode_dss_signature(stranger.p256().sign(message, ECDSA(SHA256())))

    def again(fill: int) -> bytes:
        return cbor2.dumps(cbor2.CBORTag(18, [header, {"pad": bytes(fill)}, payload, r.to_bytes(32) + s.to_bytes(32)]))

    fill = len(free["pad"])
    forged = again(fill + len(box) - len(again(fill)))
    path.write_bytes(path.read_bytes().replace(box, forged))
    with c2pa.Reader(path) as reader:  # it believes the first of the two
        assert reader.get_validation_state() == "Valid"
    found = credentials.read(path, ROOTS)
    assert found is not None
    assert (found.state, found.key) == ("invalid", None)


def test_a_copy_names_its_parent(signed: dict[str, Path], tmp_path: Path) -> None:
    copy = sign(plain(tmp_path, ".mp3"), tmp_path / "copy.mp3", parent=signed[".wav"])
    found, original = credentials.read(copy, ROOTS), credentials.read(signed[".wav"])
    assert found is not None
    assert original is not None
    assert (found.state, found.parents, found.generated) == ("trusted", (original.id,), True)
    store = credentials.extract(copy)
    assert store is not None
    assert set(signatures(store)) == {found.id, original.id}


def test_what_is_no_manifest_is_none_or_malformed(tmp_path: Path) -> None:
    for content in (b"", b"nothing", bytes(1000)):
        path = tmp_path / "file.bin"
        path.write_bytes(content)
        assert credentials.read(path) is None
        assert credentials.extract(path) is None
    cut = tmp_path / "cut.wav"
    cut.write_bytes(plain(tmp_path, ".wav").read_bytes()[:-100])
    with pytest.raises(Malformed, match=r"cut\.wav"):
        credentials.read(cut)
    beside = tmp_path / "file.bin.c2pa"
    beside.write_bytes(b"")
    with pytest.raises(Malformed, match=r"no manifest has 0 bytes"):
        credentials.read(tmp_path / "file.bin")
    beside.write_bytes(b"junk" * 100)
    assert state(tmp_path / "file.bin") == "invalid"
    for junk in (b"junk" * 100, bytes(8), b"\0\0\0\x08jumb"):
        with pytest.raises(Malformed, match="no manifest store"):
            signatures(junk)


def test_our_assertion_in_another_shape_is_invalid(tmp_path: Path) -> None:
    source, target = plain(tmp_path, ".wav"), tmp_path / "other.wav"
    odd = ORIGIN.to_json() | {"token": 7}
    with c2pa.Builder({"claim_generator_info": [{"name": "x"}], "assertions": _odd(odd)}) as builder:
        signer = manifest.signer(Pen(COMPANIONS, CHAIN))
        with source.open("rb") as content, target.open("w+b") as out:
            builder.sign(signer, "audio/wav", content, out)
    found = credentials.read(target, ROOTS)
    assert found is not None
    assert (found.state, found.origin) == ("invalid", None)
    assert f"{LABEL}.malformed" in found.failures
    assert (found.asset, found.watermark) == (None, None)


def _odd(origin: dict[str, object]) -> list[dict[str, object]]:
    created = {"actions": [{"action": "c2pa.created", "digitalSourceType": manifest.TRAINED_MODEL}]}
    blocks = [{"scope": {}, "value": "?"}, {"scope": {}, "value": ""}]
    return [
        {"label": "c2pa.actions.v2", "data": created, "created": True},
        {"label": "c2pa.soft-binding", "data": {"alg": "io.iscc.v0", "blocks": blocks}, "created": True},
        {"label": LABEL, "data": origin, "created": True},
    ]


def test_nothing_is_fetched() -> None:
    verify = credentials.settings(())["verify"]
    assert (verify["remote_manifest_fetch"], verify["ocsp_fetch"]) == (False, False)


def test_without_its_authority_nothing_is_signed(tmp_path: Path) -> None:
    pen = Pen(COMPANIONS, CHAIN, "http://me:secret@127.0.0.1:1/")
    with pytest.raises(StampUnreachable, match=r"127\.0\.0\.1") as refused:
        sign(plain(tmp_path, ".wav"), tmp_path / "out.wav", pen)
    assert "secret" not in str(refused.value)


@pytest.mark.integration
def test_with_a_time_stamp_a_file_outlives_its_certificate(tmp_path: Path) -> None:
    lasts = 4  # seconds
    chain = Chain.local(COMPANIONS, ACCOUNT, datetime.now(UTC) - timedelta(days=20 * 365 - 1, seconds=-lasts))
    trust = roots(chain.pem)[1:]
    source = plain(tmp_path, ".wav")
    with tsa_server.running(tmp_path) as authority:
        bare = sign(source, tmp_path / "bare.wav", Pen(COMPANIONS, chain))
        stamped = sign(source, tmp_path / "stamped.wav", Pen(COMPANIONS, chain, authority.url))
        assert authority.asked == 1
    assert (state(bare, trust), state(stamped, trust)) == ("trusted", "trusted")
    time.sleep(max(0.0, (chain.until - datetime.now(UTC)).total_seconds()) + 1.5)
    assert state(bare, trust) == "invalid"
    found = credentials.read(stamped, (*trust, authority.root))
    assert found is not None
    assert (found.state, found.stamped, found.stamp_trusted) == ("trusted", True, True)
    assert found.signed_at is not None
    assert datetime.fromisoformat(found.signed_at) <= chain.until
    with pytest.raises(Malformed):
        sign(source, tmp_path / "late.wav", Pen(COMPANIONS, chain))


def test_the_definition_holds_no_more_than_it_should() -> None:
    text = json.dumps(manifest._definition(SAID, None))
    assert "Somebody" not in text
    assert "trainedAlgorithmicMedia" in text
