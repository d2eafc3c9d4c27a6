"""What was generated here and waits to be minted: the claim, and what is known of the file since it was written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.errors import NotGenerated
from api.home import Home, write_atomically
from ledger.digest import Digest

if TYPE_CHECKING:
    from ledger.cid import Cid
    from ledger.records import Claim


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated file. ``attention`` is the style attention in ppm; ``fingerprint`` names its codes in the store."""

    claim: Claim
    audio: Digest
    pcm: Digest
    size: int
    iscc: str
    fingerprint: Cid
    attention: tuple[int, ...]
    model_record: Digest


def keep(home: Home, generated: Generated) -> None:
    """Write it down under the file's digest, so that ``mint`` finds it."""
    content = {
        "claim": json.loads(generated.claim.payload()),
        "audio": str(generated.audio),
        "pcm": str(generated.pcm),
        "size": generated.size,
        "iscc": generated.iscc,
        "fingerprint": str(generated.fingerprint),
        "attention": list(generated.attention),
        "modelRecord": str(generated.model_record),
    }
    write_atomically(home.folder("claims") / f"{generated.audio}.json", json.dumps(content, indent=1).encode())


def holds(home: Home, audio: Digest) -> bool:
    """Whether a file with that digest was generated here."""
    return (home.folder("claims") / f"{audio}.json").exists()


def find(home: Home, audio: Digest, name: str) -> Generated:
    """What ``generate`` wrote down about a file with that digest; ``name`` is for the error."""
    from ledger.canonical import encode
    from ledger.cid import Cid
    from ledger.records import Claim

    if not holds(home, audio):
        raise NotGenerated(
            f"{name}: no claim is known for this file. Only the very file that `stemmata generate` wrote, in this "
            "home, can be minted; a converted or edited copy cannot"
        )
    content = json.loads((home.folder("claims") / f"{audio}.json").read_bytes())
    return Generated(
        claim=Claim.from_payload(encode(content["claim"])),
        audio=Digest.parse(content["audio"]),
        pcm=Digest.parse(content["pcm"]),
        size=content["size"],
        iscc=content["iscc"],
        fingerprint=Cid.parse(content["fingerprint"]),
        attention=tuple(content["attention"]),
        model_record=Digest.parse(content["modelRecord"]),
    )
