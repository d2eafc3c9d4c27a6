"""An audit made by hand, so that every field of it can be chosen: no chain, no store, no sound."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from api.reports.outline import Report, outline
from api.reports.picture import Picture, look
from api.reports.texts import Language, Texts
from api.workflows.audit import Audit
from api.workflows.royalties import Account
from gen.waveform import Waveform
from ledger.address import Address
from ledger.cid import Cid
from ledger.conclusions import Conclusion, conclusions
from ledger.contracts import DatasetEntry, LicenseEntry, ModelEntry, ShareEntry, TrackEntry
from ledger.digest import Digest
from ledger.evidence import Evidence
from ledger.findings import Finding, Status, conclude
from ledger.lineage import DatasetNode, ModelNode, TrackNode
from ledger.records import ContentRef, DatasetRecord, Recording, Terms, commitment, recordings_root

WHEN = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
TIME = "2026-11-23T10:00:00Z"
WHO = Address(bytes(range(20)))
CLAIM = Digest.of(b"claim")
TERMS = Terms(price=10**16, royalty_ppm=50_000, uses=("train",))
CID = str(Cid.of_raw(b"x"))


def content(text: str) -> ContentRef:
    return ContentRef(Cid.of_raw(text.encode()), "unixfs-v1-2025", Digest.of(text.encode()))


def dataset(number: int, title: str) -> DatasetNode:
    recordings = (
        Recording(
            sha256=Digest.of(title.encode()),
            pcm=Digest.of(b"pcm"),
            size=1000,
            frames=44_100 * 90,
            rate=44_100,
            channels=2,
            iscc="ISCC:EIAWUJFCEZZOJYVD",
            fingerprint=content("fingerprint"),
            content=content("ciphertext"),
            name_commitment=commitment(bytes(16), "name.wav"),
        ),
    )
    record = DatasetRecord(
        root=recordings_root(recordings),
        asset="dataset:" + "0" * 32,
        title=title,
        holder=WHO,
        license="CC0-1.0",
        terms=TERMS,
        recordings=recordings,
        omitted=(),
        created=TIME,
    )
    digest = record.digest
    entry = DatasetEntry(number, record.root, digest, CID, WHO, WHO, TERMS, TERMS, True, 3, 1_700_000_000, "0x00")
    license_ = LicenseEntry(
        1, "dataset", number, WHO, ("train",), 0, None, 50_000, 10**16, None, digest, CID, 4, 1_700_000_000, "0x01"
    )
    return DatasetNode(entry, record, 500_000, license_ if number == 1 else None, None)


def lineage(*titles: str) -> TrackNode:
    datasets = tuple(dataset(number + 1, title) for number, title in enumerate(titles))
    shares = tuple((node.entry.id, node.share_ppm) for node in datasets)
    model = ModelEntry(
        1, Digest.of(b"w"), Digest.of(b"r"), CID, WHO, WHO, 100_000, shares, (), TERMS, 5, 1_700_000_000, "0x02"
    )
    track = TrackEntry(7, CLAIM, Digest.of(b"a"), Digest.of(b"t"), CID, 1, WHO, WHO, 100_000, 6, 1_700_000_000, "0x03")
    return TrackNode(track, None, ModelNode(model, None, datasets))


@dataclass(frozen=True)
class Story:
    """What is said in each place that a stranger may write to."""

    title: str = "studies"
    detail: str = "signed by anna"
    name: str = "song.mp3"


def findings(detail: str) -> tuple[Finding, ...]:
    """One finding of each outcome, at least, over every kind of subject."""
    return (
        Finding("watermark", Status.OK, "mark 0000000000000007", detail),
        Finding("record", Status.OK, f"track {CLAIM}", detail),
        Finding("fingerprint", Status.OK, f"track {CLAIM}", detail),
        Finding("record", Status.OK, "model 1", detail),
        Finding("license", Status.OK, "model 1", "dataset 1 was licensed for training (license 1)"),
        Finding("license", Status.INVALID, "model 1", "its trainer had no license for dataset 2 when it was recorded"),
        Finding("record", Status.OK, "license 1 of dataset 1", detail),
        Finding("record", Status.UNVERIFIABLE, "dataset 1", detail),
        Finding("co-signature", Status.WARNING, "dataset 2", detail),
        Finding("recordings", Status.NOTE, "dataset 2", detail),
    )


def audited(said: Story = Story()) -> Audit:
    """Everything at once: a mark, a license that is missing, a record that could not be read, a warning."""
    found = findings(said.detail)
    evidence = (
        Evidence("watermark", str(CLAIM), said.detail, 1.0, 6.5, 12.5, 9.1e-13, speed=1.02),
        Evidence("fingerprint", str(CLAIM), said.detail, distance=0.125),
    )
    track = lineage(said.title, "birds")
    verdict = conclude(found, known=True)
    concluded = conclusions(found, evidence)
    assert all(isinstance(one, Conclusion) for one in concluded)
    return Audit(Digest.of(b"audio"), 10.0, verdict, found, (track,), evidence, concluded)


@functools.cache
def seen() -> Picture:
    return look(tone())


def tone(seconds: float = 10.0, rate: int = 44_100) -> Waveform:
    """A rising tone that fades."""
    time = np.arange(round(seconds * rate)) / rate
    samples = 0.7 * np.exp(-time / 5) * np.sin(2 * np.pi * (220 + 60 * time) * time)
    return Waveform(samples[np.newaxis].astype(np.float32), rate)


def reported(said: Story = Story(), language: Language = "en") -> Report:
    """The report of all that."""
    outcome = audited(said)
    shares = (
        (ShareEntry(0, "account", WHO, WHO, 900_000), 10**17),
        (ShareEntry(1, "dataset", 1, replace_last(WHO), 100_000), 0),
    )
    account = Account(outcome.tracks[0].entry, WHO, shares)
    return outline(outcome, said.name, texts=Texts(language), when=WHEN, picture=seen(), accounts={7: account})


def replace_last(address: Address) -> Address:
    return replace(address, raw=address.raw[:-1] + b"\xff")
