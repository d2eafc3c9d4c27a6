"""The deployed contracts, as verbs on typed values.

Every verb that changes the chain returns when its transaction is mined. Any method may raise :class:`ChainUnreachable`,
those that send :class:`InsufficientFunds`, and those that name a token :class:`NotFound` if it does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ledger.abi import Event
from ledger.address import Address
from ledger.deployed import Deployed
from ledger.deployment import Deployment, deploy
from ledger.digest import Digest
from ledger.entries import (
    FOREVER,
    DatasetEntry,
    LicenseEntry,
    ModelEntry,
    SubjectKind,
    TrackEntry,
    mask,
    uses_of,
)
from ledger.errors import ArgumentRefused, NotFound

if TYPE_CHECKING:
    from ledger.chain import Chain
    from ledger.keys import Signer
    from ledger.network import Receipt

__all__ = ["Contracts", "DatasetEntry", "Deployment", "LicenseEntry", "ModelEntry", "TrackEntry", "deploy"]


class Contracts:
    """The four contracts of a deployment on an open chain."""

    def __init__(self, chain: Chain, deployment: Deployment) -> None:
        """Raises :class:`NoDeployment` if the deployment belongs to another chain, or its contracts are not there."""
        self.chain = chain
        self.deployment = deployment
        self._on = Deployed(chain, deployment)

    # -- datasets

    def register_dataset(
        self,
        signer: Signer,
        root: Digest,
        record: Digest,
        cid: str,
        price_wei: int,
        royalty_ppm: int,
        uses: Sequence[str],
    ) -> DatasetEntry:
        """Register a dataset under its Merkle root; the signer becomes its holder.

        Raises:
            AlreadyRegistered: the root has a token; the error's ``id`` is the dataset.
            ArgumentRefused: price or royalty out of range, a use that does not exist, or none.
        """
        self._on.send(signer, "Datasets", "register", root, record, cid, price_wei, royalty_ppm, mask(uses))
        return self.dataset(self._on.view("Datasets", "idOf", root))

    def dataset(self, id: int) -> DatasetEntry:  # noqa: A002
        """A dataset by its token."""
        known = self._on.known("Datasets", "dataset", id)
        block = known["blockNumber"]
        said = self._on.told("Datasets", "Registered", block, id)
        return DatasetEntry(
            id=id,
            root=Digest(known["root"]),
            record=Digest(known["record"]),
            cid=said.arguments["cid"],
            holder=said.arguments["holder"],
            owner=self._on.view("Datasets", "ownerOf", id),
            price_wei=known["price"],
            royalty_ppm=known["royaltyPpm"],
            uses=uses_of(known["uses"]),
            consent=known["consent"],
            block=block,
            time=self.chain.timestamp(block),
            tx=said.tx,
        )

    def dataset_by_root(self, root: Digest) -> DatasetEntry | None:
        """The dataset registered under a root, if any."""
        found = self._on.view("Datasets", "idOf", root)
        return self.dataset(found) if found else None

    def withdraw_consent(self, signer: Signer, id: int) -> None:  # noqa: A002
        """Withdraw consent, for good: no license is sold or granted any more. Those that exist stay valid.

        Raises:
            NotOwner: the signer does not own the dataset.
            ConsentWithdrawn: it is done already.
        """
        self._on.send(signer, "Datasets", "withdrawConsent", id)

    # -- licenses

    def buy_license(
        self, signer: Signer, dataset_id: int, uses: Sequence[str], record: Digest, cid: str, value_wei: int
    ) -> LicenseEntry:
        """Buy a license of a dataset, without end, for exactly its price.

        Raises:
            ConsentWithdrawn, UseNotOffered, PriceNotMet
        """
        receipt = self._on.send(signer, "Licenses", "buy", dataset_id, mask(uses), record, cid, value=value_wei)
        return self._issued(receipt, dataset_id, signer.address)

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
            ArgumentRefused: ``until`` has passed or does not fit 64 bits; a use that does not exist, or none.
        """
        end = FOREVER if until is None else until
        subject = self._subject(kind)
        receipt = self._on.send(
            signer, "Licenses", "grant", subject, subject_id, licensee, mask(uses), end, record, cid
        )
        return self._issued(receipt, subject_id, licensee)

    def license(self, id: int) -> LicenseEntry:  # noqa: A002
        """A license by its number."""
        found = self._on.said("Licenses", "Licensed", self.deployment.block, None, id=id)
        if not found:
            raise NotFound(f"no license {id}")
        return self._license(found[0])

    def licenses(self, kind: SubjectKind, subject_id: int, licensee: Address | None = None) -> tuple[LicenseEntry, ...]:
        """Every license of a dataset or model, valid or not, in the order of issue; of one licensee if named."""
        wanted = {"subjectId": subject_id} | ({} if licensee is None else {"licensee": licensee})
        subject = self._subject(kind)
        found = self._on.said("Licenses", "Licensed", self.deployment.block, None, **wanted)
        return tuple(self._license(event) for event in found if event.arguments["subject"] == subject)

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
        if block is not None and block < self.deployment.block + 3:
            return False  # the contracts are not complete before
        return bool(self._on.view("Licenses", "isLicensed", self._subject(kind), id, who, mask([use]), block=block))

    # -- models

    def record_model(
        self, signer: Signer, weights: Digest, record: Digest, cid: str, datasets: Sequence[tuple[int, int]]
    ) -> ModelEntry:
        """Record a training run; ``datasets`` are pairs of a dataset's id and its share in ppm, 1,000,000 in all.

        Raises:
            LicenseMissing: the signer may not train on one of the datasets; the message names it.
            AlreadyRegistered: the weights have a token; the error's ``id`` is the model.
            ArgumentRefused: the shares do not make one whole, or a dataset is named twice.
        """
        ids = [id for id, _ in datasets]  # noqa: A001
        shares = [share for _, share in datasets]
        self._on.send(signer, "Models", "record", weights, record, cid, ids, shares)
        return self.model(self._on.view("Models", "idOf", weights))

    def model(self, id: int) -> ModelEntry:  # noqa: A002
        """A model by its token."""
        known = self._on.known("Models", "model", id)
        block = known["blockNumber"]
        said = self._on.told("Models", "Recorded", block, id)
        return ModelEntry(
            id=id,
            weights=Digest(known["weights"]),
            record=Digest(known["record"]),
            cid=said.arguments["cid"],
            trainer=known["trainer"],
            owner=self._on.view("Models", "ownerOf", id),
            datasets=tuple((part["dataset"], part["sharePpm"]) for part in known["parts"]),
            block=block,
            time=self.chain.timestamp(block),
            tx=said.tx,
        )

    def model_by_weights(self, weights: Digest) -> ModelEntry | None:
        """The model with these weights, if any."""
        found = self._on.view("Models", "idOf", weights)
        return self.model(found) if found else None

    # -- tracks

    def mint_track(
        self, signer: Signer, claim: Digest, audio: Digest, record: Digest, cid: str, model_id: int
    ) -> TrackEntry:
        """Mint a track; the signer owns the model, or is licensed to generate with it.

        Raises:
            LicenseMissing: the signer is neither.
            AlreadyRegistered: claim, audio or watermark have a token; the error's ``id`` is the track.
        """
        receipt = self._on.send(signer, "Tracks", "mint", claim, audio, record, cid, model_id)
        return self._track(self._minted(int.from_bytes(claim.raw), receipt.block))

    def track(self, id: int) -> TrackEntry:  # noqa: A002
        """A track by its token."""
        return self._track(self._minted(id, self._on.known("Tracks", "track", id)["blockNumber"]))

    def track_by_audio(self, audio: Digest) -> TrackEntry | None:
        """The track whose file has this digest, if any."""
        found = self._on.view("Tracks", "byAudio", audio)
        return self.track(found) if found else None

    def track_by_watermark(self, watermark: bytes) -> TrackEntry | None:
        """The track with these 8 bytes as its watermark, if any."""
        if len(watermark) != 8:
            raise ArgumentRefused(f"a watermark has 8 bytes, not {len(watermark)}")
        found = self._on.view("Tracks", "byWatermark", int.from_bytes(watermark))
        return self.track(found) if found else None

    def tracks(self) -> tuple[TrackEntry, ...]:
        """Every track, in the order of minting."""
        minted = self._on.said("Tracks", "Minted", self.deployment.block, None)
        return tuple(self._track(event) for event in minted)

    # -- payments

    def withdrawable(self, account: Address) -> int:
        """What an account may fetch with :meth:`withdraw`, in wei."""
        return int(self._on.view("Licenses", "withdrawable", account))

    def withdraw(self, signer: Signer) -> None:
        """Fetch everything that is credited to the signer. Raises :class:`NothingDue`."""
        self._on.send(signer, "Licenses", "withdraw")

    # -- below

    def _subject(self, kind: SubjectKind) -> Address:
        subjects: Mapping[str, Address] = {"dataset": self.deployment.datasets, "model": self.deployment.models}
        if kind not in subjects:
            raise ArgumentRefused(f"licenses are for a dataset or a model, not for {kind!r}")
        return subjects[kind]

    def _issued(self, receipt: Receipt, subject_id: int, licensee: Address) -> LicenseEntry:
        found = self._on.said(
            "Licenses", "Licensed", receipt.block, receipt.block, subjectId=subject_id, licensee=licensee
        )
        return next(self._license(event) for event in found if event.tx == receipt.tx)

    def _license(self, event: Event) -> LicenseEntry:
        said = event.arguments
        return LicenseEntry(
            id=said["id"],
            subject_kind="dataset" if said["subject"] == self.deployment.datasets else "model",
            subject_id=said["subjectId"],
            licensee=said["licensee"],
            uses=uses_of(said["uses"]),
            valid_from=said["from"],
            valid_until=None if said["until"] == FOREVER else said["until"],
            price_wei=said["price"],
            record=Digest(said["record"]),
            cid=said["cid"],
            block=event.block,
            time=self.chain.timestamp(event.block),
            tx=event.tx,
        )

    def _minted(self, id: int, block: int) -> Event:  # noqa: A002
        return self._on.told("Tracks", "Minted", block, id)

    def _track(self, event: Event) -> TrackEntry:
        said = event.arguments
        return TrackEntry(
            id=said["id"],
            claim=Digest(said["id"].to_bytes(32)),
            audio=Digest(said["audio"]),
            record=Digest(said["record"]),
            cid=said["cid"],
            model=said["model"],
            creator=said["creator"],
            owner=self._on.view("Tracks", "ownerOf", said["id"]),
            block=event.block,
            time=self.chain.timestamp(event.block),
            tx=event.tx,
        )
