"""What a manifest of ours says of where a track comes from: enough to look everything up, nothing of a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from ledger.address import Address
from ledger.digest import Digest
from ledger.records.fields import Fields

ORIGIN = "org.stemmata.origin"
"""The label of our own assertion."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a track comes from: enough to look everything up, nothing of a person."""

    chain_id: int
    tracks: Address
    """The contract with the token."""
    token: str
    """Its number, 16 lower-case hex digits: the watermark's too."""
    claim: Digest
    model_record: Digest
    weights: Digest
    datasets: tuple[Digest, ...]
    """The records of the datasets that the model was trained on."""

    def to_json(self) -> dict[str, Any]:
        """As in the assertion."""
        return {
            "chainId": self.chain_id,
            "tracks": str(self.tracks),
            "token": self.token,
            "claim": str(self.claim),
            "modelRecord": str(self.model_record),
            "weights": str(self.weights),
            "datasets": [str(each) for each in self.datasets],
        }

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Raises :class:`MalformedRecord`."""
        return cls(
            chain_id=fields.integer("chainId"),
            tracks=fields.address("tracks"),
            token=fields.text("token"),
            claim=fields.digest("claim"),
            model_record=fields.digest("modelRecord"),
            weights=fields.digest("weights"),
            datasets=tuple(Digest.parse(each) for each in fields.texts("datasets")),
        )
