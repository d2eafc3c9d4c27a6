"""Verbs of ``contracts/Royalties.sol`` and of the accounts that it makes, ``contracts/Split.sol``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.abi import Interface
from ledger.address import Address
from ledger.contracts.entries import HolderKind, ShareEntry, TrackEntry
from ledger.contracts.tracks import TrackVerbs
from ledger.contracts.words import currency_word
from ledger.errors import ArgumentRefused

if TYPE_CHECKING:
    from ledger.digest import Digest
    from ledger.keys import Signer
    from ledger.shares import ShareProof

_MODEL_DUE = 1 << 47


class RoyaltyVerbs(TrackVerbs):
    """See what a track earns for whom, and pull it; change the shares of later income by attribution epochs."""

    def royalty(self, track_id: int, price: int) -> tuple[Address, int]:
        """Where a sale's royalty goes (ERC-2981): the track's account, and how much of the price."""
        account, amount = self._on.view("Tracks", "royaltyInfo", track_id, price)
        return account, int(amount)

    def royalty_shares(self, track_id: int) -> tuple[ShareEntry, ...]:
        """The recorded shares of a track, of all income before its first epoch."""
        track = self.track(track_id)
        royalty_ppm, dues = self._on.view("Models", "duesOf", track.model)
        shares: list[tuple[HolderKind, Address | int, int]] = [("model", track.model, royalty_ppm)]
        for due in dues:
            kind: HolderKind = "model" if due & _MODEL_DUE else "dataset"
            shares.append((kind, due & 0x7FFFFFF, (due & ~_MODEL_DUE) >> 27))
        shares.insert(0, ("account", track.creator, 1_000_000 - sum(ppm for _, _, ppm in shares)))
        return tuple(
            ShareEntry(index, kind, holder, self._payee(kind, holder), ppm)
            for index, (kind, holder, ppm) in enumerate(shares)
        )

    def royalty_due(self, track_id: int, index: int, currency: Address | None = None) -> int:
        """What a recorded share may fetch now with :meth:`pull_royalty`."""
        account = self._account(track_id)
        if self.chain.has_code(account):
            return int(self._on.view_at(_split(), account, "due", currency_word(currency), index))
        # Nobody has pulled yet: all that came is there.
        income = self.chain.balance(account) if currency is None else self._tokens(account, currency)
        shares = self.royalty_shares(track_id)
        if not 0 <= index < len(shares):
            raise ArgumentRefused(f"track {track_id} has no share {index}; there are {len(shares)}")
        return income * shares[index].ppm // 1_000_000

    def pull_royalty(self, signer: Signer, track_id: int, index: int, currency: Address | None = None) -> None:
        """Pay out a recorded share to whoever holds it; anybody may ask for it. The first pull makes the account.

        Raises:
            NothingDue: nothing is due to it.
            PaymentRefused: the holder's own code refused the money; it stays due.
            ArgumentRefused: there is no such share.
        """
        track, account = self.track(track_id), self._account(track_id)
        word = currency_word(currency)
        if self.chain.has_code(account):
            self._on.send_at(signer, _split(), account, "pull", word, index)
        else:
            self._on.send(signer, "Royalties", "pull", track_id, track.creator, track.model, word, index)

    def open_royalties(self, signer: Signer, track: TrackEntry) -> Address:
        """Make a track's account, unless it is there; gives its address."""
        account = self._account(track.id)
        if not self.chain.has_code(account):
            self._on.send(signer, "Royalties", "open", track.id, track.creator, track.model)
        return account

    def propose_shares(self, signer: Signer, track_id: int, index: int, root: Digest, proof: ShareProof) -> None:
        """Propose new shares for later income; they count after seven days unless a holder of a recorded share objects.

        Args:
            signer: who holds a recorded share.
            track_id: the track; its account must be open.
            index: place of the signer's recorded share.
            root: of the :class:`ledger.shares.ShareTree`.
            proof: of any share in that tree, which shows that all make one whole.

        Raises:
            NotOwner: the signer does not hold that share.
            ProposalPending: there is a proposal already, or a holder refuses them all.
            ProofInvalid: the proof does not lead to the root.
        """
        account = self._account(track_id)
        self._on.send_at(signer, _split(), account, "propose", index, root, *proof.arguments)

    def object_to_shares(self, signer: Signer, track_id: int, index: int, root: Digest) -> None:
        """Void the proposal of ``root``. Raises :class:`NotOwner`, and :class:`NotFound` where it is not proposed."""
        self._on.send_at(signer, _split(), self._account(track_id), "object", index, root)

    def refuse_shares(self, signer: Signer, track_id: int, index: int, on: bool = True) -> None:
        """Refuse every proposal from now on, or no more. Raises :class:`NotOwner`."""
        self._on.send_at(signer, _split(), self._account(track_id), "refuse", index, on)

    def adopt_shares(self, signer: Signer, track_id: int, currency: Address | None = None) -> None:
        """Let a currency's income fall into the newest epoch from now on. Raises :class:`NotFound` for none newer."""
        self._on.send_at(signer, _split(), self._account(track_id), "adopt", currency_word(currency))

    def pull_share(
        self, signer: Signer, track_id: int, epoch: int, proof: ShareProof, currency: Address | None = None
    ) -> None:
        """Pay out a share of an epoch (from 1). Raises as :meth:`pull_royalty`, and :class:`ProofInvalid`."""
        account = self._account(track_id)
        self._on.send_at(signer, _split(), account, "pullProven", currency_word(currency), epoch, *proof.arguments)

    def _account(self, track_id: int) -> Address:
        return self.royalty(track_id, 0)[0]

    def _payee(self, kind: HolderKind, holder: Address | int) -> Address:
        if isinstance(holder, Address):
            return holder
        owner: Address = self._on.view("Datasets" if kind == "dataset" else "Models", "ownerOf", holder)
        return owner

    def _tokens(self, account: Address, currency: Address) -> int:
        from ledger.contracts.till import ERC20

        return int(self._on.view_at(ERC20, currency, "balanceOf", account))


def _split() -> Interface:
    return Interface.load("Split")
