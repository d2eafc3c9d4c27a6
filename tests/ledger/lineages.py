"""A small world to verify: a chain, a store, and people who hold, create and forge. No audio: digests of made-up bytes
stand for files. Each ``change`` lets a test publish a record that says something else than the chain."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ledger import closure
from ledger.archive import publish
from ledger.closure import Named
from ledger.contracts import Contracts, DatasetEntry, LicenseEntry, ModelEntry, TrackEntry
from ledger.digest import Digest
from ledger.findings import Finding, Verdict, conclude
from ledger.hashing import keep
from ledger.keys import LocalSigner
from ledger.records import (
    Claim,
    ContentRef,
    DatasetRecord,
    DatasetUse,
    LicenseRecord,
    Recording,
    Split,
    Terms,
    TrackRecord,
    TrainingRunRecord,
    commitment,
    recordings_root,
)
from ledger.store import BlockStore
from ledger.verify import Verifier

TIME = "2026-11-23T10:00:00Z"
ISCC = "ISCC:EIAWUJFCEZZOJYVD"
ROYALTY_PPM = 100_000
TERMS = Terms(price=10**16, royalty_ppm=50_000, uses=("train",))


def digest(text: str) -> Digest:
    return Digest.of(text.encode())


@dataclass(frozen=True)
class World:
    """A chain, a store, and three people who hold, create and forge."""

    contracts: Contracts
    store: BlockStore
    holder: LocalSigner
    creator: LocalSigner
    forger: LocalSigner

    def content(self, text: str) -> ContentRef:
        return keep(self.store, io.BytesIO(text.encode()))

    def dataset(self, name: str, change: Callable[[DatasetRecord], DatasetRecord] = lambda r: r) -> DatasetEntry:
        recordings = tuple(
            sorted(
                (
                    Recording(
                        sha256=digest(f"{name}-{n}"),
                        pcm=digest(f"{name}-{n}-pcm"),
                        size=1000,
                        frames=441_000,
                        rate=44_100,
                        channels=2,
                        iscc=ISCC,
                        fingerprint=self.content(f"fingerprint of {name}-{n}"),
                        content=self.content(f"ciphertext of {name}-{n}"),
                        name_commitment=commitment(bytes(16), f"{name}-{n}.wav"),
                    )
                    for n in range(3)
                ),
                key=lambda recording: recording.sha256,
            )
        )
        record = DatasetRecord(
            root=recordings_root(recordings),
            asset="dataset:" + "0" * 32,
            title=name,
            holder=self.holder.address,
            license="CC0-1.0",
            terms=TERMS,
            recordings=recordings,
            omitted=(),
            created=TIME,
        )
        said = change(record)
        cid = publish(self.store, said, self.holder)
        return self.contracts.register_dataset(self.holder, record.root, said.digest, str(cid), TERMS)

    def license(
        self, dataset: DatasetEntry, change: Callable[[LicenseRecord], LicenseRecord] = lambda r: r
    ) -> LicenseEntry:
        record = LicenseRecord(
            subject_kind="dataset",
            subject_id=dataset.id,
            subject_record=dataset.record,
            licensee=self.creator.address,
            uses=("train",),
            valid_from=TIME,
            valid_until=None,
            price=dataset.terms.price,
            currency=None,
            royalty_ppm=dataset.terms.royalty_ppm,
        )
        said = change(record)
        cid = publish(self.store, said, self.creator)
        return self.contracts.buy_license(
            self.creator, "dataset", dataset.id, ("train",), said.digest, str(cid), dataset.terms
        )

    def model(
        self,
        name: str,
        licensed: list[tuple[DatasetEntry, LicenseEntry]],
        change: Callable[[TrainingRunRecord], TrainingRunRecord] = lambda r: r,
    ) -> ModelEntry:
        shares = [600_000, 400_000] if len(licensed) == 2 else [1_000_000]
        uses = tuple(
            DatasetUse(dataset.id, dataset.record, dataset.root, license_entry.id, share)
            for (dataset, license_entry), share in zip(licensed, shares, strict=True)
        )
        record = TrainingRunRecord(
            weights=digest(name),
            sealed=False,
            content=self.content(name),
            weights_size=len(name),
            trainer=self.creator.address,
            royalty_ppm=ROYALTY_PPM,
            datasets=uses,
            parents=(),
            preset="tiny",
            config={"steps": 1},
            seed=1,
            code=digest("code"),
            packages={"torch": "2.13.0"},
            machine="x86_64",
            started=TIME,
            finished=TIME,
            metrics={"loss": "0.5"},
            split=Split(8, 1, 1),
        )
        said = change(record)
        cid = publish(self.store, said, self.creator)
        parts = [(use.id, use.share_ppm) for use in uses]
        return self.contracts.record_model(
            self.creator, record.weights, said.digest, str(cid), parts, royalty_ppm=ROYALTY_PPM
        )

    def track(
        self,
        model: ModelEntry,
        seed: int,
        change: Callable[[TrackRecord], TrackRecord] = lambda r: r,
        signer: LocalSigner | None = None,
    ) -> TrackEntry:
        deployment = self.contracts.deployment
        claim = Claim(
            chain_id=deployment.chain_id,
            tracks=deployment.tracks,
            model=model.id,
            weights=model.weights,
            creator=self.creator.address,
            seed=seed,
            frames=441_000,
            rate=44_100,
            channels=1,
            style=tuple(share for _, share in model.datasets),
            sampler={"temperature": "1.0"},
        )
        audio = self.content(f"audio {seed}")
        record = TrackRecord(
            claim=claim,
            audio=audio.sha256,
            pcm=digest(f"pcm {seed}"),
            size=100,
            iscc=ISCC,
            fingerprint=self.content("codes"),
            content=audio,
            attention=claim.style,
            watermark=claim.watermark.hex(),
            royalty_ppm=ROYALTY_PPM,
            model_record=model.record,
            created=TIME,
        )
        said = change(record)
        cid = publish(self.store, said, signer or self.creator)
        return self.contracts.mint_track(
            self.creator, claim.digest, record.audio, said.digest, str(cid), model.id, ROYALTY_PPM
        )

    def everything(self) -> Iterator[Named]:
        """All that any record on chain names, envelope before content; what two records name comes twice."""
        for filed in closure.records(self.contracts):
            yield filed.envelope
            yield from filed.read(self.store)

    def verify(self, track: TrackEntry) -> tuple[Verdict, list[Finding]]:
        verifier = Verifier(self.contracts, self.store)
        verifier.track(track)
        return conclude(verifier.findings, known=True), verifier.findings
