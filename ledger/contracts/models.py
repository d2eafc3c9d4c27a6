"""Verbs of ``contracts/Models.sol``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ledger.contracts.entries import ModelEntry
from ledger.contracts.verbs import Verbs
from ledger.contracts.words import terms_of, terms_word
from ledger.digest import Digest

if TYPE_CHECKING:
    from ledger.keys import Signer
    from ledger.records import Terms


class ModelVerbs(Verbs):
    """Record training runs, and say what licenses of models are sold for."""

    def record_model(
        self,
        signer: Signer,
        weights: Digest,
        record: Digest,
        cid: str,
        datasets: Sequence[tuple[int, int]],
        *,
        parents: Sequence[int] = (),
        royalty_ppm: int = 0,
    ) -> ModelEntry:
        """Record a training run; the signer is its trainer, and owns the model.

        Args:
            signer: licensed to train on every dataset and parent, or their owner.
            weights: digest of the weights file.
            record: digest of the signed training record.
            cid: where that lies.
            datasets: pairs of a dataset's id and its share in ppm, in ascending order, 1,000,000 in all.
            parents: models that the training began from, in ascending order.
            royalty_ppm: part of a track's income that the model's holder asks, for good.

        Raises:
            LicenseMissing: the signer may not train on one of them; the message names it.
            AlreadyRegistered: the weights have a token; the error's ``id`` is the model.
            ArgumentRefused: the shares do not make one whole, an order is wrong, or all that would be owed is more
                than one whole.
        """
        ids = [id for id, _ in datasets]  # noqa: A001
        shares = [share for _, share in datasets]
        run = (weights, record, royalty_ppm, ids, shares, list(parents), cid)
        self._on.send(signer, "Models", "record", run)
        return self.model(self._recorded(weights))

    def model(self, id: int) -> ModelEntry:  # noqa: A002
        """A model by its token."""
        block = self._on.known("Models", "model", "blockOf", id)
        said = self._on.told("Models", "Recorded", block, id)
        owner, terms, _ = self._on.view("Models", "offer", id)
        datasets = zip(said.arguments["datasets"], said.arguments["sharesPpm"], strict=True)
        return ModelEntry(
            id=id,
            weights=Digest(said.arguments["weights"]),
            record=Digest(said.arguments["record"]),
            cid=said.arguments["cid"],
            trainer=said.arguments["trainer"],
            owner=owner,
            royalty_ppm=said.arguments["royaltyPpm"],
            datasets=tuple(datasets),
            parents=said.arguments["parents"],
            terms=terms_of(terms),
            block=block,
            time=self.chain.timestamp(block),
            tx=said.tx,
        )

    def model_by_weights(self, weights: Digest) -> ModelEntry | None:
        """The model with these weights, if any."""
        found = self._recorded(weights)
        return self.model(found) if found else None

    def models(self) -> tuple[ModelEntry, ...]:
        """Every model, in the order of recording."""
        return tuple(self.model(id) for id in range(1, self._on.view("Models", "count") + 1))  # noqa: A001

    def change_model_terms(self, signer: Signer, id: int, terms: Terms) -> ModelEntry:  # noqa: A002
        """Offer licenses of a model, or change the offer, for licenses sold from now on; its royalty cannot change.

        Raises:
            NotOwner: the signer does not own the model.
            ArgumentRefused: terms out of range, another royalty, or their end has passed.
        """
        self._on.send(signer, "Models", "changeTerms", id, terms_word(terms))
        return self.model(id)

    def _recorded(self, weights: Digest) -> int:
        model, _ = self._on.view("Models", "byWeights", weights)
        return int(model)
