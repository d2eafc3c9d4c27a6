"""Verbs of ``contracts/Tracks.sol``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.abi import Event
from ledger.contracts.entries import AnchorEntry, TrackEntry
from ledger.contracts.verbs import Verbs
from ledger.contracts.words import content_of, content_word
from ledger.digest import Digest
from ledger.errors import ArgumentRefused, ChainUnreachable, NotFound

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.anchor import Leaf
    from ledger.keys import Signer
    from ledger.merkle import InclusionProof
    from ledger.voucher import Voucher


class TrackVerbs(Verbs):
    """Mint tracks, by hand, by voucher or out of an anchored batch; find them by file and by watermark."""

    def mint_track(
        self,
        signer: Signer,
        claim: Digest,
        audio: Digest,
        record: Digest,
        cid: str,
        model_id: int,
        royalty_ppm: int = 0,
    ) -> TrackEntry:
        """Mint a track; the signer owns the model, or is licensed to generate with it.

        Raises:
            LicenseMissing: the signer is neither.
            AlreadyRegistered: claim or audio have a token; the error's ``id`` is the track.
            ArgumentRefused: a digest of zeros, a royalty above one whole, or ``cid`` is not that of one raw block.
            MintsPaused: the guardian has paused new mints.
        """
        work = (claim, audio, record, model_id, royalty_ppm)
        receipt = self._on.send(signer, "Tracks", "mint", work, content_word(cid))
        return self._track(self._on.told("Tracks", "Minted", receipt.block, self.track_id(signer.address, claim)))

    def mint_by_voucher(self, signer: Signer, voucher: Voucher, signature: bytes) -> TrackEntry:
        """Submit a creator's voucher; the signer pays for gas, and owns the track if the voucher names nobody.

        Raises:
            SignatureInvalid: the signature is not the creator's, or not of this voucher here.
            ArgumentRefused: the voucher's deadline has passed.
            VoucherCancelled: the creator took it back.
            LicenseMissing, AlreadyRegistered, MintsPaused: as for :meth:`mint_track`, for the creator.
        """
        receipt = self._on.send(signer, "Tracks", "mintByVoucher", voucher.arguments, signature)
        id = self.track_id(voucher.creator, voucher.claim)  # noqa: A001
        return self._track(self._on.told("Tracks", "Minted", receipt.block, id))

    def cancel_vouchers(self, signer: Signer, claim: Digest) -> None:
        """Make void every voucher that the signer wrote for a claim."""
        self._on.send(signer, "Tracks", "cancelVouchers", claim)

    def anchor_tracks(
        self, signer: Signer, root: Digest, size: int, model_id: int, royalty_ppm: int, content: Digest
    ) -> None:
        """Record up to a million tracks of one model at once, to be minted later.

        Args:
            signer: their creator.
            root: Merkle root over their leaves; see :mod:`ledger.anchor`.
            size: how many there are.
            model_id: the model; a license is asked for when a track is minted.
            royalty_ppm: part of each sale's price that is asked as royalty.
            content: digest in the CID of the file of leaves.

        Raises:
            AlreadyAnchored: the signer anchored this root before.
            ArgumentRefused: no track, or more than a million.
        """
        self._on.send(signer, "Tracks", "anchor", root, size, model_id, royalty_ppm, content)

    def mint_anchored(self, signer: Signer, root: Digest, leaf: Leaf, proof: InclusionProof, cid: str) -> TrackEntry:
        """Mint a track that the signer anchored. Raises :class:`ProofInvalid`, and as :meth:`mint_track`."""
        word = (leaf.claim, leaf.audio, leaf.record)
        receipt = self._on.send(
            signer, "Tracks", "mintAnchored", root, proof.index, word, proof.path, content_word(cid)
        )
        return self._track(self._on.told("Tracks", "Minted", receipt.block, self.track_id(signer.address, leaf.claim)))

    def move_track(self, signer: Signer, id: int, cid: str) -> None:  # noqa: A002
        """Say where the record of a track lies now. Raises :class:`NotCreator` for anybody but its creator."""
        self._on.send(signer, "Tracks", "move", id, content_word(cid))

    def track(self, id: int) -> TrackEntry:  # noqa: A002
        """A track by its token."""
        block = self._on.known("Tracks", "track", "track", id)["blockNumber"]
        return self._track(self._on.told("Tracks", "Minted", block, id))

    def track_by_audio(self, audio: Digest) -> TrackEntry | None:
        """The track whose file has this digest, if any."""
        found, _ = self._on.view("Tracks", "byAudio", audio)
        return self.track(found) if found else None

    def track_by_watermark(self, watermark: bytes) -> TrackEntry | None:
        """The track with these 8 bytes as its watermark, if any."""
        if len(watermark) != 8:
            raise ArgumentRefused(f"a watermark has 8 bytes, not {len(watermark)}")
        try:
            return self.track(int.from_bytes(watermark))
        except NotFound:
            return None

    def tracks(self) -> tuple[TrackEntry, ...]:
        """Every track, in the order of minting."""
        minted = self._on.said("Tracks", "Minted", self.deployment.block, None)
        moved = self._on.said("Tracks", "Moved", self.deployment.block, None)
        places = {event.arguments["id"]: event.arguments["content"] for event in moved}
        return tuple(self._entry(event, places.get(event.arguments["id"])) for event in minted)

    def anchors_of(self, creator: Address) -> tuple[AnchorEntry, ...]:
        """Every batch of tracks that somebody anchored, in order."""
        found = self._on.said("Tracks", "Anchored", self.deployment.block, None, creator=creator)
        return tuple(self._anchor(event) for event in found)

    def anchor(self, creator: Address, root: Digest) -> AnchorEntry:
        """What somebody anchored under a root. Raises :class:`NotFound` where that is nothing."""
        _, _, block, size = self._on.view("Tracks", "anchors", creator, root)
        if not size:
            raise NotFound(f"{creator} has anchored nothing under root {root}")
        found = self._on.said("Tracks", "Anchored", block, block, root=root, creator=creator)
        if not found:
            raise ChainUnreachable(f"the chain keeps no Anchored event of root {root}, made in block {block}")
        return self._anchor(found[0])

    def track_id(self, creator: Address, claim: Digest) -> int:
        """The token of a creator's claim."""
        return int(self._on.view("Tracks", "idOf", creator, claim))

    def manifest_by_binding(self, query: str) -> str:
        """C2PA's decentralised lookup, JSON in and out; see ``contracts/SoftBinding.sol``."""
        return str(self._on.view("Tracks", "getManifestByBinding", query))

    def _anchor(self, event: Event) -> AnchorEntry:
        said = event.arguments
        return AnchorEntry(
            root=Digest(said["root"]),
            size=said["size"],
            creator=said["creator"],
            model=said["model"],
            royalty_ppm=said["royaltyPpm"],
            content=Digest(said["content"]),
            block=event.block,
            time=self.chain.timestamp(event.block),
            tx=event.tx,
        )

    def _track(self, event: Event) -> TrackEntry:
        moved = self._on.said("Tracks", "Moved", event.block, None, id=event.arguments["id"])
        return self._entry(event, moved[-1].arguments["content"] if moved else None)

    def _entry(self, event: Event, moved: bytes | None) -> TrackEntry:
        said = event.arguments
        return TrackEntry(
            id=said["id"],
            claim=Digest(said["claim"]),
            audio=Digest(said["audio"]),
            record=Digest(said["record"]),
            cid=content_of(said["content"] if moved is None else moved),
            model=said["model"],
            creator=said["creator"],
            owner=self._on.view("Tracks", "ownerOf", said["id"]),
            royalty_ppm=said["royaltyPpm"],
            block=event.block,
            time=self.chain.timestamp(event.block),
            tx=event.tx,
        )
