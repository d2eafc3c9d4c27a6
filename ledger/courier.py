"""Hands transactions in, each under a nonce of its own, and never one of them twice.

What is signed is written to the outbox first. A lost answer is made good by handing in the very same bytes again, which
a chain mines once at most (their nonce is signed with them); nothing is signed anew for want of an answer. Nonces are
given, and their transactions handed in, one after the other: one that is refused leaves no gap behind it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ledger.address import Address
from ledger.errors import ChainUnreachable, InsufficientFunds, Refused, TransactionDropped
from ledger.network import Network
from ledger.outbox import Entry
from ledger.submission import Quote, State, Submission
from ledger.tracing import turns_up
from ledger.wallet import WalletSigner
from ledger.watch import Watch

if TYPE_CHECKING:
    from ledger.keys import Signer

_TRIES = 4
_FIRST_PAUSE = 0.25  # seconds before the second try; each pause is twice the one before


class Courier:
    """Sends on one network. Threads may share it."""

    def __init__(self, network: Network, watch: Watch) -> None:
        """``watch`` is the same network's, and holds the outbox."""
        self.watch = watch
        self.outbox = watch.outbox
        self._network = network
        self._guard = threading.Lock()
        self._turns: dict[Address | None, threading.RLock] = {}
        self._passed: set[tuple[Address, int]] = set()  # those left behind that were seen mined

    # -- sending

    def submit(self, signer: Signer, to: Address | None, data: bytes, value: int) -> Submission:
        """Sign and hand in, or take over the identical transaction that was left behind."""
        account = signer.address
        if isinstance(signer, WalletSigner):
            return self._let_send(signer, to, data, value)
        with self._turn(account):
            left = self._left_behind(account, to, data, value)
            if left is not None:
                return self._take_over(left)
            self._wait_for_left(account)
            # Within the turn: an estimate beside a transaction that is being mined is never answered by Ganache 7.9.2.
            quote = self.quote(account, to, data, value)
            self._check_balance(account, quote, value)
            nonce = self._next_nonce(account)
            fees = (quote.gas, quote.fee_per_gas, quote.tip_per_gas)
            submission, raw = self._sign(signer, to, data, value, nonce, *fees)
            self.watch.expect(submission)
            try:
                self.outbox.keep(submission, raw)
            except BaseException:
                self.watch.let_go(submission)
                raise
            self._hand_in(submission, raw)
            return submission

    def _let_send(self, signer: WalletSigner, to: Address | None, data: bytes, value: int) -> Submission:
        """Ask a wallet to send, and look at what it sent: it never lies in the outbox, since nobody else can resend it.

        No turn is held while a person thinks it over; the wallet gives the nonce.
        """
        account = signer.address
        if self._network.instant:
            raise Refused(
                "no wallet reaches the embedded chain: serve a network that it knows, or use a key of the home"
            )
        quote = self.quote(account, to, data, value)
        self._check_balance(account, quote, value)
        tx = signer.send_transaction(self._network.chain_id, to, data, value, quote.gas)
        end, pause = time.monotonic() + self.watch.timeout, _FIRST_PAUSE
        while (found := self.recognize(tx, account, to, data, value)) is None:
            # The wallet's node is another one; what it hands to builders of blocks alone is heard of once it is mined.
            if time.monotonic() > end:
                raise ChainUnreachable(
                    f"the wallet says that it sent {tx}, and the node has not heard of it within "
                    f"{self.watch.timeout:g} s; it may still be mined: look before you send it again"
                )
            time.sleep(pause)
            pause = min(2 * pause, 2)
        return found

    def recognize(self, tx: str, account: Address, to: Address | None, data: bytes, value: int) -> Submission | None:
        """What a wallet has sent under a hash; None where the node knows of none. Raises Refused for anything else."""
        found = self._network.sent(tx)
        if found is None:
            return None
        if (found.account, found.to, found.data, found.value) != (account, to, data, value):
            raise Refused(f"the wallet sent another transaction than it was asked for: {tx}")
        fees = (found.gas, found.fee_per_gas, found.tip_per_gas)
        return Submission(tx, account, found.nonce, to, data, value, *fees)

    def catch_up(self, account: Address) -> None:
        """Wait until what was left behind of the account is mined."""
        with self._turn(account):
            self._wait_for_left(account)

    def quote(self, account: Address, to: Address | None, data: bytes, value: int) -> Quote:
        """What it may cost."""
        balance = self._network.balance(account)
        if balance < value:
            raise InsufficientFunds(f"{account} has {balance} wei; {value} are to be sent")
        gas = self._network.estimate(account, to, data, value)
        fee, tip = self._network.fees()
        return Quote(gas, fee, tip, value + gas * fee)

    def speed_up(self, submission: Submission, signer: Signer) -> Submission:
        """Put a form that pays at least an eighth more in its place."""
        account = submission.account
        if signer.address != account:
            raise Refused(f"{submission.tx} is of {account}; {signer.address} cannot send another in its place")
        with self._turn(account):
            entry = self.outbox.find(submission.tx)
            if entry is None or self.watch.look(entry.submission).state is not State.PENDING:
                return submission if entry is None else entry.submission
            old = entry.submission
            fee, tip = self._network.fees()
            tip = max(tip, _an_eighth_more(old.tip_per_gas))
            fee = max(fee, _an_eighth_more(old.fee_per_gas), tip)
            self._check_balance(account, Quote(old.gas, fee, tip, old.value + old.gas * fee), old.value)
            new, raw = self._sign(signer, old.to, old.data, old.value, old.nonce, old.gas, fee, tip, old)
            self.outbox.keep_faster(entry, new, raw)
            try:
                self._hand_in(new, raw)
            except Refused:
                self.watch.expect(old)
                # The old one may have been mined in the meantime; then nothing had to be sped up.
                if self.watch.look(old).state is State.PENDING:
                    raise
                return old
            return new

    # -- below: before a new transaction

    @contextlib.contextmanager
    def _turn(self, account: Address) -> Iterator[None]:
        with self._guard:
            # Where every transaction changes the next one's fee at once, the accounts take turns as well.
            turn = self._turns.setdefault(None if self._network.instant else account, threading.RLock())
        with turn, self.outbox.turn(account):
            yield

    def _left_behind(self, account: Address, to: Address | None, data: bytes, value: int) -> Entry | None:
        for entry in self.watch.left_behind(account):
            left = entry.submission
            if (left.to, left.data, left.value) == (to, data, value):
                return entry
        return None

    def _take_over(self, entry: Entry) -> Submission:
        submission = entry.submission
        self.outbox.own(submission)
        self.watch.expect(submission)
        if not any(self._network.knows(tx) for tx in submission.hashes):
            try:
                self._hand_in(submission, entry.raws[submission.tx], keep=entry.taken)
            except Refused:
                # A node had it once, so that another may have it still: its nonce is not free.
                if not entry.taken:
                    raise
        return submission

    def _wait_for_left(self, account: Address) -> None:
        for entry in self.watch.left_behind(account):
            submission = entry.submission
            if (account, submission.nonce) in self._passed:
                continue
            try:
                if not self._network.knows(submission.tx):
                    self._hand_in(submission, entry.raws[submission.tx], keep=entry.taken)
                self.watch.until(submission, final=False)
            except TransactionDropped:
                continue
            except Refused:
                if not entry.taken:
                    continue
                raise ChainUnreachable(
                    f"transaction {submission.tx} of {account} was sent earlier and is not mined; "
                    "the node refuses it now, and others may not: speed it up, or pay in what it needs"
                ) from None
            self._passed.add((account, submission.nonce))

    def _check_balance(self, account: Address, quote: Quote, value: int) -> None:
        balance = self._network.balance(account)
        if balance < quote.most_wei:
            raise InsufficientFunds(
                f"{account} has {balance} wei; {value} are to be sent, with up to {quote.most_wei - value} for gas"
            )

    def _next_nonce(self, account: Address) -> int:
        self.watch.sweep(account)
        asked = self._network.nonce(account)
        entries = self.outbox.entries(account)
        if not entries:
            return asked
        last = entries[-1].submission.nonce
        if asked <= last:  # the node does not know them all; or it does not count those that wait
            self.watch.tend(account)
        return max(asked, last + 1)

    def _sign(
        self,
        signer: Signer,
        to: Address | None,
        data: bytes,
        value: int,
        nonce: int,
        gas: int,
        fee: int,
        tip: int,
        old: Submission | None = None,
    ) -> tuple[Submission, bytes]:
        from eth_utils.crypto import keccak

        fields: dict[str, Any] = {
            "type": 2,
            "chainId": self._network.chain_id,
            "nonce": nonce,
            "value": value,
            "gas": gas,
            "maxFeePerGas": fee,
            "maxPriorityFeePerGas": tip,
            "data": data,
        }
        if to is not None:
            fields["to"] = str(to)
        raw = signer.sign_transaction(fields)
        tx = "0x" + keccak(raw).hex()
        replaced = () if old is None else (*old.replaced, old.tx)
        return Submission(tx, signer.address, nonce, to, data, value, gas, fee, tip, replaced), raw

    def _hand_in(self, submission: Submission, raw: bytes, keep: bool = False) -> None:
        """Hand in until there is an answer. Refused, it leaves the outbox, unless ``keep``."""
        try:
            self._hand_in_until_answered(submission.tx, raw)
        except ChainUnreachable as error:
            self.watch.let_go(submission)
            raise ChainUnreachable(
                f"{error}; transaction {submission.tx} of {submission.account} may have been sent, "
                "and will be looked up again before another is"
            ) from None
        except Refused:
            self.watch.let_go(submission)
            if not keep:
                self.outbox.withdraw(submission)
            raise
        except BaseException:
            self.watch.let_go(submission)
            if self._network.instant:  # what did not return has left no trace
                self.outbox.withdraw(submission)
            raise
        self.outbox.take(submission)

    def _hand_in_until_answered(self, tx: str, raw: bytes) -> None:
        for attempt in range(_TRIES):
            try:
                # Some nodes mine the same bytes twice if they are given twice (Ganache 7.9.2, nonce 0): ask first.
                if attempt and self._network.knows(tx):
                    return
                try:
                    self._network.send(raw)
                except Refused:
                    # "Already known" and "nonce too low" are refusals too, and good news if it is there.
                    if self._network.instant or not turns_up(self._network, tx):
                        raise
                return
            except ChainUnreachable:
                if attempt == _TRIES - 1:
                    raise
            time.sleep(_FIRST_PAUSE * 2**attempt)


def _an_eighth_more(wei: int) -> int:
    """At least 12.5 % more: nodes ask for 10 % at least before they let one transaction take another's place."""
    return -(-wei * 9 // 8)
