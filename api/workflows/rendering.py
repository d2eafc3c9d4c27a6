"""From a claim to a file: what generation and replay do alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from api import sealed_weights
from api.errors import UsageError
from api.home import Home
from api.workflows import opening
from ledger import file
from ledger.digest import Digest

if TYPE_CHECKING:
    from gen.fingerprint import Fingerprint
    from gen.generate import Generator
    from gen.levelling import Samples, Take
    from ledger.keys import Signer
    from ledger.records import Claim, TrainingRunRecord


@dataclass(frozen=True, slots=True)
class Written:
    """What a file that was written holds: the digest of its samples, and their fingerprint."""

    pcm: Digest
    codes: Fingerprint


def open_generator(
    home: Home,
    model_id: int,
    record: TrainingRunRecord,
    unlock: Callable[[], Signer] | None,
    now: Callable[[], datetime],
    device: str = "cpu",
) -> Generator:
    """The model, out of weights in clear, or of ciphertext whose key is released to whoever is licensed.

    ``device``: where it renders.

    Raises :class:`UsageError` where the weights are sealed and nobody's key is given, and what
    :func:`api.workflows.opening.data_key` and :func:`weights` raise.
    """
    from gen.generate import Generator

    if not record.sealed:
        return Generator.load(weights(home, record), device)
    if unlock is None:
        raise UsageError(f"the weights of model {model_id} are sealed: the key of whoever is licensed has to be named")
    key = opening.data_key(home, home.vault(), "model", model_id, signer=unlock(), now=now)
    with sealed_weights.opened(home.store(), record, key) as path:
        return Generator.load(path, device)


def weights(home: Home, record: TrainingRunRecord) -> Path:
    """A model's weights in clear as a file, from this home or out of the store, checked against the record's digest."""
    from ledger.errors import DigestMismatch

    path = home.folder("models") / f"{record.weights}.safetensors"
    if not path.exists():
        shipped = _shipped(home, record.weights)
        if shipped is not None:
            return shipped
        file.write(path, lambda out: out.writelines(home.store().read(record.content.cid)))
    if Digest.of_file(path) != record.weights:
        raise DigestMismatch(f"{path} is not the model that was recorded; delete it to fetch it from the store again")
    return path


def _shipped(home: Home, digest: Digest) -> Path | None:
    """The instrument's own file, where these are its weights and it is whole: no home needs a second copy."""
    from api.errors import InstrumentDamaged
    from api.instrument.files import WEIGHTS, Instrument

    if home.settings.instrument is None:
        return None
    try:
        instrument = Instrument.read(home.settings.instrument)
        return instrument.path(WEIGHTS) if instrument is not None and instrument.weights == digest else None
    except InstrumentDamaged:
        return None


def write(path: Path, take: Take, claim: Claim) -> Written:
    """Write what was made as a 16-bit WAV file that carries the watermark of its claim. Raises OSError."""
    from gen import chromaprint
    from gen.encode import rounded, write_wav
    from gen.fingerprint import Fingerprint

    listener = chromaprint.Listener(claim.rate)

    def heard() -> Iterator[Samples]:
        for block in _marked(take, claim):
            listener.add(rounded(block).mean(axis=0))
            yield block

    with path.open("wb") as out:
        pcm = write_wav(out, heard(), claim.channels, claim.rate)
    return Written(Digest(pcm), Fingerprint(listener.codes()))


def _marked(take: Take, claim: Claim) -> Iterator[Samples]:
    """The music with its mark in it."""
    from gen.watermark.mark import Watermark
    from gen.watermark.payload import PUBLIC_KEY

    embedder = Watermark(PUBLIC_KEY).embedder(claim.rate, claim.channels, claim.watermark)
    for block in take.blocks():
        yield embedder.push(block)
    yield embedder.finish()
