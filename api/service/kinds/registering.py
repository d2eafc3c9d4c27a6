"""The job that registers recordings as a dataset."""

# No postponed annotations: pydantic reads them.

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from api.service.kinds.kind import Account, Amount, Context, Day, Id, Kind, Limits, Percent, Request, Use, Words

Spdx = Annotated[str, StringConstraints(pattern=r"^(LicenseRef-)?[A-Za-z0-9][A-Za-z0-9.-]{0,99}\+?$")]
"""One license of an SPDX expression (SPDX 2.3, Annex D)."""


class Register(Request):
    """Register the recordings of an upload: each is examined, fingerprinted, encrypted and stored, then a root over
    all of them goes on chain. The same recordings twice are one dataset."""

    kind: Literal["register"] = "register"
    upload: Id
    title: Words = Field(examples=["Anna's quartets"])
    license: Spdx = Field(examples=["LicenseRef-own", "CC-BY-4.0"])
    price: Amount = Field(examples=["0.05"], description="Of a license, in ether unless there is a currency.")
    share: Percent = Field(examples=["5"], description="Of a track's royalties, in percent.")
    currency: Account | None = Field(default=None, description="An ERC-20 token.")
    uses: tuple[Use, ...] = Field(default=("train",), max_length=3)
    until: Day = "never"
    mining: Literal["allowed", "constrained", "notAllowed"] = "notAllowed"
    inference: Literal["allowed", "constrained", "notAllowed"] = "notAllowed"
    skip_bad: bool = Field(default=False, description="Leave out files that cannot be used; the record lists them.")
    allow_resampled: bool = Field(default=False, description="Take less than 44.1 kHz.")
    allow_overlap: bool = Field(default=False, description="Take recordings that another dataset of yours has.")
    hide_labels: bool = Field(default=False, description="Keep out of the record which recordings share a label.")


def _register(context: Context, asked: Register) -> dict[str, Any]:
    from api import terms as words
    from api.amounts import ppm_from_percent
    from api.workflows import datasets, datasheet
    from ledger.records import Terms

    token = words.currency(asked.currency)
    terms = Terms(
        price=words.price(asked.price, token),
        royalty_ppm=ppm_from_percent(asked.share),
        uses=words.uses(asked.uses),
        currency=token,
        until=words.until(asked.until, context.now()),
    )
    terms = words.allow(terms, [f"mining={asked.mining}", f"inference={asked.inference}"])
    done = datasets.add(
        context.home,
        context.uploads / asked.upload,
        title=asked.title,
        license_=asked.license,
        terms=terms,
        signer=context.signer(),
        now=context.now,
        skip_bad=asked.skip_bad,
        allow_overlap=asked.allow_overlap,
        allow_resampled=asked.allow_resampled,
        hide_labels=asked.hide_labels,
        report=context.progress,
    )
    datasheet.keep(context.home, done.entry.id)
    return {
        "dataset": done.entry.id,
        "root": str(done.entry.root),
        "cid": done.entry.cid,
        "record": str(done.entry.record),
        "holder": str(done.entry.holder),
        "recordings": done.recordings,
        "seconds": round(done.seconds, 3),
        **words.as_json(done.entry.terms),
        "omitted": [{"file": name, "reason": reason} for name, reason in done.omitted],
        "already": done.already,
        "overlaps": [{"dataset": number, "recordings": count} for number, count in done.overlaps],
        "uncompared": list(done.uncompared),
        "findings": [{"file": name, **found} for name, found in done.findings if found.get("warnings")],
    }


REGISTER = Kind("register", Register, _register, long=True, limits=Limits(6 * 3600.0, None), spends=("done",))
