"""Bundles: one file with all that an audit rests on, which anybody can verify without a network, a chain or a home.

The file is a ZIP archive, nothing in it compressed (:mod:`ledger.parcel`): ``blocks/CID`` for every block that was
read, ``bundle.json`` (RFC 8785), and if it is signed ``signature.json`` (DSSE). There is one spelling of every bundle:
what :func:`write` would not write again byte for byte is refused. docs/bundle.md has the fields, and what a bundle
proves and what it only claims.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger import canonical, file, parcel, signing
from ledger.address import Address
from ledger.anchored import Anchored
from ledger.cid import Cid
from ledger.deployment import NOUNS, Deployment
from ledger.digest import Digest
from ledger.envelope import Envelope
from ledger.errors import AnswerInvalid, DigestMismatch, FormatUnknown, Malformed, NotABundle, SignatureInvalid
from ledger.index import Forgotten, Place
from ledger.recorded import RecordedNetwork, RecordedStore, Transcript
from ledger.records import parse_timestamp, timestamp

if TYPE_CHECKING:
    from ledger.contracts import Contracts
    from ledger.keys import Signer

FORMAT = "stemmata-bundle-2"
PAYLOAD_TYPE = "application/vnd.stemmata.bundle+json"
MOST_BYTES = 128 << 20
"""The largest bundle that is read; nothing in it is compressed, so that memory stays within some times that."""

Candidate = int | Anchored | Place

_CONTENT, _SIGNATURE, _BLOCKS = "bundle.json", "signature.json", "blocks/"
_FAMILY = "stemmata-bundle-"
_FIELDS = {
    "format": str,
    "audio": str,
    "made": str,
    "searchedSpeed": bool,
    "deployment": dict,
    "final": int,
    "chain": dict,
    "claims": list,
    "candidates": list,
    "forgotten": list,
    "blocks": list,
    "held": dict,
    "view": dict,
}

_VIEW = {"findings": ("check", "status", "subject", "detail"), "evidence": ("layer", "detail")}


@dataclass(frozen=True)
class Bundle:
    """What a bundle holds.

    Attributes:
        audio: SHA-256 of the file that was audited.
        made: when, RFC 3339.
        searched_speed: whether the mark was searched for at other speeds.
        deployment: where the contracts are.
        final: how many blocks on its own made a block final for the auditor.
        chain: what the chain answered.
        claims: what that means, in plain JSON (:mod:`ledger.claims`).
        candidates: the tracks that were found, by token, or with their proof where they were anchored and not minted;
            then places of leaves that could not be proved, and batches that could not be read.
        forgotten: what the chain knew of the file or its marks until it was reorganised.
        blocks: every block that was read, verified.
        held: of other blocks, by CID, whether they were ``held``, ``missing`` or ``altered`` in the auditor's store.
        view: what the auditor concluded, as JSON without floats.
        auditor: who signed it; None where nobody did.
    """

    audio: Digest
    made: str
    searched_speed: bool
    deployment: Deployment
    final: int
    chain: Transcript
    claims: Sequence[Mapping[str, Any]]
    candidates: tuple[Candidate, ...]
    blocks: Mapping[Cid, bytes]
    held: Mapping[str, str]
    view: Mapping[str, Any]
    auditor: Address | None = None
    forgotten: Forgotten | None = None

    def contracts(self) -> Contracts:
        """The contracts, as they were. Raises :class:`Malformed`, and where nobody asked :class:`ChainUnreachable`."""
        from ledger.chain import Chain
        from ledger.contracts import Contracts

        return Contracts(Chain(RecordedNetwork(self.chain), confirmations=self.final), self.deployment)

    @contextlib.contextmanager
    def believed(self) -> Iterator[None]:
        """While its answers are used: whatever they make our own readers stumble over is :class:`AnswerInvalid`.

        Those were written for contracts, which never say some things that a stranger's bundle may.
        """
        try:
            yield
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise AnswerInvalid(f"the bundle's answers of the chain are none: {error!r}"[:300]) from error

    def store(self) -> RecordedStore:
        """The store, as it was."""
        return RecordedStore(self.blocks, self.held)


def write(path: Path, bundle: Bundle, signer: Signer | None = None) -> None:
    """Write a bundle, whole or not at all, signed if there is a signer. Raises :class:`Malformed` for one too large."""
    content = _content(bundle)
    members = {_BLOCKS + str(cid): block for cid, block in bundle.blocks.items()} | {_CONTENT: content}
    if signer is not None:
        members[_SIGNATURE] = signing.sign(_signed(content, signer.address), signer, PAYLOAD_TYPE).to_bytes()
    archive = parcel.pack(members)
    if len(archive) > MOST_BYTES:
        raise Malformed(f"the bundle would have {len(archive)} bytes; no more than {MOST_BYTES} are read")
    file.write(path, lambda out: out.write(archive), mode=0o644)


def read(path: Path) -> Bundle:
    """Read a bundle: every block is checked against its CID, and the signature, if there is one, against its signer.

    Raises:
        NotABundle: it never was one: nothing in it is called as in a bundle.
        Malformed: damaged, or not in the one spelling.
        FormatUnknown: it is in another format than is read here.
        DigestMismatch: a block is not what it is called.
        SignatureInvalid: the signature is not of this bundle, or not by whom it names.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise NotABundle(f"{path} is not a bundle: those have at most {MOST_BYTES} bytes, not {size}")
    whole = path.read_bytes()
    try:
        return _read(parcel.unpack(whole))
    except Malformed as error:
        # One of these outlives any one change: a bundle that was altered is not taken for a file that never was one.
        if _FAMILY.encode() in whole or f"{_BLOCKS}baf".encode() in whole:
            raise Malformed(f"{path} is not a whole bundle: {error}") from None
        raise NotABundle(f"{path} is not a bundle") from None


