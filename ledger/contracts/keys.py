"""Verbs of ``contracts/Keys.sol``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.abi import Event
from ledger.contracts.entries import KeyEnd, KeyEntry
from ledger.contracts.verbs import Verbs
from ledger.contracts.words import content_of, content_word
from ledger.digest import Digest
from ledger.errors import ChainUnreachable

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.keys import Signer

NOBODY = bytes(20)


class KeyVerbs(Verbs):
    """Publish companion keys, end a key, and see the history of one."""

    def publish_keys(self, signer: Signer, record: Digest, cid: str) -> KeyEntry:
        """Publish the signer's companion keys, which a key record names; the newest publication counts.

        Raises:
            KeyEnded: the signer's key was rotated or revoked.
            ArgumentRefused: the CID is not that of one raw block.
        """
        self._on.send(signer, "Keys", "publish", record, content_word(cid))
        return self.published_keys(signer.address)[-1]

    def published_keys(self, account: Address) -> tuple[KeyEntry, ...]:
        """Every publication of an account, in order; none where there was none."""
        block, found = self._on.view("Keys", "publishedIn", account), list[Event]()
        while block:
            # Each names the block of the one before; all of one block are read together.
            events = self._on.said("Keys", "Published", block, block, account=account)
            if not events:
                raise ChainUnreachable(f"the chain keeps no Published event of {account}, made in block {block}")
            found += reversed(events)
            block = events[0].arguments["previous"]
        return tuple(
            KeyEntry(
                account=account,
                record=Digest(event.arguments["record"]),
                cid=content_of(event.arguments["content"]),
                block=event.block,
                time=self.chain.timestamp(event.block),
                tx=event.tx,
            )
            for event in reversed(found)
        )

    def rotate_key(self, signer: Signer, account: Address, successor: Address, record: Digest, cid: str) -> KeyEnd:
        """End a key, for good, and name the account that goes on; the signer is the key itself or its recovery.

        Raises:
            KeyEnded: it has ended before.
            NotOwner: the signer is neither.
            ArgumentRefused: the successor is the key itself, or has ended.
        """
        self._on.send(signer, "Keys", "rotate", account, successor, record, content_word(cid))
        return self._ended(account)

    def revoke_key(self, signer: Signer, account: Address, record: Digest, cid: str) -> KeyEnd:
        """End a key, for good, without a successor. Raises as :meth:`rotate_key`."""
        self._on.send(signer, "Keys", "revoke", account, record, content_word(cid))
        return self._ended(account)

    def key_end(self, account: Address) -> KeyEnd | None:
        """How a key ended; None where it has not."""
        return self._ended(account) if self._on.view("Keys", "endedAt", account) else None

    def name_recovery(self, signer: Signer, account: Address, recovery: Address) -> None:
        """Name who else may end a key: the key itself names the first, and each of them the next.

        Raises:
            NotOwner: the signer is not the one to name it.
            KeyEnded: the key has ended.
            ArgumentRefused: it is the key itself, or the zero address.
        """
        self._on.send(signer, "Keys", "nameRecovery", account, recovery)

    def key_recovery(self, account: Address) -> Address | None:
        """Who may end a key beside the key itself; None for nobody."""
        recovery: Address = self._on.view("Keys", "recoveryOf", account)
        return None if recovery.raw == NOBODY else recovery

    def _ended(self, account: Address) -> KeyEnd:
        successor, time, block = self._on.view("Keys", "endOf", account)
        events = self._on.said("Keys", "Ended", block, block, account=account)
        if not events:
            raise ChainUnreachable(f"the chain keeps no Ended event of {account}, made in block {block}")
        (event,) = events
        return KeyEnd(
            account=account,
            successor=None if successor.raw == NOBODY else successor,
            by=event.arguments["by"],
            record=Digest(event.arguments["record"]),
            cid=content_of(event.arguments["content"]),
            block=block,
            time=time,
            tx=event.tx,
        )
