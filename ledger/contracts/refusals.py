"""What the contracts mean when they refuse: their custom errors as named errors of the ledger, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ledger import errors
from ledger.abi import Interface
from ledger.address import Address
from ledger.contracts.words import uses_of
from ledger.digest import Digest
from ledger.errors import AlreadyRegistered, Refused, Reverted
from ledger.records import timestamp

Arguments = Mapping[str, Any]


def explain(reverted: Reverted, interfaces: Iterable[Interface], subjects: Mapping[Address, str]) -> errors.LedgerError:
    """The named error for what a contract said, or ``reverted`` itself where it is none of ours.

    Args:
        reverted: as raised by the chain.
        interfaces: the contracts that may have spoken; a refusal passes through contracts that call each other.
        subjects: what the tokens of a contract are called.
    """
    for interface in interfaces:
        found = interface.error(reverted.data)
        if found is not None and found[0] in _MEANINGS:
            name, arguments = found
            named = {
                field: subjects.get(value, value) if isinstance(value, Address) else value
                for field, value in arguments.items()
            }
            with suppress(ValueError, OverflowError):  # a stranger's contract may speak so too, and of no real time
                return _MEANINGS[name](named)
    return reverted


def _taken(field: str, noun: str) -> Callable[[Arguments], AlreadyRegistered]:
    def build(said: Arguments) -> AlreadyRegistered:
        return AlreadyRegistered(
            f"{field} {_hex(said[field])} is registered already, as {noun} {said['id']}", said["id"]
        )

    return build


def _said(kind: type[errors.LedgerError], text: str) -> Callable[[Arguments], errors.LedgerError]:
    return lambda said: kind(text.format(**{name: _word(name, value) for name, value in said.items()}))


def _word(name: str, value: Any) -> Any:
    if name in ("use", "uses", "asked", "offered"):
        return ", ".join(uses_of(value)) or "nothing"
    if name == "currency":
        return "wei" if value == Address(bytes(20)) else f"of token {value}"
    return _hex(value) if isinstance(value, bytes) else value


def _claim_taken(said: Arguments) -> AlreadyRegistered:
    return AlreadyRegistered(f"claim of track {said['id']:016x} is minted already", said["id"])


def _key_over(said: Arguments) -> errors.KeyEnded:
    ended = timestamp(datetime.fromtimestamp(said["time"], UTC))
    return errors.KeyEnded(f"the key of {said['account']} ended on {ended}, for good")


def _terms_differ(said: Arguments) -> Refused:
    terms = said["terms"]
    price, until = f"{terms['price']} {_word('currency', terms['currency'])}", terms["until"]
    return errors.PriceNotMet(
        f"token {said['id']} costs {price}, with a royalty of {terms['royaltyPpm']} ppm, licensed until {until}; "
        "that is not what was agreed to"
    )


def _hex(value: bytes) -> str:
    return str(Digest(value)) if len(value) == 32 else value.hex()


_MEANINGS: Mapping[str, Callable[[Arguments], errors.LedgerError]] = {
    "AlreadyOver": _said(errors.ArgumentRefused, "the end has passed already, at Unix time {until}"),
    "AnchorSize": _said(errors.ArgumentRefused, "an anchor holds 1 to 1000000 tracks, not {size}"),
    "AudioTaken": _taken("audio", "track"),
    "Bound": _said(errors.ArgumentRefused, "a license stays with its licensee"),
    "ClaimTaken": _claim_taken,
    "ConsentWithdrawn": _said(errors.ConsentWithdrawn, "consent for dataset {dataset} has been withdrawn"),
    "ERC721NonexistentToken": _said(errors.NotFound, "no token {tokenId} in this contract"),
    "GuardianIsNoContract": _said(errors.ArgumentRefused, "the guardian {guardian} is no contract"),
    "KeyOver": _key_over,
    "LicenseMissing": _said(errors.LicenseMissing, "no valid license: {subject} {id}, use {use}, {user}"),
    "ListingStale": _said(errors.NotOffered, "track {track}: its seller has parted with it, or not approved the sale"),
    "MintsPaused": _said(errors.MintsPaused, "the guardian has paused new mints"),
    "NotAnchored": _said(errors.ProofInvalid, "leaf {index} does not lead to a root {root} that the caller anchored"),
    "NotCreator": _said(errors.NotCreator, "{caller} is not the creator of track {id}"),
    "NotGuardian": _said(errors.NotOwner, "{caller} is not the guardian"),
    "NotHolder": _said(errors.NotOwner, "{caller} holds no share that counts now"),
    "NotKeeper": _said(errors.NotOwner, "{caller} is neither {account} nor its recovery"),
    "NotListed": _said(errors.NotOffered, "track {track} is not for sale"),
    "NotOwner": _said(errors.NotOwner, "{caller} does not own token {id}"),
    "NotWhole": _said(errors.ProofInvalid, "the shares along the path make {sumPpm} ppm, not 1000000"),
    "NoEpoch": _said(errors.ArgumentRefused, "there is no epoch {epoch}"),
    "NoShare": _said(errors.ArgumentRefused, "there is no share {index}"),
    "NothingDue": lambda said: errors.NothingDue(
        f"nothing is credited to {said['account']}" if "account" in said else "nothing is due to this share"
    ),
    "NothingProposed": _said(errors.NotFound, "no proposal that can still be objected to"),
    "NothingToAdopt": _said(errors.NotFound, "no epoch newer than {epoch}"),
    "OutOfOrder": _said(errors.ArgumentRefused, "{id}: datasets and parents are named once each, in ascending order"),
    "PaymentRefused": lambda said: errors.PaymentRefused(
        f"the code of {said.get('account', said.get('payee'))} refused the money; it stays credited"
    ),
    "PaymentShort": _said(errors.PaymentShort, "{owed} {currency} are owed and {held} there: it keeps a part"),
    "PreferencesUnknown": _said(errors.ArgumentRefused, "the preferences {preferences} are none of ERC-7517"),
    "PriceChanged": _said(errors.PriceNotMet, "track {track} costs {price} {currency}"),
    "ProposalPending": _said(errors.ProposalPending, "shares {root} are proposed already; object to them, or wait"),
    "ProposalsRefused": _said(errors.ProposalPending, "holders of {shares} shares refuse every proposal"),
    "RootAnchored": _said(errors.AlreadyAnchored, "the caller anchored root {root} already"),
    "RootTaken": _taken("root", "dataset"),
    "RoyaltyFixed": _said(errors.ArgumentRefused, "the royalty of model {id} stays at {royaltyPpm} ppm"),
    "RoyaltyTooHigh": _said(errors.ArgumentRefused, "{ppm} ppm are more than the whole, 1000000"),
    "RoyaltyUnpaid": _said(errors.PaymentShort, "of the royalty {royalty}, less reached {account}"),
    "SafeERC20FailedOperation": _said(
        errors.PaymentRefused, "token {token} would not be moved: too little is allowed or there"
    ),
    "SharesUneven": _said(
        errors.ArgumentRefused, "{shares} shares for {datasets} datasets add up to {sumPpm} ppm; they make 1000000"
    ),
    "ShareUnproven": _said(errors.ProofInvalid, "the share does not lead to the root of epoch {epoch}"),
    "SignatureWrong": _said(errors.SignatureInvalid, "the signature is not {creator}'s, or not of this voucher here"),
    "SubjectUnknown": _said(errors.ArgumentRefused, "{subject} is neither the datasets nor the models"),
    "ShareOfNothing": _said(errors.ArgumentRefused, "dataset {dataset} has no share; leave it out"),
    "TermsDiffer": _terms_differ,
    "TokenTooHigh": _said(errors.ArgumentRefused, "token {id}: dues name tokens up to 134217727"),
    "TooManyDues": _said(errors.ArgumentRefused, "a model owes to 255 holders at most, not {dues}"),
    "TrainedOnNothing": _said(errors.ArgumentRefused, "a run names a dataset or a parent"),
    "Unfit": _said(
        errors.ArgumentRefused, "{named} will not do: it is the key itself, or has ended, or is the zero address"
    ),
    "UseNotOffered": _said(errors.UseNotOffered, "token {id} is on offer for {offered}; asked for {asked}"),
    "UsesUnknown": lambda said: errors.ArgumentRefused(f"the uses {said['uses']} name nothing that exists"),
    "ValueNotMet": lambda said: errors.PriceNotMet(f"{said['asked']} wei are asked; {said['sent']} were sent"),
    "VoucherVoid": _said(errors.VoucherCancelled, "{creator} has cancelled vouchers for claim {claim}"),
    "WeightsTaken": _taken("weights", "model"),
    "WrongLicenses": _said(errors.ArgumentRefused, "the licenses {licenses} were made for models at another address"),
    "ZeroDigest": _said(errors.ArgumentRefused, "a digest of 32 zero bytes names nothing"),
}