def _read(members: dict[str, bytes]) -> Bundle:
    if _CONTENT not in members:
        raise Malformed(f"it holds no {_CONTENT}")
    content, signature = members.pop(_CONTENT), members.pop(_SIGNATURE, None)
    said = canonical.decode(content)
    if isinstance(said, dict) and str(said.get("format")).startswith(_FAMILY) and said["format"] != FORMAT:
        raise FormatUnknown(f"it is of the format {said['format'][:40]!r}; this version reads {FORMAT}")
    if not isinstance(said, dict) or set(said) != set(_FIELDS):
        raise Malformed(f"bundle.json: expected the fields {', '.join(_FIELDS)}")
    for name, kind in _FIELDS.items():
        if type(said[name]) is not kind:
            raise Malformed(f"bundle.json: {name} is not of the kind {kind.__name__}")
    if said["format"] != FORMAT:
        raise Malformed(f"bundle.json: format {said['format'][:40]!r} is not {FORMAT}")
    if [_BLOCKS + str(cid) for cid in said["blocks"]] != list(members):
        raise Malformed("the archive holds other blocks than bundle.json names")
    blocks = {_cid(name.removeprefix(_BLOCKS), block): block for name, block in members.items()}
    if any(state not in ("held", "missing", "altered") for state in said["held"].values()):
        raise Malformed("bundle.json: held says something else than held, missing, altered")
    if not all(isinstance(claim, dict) for claim in said["claims"]):
        raise Malformed("bundle.json: a claim is none")
    if not all(_is_list(said["view"].get(name), fields) for name, fields in _VIEW.items()):
        raise Malformed("bundle.json: the auditor's view has no findings, or no evidence")
    opened = Bundle(
        audio=Digest.parse(said["audio"]),
        made=timestamp(parse_timestamp(said["made"])),
        searched_speed=said["searchedSpeed"],
        deployment=_deployment(said["deployment"]),
        final=said["final"],
        chain=Transcript.read(said["chain"]),
        claims=said["claims"],
        candidates=tuple(_candidate(one) for one in said["candidates"]),
        blocks=blocks,
        held=said["held"],
        view=said["view"],
        forgotten=_forgotten(said["forgotten"]),
        auditor=None if signature is None else _auditor(content, signature),
    )
    if _content(opened) != content:
        raise Malformed("bundle.json: something in it has another spelling")
    return opened


