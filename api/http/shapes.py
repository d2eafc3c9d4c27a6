"""What the contracts know, as JSON: tokens of tracks and amounts are decimal text, since JavaScript rounds them."""

# No postponed annotations: FastAPI reads those of its models.

from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from api.service.entries import Due, Offer, Sale
from ledger.address import Address
from ledger.contracts import DatasetEntry, LicenseEntry, ModelEntry, TrackEntry

_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

Hex256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=[_DIGEST])]
Account = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$", examples=[_ADDRESS], description="EIP-55")]
Currency = Annotated[Account | None, Field(description="An ERC-20 token; null for ether.")]
Amount = Annotated[str, Field(pattern="^[0-9]+$", examples=["50000000000000000"], description="In the smallest unit.")]
Ppm = Annotated[int, Field(ge=0, le=1_000_000, examples=[50_000], description="Parts per million.")]
Cid = Annotated[
    str,
    Field(
        description="Where the signed record lies; empty where the chain says none.",
        examples=["bafkreie7q3iidccmpvszul7kudcvvuavuo7u6gzlbobczulmkwyla4akba"],
    ),
]
Token = Annotated[str, Field(pattern="^[0-9]{1,20}$", examples=["11493574928574839201"])]
Block = Annotated[int, Field(ge=0, examples=[1042])]
Time = Annotated[int, Field(ge=0, examples=[1_795_000_000], description="Unix time, in seconds.")]
Tx = Annotated[str, Field(pattern="^0x[0-9a-f]{64}$", examples=["0x" + _DIGEST])]
Use = Literal["train", "generate", "commercial"]


@lru_cache(4096)
def account(address: Address) -> str:
    """An address with its checksum, which takes a while to make."""
    return str(address)


class Track(BaseModel):
    """A track on chain."""

    id: Token
    watermark: str = Field(pattern="^[0-9a-f]{16}$", examples=["9f81a26b1c3d4e5f"], description="`id` as 8 bytes.")
    sha256: Hex256 = Field(description="Of the audio file.")
    claim: Hex256
    record: Hex256 = Field(description="Of the signed track record.")
    cid: Cid
    model: int
    creator: Account
    owner: Account
    royalty_ppm: Ppm
    block: Block
    time: Time
    tx: Tx

    @classmethod
    def of(cls, entry: TrackEntry) -> Self:
        """The shape of an entry."""
        return cls(
            id=str(entry.id),
            watermark=f"{entry.id:016x}",
            sha256=str(entry.audio),
            claim=str(entry.claim),
            record=str(entry.record),
            cid=entry.cid,
            model=entry.model,
            creator=account(entry.creator),
            owner=account(entry.owner),
            royalty_ppm=entry.royalty_ppm,
            block=entry.block,
            time=entry.time,
            tx=entry.tx,
        )


class Terms(BaseModel):
    """What a license costs, and what may be licensed; no uses where nothing is on offer."""

    price: Amount
    currency: Currency
    royalty_ppm: Ppm
    uses: list[Use]
    until: str | None = Field(examples=["2031-01-01T00:00:00Z"], description="Last second of licenses on sale.")
    data_mining: Literal["notAllowed", "constrained", "allowed"]
    inference: Literal["notAllowed", "constrained", "allowed"]

    @classmethod
    def of(cls, entry: DatasetEntry | ModelEntry) -> Self:
        """The terms of a dataset or model now."""
        terms = entry.in_force if isinstance(entry, DatasetEntry) else entry.terms
        return cls.model_validate(
            {
                "price": str(terms.price),
                "currency": None if terms.currency is None else account(terms.currency),
                "royalty_ppm": terms.royalty_ppm,
                "uses": list(terms.uses),
                "until": terms.until if terms.uses else None,
                "data_mining": terms.data_mining,
                "inference": terms.inference,
            }
        )


class Dataset(BaseModel):
    """A dataset on chain."""

    id: int = Field(ge=1, examples=[3])
    root: Hex256 = Field(description="Merkle root over the recordings.")
    record: Hex256
    cid: Cid
    holder: Account = Field(description="Who registered it.")
    owner: Account = Field(description="Who is paid for it now.")
    consent: bool = Field(description="False once withdrawn: no license is sold any more.")
    terms: Terms
    block: Block
    time: Time
    tx: Tx

    @classmethod
    def of(cls, entry: DatasetEntry) -> Self:
        """The shape of an entry."""
        return cls(
            id=entry.id,
            root=str(entry.root),
            record=str(entry.record),
            cid=entry.cid,
            holder=account(entry.holder),
            owner=account(entry.owner),
            consent=entry.consent,
            terms=Terms.of(entry),
            block=entry.block,
            time=entry.time,
            tx=entry.tx,
        )


