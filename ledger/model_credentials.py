"""Credentials of model files: a manifest within SafeTensors, as C2PA's annex A has it and its library does not.

The library signs the manifest, and checks signature and assertions; the bytes are bound and checked here.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ledger import credentials, jumbf
from ledger.errors import Malformed
from ledger.manifest import Pen, signer, unreachable
from ledger.preferences import LABEL, Preferences
from ledger.safetensors import Header

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.credentials import Credential
    from ledger.digest import Digest

ORIGIN = "org.stemmata.model"
"""The label of our own assertion about a model."""
_MISMATCH = "assertion.dataHash.mismatch"
_MALFORMED = "assertion.dataHash.malformed"
_SOURCE = "http://c2pa.org/digitalsourcetype/trainedAlgorithmicData"
_PIECE = 1 << 20
_MIME = b"application/c2pa"


@dataclass(frozen=True, slots=True)
class ModelOrigin:
    """Where a model comes from, as its manifest says."""

    chain_id: int
    models: Address
    """The contract with the token."""
    model: int
    record: Digest
    weights: Digest
    """Of the file as it was recorded: without the manifest."""
    datasets: tuple[Digest, ...]

    def to_json(self) -> dict[str, Any]:
        """As in the assertion."""
        return {
            "chainId": self.chain_id,
            "models": str(self.models),
            "model": self.model,
            "record": str(self.record),
            "weights": str(self.weights),
            "datasets": [str(each) for each in self.datasets],
        }


def sign(source: BinaryIO, target: BinaryIO, origin: ModelOrigin, pen: Pen) -> None:
    """Write a SafeTensors file with a manifest in its header; the tensors stay as they are.

    Raises :class:`Malformed` for another file, and one that holds a manifest; :class:`StampUnreachable`.
    """
    import c2pa

    header = Header.read(source)
    tensors = source.tell()
    with (
        c2pa.Context.from_dict(credentials.settings(())) as context,
        signer(pen) as by,
        c2pa.Builder(_definition(origin), context) as builder,
        unreachable(pen),
    ):
        # Bound to its own place in the file, a manifest needs its size before it is written.
        held = header.with_manifest(_placeholder(builder, by))
        start, length = held.span()
        source.seek(tensors)
        hashed = hashlib.sha256()
        for piece in _left(held.to_bytes(), source, start, length):
            hashed.update(piece)
        store = _signed(builder, by, start, length, hashed.digest())
    filled = header.with_manifest(store)
    if filled.span() != (start, length):
        raise Malformed("the manifest came out in another size than was kept for it")
    target.write(filled.to_bytes())
    source.seek(tensors)
    shutil.copyfileobj(source, target, _PIECE)


def read(path: Path, trust: Sequence[bytes] = ()) -> Credential | None:
    """The manifest in a SafeTensors file, checked; None where there is none. Raises :class:`Malformed`, OSError.

    As :func:`ledger.credentials.read` has it; the hash over the file is ours to compute.
    """
    with path.open("rb") as file:
        header = Header.read(file)
        store = header.manifest()
        if store is None:
            return None
        found = credentials.read(path, trust, store)
        if found is None or not found.id:
            return found
        fault = _bound(jumbf.data_hash(store, found.id), header, file)
    others = [each for each in found.failures if each != _MISMATCH]
    failures = (*others, *([fault] if fault else []))
    whole: credentials.State = "trusted" if found.trusted_signer else "valid"
    return replace(found, state="invalid" if failures else whole, failures=failures)


def _bound(said: dict[str, Any], header: Header, file: BinaryIO) -> str | None:
    """The code of what is wrong with the binding, if anything; ``file`` stands where the tensors begin."""
    start, length = header.span()
    if said.get("exclusions") != [{"start": start, "length": length}] or said.get("alg", "sha256") != "sha256":
        return _MALFORMED
    hashed = hashlib.sha256()
    for piece in _left(header.to_bytes(), file, start, length):
        hashed.update(piece)
    return None if said.get("hash") == hashed.digest() else _MISMATCH


def _left(head: bytes, tensors: BinaryIO, start: int, length: int) -> Iterator[bytes]:
    """All of a file but a range of its head."""
    yield head[:start]
    yield head[start + length :]
    while piece := tensors.read(_PIECE):
        yield piece


def _definition(origin: ModelOrigin) -> dict[str, Any]:
    actions = [{"action": "c2pa.created", "digitalSourceType": _SOURCE}]
    assertions: list[tuple[str, dict[str, Any]]] = [
        ("c2pa.actions.v2", {"actions": actions}),
        ("c2pa.asset-type", {"types": [{"type": "c2pa.types.model"}]}),
        (LABEL, Preferences().assertion()),
        (ORIGIN, origin.to_json()),
    ]
    return {
        "claim_generator_info": [{"name": "Stemmata", "version": importlib.metadata.version("stemmata")}],
        "title": f"Model {origin.model}",
        "assertions": [{"label": label, "data": data, "created": True} for label, data in assertions],
    }


# The library has both of these calls, but its Python does not name them (contentauth/c2pa-rs, c2pa_c_ffi).
def _placeholder(builder: Any, by: Any) -> bytes:
    return _call("c2pa_builder_data_hashed_placeholder", builder._handle, ctypes.c_size_t(by.reserve_size()), _MIME)


def _signed(builder: Any, by: Any, start: int, length: int, digest: bytes) -> bytes:
    binding = {
        "exclusions": [{"start": start, "length": length}],
        "name": "jumbf manifest",
        "alg": "sha256",
        "hash": list(digest),
        "pad": "",
    }
    said = json.dumps(binding).encode()
    return _call("c2pa_builder_sign_data_hashed_embeddable", builder._handle, by._handle, said, _MIME, None)


def _call(name: str, *arguments: Any) -> bytes:
    """One of the library's functions that write a manifest."""
    import c2pa
    from c2pa import c2pa as native

    function = getattr(native._lib, name)
    function.restype = ctypes.c_int64
    out = ctypes.POINTER(ctypes.c_ubyte)()
    plain = [ctypes.cast(each, ctypes.c_void_p) if isinstance(each, ctypes._Pointer) else each for each in arguments]
    size = function(*plain, ctypes.byref(out))
    if size < 0:
        raise c2pa.C2paError(native._read_native_error() or f"{name} failed")
    try:
        return ctypes.string_at(out, size)
    finally:
        native._lib.c2pa_free(out)
