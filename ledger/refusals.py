"""What the contracts mean when they refuse: their custom errors as named errors of the ledger, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ledger import errors
from ledger.abi import Interface
from ledger.digest import Digest
from ledger.entries import uses_of
from ledger.errors import AlreadyRegistered, Refused, Reverted

Arguments = Mapping[str, Any]


def explain(reverted: Reverted, interfaces: Iterable[Interface]) -> errors.LedgerError:
    """The named error for what a contract said, or ``reverted`` itself where it is none of ours.

    Args:
        reverted: as raised by the chain.
        interfaces: the contracts that may have spoken; a refusal passes through contracts that call each other.
    """
    for interface in interfaces:
        found = interface.error(reverted.data)
        if found is not None and found[0] in _MEANINGS:
            name, arguments = found
            return _MEANINGS[name](arguments)
    return reverted


def _taken(field: str, noun: str) -> Callable[[Arguments], AlreadyRegistered]:
    def build(said: Arguments) -> AlreadyRegistered:
        return AlreadyRegistered(
            f"{field} {_hex(said[field])} is registered already, as {noun} {said['id']}", said["id"]
        )

    return build


def _said(kind: type[Refused], text: str) -> Callable[[Arguments], Refused]:
    return lambda said: kind(text.format(**said))


def _license_missing(said: Arguments) -> Refused:
    use = _uses(said["use"])
    # Only trainers are asked for a license to train, and only of datasets; the rest is about models.
    subject, role = ("dataset", "trainer") if use == "train" else ("model", "creator")
    return errors.LicenseMissing(f"no valid license: {subject} {said['id']}, use {use}, {role} {said['user']}")


def _claim_taken(said: Arguments) -> AlreadyRegistered:
    return AlreadyRegistered(f"claim {said['id']:064x} is minted already", said["id"])


def _use_not_offered(said: Arguments) -> Refused:
    asked, offered = _uses(said["asked"]), _uses(said["offered"])
    return errors.UseNotOffered(f"dataset {said['dataset']} is on offer for {offered}; asked for {asked}")


def _not_found(said: Arguments) -> errors.LedgerError:
    return errors.NotFound(f"no token {said['tokenId']} in this contract")


def _uses(bits: int) -> str:
    return ", ".join(uses_of(bits)) or "nothing"


def _hex(value: bytes | int) -> str:
    return str(Digest(value)) if isinstance(value, bytes) else f"{value:016x}"


_MEANINGS: Mapping[str, Callable[[Arguments], errors.LedgerError]] = {
    "AlreadyOver": _said(errors.ArgumentRefused, "the license would have ended already, at Unix time {until}"),
    "AudioTaken": _taken("audio", "track"),
    "ClaimTaken": _claim_taken,
    "ConsentWithdrawn": _said(errors.ConsentWithdrawn, "consent for dataset {dataset} has been withdrawn"),
    "DatasetTwice": _said(errors.ArgumentRefused, "dataset {dataset} is named twice"),
    "ERC721NonexistentToken": _not_found,
    "LicenseMissing": _license_missing,
    "NotOwner": _said(errors.NotOwner, "{caller} does not own token {id}"),
    "NothingDue": _said(errors.NothingDue, "nothing is credited to {account}"),
    "PaymentRefused": _said(errors.PaymentRefused, "the code of {account} refused the money; it stays credited"),
    "PriceNotMet": _said(errors.PriceNotMet, "dataset {dataset} costs exactly {price} wei; {sent} were sent"),
    "RootTaken": _taken("root", "dataset"),
    "RoyaltyTooHigh": _said(errors.ArgumentRefused, "a royalty of {ppm} ppm is more than the whole, 1000000"),
    "SharesUneven": _said(
        errors.ArgumentRefused, "{shares} shares for {datasets} datasets add up to {sumPpm} ppm; they make 1000000"
    ),
    "UseNotOffered": _use_not_offered,
    "UsesUnknown": _said(errors.ArgumentRefused, "the uses {uses} name nothing that exists"),
    "WatermarkTaken": _taken("watermark", "track"),
    "WeightsTaken": _taken("weights", "model"),
    "ZeroDigest": _said(errors.ArgumentRefused, "a digest of 32 zero bytes names nothing"),
}
