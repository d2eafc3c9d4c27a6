"""The first witness: the signed manifest (C2PA) in the file, or beside it.

A manifest binds what it says to the file's bytes. So it is *edited* where only the file around the sound has changed,
*moved* where it names a track that this is not, and *forged* where it does not even agree with itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ledger.errors import BlockMissing, Invalid, Malformed, ManifestElsewhere
from ledger.evidence import Evidence
from ledger.findings import Finding, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.workflows.evidence.hearing import Hearing, Sound
    from ledger.contracts import Contracts, TrackEntry
    from ledger.credentials import Credential
    from ledger.keyhistory import KeyHistory

# C2PA 2.4, section 15.3: what is wrong is the bytes outside the manifest, nothing within it.
_OTHER_BYTES = {"assertion.dataHash.mismatch", "assertion.bmffHash.mismatch", "assertion.boxesHash.mismatch"}


def read(sound: Sound, hearing: Hearing) -> tuple[Credential | None, list[Finding]]:
    """The manifest, and what can be said of it before anything is looked up."""
    from ledger import credentials

    try:
        credential = credentials.read(sound.path, hearing.trust)
    except ManifestElsewhere as error:
        return None, [Finding("manifest", Status.NOTE, "manifest", str(error))]
    except Malformed as error:
        return None, [Finding("manifest", Status.WARNING, "manifest", str(error))]
    if credential is None:
        return None, [Finding("manifest", Status.NOTE, "audio", "no C2PA manifest is in the file, or beside it")]
    return credential, list(_said(credential))


def _said(credential: Credential) -> Iterator[Finding]:
    from ledger.credentials import LOOSE

    if credential.failures == (LOOSE,):
        detail = (
            f"signed by {credential.signer}; but it leaves out more of the file than itself, so that nobody can tell "
            "whether that is what it was, and C2PA's reader refuses it"
        )
        yield Finding("manifest", Status.WARNING, "manifest", detail)
        return
    if credential.state == "invalid":
        if not is_misplaced(credential):
            yield Finding("manifest", Status.INVALID, "manifest", _failures(credential))
        return
    vouched = "a root that is trusted" if credential.state == "trusted" else "no root that is trusted here"
    yield Finding("manifest", Status.OK, "manifest", f"whole, signed by {credential.signer}, who leads to {vouched}")
    if credential.origin is None:
        made = "; it says that a trained model made the sound" if credential.generated else ""
        detail = f"made with {credential.generator or 'nobody says what'}, it names no track of any chain{made}"
        yield Finding("manifest", Status.NOTE, "manifest", detail)
    if credential.stamped:
        status = Status.OK if credential.stamp_trusted else Status.NOTE
        whose = "that is trusted" if credential.stamp_trusted else "for whom no root that is trusted here vouches"
        detail = f"signed by {credential.signed_at}, says a time-stamp authority {whose}"
        yield Finding("time stamp", status, "manifest", detail)
    else:
        yield Finding("time stamp", Status.NOTE, "manifest", "it has no time stamp: nobody says when it was signed")


def is_misplaced(credential: Credential) -> bool:
    """Whether the manifest is whole, and the file is another than it was made for."""
    return credential.state == "invalid" and bool(credential.failures) and _OTHER_BYTES.issuperset(credential.failures)


def track(
    contracts: Contracts,
    credential: Credential | None,
    findings: list[Finding],
    anchored: Callable[[int], TrackEntry | None],
) -> TrackEntry | None:
    """The track that a manifest names, where it is on this chain. One that does not hold names nothing.

    ``anchored`` is asked for a token that was not minted.
    """
    if credential is None or credential.origin is None:
        return None
    if credential.state == "invalid" and not is_misplaced(credential):
        return None
    origin, place = credential.origin, contracts.deployment
    if (origin.chain_id, origin.tracks) != (place.chain_id, place.tracks):
        detail = (
            f"it names a track of chain {origin.chain_id}, contract {origin.tracks}: another one than is asked here"
        )
        findings.append(Finding("manifest", Status.NOTE, "manifest", detail))
        return None
    try:
        token = bytes.fromhex(origin.token)
    except ValueError:
        token = b""
    entry = contracts.track_by_watermark(token) if len(token) == 8 else None
    if entry is None and len(token) == 8:
        entry = anchored(int.from_bytes(token))
    if entry is None:
        findings.append(
            Finding("manifest", Status.NOTE, "manifest", f"no track {origin.token[:40]!r} is on this chain")
        )
    elif entry.claim != origin.claim:
        detail = f"it gives track {origin.token} the claim {origin.claim}; the chain has {entry.claim}"
        findings.append(Finding("manifest", Status.INVALID, "manifest", detail))
        return None
    return entry


def signer(credential: Credential | None, named: TrackEntry | None, history: KeyHistory) -> list[Finding]:
    """Whether the creator of the track that a manifest names signed it: by a key published on chain, whatever the
    certificate is worth. Another signer is no fault: a shop may sign what it sells. Raises ``ChainUnreachable``."""
    if credential is None or named is None or credential.key is None:
        return []
    published = []
    for entry in history.published(named.creator):
        with contextlib.suppress(BlockMissing, Invalid, Malformed):  # said where the creator's records are checked
            published.append(history.companions(entry).p256)
    if credential.key in published:
        detail = f"signed with the key that {named.creator}, who made the track, published on chain"
        return [Finding("manifest", Status.OK, "manifest", detail)]
    detail = f"signed by somebody else than {named.creator}, who made the track, as far as published keys tell"
    return [Finding("manifest", Status.NOTE, "manifest", detail)]


def evidence(credential: Credential, named: TrackEntry | None) -> Evidence:
    """A manifest as evidence."""
    state = credential.state if credential.state != "invalid" else f"invalid ({_failures(credential)})"
    track = None if named is None else str(named.claim)
    return Evidence("manifest", track, f"{state}, signed by {credential.signer or 'nobody that can be read'}")


def place(credential: Credential | None, named: TrackEntry | None, alike: bool | None) -> list[Finding]:
    """Whether the manifest belongs to this audio; ``alike``: whether that sounds like the track (None: unknown)."""
    if credential is None or (credential.state == "invalid" and not is_misplaced(credential)):
        return []
    misplaced = is_misplaced(credential)
    why = f"was made for other bytes ({_failures(credential)})" if misplaced else "is whole"
    if named is None:
        detail = f"it {why}, and names no track that is known"
        return [Finding("manifest place", Status.INVALID, "manifest", detail)] if misplaced else []
    status, detail = Status.OK, "its manifest belongs to this file"
    if alike is None:
        status, detail = (
            Status.UNVERIFIABLE,
            f"a manifest that {why} names this track, and none could tell if this is it",
        )
    elif not alike:
        status, detail = Status.INVALID, f"a manifest that {why} names this track, which this is not"
    elif misplaced:
        status, detail = Status.WARNING, f"the file was changed after its manifest was signed ({_failures(credential)})"
    return [Finding("manifest place", status, f"track {named.claim}", detail)]


def _failures(credential: Credential) -> str:
    return ", ".join(credential.failures)[:300] or "no reason given"
