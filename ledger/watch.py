"""Watches what was sent: how far it has come, what has to be handed in again, and what may leave the outbox."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from ledger.address import Address
from ledger.errors import ChainUnreachable, Refused, TransactionDropped
from ledger.network import Network
from ledger.outbox import Entry, Outbox
from ledger.submission import State, Status, Submission
from ledger.tracing import is_dropped, look


class Watch:
    """Watches over an outbox on one network. Threads may share it."""

    def __init__(self, network: Network, outbox: Outbox, confirmations: int, timeout: float) -> None:
        """``confirmations`` is how many blocks on its own make a transaction final; ``timeout`` is in seconds."""
        self.outbox = outbox
        self.confirmations = confirmations
        self._network = network
        self.timeout = timeout
        self._guard = threading.Lock()
        self._awaited: set[tuple[Address, int]] = set()  # those whose receipt somebody in this process has yet to ask
        self._tended: dict[Address, float] = {}

    def expect(self, submission: Submission) -> None:
        """Somebody in this process will ask for its receipt."""
        self._awaited.add((submission.account, submission.nonce))

    def status(self, submission: Submission) -> Status:
        """How far it has come; what no node knows any more is handed in again."""
        entry = self.outbox.find(submission.tx)
        status = self.look(submission if entry is None else entry.submission)
        if status.state is State.PENDING:
            if entry is None:
                self._check_known(submission)
            else:
                self._check_dropped(entry)
                self.tend(submission.account)
        elif entry is not None and (submission.account, submission.nonce) in self._awaited:
            self._tell(entry.submission, status)
        return status

    def wait(self, submission: Submission, final: bool) -> Status:
        """Wait until mined, or final, and note that its sender was told."""
        status = self.until(submission, final)
        entry = self.outbox.find(submission.tx)
        if entry is not None:
            self._tell(entry.submission, status)
        return status

    def let_go(self, submission: Submission) -> None:
        """Nobody waits for it any more: the next identical call takes it over."""
        self._awaited.discard((submission.account, submission.nonce))

    def left_behind(self, account: Address | None = None) -> Iterator[Entry]:
        """What was signed, and nobody was given the receipt of, nor waits for it."""
        # Asked before the outbox is read: whoever is told meanwhile is awaited in here, or told in there.
        awaited = frozenset(self._awaited)
        for entry in self.outbox.entries(account):
            waiting = (entry.submission.account, entry.submission.nonce) in awaited
            if entry.told is None and not waiting and self._is_left(entry):
                yield entry

    def _is_left(self, entry: Entry) -> bool:
        if entry.owner == self.outbox.owner:
            return (entry.submission.account, entry.submission.nonce) not in self._awaited
        return self.outbox.abandoned(entry)

    def resume(self) -> None:
        """Hand in again what an earlier process left and no node knows, as far as the node answers."""
        with contextlib.suppress(ChainUnreachable):
            for account in {entry.submission.account for entry in self.outbox.entries()}:
                self.sweep(account)
                self.tend(account)

    def look(self, submission: Submission) -> Status:
        """How far it has come, and nothing else."""
        return look(self._network, submission.hashes, self.confirmations)

    def until(self, submission: Submission, final: bool) -> Status:
        """Wait until mined, or final. Raises :class:`TransactionDropped`, or :class:`ChainUnreachable` in the end."""
        end = time.monotonic() + self.timeout
        pause, entry = 0.05, None
        while True:
            state = "not mined"
            try:
                entry = self.outbox.find(submission.tx) or entry
                status = self.look(submission if entry is None else entry.submission)
                if status.state is State.FINAL or (status.state is State.MINED and not final):
                    return status
                if status.state is State.MINED:
                    state = f"under {status.blocks} blocks, not {self.confirmations},"
                elif pause > 0.3:
                    if entry is None:
                        self._check_known(submission)
                    else:
                        self._check_dropped(entry)
                        self.tend(submission.account)
            except ChainUnreachable as error:
                state = f"not found ({error})"
            if time.monotonic() > end:
                raise ChainUnreachable(
                    f"transaction {submission.tx} was sent but {state} within {self.timeout} s; "
                    "it may still be mined, and will be looked up again before another is sent"
                )
            time.sleep(pause)
            pause = min(2 * pause, 2)

    def _check_known(self, submission: Submission) -> None:
        if not any(self._network.knows(tx) for tx in submission.hashes):
            raise TransactionDropped(
                f"transaction {submission.tx} is neither on the chain nor in the outbox any more: look at what "
                f"{submission.account} sent under nonce {submission.nonce} before you send it again"
            )

    def _check_dropped(self, entry: Entry) -> None:
        sent = entry.submission
        if is_dropped(self._network, sent.account, sent.nonce, sent.hashes, self.confirmations):
            self.outbox.remove(sent)
            self.let_go(sent)
            raise TransactionDropped(
                f"transaction {sent.tx} will never be mined: another one of {sent.account} has its nonce {sent.nonce}"
            )

    def _tell(self, submission: Submission, status: Status) -> None:
        # Let go last: what is neither awaited nor told looks as if it were left behind, and is taken over.
        if status.state is State.FINAL:
            self.outbox.remove(submission)
        elif status.receipt is not None:
            self.outbox.tell(submission, status.receipt.block)
        self.let_go(submission)

    def sweep(self, account: Address) -> None:
        """Take out what has become final since its sender was told."""
        told = [entry for entry in self.outbox.entries(account) if entry.told is not None]
        if not told:
            return
        head = self._network.block_number()
        for entry in told:
            if entry.told is not None and head - entry.told >= self.confirmations:
                status = self.look(entry.submission)
                if status.state is State.PENDING:
                    with contextlib.suppress(TransactionDropped):
                        self._check_dropped(entry)
                else:
                    self._tell(entry.submission, status)

    def tend(self, account: Address) -> None:
        """Hand in again, lowest nonce first, what no node knows; at most once a second."""
        now = time.monotonic()
        with self._guard:
            if now - self._tended.get(account, now - 2) < 1:
                return
            self._tended[account] = now
        for entry in self.outbox.entries(account):
            sent = entry.submission
            if not entry.taken and not self._is_left(entry):
                continue  # somebody is just handing it in
            if any(self._network.knows(tx) for tx in sent.hashes):
                continue
            for tx in sent.hashes:
                with contextlib.suppress(Refused):
                    self._network.send(entry.raws[tx])
                    self.outbox.take(sent)
                    break
