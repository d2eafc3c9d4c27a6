"""Records to test with: Hypothesis strategies for each of the four, and one plain chain of all four."""

import string
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime

from hypothesis import strategies as st

from ledger.address import Address
from ledger.cid import Cid, Codec
from ledger.digest import Digest
from ledger.records import (
    LABELS,
    PREFERENCES,
    USES,
    Claim,
    ContentRef,
    DatasetRecord,
    DatasetUse,
    LabelledDatasetRecord,
    LicenseRecord,
    Making,
    Omission,
    Parent,
    Recording,
    RepeatableTrackRecord,
    Split,
    Terms,
    TrackRecord,
    TrainingRunRecord,
    recordings_root,
    timestamp,
)

WHOLE = 1_000_000
NOW = "2026-11-23T10:00:00Z"
LATER = "2027-11-23T10:00:00Z"
ISCC = "ISCC:EIAQMBEYSNJIUHUJ"

DIGESTS = st.binary(min_size=32, max_size=32).map(Digest)
ADDRESSES = st.binary(min_size=20, max_size=20).map(Address)
CIDS = st.binary(max_size=8).flatmap(lambda block: st.sampled_from([Cid.of_raw(block), Cid.of_dag_pb(block)]))
CONTENTS = st.one_of(
    st.binary(max_size=8).map(lambda block: ContentRef(Cid.of_raw(block), "unixfs-v1-2025", Digest.of(block))),
    st.builds(
        ContentRef,
        cid=CIDS.filter(lambda cid: cid.codec is Codec.DAG_PB),
        profile=st.sampled_from(["unixfs-v1-2025", "unixfs-v0-2015"]),
        sha256=DIGESTS,
    ),
)
TIMES = st.datetimes().map(lambda moment: timestamp(moment.replace(tzinfo=UTC)))
MODERN = st.datetimes(datetime(1970, 1, 1)).map(lambda moment: timestamp(moment.replace(tzinfo=UTC)))
TEXTS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
ISCCS = st.text(string.ascii_uppercase + "234567", min_size=16, max_size=55).map("ISCC:".__add__)
WHOLE_NUMBERS = st.integers(1, 2**53 - 1)
PRICES = st.integers(0, 2**96 - 1)
CURRENCIES = st.none() | ADDRESSES.filter(lambda one: any(one.raw))
PARTS = st.integers(0, WHOLE)
RATES = st.integers(1, 768_000)
CHANNELS = st.integers(1, 32)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False).map(repr)


