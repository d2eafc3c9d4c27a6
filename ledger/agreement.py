"""What a track's record has to say as the chain does, and whether its creator could have minted it in its block."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.contracts import Contracts, ModelEntry, TrackEntry
    from ledger.deployment import Deployment
    from ledger.records import TrackRecord


def pairs(
    record: TrackRecord, entry: TrackEntry, model: ModelEntry, deployment: Deployment
) -> dict[str, tuple[object, object]]:
    """What the record says and what the chain holds, by name: each two are equal in a record that is the track's."""
    claim = record.claim
    return {
        "claim": (claim.digest, entry.claim),
        "watermark": (claim.token, entry.id),
        "royalty": (record.royalty_ppm, entry.royalty_ppm),
        "audio digest": (record.audio, entry.audio),
        "creator": (claim.creator, entry.creator),
        "chain id": (claim.chain_id, deployment.chain_id),
        "contract": (claim.tracks, deployment.tracks),
        "model": (claim.model, entry.model),
        "weights": (claim.weights, model.weights),
        "model record": (record.model_record, model.record),
    }


def licensed(contracts: Contracts, entry: TrackEntry) -> bool:
    """Whether a track's creator trained its model, or was licensed to generate with it, in the track's block.

    Minting asks for it, and anchoring asks nobody. Raises what a chain does.
    """
    model = contracts.model(entry.model)
    return entry.creator == model.trainer or contracts.is_licensed(
        "model", model.id, entry.creator, "generate", block=entry.block
    )


def precedes(contracts: Contracts, entry: TrackEntry, minted: TrackEntry) -> bool:
    """Whether another could have minted the same file, and had anchored it in an earlier block; may raise as above."""
    another = entry.anchored is not None and entry.audio == minted.audio and entry.creator != minted.creator
    return another and entry.block < minted.block and licensed(contracts, entry)


def may_be_believed(contracts: Contracts, entry: TrackEntry, record: TrackRecord) -> bool:
    """Whether an anchored track is one that its creator could have minted under this record. Raises what a chain does.

    Without this anybody could anchor another's record, or one that names another's sound, and so cast doubt on it.
    """
    said = pairs(record, entry, contracts.model(entry.model), contracts.deployment)
    return all(ours == held for ours, held in said.values()) and licensed(contracts, entry)
