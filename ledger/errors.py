"""Everything that can go wrong in the ledger, as one tree.

    LedgerError
    ├── Malformed              bytes that are not what they claim to be
    │   ├── MalformedRecord    not a canonical in-toto statement of ours
    │   ├── MalformedEnvelope  not a DSSE envelope
    │   ├── NotABundle         a file that never was one
    │   └── MalformedCid       not a CID of a kind we write
    ├── Invalid                checked, and wrong
    │   ├── SignatureInvalid   the signature does not belong to the payload and address
    │   ├── DigestMismatch     bytes differ from the digest they were asked for by
    │   ├── ProofInvalid       a Merkle proof does not lead to the root
    │   ├── RequestInvalid     a request for a key is stale, or for another asset than it should be
    │   ├── AnswerInvalid      what a bundle says that a chain answered is no answer to what was asked
    │   ├── SignInInvalid      a message to sign in with is for another place or time, or was used before
    │   ├── TimestampInvalid   a time stamp is over other bytes, or not signed by its authority
    │   └── DecryptionFailed   wrong key, wrong asset, or altered ciphertext
    ├── Unverifiable           could not be checked
    │   ├── BlockMissing       the content store does not hold a block
    │   ├── NamesUnknown       records cannot be read, so nobody knows what they name
    │   ├── ChainUnreachable   no answer from the chain
    │   ├── NodeUnreachable    no answer, or none in time, from an IPFS node, a gateway or a pinning service
    │   ├── NodeRefused        one of them answers, and does not do what it is asked
    │   ├── NodeFull           one of them has no room left
    │   ├── PinFailed          a pinning service gave up, or has not pinned in the time it was given
    │   ├── HolderUnreachable  no answer, or none that makes sense, from a holder's key service
    │   ├── StampUnreachable   no answer, or none that makes sense, from a time-stamp authority
    │   ├── ManifestElsewhere  a file names its manifest by a URL alone, and nothing is fetched
    │   ├── FormatUnknown      a bundle in a format that nothing here can read
    │   ├── StampUncheckable   a time stamp brings no certificate, or is made in a way that nothing here can check
    │   └── NoDeployment       no contracts known on this chain
    ├── Refused                the contracts said no
    │   ├── LicenseMissing     no valid license for a subject and use
    │   ├── AlreadyRegistered  this digest has a token already
    │   ├── ConsentWithdrawn   the holder sells no more licenses
    │   ├── NotOwner           the caller does not own the token
    │   ├── PriceNotMet        another price than was agreed to, or not exactly it was sent
    │   ├── UseNotOffered      a dataset is not on offer for a use
    │   ├── ArgumentRefused    a value out of the range that the contracts allow
    │   ├── NothingDue         nothing is credited to the account, or due to the share
    │   ├── PaymentShort       a token keeps a part of what is paid with it
    │   ├── NotOffered         a track is not for sale, or not any more
    │   ├── NotCreator         only its creator may do this with a track
    │   ├── AlreadyAnchored    the caller anchored this root before
    │   ├── VoucherCancelled   the creator took the voucher back
    │   ├── MintsPaused        the guardian has paused new mints
    │   ├── ProposalPending    new shares are proposed already
    │   ├── PaymentRefused     the receiving account's own code refused the money
    │   ├── KeyEnded           the key was rotated or revoked
    │   ├── InsufficientFunds  the account cannot pay for the transaction
    │   ├── TransactionDropped another transaction took its turn: it will never be mined
    │   └── Reverted           a contract refused for a reason that is not among the above
    ├── NotFound               no such token or record
    ├── StoreFault             the disk under a store would not take or give what it should
    └── KeyFault
        ├── KeyNotFound        no key of that name
        ├── KeyExists          a key of that name exists
        ├── BadKeyName         a name that cannot be a file's name, or deceives the eye
        ├── KeyDamaged         a file in the keystore that is not a key, or was altered
        ├── KeyUnfit           a key in hardware that cannot sign for an account
        ├── CertificateUnfit   certificates under which a key cannot sign manifests
        ├── KeyUnreachable     no answer from the hardware or service that holds a key
        ├── KeyWithheld        the hardware or service that holds a key will not sign with it
        └── WrongPassphrase    the keystore does not open

*Invalid* is never *Unverifiable*: the first was checked and is wrong, the second could not be checked.
"""

from __future__ import annotations

from collections.abc import Mapping


class LedgerError(Exception):
    """Root of the tree."""


class Malformed(LedgerError):
    """Bytes that are not what they claim to be."""


class MalformedRecord(Malformed):
    """Not a canonical in-toto statement of ours."""


class MalformedEnvelope(Malformed):
    """Not a DSSE envelope."""


class NotABundle(Malformed):
    """A file that never was a bundle."""


class MalformedCid(Malformed):
    """Not a CID of a kind we write."""


class Invalid(LedgerError):
    """Checked, and wrong."""


class SignatureInvalid(Invalid):
    """The signature does not belong to the payload and address."""


class DigestMismatch(Invalid):
    """Bytes differ from the digest they were asked for by."""


class ProofInvalid(Invalid):
    """A Merkle proof does not lead to the root."""


