"""Verbs of ``contracts/Datasets.sol``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.contracts.entries import DatasetEntry
from ledger.contracts.verbs import Verbs
from ledger.contracts.words import terms_of, terms_word
from ledger.digest import Digest

if TYPE_CHECKING:
    from ledger.keys import Signer
    from ledger.records import Terms


class DatasetVerbs(Verbs):
    """Register datasets, say what they are sold for, end consent."""

    def register_dataset(self, signer: Signer, root: Digest, record: Digest, cid: str, terms: Terms) -> DatasetEntry:
        """Register a dataset under its Merkle root; the signer becomes its holder.

        Raises:
            AlreadyRegistered: the root has a token; the error's ``id`` is the dataset.
            ArgumentRefused: terms out of range, or their end has passed.
        """
        self._on.send(signer, "Datasets", "register", root, record, terms_word(terms), cid)
        return self.dataset(self._filed(root))

    def dataset(self, id: int) -> DatasetEntry:  # noqa: A002
        """A dataset by its token."""
        block = self._on.known("Datasets", "dataset", "blockOf", id)
        said = self._on.told("Datasets", "Registered", block, id)
        owner, terms, closed = self._on.view("Datasets", "offer", id)
        return DatasetEntry(
            id=id,
            root=Digest(said.arguments["root"]),
            record=Digest(said.arguments["record"]),
            cid=said.arguments["cid"],
            holder=said.arguments["holder"],
            owner=owner,
            terms=terms_of(terms),
            registered_terms=terms_of(said.arguments["terms"]),
            consent=not closed,
            block=block,
            time=self.chain.timestamp(block),
            tx=said.tx,
        )

    def dataset_by_root(self, root: Digest) -> DatasetEntry | None:
        """The dataset registered under a root, if any."""
        found = self._filed(root)
        return self.dataset(found) if found else None

    def datasets(self) -> tuple[DatasetEntry, ...]:
        """Every dataset, in the order of registration."""
        return tuple(self.dataset(id) for id in range(1, self._on.view("Datasets", "count") + 1))  # noqa: A001

    def change_dataset_terms(self, signer: Signer, id: int, terms: Terms) -> DatasetEntry:  # noqa: A002
        """Change what licenses are sold for from now on. Those sold before keep what was agreed.

        Raises:
            NotOwner: the signer does not own the dataset.
            ConsentWithdrawn: nothing is sold any more.
            ArgumentRefused: terms out of range, or their end has passed.
        """
        self._on.send(signer, "Datasets", "changeTerms", id, terms_word(terms))
        return self.dataset(id)

    def withdraw_consent(self, signer: Signer, id: int) -> None:  # noqa: A002
        """Withdraw consent, for good: no license is sold or granted any more. Those that exist stay valid.

        Raises:
            NotOwner: the signer does not own the dataset.
            ConsentWithdrawn: it is done already.
        """
        self._on.send(signer, "Datasets", "withdrawConsent", id)

    def _filed(self, root: Digest) -> int:
        dataset, _ = self._on.view("Datasets", "byRoot", root)
        return int(dataset)