def uses(least: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sets(st.sampled_from(USES), min_size=least).map(
        lambda chosen: tuple(use for use in USES if use in chosen)
    )


def shares(count: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Parts per million of so many parts: the gaps between cuts."""
    cuts = st.lists(st.integers(0, WHOLE), min_size=count - 1, max_size=count - 1).map(sorted)
    return cuts.map(lambda inner: tuple(b - a for a, b in zip([0, *inner], [*inner, WHOLE], strict=True)))


RECORDINGS = st.builds(
    Recording,
    sha256=DIGESTS,
    pcm=DIGESTS,
    size=WHOLE_NUMBERS,
    frames=WHOLE_NUMBERS,
    rate=RATES,
    channels=CHANNELS,
    iscc=ISCCS,
    fingerprint=CONTENTS,
    content=CONTENTS,
    name_commitment=DIGESTS,
)
OMISSIONS = st.builds(
    Omission, sha256=st.none() | DIGESTS, reason=st.sampled_from(["CorruptAudio", "NotAudio"]), name_commitment=DIGESTS
)
TERMS = st.builds(
    Terms,
    price=PRICES,
    royalty_ppm=PARTS,
    uses=uses(0),
    currency=CURRENCIES,
    until=st.none() | MODERN,
    data_mining=st.sampled_from(PREFERENCES),
    inference=st.sampled_from(PREFERENCES),
)


@st.composite
def datasets(draw: st.DrawFn) -> DatasetRecord:
    found = draw(st.lists(RECORDINGS, min_size=1, max_size=4, unique_by=lambda one: one.sha256))
    recordings = tuple(sorted(found, key=lambda one: one.sha256))
    return DatasetRecord(
        root=recordings_root(recordings),
        asset="dataset:" + draw(st.binary(min_size=16, max_size=16)).hex(),
        title=draw(TEXTS),
        holder=draw(ADDRESSES),
        license=draw(TEXTS),
        terms=draw(TERMS),
        recordings=recordings,
        omitted=tuple(draw(st.lists(OMISSIONS, max_size=2))),
        created=draw(TIMES),
    )


@st.composite
def labelled_datasets(draw: st.DrawFn) -> LabelledDatasetRecord:
    plain = draw(datasets())
    columns = []
    for _ in LABELS:
        column: list[int] = []
        for _ in plain.recordings:
            column.append(draw(st.integers(0, max(column, default=0) + 1)))
        columns.append(column)
    if not any(map(any, columns)):
        columns[0][-1] = 1
    return labelled(plain, list(zip(*columns, strict=True)))


@st.composite
def licenses(draw: st.DrawFn) -> LicenseRecord:
    first, last = sorted(draw(st.lists(MODERN, min_size=2, max_size=2, unique=True)))
    return LicenseRecord(
        subject_kind=draw(st.sampled_from(["dataset", "model"])),
        subject_id=draw(WHOLE_NUMBERS),
        subject_record=draw(DIGESTS),
        licensee=draw(ADDRESSES),
        uses=draw(uses(1)),
        valid_from=first,
        valid_until=draw(st.sampled_from([None, last])),
        price=draw(PRICES),
        currency=draw(CURRENCIES),
        royalty_ppm=draw(PARTS),
    )


@st.composite
def training_runs(draw: st.DrawFn) -> TrainingRunRecord:
    parents = sorted(draw(st.lists(WHOLE_NUMBERS, max_size=2, unique=True)))
    ids = sorted(draw(st.lists(WHOLE_NUMBERS, min_size=0 if parents else 1, max_size=3, unique=True)))
    parts = draw(shares(len(ids))) if ids else ()
    content = draw(CONTENTS)
    sealed = draw(st.booleans())
    started, finished = sorted([draw(TIMES), draw(TIMES)])
    return TrainingRunRecord(
        weights=draw(DIGESTS.filter(lambda one: one != content.sha256)) if sealed else content.sha256,
        sealed=sealed,
        content=content,
        weights_size=draw(WHOLE_NUMBERS),
        trainer=draw(ADDRESSES),
        royalty_ppm=draw(PARTS),
        datasets=tuple(
            DatasetUse(each, draw(DIGESTS), draw(DIGESTS), draw(st.integers(0, 99)), part)
            for each, part in zip(ids, parts, strict=True)
        ),
        parents=tuple(Parent(each, draw(DIGESTS), draw(st.integers(0, 99))) for each in parents),
        preset=draw(TEXTS),
        config=draw(st.dictionaries(TEXTS, TEXTS | st.integers(-99, 99) | st.booleans(), max_size=4)),
        seed=draw(st.integers(0, 2**53 - 1)),
        code=draw(DIGESTS),
        packages=draw(st.dictionaries(TEXTS, TEXTS, max_size=3)),
        machine=draw(TEXTS),
        started=started,
        finished=finished,
        metrics=draw(st.dictionaries(TEXTS, NUMBERS, max_size=3)),
        split=Split(draw(WHOLE_NUMBERS), *(draw(st.integers(0, 99)) for _ in range(4))),
    )


@st.composite
def claims(draw: st.DrawFn, parts: int = 2) -> Claim:
    return Claim(
        chain_id=draw(WHOLE_NUMBERS),
        tracks=draw(ADDRESSES),
        model=draw(WHOLE_NUMBERS),
        weights=draw(DIGESTS),
        creator=draw(ADDRESSES),
        seed=draw(st.integers(0, 2**53 - 1)),
        frames=draw(WHOLE_NUMBERS),
        rate=draw(RATES),
        channels=draw(CHANNELS),
        style=draw(shares(parts)),
        sampler=draw(st.dictionaries(TEXTS, TEXTS | st.integers(-99, 99), max_size=3)),
    )


@st.composite
def tracks(draw: st.DrawFn) -> TrackRecord:
    parts = draw(st.integers(1, 4))
    claim, content = draw(claims(parts)), draw(CONTENTS)
    return TrackRecord(
        claim=claim,
        audio=content.sha256,
        pcm=draw(DIGESTS),
        size=draw(WHOLE_NUMBERS),
        iscc=draw(ISCCS),
        fingerprint=draw(CONTENTS),
        content=content,
        attention=draw(shares(parts)),
        watermark=claim.watermark.hex(),
        royalty_ppm=draw(PARTS),
        model_record=draw(DIGESTS),
        created=draw(TIMES),
    )


@st.composite
def repeatable_tracks(draw: st.DrawFn) -> RepeatableTrackRecord:
    sampler = st.dictionaries(TEXTS, TEXTS | st.integers(-99, 99), max_size=3)
    return repeatable(draw(tracks()), Making(draw(DIGESTS), draw(TEXTS), draw(sampler)))


def repeatable(plain: TrackRecord, making: Making) -> RepeatableTrackRecord:
    return RepeatableTrackRecord(**{name.name: getattr(plain, name.name) for name in fields(plain)}, making=making)


def digest(name: str) -> Digest:
    return Digest.of(name.encode())


def content(name: str) -> ContentRef:
    return ContentRef(Cid.of_raw(name.encode()), "unixfs-v1-2025", digest(name))


HOLDER, TRAINER, CREATOR, TOKEN = (Address(bytes([number]) * 20) for number in (1, 2, 3, 4))


def a_dataset(count: int = 3) -> DatasetRecord:
    recordings = tuple(
        sorted(
            (
                Recording(
                    sha256=digest(f"file {number}"),
                    pcm=digest(f"samples {number}"),
                    size=1000 + number,
                    frames=44100,
                    rate=44100,
                    channels=2,
                    iscc=ISCC,
                    fingerprint=content(f"fingerprint {number}"),
                    content=content(f"ciphertext {number}"),
                    name_commitment=digest(f"name {number}"),
                )
                for number in range(count)
            ),
            key=lambda one: one.sha256,
        )
    )
    return DatasetRecord(
        root=recordings_root(recordings),
        asset="dataset:" + "a1" * 16,
        title="Songs for a winter",
        holder=HOLDER,
        license="CC-BY-4.0",
        terms=Terms(10**18, 50_000, ("train", "commercial"), TOKEN, LATER, "constrained", "allowed"),
        recordings=recordings,
        omitted=(Omission(None, "CorruptAudio", digest("name of a broken file")),),
        created=NOW,
    )


def labelled(plain: DatasetRecord, labels: Sequence[tuple[int, ...]]) -> LabelledDatasetRecord:
    """The same dataset, with numbers for labels."""
    same = {field.name: getattr(plain, field.name) for field in fields(plain)}
    recordings = tuple(replace(one, labels=own) for one, own in zip(plain.recordings, labels, strict=True))
    return LabelledDatasetRecord(**{**same, "recordings": recordings})


def a_labelled_dataset() -> LabelledDatasetRecord:
    return labelled(a_dataset(), [(1, 0, 1, 0, 1, 0), (1, 0, 2, 1, 2, 0), (2, 0, 1, 0, 1, 0)])


def a_license() -> LicenseRecord:
    return LicenseRecord("dataset", 1, a_dataset().digest, TRAINER, ("train",), NOW, LATER, 10**18, TOKEN, 50_000)


def a_training_run() -> TrainingRunRecord:
    dataset = a_dataset()
    return TrainingRunRecord(
        weights=digest("weights"),
        sealed=False,
        content=content("weights"),
        weights_size=4096,
        trainer=TRAINER,
        royalty_ppm=30_000,
        datasets=(
            DatasetUse(1, dataset.digest, dataset.root, 7, 600_000),
            DatasetUse(2, digest("another record"), digest("another root"), 0, 400_000),
        ),
        parents=(Parent(4, digest("a parent's record"), 8), Parent(5, digest("another parent's record"), 0)),
        preset="tiny",
        config={"layers": 3, "dropout": "0.1", "amp": False},
        seed=2026,
        code=digest("source"),
        packages={"torch": "2.13.0"},
        machine="x86_64, AVX2",
        started=NOW,
        finished=LATER,
        metrics={"loss": "0.25", "validation": "1e-05"},
        split=Split(100, 10, 10, 6, 1),
    )


def a_repeatable_track() -> RepeatableTrackRecord:
    return repeatable(a_track(), Making(digest("code"), "x86_64, Linux", {"longest": "1.5", "tries": 1}))


def a_track() -> TrackRecord:
    run = a_training_run()
    claim = Claim(
        chain_id=61,
        tracks=Address(b"\x09" * 20),
        model=1,
        weights=run.weights,
        creator=CREATOR,
        seed=5,
        frames=441_000,
        rate=44100,
        channels=2,
        style=(500_000, 500_000),
        sampler={"temperature": "0.9", "top_k": 40},
    )
    return TrackRecord(
        claim=claim,
        audio=digest("file"),
        pcm=digest("samples"),
        size=123_456,
        iscc=ISCC,
        fingerprint=content("fingerprint"),
        content=content("file"),
        attention=(700_000, 300_000),
        watermark=claim.watermark.hex(),
        royalty_ppm=100_000,
        model_record=run.digest,
        created=NOW,
    )
