"""Jobs that buy a license or grant one."""

# No postponed annotations: pydantic reads them.

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from api.service.kinds.kind import Account, Amount, Context, Day, Kind, Number, Percent, Request, Use

if TYPE_CHECKING:
    from api.workflows.licenses import Licensed, Seen
    from ledger.contracts.entries import SubjectKind


class License(Request):
    """Accept the terms of a dataset or model and pay the price; what is licensed already is not bought twice."""

    kind: Literal["license"] = "license"
    subject: Literal["dataset", "model"]
    id: Number
    uses: tuple[Use, ...] = Field(min_length=1, max_length=3)
    price: Amount | None = Field(default=None, description="Buy at this price or not at all.", examples=["0.05"])
    currency: Account | Literal["ether"] | None = Field(default=None, description="Buy in it or not at all.")
    share: Percent | None = Field(default=None, description="Buy at this share of the income or not at all.")
    until: Day | None = Field(default=None, description="Buy a license that lasts until then or none at all.")

    def subjects(self) -> tuple[tuple["SubjectKind", int], ...]:
        """What is licensed."""
        return ((self.subject, self.id),)

    def aim(self) -> str:
        """The license: two at once are both paid for."""
        return f"license {self.subject} {self.id}"


class Grant(Request):
    """Give a license for nothing, of a dataset or model that the account owns."""

    owned: ClassVar[bool] = True

    kind: Literal["grant"] = "grant"
    subject: Literal["dataset", "model"]
    id: Number
    to: Account
    uses: tuple[Use, ...] = Field(min_length=1, max_length=3)
    until: Day = "never"

    def subjects(self) -> tuple[tuple["SubjectKind", int], ...]:
        """What is licensed."""
        return ((self.subject, self.id),)


def _buy(context: Context, asked: License) -> dict[str, Any]:
    from api import terms as words
    from api.workflows import licenses

    done = licenses.buy(
        context.home,
        asked.subject,
        asked.id,
        uses=words.uses(asked.uses),
        signer=context.signer(),
        now=context.now,
        seen=seen(asked),
    )
    return _outcome(done, asked.subject, asked.id)


def seen(asked: License) -> "Seen":
    """The terms that the account agrees to."""
    from api.workflows.licenses import Seen

    return Seen(asked.price, asked.currency, asked.share, asked.until)


def _grant(context: Context, asked: Grant) -> dict[str, Any]:
    from api import terms as words
    from api.workflows import licenses

    done = licenses.grant(
        context.home,
        asked.subject,
        asked.id,
        licensee=words.address("to", asked.to),
        uses=words.uses(asked.uses),
        until=words.until(asked.until, context.now()),
        signer=context.signer(),
        now=context.now,
    )
    return _outcome(done, asked.subject, asked.id)


def _outcome(done: "Licensed", kind: str, number: int) -> dict[str, Any]:
    from api import terms as words
    from api.amounts import percent_from_ppm

    entry = done.entry
    if entry is None:  # an owner needs none
        return {"license": None, kind: number, "already": True}
    return {
        "license": entry.id,
        kind: number,
        "licensee": str(entry.licensee),
        "uses": list(entry.uses),
        "until": None if entry.valid_until is None else words.moment(entry.valid_until),
        "price": words.amount(entry.price, entry.currency),
        "currency": None if entry.currency is None else str(entry.currency),
        "share": percent_from_ppm(entry.royalty_ppm),
        "already": done.already,
    }


LICENSE = Kind("license", License, _buy, scope="money")
GRANT = Kind("grant", Grant, _grant, scope="money")
