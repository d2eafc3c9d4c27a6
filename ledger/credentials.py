"""Content credentials: what a C2PA manifest says of a file, and whether it may be believed.

A manifest lies in the file (WAV, MP3, FLAC, M4A), or beside it as ``NAME.c2pa`` (all else). It binds what it says to
the file's bytes by hashes and a signature; :mod:`ledger.manifest` writes it. Source: C2PA specification 2.4.
"""

from __future__ import annotations

import contextlib
import io
import json
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlsplit

from ledger import hardbinding
from ledger.errors import Malformed, ManifestElsewhere
from ledger.jumbf import signatures
from ledger.origin import ORIGIN, Origin
from ledger.records.fields import read_object

if TYPE_CHECKING:
    import c2pa

WATERMARK = "org.stemmata.watermark.v1"
"""The name of our watermark among C2PA's algorithms for soft bindings."""
ISCC = "io.iscc.v0"
"""ISO 24138's, on C2PA's list."""
OURS = "org.stemmata."
"""What the labels of our own assertions begin with."""
ALTERED = "org.stemmata.manifest.altered"
"""A failure that C2PA has no code for: bits of one of our manifests that no hash covers are not as we write them."""
LOOSE = "org.stemmata.hash.loose"
"""Another: the hash over the file leaves out more of it than the manifest, and is right for the rest. C2PA's reader
counts that as other bytes, since nobody can tell whether what is left out is what it was."""
SIDECAR_MIME = "application/octet-stream"
_LARGEST_SIDECAR = 16 << 20
_UNTRUSTED = "signingCredential.untrusted"

_MALFORMED = "claim.malformed"
_OTHER_BYTES = "assertion.dataHash.mismatch"

State = Literal["trusted", "valid", "invalid"]
Assertions = Sequence[tuple[str, Any]]
"""Each with its label and its content."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a manifest says, and what its check gave.

    ``state``: *trusted*: whole, and its certificate leads to a root that is trusted; *valid*: whole, by somebody nobody
    vouches for; *invalid*: file, manifest or certificate are not what they were when it was signed, or should be.
    """

    state: State
    failures: tuple[str, ...]
    """C2PA's status codes, such as ``assertion.dataHash.mismatch``; a missing trusted root is none."""
    signer: str
    """Whom the certificate names."""
    signed_at: str | None
    """RFC 3339, UTC: by the time stamp; None without one."""
    stamped: bool
    """Whether a time-stamp authority's signature over ours is good."""
    origin: Origin | None
    watermark: str | None
    iscc: str | None
    stamp_trusted: bool = False
    """Whether that authority leads to a root that is trusted as well."""
    generated: bool = False
    """Whether it says that a trained model made the sound."""
    asset: str | None = None
    """Where it says that the asset lies: a URI, such as ``ipfs://`` and a CID."""
    id: str = ""
    """The manifest's own name: a URN."""
    parents: tuple[str, ...] = ()
    """The manifests of the files that it was made from, by name."""
    embedded: bool = True
    """False for a manifest beside the file."""
    trusted_signer: bool = False
    """Whether the certificate leads to a root that is trusted, whatever else is wrong."""
    key: bytes | None = None
    """The signer's public key on P-256: 65 bytes, as an account publishes its own. None for another kind of key."""
    generator: str = ""
    """With what it was made, as it says: name and version of a program."""


def read(path: Path, trust: Sequence[bytes] = (), store: bytes | None = None) -> Credential | None:
    """The manifest in a file or beside it, checked; None where there is none.

    ``trust``: roots in PEM, for signers and time-stamp authorities. ``store``: the manifest store, where it was found
    elsewhere. Nothing is fetched, whatever the manifest asks for.
    Raises :class:`Malformed` for a file that breaks the reader, :class:`ManifestElsewhere`, OSError.
    """
    import c2pa

    with _opened(path, trust, store) as reader:
        if reader is None:
            return None
        if isinstance(reader, str):
            return _broken(reader)
        try:
            return _said(reader, path, store)
        except (Malformed, c2pa.C2paError):
            return _broken(_MALFORMED)


