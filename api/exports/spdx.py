"""SPDX 3.0.1: a model as an AI package that was trained on dataset packages, in JSON-LD (spdx.github.io/spdx-spec).

Profiles: Core, Software, AI, Dataset, SimpleLicensing. What their minimum wants and nobody recorded is not made up: a
dataset's ``builtTime`` is when it was registered, and the package's version is the digest of its record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from api.exports.names import NAMESPACE, word

if TYPE_CHECKING:
    from api.exports.names import Names
    from api.exports.whole import WholeDataset, WholeModel, WholeTrack
    from ledger.address import Address
    from ledger.digest import Digest

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
_CREATION = "_:creation"
_TOOL = f"{NAMESPACE}software"
Element = dict[str, Any]


def of_model(node: WholeModel, names: Names) -> dict[str, Any]:
    """A model and what it was trained on."""
    return _document(_model(node, names), names.model(node.entry.id), node.record.finished, ai=True)


def of_dataset(node: WholeDataset, names: Names) -> dict[str, Any]:
    """A dataset."""
    return _document(_dataset(node, names), names.dataset(node.entry.id), node.record.created, ai=False)


def of_track(node: WholeTrack, names: Names) -> dict[str, Any]:
    """A track as a file that the model generated."""
    record, name = node.record, names.track(node.entry.id)
    file = _element(
        "software_File",
        name,
        name=f"track {record.watermark}",
        software_primaryPurpose="data",
        verifiedUsing=[_hash(record.audio)],
        originatedBy=[names.account(record.claim.creator)],
        comment=f"PCM SHA-256 {record.pcm}; {record.iscc}; watermark {record.watermark}; ipfs://{record.content.cid}",
    )
    elements = [
        *_model(node.model, names),
        *_agent(record.claim.creator, names),
        file,
        *_related(names.model(node.entry.model), "generates", [name]),
    ]
    return _document(elements, name, record.created, ai=True)


def _document(elements: list[Element], root: str, time: str, *, ai: bool) -> dict[str, Any]:
    unique = {element["spdxId"]: element for element in elements}
    tool = _element("SoftwareAgent", _TOOL, name="Stemmata")
    profiles = ["core", "software", *(["ai"] if ai else []), "dataset", "simpleLicensing"]
    document = _element(
        "SpdxDocument", f"{root}#spdx", profileConformance=profiles, rootElement=[root], element=[*unique, _TOOL]
    )
    creation = {"type": "CreationInfo", "@id": _CREATION, "specVersion": "3.0.1", "created": time, "createdBy": [_TOOL]}
    return {"@context": CONTEXT, "@graph": [creation, document, tool, *unique.values()]}


def _model(node: WholeModel, names: Names) -> list[Element]:
    record, name = node.record, names.model(node.entry.id)
    package = _element(
        "ai_AIPackage",
        name,
        name=f"model {node.entry.id}",
        suppliedBy=names.account(record.trainer),
        releaseTime=record.finished,
        verifiedUsing=[_hash(record.weights)],
        software_packageVersion=str(node.entry.record),
        software_primaryPurpose="model",
        software_downloadLocation=f"ipfs://{record.content.cid}",
        ai_domain=["music"],
        ai_informationAboutTraining=f"Preset {record.preset}, seed {record.seed}, from {record.started} to "
        f"{record.finished}, on {record.machine}; source SHA-256 {record.code}.",
        ai_hyperparameter=_entries({key: word(value) for key, value in record.config.items()}),
        ai_metric=_entries(record.metrics),
    )
    elements = [package, *_agent(record.trainer, names)]
    for each in node.datasets:
        elements += _dataset(each, names)
    elements += _related(name, "trainedOn", [names.dataset(each.entry.id) for each in node.datasets])
    for parent in record.parents:
        version = str(parent.record)
        older = names.model(parent.id)
        elements.append(_element("ai_AIPackage", older, name=f"model {parent.id}", software_packageVersion=version))
    elements += _related(name, "descendantOf", [names.model(parent.id) for parent in record.parents])
    return elements


def _dataset(node: WholeDataset, names: Names) -> list[Element]:
    record, name = node.record, names.dataset(node.entry.id)
    package = _element(
        "dataset_DatasetPackage",
        name,
        name=record.title,
        originatedBy=[names.account(record.holder)],
        builtTime=record.created,
        releaseTime=record.created,
        software_packageVersion=str(node.entry.record),
        software_primaryPurpose="data",
        software_downloadLocation=f"ipfs://{node.entry.cid}",
        verifiedUsing=[_hash(node.entry.record)],
        dataset_datasetType=["audio"],
        dataset_datasetSize=sum(item.size for item in record.recordings),
        dataset_datasetAvailability="registration",
        dataset_dataCollectionProcess="A rights holder's own folder of recordings, each decoded and checked at its "
        f"registration: {len(record.recordings)} recordings, {node.seconds:.3f} s, Merkle root {record.root}.",
        dataset_intendedUse=f"As licensed on chain: {', '.join(node.entry.in_force.uses) or 'nothing is on sale'}.",
    )
    return [package, *_agent(record.holder, names), *_license(record.license, name)]


def _license(license_: str, dataset: str) -> list[Element]:
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    name = f"{dataset}#license"
    try:
        expression = canonicalize_license_expression(license_)
        element = _element("simplelicensing_LicenseExpression", name, simplelicensing_licenseExpression=expression)
    except InvalidLicenseExpression:  # words of the holder's own
        element = _element("simplelicensing_SimpleLicensingText", name, simplelicensing_licenseText=license_)
    return [element, *_related(dataset, "hasDeclaredLicense", [name])]


def _agent(account: Address, names: Names) -> list[Element]:
    return [_element("Agent", names.account(account), name=str(account))]


def _related(source: str, kind: str, targets: list[str]) -> list[Element]:
    """The relationship to all of these, or none where there are none."""
    said = {"from": source, "to": targets, "relationshipType": kind}
    return [_element("Relationship", f"{source}#{kind}", **said)] if targets else []


def _element(kind: str, iri: str, /, **said: Any) -> Element:
    known = {key: value for key, value in said.items() if value != []}
    return {"type": kind, "spdxId": iri, "creationInfo": _CREATION, **known}


def _hash(sha256: Digest) -> Element:
    return {"type": "Hash", "algorithm": "sha256", "hashValue": str(sha256)}


def _entries(table: Mapping[str, str]) -> list[Element]:
    return [{"type": "DictionaryEntry", "key": key, "value": value} for key, value in sorted(table.items())]
