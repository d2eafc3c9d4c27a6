"""A wallet as a job's process sees it: what was answered is there at once, and whatever is asked anew ends the process.

Between a question and its answer lies as long as a person takes, and another process then. So what is signed must come
out the same when it is made again, and what was sent is looked up on the chain before anything else is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from api.errors import ApiError

if TYPE_CHECKING:
    from api.home import Home
    from api.service.wallets import Heard, Kind
    from ledger.address import Address
    from ledger.chain import Chain


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to the account's wallet (:mod:`api.service.wallets`), and the end of the process.

    ``moment`` is the Unix time that the process went by.
    """

    kind: Kind
    content: Mapping[str, str]
    moment: float


@dataclass(frozen=True, slots=True)
class Sending:
    """What a wallet has sent is not mined yet, told of at Unix time ``at``: that ends the process too."""

    tx: str
    at: float


class Parting(BaseException):
    """Ends a job's process, to be begun again: no :class:`Exception`, so that no workflow takes it for a failure."""

    def __init__(self, over: Asked | Sending) -> None:
        super().__init__(type(over).__name__)
        self.over = over


class PatientWallet:
    """The way to the wallet of an account; see :class:`ledger.wallet.Wallet`."""

    def __init__(self, home: Home, account: Address, heard: Sequence[Heard], moment: float) -> None:
        """``heard`` is what was answered before; ``moment`` the Unix time that this process goes by."""
        self._home, self._account, self._moment = home, account, moment
        self._heard = [one for one in heard if one.current]

    def sign(self, message: bytes) -> bytes:
        """The signature that was given. Raises :class:`Parting` where there is none."""
        content = {"message": f"0x{message.hex()}"}
        given = self._answer("sign", content, "signature")
        if given is None:
            raise Parting(Asked("sign", content, self._moment))
        return bytes.fromhex(given[2:])

    def send(self, chain_id: int, to: Address | None, data: bytes, value: int, gas: int) -> str:
        """The hash of what was sent. Raises :class:`Parting` where nothing was."""
        content = {"chainId": hex(chain_id), "data": f"0x{data.hex()}", "value": hex(value)}
        if to is not None:
            content["to"] = str(to)
        given = self._answer("send", content, "hash")
        if given is None:
            with self._home.reading() as ledger:
                nonce = ledger.chain.nonce(self._account)
            raise Parting(Asked("send", {**content, "gas": hex(gas), "nonce": hex(nonce)}, self._moment))
        return given

    def _answer(self, kind: Kind, content: Mapping[str, str], name: str) -> str | None:
        for one in self._heard:
            if one.kind == kind and name in one.answer and content.items() <= one.content.items():
                return one.answer[name]
        return None


def look_after(chain: Chain, account: Address, heard: Sequence[Heard]) -> None:
    """See what has become of all that the wallet has sent: after that the chain tells what has still to be done.

    One that the node does not know may be mined still, as wallets hand some to builders of blocks alone; it cannot be
    once another of the account is mined under the highest nonce that it may have.

    Raises:
        Parting: something is not mined yet.
        Refused, Reverted: what was sent since the job was asked for is not what the wallet was asked for, or failed.
    """
    from ledger.errors import NotFound
    from ledger.submission import State

    for one in heard:
        tx = one.answer.get("hash")
        if tx is None:
            continue
        try:
            mined = chain.status(tx).state is not State.PENDING
        except NotFound:
            if one.nonce is not None and chain.passed(account) > one.nonce:
                continue
            mined = False
        if not mined:
            raise Parting(Sending(tx, one.at))
        if one.current:
            chain.settle_sent(tx, account, *_call(one.content))


def highest_nonce(home: Home, account: Address, tx: str) -> int | None:
    """The highest nonce that a transaction may have which the account's wallet has sent just now; None where the chain
    does not say."""
    from ledger.errors import LedgerError

    try:
        with home.reading() as ledger:
            return nonce_bound(ledger.chain, account, tx)
    except (ApiError, LedgerError, OSError):
        return None


def nonce_bound(chain: Chain, account: Address, tx: str) -> int:
    """The same, where the chain answers; raises as it does."""
    from ledger.errors import NotFound

    try:
        chain.status(tx)
        counted = 1
    except NotFound:  # asked first: what the node hears of meanwhile makes it one too high, never too low
        counted = 0
    return chain.nonce(account) - counted


def _call(content: Mapping[str, Any]) -> tuple[Address | None, bytes, int]:
    from ledger.address import Address

    to = content.get("to")
    data, value = bytes.fromhex(str(content["data"])[2:]), int(str(content["value"]), 16)
    return None if to is None else Address.parse(str(to)), data, value