def extract(path: Path) -> bytes | None:
    """The manifest store of a file, as a sidecar holds it; None where there is none, or none that can be read.

    Raises as :func:`read`.
    """
    import c2pa

    with _opened(path, ()) as reader:
        try:
            return None if reader is None or isinstance(reader, str) else _store(reader)
        except (c2pa.C2paError, KeyError):  # a stranger's store without an active manifest
            return None


def sidecar(path: Path) -> Path | None:
    """The manifest beside a file: ``track.ogg.c2pa``, or as others write it ``track.c2pa``; None if there is none."""
    for name in (path.with_name(f"{path.name}.c2pa"), path.with_suffix(".c2pa")):
        if name != path and name.is_file():
            return name
    return None


def settings(trust: Sequence[bytes]) -> dict[str, Any]:
    """How the library is to work: it fetches nothing, and trusts nobody but whom it is told to."""
    return {
        "verify": {
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
            "verify_trust": True,
            "verify_timestamp_trust": True,
        },
        "trust": {"trust_anchors": b"".join(trust).decode()} if trust else {},
        "builder": {"thumbnail": {"enabled": False}},
    }


@contextlib.contextmanager
def _opened(path: Path, trust: Sequence[bytes], store: bytes | None = None) -> Iterator[c2pa.Reader | str | None]:
    """A reader; None where there is no manifest; or the code of what is wrong with one that cannot be read."""
    import c2pa

    with path.open("rb") as file, c2pa.Context.from_dict(settings(trust)) as context:
        try:
            given = None if store is None else c2pa.Reader(SIDECAR_MIME, file, store, context)
            reader = given or _reader(c2pa.Reader, path, file, context)
        except c2pa.C2paError as error:
            kind = type(error).__name__.removeprefix("_C2pa")
            if kind in ("Other", "Io", "C2paError"):
                raise Malformed(f"{path}: its manifest cannot be looked for: {error}") from None
            # All other kinds are about a manifest that is there, and broken.
            yield _MALFORMED
            return
        if reader is None:
            yield None
            return
        with reader:
            yield reader


def _reader(kind: type[c2pa.Reader], path: Path, file: Any, context: c2pa.Context) -> c2pa.Reader | None:
    import c2pa

    try:
        return kind(None, file, None, context)
    except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
        remote = None
    except c2pa.C2paError as error:
        if "must fetch remote manifests" not in str(error):
            raise
        remote = urlsplit(str(error).rpartition(" ")[2]).hostname or "a place that it does not name"
    beside = sidecar(path)
    if beside is None and remote is not None:
        where = f"its manifest lies on {remote[:100]}, and nothing is fetched"
        raise ManifestElsewhere(f"{path}: {where}: put it beside the file, as {path.name}.c2pa")
    if beside is None:
        return None
    file.seek(0)
    return kind(SIDECAR_MIME, file, _limited(beside), context)


def _limited(path: Path) -> bytes:
    if not 0 < path.stat().st_size <= _LARGEST_SIDECAR:
        raise Malformed(f"{path}: no manifest has {path.stat().st_size} bytes")
    return path.read_bytes()


def _store(reader: c2pa.Reader) -> bytes:
    """The manifest store, as the library would write it."""
    out = io.BytesIO()
    label = json.loads(reader.json())["active_manifest"]
    reader.resource_to_stream(f"self#jumbf=/c2pa/{label}/c2pa.signature", out)
    return out.getvalue()


def _stands(store: bytes, path: Path, *, embedded: bool) -> bool:
    """Whether these very bytes are in the file, or beside it."""
    beside = None if embedded else sidecar(path)
    if beside is not None:
        return beside.read_bytes() == store
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        # In an MP4 file its box goes on before: version and flags, purpose, an offset that is zero.
        return content.find(bytes(4) + b"manifest\0" + bytes(8) + store if content[4:8] == b"ftyp" else store) >= 0


