"""Manifests in SafeTensors: other programs still read the file, another one finds the manifest, every bit counts."""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from ledger import model_credentials, model_signature
from ledger.address import Address
from ledger.certificate import Chain, roots
from ledger.companions import Companions
from ledger.digest import Digest
from ledger.errors import Malformed, SignatureInvalid
from ledger.manifest import Pen
from ledger.model_credentials import ModelOrigin
from ledger.safetensors import Header

pytest.importorskip("safetensors", reason="needs the extra studio")

ACCOUNT = Address(bytes(range(20)))
COMPANIONS = Companions(bytes(range(96)))
CHAIN = Chain.local(COMPANIONS, ACCOUNT, datetime.now(UTC))
ROOTS = roots(CHAIN.pem)[1:]
ORIGIN = ModelOrigin(1337, ACCOUNT, 3, Digest.of(b"1"), Digest.of(b"2"), (Digest.of(b"3"),))
TENSORS = {"layer.weight": np.arange(12, dtype=np.float32).reshape(3, 4), "layer.bias": np.ones(4, np.float16)}


def weights(metadata: dict[str, str] | None) -> bytes:
    from safetensors.numpy import save

    return save(TENSORS, metadata)


def sign(path: Path, content: bytes) -> Path:
    with path.open("w+b") as out:
        model_credentials.sign(io.BytesIO(content), out, ORIGIN, Pen(COMPANIONS, CHAIN))
    return path


def state(path: Path) -> str:
    try:
        found = model_credentials.read(path, ROOTS)
    except Malformed:
        return "malformed"
    return "none" if found is None else found.state


@pytest.mark.parametrize("metadata", [None, {"format": "np", 'a "quoted" name': "…"}])
def test_a_signed_model_loads_and_gives_back_what_it_was(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    from safetensors import safe_open

    plain = weights(metadata)
    path = sign(tmp_path / "model.safetensors", plain)
    found = model_credentials.read(path, ROOTS)
    assert found is not None
    assert (found.state, found.failures, found.key) == ("trusted", (), COMPANIONS.public.p256)
    assert model_credentials.read(path).state == "valid"  # type: ignore[union-attr]
    with safe_open(path, framework="np") as opened:
        kept = opened.metadata()
        assert {name: opened.get_tensor(name).tobytes() for name in opened.keys()} == {  # noqa: SIM118
            name: value.tobytes() for name, value in TENSORS.items()
        }
    assert {name: value for name, value in kept.items() if name != "c2pa:manifest"} == (metadata or {})
    whole = path.read_bytes()
    header = Header.read(io.BytesIO(whole))
    tensors = whole[len(header.to_bytes()) :]
    assert header.without_manifest().to_bytes() + tensors == plain


def test_another_reader_finds_the_manifest_where_annex_a_puts_it(tmp_path: Path) -> None:
    other = pytest.importorskip("c2pa_ml", reason="another implementation: pip install c2pa-ml")
    path = sign(tmp_path / "model.safetensors", weights({"format": "np"}))
    whole = path.read_bytes()
    assert other.detect_format(whole) == "SafeTensors"
    assert other.read_manifest(whole) == Header.read(io.BytesIO(whole)).manifest()


def test_no_bit_can_be_changed(tmp_path: Path) -> None:
    whole, chance = sign(tmp_path / "model.safetensors", weights({"format": "np"})).read_bytes(), random.Random(1)
    altered = tmp_path / "altered.safetensors"
    start, length = Header.read(io.BytesIO(whole)).span()
    inside = [start + chance.randrange(length) for _ in range(60)]
    outside = [*range(0, start, 3), *range(start + length, len(whole), 5)]
    for position in (*inside, *outside):
        content = whole[:position] + bytes([whole[position] ^ 1 << chance.randrange(8)]) + whole[position + 1 :]
        altered.write_bytes(content)
        assert state(altered) in ("invalid", "malformed", "none"), position


def test_a_manifest_that_leaves_out_more_than_itself_is_malformed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its signer could change the rest of the header at will."""
    span = Header.span
    with monkeypatch.context() as patch:
        patch.setattr(Header, "span", lambda self: (span(self)[0], span(self)[1] + 30))
        path = sign(tmp_path / "model.safetensors", weights({"format": "np"}))
    found = model_credentials.read(path, ROOTS)
    assert found is not None
    assert (found.state, found.failures) == ("invalid", ("assertion.dataHash.malformed",))


def test_a_manifest_of_another_model_does_not_fit(tmp_path: Path) -> None:
    first = Header.read(io.BytesIO(sign(tmp_path / "a.safetensors", weights({"format": "np"})).read_bytes()))
    store = first.manifest()
    assert store is not None
    plain = weights({"format": "np", "more": "words"})
    header = Header.read(io.BytesIO(plain))
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(header.with_manifest(store).to_bytes() + plain[len(header.to_bytes()) :])
    found = model_credentials.read(moved, ROOTS)
    assert found is not None
    assert found.state == "invalid"
    assert found.failures in (("assertion.dataHash.mismatch",), ("assertion.dataHash.malformed",))


def test_what_is_no_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for content in (
        b"",
        b"{}",
        struct.pack("<Q", 10) + b"{}",
        struct.pack("<Q", 1 << 40),
        struct.pack("<Q", 2) + b"[]",
    ):
        path.write_bytes(content)
        with pytest.raises(Malformed):
            model_credentials.read(path)
    path.write_bytes(weights(None))
    assert model_credentials.read(path) is None
    with pytest.raises(Malformed, match="already"):
        sign(tmp_path / "twice", sign(tmp_path / "once", weights(None)).read_bytes())
    twice = json.dumps({"__metadata__": {"c2pa:manifest": "AAAA"}})[:-2] + ',"c2pa:manifest":"AAAA"}}'
    path.write_bytes(struct.pack("<Q", len(twice)) + twice.encode())
    with pytest.raises(Malformed, match="twice"):
        model_credentials.read(path)


@pytest.mark.slow
def test_another_program_checks_the_signature_beside_a_model(tmp_path: Path) -> None:
    pytest.importorskip("model_signing", reason="needs the extra model-signing")
    path, signature = sign(tmp_path / "model.safetensors", weights(None)), tmp_path / "model.safetensors.sig"
    model_signature.sign(path, signature, COMPANIONS)
    model_signature.verify(path, signature, COMPANIONS.public)
    key = tmp_path / "key.pub"
    key.write_bytes(model_signature.pem(COMPANIONS.public))
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(path)]
    told = [*command, "--signature", str(signature), "--public_key", str(key)]
    assert subprocess.run(told, check=False, capture_output=True).returncode == 0
    with pytest.raises(SignatureInvalid):
        model_signature.verify(path, signature, Companions.generate().public)
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    assert subprocess.run(told, check=False, capture_output=True).returncode != 0
    with pytest.raises(SignatureInvalid, match=r"model\.safetensors\.sig"):
        model_signature.verify(path, signature, COMPANIONS.public)
