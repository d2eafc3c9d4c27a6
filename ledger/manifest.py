"""Manifests: what is said of a file that leaves, signed into it or beside it.

A manifest is written last: whatever changes a byte of the file after it, tags as well, makes it invalid. Source: C2PA
specification 2.4; the training and mining assertion by CAWG 1.1; action names by C2PA's own list.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from ledger.certificate import Chain
from ledger.credentials import ISCC, SIDECAR_MIME, WATERMARK, settings
from ledger.errors import Malformed, StampUnreachable
from ledger.origin import ORIGIN, Origin
from ledger.preferences import LABEL, Preferences

if TYPE_CHECKING:
    import c2pa

    from ledger.cid import Cid
    from ledger.companions import Companions

EMBEDDED = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".m4a": "audio/mp4"}
"""The formats that hold a manifest themselves, by suffix."""
TRAINED_MODEL = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a manifest says. No person is in it: a title or artist goes into tags, if anywhere."""

    origin: Origin
    iscc: str
    asset: Cid | None
    """Where the sound lies: the minted file; in that file itself, what it was before it was signed."""
    preferences: Preferences = Preferences()
    """What may be done with the sound without asking."""

    @property
    def title(self) -> str:
        """What readers show as the file's name."""
        return f"Track {self.origin.token}"


@dataclass(frozen=True, slots=True)
class Pen:
    """Who signs: the P-256 key among the companions, its certificates, and a time-stamp authority's URL, if any."""

    companions: Companions
    chain: Chain
    authority: str | None = None


def sign(
    source: BinaryIO, target: BinaryIO, suffix: str, said: Statement, pen: Pen, parent: Path | None = None
) -> bytes:
    """Write ``source`` with its manifest to ``target``, or as it is where its format holds none; the manifest store.

    ``suffix`` names the format. ``target`` is open for reading and writing, and empty. ``parent``: the signed file that
    this one was made from, a WAV file.
    Raises :class:`Malformed` for a file that is not what its suffix says, and :class:`StampUnreachable`.
    """
    import c2pa

    mime = EMBEDDED.get(suffix.lower())
    with (
        c2pa.Context.from_dict(settings(())) as context,
        signer(pen) as by,
        c2pa.Builder(_definition(said, parent), context) as builder,
        unreachable(pen),
    ):
        if parent is not None:
            with parent.open("rb") as opened:
                relation = {"relationship": "parentOf", "title": said.title, "label": "parent"}
                builder.add_ingredient(relation, EMBEDDED[".wav"], opened)
        if mime is None:
            builder.set_no_embed()
        return bytes(builder.sign(by, mime or SIDECAR_MIME, source, target))


@contextlib.contextmanager
def unreachable(pen: Pen) -> Iterator[None]:
    """Give what the library says while it signs a name of ours."""
    import c2pa

    try:
        yield
    except c2pa.C2paError as error:
        if pen.authority is not None and "http resolver" in str(error):
            raise StampUnreachable(
                f"the time-stamp authority at {urlsplit(pen.authority).hostname} gave no time stamp; try again later, "
                "or unset STEMMATA_TSA to sign without one"
            ) from None
        raise Malformed(f"no manifest can be signed into this file: {error}") from None


def signer(pen: Pen) -> c2pa.Signer:
    """Who signs, as the library has it. To be closed."""
    import c2pa
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    key = pen.companions.p256()  # it stays on this side: the library gets signatures alone

    def signed(message: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(message, ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)  # as in COSE, RFC 9053

    return c2pa.Signer.from_callback(signed, c2pa.C2paSigningAlg.ES256, pen.chain.pem.decode(), pen.authority)


def _definition(said: Statement, parent: Path | None) -> dict[str, Any]:
    generator = {"name": "Stemmata", "version": importlib.metadata.version("stemmata")}
    actions: list[dict[str, Any]] = [
        {"action": "c2pa.created", "digitalSourceType": TRAINED_MODEL},
        {"action": "c2pa.watermarked.bound"},
    ]
    if parent is not None:
        actions = [
            {"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}, "digitalSourceType": TRAINED_MODEL},
            {"action": "c2pa.transcoded"},
        ]
    assertions: list[tuple[str, dict[str, Any]]] = [
        ("c2pa.actions.v2", {"actions": actions}),
        (LABEL, said.preferences.assertion()),
        ("c2pa.soft-binding", _soft_binding(WATERMARK, said.origin.token)),
        ("c2pa.soft-binding", _soft_binding(ISCC, said.iscc)),
        (ORIGIN, said.origin.to_json()),
    ]
    if said.asset is not None:
        assertions.append(("c2pa.asset-ref", {"references": [{"reference": {"uri": f"ipfs://{said.asset}"}}]}))
    return {
        "claim_generator_info": [generator],
        "title": said.title,
        "assertions": [{"label": label, "data": data, "created": True} for label, data in assertions],
    }


def _soft_binding(algorithm: str, value: str) -> dict[str, Any]:
    return {"alg": algorithm, "blocks": [{"scope": {}, "value": value}]}