def _said(reader: c2pa.Reader, path: Path, given: bytes | None) -> Credential:
    content = json.loads(reader.json())
    label = str(content.get("active_manifest"))
    manifest = content.get("manifests", {}).get(label)
    if manifest is None:
        return _broken(_MALFORMED)
    results = content.get("validation_results", {}).get("activeManifest", {})
    failures = [each["code"] for each in results.get("failure", []) if each["code"] != _UNTRUSTED]
    if _OTHER_BYTES in failures and given is None:
        bound = json.loads(reader.detailed_json())["manifests"][label]["assertion_store"].get("c2pa.hash.data")
        if hardbinding.holds(bound, path):
            failures[failures.index(_OTHER_BYTES)] = LOOSE
    codes = {each["code"] for each in results.get("success", [])}
    state = cast(State, str(content.get("validation_state", "Invalid")).lower())
    said = [(each["label"].split("__")[0], each.get("data")) for each in manifest.get("assertions", [])]
    origin = None
    for name, data in said:
        if name == ORIGIN:
            try:
                origin = read_object("", data, Origin.read)
            except Malformed:
                state, failures = "invalid", [*failures, f"{ORIGIN}.malformed"]
    store = _store(reader)
    signed = signatures(store)
    # Bits that neither hash nor signature covers: fill and box headers. Ours are written in one way alone.
    embedded = reader.is_embedded()
    ours = any(name.startswith(OURS) for name, _ in said)
    stands = given == store if given is not None else ours and _stands(store, path, embedded=embedded)
    if ours and not (stands and all(each.clean for each in signed.values())):
        state, failures = "invalid", [*failures, ALTERED]
    signature = manifest.get("signature_info", {})
    stamped = "timeStamp.validated" in codes
    return Credential(
        state=state,
        failures=tuple(dict.fromkeys(failures)),
        signer=_signer(signature),
        signed_at=signature.get("time") if stamped else None,
        stamped=stamped,
        origin=origin,
        watermark=_soft_binding(said, WATERMARK),
        iscc=_soft_binding(said, ISCC),
        stamp_trusted="timeStamp.trusted" in codes,
        generated=any(
            str(action.get("digitalSourceType")).endswith("/trainedAlgorithmicMedia")
            for name, data in said
            if name.startswith("c2pa.actions")
            for action in _objects(data, "actions")
        ),
        asset=_asset(said),
        id=label,
        parents=tuple(each["active_manifest"] for each in manifest.get("ingredients", []) if "active_manifest" in each),
        embedded=embedded,
        trusted_signer="signingCredential.trusted" in codes,
        key=signed[label].point() if label in signed else None,
        generator=_generator(manifest),
    )


def _generator(manifest: dict[str, Any]) -> str:
    first = next(_objects(manifest, "claim_generator_info"), {})
    named = " ".join(str(first[name]) for name in ("name", "version") if first.get(name))
    return (named or str(manifest.get("claim_generator") or ""))[:200]


def _broken(code: str) -> Credential:
    return Credential("invalid", (code,), "", None, False, None, None, None)


def _objects(data: Any, name: str) -> Iterator[dict[str, Any]]:
    """The objects in a list within an assertion; a stranger may have put anything there."""
    listed = data.get(name) if isinstance(data, dict) else None
    yield from (each for each in listed if isinstance(each, dict)) if isinstance(listed, list) else ()


def _signer(signature: dict[str, Any]) -> str:
    parts = (("CN", signature.get("common_name")), ("O", signature.get("issuer")))
    return ",".join(f"{name}={value}" for name, value in parts if value)


def _soft_binding(said: Assertions, algorithm: str) -> str | None:
    for name, data in said:
        if name == "c2pa.soft-binding" and isinstance(data, dict) and data.get("alg") == algorithm:
            for block in _objects(data, "blocks"):
                if isinstance(block.get("value"), str):
                    return str(block["value"])
    return None


def _asset(said: Assertions) -> str | None:
    for name, data in said:
        if name == "c2pa.asset-ref":
            for each in _objects(data, "references"):
                where = each.get("reference")
                if isinstance(where, dict) and isinstance(where.get("uri"), str):
                    return str(where["uri"])
    return None
