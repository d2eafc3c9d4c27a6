"""What a wallet is to send, and how far it is: ``/v1/transactions``.

What needs a signed record (to register, license, train, mint) is a job's work, with a key that lies here. What needs
none (to offer, buy, pull, and change terms) a wallet can send by itself: it is prepared here, by the very code that the
jobs run, and tried on the chain as it stands.
"""

# No postponed annotations: FastAPI reads those of its handlers.

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from api.http.caller import Caller, needs
from api.http.openapi import problems_of
from api.service import mistakes
from api.service.drafting import DraftingHome
from api.service.kinds import KINDS, Context, offering, trading
from api.service.service import Service
from api.service.transactions import Transactions
from api.service.underway import Underway
from ledger.address import Address
from ledger.contracts.prepared import Call
from ledger.errors import NotFound
from ledger.wallet import WalletSigner

Hash = Annotated[str, Field(pattern="^0x[0-9a-f]{64}$", examples=["0x" + "5c" * 32])]

Aim = Annotated[str, Field(pattern="^[a-z]+( [0-9a-z]+){1,2}$", max_length=100, examples=["buy 00000000000000ff"])]

Asked = Annotated[
    offering.Terms | offering.Withdraw | trading.List | trading.Unlist | trading.Buy | trading.Pull | trading.Income,
    Field(discriminator="kind"),
]


class Transaction(BaseModel):
    """For `eth_sendTransaction` (EIP-1474). Numbers are hexadecimal."""

    to: str
    data: str
    value: str
    gas: str | None = Field(description="The most gas it may use, found out by trying it; none where it waits.")
    waits: bool = Field(description="Whether it can only be tried once the one before it is mined.")


class Prepared(BaseModel):
    """Transactions to send in this order, each once the one before it is mined; none where all is done already."""

    sender: str = Field(serialization_alias="from")
    chain_id: int = Field(serialization_alias="chainId")
    aim: str | None = Field(
        description="What they are for, to be told with the hash of each; none where twice is well."
    )
    transactions: list[Transaction]


class Sent(BaseModel):
    """A transaction that a wallet has sent."""

    model_config = ConfigDict(extra="forbid")

    hash: Hash
    aim: Aim | None = Field(
        default=None, description="As it was prepared: the same is prepared no more while it waits."
    )


class Progress(BaseModel):
    """How far a transaction is."""

    hash: str
    state: Literal["pending", "mined", "final"]
    mined: bool
    succeeded: bool | None = Field(description="Whether it did what it was to do; none until it is mined.")
    told: int | None = Field(default=None, description="When the service was told of it, Unix time.")


class Drafting(Context):
    """A job's work in a home where nothing is done, for an account whose wallet signs."""

    def signer(self) -> WalletSigner:
        """The account's wallet, which nobody asks now."""
        assert self.account is not None  # noqa: S101  (nobody drafts for nobody)
        return WalletSigner(self.account)


def create_router(service: Service) -> APIRouter:
    """The routes of wallets."""
    router, told, underway = APIRouter(tags=["transactions"]), Transactions(service.database), Underway(service)

    @router.post("/transactions/prepare", responses=problems_of(400, 401, 403, 404, 409))
    def prepare(asked: Asked, who: Annotated[Caller, Depends(needs("money"))]) -> Prepared:
        """Prepare and try what the account's wallet is to send, without sending it."""
        mistakes.refuse(service, who.address, asked)
        home = DraftingHome(service.home.settings)
        KINDS[asked.kind].run(_drafting(service, home, who.address), asked)
        with home.reading() as ledger:
            chain_id = ledger.chain.chain_id
        transactions = [_transaction(call) for call in home.calls]
        return Prepared(sender=str(who.address), chain_id=chain_id, aim=asked.aim(), transactions=transactions)

    @router.post("/transactions", responses=problems_of(401, 403))
    def follow(sent: Sent, who: Annotated[Caller, Depends(needs("money"))]) -> Progress:
        """Tell of a transaction that the wallet has sent, and see how far it is; ask again until it is mined."""
        told.remember(who.address, sent.hash, service.now())
        if sent.aim is not None:
            with service.home.reading() as ledger:
                underway.remember(ledger.chain, who.address, sent.hash, sent.aim)
        return progress(sent.hash)

    @router.get("/transactions", responses=problems_of(401, 403))
    def recent(who: Annotated[Caller, Depends(needs("read"))]) -> list[Progress]:
        """The newest twenty transactions that the account has told of."""
        return [progress(one.hash, one.told) for one in told.of(who.address)[:20]]

    def progress(tx: str, when: int | None = None) -> Progress:
        with service.home.reading() as ledger:
            try:
                status = ledger.chain.status(tx)
            except NotFound:  # a node may hear of it later than the wallet's
                return Progress(hash=tx, state="pending", mined=False, succeeded=None, told=when)
        receipt = status.receipt
        return Progress(
            hash=tx,
            state=status.state.value,
            mined=receipt is not None,
            succeeded=None if receipt is None else receipt.succeeded,
            told=when,
        )

    return router


def _drafting(service: Service, home: DraftingHome, account: Address) -> Drafting:
    def nothing(*said: Any, **more: Any) -> None:
        """Nobody watches, and nothing is to be remembered."""

    folder = home.path
    return Drafting(
        home=home,
        account=account,
        folder=folder,
        uploads=folder,
        jobs=folder,
        now=service.now,
        clock=service.now,
        say=nothing,
        write_down=nothing,
    )


def _transaction(call: Call) -> Transaction:
    return Transaction(
        to=str(call.to),
        data=f"0x{call.data.hex()}",
        value=hex(call.value),
        gas=None if call.quote is None else hex(call.quote.gas),
        waits=call.quote is None,
    )