class RequestInvalid(Invalid):
    """A request for a key is stale, or for another asset than it should be."""


class SignInInvalid(Invalid):
    """A message to sign in with is for another site, chain or time, or was used before."""


class TimestampInvalid(Invalid):
    """A time stamp is over other bytes, or not signed by its authority."""


class AnswerInvalid(Invalid):
    """What a bundle says that a chain answered is no answer to what was asked."""


class DecryptionFailed(Invalid):
    """Wrong key, wrong asset, or altered ciphertext."""


class Unverifiable(LedgerError):
    """Could not be checked."""


class BlockMissing(Unverifiable):
    """The content store does not hold a block."""


class NamesUnknown(Unverifiable):
    """Records cannot be read, so nobody knows what they name. ``records`` has their names, each with the reason."""

    def __init__(self, message: str, records: Mapping[str, str]) -> None:
        super().__init__(message)
        self.records = dict(records)


class ChainUnreachable(Unverifiable):
    """No answer from the chain."""


class HolderUnreachable(Unverifiable):
    """No answer, or none that makes sense, from a holder's key service."""


class StampUnreachable(Unverifiable):
    """No answer, or none that makes sense, from a time-stamp authority."""


class ManifestElsewhere(Unverifiable):
    """A file names its manifest by a URL alone, and nothing is fetched."""


class FormatUnknown(Unverifiable):
    """A bundle in a format that nothing here can read."""


class StampUncheckable(Unverifiable):
    """A time stamp brings no certificate to check it by, or is made in a way that nothing here can check."""


class NodeUnreachable(Unverifiable):
    """No answer, or none in time, from an IPFS node, a gateway or a pinning service."""


class NodeRefused(Unverifiable):
    """An IPFS node, a gateway or a pinning service answers, and does not do what it is asked."""


class NodeFull(Unverifiable):
    """An IPFS node or a pinning service has no room left."""


class PinFailed(Unverifiable):
    """A pinning service gave up, or has not pinned in the time it was given."""


class NoDeployment(Unverifiable):
    """No contracts known on this chain."""


class Refused(LedgerError):
    """The contracts said no."""


class LicenseMissing(Refused):
    """No valid license for a subject and use."""


class AlreadyRegistered(Refused):
    """This digest has a token already: ``id`` says which."""

    def __init__(self, message: str, id: int) -> None:  # noqa: A002
        super().__init__(message)
        self.id = id


class ConsentWithdrawn(Refused):
    """The holder sells no more licenses."""


class NotOwner(Refused):
    """The caller does not own the token."""


class PriceNotMet(Refused):
    """The price or currency is another than was agreed to, or not exactly it was sent."""


class UseNotOffered(Refused):
    """A dataset is not on offer for a use."""


class ArgumentRefused(Refused):
    """A value out of the range that the contracts allow."""


class NothingDue(Refused):
    """Nothing is credited to the account, or due to the share."""


class PaymentShort(Refused):
    """A token keeps a part of what is paid with it."""


class NotOffered(Refused):
    """A track is not for sale, or not any more."""


class NotCreator(Refused):
    """Only its creator may do this with a track."""


class AlreadyAnchored(Refused):
    """The caller anchored this root before."""


class VoucherCancelled(Refused):
    """The creator took the voucher back."""


class MintsPaused(Refused):
    """The guardian has paused new mints."""


class ProposalPending(Refused):
    """New shares are proposed already: somebody objects, or their window ends."""


class PaymentRefused(Refused):
    """The receiving account's own code refused the money; it stays credited."""


class KeyEnded(Refused):
    """The key was rotated or revoked: nothing new is signed with it, and it ends once."""


class InsufficientFunds(Refused):
    """The account cannot pay for the transaction."""


class TransactionDropped(Refused):
    """Another transaction took its turn, or the chain forgot it: it will not be mined."""


class Reverted(Refused):
    """A contract refused for a reason that is not among the above. ``data`` is what it said, as bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(
            f"the contract refused, saying 0x{data.hex()}" if data else "the contract refused, saying nothing"
        )
        self.data = data


class NotFound(LedgerError):
    """No such token or record."""


class StoreFault(LedgerError):
    """The disk under a store would not take or give what it should."""


class KeyFault(LedgerError):
    """Something about a key."""


class KeyNotFound(KeyFault):
    """No key of that name."""


class KeyExists(KeyFault):
    """A key of that name exists."""


class BadKeyName(KeyFault):
    """A name that cannot be a file's name, or deceives the eye."""


class KeyDamaged(KeyFault):
    """A file in the keystore that is not a key, or was altered."""


class KeyUnfit(KeyFault):
    """A key in hardware that cannot sign for an account: not on secp256k1, or not made for signing."""


class CertificateUnfit(KeyFault):
    """Certificates under which a key cannot sign manifests."""


class KeyUnreachable(KeyFault):
    """No answer from the hardware or service that holds a key, or the library that would ask it is missing."""


class KeyWithheld(KeyFault):
    """The hardware or service that holds a key will not sign with it: no rights, disabled, or locked."""


class WrongPassphrase(KeyFault):
    """The keystore does not open."""
