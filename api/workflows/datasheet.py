"""A dataset's datasheet: Croissant 1.0 with its responsible-AI vocabulary, as JSON-LD that says only what is known.

Made from what everybody may read: the record and the chain. Where the holder names the folder of the recordings, their
labels are counted in; of people, artists and composers, only how many there are. Sources: the specifications at
docs.mlcommons.org/croissant, "Croissant Format Specification 1.0" and "Croissant RAI Specification 1.0".
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.errors import OutputExists, UsageError
from api.home import Home
from api.outputs import require_folder
from ledger import file
from ledger.records import LABELS

if TYPE_CHECKING:
    from gen.balance import Balance, Group
    from ledger.contracts import DatasetEntry
    from ledger.records import DatasetRecord
    from ledger.store import ContentStore

CONFORMS_TO = ("http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0")
PEOPLE = ("artist", "composer")
"""Labels that name people: counted, and never written."""
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_FIELDS = {
    "file": ("sc:Text", "The distribution that holds this recording, encrypted."),
    "sha256": ("sc:Text", "Of the file as it was registered, decrypted."),
    "pcm": ("sc:Text", "SHA-256 of its samples: interleaved, little-endian float32."),
    "seconds": ("sc:Float", "Length."),
    "rate": ("sc:Integer", "Samples per second."),
    "channels": ("sc:Integer", "One or two."),
    "iscc": ("sc:Text", "Audio code after ISO 24138."),
    **{name: ("sc:Integer", f"Number of its {name}: equal where that is the same, 0 if unknown.") for name in LABELS},
}


def write(home: Home, dataset_id: int, out: Path, folder: Path | None = None) -> dict[str, Any]:
    """Write a dataset's datasheet to ``out`` and return it; the same again is written once.

    folder: where its recordings lie, with their labels. Raises :class:`UsageError` where none of them does,
    :class:`~gen.errors.LabelError`, and :class:`OutputExists`.
    """
    from api.workflows import datasets

    with home.ledger() as ledger:
        entry, record = datasets.show(ledger, dataset_id)
        counted = None if folder is None else _counted(ledger.store, record, folder)
    sheet = datasheet(entry, record, counted, erased=key_erased(home, record))
    written = _written(sheet)
    require_folder(out, "--out")
    if out.exists() and (not out.is_file() or out.read_bytes() != written):
        raise OutputExists(f"{out} exists and is another file; move it or choose another name")
    file.write(out, lambda target: target.write(written))
    return sheet


def keep(home: Home, dataset_id: int) -> Path | None:
    """Write a dataset's datasheet, without labels, into the home, over an older one; None where its record is not here.

    It cannot be named in the record, whose digest it names.
    """
    from api.workflows import datasets
    from ledger.errors import BlockMissing

    try:
        with home.ledger() as ledger:
            entry, record = datasets.show(ledger, dataset_id)
            sheet = datasheet(entry, record, None, erased=key_erased(home, record))
    except BlockMissing:
        return None
    out = home.folder("datasheets") / f"dataset-{dataset_id}.json"
    file.write(out, lambda target: target.write(_written(sheet)))
    return out


def _written(sheet: dict[str, Any]) -> bytes:
    return (json.dumps(sheet, ensure_ascii=False, indent=2) + "\n").encode()


def key_erased(home: Home, record: DatasetRecord) -> bool:
    """Whether this is the holder's home, and has no key of the recordings any more."""
    from api.data_keys import of_recordings
    from ledger.vault import Vault

    own = home.keystore().name_of(record.holder) is not None
    asset = of_recordings(record.asset, record.root, record.holder)
    return own and not Vault.lies_in(home.path / "vault", asset)


def datasheet(
    entry: DatasetEntry, record: DatasetRecord, counted: Balance | None, *, erased: bool = False
) -> dict[str, Any]:
    """The JSON-LD of a dataset; ``counted`` are the holder's labels, ``erased`` says that the holder has no key."""
    seconds = sum(item.frames / item.rate for item in record.recordings)
    many = f"{len(record.recordings)} recordings, {seconds / 60:.1f} min"
    holder = {"@type": "sc:Organization", "name": str(record.holder)}
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS_TO),
        "name": record.title,
        "description": f"{many} of sound, registered by {record.holder} under the Merkle root {record.root}. "
        + (
            "The files are encrypted, and their holder has erased the key: nobody is given it any more."
            if erased
            else "The files are encrypted; whoever is licensed on chain gets their key."
        ),
        "url": f"ipfs://{entry.cid}",
        "license": _license(record.license),
        "version": "1.0.0",
        "datePublished": record.created,
        "creator": holder,
        "publisher": holder,
        "citeAs": f"{record.title}. Dataset {entry.id}, record sha256:{entry.record}.",
        "isLiveDataset": False,
        **_responsible(entry, record, counted, erased=erased),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": f"recording-{number}",
                "name": f"recording-{number}",
                "description": "One recording as AES-256-GCM-HKDF ciphertext (Tink streaming, segments of 1 MiB).",
                "contentUrl": f"ipfs://{item.content.cid}",
                "encodingFormat": "application/octet-stream",
                "sha256": str(item.content.sha256),
            }
            for number, item in enumerate(record.recordings, start=1)
        ],
        "recordSet": [_table(record)],
    }


