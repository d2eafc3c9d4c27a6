"""What a chain says of a track and all behind it, in plain JSON: for whoever checks records and decodes no contract.

One claim for each record: where it lies and its digest, who has to have signed it, the block that registered it,
whether that key had ended by then, and what the record has to say, by the path of each field.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ledger.records import timestamp

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.contracts import Contracts, DatasetEntry, LicenseEntry, ModelEntry, TrackEntry
    from ledger.lineage import DatasetNode, ModelNode, TrackNode

# No record can say a later time; such an end is none.
_LAST = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())


def claims(contracts: Contracts, tracks: Iterable[TrackNode]) -> list[dict[str, Any]]:
    """The claims of every track, each followed by those of its model, datasets and licenses.

    Raises what a chain does.
    """
    found = []
    for node in tracks:
        found.append(_track(contracts, node))
        found.append(_model(contracts, node.model))
        for dataset in node.model.datasets:
            found.append(_dataset(contracts, dataset, node.model.entry))
            if dataset.license is not None:
                found.append(_license(contracts, dataset.license, dataset.entry))
    return found


def _track(contracts: Contracts, node: TrackNode) -> dict[str, Any]:
    entry, model, place = node.entry, node.model.entry, contracts.deployment
    proof = {} if entry.anchored is None else {"anchored": entry.anchored.to_json()}
    licensed = entry.creator == model.trainer or contracts.is_licensed(
        "model", model.id, entry.creator, "generate", block=entry.block
    )
    return {
        **_record(contracts, "track", f"{entry.id:016x}", entry, entry.creator),
        **proof,
        "claim": str(entry.claim),
        "licensed": licensed,
        "final": contracts.depth(entry.block).blocks >= contracts.depth(entry.block).final,
        "says": {
            "subject.audio": str(entry.audio),
            "content.sha256": str(entry.audio),
            "watermark": f"{entry.id:016x}",
            "royaltyPpm": entry.royalty_ppm,
            "modelRecord": str(model.record),
            "claim.creator": str(entry.creator),
            "claim.chainId": place.chain_id,
            "claim.tracks": str(place.tracks),
            "claim.model": model.id,
            "claim.weights": str(model.weights),
        },
    }


def _model(contracts: Contracts, node: ModelNode) -> dict[str, Any]:
    entry = node.entry
    return {
        **_record(contracts, "model", str(entry.id), entry, entry.trainer),
        "says": {
            "subject.weights": str(entry.weights),
            "trainer": str(entry.trainer),
            "royaltyPpm": entry.royalty_ppm,
            "datasets.id": [id for id, _ in entry.datasets],  # noqa: A001
            "datasets.sharePpm": [share for _, share in entry.datasets],
            "datasets.record": [str(dataset.entry.record) for dataset in node.datasets],
            "datasets.root": [str(dataset.entry.root) for dataset in node.datasets],
            "parents.id": list(entry.parents),
        },
    }


def _dataset(contracts: Contracts, node: DatasetNode, model: ModelEntry) -> dict[str, Any]:
    entry = node.entry
    return {
        **_record(contracts, "dataset", str(entry.id), entry, entry.holder),
        "licensed": contracts.is_licensed("dataset", entry.id, model.trainer, "train", block=model.block),
        "license": 0 if node.license is None else node.license.id,
        "says": {
            "subject.recordings": str(entry.root),
            "holder": str(entry.holder),
            "terms": entry.registered_terms.to_json(),
        },
    }


def _license(contracts: Contracts, entry: LicenseEntry, dataset: DatasetEntry) -> dict[str, Any]:
    signers = (entry.licensee,) if entry.price else (contracts.licensor(entry), entry.licensee)
    until = entry.valid_until
    return {
        **_record(contracts, "license", f"{entry.id} of dataset {dataset.id}", entry, *signers),
        "says": {
            "subject.dataset": str(dataset.record),
            "subjectId": dataset.id,
            "licensee": str(entry.licensee),
            "uses": list(entry.uses),
            "validUntil": None if until is None or until > _LAST else timestamp(datetime.fromtimestamp(until, UTC)),
            "price": str(entry.price),
            "currency": None if entry.currency is None else str(entry.currency),
            "royaltyPpm": entry.royalty_ppm,
        },
    }


def _record(
    contracts: Contracts,
    kind: str,
    name: str,
    entry: TrackEntry | ModelEntry | DatasetEntry | LicenseEntry,
    *signers: Address,
) -> dict[str, Any]:
    ends = {str(signer): contracts.key_end(signer) for signer in signers}
    return {
        "kind": kind,
        "id": name,
        "cid": entry.cid,
        "record": str(entry.record),
        "signers": [str(signer) for signer in signers],
        "ended": [signer for signer, end in ends.items() if end is not None and end.block <= entry.block],
        "block": entry.block,
        "tx": entry.tx,
    }