class TrainedOn(BaseModel):
    """A dataset's part in a training."""

    dataset: int
    share_ppm: Ppm


class Model(BaseModel):
    """A model on chain."""

    id: int = Field(ge=1, examples=[2])
    weights: Hex256
    record: Hex256
    cid: Cid
    trainer: Account
    owner: Account
    royalty_ppm: Ppm = Field(description="Part of a track's income that the model's own holder asks.")
    datasets: list[TrainedOn]
    parents: list[int] = Field(description="Models that the training began from.")
    terms: Terms
    block: Block
    time: Time
    tx: Tx

    @classmethod
    def of(cls, entry: ModelEntry) -> Self:
        """The shape of an entry."""
        return cls(
            id=entry.id,
            weights=str(entry.weights),
            record=str(entry.record),
            cid=entry.cid,
            trainer=account(entry.trainer),
            owner=account(entry.owner),
            royalty_ppm=entry.royalty_ppm,
            datasets=[TrainedOn(dataset=dataset, share_ppm=share) for dataset, share in entry.datasets],
            parents=list(entry.parents),
            terms=Terms.of(entry),
            block=entry.block,
            time=entry.time,
            tx=entry.tx,
        )


class OwedTo(BaseModel):
    """A part of a track's income that a model owes to the owner of a dataset or another model."""

    kind: Literal["dataset", "model"]
    id: int
    ppm: Ppm

    @classmethod
    def of(cls, due: Due) -> Self:
        """The shape of a due."""
        return cls.model_validate({"kind": due.kind, "id": due.holder, "ppm": due.ppm})


class WholeModel(Model):
    """A model on chain, with what its tracks owe."""

    dues: list[OwedTo]


class License(BaseModel):
    """A license on chain, valid or not."""

    id: int = Field(ge=1, description="Its number among those of this licensee for this subject.")
    kind: Literal["dataset", "model"]
    subject: int
    licensee: Account
    uses: list[Use]
    valid_from: Time
    valid_until: int | None = Field(description="Last second, Unix time; null for no end.")
    royalty_ppm: Ppm
    price: Amount
    currency: Currency
    record: Hex256
    cid: Cid
    block: Block
    tx: Tx

    @classmethod
    def of(cls, entry: LicenseEntry) -> Self:
        """The shape of an entry."""
        return cls.model_validate(
            {
                "id": entry.id,
                "kind": entry.subject_kind,
                "subject": entry.subject_id,
                "licensee": account(entry.licensee),
                "uses": list(entry.uses),
                "valid_from": entry.valid_from,
                "valid_until": entry.valid_until,
                "royalty_ppm": entry.royalty_ppm,
                "price": str(entry.price),
                "currency": None if entry.currency is None else account(entry.currency),
                "record": str(entry.record),
                "cid": entry.cid,
                "block": entry.block,
                "tx": entry.tx,
            }
        )


class ForSale(BaseModel):
    """A track that can be bought now."""

    track: Track
    seller: Account
    price: Amount
    currency: Currency
    until: int | None = Field(description="Last second of the offer, Unix time; null for no end.")

    @classmethod
    def of(cls, offer: Offer) -> Self:
        """The shape of an offer."""
        listing = offer.listing
        return cls(
            track=Track.of(offer.track),
            seller=account(listing.seller),
            price=str(listing.price),
            currency=None if listing.currency is None else account(listing.currency),
            until=listing.until,
        )


class Sold(BaseModel):
    """A sale that took place."""

    track: Token
    seller: Account
    buyer: Account
    price: Amount
    currency: Currency
    royalty: Amount = Field(description="What of the price went to the track's account, to be shared.")
    block: Block
    time: Time
    tx: Tx

    @classmethod
    def of(cls, sale: Sale) -> Self:
        """The shape of a sale."""
        return cls(
            track=str(sale.track),
            seller=account(sale.seller),
            buyer=account(sale.buyer),
            price=str(sale.price),
            currency=None if sale.currency is None else account(sale.currency),
            royalty=str(sale.royalty),
            block=sale.block,
            time=sale.time,
            tx=sale.tx,
        )