def _table(record: DatasetRecord) -> dict[str, Any]:
    rows = [
        {
            "file": f"recording-{number}",
            "sha256": str(item.sha256),
            "pcm": str(item.pcm),
            "seconds": round(item.frames / item.rate, 3),
            "rate": item.rate,
            "channels": item.channels,
            "iscc": item.iscc,
            **dict(zip(LABELS, item.labels or (0,) * len(LABELS), strict=True)),
        }
        for number, item in enumerate(record.recordings, start=1)
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": "recordings",
        "name": "recordings",
        "description": "What the record says of each recording.",
        "key": {"@id": "recordings/file"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"recordings/{name}",
                "name": name,
                "description": meaning,
                "dataType": kind,
            }
            for name, (kind, meaning) in _FIELDS.items()
        ],
        "data": [{f"recordings/{name}": value for name, value in row.items()} for row in rows],
    }


def _rates(record: DatasetRecord) -> str:
    """What is true of the recordings' rates."""
    lower = sum(recording.rate < 44_100 for recording in record.recordings)
    at_least = "at least 44.1 kHz"
    return f"{at_least}, but for {lower} of a lower rate that the holder let in" if lower else at_least


def _responsible(
    entry: DatasetEntry, record: DatasetRecord, counted: Balance | None, *, erased: bool
) -> dict[str, Any]:
    """The rai: properties; what nobody knows is left out, or said to be unknown."""
    reasons = Counter(omission.reason for omission in record.omitted)
    left_out = ", ".join(f"{number} x {reason}" for reason, number in sorted(reasons.items()))
    terms = entry.in_force
    uses = ", ".join(terms.uses)
    found: dict[str, Any] = {
        "rai:dataCollection": "A rights holder's own folder of recordings. Every file was decoded and checked when it "
        f"was registered: whole, not silent, mono or stereo, {_rates(record)}.",
        "rai:dataCollectionType": ["Others"],
        "rai:dataCollectionMissingData": f"Left out, by reason: {left_out}." if left_out else "No file was left out.",
        "rai:dataPreprocessingProtocol": [
            "None. The files are stored byte by byte as they were registered, encrypted under one key."
        ],
        "rai:dataUseCases": [
            f"Licensed for: {uses}." if uses else "No licenses are on sale.",
            f"Without a license: data mining {terms.data_mining}, inference {terms.inference} (ERC-7517).",
        ],
        "rai:dataLimitations": [
            "Nothing can be heard: the holder has erased the key, and only who was given it before has it."
            if erased
            else "Nothing can be heard without a license, whose holder asks for the key by signature."
        ],
        "rai:personalSensitiveInformation": [
            "Music may hold voices and performances of people who can be recognised. File names, tags and labels are "
            "not part of the dataset: its record holds salted commitments to the names, and numbers that say which "
            "recordings have a label in common: who recognises one recording of an artist knows the others as well."
        ],
        "rai:dataReleaseMaintenancePlan": "A dataset never changes; other recordings are another dataset. "
        + ("Its holder can withdraw consent on chain" if entry.consent else "Its holder has withdrawn consent on chain")
        + "; no license is sold after that, and licenses sold before stay valid.",
    }
    if counted is None:
        found["rai:dataLimitations"].append("Genre, era, region and the number of artists are not stated.")
        return found
    found["rai:dataAnnotationProtocol"] = ["Labels by the holder: tags of the files, or a table beside them."]
    found["rai:dataBiases"] = [
        f"Counted: {counted.takes} takes, {counted.seconds / 60:.1f} min; copies of these left out: {counted.copies}.",
        *(_shares(field, groups, counted.seconds) for field, groups in counted.groups.items()),
    ]
    return found


def _shares(field: str, groups: tuple[Group, ...], total: float) -> str:
    known = [group for group in groups if group.name is not None]
    unknown = sum(group.seconds for group in groups if group.name is None)
    ending = f"unknown {unknown / total:.0%}."
    if not known or field in PEOPLE:
        most = f", the most frequent {known[0].seconds / total:.0%}" if known else ""
        return f"By {field}: {len(known)} named{most}, {ending}"
    under = [str(group.name) for group in known if group.under]
    small = f" Under-represented, with less than half of an even share: {', '.join(under)}." if under else ""
    parts = ", ".join(f"{group.name} {group.seconds / total:.0%}" for group in known)
    return f"By {field}: {parts}, {ending}{small}"


def _counted(store: ContentStore, record: DatasetRecord, folder: Path) -> Balance:
    """The labels of the recordings that are in a folder, found by their digests."""
    from api.decoders import Decoders
    from api.errors import printable
    from api.workflows import labels as said
    from gen.balance import balance
    from gen.corpus import scan
    from gen.fingerprint import Fingerprint
    from gen.labels import Labels
    from gen.similarity import alike, families
    from ledger.digest import Digest

    paths = scan(folder).recordings
    table = said.table(folder, paths)
    labels: dict[Digest, Labels] = {}
    with Decoders() as decoders:
        for path, own in said.of(paths, table, decoders).items():
            digest = Digest.of_file(path)
            labels[digest] = labels.get(digest, Labels()).over(Labels(**own))
    if not any(item.sha256 in labels for item in record.recordings):
        raise UsageError(f"{printable(folder)}: holds none of the dataset's recordings")
    prints = [Fingerprint.from_bytes(store.read_bytes(item.fingerprint.cid)) for item in record.recordings]
    return balance(
        [item.frames / item.rate for item in record.recordings],
        [labels.get(item.sha256, Labels()) for item in record.recordings],
        families(len(prints), [(pair.one, pair.other) for pair in alike(prints)]),
    )


def _license(name: str) -> str:
    """An identifier of SPDX as its address; a name of the holder's own as it is."""
    return (
        name if name.startswith("LicenseRef-") or " " in name else f"https://spdx.org/licenses/{name.removesuffix('+')}"
    )
