"""CycloneDX 1.6: a model's bill of materials with its model card, as JSON (ECMA-424; cyclonedx.org/docs/1.6/json).

The parts are the datasets, the models it began from, and the packages that trained it. What nobody measured or said is
left out.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from api.exports.names import word
from api.exports.slsa import package_url

if TYPE_CHECKING:
    from api.exports.names import Names
    from api.exports.whole import WholeDataset, WholeModel, WholeTrack
    from ledger.digest import Digest

SPEC_VERSION = "1.6"


def of_model(node: WholeModel, names: Names) -> dict[str, Any]:
    """A model: its card, and what it was made of."""
    return _bill(_model(node, names), _parts(node, names), node.entry.record, node.record.finished)


def of_track(node: WholeTrack, names: Names) -> dict[str, Any]:
    """A track as data that depends on the model, and the model's own parts below it."""
    record = node.record
    track = {
        "type": "data",
        "bom-ref": names.track(node.entry.id),
        "name": f"track {record.watermark}",
        "hashes": _hashes(record.audio),
        "externalReferences": [{"type": "distribution", "url": f"ipfs://{record.content.cid}"}],
        "properties": [
            _property("token", names.track(node.entry.id)),
            _property("pcmSha256", str(record.pcm)),
            _property("iscc", record.iscc),
            _property("watermark", record.watermark),
            _property("seed", str(record.claim.seed)),
        ],
    }
    model = _model(node.model, names)
    bill = _bill(track, [model, *_parts(node.model, names)], node.entry.record, record.created)
    bill["dependencies"] = [
        {"ref": track["bom-ref"], "dependsOn": [model["bom-ref"]]},
        *_dependencies(node.model, names),
    ]
    return bill


def _bill(about: dict[str, Any], parts: list[dict[str, Any]], record: Digest, time: str) -> dict[str, Any]:
    refs = [part["bom-ref"] for part in parts]
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        # The same record makes the same bill.
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, f"cyclonedx {record}").urn,
        "version": 1,
        "metadata": {"timestamp": time, "component": about},
        "components": parts,
        "dependencies": [{"ref": about["bom-ref"], "dependsOn": refs}],
    }


def _dependencies(node: WholeModel, names: Names) -> list[dict[str, Any]]:
    return [{"ref": names.model(node.entry.id), "dependsOn": [part["bom-ref"] for part in _parts(node, names)]}]


def _model(node: WholeModel, names: Names) -> dict[str, Any]:
    record = node.record
    return {
        "type": "machine-learning-model",
        "bom-ref": names.model(node.entry.id),
        "name": f"model {node.entry.id}",
        "manufacturer": {"name": names.account(record.trainer)},
        "hashes": _hashes(record.weights),
        "externalReferences": [
            {"type": "distribution", "url": f"ipfs://{record.content.cid}"},
            {"type": "attestation", "url": f"ipfs://{node.entry.cid}", "hashes": _hashes(node.entry.record)},
        ],
        "modelCard": {
            "modelParameters": {
                "task": "music generation",
                "datasets": [{"ref": names.dataset(each.entry.id)} for each in node.datasets],
                "outputs": [{"format": "audio"}],
            },
            "quantitativeAnalysis": {
                "performanceMetrics": [
                    {"type": name, "value": value} for name, value in sorted(record.metrics.items())
                ],
            },
        },
        "properties": [
            _property("token", names.model(node.entry.id)),
            _property("preset", record.preset),
            _property("seed", str(record.seed)),
            _property("machine", record.machine),
            _property("codeSha256", str(record.code)),
            _property("sealed", word(record.sealed)),
            *(_property(f"config:{name}", word(value)) for name, value in sorted(record.config.items())),
        ],
    }


def _parts(node: WholeModel, names: Names) -> list[dict[str, Any]]:
    parents = [
        {
            "type": "machine-learning-model",
            "bom-ref": names.model(each.id),
            "name": f"model {each.id}",
            "properties": [_property("token", names.model(each.id)), _property("recordSha256", str(each.record))],
        }
        for each in node.record.parents
    ]
    packages = [
        {
            "type": "library",
            "bom-ref": package_url(name, version),
            "name": name,
            "version": version,
            "purl": package_url(name, version),
        }
        for name, version in sorted(node.record.packages.items())
    ]
    return [*(_dataset(each, names) for each in node.datasets), *parents, *packages]


def _dataset(node: WholeDataset, names: Names) -> dict[str, Any]:
    record = node.record
    license_ = "no license was needed: the trainer owned it" if node.license is None else f"license {node.license.id}"
    return {
        "type": "data",
        "bom-ref": names.dataset(node.entry.id),
        "name": record.title,
        "licenses": [{"license": {"name": record.license}}],
        "externalReferences": [
            {"type": "attestation", "url": f"ipfs://{node.entry.cid}", "hashes": _hashes(node.entry.record)},
        ],
        "data": [
            {
                "type": "dataset",
                "name": record.title,
                "contents": {"url": f"ipfs://{node.entry.cid}"},
                "classification": "encrypted; opens for licensees",
                "governance": {"owners": [{"organization": {"name": names.account(node.entry.owner)}}]},
            }
        ],
        "properties": [
            _property("token", names.dataset(node.entry.id)),
            _property("merkleRoot", str(record.root)),
            _property("recordings", str(len(record.recordings))),
            _property("seconds", f"{node.seconds:.3f}"),
            _property("sharePpm", str(node.share_ppm)),
            _property("trainedUnder", license_),
        ],
    }


def _hashes(sha256: Digest) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": str(sha256)}]


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": f"stemmata:{name}", "value": value}
