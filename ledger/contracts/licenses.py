"""Verbs of ``contracts/Licenses.sol``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ledger.abi import Event
from ledger.address import Address
from ledger.contracts.entries import LicenseEntry, SubjectKind
from ledger.contracts.till import TillVerbs
from ledger.contracts.words import (
    content_of,
    content_word,
    currency_of,
    end_of,
    end_word,
    mask,
    terms_word,
    uses_of,
)
from ledger.deployment import NOUNS
from ledger.digest import Digest
from ledger.errors import ChainUnreachable, NotFound

if TYPE_CHECKING:
    from ledger.keys import Signer
    from ledger.network import Receipt
    from ledger.records import Terms


class LicenseVerbs(TillVerbs):
    """Buy and grant licenses, and ask who is licensed."""

    def buy_license(
        self,
        signer: Signer,
        kind: SubjectKind,
        subject_id: int,
        uses: Sequence[str],
        record: Digest,
        cid: str,
        terms: Terms,
    ) -> LicenseEntry:
        """Buy a license of a dataset or model; ``terms`` are what the buyer agrees to, and must be those on offer.

        Of the terms, price, currency, end and royalty count. A price in a token is taken from the signer, who has to
        :meth:`allow` it first.

        Raises:
            ConsentWithdrawn, UseNotOffered
            PriceNotMet: the terms on offer are others now.
            PaymentShort: the token keeps a part of what is paid with it.
            ArgumentRefused: the licenses on offer have run out, or ``cid`` is not that of one raw block.
        """
        price, until, royalty_ppm, _, _, currency = terms_word(terms)
        receipt = self._on.send(
            signer,
            "Licenses",
            "buy",
            self._subject(kind),
            subject_id,
            mask(uses),
            (price, currency, until, royalty_ppm),
            record,
            content_word(cid),
            value=price if terms.currency is None else 0,
        )
        return self._issued(receipt, subject_id, signer.address)

    def grant_license(
        self,
        signer: Signer,
        kind: SubjectKind,
        subject_id: int,
        licensee: Address,
        uses: Sequence[str],
        until: int | None,
        record: Digest,
        cid: str,
    ) -> LicenseEntry:
        """Grant a license of a dataset or model that the signer owns; ``until`` is Unix time, None for no end.

        Raises:
            NotOwner: the signer does not own the dataset or model.
            ConsentWithdrawn: the dataset's consent has been withdrawn.
            ArgumentRefused: ``until`` has passed or does not fit 40 bits; a use that does not exist, or none.
        """
        receipt = self._on.send(
            signer,
            "Licenses",
            "grant",
            self._subject(kind),
            subject_id,
            licensee,
            mask(uses),
            end_word(until),
            record,
            content_word(cid),
        )
        return self._issued(receipt, subject_id, licensee)

    def license(self, kind: SubjectKind, subject_id: int, licensee: Address, id: int) -> LicenseEntry:  # noqa: A002
        """A license by its subject, its licensee and its number."""
        for entry in self.licenses(kind, subject_id, licensee):
            if entry.id == id:
                return entry
        raise NotFound(f"no license {id} of {kind} {subject_id} for {licensee}")

    def licenses(self, kind: SubjectKind, subject_id: int, licensee: Address | None = None) -> tuple[LicenseEntry, ...]:
        """Every license of a dataset or model, valid or not, in the order of issue; of one licensee if named."""
        wanted = {"subjectId": subject_id} | ({} if licensee is None else {"licensee": licensee})
        subject = self._subject(kind)
        found = self._on.said("Licenses", "Licensed", self.deployment.block, None, **wanted)
        return tuple(self._license(event) for event in found if event.arguments["issue"]["subject"] == subject)

    def is_licensed(
        self,
        kind: SubjectKind,
        id: int,  # noqa: A002
        who: Address,
        use: str,
        block: int | None = None,
    ) -> bool:
        """Whether somebody may use a dataset or model: now, or at the end of an earlier block. Its owner always may.

        Nobody is licensed for what does not exist (yet). Raises :class:`NotFound` for a block that is not there yet.
        """
        if block is not None and block < self.deployment.block + len(NOUNS) - 1:
            return False  # the contracts are not complete before
        if block is not None and block > (last := self.chain.block_number):
            raise NotFound(f"no block {block}: the last one is {last}")  # nodes have words of their own for it
        return bool(self._on.view("Licenses", "isLicensed", self._subject(kind), id, who, mask([use]), block=block))

    def licensed_until(self, kind: SubjectKind, id: int, who: Address, use: str) -> int | None:  # noqa: A002
        """The last second, Unix time, for which somebody holds licenses for a use; None for no end, 0 if there never
        was one. That an owner needs none is not considered.
        """
        held = self._on.view("Licenses", "heldBy", self._subject(kind), id, who)
        return end_of(int(held[use]))

    def agreed_royalty(self, dataset_id: int, who: Address) -> int:
        """Part of later income, in parts per million, that somebody agreed to with the latest license to train."""
        held = self._on.view("Licenses", "heldBy", self.deployment.datasets, dataset_id, who)
        return int(held["royaltyPpm"])

    def licensor(self, entry: LicenseEntry) -> Address:
        """Who owned the subject of a license when it was issued.

        Raises :class:`ChainUnreachable` where the chain no longer keeps the event.
        """
        issued = self._on.said(
            "Licenses", "Licensed", entry.block, entry.block, subjectId=entry.subject_id, licensee=entry.licensee
        )
        for event in issued:
            if event.tx == entry.tx and event.arguments["number"] == entry.id:
                owner: Address = event.arguments["issue"]["payee"]
                return owner
        raise ChainUnreachable(f"the chain keeps no event of license {entry.id}, issued in block {entry.block}")

    def _issued(self, receipt: Receipt, subject_id: int, licensee: Address) -> LicenseEntry:
        found = self._on.said(
            "Licenses", "Licensed", receipt.block, receipt.block, subjectId=subject_id, licensee=licensee
        )
        return next(self._license(event) for event in found if event.tx == receipt.tx)

    def _license(self, event: Event) -> LicenseEntry:
        said, issue = event.arguments, event.arguments["issue"]
        time = self.chain.timestamp(event.block)
        return LicenseEntry(
            id=said["number"],
            subject_kind="dataset" if issue["subject"] == self.deployment.datasets else "model",
            subject_id=said["subjectId"],
            licensee=said["licensee"],
            uses=uses_of(issue["uses"]),
            valid_from=time,
            valid_until=end_of(issue["until"]),
            royalty_ppm=issue["royaltyPpm"],
            price=issue["price"],
            currency=currency_of(issue["currency"]),
            record=Digest(said["record"]),
            cid=content_of(said["content"]),
            block=event.block,
            time=time,
            tx=event.tx,
        )