def _auditor(content: bytes, signature: bytes) -> Address:
    """Who signed the content. Raises as :func:`read`."""
    envelope = Envelope.from_bytes(signature)
    said = canonical.decode(envelope.payload)
    try:
        auditor = Address.parse(said["auditor"])
    except (KeyError, TypeError, Malformed):
        raise Malformed("signature.json: it names no auditor") from None
    if envelope.payload != _signed(content, auditor):
        raise SignatureInvalid("the signature is over another bundle")
    signing.verify(envelope, auditor, PAYLOAD_TYPE)
    if envelope.to_bytes() != signature:
        raise Malformed("signature.json: not in canonical form")
    return auditor


def _signed(content: bytes, auditor: Address) -> bytes:
    return canonical.encode({"auditor": str(auditor), "bundle": str(Digest.of(content))})


def _content(bundle: Bundle) -> bytes:
    place, gone = bundle.deployment, bundle.forgotten
    return canonical.encode(
        {
            "format": FORMAT,
            "audio": str(bundle.audio),
            "made": bundle.made,
            "searchedSpeed": bundle.searched_speed,
            "deployment": {
                "block": place.block,
                "chain_id": place.chain_id,
                **{noun: str(getattr(place, noun)) for noun in NOUNS},
            },
            "final": bundle.final,
            "chain": bundle.chain.to_json(),
            "claims": [dict(claim) for claim in bundle.claims],
            "candidates": [_named(candidate) for candidate in bundle.candidates],
            "forgotten": [] if gone is None else [f"{gone.token:016x}", gone.block, gone.hash],
            "blocks": sorted(map(str, bundle.blocks)),
            "held": dict(bundle.held),
            "view": dict(bundle.view),
        }
    )


def _is_list(listed: Any, fields: Sequence[str]) -> bool:
    """Whether it is a list of objects with these fields, all of them texts."""
    objects = isinstance(listed, list) and all(isinstance(one, dict) for one in listed)
    return objects and all(isinstance(one.get(name), str) for one in listed for name in fields)


def _cid(text: str, block: bytes) -> Cid:
    cid = Cid.parse(text)
    if Digest.of(block).raw != cid.digest:
        raise DigestMismatch(f"block {cid} in the bundle is not what its CID says")
    return cid


def _deployment(said: Mapping[str, Any]) -> Deployment:
    numbers = {name: said.get(name) for name in ("chain_id", "block")}
    whole = set(said) == {*numbers, *NOUNS} and all(type(value) is int for value in numbers.values())
    if not whole or not all(isinstance(said[noun], str) for noun in NOUNS):
        raise Malformed("bundle.json: deployment is none")
    return Deployment(**numbers, **{noun: Address.parse(said[noun]) for noun in NOUNS})  # type: ignore[arg-type]


def _forgotten(said: list[Any]) -> Forgotten | None:
    if not said:
        return None
    if len(said) != 3 or type(said[1]) is not int or not isinstance(said[2], str):
        raise Malformed("bundle.json: forgotten is not token, block and hash")
    return Forgotten(_token(said[0]), said[1], said[2])


def _named(candidate: Candidate) -> Any:
    if isinstance(candidate, int):
        return f"{candidate:016x}"
    if isinstance(candidate, Anchored):
        return candidate.to_json()
    index = {} if candidate.index is None else {"index": candidate.index}
    return {"creator": str(candidate.creator), "root": str(candidate.root), **index}


def _candidate(said: Any) -> Candidate:
    if not isinstance(said, dict):
        return _token(said)
    if "leaf" in said:
        return Anchored.of(said)
    try:
        place = Place(Address.parse(said["creator"]), Digest.parse(said["root"]), said.get("index"))
    except (KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"bundle.json: a candidate is none: {error!r}") from None
    if type(place.index) not in (int, type(None)) or _named(place) != said:
        raise Malformed("bundle.json: a candidate is in another spelling")
    return place


def _token(text: Any) -> int:
    if not isinstance(text, str) or len(text) != 16 or text != text.lower():
        raise Malformed("bundle.json: a candidate is no token of 16 hex digits")
    try:
        return int(text, 16)
    except ValueError:
        raise Malformed("bundle.json: a candidate is no token of 16 hex digits") from None
