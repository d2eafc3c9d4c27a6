"""Generate a track with a recorded model: claim first, then samples, then the mark, then the file."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from api import drafts, sealed_weights
from api.errors import OutputExists, UsageError
from api.home import Home, Ledger
from api.workflows import opening
from api.workflows.shares import shares_ppm
from ledger import file
from ledger.digest import Digest

if TYPE_CHECKING:
    from gen.generate import Generator
    from ledger.address import Address
    from ledger.contracts import ModelEntry
    from ledger.keys import Signer
    from ledger.records import Claim, TrackRecord, TrainingRunRecord

MAX_SECONDS = 3600


def generate(
    home: Home,
    model_id: int,
    *,
    seconds: float,
    seed: int,
    creator: Address,
    out: Path,
    now: Callable[[], datetime],
    style: Sequence[int] | None = None,
    temperature: str = "1.0",
    unlock: Callable[[], Signer] | None = None,
) -> TrackRecord:
    """Generate ``seconds`` of audio into a 16-bit WAV file that carries the watermark of its claim.

    The claim holds everything that decides the samples (model, seed, style in ppm per dataset, length, sampler) and
    who made it where; the first 64 bits of its digest are the watermark id. So the same call gives the same file.
    ``unlock`` gives the creator's key, which weights that are sealed ask for. Returns the Track record, unsigned yet.
    """
    if not 3 <= seconds <= MAX_SECONDS:
        raise UsageError(f"--seconds {seconds:g}: between 3 (a watermark needs that much) and {MAX_SECONDS}")
    if out.suffix.lower() != ".wav":
        raise UsageError(f"--out {out}: the original is written as WAV; name it {out.with_suffix('.wav').name}")
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: the folder {out.parent} does not exist; make it first")

    from gen.audio import save
    from gen.config import RATE
    from gen.generate import GenerationRequest
    from gen.watermark.mark import Watermark
    from gen.watermark.payload import PUBLIC_KEY
    from ledger.errors import LicenseMissing
    from ledger.records import Claim

    with home.acting(creator) as ledger:
        entry = ledger.contracts.model(model_id)
        if not ledger.contracts.is_licensed("model", model_id, creator, "generate"):
            raise LicenseMissing(f"model {model_id}, use generate: {creator} is neither its owner nor licensed")
        record = _training_run(ledger, entry)
        deployment = ledger.contracts.deployment
    generator = _generator(home, entry, record, unlock, now)
    claim = Claim(
        chain_id=deployment.chain_id,
        tracks=deployment.tracks,
        model=entry.id,
        weights=entry.weights,
        creator=creator,
        seed=seed,
        frames=round(seconds * RATE),
        rate=RATE,
        channels=1,
        style=_style(style, len(record.datasets)),
        sampler={"temperature": temperature},
    )
    made = generator.render(
        GenerationRequest(
            frames=claim.frames,
            seed=seed,
            style=tuple(share / 1_000_000 for share in claim.style),
            temperature=float(temperature),
        )
    )
    partial = out.with_name(f".{secrets.token_hex(8)}.part.wav")  # of this run alone, whoever else writes here
    try:
        save(partial, Watermark(PUBLIC_KEY).embed(made.waveform, claim.watermark))
        draft = _describe(home, partial, claim, made.attention, entry.record, now)
        if out.exists() and Digest.of_file(out) != draft.audio:
            raise OutputExists(f"{out} exists and is another file; move it or choose another name")
        drafts.keep(home, draft)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return draft


def _generator(
    home: Home,
    entry: ModelEntry,
    record: TrainingRunRecord,
    unlock: Callable[[], Signer] | None,
    now: Callable[[], datetime],
) -> Generator:
    """The model, out of weights in clear, or of ciphertext whose key is released to the creator."""
    from gen.generate import Generator

    if not record.sealed:
        return Generator.load(weights(home, record))
    if unlock is None:
        raise UsageError(f"the weights of model {entry.id} are sealed: the key of whoever generates has to be unlocked")
    key = opening.data_key(home, home.vault(), "model", entry.id, signer=unlock(), now=now)
    with sealed_weights.opened(home.store(), record, key) as path:
        return Generator.load(path)


def _describe(
    home: Home,
    path: Path,
    claim: Claim,
    attention: Sequence[float],
    model_record: Digest,
    now: Callable[[], datetime],
) -> TrackRecord:
    """The Track record of a file: what is described is what the file holds, after rounding to 16 bits."""
    from gen.audio import load
    from gen.fingerprint import fingerprint
    from ledger import hashing
    from ledger.records import TrackRecord, timestamp

    wave = load(path)
    codes = fingerprint(wave)
    content = hashing.name(path)  # stored when it is minted
    return TrackRecord(
        claim=claim,
        audio=content.sha256,
        pcm=Digest(wave.pcm_sha256()),
        size=path.stat().st_size,
        iscc=codes.iscc,
        fingerprint=hashing.keep(home.store(), io.BytesIO(codes.to_bytes())),
        content=content,
        attention=shares_ppm([round(weight * 1_000_000) for weight in attention]),
        watermark=claim.watermark.hex(),
        royalty_ppm=0,  # asked for when it is minted
        model_record=model_record,
        created=timestamp(now()),
    )


def weights(home: Home, record: TrainingRunRecord) -> Path:
    """A model's weights in clear as a file, from this home or out of the store, checked against the record's digest."""
    from ledger.errors import DigestMismatch

    path = home.folder("models") / f"{record.weights}.safetensors"
    if not path.exists():
        file.write(path, lambda out: out.writelines(home.store().read(record.content.cid)))
    if Digest.of_file(path) != record.weights:
        raise DigestMismatch(f"{path} is not the model that was recorded; delete it to fetch it from the store again")
    return path


def _training_run(ledger: Ledger, entry: ModelEntry) -> TrainingRunRecord:
    from ledger.archive import fetch
    from ledger.records import TrainingRunRecord

    return fetch(ledger.store, TrainingRunRecord, entry.cid, entry.record, entry.trainer)


def _style(style: Sequence[int] | None, count: int) -> tuple[int, ...]:
    """Style weights as ppm that sum to the whole; an even mix if none are given."""
    if style is None:
        return shares_ppm([1] * count)
    if len(style) != count or any(weight < 0 for weight in style) or not any(style):
        raise UsageError(f"--style: give {count} whole numbers, one per dataset of the model, not all zero")
    return shares_ppm(style)
