"""Jobs that say what licenses of a dataset or model are sold for, and end consent."""

# No postponed annotations: pydantic reads them.

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from api.service.kinds import price
from api.service.kinds.kind import Account, Amount, Context, Day, Kind, Number, Percent, Request
from api.service.kinds.price import Decimals

if TYPE_CHECKING:
    from ledger.address import Address
    from ledger.contracts.entries import SubjectKind
    from ledger.records import Terms as SignedTerms

Preference = Literal["allowed", "constrained", "notAllowed"]


class Terms(Request):
    """Other terms for licenses sold from now on; what is not said stays."""

    owned: ClassVar[bool] = True

    kind: Literal["terms"] = "terms"
    subject: Literal["dataset", "model"] = "dataset"
    id: Number
    price: Amount | None = None
    currency: Account | Literal["ether"] | None = Field(default=None, description="Say the price in it too.")
    decimals: Decimals = None
    share: Percent | None = None
    uses: tuple[Literal["train", "generate", "commercial", "none"], ...] = Field(default=(), max_length=3)
    until: Day | None = None
    mining: Preference | None = None
    inference: Preference | None = None

    def subjects(self) -> tuple[tuple["SubjectKind", int], ...]:
        """Whose terms they are."""
        return ((self.subject, self.id),)

    def token(self) -> "Address | None":
        """The token that the price is said in, where it is said. Raises :class:`~api.errors.UsageError`."""
        from api.errors import UsageError

        if self.currency is not None and self.price is None:
            raise UsageError("currency: say the price in it too")
        return price.token_of(self.currency, self.decimals)

    def units(self, kept: "Address | None" = None) -> int | None:
        """The price, if there is one, in the smallest unit of its currency; ``kept`` is that where none is said.

        Raises :class:`~api.errors.UsageError` for one that is none.
        """
        token = kept if self.currency is None else self.token()
        return None if self.price is None else price.units(self.price, token, self.decimals)


class Withdraw(Request):
    """Withdraw consent for a dataset, for good: no license is sold or granted any more."""

    owned: ClassVar[bool] = True

    kind: Literal["withdraw"] = "withdraw"
    id: Number

    def subjects(self) -> tuple[tuple["SubjectKind", int], ...]:
        """The dataset."""
        return (("dataset", self.id),)


def _change(context: Context, asked: Terms) -> dict[str, Any]:
    from dataclasses import replace

    from api import terms as words
    from api.amounts import ppm_from_percent
    from api.workflows import offers

    end, token = words.until(asked.until, context.now()), asked.token()
    price.require_decimals(context.home, token, asked.decimals)

    def alter(old: "SignedTerms") -> "SignedTerms":
        preferences = (("mining", asked.mining), ("inference", asked.inference))
        new = words.allow(old, [f"{what}={said}" for what, said in preferences if said is not None])
        if asked.currency is not None:
            new = replace(new, currency=token)
        units = asked.units(old.currency)
        if units is not None:
            new = replace(new, price=units)
        if asked.share is not None:
            new = replace(new, royalty_ppm=ppm_from_percent(asked.share))
        if asked.until is not None:
            new = replace(new, until=end)
        return replace(new, uses=words.uses(asked.uses)) if asked.uses else new

    done = offers.change(context.home, asked.subject, asked.id, alter, signer=context.signer())
    return {asked.subject: asked.id, **words.as_json(done.entry.terms), "already": done.already}


def _withdraw(context: Context, asked: Withdraw) -> dict[str, Any]:
    from api.workflows import offers

    done = offers.withdraw(context.home, asked.id, signer=context.signer(), confirm=lambda: None)
    return {"dataset": asked.id, "consent": False, "already": done.already}


TERMS = Kind("terms", Terms, _change, scope="money")
WITHDRAW = Kind("withdraw", Withdraw, _withdraw, scope="money")
